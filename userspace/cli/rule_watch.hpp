// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a session does about rules: reads the text of those that dropped, and makes the kernel side watch the tables of iptables-legacy
// whose rule could not be told from a first drop, so that the retransmitted SYN tells it. Watches end by themselves.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "cli/legacy_tables.hpp"
#include "cli/surroundings.hpp"
#include "model/verdict.hpp"
#include "probe/probe.hpp"

namespace synfate::cli {

class RuleWatch {
 public:
  using Say = std::function<void(const model::Notice&)>;

  RuleWatch(probe::Probe& probe, Surroundings& surroundings, Say say)
      : probe_(probe), surroundings_(surroundings), say_(std::move(say)), legacy_tables_(surroundings) {}

  /// Before a journey is judged. Returns true when the inventory has learnt something.
  bool look_at(const model::Journey& journey, MonotonicNs now);
  /// Where the kernel allows it; says so when it should and does not.
  void trace_functions(probe::TraceDepth depth);
  /// Where the kernel's own tracing is on: its lines about rules of iptables-legacy are to be believed.
  /// See LegacyTables::sure_from_ns().
  MonotonicNs traced_surely_from_ns() const { return legacy_tables_.sure_from_ns(); }
  void follow_traced(const std::vector<model::NetnsId>& namespaces) { legacy_tables_.follow(namespaces); }
  /// Ends what has seen no drop for a while.
  void tick(MonotonicNs now);

 private:
  struct Table {
    model::NetnsId netns = 0;
    std::string name;
    probe::XtWatch watch;
    inventory::XtTable known;  ///< as it was when the watch began
    std::uint64_t info = 0;    ///< the memory that it was in then
    MonotonicNs last_drop_ns = 0;
    MonotonicNs armed_ns = 0;  ///< when that was tried last
    bool armed = false;        ///< else it could not be, and why was said
  };

  bool explain(const model::Journey& journey, const model::Event& event, const model::HookVerdict& verdict, MonotonicNs now);
  void watch(const model::Journey& journey, const model::Event& event, const model::HookVerdict& verdict, MonotonicNs now);
  /// The table as it is now, watched as it is now; false: it could not be, and why was said.
  bool arm(std::size_t slot, Table& table, MonotonicNs now);
  /// Why what was read now is not what dropped the packet; empty: it is.
  std::string changed_since(const model::Event& event, const model::HookVerdict& verdict) const;
  bool is_worth_reading(const model::Event& event, const model::RuleKey& key, MonotonicNs now);
  /// Types of a module that came later become known.
  void reload(MonotonicNs now);
  void cannot_watch(Table& table, const Error& error);
  /// Chain and number as the table had them when the watch began; false: it has no such rule any more.
  bool place(const model::Event& event, const model::HookVerdict& verdict, inventory::RuleQuestion& question) const;

  probe::Probe& probe_;
  Surroundings& surroundings_;
  Say say_;
  LegacyTables legacy_tables_;
  std::array<std::optional<Table>, probe::XtCounters::kMaxWatches> tables_;
  std::set<std::pair<model::NetnsId, std::string>> said_unwatched_;
  bool said_untraced_ = false;
  std::map<std::string, MonotonicNs> read_ns_;  ///< by namespace, rule and destination: when its text was read last; bounded
  MonotonicNs reloaded_ns_ = 0;
  MonotonicNs traced_ns_ = 0;  ///< when the functions of nf_tables were last looked at; 0: never
};

}  // namespace synfate::cli
