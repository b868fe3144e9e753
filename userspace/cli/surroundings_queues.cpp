// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// When the queues of listeners are looked at: a listener that refuses a SYN leaves no other trace.
#include "cli/surroundings.hpp"

namespace synfate::cli {
namespace {

/// Two readings of one port are this far apart at least: a listener that refuses everybody is asked about once for all.
constexpr DurationNs kFreshQueues = 200 * kMillisecond;
constexpr DurationNs kFreshCookies = 1 * kSecond;
/// Of any two ports of a namespace: a scan of ports must not cost a look at each.
constexpr DurationNs kFreshNetns = 20 * kMillisecond;
constexpr std::size_t kMaxPorts = 4096;

using model::Event;
using model::Leg;
using model::SocketEventKind;

/// Devices that were not read have no addresses.
bool may_be_own(const model::Netns* netns, const model::IpAddress& address) {
  if (netns == nullptr || netns->links.empty()) return true;
  for (const model::Link& link : netns->links) {
    if (link.loopback) {
      for (const model::InterfaceAddress& own : link.addresses) {
        if (own.prefix_length != 0 && model::Prefix{own.address, own.prefix_length}.contains(address)) return true;
      }
    }
    for (const model::InterfaceAddress& own : link.addresses) {
      if (own.address == address) return true;
    }
  }
  return false;
}

bool is_received(const Event& event) {
  const auto* hop = event.get<model::Hop>();
  return hop != nullptr && hop->kind != model::HopKind::Xmit;
}

/// The SYN was sent again, or its time has run out.
bool is_unanswered(const model::Journey& journey) {
  if (journey.syns >= 2 || journey.ended) return true;
  for (const Event& event : journey.events) {
    const auto* socket = event.get<model::SocketEvent>();
    if (socket != nullptr && (socket->kind == SocketEventKind::Retransmit || socket->kind == SocketEventKind::Stale)) return true;
  }
  return false;
}

}  // namespace

/// What may take a packet without a trace, between its coming in and the rest of the network's code.
void Surroundings::want_takers(const Event* arrived, std::map<model::NetnsId, Wanted>& touched) {
  if (arrived == nullptr || !is_received(*arrived)) return;
  const auto found = touched.find(arrived->place.netns);
  if (found != touched.end()) found->second.tc.emplace(arrived->place.ifindex, true);
}

void Surroundings::want_queues(const model::Journey& journey, std::map<model::NetnsId, Wanted>& touched) {
  const Event* last_syn = nullptr;
  const Event* last_synack = nullptr;
  const Event* last_ack = nullptr;
  const Event* repeated = nullptr;
  const Event* refused = nullptr;
  bool syn_dropped = false;
  for (const Event& event : journey.events) {
    const auto* socket = event.get<model::SocketEvent>();
    if (socket != nullptr && socket->kind == SocketEventKind::SynAckRetransmit) repeated = &event;
    const auto* drop = event.get<model::Drop>();
    if (const auto* decision = event.get<model::Decision>(); decision != nullptr && decision->drops != 0) refused = &event;
    // A copy that a bridge flooded to somebody else is no end of the SYN.
    syn_dropped |= event.leg == Leg::Syn && drop != nullptr && drop->reason != "OTHERHOST";
    if (event.get<model::Hop>() == nullptr) continue;
    if (event.leg == Leg::Syn) last_syn = &event;
    if (event.leg == Leg::SynAck && last_synack == nullptr) last_synack = &event;
    if (event.leg == Leg::Ack) last_ack = &event;
  }
  const auto want = [&](const Event* arrived, std::optional<model::Endpoint> Wanted::*asked) {
    if (arrived == nullptr || arrived->place.netns == 0 || !is_received(*arrived)) return;
    const auto found = touched.find(arrived->place.netns);
    if (found != touched.end()) found->second.*asked = arrived->flow.dst;
  };
  // By its own word: what is read is whose it is.
  if (refused != nullptr && !journey.server_established) {
    const auto found = touched.find(refused->place.netns);
    if (found == touched.end()) return;
    found->second.queues = refused->flow.dst;
    found->second.security |= refused->get<model::Decision>()->security_error != 0;
    return;
  }
  if (journey.server_established) {
    want(last_ack != nullptr ? last_ack : last_syn, &Wanted::cookies);
  } else if (last_synack == nullptr) {
    if (!syn_dropped && is_unanswered(journey)) {
      want(last_syn, &Wanted::queues);
      want_takers(last_syn, touched);
    }
  } else if (repeated != nullptr || journey.client_established) {
    want(last_ack, &Wanted::queues);
  }
}

bool Surroundings::read_queues(model::NetnsId netns, const Wanted& wanted, MonotonicNs now) {
  const auto& asked = wanted.queues ? wanted.queues : wanted.cookies;
  if (!asked || asked->port == 0 || !may_be_own(reader_.current().find(netns), asked->address)) return false;
  const auto last = queues_ns_.find({netns, asked->port});
  if (last != queues_ns_.end() && last->second + (wanted.queues ? kFreshQueues : kFreshCookies) >= now) return false;
  const auto any = any_queues_ns_.find(netns);
  if (any != any_queues_ns_.end() && any->second + kFreshNetns >= now) return false;
  if (queues_ns_.size() >= kMaxPorts) queues_ns_.clear();
  if (any_queues_ns_.size() >= kMaxPorts) any_queues_ns_.clear();
  queues_ns_[{netns, asked->port}] = now;
  any_queues_ns_[netns] = now;
  return static_cast<bool>(wanted.queues ? reader_.read_listen_queues(netns, asked->port, now)
                                         : reader_.read_listen_queues_of_cookies(netns, asked->port, now));
}

std::vector<model::NetnsId> Surroundings::siblings_of(model::NetnsId netns) const {
  constexpr std::size_t kMaxSiblings = 4;
  std::vector<model::NetnsId> found;
  const model::Netns* here = reader_.current().find(netns);
  if (here == nullptr || !here->pod) return found;
  for (const auto& [id, each] : reader_.current().namespaces) {
    if (id == netns || each.gone || !each.pod || each.pod->name.empty() || found.size() >= kMaxSiblings) continue;
    if (each.pod->full_name() == here->pod->full_name()) found.push_back(id);
  }
  return found;
}

}  // namespace synfate::cli
