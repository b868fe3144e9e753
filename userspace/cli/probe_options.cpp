// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/probe_options.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "inventory/resolver_files.hpp"

namespace synfate::cli {
namespace {

constexpr std::uint64_t kMaxTgid = 4'194'304;

bool is_name(std::string_view text) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), fits);
}

Error wrong_who(std::string_view text, std::string why) {
  return {ErrorKind::Usage, "--from " + printable(text, 200), std::move(why),
          "give pod:NAMESPACE/NAME, node:NAME, netns:PATH-or-INODE, pid:N or host; see: synfate pods"};
}

Error wrong_destination(std::string_view text, std::string why) {
  return {ErrorKind::Usage, "--to " + printable(text, 300), std::move(why),
          "give HOST:PORT, and an IPv6 address in brackets: [fd00::1]:80"};
}

}  // namespace

bool is_pod_name(std::string_view text) {
  const auto slash = text.find('/');
  return slash != std::string_view::npos && is_name(text.substr(0, slash)) && is_name(text.substr(slash + 1));
}

bool is_node_name(std::string_view text) { return is_name(text); }

Result<Who> parse_who(std::string_view text) {
  if (text == "host") return Who{};
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  if (colon == std::string_view::npos) return wrong_who(text, "does not say of what kind it is");
  if (kind == "pod") {
    if (!is_pod_name(rest)) return wrong_who(text, "is not a pod's NAMESPACE/NAME");
    return Who{Who::Kind::Pod, std::string(rest), 0};
  }
  if (kind == "node") {
    if (!is_node_name(rest)) return wrong_who(text, "is not a node's name");
    return Who{Who::Kind::Node, std::string(rest), 0};
  }
  if (kind == "netns") {
    if (rest.empty()) return wrong_who(text, "names no network namespace");
    return Who{Who::Kind::Netns, std::string(rest), 0};
  }
  if (kind == "pid") {
    const auto number = parse_number(rest);
    if (!number || *number == 0 || *number > kMaxTgid) return wrong_who(text, "is not a process's number");
    return Who{Who::Kind::Process, {}, static_cast<std::uint32_t>(*number)};
  }
  return wrong_who(text, "is of no kind that is known");
}

Result<Destination> parse_destination(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong_destination(text, "has no port");
  std::string_view host = text.substr(0, colon);
  const auto port = parse_number(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return wrong_destination(text, "has no port from 1 to 65535");
  Destination to;
  to.port = static_cast<std::uint16_t>(*port);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find(':') != std::string_view::npos) return wrong_destination(text, "may mean more than one address and port");
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
    const std::size_t percent = host.find('%');
    if (percent != std::string_view::npos) to.zone = host.substr(percent + 1);
    host = host.substr(0, percent);
    const bool plain = percent == std::string_view::npos || (!to.zone.empty() && to.zone.size() < 16);
    const auto address = model::parse_ip(host);
    if (!address || address->family != 6 || !plain) return wrong_destination(text, "has no IPv6 address in its brackets");
    to.address = *address;
    return to;
  }
  if (const auto address = model::parse_ip(host)) {
    to.address = *address;
    return to;
  }
  // A name's last label is never a number: this was meant to be an address (RFC 3696).
  const std::string_view last = host.substr(host.rfind('.') == std::string_view::npos ? 0 : host.rfind('.') + 1);
  if (!inventory::is_host_name(host) || parse_number(last))
    return wrong_destination(text, "has neither an address nor a name that can be asked for");
  to.name = host;
  return to;
}

std::string to_string(const Who& who) {
  switch (who.kind) {
    case Who::Kind::Pod: return "pod:" + who.name;
    case Who::Kind::Node: return "node:" + who.name;
    case Who::Kind::Netns: return "netns:" + who.name;
    case Who::Kind::Process: return "pid:" + std::to_string(who.tgid);
    case Who::Kind::Host: return "host";
  }
  return {};
}

}  // namespace synfate::cli
