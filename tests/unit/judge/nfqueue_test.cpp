// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <algorithm>

#include "story.hpp"

using namespace synfate::judge::test;
namespace model = synfate::model;

namespace {

Story freed_in(const char* function) {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, function, "NOT_SPECIFIED");
  story.last_drop().context_comm = "kindnetd";
  story.last_drop().context_tgid = 812;
  return story;
}

void queues(Story& story, std::vector<model::NfQueue> list) {
  model::Netns& host = story.inventory.namespaces[kHost];
  host.nf_queues = std::move(list);
  host.nf_queues_read = true;
}

bool says(const Verdict& verdict, const char* words) {
  return std::any_of(verdict.evidence.begin(), verdict.evidence.end(),
                     [&](const std::string& line) { return line.find(words) != std::string::npos; });
}

}  // namespace

TEST_CASE("nfqueue_drop names the process that was running, and the queue where it can") {
  for (const char* function : {"nf_reinject", "nfqnl_recv_verdict", "nfqnl_flush"}) {
    const Verdict verdict = freed_in(function).judged();
    CHECK(verdict.cause == "nfqueue_drop");
    CHECK(verdict.fate == Fate::Dropped);
    CHECK(verdict.confidence == Confidence::Partial);
    CHECK(verdict.summary == "after kindnetd[812] had it in a queue");
    CHECK(says(verdict, "was not read"));
    CHECK_FALSE(verdict.where.rule.has_value());
  }
  Story story = freed_in("nf_reinject");
  SUBCASE("a lone queue") {
    queues(story, {{101, 7}});
    CHECK(says(story.judged(), "that is queue 101, the only one"));
  }
  SUBCASE("by its port") {
    queues(story, {{100, 7}, {101, 812}});
    CHECK(says(story.judged(), "that is queue 101, whose port"));
  }
  SUBCASE("not known which") {
    queues(story, {{100, 7}, {101, 8}});
    CHECK(says(story.judged(), "queues 100, 101 in netns host; whose is which is not known"));
  }
  SUBCASE("a process that is not visible here has no port to compare") {
    story.last_drop().context_tgid = 0;
    queues(story, {{100, 0}, {101, 8}});
    CHECK(says(story.judged(), "whose is which is not known"));
    CHECK(story.judged().summary == "after kindnetd had it in a queue");
  }
  SUBCASE("gone") {
    queues(story, {});
    CHECK(says(story.judged(), "no queue was there any more"));
  }
}

TEST_CASE("a packet that could not be queued") {
  Story story = freed_in("nf_queue");
  SUBCASE("nobody listens on any") {
    queues(story, {});
    CHECK(story.judged().confidence == Confidence::Exact);
    CHECK(story.judged().summary == "nobody listens on the queue that a rule sends it to");
  }
  SUBCASE("others are listened on, and were never full") {
    queues(story, {{7, 7, 0, 0, 0}});
    CHECK(story.judged().confidence == Confidence::Strong);
    CHECK(story.judged().summary == "nobody listens on the queue that a rule sends it to");
  }
  SUBCASE("one has been full") {
    queues(story, {{7, 7, 1024, 3, 0}});
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(story.judged().summary == "it could not be queued to a process");
  }
  SUBCASE("an owner's socket has been full") {
    queues(story, {{7, 7, 0, 0, 3}});
    CHECK(story.judged().confidence == Confidence::Partial);
  }
  SUBCASE("not read") { CHECK(story.judged().confidence == Confidence::Partial); }
  SUBCASE("while it was entered") {
    story.last_drop().symbol.function = "__nfqnl_enqueue_packet";
    CHECK(story.judged().summary == "it could not be queued to a process");
  }
  CHECK(story.judged().cause == "nfqueue_drop");
  CHECK(story.judged().fate == Fate::Dropped);
}

TEST_CASE("a reason of its own is not the queue's") {
  Story story = freed_in("nf_queue");
  story.last_drop().reason = "IP_INHDR";
  CHECK(story.judged().cause == "other");
}
