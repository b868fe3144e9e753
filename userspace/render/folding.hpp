// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Keeps what is printed readable when hundreds fail for one reason: so many rows of a kind are printed, the others are counted, and the
// count is said now and then and at the end. Leaves nothing out of any count, and holds back no first row of its kind, no revision of a
// row that was printed, and no attempt that succeeded.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "render/sink.hpp"

namespace synfate::render {

/// So many rows at once, and one more for each interval.
struct FoldLimits {
  unsigned at_once = 20;
  DurationNs interval = 1 * kSecond;

  static FoldLimits of_kind_for_people() { return {20, 1 * kSecond}; }
  static FoldLimits of_all_for_people() { return {100, 100 * kMillisecond}; }
  static FoldLimits of_kind_for_programs() { return {1000, 10 * kMillisecond}; }
  static FoldLimits of_all_for_programs() { return {4000, 5 * kMillisecond / 2}; }
};

class FoldingSink final : public Sink {
 public:
  /// `of_kind`: rows of one cause, place, rule and destination; `of_all`: all rows that fail.
  FoldingSink(std::unique_ptr<Sink> next, FoldLimits of_kind, FoldLimits of_all);

  bool attempt(const model::Attempt& attempt) override;
  bool folded(const model::Folded& folded) override { return next_->folded(folded); }
  bool notice(const model::Notice& notice) override { return next_->notice(notice); }
  /// Says all counts first, and adds them up in it.
  bool summary(const model::Summary& summary) override;
  bool tick(MonotonicNs now) override;

 private:
  class Allowance {
   public:
    explicit Allowance(FoldLimits limits) : limits_(limits) {}
    bool has_one(MonotonicNs now) const;
    void take(MonotonicNs now);

   private:
    FoldLimits limits_;
    MonotonicNs due_ns_ = 0;
  };
  struct Group {
    Group(const model::Attempt& first, FoldLimits limits);
    model::Folded folded;  ///< its attempt is the printed one, without its path
    std::set<model::IpAddress> sources;
    std::set<model::Endpoint> destinations;
    Allowance allowance;
    std::uint64_t said = 0;
    MonotonicNs due_ns = 0;  ///< when a new count is said; 0: there is none
    DurationNs pause = 0;
    MonotonicNs last_used_ns = 0;
  };
  /// Of an attempt that was not printed.
  struct Held {
    std::string kind;   ///< as it was judged
    std::string group;  ///< where it was counted
  };
  using Groups = std::unordered_map<std::string, Group>;

  bool print(const model::Attempt& attempt, const std::string& kind, const std::string& cause);
  void fold(const model::Attempt& attempt, const std::string& kind, Group& group, const std::string& name);
  void take_back(std::uint64_t id);
  bool say(Group& group);
  /// The group of that name, begun with this row if there was none.
  Group& begin(const std::string& name, const model::Attempt& first);
  bool make_room();

  std::unique_ptr<Sink> next_;
  FoldLimits of_kind_;
  Allowance all_;
  Groups groups_;
  std::unordered_map<std::uint64_t, Held> held_;
  std::deque<std::uint64_t> held_order_;
  std::uint64_t total_ = 0;
  MonotonicNs now_ = 0;
};

}  // namespace synfate::render
