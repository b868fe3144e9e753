// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The table of namespaces, columns aligned to what is in it.
#include "render/inventory_text.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "render/labels.hpp"

namespace synfate::render {
namespace {

constexpr std::size_t kColumns = 4;
using Cells = std::array<std::string, kColumns>;

Cells cells_of(const model::Netns& netns) {
  std::string process = "-";
  if (netns.example_tgid != 0) process = clean(netns.example_comm, 64) + "[" + std::to_string(netns.example_tgid) + "]";
  const auto or_dash = [](std::string text) { return text.empty() ? std::string("-") : text; };
  return {std::to_string(netns.id), or_dash(clean(netns.name, 256)), or_dash(clean(netns.source, 256)), process};
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

std::string row_text(const Cells& row, const std::array<std::size_t, kColumns>& widths, const TextStyle& style) {
  Phrase line;
  unsigned gap = 0;
  for (std::size_t i = 0; i < kColumns; ++i) {
    line.group(row[i], gap);
    const std::size_t width = display_width(row[i]);
    gap = 2 + static_cast<unsigned>(width < widths[i] ? widths[i] - width : 0);
  }
  return lay_out(line, style, 0, 4);
}

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
  std::vector<Cells> rows{{"NETNS", "NAME", "SOURCE", "PROCESS"}};
  for (const auto& [id, netns] : inventory.namespaces) rows.push_back(cells_of(netns));
  const auto widths = widths_of(rows);
  std::string lines = row_text(rows.front(), widths, style);
  std::string gaps;
  std::size_t row = 1;
  for (const auto& [id, netns] : inventory.namespaces) {
    lines += row_text(rows[row++], widths, style);
    for (const model::Link& link : netns.links) lines += device_text(inventory, netns, link, style);
    for (const model::Gap& gap : netns.gaps) gaps += gap_text(gap, clean(inventory.label(id), 256), style);
  }
  for (const model::Gap& gap : inventory.gaps) gaps += gap_text(gap, "", style);
  if (inventory.namespaces.empty()) lines = "no network namespace could be read\n";
  return writer(lines + gaps);
}

}  // namespace synfate::render
