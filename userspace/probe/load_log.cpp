// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/load_log.hpp"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <utility>
#include <vector>

namespace synfate::probe {
namespace {

constexpr std::size_t kKeptBytes = 8192;
constexpr std::string_view kVerifierEnds = "-- END PROG LOAD LOG --";

thread_local std::string* collected = nullptr;

int collect(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG || collected == nullptr) return 0;
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, arguments);
  if (length > 0) {
    // The verifier's whole log comes as one message, its reason last.
    std::vector<char> message(static_cast<std::size_t>(length) + 1);
    std::vsnprintf(message.data(), message.size(), format, again);
    collected->append(message.data(), message.size() - 1);
    if (collected->size() > kKeptBytes) collected->erase(0, collected->size() - kKeptBytes);
  }
  va_end(again);
  return length;
}

/// The last line of `text` that is neither empty nor begins with `skipped`.
std::string_view last_line(std::string_view text, std::string_view skipped) {
  while (!text.empty()) {
    const std::size_t before = text.rfind('\n');
    const std::string_view line = before == std::string_view::npos ? text : text.substr(before + 1);
    if (!line.empty() && !line.starts_with(skipped)) return line;
    text = before == std::string_view::npos ? std::string_view{} : text.substr(0, before);
  }
  return {};
}

/// From "libbpf: prog 'NAME': failed to load: -22".
std::string_view program_in(std::string_view text) {
  constexpr std::string_view kBefore = "prog '";
  const std::size_t at = text.find(kBefore);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + kBefore.size());
  return text.substr(0, text.find('\''));
}

}  // namespace

LoadLog::LoadLog() {
  collected = &text_;
  libbpf_set_print(collect);
}

LoadLog::~LoadLog() { collected = nullptr; }

Error load_error(std::string what, int error, const LoadLog& log) {
  const std::string reason = refusal(log.text());
  return {ErrorKind::Unsupported, std::move(what), errno_text(error) + (reason.empty() ? "" : ": " + reason), ""};
}

std::string refusal(std::string_view log) {
  const std::size_t end = log.rfind(kVerifierEnds);
  // libbpf's last words repeat the error number and nothing else.
  if (end == std::string_view::npos) return std::string(last_line(log, "libbpf: failed to load"));
  std::string reason(last_line(log.substr(0, end), "processed "));
  const std::string_view program = program_in(log.substr(end));
  if (!program.empty()) reason.append(" (").append(program).append(")");
  return reason;
}

bool refuses_kernel_reads(std::string_view log) {
  // libbpf puts the older bpf_probe_read() where the kernel does not offer bpf_probe_read_kernel(), which locked down it does not.
  const std::string reason = refusal(log);
  const bool helper = reason.starts_with("unknown func ") || reason.starts_with("program of this type cannot use helper ");
  return helper && reason.find("bpf_probe_read") != std::string::npos;
}

}  // namespace synfate::probe
