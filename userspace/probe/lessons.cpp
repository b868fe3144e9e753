// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/lessons.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

// clang-format off: the configuration's types come from the kernel's header.
#include <linux/types.h>

#include "config.h"
#include "lesson_record.h"
// clang-format on
#include "synfate/wire.h"

namespace synfate::probe {
namespace {

std::uint64_t initial(char chain) { return static_cast<std::uint64_t>(static_cast<unsigned char>(chain)) << 32U; }

/// The slots that hold what the drill is about.
std::set<std::int32_t> slots_of(const wire_lesson& lesson, wire_lesson_kind what, std::uint64_t value) {
  std::set<std::int32_t> slots;
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(lesson.count, WIRE_LESSON_MAX); ++i) {
    const wire_finding& finding = lesson.found[i];
    if (finding.what == static_cast<std::uint32_t>(what) && finding.value == value) slots.insert(finding.slot);
  }
  return slots;
}

/// Those that every lesson has; the nearest to the return address, as many as the kernel side compares.
std::vector<std::int32_t> agreed(const std::vector<std::set<std::int32_t>>& candidates, std::size_t lessons) {
  if (candidates.empty() || candidates.size() != lessons) return {};
  std::vector<std::int32_t> slots;
  for (const std::int32_t slot : candidates.front()) {
    if (std::all_of(candidates.begin(), candidates.end(), [&](const auto& each) { return each.contains(slot); })) slots.push_back(slot);
  }
  std::sort(slots.begin(), slots.end(), [](std::int32_t a, std::int32_t b) { return std::abs(a) < std::abs(b); });
  if (slots.size() > MAX_SLOTS) slots.resize(MAX_SLOTS);
  return slots;
}

}  // namespace

void Lessons::add(std::span<const std::byte> record) {
  wire_lesson lesson{};
  if (record.size() != sizeof lesson) return;
  std::memcpy(&lesson, record.data(), sizeof lesson);
  const auto port = static_cast<std::uint16_t>(lesson.dport);
  const auto drill = drills_.find(port);
  // A retransmit teaches nothing new.
  if (drill == drills_.end() || !seen_.insert(port).second) return;
  Place& place = places_[drill->second.by];
  place.locations.insert(lesson.location);
  switch (drill->second.by) {
    case Drill::By::Rule:
      place.candidates.push_back(slots_of(lesson, WIRE_LESSON_EXPRESSION, initial(drill->second.chain) | drill->second.number));
      break;
    case Drill::By::Policy: place.candidates.push_back(slots_of(lesson, WIRE_LESSON_CHAIN, initial(drill->second.chain))); break;
    case Drill::By::Entry:
      place.candidates.emplace_back();
      if (drill->second.number < std::min<std::uint32_t>(lesson.bpf_count, 4))
        place.candidates.back() = slots_of(lesson, WIRE_LESSON_INDEX, lesson.bpf_entry[drill->second.number]);
      place.state_candidates.push_back(slots_of(lesson, WIRE_LESSON_STATE, 0));
      break;
  }
}

std::vector<std::uint16_t> Lessons::missing() const {
  std::vector<std::uint16_t> ports;
  for (const auto& [port, drill] : drills_) {
    if (!seen_.contains(port)) ports.push_back(port);
  }
  return ports;
}

Frames Lessons::frames() const {
  Frames frames;
  const auto learn = [&](Drill::By by, std::uint64_t& site, std::vector<std::int32_t>& slots, std::vector<std::int32_t>* state) {
    const auto place = places_.find(by);
    const auto expected =
        static_cast<std::size_t>(std::count_if(drills_.begin(), drills_.end(), [&](const auto& each) { return each.second.by == by; }));
    if (place == places_.end() || place->second.locations.size() != 1) return;
    slots = agreed(place->second.candidates, expected);
    if (state != nullptr) *state = agreed(place->second.state_candidates, expected);
    // Without all of its lessons not even the place is sure.
    if (place->second.candidates.size() == expected) site = *place->second.locations.begin();
  };
  learn(Drill::By::Rule, frames.rule_site, frames.expression, nullptr);
  learn(Drill::By::Policy, frames.policy_site, frames.base_chain, nullptr);
  learn(Drill::By::Entry, frames.entry_site, frames.entry_index, &frames.state);
  // One place for both would tell nothing.
  if (frames.rule_site == frames.policy_site) frames.rule_site = frames.policy_site = 0;
  return frames;
}

}  // namespace synfate::probe
