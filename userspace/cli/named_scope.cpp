// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/named_scope.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace synfate::cli {
namespace {

bool is_shared(const model::IpAddress& address) {
  // Loopback and link-local addresses are everybody's.
  if (address.family == 4) return address.bytes[0] == 127 || (address.bytes[0] == 169 && address.bytes[1] == 254);
  return (address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0U) == 0x80) || address == *model::parse_ip("::1");
}

std::set<std::string> addresses_of(const model::Netns& netns) {
  std::set<std::string> all;
  if (netns.pod) {
    for (const model::IpAddress& address : netns.pod->addresses) all.insert(model::to_string(address));
  }
  for (const model::Link& link : netns.links) {
    if (link.loopback) continue;
    for (const model::InterfaceAddress& each : link.addresses) {
      if (!is_shared(each.address)) all.insert(model::to_string(each.address));
    }
  }
  return all;
}

}  // namespace

NamedScope::NamedScope(const FilterOptions& typed, std::string hostname)
    : pod_(typed.pod), node_(typed.node), node_is_machine_(typed.node && *typed.node == hostname) {}

bool NamedScope::is_of_node(const model::Netns& netns) const {
  if (!node_) return false;
  if (netns.node == *node_) return true;
  return node_is_machine_ && netns.node.empty() && (netns.host || netns.pod);
}

void NamedScope::add(const model::Netns& netns, bool pod, bool node, std::vector<probe::ScopeName>& names) {
  if (told_.insert({std::to_string(netns.id), pod}).second) names.push_back({netns.id, {}, pod, node});
  for (const std::string& text : addresses_of(netns)) {
    if (told_.insert({text, pod}).second) names.push_back({0, *model::parse_ip(text), pod, node});
  }
}

std::vector<model::NetnsId> NamedScope::unread(const model::Inventory& inventory) const {
  std::vector<model::NetnsId> ids;
  for (const auto& [id, netns] : inventory.namespaces) {
    if (!netns.gone && !netns.details_read && (is_pod(netns) || is_of_node(netns))) ids.push_back(id);
  }
  return ids;
}

std::vector<probe::ScopeName> NamedScope::news(const model::Inventory& inventory) {
  std::vector<probe::ScopeName> names;
  for (const auto& [id, netns] : inventory.namespaces) {
    if (netns.gone) continue;
    if (is_pod(netns)) add(netns, true, is_of_node(netns), names);
    if (is_of_node(netns)) add(netns, is_pod(netns), true, names);
  }
  return names;
}

std::string NamedScope::complaint(const model::Inventory& inventory) const {
  const auto known = [&](auto is_it) {
    return std::any_of(inventory.namespaces.begin(), inventory.namespaces.end(),
                       [&](const auto& entry) { return !entry.second.gone && is_it(entry.second); });
  };
  if (pod_ && !known([&](const model::Netns& netns) { return is_pod(netns); })) {
    const bool hosted =
        std::any_of(inventory.hosted.begin(), inventory.hosted.end(), [&](const model::Pod& pod) { return pod.full_name() == *pod_; });
    if (hosted) {
      return "pod " + printable(*pod_, 300) +
             " is in the network of its node: what touches it is not told from what touches the node; --cgroup tells what it sends";
    }
    return "no pod " + printable(*pod_, 300) + " is known on this machine now; nothing matches until there is one";
  }
  if (node_ && !known([&](const model::Netns& netns) { return is_of_node(netns); })) {
    return "no node " + printable(*node_, 300) + " is known on this machine now; nothing matches until there is one";
  }
  return "";
}

bool NamedScope::admits(const model::Attempt& attempt, const model::Inventory& inventory) const {
  if (!is_on()) return true;
  std::set<model::NetnsId> way{attempt.journey.origin_netns, attempt.client.netns, attempt.server.netns};
  for (const model::Event& event : attempt.journey.events) way.insert(event.place.netns);
  bool pod = !pod_;
  bool node = !node_;
  for (const auto& [id, netns] : inventory.namespaces) {
    const bool touched = way.contains(id);
    if (is_of_node(netns)) node = node || touched;
    if (!is_pod(netns)) continue;
    pod = pod || touched;
    if (pod) continue;
    // It died on the way: by its address, on its own node.
    const std::set<std::string> addresses = addresses_of(netns);
    const bool addressed = std::any_of(attempt.journey.faces.begin(), attempt.journey.faces.end(), [&](const model::Flow& flow) {
      return addresses.contains(model::to_string(flow.src.address)) || addresses.contains(model::to_string(flow.dst.address));
    });
    const bool near = std::any_of(way.begin(), way.end(), [&](model::NetnsId each) {
      const model::Netns* there = inventory.find(each);
      return there != nullptr && there->node == netns.node;
    });
    pod = addressed && near;
  }
  return pod && node;
}

}  // namespace synfate::cli
