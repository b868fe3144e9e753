// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "story.hpp"

using namespace synfate::judge::test;

TEST_CASE("TCP's own state is believed, whatever was lost before") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "nft_do_chain", "NETFILTER_DROP").hook(2, 2, "vethpod", "vethsrv");
  story.at(1000).retransmit().syn_to_server().synack_to_client();
  story.journey.client_established = true;
  story.journey.events_lost = 9;
  const Verdict verdict = story.judged();
  CHECK(verdict.fate == Fate::Established);
  CHECK(verdict.cause == "established");
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.packet == Leg::None);
  CHECK(described(verdict).find("2 SYNs were needed") != std::string::npos);
  CHECK(described(verdict).find("nft_do_chain") != std::string::npos);
}

TEST_CASE("late is what a lost SYN made late") {
  Story story;
  SUBCASE("the first was lost") {
    story.syn_to_node().at(990).retransmit().syn_to_server().synack_to_client();
    story.journey.client_established = true;
    CHECK(story.judged().summary == "after 2 SYNs, 990 ms late");
  }
  SUBCASE("the first was answered, and the answer lost") {
    story.syn_to_server().xmit(Leg::SynAck, kServerEth).at(1000).retransmit().syn_to_server().synack_to_client();
    story.journey.client_established = true;
    CHECK(story.judged().summary == "after 2 SYNs");
    CHECK(described(story.judged()).find("until one was answered") == std::string::npos);
  }
}

TEST_CASE("a dropped final ACK is a failure only when the server repeats its SYN-ACK") {
  Story story;
  story.syn_to_server().synack_to_client().xmit(Leg::Ack, kPodEth).receive(Leg::Ack, kNodeVeth);
  story.drop(Leg::Ack, kNodeVeth, "nf_hook_slow", "NETFILTER_DROP").hook(2, 2, "vethpod", "vethsrv");
  story.journey.client_established = true;
  SUBCASE("it does not") {
    const Verdict verdict = story.judged();
    CHECK(verdict.cause == "established");
    CHECK(verdict.confidence == Confidence::Strong);
    CHECK(verdict.notes.size() == 1);
  }
  SUBCASE("it does") {
    story.at(1000).socket(SocketEventKind::SynAckRetransmit, kServer, true);
    const Verdict verdict = story.judged();
    CHECK(verdict.fate == Fate::Dropped);
    CHECK(verdict.cause == "netfilter_drop");
    CHECK(verdict.packet == Leg::Ack);
  }
  SUBCASE("it does, and the client's data met the same end since") {
    story.at(1000).socket(SocketEventKind::SynAckRetransmit, kServer, true).at(1100);
    story.xmit(Leg::Ack, kPodEth).drop(Leg::Ack, kNodeVeth, "nf_hook_slow", "NETFILTER_DROP").hook(2, 2, "vethpod", "vethsrv");
    CHECK(story.judged().cause == "netfilter_drop");
  }
  SUBCASE("it did, but accepted a later ACK") {
    story.at(1000).socket(SocketEventKind::SynAckRetransmit, kServer, true);
    story.journey.server_established = true;
    CHECK(story.judged().cause == "established");
  }
}

TEST_CASE("an ACK that the server's TCP ignores without a reason is TCP_DEFER_ACCEPT's way, not a failure") {
  const char* reason = "NOT_SPECIFIED";
  SUBCASE("on a kernel with reasons") {}
  SUBCASE("on one without, such as 5.15") { reason = ""; }
  Story story;
  story.syn_to_server().synack_to_client().xmit(Leg::Ack, kPodEth).receive(Leg::Ack, kServerEth);
  story.drop(Leg::Ack, kServerEth, "tcp_v4_rcv", reason).at(1000).socket(SocketEventKind::SynAckRetransmit, kServer, true);
  story.journey.client_established = true;
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "established");
  CHECK(verdict.confidence == Confidence::Strong);
}

TEST_CASE("a router that sees neither socket knows it from the final ACK") {
  const Place inside{kHost, 7, DeviceKind::Physical, "eth1"};
  Story story;
  story.not_local().receive(Leg::Syn, inside).xmit(Leg::Syn, kNodeEth).receive(Leg::SynAck, kNodeEth).xmit(Leg::SynAck, inside);
  CHECK(story.judged().fate == Fate::Unfinished);
  story.receive(Leg::Ack, inside);
  CHECK(story.judged().fate == Fate::Unfinished);
  story.xmit(Leg::Ack, kNodeEth);
  CHECK(story.judged().cause == "established");
  CHECK(story.judged().confidence == Confidence::Strong);
}
