// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/reader.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "base/text.hpp"
#include "inventory/conntrack.hpp"
#include "inventory/details.hpp"
#include "inventory/device_queues.hpp"
#include "inventory/names.hpp"
#include "inventory/neighbour_tables.hpp"
#include "inventory/nft_facts.hpp"
#include "inventory/processes.hpp"
#include "inventory/routes.hpp"
#include "inventory/xt_table.hpp"

namespace synfate::inventory {
namespace {

/// NET_NS_INIT_INO since Linux 6.18; no other namespace ever gets a number this low, so on older kernels it matches nothing.
constexpr model::NetnsId kInitNetns = 0xeffffff9;
/// A node that makes and ends pods all day must not grow synfate.
constexpr std::size_t kMaxDeparted = 1024;
/// A hundred thousand rules.
constexpr std::size_t kMaxXtTableBytes = 32U << 20U;
/// Of one namespace: those that were asked for last.
constexpr std::size_t kMaxRoutes = 64;
constexpr std::size_t kMaxServiceBooks = 16;
/// Of one namespace: those that were asked for last.
constexpr std::size_t kMaxServices = 256;
/// A runtime forks first and enters the pod's namespace then.
constexpr unsigned kLooks = 3;
/// Of one namespace: those that dropped last.
constexpr std::size_t kMaxRuleTexts = 256;
/// Of the main thread, which never moves; /proc/thread-self would be a visitor's.
constexpr const char* kOwnDoor = "/proc/self/ns/net";
/// PROC_PID_INIT_INO, include/linux/proc_ns.h, the same in all releases.
constexpr const char* kMachinePids = "pid:[4026531836]";

bool overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& path) { return std::find(b.begin(), b.end(), path) != b.end(); });
}

void note_gaps(const ProcessScan& processes, const NameScan& names, std::vector<model::Gap>& gaps) {
  if (processes.unreadable != 0) {
    const bool one = processes.unreadable == 1;
    gaps.push_back({"netns_unreadable", (one ? std::string("the network namespace of 1 process")
                                             : "the network namespaces of " + std::to_string(processes.unreadable) + " processes") +
                                            " may not be read: it takes CAP_SYS_PTRACE over " + (one ? "it" : "them") +
                                            ", and a security policy that allows it"});
  }
  if (!processes.init_listed) {
    gaps.push_back({"processes_hidden", "/proc does not show pid 1: other users' processes are hidden here (hidepid)"});
  }
  if (!names.unreadable.empty()) gaps.push_back({"netns_names_unreadable", "names of network namespaces: " + names.unreadable});
  if (names.stale != 0) {
    gaps.push_back({"netns_name_stale", std::to_string(names.stale) +
                                            " names in /run/netns or /run/docker/netns lead to no network namespace: left over, or mounted "
                                            "only where synfate's mount namespace does not see it"});
  }
}

void note_host(std::optional<model::NetnsId> host, std::optional<model::NetnsId> own, std::vector<model::Gap>& gaps) {
  if (!host) {
    gaps.push_back({"host_netns_unknown", "the network namespace of pid 1 may not be read: none is called host"});
  } else if (own && *own != *host) {
    gaps.push_back({"own_netns_not_host", "synfate itself runs in network namespace " + std::to_string(*own) + ", not in the host's (" +
                                              std::to_string(*host) + ")"});
  }
}

/// Inside a node container everything is as on a node; that there is more cannot be seen from there.
void note_container(machine::Machine& machine, std::vector<model::Gap>& gaps) {
  const auto pids = machine.read_link("/proc/self/ns/pid");
  if (!pids || *pids == kMachinePids) return;
  gaps.push_back(
      {"inside_container",
       "synfate runs inside a container: the machine around it and its other containers are not seen from here, so an attempt that "
       "leaves this one leaves what synfate can see"});
}

}  // namespace

Status InventoryReader::refresh() {
  const auto processes = scan_processes(machine_);
  if (!processes) return processes.error();
  const NameScan names = scan_names(machine_);

  Sightings sightings;
  for (const auto& [netns, tgids] : processes->example_tgids) {
    Sighting& sighting = sightings[netns];
    sighting.tgid = tgids.front();
    for (const std::uint32_t tgid : tgids) sighting.doors.push_back("/proc/" + std::to_string(tgid) + "/ns/net");
    sighting.source = sighting.doors.front();
  }
  for (const NetnsName& name : names.names) {
    Sighting& sighting = sightings[name.netns];
    sighting.doors.push_back(name.path);
    if (sighting.name.empty()) {
      sighting.name = name.name;
      sighting.source = name.path;
    }
  }
  std::optional<model::NetnsId> own;
  if (const auto link = machine_.read_link(kOwnDoor)) own = parse_netns_link(*link);
  if (own) {
    Sighting& sighting = sightings[*own];
    sighting.doors.push_back(kOwnDoor);
    if (sighting.source.empty()) sighting.source = kOwnDoor;
  }
  auto host = processes->init;
  if (!host && sightings.count(kInitNetns) != 0) host = kInitNetns;

  inventory_.gaps.clear();
  inventory_.own_netns = own.value_or(0);
  note_gaps(*processes, names, inventory_.gaps);
  note_host(host, own, inventory_.gaps);
  note_container(machine_, inventory_.gaps);
  adopt(sightings, host);
  identifier_.identify(inventory_, processes->example_tgids);
  return Ok{};
}

bool InventoryReader::discover() {
  const auto tgids = list_tgids(machine_);
  if (!tgids) return false;
  std::set<std::uint32_t> looked_at;
  std::map<std::uint32_t, unsigned> young;
  Sightings sightings;
  for (const std::uint32_t tgid : *tgids) {
    if (looked_at_.contains(tgid)) {
      looked_at.insert(tgid);
      continue;
    }
    const auto before = young_.find(tgid);
    const unsigned times = before == young_.end() ? 1 : before->second + 1;
    if (times >= kLooks) {
      looked_at.insert(tgid);
    } else {
      young[tgid] = times;
    }
    const std::string door = "/proc/" + std::to_string(tgid) + "/ns/net";
    const auto link = machine_.read_link(door);
    const auto netns = link ? parse_netns_link(*link) : std::nullopt;
    if (!netns || knows(*netns)) continue;
    Sighting& sighting = sightings[*netns];
    if (sighting.tgid == 0) {
      sighting.tgid = tgid;
      sighting.source = door;
    }
    sighting.doors.push_back(door);
  }
  looked_at_ = std::move(looked_at);
  young_ = std::move(young);
  ProcessesByNetns processes;
  for (const auto& [id, sighting] : sightings) {
    adopt_one(id, sighting, std::nullopt);
    std::erase(departed_, id);
    processes[id] = {sighting.tgid};
  }
  if (!processes.empty()) identifier_.identify(inventory_, processes);
  return !processes.empty();
}

void InventoryReader::adopt(const Sightings& sightings, std::optional<model::NetnsId> host) {
  for (auto& [id, netns] : inventory_.namespaces) {
    if (netns.gone || sightings.count(id) != 0) continue;
    netns.gone = true;
    doors_.erase(id);
    departed_.push_back(id);
  }
  for (const auto& [id, sighting] : sightings) adopt_one(id, sighting, host);
  std::erase_if(departed_, [&](model::NetnsId id) { return sightings.count(id) != 0; });
  forget_oldest();
}

void InventoryReader::adopt_one(model::NetnsId id, const Sighting& sighting, std::optional<model::NetnsId> host) {
  model::Netns& netns = inventory_.namespaces[id];
  std::vector<std::string>& doors = doors_[id];
  // The kernel reuses these numbers: facts pass on only where one path led to the number before and does now.
  if (!overlap(doors, sighting.doors)) {
    netns = model::Netns{};
    services_.erase(id);
  }
  doors = sighting.doors;
  netns.id = id;
  netns.host = host == id;
  netns.name = netns.host ? "host" : sighting.name;
  netns.source = netns.host ? "init" : sighting.source;
  netns.example_tgid = sighting.tgid;
  netns.example_comm = sighting.tgid == 0 ? std::string{} : read_comm(machine_, sighting.tgid);
}

void InventoryReader::forget_oldest() {
  while (departed_.size() > kMaxDeparted) {
    inventory_.namespaces.erase(departed_.front());
    departed_.pop_front();
  }
}

bool InventoryReader::knows(model::NetnsId id) const {
  const model::Netns* netns = inventory_.find(id);
  return netns != nullptr && !netns->gone;
}

Result<machine::NetnsHandle> InventoryReader::open(model::NetnsId id) const {
  Error error{ErrorKind::Gone, "cannot enter network namespace " + std::to_string(id), "it is not there any more", ""};
  const auto doors = doors_.find(id);
  if (doors == doors_.end()) return error;
  for (const std::string& door : doors->second) {
    auto handle = machine_.open_netns(door);
    // A process may have moved, and a number of a process may have been reused, since the refresh.
    if (handle && handle->inode() == id) return handle;
    if (!handle && handle.error().kind != ErrorKind::Gone) error = std::move(handle).error();
  }
  return error;
}

Status InventoryReader::visit(model::NetnsId id, const std::function<void(machine::NetnsVisit&, model::Netns&)>& read) {
  const auto handle = open(id);
  if (!handle) {
    const auto known = inventory_.namespaces.find(id);
    if (handle.error().kind == ErrorKind::Gone && known != inventory_.namespaces.end() && !known->second.gone) {
      known->second.gone = true;
      doors_.erase(id);
      departed_.push_back(id);
      forget_oldest();
    }
    return handle.error();
  }
  model::Netns& netns = inventory_.namespaces[id];
  return machine_.inside(*handle, [&](machine::NetnsVisit& there) { read(there, netns); });
}

std::vector<model::NetnsId> InventoryReader::likely_peers() const {
  std::vector<model::NetnsId> known;
  const auto is_first = [&](model::NetnsId id) {
    const model::Netns* netns = inventory_.find(id);
    return id == inventory_.own_netns || inventory_.node_of(id) != nullptr || (netns != nullptr && netns->host);
  };
  for (const auto& [each, doors] : doors_) known.push_back(each);
  std::stable_partition(known.begin(), known.end(), is_first);
  return known;
}

Status InventoryReader::read_devices(model::NetnsId id) {
  return visit(id, [&](machine::NetnsVisit& there, model::Netns& netns) {
    read_devices_of(there, netns, likely_peers(), [this](model::NetnsId other) { return open(other); });
  });
}

Status InventoryReader::read_details(model::NetnsId id) {
  return visit(id, [&](machine::NetnsVisit& there, model::Netns& netns) {
    read_details_of(there, netns, likely_peers(), [this](model::NetnsId other) { return open(other); });
  });
}

Status InventoryReader::read_route(model::NetnsId id, const model::RouteQuestion& question, MonotonicNs now) {
  return visit(id, [&](machine::NetnsVisit& there, model::Netns& netns) {
    std::erase_if(netns.routes, [&](const model::RouteAnswer& each) { return each.question == question; });
    auto answer = inventory::read_route(there, question);
    if (!answer) return;
    answer->time_ns = now;
    if (netns.routes.size() >= kMaxRoutes) netns.routes.erase(netns.routes.begin());
    netns.routes.push_back(*std::move(answer));
  });
}

bool InventoryReader::read_service(model::NetnsId id, const model::Endpoint& asked, MonotonicNs now) {
  const auto netns = inventory_.namespaces.find(id);
  if (netns == inventory_.namespaces.end() || asked.port == 0) return false;
  // Pods have no services of their own.
  if (netns->second.pod || netns->second.gone) return false;
  const auto own = [&](const model::Link& link) {
    return std::any_of(link.addresses.begin(), link.addresses.end(),
                       [&](const model::InterfaceAddress& each) { return each.address == asked.address; });
  };
  const bool own_address = std::any_of(netns->second.links.begin(), netns->second.links.end(), own);
  const auto handle = open(id);
  if (!handle) return false;
  if (services_.size() > kMaxServiceBooks) services_.clear();
  ServiceBook& book = services_[id];
  const auto port = book.find(machine_, *handle, netns->second.example_tgid, asked, own_address, now);
  for (const model::Gap& gap : book.gaps()) {
    auto& gaps = netns->second.gaps;
    if (std::none_of(gaps.begin(), gaps.end(), [&](const model::Gap& each) { return each.text == gap.text; })) gaps.push_back(gap);
  }
  if (!port) return false;
  auto& services = netns->second.services;
  const auto keep = [&](const model::ServicePort& kept) {
    std::erase_if(services, [&](const model::ServicePort& each) { return each.address == kept.address; });
    if (services.size() >= kMaxServices) services.erase(services.begin());
    services.push_back(kept);
  };
  if (!*port) {
    // What it was by rules that have gone since is no longer so.
    const std::size_t gone = std::erase_if(services, [&](const model::ServicePort& each) {
      const bool of_node = own_address && each.kind == model::ServicePort::Kind::NodePort && each.address.port == asked.port;
      return each.address == asked || of_node;
    });
    for (const model::ServicePort& other : book.others()) keep(other);
    return gone != 0 || !book.others().empty();
  }
  keep(**port);
  return true;
}

Status InventoryReader::read_netfilter(model::NetnsId id) { return visit(id, read_netfilter_of); }

Status InventoryReader::read_queues(model::NetnsId id, MonotonicNs now) {
  return visit(id, [&](machine::NetnsVisit& there, model::Netns& netns) {
    read_queues_of(there, netns);
    if (netns.queues) netns.queues->time_ns = now;
  });
}

Status InventoryReader::read_neighbours(model::NetnsId id, const std::set<model::MacAddress>& macs) {
  return visit(id, [&](machine::NetnsVisit& there, model::Netns& netns) { read_neighbours_of(there, macs, netns); });
}

Result<XtTable> InventoryReader::read_xt_table(model::NetnsId id, int family, const std::string& table) {
  std::optional<Result<machine::XtTableBytes>> bytes;
  const auto visited =
      visit(id, [&](machine::NetnsVisit& there, model::Netns&) { bytes = there.xt_table(family, table, kMaxXtTableBytes); });
  if (!visited) return visited.error();
  if (!*bytes) return bytes->error();
  return parse_xt_table(family, table, **bytes);
}

std::vector<XtTable> InventoryReader::read_xt_tables(model::NetnsId id) {
  struct Read {
    int family;
    std::string name;
    machine::XtTableBytes bytes;
  };
  std::vector<Read> read;
  const auto visited = visit(id, [&](machine::NetnsVisit& there, model::Netns&) {
    for (const int family : {AF_INET, AF_INET6}) {
      const auto names =
          there.read_file(family == AF_INET6 ? "/proc/thread-self/net/ip6_tables_names" : "/proc/thread-self/net/ip_tables_names", {});
      if (!names) continue;
      for (const std::string_view name : split(*names, '\n')) {
        if (name.empty()) continue;
        auto bytes = there.xt_table(family, std::string(name), kMaxXtTableBytes);
        if (bytes) read.push_back({family, std::string(name), *std::move(bytes)});
      }
    }
  });
  std::vector<XtTable> tables;
  if (!visited) return tables;
  for (const Read& each : read) {
    if (auto table = parse_xt_table(each.family, each.name, each.bytes)) tables.push_back(*std::move(table));
  }
  return tables;
}

std::optional<std::uint32_t> InventoryReader::read_ruleset(model::NetnsId id) const {
  const auto handle = open(id);
  return handle ? read_nft_generation(machine_, *handle) : std::nullopt;
}

Status InventoryReader::read_rule(model::NetnsId id, const RuleQuestion& question) {
  const auto handle = open(id);
  if (!handle) return handle.error();
  model::Netns& netns = inventory_.namespaces[id];
  model::RuleText text = read_rule_text(machine_, *handle, netns.example_tgid, question);
  text.flow = question.flow;
  // Hardly any set is about source ports, and every attempt has its own.
  if (text.text.find("sport") == std::string::npos) text.flow.src.port = 0;
  std::erase_if(netns.rules, [&](const model::RuleText& each) { return each.key == text.key && each.flow == text.flow; });
  if (netns.rules.size() >= kMaxRuleTexts) netns.rules.erase(netns.rules.begin());
  netns.rules.push_back(std::move(text));
  return Ok{};
}

void InventoryReader::retract_rule(model::NetnsId id, const model::RuleKey& key, const model::Flow& flow, const std::string& gap) {
  const auto netns = inventory_.namespaces.find(id);
  if (netns == inventory_.namespaces.end()) return;
  model::Flow from_any_port = flow;
  from_any_port.src.port = 0;
  for (model::RuleText& text : netns->second.rules) {
    if (text.key != key || (text.flow != flow && text.flow != from_any_port)) continue;
    text.text.clear();
    text.comment.clear();
    text.element.clear();
    text.via.clear();
    text.gap = gap;
  }
}

void InventoryReader::say_it_drops(model::NetnsId id, const model::RuleKey& key, MonotonicNs from_ns, MonotonicNs until_ns) {
  const auto netns = inventory_.namespaces.find(id);
  if (netns == inventory_.namespaces.end()) return;
  for (model::RuleText& text : netns->second.rules) {
    if (text.key != key) continue;
    text.dropped_in({from_ns, until_ns});
  }
}

}  // namespace synfate::inventory
