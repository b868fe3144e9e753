// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/legacy_tables.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "judge/legacy_trace.hpp"

namespace synfate::cli {
namespace {

/// A packet's way through a table is shorter, also where it is interrupted.
constexpr DurationNs kWalk = 50 * kMillisecond;
/// Readings that are closer than that are not kept, so that a few of them reach back before any walk.
constexpr DurationNs kApart = 25 * kMillisecond;
constexpr std::size_t kMaxReadings = 4;
/// Of all tables, about 100 bytes each.
constexpr std::size_t kMaxEntries = 500'000;
/// Ten times what reading an entry takes.
constexpr DurationNs kPauseForEntry = kMillisecond / 100;
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

/// Whoever replaces a table begins to count from zero, or gives the new one the counts of the old, as iptables does.
bool only_counted(const inventory::XtTable& before, const inventory::XtTable& after) {
  return before.same_rules(after) &&
         std::equal(before.rules.begin(), before.rules.end(), after.rules.begin(),
                    [](const inventory::XtRule& a, const inventory::XtRule& b) { return a.packets <= b.packets; });
}

}  // namespace

void TableHistory::read(inventory::XtTable table, MonotonicNs begun_ns, MonotonicNs ended_ns) {
  // One that saw another table stays, or its change would be forgotten.
  const bool close = readings_.size() > 1 && readings_.back().ended_ns < readings_[readings_.size() - 2].ended_ns + kApart &&
                     only_counted(readings_[readings_.size() - 2].table, readings_.back().table);
  if (close) readings_.pop_back();
  readings_.push_back({std::move(table), begun_ns, ended_ns});
  if (readings_.size() > kMaxReadings) readings_.pop_front();
}

std::optional<TableHistory::Entry> TableHistory::traced(const std::string& chain, std::uint32_t number, MonotonicNs at) const {
  const auto later = std::find_if(readings_.begin(), readings_.end(), [&](const Reading& one) { return one.ended_ns + kWalk > at; });
  const auto after = std::find_if(later, readings_.end(), [&](const Reading& one) { return one.begun_ns >= at; });
  if (later == readings_.begin() || after == readings_.end()) return std::nullopt;
  const auto before = std::prev(later);
  for (auto next = before; next != after; ++next) {
    if (!only_counted(next->table, std::next(next)->table)) return std::nullopt;
  }
  const inventory::XtRule* rule = before->table.traced(chain, number);
  const inventory::XtRule* same = after->table.traced(chain, number);
  if (rule == nullptr || same == nullptr || same->packets <= rule->packets) return std::nullopt;
  return Entry{rule, before->ended_ns, after->begun_ns};
}

MonotonicNs TableHistory::due_ns() const {
  return readings_.empty() ? 0 : readings_.back().ended_ns + readings_.back().table.rules.size() * kPauseForEntry;
}

std::size_t TableHistory::size() const {
  std::size_t entries = 0;
  for (const Reading& one : readings_) entries += one.table.rules.size();
  return entries;
}

void LegacyTables::keep(Key key, inventory::XtTable table, MonotonicNs begun_ns, MonotonicNs ended_ns) {
  std::size_t entries = table.rules.size();
  for (const auto& [other, known] : tables_) entries += known.size();
  // They come again one by one, with the drops in them.
  if (entries > kMaxEntries) tables_.clear();
  tables_[std::move(key)].read(std::move(table), begun_ns, ended_ns);
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
      const MonotonicNs ended = monotonic_now();
      keep(std::move(key), std::move(table), begun, ended);
      sure_from_ns_ = ended + kWalk;
    }
  }
}

std::optional<TableHistory::Entry> LegacyTables::entry_of(const model::Event& drop, const model::RuleKey& key, MonotonicNs now) {
  const Key where{drop.place.netns, key.family, key.table};
  if (!followed_.contains(drop.place.netns)) return std::nullopt;
  const auto known = tables_.find(where);
  const bool is_read = known != tables_.end() && known->second.read_ns() >= drop.time_ns;
  const bool is_due = known == tables_.end() || known->second.due_ns() <= now;
  if (!is_read && is_due) {
    const MonotonicNs begun = monotonic_now();
    auto table = surroundings_.read_xt_table(drop.place.netns, family_of(key.family), key.table, now);
    if (table) keep(where, *std::move(table), begun, monotonic_now());
  }
  const auto found = tables_.find(where);
  return found == tables_.end() ? std::nullopt : found->second.traced(key.chain, key.number, drop.time_ns);
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
