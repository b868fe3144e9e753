// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/details.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "inventory/addresses.hpp"
#include "inventory/bridge_vlans.hpp"
#include "inventory/fdb.hpp"
#include "inventory/links.hpp"
#include "inventory/rules.hpp"
#include "inventory/sysctls.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxTableBytes = 32U << 20U;

/// One of a namespace's tables, with its own words for what went wrong.
class TableReader {
 public:
  TableReader(machine::NetnsVisit& visit, std::vector<model::Gap>& gaps) : visit_(visit), gaps_(gaps) {}

  template <class Decode>
  auto read(const machine::NetlinkRequest& request, const std::string& subject, Decode decode)
      -> std::optional<decltype(decode(std::string{}))> {
    const auto reply = visit_.netlink_dump(request, kMaxTableBytes);
    if (!reply) {
      gaps_.push_back({subject + "_unreadable", subject + " could not be read: " + to_string(reply.error())});
      return std::nullopt;
    }
    auto table = decode(reply->messages);
    if (!reply->consistent) {
      gaps_.push_back({subject + "_incomplete", subject + " kept changing while they were read: some may be missing or listed twice"});
    }
    if (table.malformed != 0) {
      gaps_.push_back({subject + "_incomplete",
                       std::to_string(table.malformed) + " of the kernel's messages about " + subject + " could not be understood"});
    }
    return table;
  }

 private:
  machine::NetnsVisit& visit_;
  std::vector<model::Gap>& gaps_;
};

/// Returns how many peers could not be placed.
unsigned place_peers(machine::NetnsVisit& visit, std::vector<LinkRow>& rows, model::NetnsId here, const std::vector<model::NetnsId>& known,
                     const OpenNetns& open) {
  std::set<std::uint32_t> wanted;
  for (const LinkRow& row : rows) {
    if (row.peer_nsid) wanted.insert(*row.peer_nsid);
  }
  const auto found = resolve_nsids(visit, wanted, known, open);
  unsigned missing = 0;
  for (LinkRow& row : rows) {
    if (row.link.peer_ifindex == 0) continue;
    if (!row.peer_nsid) {
      // The kernel leaves the number out exactly when both ends are in one namespace.
      row.link.peer_netns = here;
    } else if (const auto at = found.find(*row.peer_nsid); at != found.end()) {
      row.link.peer_netns = at->second;
    } else {
      ++missing;
    }
  }
  return missing;
}

void keep_addresses(const model::Netns& before, std::vector<LinkRow>& rows) {
  for (LinkRow& row : rows) {
    if (const model::Link* same = before.link(row.link.ifindex); same != nullptr) row.link.addresses = same->addresses;
  }
}

/// Returns what the kernel says of settings along with the devices; nothing if those could not be read.
std::optional<std::map<std::string, std::string>> read_links(TableReader& reader, machine::NetnsVisit& visit, model::Netns& netns,
                                                             std::vector<model::Gap>& gaps, const std::vector<model::NetnsId>& known,
                                                             const OpenNetns& open) {
  auto links = reader.read(link_request(), "devices", decode_links);
  const auto addresses = reader.read(address_request(), "addresses", decode_addresses);
  if (links) {
    const unsigned missing = place_peers(visit, links->rows, netns.id, known, open);
    if (missing != 0) {
      gaps.push_back({"veth_peer_unknown",
                      "the other ends of " + std::to_string(missing) + " veth devices are in network namespaces that were not found"});
    }
    if (!addresses) keep_addresses(netns, links->rows);
    netns.links.clear();
    for (LinkRow& row : links->rows) netns.links.push_back(std::move(row.link));
  }
  if (addresses) {
    for (model::Link& link : netns.links) link.addresses.clear();
    for (const auto& [ifindex, address] : addresses->rows) {
      const auto link =
          std::find_if(netns.links.begin(), netns.links.end(), [at = ifindex](const auto& each) { return each.ifindex == at; });
      if (link != netns.links.end()) link->addresses.push_back(address);
    }
  }
  if (!links) return std::nullopt;
  return std::move(links->sysctls);
}

}  // namespace

void read_devices_of(machine::NetnsVisit& visit, model::Netns& netns, const std::vector<model::NetnsId>& known, const OpenNetns& open) {
  std::vector<model::Gap> gaps;
  TableReader reader{visit, gaps};
  read_links(reader, visit, netns, gaps, known, open);
  netns.gaps = std::move(gaps);
}

void read_details_of(machine::NetnsVisit& visit, model::Netns& netns, const std::vector<model::NetnsId>& known, const OpenNetns& open) {
  std::vector<model::Gap> gaps;
  TableReader reader{visit, gaps};
  auto of_devices = read_links(reader, visit, netns, gaps, known, open);
  auto sysctls = read_sysctls(visit);
  if (sysctls.unreadable != 0) {
    gaps.push_back({"sysctls_unreadable", std::to_string(sysctls.unreadable) + " settings below /proc/sys/net could not be read"});
  }
  if (of_devices) netns.sysctls = *std::move(of_devices);
  for (auto& [name, value] : sysctls.values) netns.sysctls[name] = std::move(value);
  const bool has_bridge = std::any_of(netns.links.begin(), netns.links.end(), [](const auto& link) { return link.kind == "bridge"; });
  if (!has_bridge) {
    netns.fdb.clear();
  } else if (auto fdb = reader.read(fdb_request(), "bridge_entries", decode_fdb)) {
    netns.fdb = std::move(fdb->rows);
  }
  if (std::none_of(netns.links.begin(), netns.links.end(), [](const auto& link) { return link.vlan_filtering == true; })) {
    netns.bridge_vlans.clear();
  } else if (auto vlans = reader.read(bridge_vlan_request(), "bridge_vlans", decode_bridge_vlans)) {
    netns.bridge_vlans = std::move(vlans->rows);
  }
  if (const auto rules = reader.read(rule_request(), "ip_rules", decode_rules)) {
    netns.refusing_rules_ipv4 = rules->ipv4;
    netns.refusing_rules_ipv6 = rules->ipv6;
    netns.own_rules_ipv4 = rules->own_ipv4;
    netns.own_rules_ipv6 = rules->own_ipv6;
  }
  netns.gaps = std::move(gaps);
  netns.details_read = true;
}

}  // namespace synfate::inventory
