// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Events that came before the attempt that they belong to: rule traces are told while a SYN is on its way, its record when it has died.
// Bounded in number and in time; most of what waits belongs to attempts that succeed, which nobody asks for.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <vector>

#include "model/record.hpp"

namespace synfate::track {

class WaitingRoom {
 public:
  static constexpr std::size_t kMaxEvents = 8192;
  /// The first retransmit, which makes a silent attempt known, comes after one second.
  static constexpr DurationNs kPatience = 2 * kSecond;

  void add(model::StreamedEvent event);
  bool has(std::uint32_t isn) const { return by_isn_.contains(isn); }
  /// Those with this ISN that are accepted, in the order in which they came.
  std::vector<model::StreamedEvent> take(std::uint32_t isn, const std::function<bool(const model::StreamedEvent&)>& accepts);
  std::size_t size() const { return events_.size(); }
  /// Events that had to leave before their time.
  std::uint64_t crowded_out() const { return crowded_out_; }

 private:
  void remove_oldest();

  std::map<std::uint64_t, model::StreamedEvent> events_;  ///< by order of arrival
  std::unordered_multimap<std::uint32_t, std::uint64_t> by_isn_;
  std::uint64_t next_ = 0;
  std::uint64_t crowded_out_ = 0;
};

}  // namespace synfate::track
