// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "story.hpp"

using namespace synfate::judge::test;

TEST_CASE("neighbour_failed names who was asked for") {
  Story story;
  story.syn_to_node().at(3000).icmp_sent(kNodeServerVeth, 3, 1).drop(Leg::Syn, kNodeServerVeth, "neigh_invalidate", "NEIGH_FAILED");
  Verdict verdict = story.judged();
  CHECK(verdict.cause == "neighbour_failed");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.where.stage == Stage::Neighbour);
  CHECK(verdict.where.device == "vethsrv");
  CHECK(verdict.summary == "no ARP answer from 10.0.2.2 on vethsrv");
  CHECK(verdict.next == "ip neigh show 10.0.2.2 dev vethsrv");
  story.last_drop().gateway = ip("10.0.2.254");
  verdict = story.judged();
  CHECK(verdict.summary == "no ARP answer from 10.0.2.254 on vethsrv");
}

TEST_CASE("neighbour reasons of other causes") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeServerVeth, "__neigh_event_send", "NEIGH_DEAD");
  CHECK_MESSAGE(story.judged().cause == "other", "its entry went; that nobody answered is not said");
  story.last_drop().reason = "NOT_SPECIFIED";
  CHECK(story.judged().cause == "other");
  story.last_drop().symbol.function = "arp_error_report";
  CHECK(story.judged().cause == "neighbour_failed");
}

TEST_CASE("neighbour_unresolved: the SYN waits where its destination is being asked for") {
  Story story;
  story.syn_to_node().neighbour(kNodeServerVeth, "10.0.2.2", false);
  CHECK_MESSAGE(story.judged().fate == Fate::Unfinished, "too early");
  story.at(1000).retransmit().syn_to_node();
  const Verdict verdict = story.judged();
  CHECK(verdict.fate == Fate::Parked);
  CHECK(verdict.cause == "neighbour_unresolved");
  CHECK(verdict.where.stage == Stage::Neighbour);
  CHECK(verdict.where.device == "vethsrv");
  CHECK(verdict.confidence == Confidence::Strong);
}

TEST_CASE("neighbour_unresolved at the client itself, before any hop") {
  Story story;
  story.neighbour(kPodEth, "10.0.2.2", false).retransmit().at(1100);
  CHECK(story.judged().cause == "neighbour_unresolved");
}

TEST_CASE("a gateway is taken for the next hop only when no other explanation is left") {
  Story story;
  story.to("203.0.113.5").syn_to_node().neighbour(kNodeServerVeth, "10.0.2.254", false).at(1000).retransmit().syn_to_node();
  CHECK(story.judged().cause == "neighbour_unresolved");
  CHECK(story.judged().confidence == Confidence::Partial);
  SUBCASE("two addresses in question") {
    story.neighbour(kNodeEth, "198.51.100.9", false);
    CHECK(story.judged().cause == "unknown");
  }
  SUBCASE("links not read") {
    story.inventory.namespaces.clear();
    CHECK(story.judged().cause == "unknown");
  }
}

TEST_CASE("somebody else's neighbour is no explanation") {
  Story story;
  story.syn_to_node();
  SUBCASE("another address, while the destination is on link") { story.neighbour(kNodeServerVeth, "10.0.2.77", false); }
  SUBCASE("another namespace") { story.neighbour(kServerEth, "10.0.2.2", false); }
  SUBCASE("resolved to a failure meanwhile") {
    story.neighbour(kNodeServerVeth, "10.0.2.2", false).at(900).neighbour(kNodeServerVeth, "10.0.2.2", true);
  }
  story.at(1000).retransmit().syn_to_node();
  CHECK(story.judged().cause == "unknown");
  CHECK(story.judged().fate == Fate::Vanished);
}

TEST_CASE("an address that has answered since is not waited for") {
  Story story;
  story.syn_to_node().neighbour(kNodeServerVeth, "10.0.2.2", false).at(5).xmit(Leg::Syn, kNodeServerVeth);
  story.at(1000).retransmit().syn_to_node();
  CHECK(story.judged().cause == "unknown");
}

TEST_CASE("IPv6's failure has no reason, and its SYNs waited too") {
  Story story;
  story.syn_to_node().at(1000).retransmit().syn_to_node().at(3000).drop(Leg::Syn, kNodeServerVeth, "ndisc_error_report", "NOT_SPECIFIED");
  CHECK(story.judged().cause == "neighbour_failed");
  story.at(4000).retransmit().syn_to_node();
  CHECK(story.judged().cause == "neighbour_failed");
}

TEST_CASE("a SYN that went on, or arrived, is not parked") {
  Story on;
  on.syn_to_node().xmit(Leg::Syn, kNodeServerVeth).neighbour(kNodeServerVeth, "10.0.2.2", false).at(1000).retransmit();
  CHECK(on.judged().cause == "unknown");
  Story arrived;
  arrived.syn_to_server().neighbour(kServerEth, "10.0.2.2", false).at(1000).retransmit();
  CHECK(arrived.judged().cause == "unknown");
}

TEST_CASE("neighbour_overflow: pushed out of the queue of those who wait") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeServerVeth, "__neigh_event_send", "NEIGH_QUEUEFULL");
  Verdict verdict = story.judged();
  CHECK(verdict.cause == "neighbour_overflow");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.where.stage == Stage::Neighbour);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.summary == "too many packets wait for ARP from 10.0.2.2");
  CHECK(verdict.next == "ip neigh show 10.0.2.2 dev vethsrv");
  story.inventory.namespaces[kHost].neighbours = synfate::model::Neighbours{{}, {{6, 6, 1}, {4, 5, 2}, {4, 6, 4096}}, {}, false};
  verdict = story.judged();
  CHECK(described(verdict).find("net.ipv4.neigh.vethsrv.unres_qlen_bytes is 4096") != std::string::npos);
}

TEST_CASE("neighbour_overflow: the table is full only where the table says so") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeServerVeth, "ip_finish_output2", "NEIGH_CREATEFAIL");
  CHECK_MESSAGE(story.judged().cause == "other", "not read");
  auto& neighbours = story.inventory.namespaces[kHost].neighbours.emplace();
  SUBCASE("never full") {
    neighbours.tables = {{4, 1024, 1024, 0}};
    CHECK(story.judged().cause == "other");
  }
  SUBCASE("another family's") {
    neighbours.tables = {{6, 1024, 1024, 1}};
    CHECK(story.judged().cause == "other");
  }
  SUBCASE("full") {
    neighbours.tables = {{4, 1024, 1024, 7}};
    const Verdict verdict = story.judged();
    CHECK(verdict.cause == "neighbour_overflow");
    CHECK(verdict.confidence == Confidence::Strong);
    CHECK(verdict.next.find("net.ipv4.neigh.default.gc_thresh3") != std::string::npos);
  }
  SUBCASE("room again") {
    neighbours.tables = {{4, 900, 1024, 7}};
    CHECK(story.judged().cause == "neighbour_overflow");
    CHECK(story.judged().confidence == Confidence::Partial);
  }
}
