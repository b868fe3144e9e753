// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which drop decides: the last one that no later packet of the same leg got beyond. It compares positions on the path only, and leaves
// causes alone.
//
//   stations in order of first sight:   0 eth0@pod   1 veth@node   2 eth1@node   3 eth0@server
//   first SYN    0 1 drop                             passed, because ...
//   second SYN   0 1 2 3 drop                         ... this one was seen at 2; this drop decides
#include <algorithm>
#include <tuple>

#include "judge/case.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;
using model::Hop;
using model::HopKind;
using model::Leg;

class Path {
 public:
  Path(const model::Journey& journey, const model::Inventory& inventory, Leg leg) : hops_(live_hops(journey, inventory, leg)) {
    for (const Event* hop : hops_) {
      if (index(*hop) == stations_.size()) stations_.push_back(key(*hop));
    }
  }

  const std::vector<const Event*>& hops() const { return hops_; }

  std::size_t index(const Event& hop) const {
    return static_cast<std::size_t>(std::find(stations_.begin(), stations_.end(), key(hop)) - stations_.begin());
  }

  /// Stations that the dropped packet had behind it: 0 for one that was never seen at a device.
  std::size_t reached(const Event& drop, bool may_have_waited) const {
    const Event* last = nullptr;
    const Event* last_in_netns = nullptr;
    for (const Event* hop : hops_) {
      if (hop->time_ns > drop.time_ns) break;
      if (!may_have_waited && drop.time_ns - hop->time_ns > kSameRound) continue;
      last = hop;
      if (hop->place.netns == drop.place.netns) last_in_netns = hop;
    }
    const Event* at = last_in_netns != nullptr ? last_in_netns : last;
    return at == nullptr ? 0 : index(*at) + 1;
  }

 private:
  using Station = std::tuple<model::NetnsId, std::uint32_t, HopKind>;
  static Station key(const Event& hop) { return {hop.place.netns, hop.place.ifindex, hop.get<Hop>()->kind}; }

  std::vector<const Event*> hops_;
  std::vector<Station> stations_;
};

/// Neighbour queues and queueing disciplines keep a packet for longer than the rest of the path takes.
bool may_wait(const Drop& drop) {
  const std::string_view function = drop.symbol.function;
  return drop.reason.starts_with("NEIGH_") || function == "neigh_invalidate" || function == "arp_error_report" ||
         function == "ndisc_error_report" || drop.reason.starts_with("QDISC_") || drop.reason.starts_with("FQ_");
}

bool on_bridge(const Event& event, const Drop& drop, const model::Inventory& inventory) {
  const std::string_view function = drop.symbol.function;
  if (function.starts_with("br_") || function.starts_with("__br_") || (drop.has_hook && drop.hook.family == 7)) return true;
  const model::Netns* netns = inventory.find(event.place.netns);
  const model::Link* link = netns == nullptr ? nullptr : netns->link(event.place.ifindex);
  return link != nullptr && link->bridge_port.has_value();
}

/// A bridge that does not know where the destination is sends a copy to every port: one of them may be freed while another arrives.
bool a_copy_went_on(const Path& path, const Event& drop) {
  MonotonicNs entered_ns = 0;
  for (const Event* hop : path.hops()) {
    if (hop->time_ns > drop.time_ns) break;
    if (hop->place.netns == drop.place.netns && hop->get<Hop>()->kind != HopKind::Xmit) entered_ns = hop->time_ns;
  }
  if (entered_ns == 0) return false;
  return std::any_of(path.hops().begin(), path.hops().end(), [&](const Event* hop) {
    return hop->place.netns != drop.place.netns && hop->time_ns > entered_ns && hop->time_ns <= drop.time_ns + kSameRound;
  });
}

bool seen_beyond(const Path& path, const Event& drop, std::size_t reached) {
  return std::any_of(path.hops().begin(), path.hops().end(), [&](const Event* hop) {
    if (hop->time_ns <= drop.time_ns || path.index(*hop) < reached) return false;
    if (hop->time_ns > drop.time_ns + kSameRound) return true;
    return hop->place.netns == drop.place.netns && hop->get<Hop>()->kind == HopKind::Xmit;
  });
}

/// The next leg of the handshake was seen after the drop: some packet of this leg did arrive.
bool answered_later(const model::Journey& journey, const Event& drop) {
  if (drop.leg == Leg::Ack) return journey.server_established;
  if (drop.leg == Leg::SynAck && (journey.client_established || journey.server_established)) return true;
  return std::any_of(journey.events.begin(), journey.events.end(), [&](const Event& event) {
    if (event.time_ns <= drop.time_ns) return false;
    if (drop.leg == Leg::SynAck) return event.leg == Leg::Ack && event.get<Hop>() != nullptr;
    if (const auto* decision = event.get<model::Decision>()) return decision->drops != 0 || decision->cookies_sent != 0;
    const auto* socket = event.get<model::SocketEvent>();
    if (socket != nullptr) return socket->kind == model::SocketEventKind::SynAckRetransmit;
    return (event.leg == Leg::SynAck || event.leg == Leg::Ack) && event.get<Hop>() != nullptr;
  });
}

/// The attempt has ended, and no later packet of that leg was seen.
bool nothing_follows(const model::Journey& journey, const Event& drop) {
  if (!journey.ended) return false;
  return std::none_of(journey.events.begin(), journey.events.end(), [&](const Event& event) {
    return event.leg == drop.leg && event.get<Hop>() != nullptr && event.time_ns > drop.time_ns + kSameRound;
  });
}

bool same_culprit(const Event& a, const Event& b) {
  const Drop& x = *a.get<Drop>();
  const Drop& y = *b.get<Drop>();
  return a.place.netns == b.place.netns && x.symbol.function == y.symbol.function && x.reason == y.reason && x.has_hook == y.has_hook &&
         x.hook.hook == y.hook.hook && x.hook.family == y.hook.family && x.route_error == y.route_error;
}

struct Candidate {
  const Event* event = nullptr;
  std::size_t reached = 0;
};

void decide(const std::vector<Candidate>& open, DropReview& review) {
  if (open.empty()) return;
  const Leg leg = std::max_element(open.begin(), open.end(), [](const Candidate& a, const Candidate& b) {
                    return a.event->leg < b.event->leg;
                  })->event->leg;
  MonotonicNs latest_ns = 0;
  for (const Candidate& one : open) {
    if (one.event->leg == leg) latest_ns = std::max(latest_ns, one.event->time_ns);
  }
  const auto current = [&](const Candidate& one) { return one.event->leg == leg && latest_ns - one.event->time_ns <= kSameRound; };
  const Candidate* best = nullptr;
  for (const Candidate& one : open) {
    if (current(one) && (best == nullptr || one.reached >= best->reached)) best = &one;
  }
  review.decisive = best->event;
  for (const Candidate& one : open) {
    const bool later_earlier_leg = one.event->leg != leg && one.event->time_ns > best->event->time_ns;
    if (&one != best && (current(one) || later_earlier_leg) && !same_culprit(*one.event, *best->event)) review.rivals.push_back(one.event);
  }
}

}  // namespace

DropReview review_drops(const model::Journey& journey, const model::Inventory& inventory) {
  const Path syn(journey, inventory, Leg::Syn);
  const Path synack(journey, inventory, Leg::SynAck);
  const Path ack(journey, inventory, Leg::Ack);
  DropReview review;
  std::vector<Candidate> open;
  for (const Event& event : journey.events) {
    const Drop* drop = event.get<Drop>();
    if (drop == nullptr || (event.leg != Leg::Syn && event.leg != Leg::SynAck && event.leg != Leg::Ack)) continue;
    const Path& path = event.leg == Leg::Syn ? syn : event.leg == Leg::SynAck ? synack : ack;
    if (is_for_other_mac(event)) {
      review.for_other_macs.push_back(&event);
    } else if (is_by_design(journey, event)) {
      review.by_design.push_back(&event);
    } else if ((on_bridge(event, *drop, inventory) && a_copy_went_on(path, event)) || is_of_a_duplicate(journey, event, inventory)) {
      review.by_design.push_back(&event);
    } else if (is_unplaced(journey, event, inventory)) {
      review.unplaced.push_back(&event);
    } else if (const std::size_t reached = path.reached(event, may_wait(*drop));
               seen_beyond(path, event, reached) || answered_later(journey, event)) {
      review.passed.push_back(&event);
    } else {
      open.push_back({&event, reached});
    }
  }
  // Where nothing else was dropped, and nothing more is to come, they are all that is known.
  if (open.empty() &&
      std::all_of(review.unplaced.begin(), review.unplaced.end(), [&](const Event* drop) { return nothing_follows(journey, *drop); })) {
    for (const Event* drop : review.unplaced) open.push_back({drop, 0});
    review.unplaced.clear();
  }
  decide(open, review);
  return review;
}

}  // namespace synfate::judge
