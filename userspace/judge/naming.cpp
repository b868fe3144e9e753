// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/naming.hpp"

#include <algorithm>

#include "judge/legacy_trace.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;
using model::HookEntry;
using model::HookVerdict;
using model::RuleKey;
using model::RuleText;
using How = HookVerdict::How;

bool is_nft(const RuleKey& key) { return key.kind == RuleKey::Kind::NftRule || key.kind == RuleKey::Kind::NftPolicy; }
bool names_a_rule(const HookVerdict& verdict) { return verdict.rule.kind != RuleKey::Kind::None; }

/// The source whose word is taken where several say the same.
int rank(How how) {
  switch (how) {
    case How::Fentry: return 0;
    case How::Counters: return 1;
    case How::Stack: return 2;
    case How::NfTrace: return 3;
  }
  return 3;
}

/// What was recorded of the verdict on the packet of that drop, best source first.
std::vector<const HookVerdict*> verdicts_of(const Case& kase, const Event& drop) {
  std::vector<const HookVerdict*> found;
  for (const Event& event : kase.journey().events) {
    const auto* verdict = event.get<HookVerdict>();
    if (verdict == nullptr || verdict->how == How::NfTrace || verdict->outcome != HookVerdict::Outcome::Drop) continue;
    if (event.time_ns != drop.time_ns || event.skb != drop.skb || drop.skb == 0 || event.place.netns != drop.place.netns) continue;
    found.push_back(verdict);
  }
  std::stable_sort(found.begin(), found.end(), [](const HookVerdict* a, const HookVerdict* b) { return rank(a->how) < rank(b->how); });
  return found;
}

DurationNs between(const Event& a, const Event& b) { return a.time_ns > b.time_ns ? a.time_ns - b.time_ns : b.time_ns - a.time_ns; }

/// Rules that the kernel's tracing says dropped a packet of this leg in that namespace at the moment of the drop. Which packet is not
/// known.
std::vector<const HookVerdict*> traces_of(const Case& kase, const Event& drop) {
  std::vector<const HookVerdict*> found;
  for (const Event& event : kase.journey().events) {
    const auto* verdict = event.get<HookVerdict>();
    if (verdict == nullptr || verdict->how != How::NfTrace || verdict->outcome != HookVerdict::Outcome::Drop || !names_a_rule(*verdict)) {
      continue;
    }
    if (event.place.netns == drop.place.netns && event.leg == drop.leg && between(event, drop) <= kSameMoment) found.push_back(verdict);
  }
  return found;
}

template <class Value>
bool differ(const Value& a, const Value& b) {
  return a != Value{} && b != Value{} && a != b;
}

const RuleText* text_of(const Case& kase, const RuleKey& key) {
  const model::Netns* netns = kase.netns(kase.drop_event()->place.netns);
  return netns == nullptr ? nullptr : netns->rule_text(key, kase.drop_event()->flow);
}

/// The text has to be of that kind of rule, in that chain.
bool is_about(const RuleText& text, const RuleKey& key) {
  if (is_nft(key) && text.policy != (key.kind == RuleKey::Kind::NftPolicy)) return false;
  if (!text.backend.empty() && is_nft(key) == (text.backend == "iptables-legacy")) return false;
  return !differ(text.chain, key.chain);
}

/// The source, with the tier that its claim has.
std::string_view source_words(How how) {
  switch (how) {
    case How::Stack: return "the kernel's stack (tier 2)";
    case How::Fentry: return "the kernel's functions, traced (tier 2f)";
    case How::Counters: return "the rules' own counters (tier 3)";
    case How::NfTrace: return "the kernel's rule trace (tier 4)";
  }
  return "";
}

struct Position {
  std::string chain;
  std::uint32_t number = 0;
  std::optional<bool> policy;
};

/// Tracing counts a rule of xtables in its chain, the others tell its offset in the table: only the text joins them.
Position position_of(const Case& kase, const RuleKey& key) {
  const RuleText* text = text_of(kase, key);
  const bool known = text != nullptr && (text->gap.empty() || text->dropped_at(kase.drop_event()->time_ns));
  if (known) return {text->chain, text->policy ? 0 : text->number.value_or(0), text->policy};
  if (!key.chain.empty()) return {key.chain, key.number, std::nullopt};
  return {};
}

bool contradict(const Case& kase, const RuleKey& a, const RuleKey& b) {
  if (a.kind != b.kind || differ(a.family, b.family) || differ(a.table, b.table)) return true;
  if (a.kind == RuleKey::Kind::XtRule) {
    if (differ(a.generation, b.generation)) return true;
    if (a.generation != 0 && b.generation != 0) return a.offset != b.offset;
    const Position at = position_of(kase, a);
    const Position other = position_of(kase, b);
    return differ(at.chain, other.chain) || differ(at.number, other.number) || (at.policy && other.policy && *at.policy != *other.policy);
  }
  return differ(a.table_handle, b.table_handle) || differ(a.chain, b.chain) || differ(a.chain_handle, b.chain_handle) ||
         differ(a.handle, b.handle);
}

std::string key_words(const RuleKey& key) {
  std::string text = key.kind == RuleKey::Kind::NftPolicy ? "the policy" : "a rule";
  // What tracing of xtables calls a policy may be a rule without a condition.
  const bool entry = key.kind == RuleKey::Kind::XtRule && !key.chain.empty();
  if (key.number != 0) text = (entry ? "entry " : "rule ") + std::to_string(key.number);
  if (key.handle != 0) text += " (handle " + std::to_string(key.handle) + ")";
  if (!key.chain.empty()) text += " of chain " + clean(key.chain);
  return text + (key.table.empty() ? "" : " in table " + clean(key.table));
}

/// What of the drop itself cannot be if that rule dropped it; empty: nothing.
std::string impossible(const Drop& drop, const std::optional<HookEntry>& entry, const RuleKey& key) {
  if (by_nft(drop)) {
    if (!is_nft(key)) return "nft_do_chain freed it, which asks no rule of xtables";
    if (drop.nft_site == Drop::Site::Policy && key.kind == RuleKey::Kind::NftRule) return "it was freed where policies are applied";
    if (drop.nft_site == Drop::Site::Rule && key.kind == RuleKey::Kind::NftPolicy) return "it was freed where rules are applied";
  }
  if (drop.has_hook && key.family != 0 && !family_fits(key.family, drop.hook)) return "no table of that family is asked on this hook";
  if (!entry) return "";
  const EntryKind kind = kind_of(*entry);
  const bool xtables = kind == EntryKind::Xtables;
  if (!may_be_a_rule(kind) || (xtables && is_nft(key)) || (kind == EntryKind::NfTables && !is_nft(key))) {
    return "the verdict came from " + entry_words(*entry);
  }
  if (kind == EntryKind::Nat && key.kind == RuleKey::Kind::XtRule && key.table != "nat") return "the verdict came from NAT";
  if (xtables && differ(entry->xt_table, key.table)) return "the verdict came from table " + clean(entry->xt_table);
  return "";
}

void forget(Naming& naming, std::string why) {
  naming.verdict = nullptr;
  naming.text = nullptr;
  naming.disagreed = true;
  naming.gap = std::move(why);
}

void choose_entry(const std::vector<const HookVerdict*>& own, Naming& naming) {
  for (const HookVerdict* verdict : own) {
    if (!verdict->entry) continue;
    if (!naming.entry) {
      naming.entry = verdict->entry;
    } else if (naming.entry->index != verdict->entry->index || differ(naming.entry->function, verdict->entry->function)) {
      naming.entry.reset();
      naming.evidence.emplace_back("two sources name different entries of the hook, so which one it was is not determined");
      return;
    }
  }
}

std::string disagreement(const HookVerdict& a, const HookVerdict& b) {
  return "two ways to tell do not agree: by " + std::string(how_word(a.how)) + " it was " + key_words(a.rule) + ", by " +
         std::string(how_word(b.how)) + " " + key_words(b.rule);
}

/// The first two of them that contradict each other.
std::string first_disagreement(const Case& kase, const std::vector<const HookVerdict*>& sources) {
  for (std::size_t a = 0; a < sources.size(); ++a) {
    for (std::size_t b = a + 1; b < sources.size(); ++b) {
      if (contradict(kase, sources[a]->rule, sources[b]->rule)) return disagreement(*sources[a], *sources[b]);
    }
  }
  return "";
}

/// The sources that name a rule have to name the same one. Traces may be of another packet of that moment: one that agrees is enough, but
/// where nothing else speaks they have to agree among themselves.
void choose_rule(const Case& kase, std::vector<const HookVerdict*> own, const std::vector<const HookVerdict*>& traces, Naming& naming) {
  std::erase_if(own, [](const HookVerdict* verdict) { return !names_a_rule(*verdict); });
  const auto& sources = own.empty() ? traces : own;
  if (sources.empty()) return;
  naming.verdict = sources.front();
  std::string disagree = first_disagreement(kase, sources);
  const bool confirmed = !own.empty() && std::any_of(traces.begin(), traces.end(), [&](const HookVerdict* trace) {
    return !contradict(kase, naming.verdict->rule, trace->rule);
  });
  if (disagree.empty() && !own.empty() && !traces.empty() && !confirmed) disagree = disagreement(*naming.verdict, *traces.front());
  if (!disagree.empty()) {
    forget(naming, std::move(disagree));
    return;
  }
  if (const std::string why = impossible(*kase.drop(), naming.entry, naming.verdict->rule); !why.empty()) {
    forget(naming, "what was read as " + key_words(naming.verdict->rule) + " cannot have done it: " + why);
    return;
  }
  naming.evidence.push_back("the rule is known from " + std::string(source_words(naming.verdict->how)) +
                            (confirmed ? ", and tracing names the same" : ""));
}

/// The rule of iptables-legacy that tracing told last, if it is known to drop what it matches: xtables tells of a rule before it asks its
/// target, and such a target ends the packet's way. One packet died there and no more, so it was this one, whichever entry of the hook
/// asked the table. Null: none, or `why` says why not.
const HookVerdict* traced_culprit(const Case& kase, const std::vector<const HookVerdict*>& own, const Naming& naming, std::string& why) {
  const Event& drop = *kase.drop_event();
  const LegacyTrace trace = last_legacy_trace(kase.journey(), drop);
  if (trace.line == nullptr) return nullptr;
  const auto* verdict = trace.line->get<HookVerdict>();
  why = "tracing told of " + key_words(verdict->rule) + " last, ";
  const RuleText* text = text_of(kase, verdict->rule);
  const bool entries_differ =
      !naming.entry && std::any_of(own.begin(), own.end(), [](const HookVerdict* one) { return one->entry.has_value(); });
  if (!trace.doubt.empty()) {
    why += trace.doubt;
  } else if (entries_differ) {
    why += "and which entry of the hook it was is not determined";
  } else if (text == nullptr || !text->dropped_at(drop.time_ns) || !is_about(*text, verdict->rule)) {
    why +=
        "which is not known to drop all that it matches: its target may go on, or the table was not read, or not the same, before and "
        "after";
  } else {
    why.clear();
    return verdict;
  }
  return nullptr;
}

bool same_entry(const HookEntry& a, const HookEntry& b) {
  return a.function == b.function && a.module == b.module && a.priority == b.priority && a.xt_table == b.xt_table;
}

bool same_hook(const Drop& a, const Drop& b) {
  return a.symbol.function == b.symbol.function && a.has_hook && b.has_hook && a.hook.hook == b.hook.hook && a.hook.family == b.hook.family;
}

/// Counters are read only around some SYNs: where the last one has but its hook entry, an earlier one that died in the same table speaks.
void ask_earlier(const Case& kase, Naming& naming) {
  const Event& drop = *kase.drop_event();
  if (naming.kind() != EntryKind::Xtables || naming.entry->xt_table.empty()) return;
  for (auto event = kase.journey().events.rbegin(); event != kase.journey().events.rend(); ++event) {
    const Drop* earlier = event->get<Drop>();
    if (earlier == nullptr || event->time_ns >= drop.time_ns || event->leg != drop.leg || event->place.netns != drop.place.netns) continue;
    if (!same_hook(*earlier, *kase.drop())) return;
    const auto verdicts = verdicts_of(kase, *event);
    Naming then;
    choose_entry(verdicts, then);
    if (!then.entry || !same_entry(*then.entry, *naming.entry)) return;
    choose_rule(kase, verdicts, {}, then);
    if (then.disagreed) return;
    if (!then.named()) continue;
    naming.verdict = then.verdict;
    naming.from_earlier = true;
    naming.gap.clear();
    naming.evidence.push_back("the rule is that of an earlier " + std::string(packet_word(drop.leg)) +
                              " of this attempt, which died in the same entry of the same hook (" +
                              std::string(how_word(then.verdict->how)) + ")");
    return;
  }
}

bool says_accept(const RuleText& policy) {
  return policy.text.find("policy accept") != std::string::npos || (policy.text.starts_with("-P ") && policy.text.ends_with(" ACCEPT"));
}

/// What a rule does and says is compared after its text was read; the elements of sets may be those of a later ruleset.
bool elements_are_later(const HookVerdict& verdict, const RuleText& text) {
  const bool same = verdict.ruleset != 0 && verdict.ruleset == text.ruleset;
  return !same && !(text.element.empty() && text.via.empty());
}

void find_text(const Case& kase, Naming& naming) {
  const RuleKey& key = naming.verdict->rule;
  const RuleText* text = text_of(kase, key);
  if (text != nullptr && is_about(*text, key)) {
    if (text->policy && says_accept(*text)) return forget(naming, "the policy of chain " + clean(text->chain) + " is to accept");
    naming.text = text;
    naming.gap = text->gap;
    naming.elements_later = elements_are_later(*naming.verdict, *text);
    if (naming.elements_later && naming.gap.empty()) {
      const bool known = naming.verdict->ruleset != 0 && text->ruleset != 0;
      naming.gap = known
                       ? "which element it was is not told: the ruleset was changed between the drop and this reading (generation " +
                             std::to_string(naming.verdict->ruleset) + ", then " + std::to_string(text->ruleset) + ")"
                       : "which element it was is not told: whether the ruleset was the same at the drop and at this reading is not known";
    }
  } else if (text != nullptr) {
    naming.gap = text->gap.empty() ? "the text that was read for it is not of such a rule" : text->gap;
  } else {
    naming.gap = "its text was not read";
  }
  if (naming.text == nullptr || !text->number || key.number == 0 || *text->number == key.number) return;
  naming.evidence.push_back("it was rule " + std::to_string(key.number) + " of its chain when it dropped the packet, and rule " +
                            std::to_string(*text->number) + " when its text was read");
}

}  // namespace

std::string_view how_word(How how) {
  switch (how) {
    case How::Stack: return "stack";
    case How::Fentry: return "fentry";
    case How::Counters: return "counters";
    case How::NfTrace: return "nftrace";
  }
  return "";
}

std::optional<bool> Naming::is_policy() const {
  if (verdict == nullptr) return std::nullopt;
  if (verdict->rule.kind == RuleKey::Kind::NftRule) return false;
  if (verdict->rule.kind == RuleKey::Kind::NftPolicy) return true;
  if (text == nullptr || (!text->gap.empty() && text->drops.empty())) return std::nullopt;
  return text->policy;
}

Naming name_verdict(const Case& kase) {
  const Event& drop = *kase.drop_event();
  Naming naming;
  const auto sources = verdicts_of(kase, drop);
  choose_entry(sources, naming);
  const bool counters_failed = std::any_of(
      sources.begin(), sources.end(), [](const HookVerdict* verdict) { return verdict->how == How::Counters && !names_a_rule(*verdict); });
  for (const HookVerdict* verdict : sources) {
    if (naming.gap.empty()) naming.gap = verdict->doubt;
  }
  auto traces = traces_of(kase, drop);
  std::string untraced;
  if (const HookVerdict* culprit = traced_culprit(kase, sources, naming, untraced)) traces.push_back(culprit);
  choose_rule(kase, sources, traces, naming);
  if (!naming.named() && !naming.disagreed && !counters_failed) ask_earlier(kase, naming);
  if (!naming.named() && !naming.disagreed && !untraced.empty()) naming.gap += (naming.gap.empty() ? "" : "; ") + untraced;
  if (naming.named()) find_text(kase, naming);
  return naming;
}

model::RuleRef rule_of(const Naming& naming) {
  const RuleKey& key = naming.verdict->rule;
  model::RuleRef rule;
  rule.family = family_word(key.family);
  rule.table = key.table;
  rule.chain = key.chain;
  rule.policy = naming.is_policy();
  rule.how = how_word(naming.verdict->how);
  if (key.kind == RuleKey::Kind::XtRule) rule.backend = "iptables-legacy";
  if (key.handle != 0) rule.handle = key.handle;
  if (key.number != 0) rule.number = key.number;
  if (const RuleText* text = naming.text; text != nullptr) {
    if (!text->backend.empty()) rule.backend = text->backend;
    if (!text->chain.empty()) rule.chain = text->chain;
    if (!rule.number && text->number) rule.number = text->number;
    if (!naming.elements_later) {
      rule.element = text->element;
      rule.via = text->via;
    }
    rule.text = text->text;
    rule.comment = text->comment;
  }
  if (rule.policy == true) {
    rule.number.reset();
    rule.handle.reset();
  }
  return rule;
}

}  // namespace synfate::judge
