// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Copies made on purpose: nft's dup, TEE and mirroring send one to an observer, where it ends as it may; that end is not the attempt's. It
// compares the ways of one round only, and takes no drop for a duplicate's unless another copy was seen to go where it belongs.
#include <algorithm>
#include <vector>

#include "judge/case.hpp"

namespace synfate::judge {
namespace {

using model::DeviceKind;
using model::Event;
using model::HopKind;

bool owns(const model::Inventory& inventory, model::NetnsId id, const model::IpAddress& address) {
  const model::Netns* netns = inventory.find(id);
  return netns != nullptr && std::any_of(netns->links.begin(), netns->links.end(), [&](const model::Link& link) {
           return std::any_of(link.addresses.begin(), link.addresses.end(),
                              [&](const model::InterfaceAddress& own) { return own.address == address; });
         });
}

bool is_arrival(const Event& hop) { return hop.get<model::Hop>()->kind != HopKind::Xmit; }

/// The ways that the copies of one SYN took, around one drop.
class Round {
 public:
  Round(const model::Journey& journey, const Event& drop, const model::Inventory& inventory) : drop_(drop), inventory_(inventory) {
    for (const Event& event : journey.events) {
      if (event.leg != drop.leg || event.get<model::Hop>() == nullptr) continue;
      const auto apart_ns = event.time_ns > drop.time_ns ? event.time_ns - drop.time_ns : drop.time_ns - event.time_ns;
      if (apart_ns <= kSameRound) hops_.push_back(&event);
    }
    for (const Event& event : journey.events) {
      if (&event != &drop && event.leg == drop.leg && stops_a_passing_packet(event) && event.time_ns + kSameRound > drop.time_ns &&
          event.time_ns < drop.time_ns + kSameRound) {
        others_.push_back(&event);
      }
    }
  }

  /// The hop by which one namespace sent it towards the drop while it also sent it to where it belongs, or dropped it on its way through.
  const Event* fork() const {
    for (const Event* astray : hops_) {
      if (!leads_to_drop(*astray)) continue;
      const bool forks = std::any_of(hops_.begin(), hops_.end(), [&](const Event* home) {
        return astray->place.netns == home->place.netns && astray->place.ifindex != home->place.ifindex && leads_home(*home) &&
               !came_back_between(*home, *astray);
      });
      if (forks || dropped_where_sent(*astray)) return astray;
    }
    return nullptr;
  }

 private:
  /// In a hook that made copies do not pass, since they start in the output hook. Of a bridged packet there may be copies without any rule.
  static bool stops_a_passing_packet(const Event& event) {
    constexpr std::uint8_t kForward = 2;
    const auto* drop = event.get<model::Drop>();
    return drop != nullptr && drop->has_hook && drop->hook.hook <= kForward && (drop->hook.family == 2 || drop->hook.family == 10) &&
           drop->hook.in_device != drop->hook.out_device;
  }

  bool dropped_where_sent(const Event& astray) const {
    return std::any_of(others_.begin(), others_.end(), [&](const Event* other) {
      return other->place.netns == astray.place.netns && other->place.netns != drop_.place.netns && !came_back_between(*other, astray);
    });
  }

  template <typename Accepts>
  bool arrives_later(const Event& sent, Accepts accepts) const {
    return std::any_of(hops_.begin(), hops_.end(), [&](const Event* hop) {
      return is_arrival(*hop) && hop->time_ns >= sent.time_ns && hop->place.netns != sent.place.netns && accepts(*hop);
    });
  }

  /// Off this node, or to the namespace that has its destination.
  bool leads_home(const Event& sent) const {
    if (is_arrival(sent) || sent.place.netns == drop_.place.netns) return false;
    if (sent.place.kind == DeviceKind::Physical || sent.place.kind == DeviceKind::Tun) return true;
    return sent.place.kind == DeviceKind::Veth && arrives_later(sent, [&](const Event& hop) {
             return hop.place.netns != drop_.place.netns && owns(inventory_, hop.place.netns, hop.flow.dst.address);
           });
  }

  bool leads_to_drop(const Event& sent) const {
    return !is_arrival(sent) && sent.place.kind == DeviceKind::Veth && sent.time_ns <= drop_.time_ns &&
           arrives_later(sent, [&](const Event& hop) { return hop.place.netns == drop_.place.netns && hop.time_ns <= drop_.time_ns; });
  }

  /// A packet that was sent out and came in again goes on as itself, not as a copy.
  bool came_back_between(const Event& a, const Event& b) const {
    return std::any_of(hops_.begin(), hops_.end(), [&](const Event* hop) {
      return is_arrival(*hop) && hop->place.netns == a.place.netns && hop->time_ns > std::min(a.time_ns, b.time_ns) &&
             hop->time_ns < std::max(a.time_ns, b.time_ns);
    });
  }

  const Event& drop_;
  const model::Inventory& inventory_;
  std::vector<const Event*> hops_;
  std::vector<const Event*> others_;
};

}  // namespace

bool is_of_a_duplicate(const model::Journey& journey, const Event& drop, const model::Inventory& inventory) {
  return !owns(inventory, drop.place.netns, drop.flow.dst.address) && Round(journey, drop, inventory).fork() != nullptr;
}

void leave_out_duplicates(const model::Journey& journey, const model::Inventory& inventory, model::Leg leg,
                          std::vector<const Event*>& hops) {
  for (const Event& drop : journey.events) {
    if (drop.leg != leg || drop.get<model::Drop>() == nullptr || owns(inventory, drop.place.netns, drop.flow.dst.address)) continue;
    const Event* fork = Round(journey, drop, inventory).fork();
    if (fork == nullptr) continue;
    std::erase_if(hops, [&](const Event* hop) {
      return hop == fork || (hop->place.netns == drop.place.netns && hop->time_ns >= fork->time_ns && hop->time_ns <= drop.time_ns);
    });
  }
}

}  // namespace synfate::judge
