// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/scoped_devices.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace synfate::cli {
namespace {

/// Each takes some 20 ms to attach to and to leave, in which the kernel lets nobody else configure a device.
constexpr std::size_t kMaxDevices = 32;
/// A pod has two or three; what has more is a node.
constexpr std::size_t kMaxDevicesOfEnd = 6;
constexpr std::size_t kMaxEnds = 1024;
constexpr std::size_t kMaxFollowed = 256;
/// Pod, node, machine, node, pod, and some to spare.
constexpr unsigned kMaxDepth = 8;
constexpr DurationNs kFresh = 1 * kSecond;
constexpr DurationNs kFreshPassage = 10 * kSecond;
/// Of namespaces with many devices; the scope's own are read at each tick.
constexpr unsigned kTicksOfPassages = 4;

bool is_cable(const model::Link& link) { return link.kind == "veth" || link.kind == "netkit"; }

/// May lead off the machine, by itself or by a device below it. A bridge does not, and all pods of a node may pass it.
bool is_uplink(const model::Link& link) { return !is_cable(link) && !link.loopback && link.kind != "bridge" && link.kind != "dummy"; }

/// Nothing passes others.
bool is_usable(const model::Link& link) { return link.up && link.carrier != false; }

bool has_address(const model::Netns& netns, const model::IpAddress& address) {
  return std::any_of(netns.links.begin(), netns.links.end(), [&](const model::Link& link) {
    return std::any_of(link.addresses.begin(), link.addresses.end(),
                       [&](const model::InterfaceAddress& own) { return own.address == address; });
  });
}

std::size_t usable_devices(const model::Netns& netns) {
  return static_cast<std::size_t>(std::count_if(netns.links.begin(), netns.links.end(), is_usable));
}

std::size_t count_of(const std::map<model::NetnsId, std::set<std::uint32_t>>& devices) {
  std::size_t count = 0;
  for (const auto& [netns, each] : devices) count += each.size();
  return count;
}

std::string count_of(std::size_t count, const char* one) { return std::to_string(count) + " " + one + (count == 1 ? "" : "s"); }

}  // namespace

ScopedDevices::ScopedDevices(probe::Probe& probe, Surroundings& surroundings, Say say)
    : probe_(probe), surroundings_(surroundings), say_(std::move(say)) {
  publish();
}

const model::Netns* ScopedDevices::devices_of(model::NetnsId netns, MonotonicNs now, DurationNs fresh) {
  const auto read = read_ns_.find(netns);
  if (read == read_ns_.end() || read->second + fresh < now) {
    surroundings_.read_devices(netns);
    read_ns_[netns] = now;
  }
  const model::Netns* known = surroundings_.inventory().find(netns);
  return known == nullptr || known->gone || known->links.empty() ? nullptr : known;
}

void ScopedDevices::include(const std::vector<model::NetnsId>& namespaces, MonotonicNs now) {
  const std::size_t before = scope_.size();
  scope_.insert(namespaces.begin(), namespaces.end());
  if (scope_.size() != before) attach(now);
}

void ScopedDevices::want_uplinks(model::NetnsId netns, MonotonicNs now) {
  // Any address that is nobody's (RFC 5737, RFC 3849): what leads there is the default route.
  for (const char* beyond : {"192.0.2.1", "2001:db8::1"}) {
    const model::RouteAnswer* way = surroundings_.read_way(netns, {*model::parse_ip(beyond), {}, 0, false}, now);
    const model::Netns* here = surroundings_.inventory().find(netns);
    if (way == nullptr || here == nullptr || !way->error.empty()) continue;
    const model::Link* link = here->link(way->out_ifindex);
    if (link == nullptr || !is_cable(*link) || !link->peer_netns) continue;
    singles_[netns].insert(link->ifindex);
    singles_[*link->peer_netns].insert(link->peer_ifindex);
    passages_.insert(*link->peer_netns);
  }
}

ScopedDevices::Devices ScopedDevices::plan(MonotonicNs now) {
  Devices devices;
  for (const auto* whole : {&scope_, &ends_}) {
    for (const model::NetnsId netns : *whole) {
      const model::Netns* known = devices_of(netns, now, kFresh);
      if (known == nullptr) continue;
      for (const model::Link& link : known->links) {
        if (!is_usable(link) || (link.loopback && whole == &ends_)) continue;
        devices[netns].insert(link.ifindex);
        if (!is_cable(link) || !link.peer_netns || *link.peer_netns == netns) continue;
        singles_[*link.peer_netns].insert(link.peer_ifindex);
        passages_.insert(*link.peer_netns);
      }
    }
  }
  if (count_of(devices) > kMaxDevices) return devices;
  // An uplink that is a veth leads to one more.
  std::set<model::NetnsId> done;
  while (done.size() < passages_.size() && done.size() < kMaxDevices) {
    const auto next = std::find_if(passages_.begin(), passages_.end(), [&](model::NetnsId each) { return !done.contains(each); });
    const model::NetnsId netns = *next;
    done.insert(netns);
    const model::Netns* known = scope_.contains(netns) || ends_.contains(netns) ? nullptr : devices_of(netns, now, kFreshPassage);
    if (known == nullptr) continue;
    for (const model::Link& link : known->links) {
      if (is_usable(link) && is_uplink(link)) devices[netns].insert(link.ifindex);
    }
    if (uplinks_.insert(netns).second) want_uplinks(netns, now);
  }
  for (const auto& [netns, wanted] : singles_) {
    const model::Netns* known = surroundings_.inventory().find(netns);
    for (const std::uint32_t ifindex : wanted) {
      const model::Link* link = known == nullptr ? nullptr : known->link(ifindex);
      if (link != nullptr && is_usable(*link)) devices[netns].insert(ifindex);
    }
  }
  return devices;
}

void ScopedDevices::attach(MonotonicNs now) {
  if (!is_on()) return;
  Devices wanted = plan(now);
  if (const std::size_t count = count_of(wanted); count > kMaxDevices) {
    give_up("its ways pass " + count_of(count, "device") + " or more", now);
    return;
  }
  std::set<model::NetnsId> changed;
  for (const auto& [netns, devices] : attached_) {
    if (!wanted.contains(netns)) probe_.retain_devices(netns, {});
  }
  for (const auto& [netns, devices] : wanted) {
    probe_.retain_devices(netns, devices);
    const std::set<std::uint32_t>& before = attached_[netns];
    std::vector<std::uint32_t> fresh;
    std::set_difference(devices.begin(), devices.end(), before.begin(), before.end(), std::back_inserter(fresh));
    if (fresh.empty()) continue;
    changed.insert(netns);
    const auto handle = surroundings_.open(netns);
    if (!handle) continue;
    if (Status attached = probe_.watch_devices(netns, handle->fd(), fresh); !attached) {
      give_up(to_string(attached.error()), now);
      return;
    }
  }
  attached_ = std::move(wanted);
  const MonotonicNs since = monotonic_now();
  for (const auto* whole : {&scope_, &ends_}) {
    for (const model::NetnsId netns : *whole) {
      // What passed a new device before was not observed.
      if (changed.contains(netns)) view_.whole[netns] = since;
    }
  }
  publish();
}

void ScopedDevices::give_up(const std::string& why, MonotonicNs now) {
  if (!is_on()) return;
  why_everywhere_ = why;
  attached_.clear();
  if (Status everywhere = probe_.watch_everywhere(); !everywhere) {
    say_({model::NoticeLevel::Warning, "scope_attach", to_string(everywhere.error())});
    return;
  }
  view_.everywhere_ns = std::max(now, monotonic_now());
  publish();
  say_({model::NoticeLevel::Info, "scope_attach", "all devices of the machine are observed, not only those of the scope: " + why});
}

ScopedDevices::Way ScopedDevices::end(model::NetnsId netns, const model::Flow& flow, bool untranslated, MonotonicNs now) {
  if (scope_.contains(netns) || ends_.contains(netns)) return Way::Ends;
  const model::Netns* known = devices_of(netns, now, kFresh);
  const bool small = known != nullptr && usable_devices(*known) <= kMaxDevicesOfEnd;
  if (untranslated && (passages_.contains(netns) || !small)) {
    if (view_.ends.size() >= kMaxEnds) view_.ends.clear();
    view_.ends.emplace(std::pair{netns, flow.dst}, now);
    return Way::Ends;
  }
  if (!small) return Way::Lost;
  ends_.insert(netns);
  return Way::Ends;
}

ScopedDevices::Way ScopedDevices::walk(model::NetnsId netns, Step step, MonotonicNs now) {
  if (++step.depth > kMaxDepth) return Way::Lost;
  const model::Netns* here = devices_of(netns, now, kFresh);
  if (here == nullptr) return Way::Lost;
  const bool watched = scope_.contains(netns) || ends_.contains(netns);
  bool untranslated = false;
  if (step.onward && !here->pod) {
    const model::TrackedFlow* tracked = surroundings_.read_tracked(netns, step.flow, now);
    if (tracked != nullptr && tracked->sent_to()) {
      step.flow.dst = *tracked->sent_to();
    } else {
      untranslated = tracked != nullptr && tracked->reply;
    }
    here = surroundings_.inventory().find(netns);
  }
  const model::IpAddress to = step.onward ? step.flow.dst.address : step.flow.src.address;
  if (has_address(*here, to)) {
    // On its way back it may have been translated here.
    if (!step.onward && !watched && usable_devices(*here) > kMaxDevicesOfEnd) return Way::Lost;
    return end(netns, step.flow, step.onward && untranslated, now);
  }
  const model::RouteAnswer* way = surroundings_.read_way(netns, {to, {}, 0, true}, now);
  here = surroundings_.inventory().find(netns);
  if (way == nullptr || here == nullptr) return Way::Lost;
  const model::Link* out = way->error.empty() ? here->link(way->out_ifindex) : nullptr;
  if (out == nullptr || out->loopback) return Way::Leaves;
  if (!watched) passages_.insert(netns);
  const std::optional<model::MacAddress> next_hop = way->neighbour ? way->neighbour->mac : std::nullopt;
  if (is_cable(*out)) return cross(netns, *out, next_hop, step, now);
  if (out->kind != "bridge") return Way::Leaves;
  return next_hop ? through_bridge(netns, out->ifindex, *next_hop, step, now) : Way::Leaves;
}

ScopedDevices::Way ScopedDevices::cross(model::NetnsId netns, const model::Link& link, const std::optional<model::MacAddress>& next_hop,
                                        Step step, MonotonicNs now) {
  if (!link.peer_netns) return Way::Lost;
  const model::NetnsId there = *link.peer_netns;
  const std::uint32_t ifindex = link.peer_ifindex;
  singles_[netns].insert(link.ifindex);
  singles_[there].insert(ifindex);
  const model::Netns* known = devices_of(there, now, kFresh);
  const model::Link* arrived = known == nullptr ? nullptr : known->link(ifindex);
  if (arrived == nullptr) return Way::Lost;
  if (arrived->master_ifindex == 0 || !arrived->bridge_port) return walk(there, step, now);
  passages_.insert(there);
  return next_hop ? through_bridge(there, arrived->master_ifindex, *next_hop, step, now) : Way::Leaves;
}

ScopedDevices::Way ScopedDevices::through_bridge(model::NetnsId netns, std::uint32_t bridge, const model::MacAddress& next_hop, Step step,
                                                 MonotonicNs now) {
  if (++step.depth > kMaxDepth) return Way::Lost;
  surroundings_.read_details(netns);
  const model::Netns* here = devices_of(netns, now, kFresh);
  const model::Link* device = here == nullptr ? nullptr : here->link(bridge);
  if (device == nullptr) return Way::Lost;
  if (device->mac == next_hop) return walk(netns, step, now);
  const auto entry = std::find_if(here->fdb.begin(), here->fdb.end(),
                                  [&](const model::FdbEntry& each) { return each.bridge_ifindex == bridge && each.mac == next_hop; });
  if (entry == here->fdb.end()) return Way::Lost;
  if (entry->local) return walk(netns, step, now);
  const model::Link* port = here->link(entry->port_ifindex);
  if (port == nullptr) return Way::Lost;
  return is_cable(*port) ? cross(netns, *port, next_hop, step, now) : Way::Leaves;
}

void ScopedDevices::follow(const std::vector<probe::Heading>& headings, MonotonicNs now) {
  if (!is_on() || headings.empty()) return;
  for (const probe::Heading& heading : headings) {
    (void)walk(heading.netns, {heading.flow, true, 0}, now);
    (void)walk(heading.netns, {heading.flow, false, 0}, now);
  }
  attach(now);
}

bool ScopedDevices::look_at(const model::Journey& journey, bool wants_all, MonotonicNs now) {
  if (!is_on()) return false;
  const auto before = std::pair{attached_, view_.ends.size()};
  const model::Event* last = nullptr;
  const model::Event* dropped = nullptr;
  for (const model::Event& event : journey.events) {
    const bool is_hop = event.get<model::Hop>() != nullptr;
    if (is_hop && (last == nullptr || event.leg >= last->leg) &&
        (event.leg == model::Leg::Syn || event.leg == model::Leg::SynAck || event.leg == model::Leg::Ack)) {
      last = &event;
    }
    if (event.get<model::Drop>() != nullptr && event.place.netns != 0) dropped = &event;
    // By a drop or by a socket it was met where nothing is observed.
    const model::NetnsId netns = event.place.netns;
    if (is_hop || netns == 0 || scope_.contains(netns) || ends_.contains(netns) || passages_.contains(netns)) continue;
    const model::Netns* known = devices_of(netns, now, kFresh);
    if (known == nullptr) continue;
    (usable_devices(*known) <= kMaxDevicesOfEnd ? ends_ : passages_).insert(netns);
  }
  Way way = Way::Lost;
  if (wants_all && last != nullptr) {
    way = walk(last->place.netns, {last->flow, true, 0}, now);
  } else if (wants_all && dropped != nullptr) {
    // Dropped before it came to anything that is observed.
    way = walk(dropped->place.netns, {dropped->flow, false, 0}, now);
  }
  attach(now);
  if (wants_all && is_on()) {
    if (followed_.size() > kMaxFollowed) followed_.clear();
    // Followed before, and still not seen to the end.
    const auto [before_ns, first] = followed_.emplace(journey.id, now);
    const bool again = !first && journey.last_ns > before_ns->second;
    if (way == Way::Lost || again) give_up("the way of attempt #" + std::to_string(journey.id) + " cannot be followed", now);
  }
  return !is_on() || before != std::pair{attached_, view_.ends.size()};
}

void ScopedDevices::tick(MonotonicNs now) {
  if (!is_on()) return;
  const bool all = ++ticks_ % kTicksOfPassages == 0;
  if (all) uplinks_.clear();
  for (auto& [netns, read_ns] : read_ns_) {
    if (all || scope_.contains(netns) || ends_.contains(netns)) read_ns = 0;
  }
  const auto gone = [&](model::NetnsId netns) {
    const model::Netns* known = surroundings_.inventory().find(netns);
    return known != nullptr && known->gone;
  };
  for (auto* set : {&scope_, &ends_, &passages_}) std::erase_if(*set, gone);
  std::erase_if(view_.whole, [&](const auto& entry) { return gone(entry.first); });
  std::erase_if(singles_, [&](const auto& entry) { return gone(entry.first); });
  attach(now);
}

std::string ScopedDevices::words() const {
  if (!is_on()) return "all devices: " + why_everywhere_;
  std::size_t namespaces = 0;
  for (const auto& [netns, devices] : attached_) namespaces += devices.empty() ? 0 : 1;
  return "tcx: " + count_of(probe_.watched_devices(), "device") + " of " + count_of(namespaces, "network namespace");
}

}  // namespace synfate::cli
