// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/legacy_trace.hpp"

#include <array>
#include <string_view>
#include <vector>

#include "judge/case.hpp"
#include "judge/hooks.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;
using model::HookVerdict;
using model::RuleKey;

/// By NF_INET_*.
constexpr std::array<std::string_view, 5> kChains{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};

struct Table {
  std::string_view name;
  unsigned hooks;  ///< 1 << NF_INET_*
};
/// The same in every kernel: their names are in its code.
constexpr std::array<Table, 5> kTables{
    {{"raw", 0b01001}, {"mangle", 0b11111}, {"nat", 0b11011}, {"filter", 0b01110}, {"security", 0b01110}}};

bool is_near(const Event& a, const Event& b) {
  return (a.time_ns > b.time_ns ? a.time_ns - b.time_ns : b.time_ns - a.time_ns) <= kSameMoment;
}

/// NF_INET_* of a chain of the kernel's own: what a user calls INPUT in a table that has none is not one.
std::optional<std::size_t> hook_of(const RuleKey& key) {
  for (const Table& table : kTables) {
    if (table.name != key.table) continue;
    for (std::size_t hook = 0; hook < kChains.size(); ++hook) {
      if (kChains.at(hook) == key.chain && (table.hooks & (1U << hook)) != 0) return hook;
    }
  }
  return std::nullopt;
}

const HookVerdict* traced(const Event& event, const Event& drop) {
  const auto* verdict = event.get<HookVerdict>();
  const bool is_it = verdict != nullptr && verdict->how == HookVerdict::How::NfTrace && event.leg == drop.leg;
  return is_it && event.place.netns == drop.place.netns ? verdict : nullptr;
}

/// Lines of an earlier packet that were read late could pass for this one's.
std::string doubt_about_packets(const model::Journey& journey, const Event& drop) {
  if (journey.events_lost != 0) return "and events were lost: more of its packets may have died there";
  const Event* earlier = nullptr;
  for (const Event& event : journey.events) {
    const auto* other = event.get<Drop>();
    if (other == nullptr || &event == &drop || event.leg != drop.leg || event.place.netns != drop.place.netns || !is_netfilter(*other))
      continue;
    if (is_near(event, drop)) return "and more than one of its packets died there at that moment";
    if (event.time_ns < drop.time_ns) earlier = &event;
  }
  if (earlier == nullptr) return "";
  for (const Event& event : journey.events) {
    if (traced(event, drop) != nullptr && is_near(event, *earlier)) return "";
  }
  return "and an earlier one was dropped there without a trace: this may be its trace, read late";
}

/// The walk that ends with the last of them has to be whole, and one of the drop's hook.
std::string doubt_about_walk(const std::vector<const Event*>& lines, const Event& drop) {
  const RuleKey& last = lines.back()->get<HookVerdict>()->rule;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    const RuleKey& key = (*line)->get<HookVerdict>()->rule;
    if (key.family != last.family || key.table != last.table || (*line)->flow != drop.flow) break;
    if (const auto hook = hook_of(key))
      return *hook == drop.get<Drop>()->hook.hook ? "" : "which is not of the hook that it was dropped on";
  }
  return "and not of how it got there";
}

}  // namespace

LegacyTrace last_legacy_trace(const model::Journey& journey, const Event& drop) {
  LegacyTrace trace;
  const auto* dropped = drop.get<Drop>();
  if (dropped == nullptr || drop.leg != model::Leg::Syn || dropped->symbol.function != "nf_hook_slow" || !dropped->has_hook) return trace;
  std::vector<const Event*> lines;
  bool lossy = false;
  for (const Event& event : journey.events) {
    const HookVerdict* verdict = traced(event, drop);
    if (verdict == nullptr || verdict->rule.kind != RuleKey::Kind::XtRule || !is_near(event, drop)) continue;
    lines.push_back(&event);
    lossy |= verdict->expression.ends_with('?');
  }
  if (lines.empty()) return trace;
  trace.line = lines.back();
  const RuleKey& key = trace.line->get<HookVerdict>()->rule;
  if (lossy) {
    trace.doubt = "and lines of it may be lost";
  } else if (trace.line->flow != drop.flow) {
    trace.doubt = "with other addresses or ports than it was dropped with";
  } else if (key.family != dropped->hook.family) {
    trace.doubt = "which is of another family";
  } else {
    trace.doubt = doubt_about_packets(journey, drop);
    if (trace.doubt.empty()) trace.doubt = doubt_about_walk(lines, drop);
  }
  return trace;
}

}  // namespace synfate::judge
