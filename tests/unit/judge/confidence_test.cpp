// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "story.hpp"

using namespace synfate::judge::test;

namespace {

Story recorded() {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_rcv_finish_core", "IP_RPFILTER");
  return story;
}

Story absent() {
  Story story;
  story.to("192.0.2.9").syn_to_nic().at(1000).retransmit().syn_to_nic();
  return story;
}

}  // namespace

TEST_CASE("lost events weaken a record and an absence, and are counted aloud") {
  Story record = recorded();
  Story absence = absent();
  CHECK(record.judged().confidence == Confidence::Exact);
  CHECK(absence.judged().confidence == Confidence::Strong);
  record.journey.events_lost = absence.journey.events_lost = 3;
  CHECK(record.judged().confidence == Confidence::Partial);
  CHECK(absence.judged().confidence == Confidence::Partial);
  CHECK(described(record.judged()).find("3 events were lost") != std::string::npos);
  CHECK(record.judged().cause == "rp_filter");
}

TEST_CASE("an incomplete flight record weakens an absence, not the record of a drop") {
  Story record = recorded();
  Story absence = absent();
  SUBCASE("hops lost") { record.journey.hops_lost = absence.journey.hops_lost = 2; }
  SUBCASE("no record") { record.journey.untracked = absence.journey.untracked = true; }
  CHECK(record.judged().confidence == Confidence::Exact);
  CHECK(record.judged().notes.size() == 1);
  CHECK(absence.judged().confidence == Confidence::Partial);
}

TEST_CASE("a drop in an unknown namespace is partial") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, Place{0, 0, DeviceKind::Unknown, ""}, "nft_do_chain", "NETFILTER_DROP").hook(2, 3, "", "");
  CHECK(story.judged().confidence == Confidence::Partial);
}

TEST_CASE("what was read of the machine long after the event, since the session did not run, makes a claim partial") {
  const Story record = recorded();
  const Story absence = absent();
  const auto judged = [](const Story& story, double from_s, double until_s) {
    const auto at = [&](double seconds) {
      return story.journey.last_ns + static_cast<synfate::MonotonicNs>(static_cast<std::int64_t>(seconds * 1e9));
    };
    return synfate::judge::judge(story.journey, story.inventory,
                                 {.now_ns = at(until_s), .tier = "1", .pauses = {{at(from_s), at(until_s)}}});
  };
  for (const Story& story : {record, absence}) {
    const Verdict late = judged(story, -0.5, 9.5);
    CHECK(late.confidence == Confidence::Partial);
    CHECK(described(late).find("synfate did not run for 9.5 s after it") != std::string::npos);
    CHECK(late.cause == story.judged().cause);
    // It was there, and the pause came before it could judge.
    CHECK(judged(story, 0.05, 9.5).confidence == Confidence::Partial);
    // Long before, long after, or over soon enough after it.
    CHECK(judged(story, 3, 13).confidence == story.judged().confidence);
    CHECK(judged(story, -9, -1).confidence == story.judged().confidence);
    CHECK(judged(story, -9, 0.5).confidence == story.judged().confidence);
  }
}

TEST_CASE("an established socket needs nothing that was read late") {
  Story story;
  story.syn_to_server().synack_to_client().socket(SocketEventKind::State, kPod, false);
  story.journey.client_established = true;
  const synfate::MonotonicNs last = story.journey.last_ns;
  const Verdict verdict = synfate::judge::judge(story.journey, story.inventory,
                                                {.now_ns = last + 9'000'000'000, .tier = "1", .pauses = {{last, last + 9'000'000'000}}});
  CHECK(verdict.fate == Fate::Established);
  CHECK(verdict.confidence == Confidence::Exact);
}

TEST_CASE("the tier is part of the evidence") { CHECK(recorded().judged().evidence.back() == "observed with tier 1"); }
