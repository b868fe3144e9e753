// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// From drops made on purpose to what this kernel's stack frames mean: which place in the code frees for a rule, which for a policy, and in
// which words of the frame the rule, the chain and the hook entry are. A place is believed only if every lesson about it agrees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "probe/frames.hpp"

namespace synfate::probe {

/// What drops a SYN to that port in the calibration's namespace.
struct Drill {
  enum class By : std::uint8_t { Rule, Policy, Entry };
  By by = By::Rule;
  char chain = 0;            ///< first byte of its name; Rule and Policy
  std::uint32_t number = 0;  ///< Rule: from 1 in its chain; Entry: which of the BPF entries, from 0
};

class Lessons {
 public:
  explicit Lessons(std::map<std::uint16_t, Drill> drills) : drills_(std::move(drills)) {}

  /// One record of kind WIRE_KIND_LESSON; anything else, and lessons about ports that are no drill, are ignored.
  void add(std::span<const std::byte> record);
  /// Every drill has been seen.
  bool complete() const { return seen_.size() == drills_.size(); }
  /// Ports whose drill has not been seen.
  std::vector<std::uint16_t> missing() const;
  /// What all lessons so far agree about; a part that lacks a lesson, or about which two disagree, is not learnt.
  Frames frames() const;

 private:
  using Slots = std::set<std::int32_t>;
  struct Place {
    std::set<std::uint64_t> locations;
    std::vector<Slots> candidates;        ///< of each lesson
    std::vector<Slots> state_candidates;  ///< Entry: of the nf_hook_state
  };

  std::map<std::uint16_t, Drill> drills_;
  std::set<std::uint16_t> seen_;
  std::map<Drill::By, Place> places_;
};

}  // namespace synfate::probe
