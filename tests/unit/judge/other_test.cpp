// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "story.hpp"

using namespace synfate::judge::test;

TEST_CASE("reasons that no cause is known by keep the kernel's words") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "tcp_v4_rcv", "PROTO_MEM");
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "other");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.where.function == "tcp_v4_rcv");
  CHECK(verdict.where.reason == "PROTO_MEM");
  CHECK(verdict.summary == "in tcp_v4_rcv (PROTO_MEM)");
}

TEST_CASE("a reason that the running kernel does not name stays a number") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "", "131");
  CHECK(story.judged().cause == "other");
  CHECK(story.judged().where.stage == Stage::None);
  CHECK(story.judged().summary == "in an unknown function (131)");
}
