// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The table of namespaces, columns aligned to what is in it.
#include "render/inventory_text.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "render/labels.hpp"

namespace synfate::render {
namespace {

constexpr std::size_t kColumns = 6;
constexpr std::size_t kNodeColumn = 1;
constexpr unsigned kMaxHostSides = 3;
using Cells = std::array<std::string, kColumns>;

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string device_name(const model::Netns& netns, std::uint32_t ifindex) {
  const model::Link* link = netns.link(ifindex);
  return link != nullptr && !link->name.empty() ? clean(link->name, 64) : "if" + std::to_string(ifindex);
}

std::string peer_name(const model::Inventory& inventory, const model::Netns& netns, const model::Link& link) {
  if (!link.peer_netns) return "if" + std::to_string(link.peer_ifindex) + "@?";
  const model::Netns* other = inventory.find(*link.peer_netns);
  const std::string device = other == nullptr ? "if" + std::to_string(link.peer_ifindex) : device_name(*other, link.peer_ifindex);
  return *link.peer_netns == netns.id ? device : device + "@" + clean(inventory.label(*link.peer_netns), 256);
}

bool is_link_local(const model::IpAddress& address) {
  return address.family == 6 && address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0U) == 0x80;
}

/// What others reach it by.
std::string addresses_of(const model::Netns& netns) {
  std::set<std::string> seen;
  std::string text;
  for (const model::Link& link : netns.links) {
    if (link.loopback) continue;
    for (const model::InterfaceAddress& address : link.addresses) {
      // A node has the same one at each of its pods' cables.
      if (!is_link_local(address.address) && seen.insert(model::to_string(address.address)).second) {
        text += (text.empty() ? "" : ",") + model::to_string(address.address);
      }
    }
  }
  return text;
}

/// The other ends of its veths, but those that lead to pods and nodes: they are in the rows of these.
std::string host_sides_of(const model::Inventory& inventory, const model::Netns& netns) {
  std::string text;
  unsigned count = 0;
  for (const model::Link& link : netns.links) {
    if (link.kind != "veth" || link.peer_ifindex == 0) continue;
    const model::Netns* other = link.peer_netns ? inventory.find(*link.peer_netns) : nullptr;
    if (!netns.pod && other != nullptr && (other->pod || (netns.node.empty() && !other->node.empty()))) continue;
    if (++count > kMaxHostSides) continue;
    text += (text.empty() ? "" : ",") + peer_name(inventory, netns, link);
  }
  return count > kMaxHostSides ? text + " and " + std::to_string(count - kMaxHostSides) + " more" : text;
}

std::string kind_words(const model::Node& node) {
  std::string words = node.cluster.empty() ? "node" : "node of " + clean(node.cluster, 64);
  return node.role.empty() ? words : words + ", " + clean(node.role, 32);
}

Cells cells_of(const model::Inventory& inventory, const model::Netns& netns) {
  const model::Node* node = inventory.node_of(netns.id);
  std::string source = netns.source;
  std::string name = netns.name;
  if (netns.pod) {
    name = netns.pod->full_name();
    source = netns.pod->source;
  } else if (node != nullptr) {
    name = "(" + kind_words(*node) + ")";
    source = node->source;
  } else if (!netns.container.empty() && !netns.host) {
    name = netns.container;
  } else if (name.empty() && netns.example_tgid != 0) {
    name = "(" + netns.example_comm + "[" + std::to_string(netns.example_tgid) + "])";
  }
  return {std::to_string(netns.id),     or_dash(clean(netns.node, 64)),           or_dash(clean(name, 256)),
          or_dash(addresses_of(netns)), or_dash(host_sides_of(inventory, netns)), or_dash(clean(source, 256))};
}

Cells cells_of(const model::Pod& pod) {
  return {pod.netns == 0 ? "-" : std::to_string(pod.netns),
          or_dash(clean(pod.node, 64)),
          clean(pod.full_name(), 256),
          "(its node's)",
          "-",
          or_dash(clean(pod.source, 256))};
}

/// A name that is far longer than the others does not push their columns away.
std::array<std::size_t, kColumns> widths_of(const std::vector<Cells>& rows) {
  constexpr std::size_t kWidest = 40;
  std::array<std::size_t, kColumns> widths{};
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], std::min(display_width(row[i]), kWidest));
  }
  return widths;
}

/// A column that is 0 wide is left out.
std::string row_text(const Cells& row, const std::array<std::size_t, kColumns>& widths, const TextStyle& style) {
  Phrase line;
  unsigned gap = 0;
  for (std::size_t i = 0; i < kColumns; ++i) {
    if (widths[i] == 0) continue;
    line.group(row[i], gap);
    const std::size_t width = display_width(row[i]);
    gap = 2 + static_cast<unsigned>(width < widths[i] ? widths[i] - width : 0);
  }
  return lay_out(line, style, 0, 4);
}

std::string kind_of(const model::Link& link) {
  if (!link.kind.empty()) return clean(link.kind, 64);
  if (link.loopback) return "loopback";
  return link.physical ? "physical" : "unknown kind";
}

std::string device_text(const model::Inventory& inventory, const model::Netns& netns, const model::Link& link, const TextStyle& style) {
  Phrase line;
  line.group(device_name(netns, link.ifindex), 0);
  if (link.peer_ifindex != 0) line.glued("↔", peer_name(inventory, netns, link));
  std::string kind = kind_of(link);
  if (link.master_ifindex != 0) kind += ", in " + device_name(netns, link.master_ifindex);
  if (!link.up) kind += ", down";
  line.group(kind, 2);
  for (const model::InterfaceAddress& address : link.addresses) {
    line.group(model::to_string(address.address) + "/" + std::to_string(address.prefix_length), 2);
  }
  return lay_out(line, style, 2, 6);
}

std::string gap_text(const model::Gap& gap, const std::string& whose, const TextStyle& style) {
  Phrase line;
  if (!whose.empty()) line.words(whose + ":");
  line.words(clean(gap.text.empty() ? gap.code : gap.text));
  return labelled("gap", line, style);
}

}  // namespace

bool write_inventory_text(const model::Inventory& inventory, const TextStyle& style, const Writer& writer) {
  std::vector<Cells> rows{{"NETNS", "NODE", "NAME", "ADDRESSES", "HOST SIDE", "SOURCE"}};
  for (const auto& [id, netns] : inventory.namespaces) rows.push_back(cells_of(inventory, netns));
  for (const model::Pod& pod : inventory.hosted) rows.push_back(cells_of(pod));
  auto widths = widths_of(rows);
  if (std::none_of(rows.begin() + 1, rows.end(), [](const Cells& row) { return row[kNodeColumn] != "-"; })) widths[kNodeColumn] = 0;
  std::string lines = row_text(rows.front(), widths, style);
  std::string gaps;
  std::size_t row = 1;
  for (const auto& [id, netns] : inventory.namespaces) {
    const std::string whose = clean(inventory.label(id), 256);
    lines += row_text(rows[row++], widths, style);
    if (style.verbose) {
      for (const model::Link& link : netns.links) lines += device_text(inventory, netns, link, style);
    }
    for (const model::Gap& gap : netns.gaps) gaps += gap_text(gap, whose, style);
    if (netns.pod && !netns.pod->doubt.empty()) gaps += gap_text({"pod_doubt", netns.pod->doubt}, whose, style);
  }
  while (row < rows.size()) lines += row_text(rows[row++], widths, style);
  for (const model::Gap& gap : inventory.gaps) gaps += gap_text(gap, "", style);
  if (inventory.namespaces.empty()) lines = "no network namespace could be read\n";
  return writer(lines + gaps);
}

}  // namespace synfate::render
