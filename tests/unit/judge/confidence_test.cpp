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

TEST_CASE("the tier is part of the evidence") { CHECK(recorded().judged().evidence.back() == "observed with tier 1"); }
