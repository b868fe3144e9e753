// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/address_census.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "inventory/addresses.hpp"
#include "inventory/links.hpp"

namespace synfate::inventory {
namespace {

/// Every attempt of a storm asks, and reading takes a visit to each namespace.
constexpr DurationNs kFresh = 2 * kSecond;
constexpr std::size_t kMaxTableBytes = 8U << 20U;
/// Gaps of the inventory that mean that there may be namespaces which are not known.
constexpr std::array<std::string_view, 4> kHiding{"netns_unreadable", "processes_hidden", "netns_names_unreadable", "inside_container"};

bool is_cable(const model::Link& link) { return link.kind == "veth" || link.kind == "netkit"; }

}  // namespace

void AddressCensus::begin(MonotonicNs now) {
  members_.clear();
  read_ns_ = now;
}

bool AddressCensus::is_due(MonotonicNs now) const { return read_ns_ == 0 || read_ns_ + kFresh < now; }

void AddressCensus::take(model::NetnsId id, machine::NetnsVisit& visit) {
  Member member;
  const auto addresses = visit.netlink_dump(address_request(), kMaxTableBytes);
  const auto links = visit.netlink_dump(link_request(), kMaxTableBytes);
  if (!addresses || !links) {
    member.gap = to_string(addresses ? links.error() : addresses.error());
  } else {
    const auto table = decode_addresses(addresses->messages);
    const auto devices = decode_links(links->messages);
    if (!addresses->consistent || !links->consistent || table.malformed != 0 || devices.malformed != 0) member.gap = "it kept changing";
    for (const auto& [ifindex, address] : table.rows) member.addresses.push_back(address.address);
    for (const LinkRow& row : devices.rows) {
      member.enslaved[row.link.ifindex] = row.link.master_ifindex != 0;
      member.has_tap = member.has_tap || row.link.kind == "tun" || row.link.kind.ends_with("vtap");
    }
  }
  members_[id] = std::move(member);
}

void AddressCensus::miss(model::NetnsId id, const Error& error) {
  Member member;
  if (error.kind != ErrorKind::Gone) member.gap = to_string(error);
  members_[id] = std::move(member);
}

std::string AddressCensus::behind_cable(const model::Link& link) const {
  if (!link.peer_netns) return link.name + ", whose other end is in a network namespace that was not found";
  const auto other = members_.find(*link.peer_netns);
  if (other == members_.end() || !other->second.gap.empty()) return link.name + ", whose other end was not read";
  const auto end = other->second.enslaved.find(link.peer_ifindex);
  if (end == other->second.enslaved.end()) return link.name + ", whose other end was not found";
  if (end->second) return link.name + ", whose other end is a port of another device";
  if (other->second.has_tap) return link.name + ", behind which may be a virtual machine";
  return "";
}

std::string AddressCensus::beyond(const model::Netns& netns, const model::Link& link) const {
  if (is_cable(link)) return behind_cable(link);
  if (link.kind != "bridge") return link.name;
  for (const model::Link& port : netns.links) {
    if (port.master_ifindex != link.ifindex) continue;
    const std::string way = is_cable(port) ? behind_cable(port) : port.name;
    if (!way.empty()) return "its port " + way;
  }
  return "";
}

model::AddressSearch AddressCensus::search(const model::Inventory& inventory, const model::IpAddress& address, model::NetnsId netns,
                                           std::uint32_t ifindex) const {
  model::AddressSearch search;
  search.address = address;
  search.netns = netns;
  search.ifindex = ifindex;
  unsigned unread = 0;
  std::string why;
  for (const auto& [id, member] : members_) {
    const model::Netns* const known = inventory.find(id);
    bool has = std::find(member.addresses.begin(), member.addresses.end(), address) != member.addresses.end();
    if (known != nullptr && known->pod && !known->gone) {
      // A pod's address may be behind its namespace: what its network plugin says counts too.
      const auto& told = known->pod->addresses;
      has = has || std::find(told.begin(), told.end(), address) != told.end();
    }
    if (has) search.owners.push_back(id);
    if (member.gap.empty()) {
      ++search.namespaces;
    } else {
      ++unread;
      why = member.gap;
    }
  }
  if (unread != 0) search.gap = "the addresses of " + std::to_string(unread) + " network namespaces could not be read: " + why;
  for (const model::Gap& gap : inventory.gaps) {
    if (std::find(kHiding.begin(), kHiding.end(), gap.code) == kHiding.end()) continue;
    // Its reasons are told with the gap itself.
    search.gap += (search.gap.empty() ? "" : "; ") + gap.text.substr(0, gap.text.find(':'));
  }
  if (ifindex == 0) return search;
  const model::Netns* const at = inventory.find(netns);
  const model::Link* const link = at == nullptr ? nullptr : at->link(ifindex);
  search.beyond = link == nullptr ? "a device that was not read" : beyond(*at, *link);
  return search;
}

}  // namespace synfate::inventory
