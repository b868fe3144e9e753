// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "story.hpp"

using namespace synfate::judge::test;

TEST_CASE("causes that the reason alone proves") {
  struct {
    const char *function, *reason, *cause;
    Stage stage;
  } const rows[] = {
      {"__dev_queue_xmit", "QDISC_DROP", "qdisc_drop", Stage::Qdisc},
      {"kfree_skb_list_reason", "QDISC_DROP", "qdisc_drop", Stage::Qdisc},
      {"__dev_queue_xmit", "FQ_FLOW_LIMIT", "qdisc_drop", Stage::Qdisc},
      {"ip_rcv_core", "IP_CSUM", "checksum", Stage::None},
      {"tcp_v4_rcv", "TCP_CSUM", "checksum", Stage::Socket},
      {"enqueue_to_backlog", "CPU_BACKLOG", "cpu_backlog", Stage::Device},
      {"tcp_v4_rcv", "SOCKET_FILTER", "socket_filter", Stage::Socket},
      {"tcp_v4_rcv", "TCP_MD5NOTFOUND", "tcp_auth", Stage::Socket},
      {"tcp_v6_rcv", "TCP_AOFAILURE", "tcp_auth", Stage::Socket},
      {"tcp_v4_rcv", "TCP_MINTTL", "tcp_minttl", Stage::Socket},
      {"ip_protocol_deliver_rcu", "XFRM_POLICY", "xfrm", Stage::None},
  };
  for (const auto& row : rows) {
    Story story;
    story.syn_to_node().drop(Leg::Syn, kNodeVeth, row.function, row.reason);
    const Verdict verdict = story.judged();
    CHECK(verdict.cause == row.cause);
    CHECK(verdict.fate == Fate::Dropped);
    CHECK(verdict.where.stage == row.stage);
    CHECK(verdict.where.reason == row.reason);
    // Reasons that something else is given too.
    const bool shared = verdict.cause == "socket_filter" || std::string_view(row.reason) == "QDISC_DROP";
    CHECK(verdict.confidence == (shared ? Confidence::Partial : Confidence::Exact));
    CHECK_FALSE(verdict.next.empty());
  }
}

TEST_CASE("ttl needs the function and the TTL, for the reason covers bad headers too") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_forward", "IP_INHDR");
  story.last_drop().ttl = 1;
  CHECK(story.judged().cause == "ttl");
  CHECK(story.judged().where.stage == Stage::Forward);
  story.last_drop().ttl = 64;
  CHECK(story.judged().cause == "other");
  story.last_drop().ttl = 1;
  story.last_drop().symbol.function = "ip_rcv_core";
  CHECK(story.judged().cause == "other");
}

TEST_CASE("reasons without a row keep the kernel's words") {
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
