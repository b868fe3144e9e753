// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What --nftrace needs to believe a trace of iptables-legacy: the kernel's tables as they were before a drop and after it. A trace counts
// the rule in its chain and says nothing of what it does; in a table that was the same before and after, and counted on, it was this one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "cli/surroundings.hpp"

namespace synfate::cli {

/// One table, as of its last readings.
class TableHistory {
 public:
  /// It was read between these times.
  void read(inventory::XtTable table, MonotonicNs begun_ns, MonotonicNs ended_ns);

  struct Entry {
    const inventory::XtRule* rule = nullptr;
    MonotonicNs from_ns = 0;  ///< it was the same all the time
    MonotonicNs until_ns = 0;
  };
  /// What xtables' TRACE called so just before `at`; nothing where the table was not read before or not after, or was not the same, or
  /// where its counters do not say that this entry has matched meanwhile: it may have been replaced and put back.
  std::optional<Entry> traced(const std::string& chain, std::uint32_t number, MonotonicNs at) const;
  /// When it is worth another reading: a large one would take all the time.
  MonotonicNs due_ns() const;
  MonotonicNs read_ns() const { return readings_.empty() ? 0 : readings_.back().begun_ns; }
  std::size_t size() const;

 private:
  struct Reading {
    inventory::XtTable table;
    MonotonicNs begun_ns = 0;
    MonotonicNs ended_ns = 0;
  };
  std::deque<Reading> readings_;
};

class LegacyTables {
 public:
  explicit LegacyTables(Surroundings& surroundings) : surroundings_(surroundings) {}

  /// Reads the tables of those that it has not read yet, and forgets all others.
  void follow(const std::vector<model::NetnsId>& namespaces);
  /// Drops from then on have a reading that is surely before them, in all namespaces that are followed by now.
  MonotonicNs sure_from_ns() const { return sure_from_ns_; }
  /// Reads the rule that tracing says dropped the journey's last SYN, and says in the inventory that it drops. True when the inventory
  /// has learnt something.
  bool look_at(const model::Journey& journey, MonotonicNs now);

 private:
  /// By namespace, family and name.
  using Key = std::tuple<model::NetnsId, std::uint8_t, std::string>;
  struct Told {
    std::uint64_t digest = 0;
    MonotonicNs read_ns = 0;
  };

  void keep(Key key, inventory::XtTable table, MonotonicNs begun_ns, MonotonicNs ended_ns);
  std::optional<TableHistory::Entry> entry_of(const model::Event& drop, const model::RuleKey& key, MonotonicNs now);

  Surroundings& surroundings_;
  std::map<Key, TableHistory> tables_;
  std::set<model::NetnsId> followed_;
  MonotonicNs sure_from_ns_ = 0;
  std::map<std::string, Told> told_;  ///< by namespace and rule: the text that is in the inventory; bounded
};

}  // namespace synfate::cli
