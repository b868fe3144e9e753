// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/rule_watch.hpp"

#include <sys/socket.h>

#include <algorithm>

namespace synfate::cli {
namespace {

constexpr std::uint8_t kFamilyIpv6 = 10;
/// The longest pause between two SYNs of one attempt that users wait for, twice.
constexpr DurationNs kIdle = 20 * kSecond;
/// A table that changes is read again, but not for every drop of a flood.
constexpr DurationNs kReadAgain = 500 * kMillisecond;
/// Modules may have brought more functions to trace.
constexpr DurationNs kLookForFunctions = 5 * kSecond;

const model::Event* drop_of(const model::Journey& journey, const model::Event& verdict) {
  for (const model::Event& event : journey.events) {
    if (event.time_ns == verdict.time_ns && event.skb == verdict.skb && event.get<model::Drop>() != nullptr) return &event;
  }
  return nullptr;
}

bool asks_for_elements(const model::RuleText& text) {
  return !text.element.empty() || !text.via.empty() || text.text.find_first_of("@{") != std::string::npos;
}

}  // namespace

bool RuleWatch::look_at(const model::Journey& journey, MonotonicNs now) {
  bool learnt = false;
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
    if (dropped.symbol.function == "nft_do_chain" && (traced_ns_ == 0 || traced_ns_ + kLookForFunctions < now)) {
      traced_ns_ = now;
      trace_functions();
    }
    if (verdict->entry && !verdict->entry->xt_table.empty() && dropped.has_hook) watch(event, *verdict, dropped.hook, now);
  }
  return learnt;
}

bool RuleWatch::explain(const model::Journey& journey, const model::Event& event, const model::HookVerdict& verdict, MonotonicNs now) {
  const model::Netns* netns = surroundings_.inventory().find(event.place.netns);
  const model::RuleText* known = netns == nullptr ? nullptr : netns->rule_text(verdict.rule, event.flow);
  if (known != nullptr) {
    const bool same_flow = known->flow.dst == event.flow.dst && known->flow.src.address == event.flow.src.address;
    if (same_flow || !asks_for_elements(*known)) return false;
  }
  inventory::RuleQuestion question;
  question.key = verdict.rule;
  question.proof = verdict.proof;
  question.flow = event.flow;
  if (const model::Event* drop = drop_of(journey, event)) {
    question.in_device = drop->get<model::Drop>()->hook.in_device;
    question.out_device = drop->get<model::Drop>()->hook.out_device;
  }
  if (verdict.rule.kind == model::RuleKey::Kind::XtRule && !place(event, verdict, question)) {
    // What it says of the missing rule is as true as anything.
    question.number = 0;
  }
  return static_cast<bool>(surroundings_.read_rule(event.place.netns, question, now));
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
    if (!table || table->netns != event.place.netns || table->name != verdict.rule.table || table->known.family != verdict.rule.family)
      continue;
    const inventory::XtRule* rule = table->known.at(verdict.rule.offset);
    if (rule == nullptr || rule->proof != verdict.proof || rule->drops != inventory::XtDrops::Always) continue;
    question.chain = table->known.chain_name(*rule);
    question.policy = rule->role == inventory::XtRole::Policy;
    if (!question.policy) question.number = rule->number;
    return true;
  }
  return false;
}

void RuleWatch::trace_functions() {
  const Status traced = probe_.trace_functions();
  if (traced || said_untraced_) return;
  said_untraced_ = true;
  say_({model::NoticeLevel::Warning, "fentry_unavailable", to_string(traced.error()) + "; rules are told in other ways"});
}

void RuleWatch::watch(const model::Event& event, const model::HookVerdict& verdict, const model::HookTraversal& hook, MonotonicNs now) {
  const model::HookEntry& entry = *verdict.entry;
  probe::XtWatch wanted;
  wanted.table = entry.xt_address;
  wanted.family = hook.family;
  wanted.hook = hook.hook;
  wanted.priority = entry.priority.value_or(0);
  const auto is_it = [&](const auto& table) { return table && table->netns == event.place.netns && table->watch.same_place(wanted); };
  auto slot = std::find_if(tables_.begin(), tables_.end(), is_it);
  if (slot != tables_.end()) {
    const bool old_news = event.time_ns <= (*slot)->last_drop_ns;
    if (old_news || now < (*slot)->last_drop_ns + kReadAgain) return;
  } else {
    slot = std::find_if(tables_.begin(), tables_.end(), [](const auto& table) { return !table; });
    if (slot == tables_.end()) {
      slot =
          std::min_element(tables_.begin(), tables_.end(), [](const auto& a, const auto& b) { return a->last_drop_ns < b->last_drop_ns; });
    }
  }
  Table table{event.place.netns, entry.xt_table, wanted, {}, now, false};
  auto read = surroundings_.read_xt_table(table.netns, hook.family == kFamilyIpv6 ? AF_INET6 : AF_INET, table.name, now);
  if (!read) {
    cannot_watch(table, read.error());
  } else {
    table.known = *std::move(read);
    for (const inventory::XtRule* rule : table.known.final_rules_from(hook.hook)) table.watch.offsets.push_back(rule->offset);
    const auto handle = surroundings_.open(table.netns);
    const auto number = static_cast<std::size_t>(slot - tables_.begin());
    if (!handle) {
      cannot_watch(table, handle.error());
    } else if (const Status armed = probe_.watch_table(number, table.watch, handle->fd()); !armed) {
      cannot_watch(table, armed.error());
    } else {
      table.armed = true;
    }
  }
  *slot = std::move(table);
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
