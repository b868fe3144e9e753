// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One attempt as it grows: takes records in and keeps the journey's summary facts in step with its events. Knows no other attempt.
#pragma once

#include "model/journey.hpp"
#include "model/record.hpp"

namespace synfate::track {

/// Events that one journey keeps: the first half, and the newest. A retransmitting attempt over 24 hops makes 200 in two minutes.
inline constexpr std::size_t kMaxEvents = 512;
/// Rules on the way, told by --nftrace: the newest. Retransmits repeat them.
inline constexpr std::size_t kMaxRuleTraces = 192;
inline constexpr std::size_t kMaxFaces = 8;
inline constexpr std::size_t kMaxNeighbours = 16;

class Growing {
 public:
  /// `number` is the journey's printed id.
  Growing(std::uint64_t number, const model::FlightRecord& record);
  /// An attempt that has no flight record, opened by its first event.
  Growing(std::uint64_t number, const model::StreamedEvent& first);
  Growing(std::uint64_t number, const model::RouteFailureRecord& record);
  /// An attempt whose record was deleted when its handshake was complete.
  Growing(std::uint64_t number, const model::ClosingRecord& record);

  /// Whose attempt it is, where that came to be known later; true if it is news.
  bool learn_client(const model::FlightRecord& record);
  void add(const model::StreamedEvent& event);
  void add(const model::NeighbourEvent& neighbour);
  void add(const model::ClosingRecord& record);
  void lose(unsigned events) { journey_.events_lost += events; }
  void end(bool interrupted);

  bool visited(model::NetnsId netns) const;
  /// Both sides agree, or the client has given up: nothing but stragglers will come.
  bool is_over() const;
  const model::Journey& journey() const { return journey_; }

 private:
  void append(model::Event event);
  void make_room_for_trace();
  void note(const model::Event& event);
  void note_socket(const model::SocketEvent& what);
  void count_syn(const model::Event& event);
  void add_face(const model::Flow& flow);

  model::Journey journey_;
  unsigned syns_at_first_hop_ = 0;
  unsigned retransmits_ = 0;
  unsigned syns_without_hop_ = 0;
  std::size_t rule_traces_ = 0;
};

}  // namespace synfate::track
