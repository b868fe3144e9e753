// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/rule.hpp"

#include <algorithm>

namespace synfate::model {
namespace {

constexpr std::size_t kMaxSpans = 64;

}  // namespace

bool RuleText::dropped_at(MonotonicNs time_ns) const {
  return std::any_of(drops.begin(), drops.end(), [&](const TimeSpan& span) { return span.from_ns <= time_ns && time_ns <= span.until_ns; });
}

void RuleText::dropped_in(TimeSpan span) {
  std::erase_if(drops, [&](const TimeSpan& known) {
    if (known.from_ns > span.until_ns || span.from_ns > known.until_ns) return false;
    span = {std::min(known.from_ns, span.from_ns), std::max(known.until_ns, span.until_ns)};
    return true;
  });
  if (drops.size() >= kMaxSpans) drops.erase(drops.begin());
  drops.push_back(span);
}

}  // namespace synfate::model
