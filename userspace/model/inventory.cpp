// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/inventory.hpp"

#include <algorithm>

namespace synfate::model {

const Link* Netns::link(std::uint32_t ifindex) const {
  const auto it = std::find_if(links.begin(), links.end(), [&](const Link& link) { return link.ifindex == ifindex; });
  return it == links.end() ? nullptr : &*it;
}

const RuleText* Netns::rule_text(const RuleKey& key, const Flow& flow) const {
  Flow from_any_port = flow;
  from_any_port.src.port = 0;
  const RuleText* other = nullptr;
  for (const RuleText& text : rules) {
    if (text.key != key) continue;
    if (text.flow == flow || text.flow == from_any_port) return &text;
    if (text.element.empty() && text.via.empty()) other = &text;
  }
  return other;
}

bool ScopedView::sees(NetnsId netns, MonotonicNs at) const {
  if (everywhere_ns != 0 && everywhere_ns <= at) return true;
  const auto seen = whole.find(netns);
  return seen != whole.end() && seen->second <= at;
}

const Netns* Inventory::find(NetnsId id) const {
  const auto it = namespaces.find(id);
  return it == namespaces.end() ? nullptr : &it->second;
}

const Node* Inventory::node_of(NetnsId id) const {
  const auto it = std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return id != 0 && node.netns == id; });
  return it == nodes.end() ? nullptr : &*it;
}

const AddressSearch* Inventory::search_for(const IpAddress& address, NetnsId netns, std::uint32_t ifindex) const {
  const auto it = std::find_if(searches.begin(), searches.end(), [&](const AddressSearch& search) {
    return search.address == address && search.netns == netns && search.ifindex == ifindex;
  });
  return it == searches.end() ? nullptr : &*it;
}

std::string Inventory::label(NetnsId id) const {
  const Netns* netns = find(id);
  if (netns != nullptr && netns->pod) return netns->pod->full_name();
  if (const Node* node = node_of(id)) return node->name;
  if (netns != nullptr && netns->name == "host") return netns->name;
  if (netns != nullptr && !netns->container.empty()) return netns->container;
  if (netns != nullptr && !netns->name.empty()) return netns->name;
  std::string label = id == 0 ? "unknown netns" : std::to_string(id);
  if (netns != nullptr && netns->example_tgid != 0) {
    label += " (" + netns->example_comm + "[" + std::to_string(netns->example_tgid) + "])";
  }
  return label;
}

}  // namespace synfate::model
