// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Counting with a bounded memory of ids.
#include "render/counting.hpp"

namespace synfate::render {
namespace {

/// About three megabytes; at a hundred failures a second still more than five minutes of revisions.
constexpr std::size_t kRemembered = 32768;

std::size_t index_of(model::Confidence confidence) { return static_cast<std::size_t>(confidence); }

}  // namespace

std::optional<model::Confidence> Counts::worst_confidence() const {
  for (const auto confidence : {model::Confidence::Partial, model::Confidence::Strong, model::Confidence::Exact}) {
    if (by_confidence[index_of(confidence)] != 0) return confidence;
  }
  return std::nullopt;
}

bool CountingSink::attempt(const model::Attempt& attempt) {
  if (!next_.attempt(attempt)) return false;
  ++counts_.rows;
  const Last now{attempt.verdict.fate, attempt.verdict.confidence};
  const auto [it, first] = last_.try_emplace(attempt.id, now);
  if (!first) {
    const auto counted = counts_.attempts.find(it->second.fate);
    if (--counted->second == 0) counts_.attempts.erase(counted);
    --counts_.by_confidence[index_of(it->second.confidence)];
    it->second = now;
  }
  ++counts_.attempts[now.fate];
  ++counts_.by_confidence[index_of(now.confidence)];
  if (last_.size() > kRemembered) last_.erase(last_.begin());
  const model::Journey& journey = attempt.journey;
  counts_.attempt_lost_evidence = counts_.attempt_lost_evidence || journey.hops_lost != 0 || journey.events_lost != 0 || journey.untracked;
  return true;
}

bool CountingSink::notice(const model::Notice& notice) {
  if (!next_.notice(notice)) return false;
  if (notice.level == model::NoticeLevel::Warning) ++counts_.warnings;
  return true;
}

bool CountingSink::summary(const model::Summary& summary) {
  // A loss is a fact even when nobody reads the summary any more.
  counts_.events_lost = summary.events_lost;
  counts_.gaps = summary.gaps.size();
  return next_.summary(summary);
}

}  // namespace synfate::render
