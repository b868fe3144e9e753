// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/surroundings.hpp"

#include <algorithm>
#include <string_view>

#include "judge/judge.hpp"
#include "judge/meaning.hpp"
#include "judge/nat.hpp"

namespace synfate::cli {
namespace {

/// Facts this young are taken as they are.
constexpr DurationNs kFresh = 1 * kSecond;
/// An unknown namespace is worth another look at /proc, but not at every row of a flood.
constexpr DurationNs kLookAgain = 200 * kMillisecond;
/// What waits in a queue is worth another look for each packet that was given to it, but not for each of a flood.
constexpr DurationNs kQueuesAgain = 20 * kMillisecond;
/// Ways that are asked for in a second: a storm of attempts to many destinations has rows that do not name theirs.
constexpr std::size_t kMaxRoutesAsked = 32;
/// More are on no attempt's path but that of a storm.
constexpr std::size_t kMaxNamespaces = 12;
/// Nodes that are asked for services which the nodes on the way do not have.
constexpr std::size_t kMaxNodes = 8;
/// Owners of one address.
constexpr std::size_t kMaxNamed = 3;
constexpr std::size_t kMaxTcSides = 256;

/// Foreign MAC addresses, of all attempts.
constexpr std::size_t kMaxMacs = 64;

bool is_due(const std::map<model::NetnsId, MonotonicNs>& times, model::NetnsId netns, MonotonicNs now) {
  const auto it = times.find(netns);
  return it == times.end() || it->second + kFresh < now;
}

/// Dropped for a reason that is a listener's own.
bool is_by_a_socket(const model::Drop& drop) {
  return drop.reason == "SOCKET_FILTER" || drop.reason == "TCP_MINTTL" || drop.reason.starts_with("TCP_MD5") ||
         drop.reason.starts_with("TCP_AO") || drop.reason == "TCP_AUTH_HDR";
}

/// Freed by a hook, or on the way into or out of a queue to a process.
bool is_netfilter(const model::Drop& drop) {
  const std::string_view function = drop.symbol.function;
  return drop.reason == "NETFILTER_DROP" || function == "nf_hook_slow" || function == "nft_do_chain" || function == "nf_queue" ||
         function == "nf_reinject" || function.starts_with("nfqnl_") || function.starts_with("__nfqnl_");
}

/// Freed in the queue in front of a device, or by the device.
bool is_at_device(const model::Drop& drop) {
  const std::string_view reason = drop.reason;
  const std::string_view function = drop.symbol.function;
  return reason.starts_with("QDISC_") || reason.starts_with("FQ_") || reason.starts_with("CAKE_") || reason.starts_with("DUALPI2_") ||
         reason == "DEV_READY" || reason == "CPU_BACKLOG" || function == "veth_xmit" ||
         function.find("dev_forward_skb") != std::string::npos;
}

bool is_neighbour(const model::Drop& drop) {
  return drop.reason.starts_with("NEIGH_") || drop.symbol.function.find("neigh_") != std::string::npos;
}

bool leads_to(const model::ServicePort& service, const model::Endpoint& endpoint) {
  return std::find(service.endpoints.begin(), service.endpoints.end(), endpoint) != service.endpoints.end();
}

}  // namespace

void Surroundings::look_around(MonotonicNs now) {
  // What cannot be read is in the inventory's gaps.
  (void)reader_.refresh();
  refreshed_ns_ = now;
}

void Surroundings::forget_gone() {
  // The inventory keeps some that are gone; where it has let go of them, nobody asks when they were read.
  const auto& known = inventory().namespaces;
  if (details_ns_.size() <= 2 * known.size() + kMaxNamespaces) return;
  const auto of = [](const auto& key) {
    if constexpr (requires { key.first; }) {
      return key.first;
    } else {
      return key;
    }
  };
  const auto prune = [&](auto& times) { std::erase_if(times, [&](const auto& entry) { return !known.contains(of(entry.first)); }); };
  prune(details_ns_);
  prune(listeners_ns_);
  prune(netfilter_ns_);
  prune(device_queues_ns_);
  prune(neighbours_ns_);
  prune(xfrm_ns_);
  prune(tc_ns_);
}

bool Surroundings::look_at(const model::Journey& journey, MonotonicNs now) {
  forget_gone();
  std::map<model::NetnsId, Wanted> touched;
  std::set<model::MacAddress> foreign;
  if (journey.origin_netns != 0) touched[journey.origin_netns];
  for (const model::Event& event : journey.events) {
    if (event.place.netns == 0 || (touched.size() >= kMaxNamespaces && !touched.contains(event.place.netns))) continue;
    Wanted& wanted = touched[event.place.netns];
    const auto* drop = event.get<model::Drop>();
    if (drop == nullptr) continue;
    wanted.listeners |= drop->reason == "NO_SOCKET" || is_by_a_socket(*drop);
    wanted.netfilter |= is_netfilter(*drop);
    want(journey, event, *drop, wanted);
    wanted.neighbours |= is_neighbour(*drop);
    if (is_at_device(*drop)) {
      wanted.device_queues = true;
      wanted.peers_of.insert(event.place.ifindex);
    }
    // The setting that bounds it is in the host's namespace only.
    if (drop->reason == "CPU_BACKLOG") touched[host()];
    if (drop->reason == "OTHERHOST") foreign.insert(drop->mac_destination);
  }
  want_device_queues(journey, touched);
  touched.erase(0);
  // Who sent it there is not known yet.
  if (!foreign.empty()) {
    for (auto& [netns, wanted] : touched) wanted.neighbours = true;
    look_for(foreign);
  }
  want_queues(journey, touched);
  bool changed = reader_.own(journey.client, now);
  for (const auto& [netns, wanted] : touched) {
    changed |= find(netns, now);
    changed |= read(netns, wanted, now);
    changed |= read_queues(netns, wanted, now);
    if (wanted.listeners) {
      Wanted same;
      same.listeners = true;
      for (const model::NetnsId sibling : siblings_of(netns)) changed |= read(sibling, same, now);
    }
    changed |= read_peers(netns, wanted.peers_of, now);
    if (!journey.faces.empty()) changed |= reader_.read_service(netns, journey.faces.front().dst, now);
  }
  changed |= read_routes(journey, now);
  return look_at_nat(journey, now) || changed;
}

bool Surroundings::read_routes(const model::Journey& journey, MonotonicNs now) {
  if (routes_since_ns_ + kFresh < now) {
    routes_asked_.clear();
    routes_since_ns_ = now;
  }
  bool changed = false;
  for (const judge::WantedRoute& wanted : judge::wanted_routes(journey, reader_.current())) {
    const auto asked = std::make_pair(wanted.netns, wanted.question);
    if (routes_asked_.size() >= kMaxRoutesAsked) break;
    if (std::find(routes_asked_.begin(), routes_asked_.end(), asked) != routes_asked_.end()) continue;
    routes_asked_.push_back(asked);
    changed |= static_cast<bool>(reader_.read_route(wanted.netns, wanted.question, now));
  }
  return changed;
}

bool Surroundings::look_at_nat(const model::Journey& journey, MonotonicNs now) {
  judge::NatQuestions questions = judge::questions_about_nat(journey, inventory());
  if (questions.flows.empty()) return false;
  bool changed = false;
  const model::Endpoint& asked = journey.faces.front().dst;
  const model::ServicePort* service = judge::asked_service(journey, inventory());
  const bool is_service = service != nullptr;
  if (is_service && questions.sent_to && !leads_to(*service, *questions.sent_to)) {
    for (const auto& [netns, flow] : questions.flows) {
      reader_.doubt_services(netns, now);
      changed |= reader_.read_service(netns, asked, now);
    }
  }
  if (questions.sent_to || is_service || !journey.neighbours.empty()) {
    for (const auto& [netns, flow] : questions.flows) {
      const model::Netns* known = inventory().find(netns);
      if (known != nullptr && !known->pod) changed |= reader_.read_tracked(netns, flow, now);
    }
    questions = judge::questions_about_nat(journey, inventory());
  }
  if (questions.wanted && reader_.search_address(questions.wanted, questions.by.netns, questions.by.ifindex, now)) {
    changed = true;
    // Owners are called by their names, which a replay has to know too.
    const auto* search = inventory().search_for(questions.wanted, questions.by.netns, questions.by.ifindex);
    for (std::size_t i = 0; i < search->owners.size() && i < kMaxNamed; ++i) read(search->owners[i], {}, now);
  }
  if (is_service || !questions.left_as_asked) return changed;
  for (const model::NetnsId elsewhere : rulers()) {
    if (!reader_.read_service(elsewhere, asked, now)) continue;
    read(elsewhere, {}, now);
    changed = true;
  }
  return changed;
}

std::vector<model::NetnsId> Surroundings::rulers() const {
  std::vector<model::NetnsId> found;
  for (const model::Node& node : inventory().nodes) {
    if (node.netns != 0 && found.size() < kMaxNodes) found.push_back(node.netns);
  }
  for (const auto& [id, netns] : inventory().namespaces) {
    if (netns.host && std::find(found.begin(), found.end(), id) == found.end()) found.push_back(id);
  }
  return found;
}

bool Surroundings::find(model::NetnsId netns, MonotonicNs now) {
  if (reader_.knows(netns) || refreshed_ns_ + kLookAgain >= now) return false;
  look_around(now);
  return true;
}

Status Surroundings::read_rule(model::NetnsId netns, const inventory::RuleQuestion& question, MonotonicNs now) {
  find(netns, now);
  return reader_.read_rule(netns, question);
}

Result<inventory::XtTable> Surroundings::read_xt_table(model::NetnsId netns, int family, const std::string& table, MonotonicNs now) {
  find(netns, now);
  return reader_.read_xt_table(netns, family, table);
}

model::Inventory Surroundings::touched() const {
  model::Inventory inventory = reader_.current();
  const auto& scoped = inventory.scoped;
  std::erase_if(inventory.namespaces,
                [&](const auto& entry) { return !details_ns_.contains(entry.first) && !(scoped && scoped->whole.contains(entry.first)); });
  return inventory;
}

model::NetnsId Surroundings::host() const {
  for (const auto& [id, netns] : reader_.current().namespaces) {
    if (netns.host) return id;
  }
  return 0;
}

const model::RouteAnswer* Surroundings::read_way(model::NetnsId netns, const model::RouteQuestion& question, MonotonicNs now) {
  if (!reader_.read_route(netns, question, now)) return nullptr;
  const model::Netns* known = inventory().find(netns);
  if (known == nullptr) return nullptr;
  const auto found =
      std::find_if(known->routes.begin(), known->routes.end(), [&](const model::RouteAnswer& each) { return each.question == question; });
  return found == known->routes.end() ? nullptr : &*found;
}

const model::TrackedFlow* Surroundings::read_tracked(model::NetnsId netns, const model::Flow& flow, MonotonicNs now) {
  (void)reader_.read_tracked(netns, flow, now);
  const model::Netns* known = inventory().find(netns);
  if (known == nullptr) return nullptr;
  const auto found =
      std::find_if(known->tracked.begin(), known->tracked.end(), [&](const model::TrackedFlow& each) { return each.original == flow; });
  return found == known->tracked.end() ? nullptr : &*found;
}

void Surroundings::want_device_queues(const model::Journey& journey, std::map<model::NetnsId, Wanted>& touched) {
  std::map<model::Leg, const model::Event*> last;
  for (const model::Event& event : journey.events) {
    if (event.get<model::Hop>() != nullptr) last[event.leg] = &event;
  }
  for (const auto& [leg, event] : last) {
    const auto found = touched.find(event->place.netns);
    if (!event->get<model::Hop>()->queued || found == touched.end()) continue;
    found->second.device_queues = true;
    found->second.queued_ns = std::max(found->second.queued_ns, event->time_ns);
    found->second.tc.emplace(event->place.ifindex, false);
  }
}

void Surroundings::look_for(const std::set<model::MacAddress>& macs) {
  const std::size_t before = macs_.size();
  if (before > kMaxMacs) macs_.clear();
  macs_.insert(macs.begin(), macs.end());
  if (macs_.size() != before) neighbours_ns_.clear();
}

bool Surroundings::read_peers(model::NetnsId netns, const std::set<std::uint32_t>& peers_of, MonotonicNs now) {
  bool changed = false;
  for (const std::uint32_t ifindex : peers_of) {
    const model::Netns* here = inventory().find(netns);
    const model::Link* link = here == nullptr ? nullptr : here->link(ifindex);
    if (link != nullptr && link->peer_netns && *link->peer_netns != netns) changed |= read(*link->peer_netns, {}, now);
  }
  return changed;
}

bool Surroundings::read(model::NetnsId netns, const Wanted& wanted, MonotonicNs now) {
  bool changed = false;
  if (is_due(details_ns_, netns, now)) {
    changed |= static_cast<bool>(reader_.read_details(netns));
    details_ns_[netns] = now;
  }
  if (wanted.listeners && is_due(listeners_ns_, netns, now)) {
    changed |= static_cast<bool>(reader_.read_listeners(netns));
    listeners_ns_[netns] = now;
  }
  if (wanted.netfilter && is_due(netfilter_ns_, netns, now)) {
    changed |= static_cast<bool>(reader_.read_netfilter(netns));
    netfilter_ns_[netns] = now;
  }
  const bool older = wanted.queued_ns != 0 && device_queues_ns_.contains(netns) && device_queues_ns_[netns] <= wanted.queued_ns &&
                     device_queues_ns_[netns] + kQueuesAgain < now;
  if (wanted.device_queues && (older || is_due(device_queues_ns_, netns, now))) {
    changed |= static_cast<bool>(reader_.read_queues(netns, now));
    device_queues_ns_[netns] = now;
  }
  if (wanted.neighbours && is_due(neighbours_ns_, netns, now)) {
    changed |= static_cast<bool>(reader_.read_neighbours(netns, macs_));
    neighbours_ns_[netns] = now;
  }
  if (wanted.xfrm && is_due(xfrm_ns_, netns, now)) {
    changed |= static_cast<bool>(reader_.read_xfrm(netns));
    xfrm_ns_[netns] = now;
  }
  return read_programs(netns, wanted, now) || changed;
}

void Surroundings::want(const model::Journey& journey, const model::Event& event, const model::Drop& drop, Wanted& wanted) {
  const std::string_view function = drop.symbol.function;
  if (drop.reason == "TC_INGRESS" || drop.reason == "TC_EGRESS") wanted.tc.emplace(event.place.ifindex, drop.reason == "TC_INGRESS");
  if (drop.reason == "XDP" || function == "do_xdp_generic" || function == "veth_xdp_rcv_skb") wanted.xdp.insert(event.place.ifindex);
  wanted.xfrm |= drop.reason == "XFRM_POLICY";
  wanted.security |= drop.reason == "SOCKET_FILTER" || drop.reason == "SECURITY_HOOK";
  if (drop.reason == "BPF_CGROUP_EGRESS" && event.leg != model::Leg::SynAck) wanted.cgroups.insert(journey.client.cgroup_id);
  const bool may_be_older = drop.reason.empty() || drop.reason == "NOT_SPECIFIED" || drop.reason == "TCP_RFC7323_TW_PAWS";
  if (may_be_older && event.leg == model::Leg::Syn && (function == "tcp_v4_rcv" || function == "tcp_v6_rcv")) wanted.time_wait = event.flow;
  if (drop.reason != "SOCKET_FILTER" && drop.reason != "BPF_CGROUP_EGRESS") return;
  for (const model::Event& other : journey.events) {
    const auto* receiver = other.get<model::Receiver>();
    if (receiver == nullptr || other.skb != event.skb || other.time_ns != event.time_ns) continue;
    wanted.cgroups.insert(receiver->cgroup_id);
    wanted.programs.insert(receiver->filter_id);
    wanted.programs.insert(receiver->ingress_programs.begin(), receiver->ingress_programs.end());
  }
}

bool Surroundings::read_programs(model::NetnsId netns, const Wanted& wanted, MonotonicNs now) {
  bool changed = false;
  for (const auto& side : wanted.tc) {
    const auto key = std::pair{netns, side};
    const auto before = tc_ns_.find(key);
    if (before != tc_ns_.end() && before->second + kFresh >= now) continue;
    if (tc_ns_.size() > kMaxTcSides) tc_ns_.clear();
    changed |= static_cast<bool>(reader_.read_tc_side(netns, side.first, side.second, now));
    tc_ns_[key] = now;
  }
  for (const std::uint32_t ifindex : wanted.xdp) changed |= reader_.read_xdp_programs(netns, ifindex, now);
  std::set<std::uint64_t> cgroups = wanted.cgroups;
  cgroups.erase(0);
  for (const std::uint64_t cgroup : cgroups) changed |= reader_.read_cgroup(cgroup, now);
  if (!wanted.programs.empty()) changed |= reader_.read_programs(wanted.programs, now);
  if (wanted.time_wait) changed |= reader_.read_time_wait(netns, *wanted.time_wait);
  if (wanted.security) {
    changed |= reader_.read_security_modules();
    changed |= reader_.read_security_programs(now);
  }
  return changed;
}

}  // namespace synfate::cli
