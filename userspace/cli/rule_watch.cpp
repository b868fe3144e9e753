// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/rule_watch.hpp"

#include <sys/socket.h>

#include <algorithm>

namespace synfate::cli {
namespace {

constexpr std::uint8_t kFamilyIpv6 = 10;
/// The pauses between the first six SYNs of an attempt are shorter. A watch holds its namespace: it must not outlive it for long.
constexpr DurationNs kIdle = 8 * kSecond;
/// A table that changes is read again, and so is a text that may have changed, but not for every drop of a flood.
constexpr DurationNs kReadAgain = 500 * kMillisecond;
constexpr std::size_t kMaxRemembered = 4096;
/// Modules may have brought more functions to trace.
constexpr DurationNs kLookForFunctions = 5 * kSecond;

/// An entry that is a table, but whose name was not read: x_tables came after synfate, and its types were not known.
bool is_table(const std::string& function) { return function == "ipt_do_table" || function == "ip6t_do_table"; }

const model::Event* drop_of(const model::Journey& journey, const model::Event& verdict) {
  for (const model::Event& event : journey.events) {
    if (event.time_ns == verdict.time_ns && event.skb == verdict.skb && event.get<model::Drop>() != nullptr) return &event;
  }
  return nullptr;
}

/// The kernel side compared the counters of the table for that very drop, or tried to.
const model::HookVerdict* counted(const model::Journey& journey, const model::Event& drop) {
  for (const model::Event& event : journey.events) {
    const auto* verdict = event.get<model::HookVerdict>();
    if (verdict == nullptr || event.time_ns != drop.time_ns || event.skb != drop.skb || verdict->entry) continue;
    if (verdict->rule.kind == model::RuleKey::Kind::XtRule || verdict->how == model::HookVerdict::How::Counters ||
        verdict->how == model::HookVerdict::How::Fentry) {
      return verdict;
    }
  }
  return nullptr;
}

bool asks_for_elements(const model::RuleText& text) {
  return !text.element.empty() || !text.via.empty() || text.text.find_first_of("@{") != std::string::npos;
}

}  // namespace

bool RuleWatch::look_at(const model::Journey& journey, MonotonicNs now) {
  bool learnt = legacy_tables_.look_at(journey, now);
  for (const model::Event& event : journey.events) {
    const auto* verdict = event.get<model::HookVerdict>();
    if (verdict == nullptr) continue;
    if (verdict->rule.kind != model::RuleKey::Kind::None) {
      if (verdict->outcome == model::HookVerdict::Outcome::Drop) learnt |= explain(journey, event, *verdict, now);
      continue;
    }
    const model::Event* drop = drop_of(journey, event);
    if (drop == nullptr || journey.interrupted) continue;
    const model::Drop& dropped = *drop->get<model::Drop>();
    const bool by_nft = dropped.symbol.function == "nft_do_chain";
    if ((by_nft || (!verdict->entry && !verdict->doubt.empty())) && (traced_ns_ == 0 || traced_ns_ + kLookForFunctions < now)) {
      traced_ns_ = now;
      const bool policy = dropped.nft_site == model::Drop::Site::Policy;
      trace_functions(!by_nft ? probe::TraceDepth::Tables : policy ? probe::TraceDepth::Chains : probe::TraceDepth::Expressions);
    }
    if (verdict->entry && !verdict->entry->xt_table.empty() && dropped.has_hook) watch(journey, *drop, *verdict, now);
    if (verdict->entry && verdict->entry->xt_table.empty() && is_table(verdict->entry->function)) reload(now);
  }
  return learnt;
}

bool RuleWatch::is_worth_reading(const model::Event& event, const model::RuleKey& key, MonotonicNs now) {
  const model::Netns* netns = surroundings_.inventory().find(event.place.netns);
  const model::RuleText* known = netns == nullptr ? nullptr : netns->rule_text(key, event.flow);
  const std::string name = std::to_string(event.place.netns) + ' ' + std::to_string(key.generation) + ' ' + std::to_string(key.offset) +
                           ' ' + std::to_string(key.handle) + ' ' + std::to_string(key.chain_handle) + ' ' + key.table + ' ' + key.chain +
                           ' ' + to_string(event.flow.src.address) + ' ' + to_string(event.flow.dst);
  if (read_ns_.size() > kMaxRemembered) read_ns_.clear();
  MonotonicNs& read_ns = read_ns_[name];
  // What a rule of nf_tables does and says is in its key. Sets do change, tables of xtables may be replaced and
  // their memory used again, and what could not be read may be readable now.
  const bool may_change = known == nullptr || key.kind == model::RuleKey::Kind::XtRule || !known->gap.empty() || asks_for_elements(*known);
  if (!may_change || (known != nullptr && read_ns != 0 && (event.time_ns <= read_ns || read_ns + kReadAgain > now))) return false;
  read_ns = now;
  return true;
}

bool RuleWatch::explain(const model::Journey& journey, const model::Event& event, const model::HookVerdict& verdict, MonotonicNs now) {
  if (!is_worth_reading(event, verdict.rule, now)) return false;
  inventory::RuleQuestion question;
  question.key = verdict.rule;
  question.proof = verdict.proof;
  question.flow = event.flow;
  if (const model::Event* drop = drop_of(journey, event)) {
    question.in_device = drop->get<model::Drop>()->hook.in_device;
    question.out_device = drop->get<model::Drop>()->hook.out_device;
  }
  if (verdict.rule.kind == model::RuleKey::Kind::XtRule) (void)place(event, verdict, question);
  if (!surroundings_.read_rule(event.place.netns, question, now)) return false;
  const std::string changed = changed_since(event, verdict);
  if (!changed.empty()) surroundings_.retract_rule(event.place.netns, verdict.rule, event.flow, changed);
  return true;
}

std::string RuleWatch::changed_since(const model::Event& event, const model::HookVerdict& verdict) const {
  const model::RuleKey& key = verdict.rule;
  if (key.kind != model::RuleKey::Kind::NftRule || verdict.proof == 0) return "";
  const model::Netns* netns = surroundings_.inventory().find(event.place.netns);
  const model::RuleText* text = netns == nullptr ? nullptr : netns->rule_text(key, event.flow);
  if (text == nullptr || text->ruleset == 0) return "";
  // Replacing a rule keeps its handle. What it is now is what was read only while the ruleset is the one that was read.
  const auto now = probe_.rule_now(key);
  if (surroundings_.read_ruleset(event.place.netns) != text->ruleset) return "the ruleset kept changing while the rule was read";
  if (now && *now != verdict.proof) return "the rule was removed or replaced between the drop and this reading: it is another one now";
  if (!now && text->ruleset != verdict.ruleset)
    return "the ruleset was changed between the drop and this reading, and whether this rule was is not remembered";
  return "";
}

bool RuleWatch::place(const model::Event& event, const model::HookVerdict& verdict, inventory::RuleQuestion& question) const {
  // nftrace tells the chain and the number itself.
  if (!verdict.rule.chain.empty()) {
    question.chain = verdict.rule.chain;
    question.number = verdict.rule.number;
    question.policy = verdict.rule.number == 0;
    return true;
  }
  for (const auto& table : tables_) {
    if (!table || !table->armed || table->netns != event.place.netns || table->name != verdict.rule.table ||
        table->known.family != verdict.rule.family || table->info != verdict.rule.generation) {
      continue;
    }
    const inventory::XtRule* rule = table->known.at(verdict.rule.offset);
    if (rule == nullptr || rule->proof != verdict.proof || rule->drops != inventory::XtDrops::Always) continue;
    question.chain = table->known.chain_name(*rule);
    question.policy = rule->role == inventory::XtRole::Policy;
    if (!question.policy) question.number = rule->number;
    question.digest = rule->digest;
    return true;
  }
  return false;
}

void RuleWatch::reload(MonotonicNs now) {
  if (reloaded_ns_ != 0 && reloaded_ns_ + kLookForFunctions > now) return;
  reloaded_ns_ = now;
  // Their watches go with them; the next drop arms them again.
  for (auto& table : tables_) table.reset();
  if (const Status reloaded = probe_.reload_rules(); !reloaded) {
    say_({model::NoticeLevel::Warning, "rules_unavailable",
          to_string(reloaded.error()) + "; drops by netfilter are told without their rule"});
  }
}

void RuleWatch::trace_functions(probe::TraceDepth depth) {
  const Status traced = probe_.trace_functions(depth);
  if (traced || said_untraced_) return;
  said_untraced_ = true;
  say_({model::NoticeLevel::Warning, "fentry_unavailable", to_string(traced.error()) + "; rules are told in other ways"});
}

void RuleWatch::watch(const model::Journey& journey, const model::Event& event, const model::HookVerdict& verdict, MonotonicNs now) {
  const model::HookEntry& entry = *verdict.entry;
  const model::HookTraversal& hook = event.get<model::Drop>()->hook;
  probe::XtWatch wanted;
  wanted.table = entry.xt_address;
  wanted.family = hook.family;
  wanted.hook = hook.hook;
  wanted.priority = entry.priority.value_or(0);
  const auto is_it = [&](const auto& table) { return table && table->netns == event.place.netns && table->watch.same_place(wanted); };
  auto slot = std::find_if(tables_.begin(), tables_.end(), is_it);
  if (slot != tables_.end()) {
    if (event.time_ns <= (*slot)->last_drop_ns) return;
    (*slot)->last_drop_ns = event.time_ns;
    // The table that is watched is the one that drops, unless the kernel side said otherwise. A rule that it named has to be looked up
    // first.
    const model::HookVerdict* told = counted(journey, event);
    const bool stale = !(*slot)->armed || (told != nullptr && told->rule.kind == model::RuleKey::Kind::None);
    if (!stale || now < (*slot)->armed_ns + kReadAgain) return;
  } else {
    slot = std::find_if(tables_.begin(), tables_.end(), [](const auto& table) { return !table; });
    if (slot == tables_.end()) {
      slot =
          std::min_element(tables_.begin(), tables_.end(), [](const auto& a, const auto& b) { return a->last_drop_ns < b->last_drop_ns; });
    }
  }
  const auto number = static_cast<std::size_t>(slot - tables_.begin());
  Table table;
  table.netns = event.place.netns;
  table.name = entry.xt_table;
  table.watch = wanted;
  table.last_drop_ns = event.time_ns;
  table.armed_ns = now;
  table.armed = arm(number, table, now);
  if (!table.armed) probe_.unwatch_table(number);
  *slot = std::move(table);
}

bool RuleWatch::arm(std::size_t slot, Table& table, MonotonicNs now) {
  constexpr int kTries = 3;
  const int family = table.watch.family == kFamilyIpv6 ? AF_INET6 : AF_INET;
  const auto read = [&]() { return surroundings_.read_xt_table(table.netns, family, table.name, now); };
  const auto refused = [&](const Error& error) {
    cannot_watch(table, error);
    return false;
  };
  auto before = read();
  for (int tries = 0; tries < kTries; ++tries) {
    if (!before) return refused(before.error());
    table.watch.offsets.clear();
    for (const inventory::XtRule* rule : before->final_rules_from(table.watch.hook)) table.watch.offsets.push_back(rule->offset);
    const auto handle = surroundings_.open(table.netns);
    if (!handle) return refused(handle.error());
    const auto info = probe_.watch_table(slot, table.watch, handle->fd());
    if (!info) return refused(info.error());
    // What was read is what is watched only if nothing changed between.
    auto after = read();
    if (after && after->same_rules(*before)) {
      table.known = *std::move(after);
      table.info = *info;
      return true;
    }
    before = std::move(after);
  }
  return refused({ErrorKind::Io, "cannot watch its counters", "it is replaced all the time", ""});
}

void RuleWatch::cannot_watch(Table& table, const Error& error) {
  // Once for each table, not for each of its drops.
  if (!said_unwatched_.insert({table.netns, table.name}).second) return;
  say_({model::NoticeLevel::Warning, "table_unwatched",
        "iptables-legacy table " + table.name + " of netns " + surroundings_.inventory().label(table.netns) + ": " + to_string(error)});
}

void RuleWatch::tick(MonotonicNs now) {
  for (std::size_t slot = 0; slot < tables_.size(); ++slot) {
    if (!tables_[slot] || tables_[slot]->last_drop_ns + kIdle > now) continue;
    probe_.unwatch_table(slot);
    tables_[slot].reset();
  }
}

}  // namespace synfate::cli
