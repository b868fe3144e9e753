// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// left_node, peer_reset, icmp_from_peer.
#include "story.hpp"

using namespace synfate::judge::test;

namespace {

Story out() {
  Story story;
  story.to("192.0.2.9", 443);
  return story;
}

}  // namespace

TEST_CASE("left_node: out by the NIC, twice, and silence") {
  Story story = out();
  story.syn_to_nic();
  CHECK(story.judged().fate == Fate::Unfinished);
  story.at(1000).retransmit().syn_to_nic();
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "left_node");
  CHECK(verdict.fate == Fate::Unanswered);
  CHECK(verdict.packet == Leg::Syn);
  CHECK(verdict.where.stage == Stage::Beyond);
  CHECK(verdict.where.device == "eth0");
  CHECK(verdict.where.netns == kHost);
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(verdict.summary == "left by eth0, no answer");
  CHECK(verdict.next == "tcpdump -nni eth0 tcp port 443");
}

TEST_CASE("left_node by the sweep, by the socket's end, never by the end of tracing") {
  Story swept = out();
  swept.syn_to_nic().socket(SocketEventKind::Stale, kPod, false);
  CHECK(swept.judged().cause == "left_node");
  Story closed = out();
  closed.syn_to_nic();
  closed.journey.ended = true;
  CHECK(closed.judged().cause == "left_node");
  CHECK_MESSAGE(closed.judged().confidence == Confidence::Partial, "the application did not wait for an answer");
  closed.journey.interrupted = true;
  CHECK(closed.judged().fate == Fate::Unfinished);
  CHECK(closed.judged().summary == "tracing ended first");
}

TEST_CASE("left_node: a veth is no edge, and a tunnel's outer packet is not followed") {
  Story veth;
  veth.syn_to_node().xmit(Leg::Syn, kNodeServerVeth).at(1000).retransmit();
  CHECK(veth.judged().cause == "unknown");
  Story tunnel = out();
  const Place wireguard{kHost, 9, DeviceKind::Wireguard, "wg0"};
  tunnel.syn_to_node().xmit(Leg::Syn, wireguard).at(1000).retransmit();
  CHECK(tunnel.judged().cause == "left_node");
  CHECK(tunnel.judged().confidence == Confidence::Partial);
  Story tun = out();
  tun.syn_to_node().xmit(Leg::Syn, Place{kHost, 9, DeviceKind::Tun, "tun0"}).at(1000).retransmit();
  CHECK(tun.judged().confidence == Confidence::Strong);
}

TEST_CASE("a drop after the NIC's xmit is not beyond") {
  Story story = out();
  story.syn_to_nic().drop(Leg::Syn, kNodeEth, "tun_net_xmit", "FULL_RING").at(1000).retransmit();
  CHECK(story.judged().cause == "other");
}

TEST_CASE("a bridge that flooded the SYN to a NIC and to a pod makes left_node doubtful") {
  Story story;
  story.syn_to_node().xmit(Leg::Syn, kNodeServerVeth).receive(Leg::Syn, kServerEth).xmit(Leg::Syn, kNodeEth).at(1000).retransmit();
  CHECK(story.judged().confidence == Confidence::Partial);
}

TEST_CASE("stacked devices are one way out") {
  Story story = out();
  story.syn_to_node().xmit(Leg::Syn, Place{kHost, 20, DeviceKind::Vlan, "eth0.5"}).xmit(Leg::Syn, kNodeEth).at(1000).retransmit();
  CHECK(story.judged().cause == "left_node");
  CHECK(story.judged().confidence == Confidence::Strong);
}

TEST_CASE("left_node: a driver's XDP program may have dropped the answer") {
  Story story = out();
  story.syn_to_nic().at(1000).retransmit().syn_to_nic();
  auto& links = story.inventory.namespaces[kHost].links;
  const auto unseen = [&](const char* where) { return described(story.judged()).find(where) != std::string::npos; };
  SUBCASE("in the driver") {
    links[0].xdp = {{1, 42}};
    CHECK(unseen("XDP BPF program 42 in the driver of eth0 may have dropped the answer unseen"));
  }
  SUBCASE("in the hardware") {
    links[0].xdp = {{3, 42}};
    CHECK(unseen("XDP BPF program 42 in the hardware of eth0 may have dropped the answer unseen"));
  }
  SUBCASE("a bond's, of which the NIC is a port") {
    links[0].master_ifindex = 9;
    links.emplace_back().ifindex = 9;
    links.back().name = "bond0";
    links.back().xdp = {{1, 42}};
    CHECK_MESSAGE(story.judged().confidence == Confidence::Strong, "a bridge's own program is not its ports'");
    links.back().kind = "bond";
    CHECK(unseen("XDP BPF program 42 in the driver of bond0 may have dropped the answer unseen"));
  }
  CHECK(story.judged().cause == "left_node");
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK_FALSE(unseen("look beyond"));
}

TEST_CASE("left_node: what generic XDP drops is seen") {
  Story story = out();
  story.syn_to_nic().at(1000).retransmit().syn_to_nic();
  story.inventory.namespaces[kHost].links[0].xdp = {{2, 42}};
  CHECK(story.judged().confidence == Confidence::Strong);
}

TEST_CASE("a SYN-ACK that left for a client beyond, again and again") {
  Story story;
  story.not_local().receive(Leg::Syn, kNodeEth).xmit(Leg::SynAck, kNodeEth);
  CHECK(story.judged().fate == Fate::Unfinished);
  story.at(1000).socket(SocketEventKind::SynAckRetransmit, kHost, true).xmit(Leg::SynAck, kNodeEth);
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "left_node");
  CHECK(verdict.packet == Leg::SynAck);
  CHECK(verdict.next == "tcpdump -nni eth0 tcp port 80");
}

TEST_CASE("peer_reset: the RST came in by the NIC and nobody here sent it") {
  Story story = out();
  story.syn_to_nic().at(20).receive(Leg::Reset, kNodeEth).xmit(Leg::Reset, kNodeVeth).receive(Leg::Reset, kPodEth);
  story.socket(SocketEventKind::ResetReceived, kPod, false);
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "peer_reset");
  CHECK(verdict.fate == Fate::Refused);
  CHECK(verdict.where.stage == Stage::Beyond);
  CHECK(verdict.where.device == "eth0");
}

TEST_CASE("RSTs that no peer sent") {
  Story story = out();
  SUBCASE("a namespace of this node sent it") {
    story.syn_to_nic().socket(SocketEventKind::ResetSent, kServer, true).receive(Leg::Reset, kNodeEth);
  }
  SUBCASE("first seen inside") { story.syn_to_server().receive(Leg::Reset, kNodeServerVeth).xmit(Leg::Reset, kNodeVeth); }
  SUBCASE("only the client's record of it") { story.syn_to_nic().socket(SocketEventKind::ResetReceived, kPod, false); }
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "other");
  CHECK(verdict.fate == Fate::Refused);
  CHECK(verdict.confidence == Confidence::Partial);
}

TEST_CASE("a drop after the RST from beyond goes first, one before it does not") {
  Story after = out();
  after.syn_to_nic().at(20).receive(Leg::Reset, kNodeEth).at(1000).retransmit().syn_to_node();
  after.drop(Leg::Syn, kNodeVeth, "ip_rcv_finish_core", "IP_RPFILTER");
  CHECK(after.judged().cause == "rp_filter");
  Story before = out();
  before.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_rcv_finish_core", "IP_RPFILTER").at(20).receive(Leg::Reset, kNodeEth);
  CHECK(before.judged().cause == "peer_reset");
}

TEST_CASE("icmp_from_peer") {
  Story story = out();
  story.syn_to_nic().at(20).icmp_hop(HopKind::Receive, kNodeEth, 3, 10).icmp_hop(HopKind::Xmit, kNodeVeth, 3, 10);
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "icmp_from_peer");
  CHECK(verdict.fate == Fate::Refused);
  CHECK(verdict.summary == "ICMP host prohibited (3/10) from beyond eth0");
  story.icmp_sent(kNodeVeth, 3, 1);
  CHECK_MESSAGE(story.judged().cause == "other", "this node sent one of its own");
}

TEST_CASE("an answer that later SYNs outlived is no last word") {
  Story story = out();
  story.syn_to_node().icmp_sent(kNodeVeth, 3, 3).drop(Leg::Syn, kNodeVeth, "nft_do_chain", "NETFILTER_DROP").hook(2, 2, "vethpod", "eth0");
  CHECK(story.judged().cause == "netfilter_reject");
  story.at(1000).retransmit().syn_to_nic().at(2000).retransmit().syn_to_nic();
  CHECK(story.judged().cause == "left_node");
}

TEST_CASE("the last answer counts, not the first") {
  Story story = out();
  story.syn_to_node().socket(SocketEventKind::ResetSent, kHost, true).at(1000).retransmit().syn_to_nic();
  CHECK(story.judged().cause == "left_node");
  story.at(1020).xmit(Leg::Reset, kNodeVeth);
  CHECK(story.judged().cause == "other");
  CHECK(story.judged().fate == Fate::Refused);
}

TEST_CASE("a client beyond that reset the SYN-ACK has answered") {
  Story story;
  story.not_local().receive(Leg::Syn, kNodeEth).xmit(Leg::SynAck, kNodeEth).at(20).receive(Leg::ClientReset, kNodeEth);
  story.at(1000).socket(SocketEventKind::Stale, kHost, true);
  CHECK(story.judged().cause == "unknown");
}
