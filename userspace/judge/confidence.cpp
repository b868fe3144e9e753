// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// How sure a finding is. Losses lower only the claims that they can touch: a record of a drop stays true whatever else was lost, but an
// absence is worth nothing when what is absent may have been lost.
#include "judge/cause_table.hpp"
#include "judge/scoped.hpp"
#include "judge/words.hpp"

namespace synfate::judge {

void settle_confidence(const Case& kase, const Finding& finding, model::Verdict& verdict) {
  const model::Journey& journey = kase.journey();
  std::vector<std::string> doubts = finding.doubts;
  if (finding.basis != Basis::Socket && journey.events_lost > 0) {
    doubts.push_back(count_words(journey.events_lost, "event") + (journey.events_lost == 1 ? " was" : " were") +
                     " lost on this machine meanwhile: " +
                     (finding.basis == Basis::Record ? "a later packet that got through, or an answer, may be among them"
                                                     : "what is missing here may be among them"));
  }
  if (const DurationNs late = kase.read_late_ns(); finding.basis != Basis::Socket && late != 0) {
    doubts.push_back("synfate did not run for " + duration_words(late) +
                     " after it: rules, routes, devices and sockets were looked at only then, and may have been others");
  }
  if (finding.basis == Basis::Absence) {
    if (std::string unobserved = unobserved_way(kase); !unobserved.empty()) doubts.push_back(std::move(unobserved));
  }
  if (finding.basis == Basis::Record && kase.drop_event() != nullptr) {
    if (std::string copy = unobserved_copy(kase); !copy.empty()) doubts.push_back(std::move(copy));
  }
  if (finding.basis == Basis::Absence && journey.hops_lost > 0) {
    doubts.push_back(count_words(journey.hops_lost, "hop") + " of this attempt did not fit the flight record");
  }
  if (finding.basis == Basis::Absence && journey.untracked) {
    doubts.push_back("the flight recorder had no room for this attempt: what came before its first event was not seen");
  }
  verdict.confidence = doubts.empty() ? finding.ceiling : model::Confidence::Partial;
  verdict.evidence.insert(verdict.evidence.end(), doubts.begin(), doubts.end());
  if (finding.basis == Basis::Record && (journey.hops_lost > 0 || journey.untracked)) {
    verdict.notes.push_back("the path is incomplete: " + (journey.untracked
                                                              ? std::string("the flight recorder had no room for this attempt")
                                                              : count_words(journey.hops_lost, "hop") + " did not fit its flight record"));
  }
}

}  // namespace synfate::judge
