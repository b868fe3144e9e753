// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Commands that a person will paste: every name in them is one shell word, whatever characters it has, and they run in the right namespace.
#include "base/text.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' || c == '/' ||
         c == ':' || c == '@' || c == '+' || c == ',';
}

}  // namespace

std::string shell_word(std::string_view untrusted) {
  const std::string text = printable(untrusted, 256);
  bool plain = !text.empty() && text.front() != '-';
  for (const char c : text) plain = plain && is_plain(c);
  if (plain) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string in_netns(const Case& kase, model::NetnsId id, const std::string& command) {
  const model::Netns* netns = kase.netns(id);
  if (netns != nullptr && netns->host) return command;
  if (netns != nullptr) {
    for (const std::string_view folder : {"/run/netns/", "/var/run/netns/"}) {
      if (netns->source.starts_with(folder) && netns->source.size() > folder.size()) {
        return "ip netns exec " + shell_word(std::string_view(netns->source).substr(folder.size())) + " " + command;
      }
    }
    if (netns->example_tgid != 0) return "nsenter -t " + std::to_string(netns->example_tgid) + " -n " + command;
    if (netns->source.starts_with("/")) return "nsenter --net=" + shell_word(netns->source) + " " + command;
  }
  return id == 0 ? command : "in network namespace " + std::to_string(id) + ": " + command;
}

std::string ip_command(const model::Flow& flow) { return flow.family() == 6 ? "ip -6" : "ip"; }

}  // namespace synfate::judge
