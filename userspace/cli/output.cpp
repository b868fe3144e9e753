// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/output.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "render/folding.hpp"
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
      // Whoever made the descriptor may have set O_NONBLOCK on it.
      if (pollfd writable{STDOUT_FILENO, POLLOUT, 0}; written < 0 && errno == EAGAIN && ::poll(&writable, 1, -1) >= 0) continue;
      if (written < 0) return false;
      lines.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  };
}

render::Writer queue_writer(OutputQueue& queue) {
  return [&queue](std::string_view lines) { return queue.put(lines); };
}

bool finish_output(OutputQueue& queue) {
  const bool finished = queue.finish();
  if (queue.failure()) complain(*queue.failure());
  if (!finished)
    complain({ErrorKind::Io, "standard output was not read to its end", std::to_string(queue.waiting()) + " bytes of it are gone", ""});
  return finished && !queue.failure();
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

std::unique_ptr<render::Sink> make_sink(const Options& options, const WallClock& clock, render::Writer writer) {
  if (options.json) return std::make_unique<render::JsonSink>(std::move(writer), clock);
  return std::make_unique<render::TextSink>(std::move(writer), clock, text_style(options));
}

std::unique_ptr<render::Sink> make_folding_sink(const Options& options, const WallClock& clock, render::Writer writer) {
  using render::FoldLimits;
  const FoldLimits of_kind = options.json ? FoldLimits::of_kind_for_programs() : FoldLimits::of_kind_for_people();
  const FoldLimits of_all = options.json ? FoldLimits::of_all_for_programs() : FoldLimits::of_all_for_people();
  return std::make_unique<render::FoldingSink>(make_sink(options, clock, std::move(writer)), of_kind, of_all);
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
