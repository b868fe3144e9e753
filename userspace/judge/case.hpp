// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One attempt as the causes look at it: the journey indexed once, the drop that decides found, the questions that several causes ask
// answered in one place. It names no cause.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "judge/judge.hpp"
#include "model/inventory.hpp"
#include "model/journey.hpp"
#include "model/verdict.hpp"

namespace synfate::judge {

/// An answer to a dropped packet counts as caused by the drop when it is this close to it. The answer leaves before the packet is freed,
/// and what it sets going on a busy machine, in the same softirq, comes in between.
inline constexpr DurationNs kSameMoment = 50 * kMillisecond;
/// All copies of one packet pass their synchronous stations within this time; SYNs are a second or more apart.
inline constexpr DurationNs kSameRound = 200 * kMillisecond;
/// A SYN's first retransmit: silence that is shorter means nothing.
inline constexpr DurationNs kFirstTimeout = 1 * kSecond;

/// What became of the drops of a journey.
struct DropReview {
  const model::Event* decisive = nullptr;           ///< nothing of its leg was seen beyond it afterwards
  std::vector<const model::Event*> rivals;          ///< as good as the decisive one, but another place or cause
  std::vector<const model::Event*> passed;          ///< a later packet got beyond
  std::vector<const model::Event*> by_design;       ///< not failures: taps, duplicates, flood clones
  std::vector<const model::Event*> for_other_macs;  ///< OTHERHOST
  std::vector<const model::Event*> unplaced;        ///< how it came there was not observed (scoped.cpp), and more may be told yet
};

/// Sorts every drop of the journey (progress.cpp).
DropReview review_drops(const model::Journey& journey, const model::Inventory& inventory);

/// The hops of a leg without those of copies that a flooding bridge sent to a station with another MAC address (ignorable.cpp).
std::vector<const model::Event*> live_hops(const model::Journey& journey, const model::Inventory& inventory, model::Leg leg);
/// A drop that is no failure by itself: a tap's copy, an answered duplicate, a bare ACK that TCP_DEFER_ACCEPT ignores (ignorable.cpp).
bool is_by_design(const model::Journey& journey, const model::Event& event);
/// The drop ended a copy that was made on purpose; the packet itself went where it belongs.
bool is_of_a_duplicate(const model::Journey& journey, const model::Event& drop, const model::Inventory& inventory);
/// Takes such copies' hops out.
void leave_out_duplicates(const model::Journey& journey, const model::Inventory& inventory, model::Leg leg,
                          std::vector<const model::Event*>& hops);
bool is_for_other_mac(const model::Event& event);
/// The drop is in a namespace that is observed in part or not at all, its packet was not seen to come there, and need not pass there on its
/// way: it may have been a copy (scoped.cpp).
bool is_unplaced(const model::Journey& journey, const model::Event& drop, const model::Inventory& inventory);

class Case {
 public:
  Case(const model::Journey& journey, const model::Inventory& inventory, const JudgeOptions& options);

  const model::Journey& journey() const { return journey_; }
  const model::Inventory& inventory() const { return inventory_; }
  const DropReview& drops() const { return drops_; }

  /// The event of the drop that decides, and its record; null when no drop decides.
  const model::Event* drop_event() const { return drops_.decisive; }
  const model::Drop* drop() const { return drops_.decisive == nullptr ? nullptr : drops_.decisive->get<model::Drop>(); }

  const std::vector<const model::Event*>& hops(model::Leg leg) const { return hops_[static_cast<std::size_t>(leg)]; }
  const model::Event* first_hop(model::Leg leg) const;
  const model::Event* last_hop(model::Leg leg) const;
  bool seen(model::Leg leg) const { return first_hop(leg) != nullptr; }
  /// The most advanced leg of the handshake that was seen at a device; None when none was.
  model::Leg farthest_leg() const;

  /// The socket that the dropped packet was for; null where the kernel does not tell.
  const model::Receiver* receiver(const model::Event& drop) const;
  /// First event of that kind, null if none.
  const model::Event* socket_event(model::SocketEventKind kind) const;
  bool client_error(int error_number) const;

  /// Enough time has passed for silence to mean something: a retransmit, the kernel's sweep, the socket's end, or a second.
  bool silence_counts() const;
  /// The only proof of silence is a socket that was closed before its first retransmit was due.
  bool closed_early_by_client() const;
  DurationNs observed_ns() const;
  /// How long after what decides the machine was looked at, where the session did not run meanwhile; 0: soon enough.
  DurationNs read_late_ns() const { return read_late_ns_; }
  /// A retransmitted SYN, or for leg SynAck a retransmitted SYN-ACK.
  bool retransmitted(model::Leg leg) const;

  const model::Netns* netns(model::NetnsId id) const { return inventory_.find(id); }
  /// Was every device of that namespace observed at that time?
  bool sees(model::NetnsId id, MonotonicNs at) const { return !inventory_.scoped || inventory_.scoped->sees(id, at); }
  const model::Link* link(const model::Place& place) const;
  /// Whether that address is one of that namespace's own; nothing when its links were not read.
  std::optional<bool> is_local_address(model::NetnsId netns, const model::IpAddress& address) const;
  /// Whether some device of that namespace has that address on its link; nothing when its links were not read.
  std::optional<bool> is_on_link(model::NetnsId netns, const model::IpAddress& address) const;
  std::optional<std::string> sysctl(model::NetnsId netns, const std::string& key) const;

 private:
  const model::Journey& journey_;
  const model::Inventory& inventory_;
  MonotonicNs now_ns_ = 0;
  DurationNs read_late_ns_ = 0;
  DropReview drops_;
  std::array<std::vector<const model::Event*>, 7> hops_;  // by Leg
};

/// A device behind which the kernel of this node sees nothing more of the packet.
bool is_edge(const model::Place& place);
/// An edge whose packets go on inside others that are not followed.
bool is_tunnel(const model::Place& place);
bool is_tcp_receive(std::string_view function);

/// The namespace whose TCP acted on the SYN; 0: none on this node did, as far as was seen.
model::NetnsId server_netns(const model::Journey& journey, const model::Inventory& inventory);

}  // namespace synfate::judge
