// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "story.hpp"

using namespace synfate::judge::test;

TEST_CASE("no_listener with a RST is refused, at the server") {
  Story story;
  story.syn_to_server();
  SUBCASE("TCP's record of the RST") { story.socket(SocketEventKind::ResetSent, kServer, true); }
  SUBCASE("the RST's first hop, on kernels without that record") { story.xmit(Leg::Reset, kServerEth); }
  SUBCASE("the client's error") { story.socket(SocketEventKind::Error, kPod, false, 111); }
  SUBCASE("the client's record of the RST") { story.socket(SocketEventKind::ResetReceived, kPod, false); }
  story.drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "NO_SOCKET");
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "no_listener");
  CHECK(verdict.fate == Fate::Refused);
  CHECK(verdict.packet == Leg::Syn);
  CHECK(verdict.where.netns == kServer);
  CHECK(verdict.where.stage == Stage::Socket);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.next == "ip netns exec server ss -Hltnp 'sport = :80'");
}

TEST_CASE("a RST that left long before the SYN was freed still answers it: a slow machine, seen under emulation") {
  Story story;
  story.syn_to_server().at(1.2).xmit(Leg::Reset, kServerEth);
  story.at(31.6).drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "NO_SOCKET");
  CHECK(story.judged().cause == "no_listener");
  CHECK(story.judged().fate == Fate::Refused);
}

TEST_CASE("no_listener without an answer is a drop") {
  Story story;
  story.syn_to_server().drop(Leg::Syn, kServerEth, "tcp_v6_rcv", "NO_SOCKET");
  CHECK(story.judged().cause == "no_listener");
  CHECK(story.judged().fate == Fate::Dropped);
}

TEST_CASE("a RST alone proves no missing listener") {
  Story story;
  story.syn_to_server().socket(SocketEventKind::ResetSent, kServer, true).xmit(Leg::Reset, kServerEth).receive(Leg::Reset, kNodeServerVeth);
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "other");
  CHECK(verdict.fate == Fate::Refused);
  CHECK(verdict.confidence == Confidence::Partial);
  CHECK(verdict.where.netns == kServer);
}

TEST_CASE("NO_SOCKET for another packet, or elsewhere, is not a missing listener") {
  Story synack;
  synack.syn_to_server().synack_to_client().drop(Leg::SynAck, kPodEth, "tcp_v4_rcv", "NO_SOCKET");
  CHECK(synack.judged().cause == "other");
  CHECK(synack.judged().packet == Leg::SynAck);
  Story elsewhere;
  elsewhere.syn_to_server().drop(Leg::Syn, kServerEth, "ip_protocol_deliver_rcu", "IP_NOPROTO");
  CHECK(elsewhere.judged().cause == "other");
}

TEST_CASE("the RST that was lost on its way is said") {
  Story story;
  story.syn_to_server().socket(SocketEventKind::ResetSent, kServer, true).xmit(Leg::Reset, kServerEth);
  story.drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "NO_SOCKET").drop(Leg::Reset, kNodeServerVeth, "nf_hook_slow", "NETFILTER_DROP");
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "no_listener");
  REQUIRE(verdict.notes.size() == 1);
  CHECK(verdict.notes[0].find("nf_hook_slow") != std::string::npos);
}
