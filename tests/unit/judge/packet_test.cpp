// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// ttl and checksum: what is wrong with the packet itself.
#include "story.hpp"

using namespace synfate::judge::test;

namespace {

bool says(const Verdict& verdict, const char* words) { return described(verdict).find(words) != std::string::npos; }

}  // namespace

TEST_CASE("ttl needs the function and the TTL, for the reason covers bad headers too") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_forward", "IP_INHDR");
  story.last_drop().ttl = 1;
  story.inventory.namespaces[kPod].sysctls["net.ipv4.ip_default_ttl"] = "1";
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "ttl");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.where.stage == Stage::Forward);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.summary == "its TTL ran out in netns host");
  CHECK(says(verdict, "net.ipv4.ip_default_ttl in netns pod is 1"));
  CHECK(verdict.next == "ip netns exec pod sysctl net.ipv4.ip_default_ttl");
  story.last_drop().ttl = 64;
  CHECK(story.judged().cause == "other");
  story.last_drop().ttl = 1;
  story.last_drop().symbol.function = "ip_rcv_core";
  CHECK(story.judged().cause == "other");
}

TEST_CASE("ttl of a kernel that gives no reason: the ICMP error says it") {
  Story story;
  story.syn_to_node();
  SUBCASE("time exceeded") {
    story.icmp_sent(kNodeVeth, 11, 0).drop(Leg::Syn, kNodeVeth, "ip_forward", "NOT_SPECIFIED");
    story.last_drop().ttl = 1;
    CHECK(story.judged().cause == "ttl");
  }
  SUBCASE("something else") {
    story.icmp_sent(kNodeVeth, 3, 0).drop(Leg::Syn, kNodeVeth, "ip_forward", "NOT_SPECIFIED");
    story.last_drop().ttl = 1;
    CHECK(story.judged().cause != "ttl");
  }
}

TEST_CASE("ttl: a packet that comes by again and again goes in a circle") {
  Story story;
  story.syn_to_node().xmit(Leg::Syn, kNodeServerVeth).receive(Leg::Syn, kNodeVeth);
  SUBCASE("twice may be a copy") {
    story.drop(Leg::Syn, kNodeVeth, "ip_forward", "IP_INHDR");
    story.last_drop().ttl = 1;
    CHECK_FALSE(says(story.judged(), "circle"));
  }
  SUBCASE("three times") {
    story.xmit(Leg::Syn, kNodeServerVeth).receive(Leg::Syn, kNodeVeth).drop(Leg::Syn, kNodeVeth, "ip_forward", "IP_INHDR");
    story.last_drop().ttl = 1;
    CHECK(story.judged().cause == "ttl");
    CHECK(says(story.judged(), "a routing loop"));
    CHECK(story.judged().next == "ip route get 10.0.2.2");
  }
}

TEST_CASE("checksum says which, and who sent it last") {
  Story story;
  story.syn_to_server().drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "TCP_CSUM");
  Verdict verdict = story.judged();
  CHECK(verdict.cause == "checksum");
  CHECK(verdict.where.stage == Stage::Socket);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.summary == "wrong TCP checksum");
  CHECK(says(verdict, "it was last sent by vethsrv in netns host"));
  CHECK(verdict.next == "ethtool -k vethsrv");
  story.last_drop().reason = "IP_CSUM";
  story.last_drop().symbol.function = "ip_rcv_core";
  CHECK(story.judged().summary == "wrong IP checksum");
}

TEST_CASE("checksum of a packet from beyond") {
  Story story;
  story.not_local().receive(Leg::Syn, kNodeEth).drop(Leg::Syn, kNodeEth, "ip_rcv_core", "IP_CSUM");
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "checksum");
  CHECK(says(verdict, "it came in so by eth0"));
  CHECK(verdict.next == "ethtool -k eth0");
}
