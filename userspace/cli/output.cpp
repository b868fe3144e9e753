// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "render/json.hpp"
#include "render/text.hpp"

namespace synfate::cli {
namespace {

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text = value;
    return text.find("UTF-8") != std::string_view::npos || text.find("utf8") != std::string_view::npos ||
           text.find("UTF8") != std::string_view::npos;
  }
  return false;
}

}  // namespace

render::Writer stdout_writer() {
  return [](std::string_view lines) {
    while (!lines.empty()) {
      const ssize_t written = ::write(STDOUT_FILENO, lines.data(), lines.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      lines.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  };
}

render::TextStyle text_style(const Options& options) {
  render::TextStyle style;
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  winsize size{};
  if (terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) style.width = size.ws_col;
  const char* no_color = std::getenv("NO_COLOR");
  const bool forbidden = no_color != nullptr && *no_color != '\0';
  style.color = options.color == ColorWhen::Always || (options.color == ColorWhen::Auto && terminal && !forbidden);
  // A pipe's reader is a program or a pager, and both take UTF-8.
  style.ascii = terminal && !locale_is_utf8();
  style.verbose = options.verbose;
  return style;
}

std::unique_ptr<render::Sink> make_sink(const Options& options, const WallClock& clock) {
  if (options.json) return std::make_unique<render::JsonSink>(stdout_writer(), clock);
  return std::make_unique<render::TextSink>(stdout_writer(), clock, text_style(options));
}

void complain(const Error& error) {
  const std::string text = to_string(error);
  bool first = true;
  for (const std::string_view line : split(text, '\n')) {
    std::fprintf(stderr, "%s%s\n", first ? "synfate: " : "  ", std::string(trim(printable(line))).c_str());
    first = false;
  }
}

}  // namespace synfate::cli
