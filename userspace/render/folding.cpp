// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Two kinds of group: of one destination, and, for floods that touch many, of all destinations together.
#include "render/folding.hpp"

#include <algorithm>
#include <utility>

namespace synfate::render {
namespace {

constexpr std::size_t kMaxGroups = 512;
/// Sources and destinations of a group that are told apart; more are "at least so many".
constexpr std::size_t kMaxCounted = 1024;
/// A revision comes within minutes or never.
constexpr std::size_t kMaxHeld = 32768;
constexpr DurationNs kFirstPause = 1 * kSecond;
constexpr DurationNs kLongestPause = 10 * kSecond;

void add(std::string& name, std::string_view part) {
  name += part;
  name += '\0';
}

void add(std::string& name, std::uint64_t part) { add(name, std::to_string(part)); }

/// Everything that makes two failures the same one, but where they wanted to go.
std::string cause_name(const model::Attempt& attempt) {
  const model::Verdict& verdict = attempt.verdict;
  const model::Where& where = verdict.where;
  std::string name;
  add(name, static_cast<std::uint64_t>(verdict.fate));
  add(name, static_cast<std::uint64_t>(verdict.packet));
  add(name, static_cast<std::uint64_t>(verdict.confidence));
  add(name, static_cast<std::uint64_t>(where.stage));
  add(name, where.netns);
  for (const std::string* part : {&verdict.cause, &where.device, &where.function, &where.reason}) add(name, *part);
  if (!where.rule) return name;
  const model::RuleRef& rule = *where.rule;
  for (const std::string* part : {&rule.backend, &rule.family, &rule.table, &rule.chain}) add(name, *part);
  add(name, rule.number.value_or(0));
  add(name, rule.handle.value_or(0));
  add(name, static_cast<std::uint64_t>(rule.policy.value_or(false)));
  return name;
}

model::Flow flow_of(const model::Attempt& attempt) { return attempt.journey.faces.empty() ? model::Flow{} : attempt.journey.faces.front(); }

std::string kind_name(const model::Attempt& attempt, std::string cause) {
  const model::Endpoint to = flow_of(attempt).dst;
  cause.append(to.address.bytes.begin(), to.address.bytes.end());
  add(cause, to.port);
  return cause;
}

}  // namespace

bool FoldingSink::Allowance::has_one(MonotonicNs now) const { return std::max(due_ns_, now) - now < limits_.interval * limits_.at_once; }

void FoldingSink::Allowance::take(MonotonicNs now) { due_ns_ = std::max(due_ns_, now) + limits_.interval; }

FoldingSink::Group::Group(const model::Attempt& first, FoldLimits limits) : allowance(limits) {
  folded.like = first;
  folded.like.journey.events.clear();
  folded.like.journey.neighbours.clear();
  folded.like.verdict.evidence.clear();
}

FoldingSink::FoldingSink(std::unique_ptr<Sink> next, FoldLimits of_kind, FoldLimits of_all)
    : next_(std::move(next)), of_kind_(of_kind), all_(of_all) {}

bool FoldingSink::attempt(const model::Attempt& attempt) {
  now_ = std::max(now_, attempt.journey.last_ns);
  const std::string cause = cause_name(attempt);
  const std::string kind = kind_name(attempt, cause);
  if (const auto held = held_.find(attempt.id); held != held_.end()) {
    if (held->second.kind == kind) return true;
    take_back(attempt.id);
  } else if (attempt.revision > 1) {
    return next_->attempt(attempt);
  }
  if (attempt.verdict.fate == model::Fate::Established) return next_->attempt(attempt);
  const auto of_kind = groups_.find(kind);
  const auto of_cause = groups_.find(cause);
  const bool kind_has_one = of_kind == groups_.end() || of_kind->second.allowance.has_one(now_);
  if (kind_has_one && (of_cause == groups_.end() || all_.has_one(now_))) return print(attempt, kind, cause);
  if (of_kind != groups_.end()) {
    fold(attempt, kind, of_kind->second, kind);
  } else {
    fold(attempt, kind, of_cause->second, cause);
  }
  return true;
}

bool FoldingSink::print(const model::Attempt& attempt, const std::string& kind, const std::string& cause) {
  all_.take(now_);
  for (const std::string& name : {kind, cause}) {
    if (!groups_.contains(name) && !make_room()) return false;
    Group& group = begin(name, attempt);
    group.last_used_ns = now_;
    if (name == kind) group.allowance.take(now_);
  }
  return next_->attempt(attempt);
}

FoldingSink::Group& FoldingSink::begin(const std::string& name, const model::Attempt& first) {
  return groups_.try_emplace(name, first, of_kind_).first->second;
}

void FoldingSink::fold(const model::Attempt& attempt, const std::string& kind, Group& group, const std::string& name) {
  const model::Flow flow = flow_of(attempt);
  model::Folded& folded = group.folded;
  if (folded.attempts == 0) folded.first_ns = attempt.journey.first_ns;
  ++folded.attempts;
  ++total_;
  folded.first_ns = std::min(folded.first_ns, attempt.journey.first_ns);
  folded.last_ns = std::max(folded.last_ns, attempt.journey.last_ns);
  if (group.sources.size() < kMaxCounted) group.sources.insert(flow.src.address);
  if (group.destinations.size() < kMaxCounted) group.destinations.insert(flow.dst);
  if (group.due_ns == 0) {
    group.pause = std::clamp(group.pause * 2, kFirstPause, kLongestPause);
    group.due_ns = now_ + group.pause;
  }
  group.last_used_ns = now_;
  if (held_.size() >= kMaxHeld) {
    held_.erase(held_order_.front());
    held_order_.pop_front();
  }
  if (held_.try_emplace(attempt.id, Held{kind, name}).second) held_order_.push_back(attempt.id);
}

void FoldingSink::take_back(std::uint64_t id) {
  const auto held = held_.find(id);
  const auto group = groups_.find(held->second.group);
  // A group that has gone has said its count: there it stays.
  if (group != groups_.end() && group->second.folded.attempts != 0) {
    --group->second.folded.attempts;
    --total_;
    if (group->second.due_ns == 0) group->second.due_ns = now_ + kFirstPause;
  }
  held_.erase(held);
  std::erase(held_order_, id);
}

bool FoldingSink::say(Group& group) {
  group.due_ns = 0;
  if (group.folded.attempts == group.said) return true;
  group.said = group.folded.attempts;
  group.folded.sources = group.sources.size();
  group.folded.destinations = group.destinations.size();
  group.folded.at_least = group.sources.size() >= kMaxCounted || group.destinations.size() >= kMaxCounted;
  return next_->folded(group.folded);
}

bool FoldingSink::make_room() {
  if (groups_.size() < kMaxGroups) return true;
  const auto oldest = std::min_element(groups_.begin(), groups_.end(),
                                       [](const auto& a, const auto& b) { return a.second.last_used_ns < b.second.last_used_ns; });
  const bool said = say(oldest->second);
  groups_.erase(oldest);
  return said;
}

bool FoldingSink::tick(MonotonicNs now) {
  now_ = std::max(now_, now);
  bool written = true;
  for (auto& [name, group] : groups_) {
    if (group.due_ns != 0 && group.due_ns <= now_) written = say(group) && written;
  }
  return next_->tick(now) && written;
}

bool FoldingSink::summary(const model::Summary& summary) {
  for (auto& [name, group] : groups_) (void)say(group);
  model::Summary whole = summary;
  whole.folded = total_;
  return next_->summary(whole);
}

}  // namespace synfate::render
