// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/step.hpp"

namespace synfate::nftrace {
namespace {

std::string_view word(Step::Kind kind) {
  switch (kind) {
    case Step::Kind::Rule: return "rule";
    case Step::Kind::Return: return "return";
    case Step::Kind::Policy: return "policy";
  }
  return "";
}

model::RuleKey key_of(const Step& step) {
  model::RuleKey key;
  key.family = step.family;
  key.table = step.table;
  key.chain = step.chain;
  if (step.backend == Step::Backend::XtablesLegacy) {
    key.kind = model::RuleKey::Kind::XtRule;
    // Of a "policy" too: the kernel says so of any rule without a condition, and only the number tells which it is.
    key.number = step.number;
  } else {
    key.kind = step.kind == Step::Kind::Policy ? model::RuleKey::Kind::NftPolicy : model::RuleKey::Kind::NftRule;
    key.handle = step.handle;
  }
  return key;
}

}  // namespace

model::StreamedEvent to_event(const Step& step, MonotonicNs time, bool after_loss) {
  model::HookVerdict verdict;
  verdict.how = model::HookVerdict::How::NfTrace;
  verdict.outcome = step.outcome;
  verdict.target = step.target;
  verdict.rule = key_of(step);
  if (step.backend == Step::Backend::XtablesLegacy) verdict.expression = std::string(word(step.kind)) + (after_loss ? "?" : "");

  model::StreamedEvent streamed;
  streamed.isn = step.isn;
  streamed.event.time_ns = time;
  streamed.event.leg = model::Leg::Syn;
  streamed.event.skb = step.trace_id;
  streamed.event.flow = step.flow;
  streamed.event.place.netns = step.netns;
  streamed.event.place.ifindex = step.in_ifindex != 0 ? step.in_ifindex : step.out_ifindex;
  streamed.event.what = std::move(verdict);
  return streamed;
}

}  // namespace synfate::nftrace
