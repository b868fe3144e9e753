// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/legacy_tables.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "judge/legacy_trace.hpp"

namespace synfate::cli {
namespace {

/// A packet's way through a table is shorter, also where it is interrupted.
constexpr DurationNs kWalk = 50 * kMillisecond;
constexpr std::size_t kMaxStates = 4;
/// Of all tables, about 100 bytes each.
constexpr std::size_t kMaxEntries = 500'000;
/// Reading a large table for every drop of a flood would take all the time.
constexpr DurationNs kShareOfTime = 10;
constexpr DurationNs kReadAgain = 500 * kMillisecond;
constexpr std::size_t kMaxRemembered = 4096;

int family_of(std::uint8_t family) { return family == AF_INET6 ? AF_INET6 : AF_INET; }

const model::Event* last_dropped_by_a_hook(const model::Journey& journey) {
  const auto drop = std::find_if(journey.events.rbegin(), journey.events.rend(), [](const model::Event& event) {
    const auto* dropped = event.get<model::Drop>();
    return dropped != nullptr && event.leg == model::Leg::Syn && dropped->has_hook;
  });
  return drop == journey.events.rend() ? nullptr : &*drop;
}

}  // namespace

void TableHistory::read(inventory::XtTable table, MonotonicNs begun_ns, MonotonicNs ended_ns) {
  if (!states_.empty() && states_.back().table.same_rules(table)) {
    states_.back().until_ns = begun_ns;
    return;
  }
  states_.push_back({std::move(table), ended_ns, begun_ns});
  if (states_.size() > kMaxStates) states_.pop_front();
}

std::optional<TableHistory::Entry> TableHistory::traced(const std::string& chain, std::uint32_t number, MonotonicNs at) const {
  const auto later = std::find_if(states_.begin(), states_.end(), [&](const State& state) { return state.from_ns + kWalk > at; });
  if (later == states_.begin()) return std::nullopt;
  const State& before = *std::prev(later);
  const inventory::XtRule* rule = before.table.traced(chain, number);
  if (rule == nullptr) return std::nullopt;
  if (at <= before.until_ns) return Entry{rule, before.from_ns, before.until_ns};
  const auto after = std::find_if(later, states_.end(), [&](const State& state) { return state.until_ns >= at; });
  if (after == states_.end()) return std::nullopt;
  const inventory::XtRule* same = after->table.traced(chain, number);
  if (same == nullptr || same->digest != rule->digest || same->role != rule->role) return std::nullopt;
  return Entry{rule, before.from_ns, after->until_ns};
}

std::size_t TableHistory::size() const {
  std::size_t entries = 0;
  for (const State& state : states_) entries += state.table.rules.size();
  return entries;
}

void LegacyTables::keep(Key key, inventory::XtTable table, MonotonicNs begun_ns, MonotonicNs ended_ns) {
  std::size_t entries = table.rules.size();
  for (const auto& [other, known] : tables_) entries += known.history.size();
  // They come again one by one, with the drops in them.
  if (entries > kMaxEntries) tables_.clear();
  Table& known = tables_[std::move(key)];
  known.history.read(std::move(table), begun_ns, ended_ns);
  known.cost_ns = ended_ns - begun_ns;
}

void LegacyTables::follow(const std::vector<model::NetnsId>& namespaces) {
  const std::set<model::NetnsId> wanted(namespaces.begin(), namespaces.end());
  std::erase_if(tables_, [&](const auto& entry) { return !wanted.contains(std::get<model::NetnsId>(entry.first)); });
  std::erase_if(followed_, [&](model::NetnsId netns) { return !wanted.contains(netns); });
  for (const model::NetnsId netns : wanted) {
    if (!followed_.insert(netns).second) continue;
    const MonotonicNs begun = monotonic_now();
    for (inventory::XtTable& table : surroundings_.read_xt_tables(netns)) {
      Key key{netns, table.family, table.name};
      keep(std::move(key), std::move(table), begun, monotonic_now());
    }
  }
}

std::optional<TableHistory::Entry> LegacyTables::entry_of(const model::Event& drop, const model::RuleKey& key, MonotonicNs now) {
  const Key where{drop.place.netns, key.family, key.table};
  if (!followed_.contains(drop.place.netns)) return std::nullopt;
  const auto known = tables_.find(where);
  const bool is_read = known != tables_.end() && known->second.history.read_ns() >= drop.time_ns;
  const bool is_due = known == tables_.end() || known->second.history.read_ns() + known->second.cost_ns * kShareOfTime < now;
  if (!is_read && is_due) {
    const MonotonicNs begun = monotonic_now();
    auto table = surroundings_.read_xt_table(drop.place.netns, family_of(key.family), key.table, now);
    if (table) keep(where, *std::move(table), begun, monotonic_now());
  }
  const auto found = tables_.find(where);
  return found == tables_.end() ? std::nullopt : found->second.history.traced(key.chain, key.number, drop.time_ns);
}

bool LegacyTables::look_at(const model::Journey& journey, MonotonicNs now) {
  if (followed_.empty()) return false;
  const model::Event* drop = last_dropped_by_a_hook(journey);
  if (drop == nullptr) return false;
  const judge::LegacyTrace trace = judge::last_legacy_trace(journey, *drop);
  if (trace.line == nullptr || !trace.doubt.empty()) return false;
  const model::RuleKey& key = trace.line->get<model::HookVerdict>()->rule;
  const auto entry = entry_of(*drop, key, now);
  if (!entry || entry->rule->drops != inventory::XtDrops::Always) return false;
  const std::string name = std::to_string(drop->place.netns) + ' ' + std::to_string(key.family) + ' ' + key.table + ' ' + key.chain + ' ' +
                           std::to_string(key.number);
  if (told_.size() > kMaxRemembered) told_.clear();
  Told& told = told_[name];
  const model::Netns* netns = surroundings_.inventory().find(drop->place.netns);
  const model::RuleText* known = netns == nullptr ? nullptr : netns->rule_text(key, {});
  const bool is_its = known != nullptr && told.digest == entry->rule->digest;
  if (is_its && known->dropped_at(drop->time_ns) && (known->gap.empty() || told.read_ns + kReadAgain > now)) return false;
  if (!is_its || (!known->gap.empty() && told.read_ns + kReadAgain <= now)) {
    inventory::RuleQuestion question;
    question.key = key;
    question.chain = key.chain;
    question.policy = entry->rule->role == inventory::XtRole::Policy;
    if (!question.policy) question.number = key.number;
    question.digest = entry->rule->digest;
    if (!surroundings_.read_rule(drop->place.netns, question, now)) return false;
    told = {entry->rule->digest, now};
  }
  surroundings_.say_it_drops(drop->place.netns, key, entry->from_ns, entry->until_ns);
  return true;
}

}  // namespace synfate::cli
