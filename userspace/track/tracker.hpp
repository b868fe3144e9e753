// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// From records to journeys: which attempt each belongs to, and when an attempt is worth judging. Bounded; is given the time, never asks
// for it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "track/journeys.hpp"
#include "track/waiting.hpp"

namespace synfate::track {

struct TrackerLimits {
  std::size_t max_open = 2048;            ///< journeys in memory
  DurationNs settle = 20 * kMillisecond;  ///< from the first news to the judgement: an answer and its cause arrive in either order
  DurationNs over_quiet = 6 * kSecond;    ///< a finished journey may still get stragglers: a parked SYN dies three seconds late
  DurationNs open_quiet = 150 * kSecond;  ///< longer than the longest pause between two SYNs
};

class Tracker {
 public:
  explicit Tracker(TrackerLimits limits = {}) : limits_(limits) {}

  void add(const model::Record& record);
  /// Events were lost machine-wide: every open journey may have lost its own.
  void lose(unsigned events);

  /// When the next journey is to be judged; none: nothing waits.
  std::optional<MonotonicNs> next_due() const;
  /// Hands over each journey whose time has come, earliest first, and forgets those that are over and quiet.
  void take_due(MonotonicNs now, const std::function<void(const model::Journey&)>& judge);
  /// Something was learned that may change any answer: every open journey is due once more.
  void reconsider(MonotonicNs now);
  /// Ends every open journey and hands each over.
  void finish(const std::function<void(const model::Journey&)>& judge);

  /// Journeys that had to be forgotten for want of room.
  std::uint64_t forgotten() const { return forgotten_; }
  /// Rule traces that had to be forgotten before it was known whether their attempt would fail.
  std::uint64_t traces_forgotten() const { return waiting_.crowded_out(); }

 private:
  struct Open {
    Growing growing;
    std::uint64_t attempt = 0;  ///< the kernel side's id, 0 if it had none
    std::optional<MonotonicNs> due;
  };
  using Journeys = std::map<std::uint64_t, Open>;  // by printed id, so in order of appearance

  void open(const model::FlightRecord& record);
  void route(const model::StreamedEvent& event);
  void route_trace(const model::StreamedEvent& event);
  void admit_waiting(Open& open);
  void open(const model::RouteFailureRecord& record);
  void close(const model::ClosingRecord& record);
  void neighbour(const model::NeighbourEvent& event);
  Open* find_untracked(const model::StreamedEvent& event);
  /// Whose packet a rule trace is about; nothing when none is known, or more than one.
  Open* find_traced(const model::StreamedEvent& event);
  Open& insert(std::uint64_t attempt, Growing growing, MonotonicNs news);
  void schedule(std::uint64_t number, Open& open, MonotonicNs news);
  void forget(Journeys::iterator it);
  void make_room();
  /// A copy of a SYN whose attempt has been answered meanwhile: it was on its way, or in a queue, for longer than its sender waited.
  bool is_straggler(const model::FlightRecord& record) const;

  /// What remains of an attempt that needed more than one SYN, once it is forgotten.
  struct Settled {
    std::uint32_t isn = 0;
    std::vector<model::Flow> faces;
    MonotonicNs last_ns = 0;
  };

  TrackerLimits limits_;
  Journeys journeys_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_attempt_;
  std::unordered_multimap<std::uint32_t, std::uint64_t> by_isn_;
  std::multimap<MonotonicNs, std::uint64_t> due_;
  WaitingRoom waiting_;
  std::list<model::NeighbourEvent> recent_neighbours_;
  std::deque<Settled> settled_;
  std::set<std::uint64_t> stragglers_;  ///< the kernel side's attempts that are nobody's
  std::uint64_t next_number_ = 1;
  std::uint64_t forgotten_ = 0;
};

}  // namespace synfate::track
