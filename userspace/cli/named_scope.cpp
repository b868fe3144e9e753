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

NamedScope::NamedScope(const FilterOptions& typed, const std::string& hostname)
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

const model::Pod* NamedScope::hosted(const model::Inventory& inventory) const {
  if (!pod_) return nullptr;
  const auto pod =
      std::find_if(inventory.hosted.begin(), inventory.hosted.end(), [&](const model::Pod& each) { return each.full_name() == *pod_; });
  return pod == inventory.hosted.end() ? nullptr : &*pod;
}

std::vector<model::NetnsId> NamedScope::unread(const model::Inventory& inventory) const {
  std::vector<model::NetnsId> ids;
  const model::Pod* guest = hosted(inventory);
  for (const auto& [id, netns] : inventory.namespaces) {
    const bool host = guest != nullptr && guest->netns == id;
    if (!netns.gone && !netns.details_read && (is_pod(netns) || is_of_node(netns) || host)) ids.push_back(id);
  }
  return ids;
}

std::vector<probe::ScopeName> NamedScope::news(const model::Inventory& inventory) {
  std::vector<probe::ScopeName> names;
  const model::Pod* guest = hosted(inventory);
  for (const auto& [id, netns] : inventory.namespaces) {
    if (netns.gone) continue;
    if (is_pod(netns) || (guest != nullptr && guest->netns == id)) add(netns, true, is_of_node(netns), names);
    if (is_of_node(netns)) add(netns, is_pod(netns), true, names);
  }
  return names;
}

std::optional<model::Notice> NamedScope::complaint(const model::Inventory& inventory) const {
  const auto known = [&](auto is_it) {
    return std::any_of(inventory.namespaces.begin(), inventory.namespaces.end(),
                       [&](const auto& entry) { return !entry.second.gone && is_it(entry.second); });
  };
  const auto warning = [](const char* code, std::string text) { return model::Notice{model::NoticeLevel::Warning, code, std::move(text)}; };
  if (pod_ && !known([&](const model::Netns& netns) { return is_pod(netns); })) {
    if (hosted(inventory) != nullptr) {
      return warning("pod_of_host",
                     "pod " + printable(*pod_, 300) +
                         " is in the network of its node: rows are of what its own processes send; what reaches it is not told "
                         "from what reaches the node");
    }
    return warning("name_unknown", "no pod " + printable(*pod_, 300) + " is known on this machine now; nothing matches until there is one");
  }
  if (node_ && !known([&](const model::Netns& netns) { return is_of_node(netns); })) {
    return warning("name_unknown",
                   "no node " + printable(*node_, 300) + " is known on this machine now; nothing matches until there is one");
  }
  return std::nullopt;
}

bool NamedScope::admits(const model::Attempt& attempt, const model::Inventory& inventory) const {
  if (!is_on()) return true;
  std::set<model::NetnsId> way{attempt.journey.origin_netns, attempt.client.netns, attempt.server.netns};
  for (const model::Event& event : attempt.journey.events) way.insert(event.place.netns);
  // A pod in the network of its node is known by its processes alone.
  bool pod = !pod_ || attempt.client.pod == *pod_;
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
    const bool near = std::any_of(way.begin(), way.end(), [&inventory, &own = netns](model::NetnsId each) {
      const model::Netns* there = inventory.find(each);
      return there != nullptr && there->node == own.node;
    });
    pod = addressed && near;
  }
  return pod && node;
}

}  // namespace synfate::cli
