// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which of several drops decides.
#include "story.hpp"

using namespace synfate::judge::test;

TEST_CASE("a drop that a retransmit got past is history") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "nft_do_chain", "NETFILTER_DROP").hook(2, 2, "vethpod", "vethsrv");
  story.at(1000).retransmit().syn_to_server();
  CHECK(story.judged().cause != "netfilter_drop");
  story.drop(Leg::Syn, kServerEth, "ip_rcv_finish_core", "IP_RPFILTER");
  CHECK(story.judged().cause == "rp_filter");
  CHECK(story.judged().confidence == Confidence::Exact);
}

TEST_CASE("the same drop again stays the culprit, and one in between two seen places gives way to the later") {
  Story story;
  for (const double start : {0.0, 1000.0, 2000.0}) {
    story.at(start);
    if (start > 0) story.retransmit();
    story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_rcv_finish_core", "IP_RPFILTER");
  }
  CHECK(story.judged().cause == "rp_filter");
  CHECK(story.judged().confidence == Confidence::Exact);
  story.at(3000).retransmit().syn_to_node().drop(Leg::Syn, kNodeVeth, "__netif_receive_skb_core", "TC_INGRESS");
  CHECK(story.judged().cause == "tc_drop");
}

TEST_CASE("a local drop without any hop is passed by the first SYN that leaves, though earlier SYNs had left too") {
  Story story;
  story.to("192.0.2.9").syn_to_nic().at(1000).retransmit().drop(Leg::Syn, kPodEth, "__dev_queue_xmit", "QDISC_DROP");
  CHECK(story.judged().cause == "qdisc_drop");
  Story egress;
  egress.to("192.0.2.9").syn_to_nic().at(1000).retransmit().drop(Leg::Syn, kPodEth, "__dev_queue_xmit", "TC_EGRESS");
  CHECK(egress.judged().cause == "tc_drop");
  egress.at(3000).retransmit().syn_to_nic();
  CHECK(egress.judged().cause == "left_node");
}

TEST_CASE("what an earlier SYN had reached says nothing of the one that was dropped before it") {
  Story story;
  story.to("192.0.2.9").xmit(Leg::Syn, kNodeEth).at(1000).retransmit().drop(Leg::Syn, kNodeEth, "__dev_queue_xmit", "TC_EGRESS");
  CHECK(story.judged().cause == "tc_drop");
  story.at(3000).retransmit().xmit(Leg::Syn, kNodeEth);
  CHECK(story.judged().cause == "left_node");
}

TEST_CASE("a SYN that was parked and freed seconds later is not passed by SYNs that were parked behind it") {
  Story story;
  story.syn_to_node().at(1000).retransmit().syn_to_node().at(2000).retransmit().syn_to_node();
  story.at(3000).drop(Leg::Syn, kNodeServerVeth, "neigh_invalidate", "NEIGH_FAILED");
  story.drop(Leg::Syn, kNodeServerVeth, "neigh_invalidate", "NEIGH_FAILED");
  story.at(4000).retransmit().syn_to_node();
  CHECK(story.judged().cause == "neighbour_failed");
  CHECK(story.judged().confidence == Confidence::Exact);
  story.at(5000).retransmit().syn_to_server();
  CHECK(story.judged().cause != "neighbour_failed");
}

TEST_CASE("a SYN-ACK proves that some SYN arrived") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_rcv_finish_core", "IP_RPFILTER").at(500).xmit(Leg::SynAck, kServerEth);
  CHECK(story.judged().cause != "rp_filter");
}

TEST_CASE("a retransmitted SYN-ACK proves it too, where no hop of it was seen") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_rcv_finish_core", "IP_RPFILTER");
  story.at(1000).socket(SocketEventKind::SynAckRetransmit, kServer, true);
  CHECK(story.judged().cause != "rp_filter");
}

TEST_CASE("a later SYN's drop after a SYN-ACK is named with doubt") {
  Story story;
  story.syn_to_server().xmit(Leg::SynAck, kServerEth).at(1000).retransmit().syn_to_node();
  story.drop(Leg::Syn, kNodeVeth, "ip_rcv_finish_core", "IP_RPFILTER");
  CHECK(story.judged().cause == "rp_filter");
  CHECK(story.judged().confidence == Confidence::Partial);
}

TEST_CASE("two different drops of one packet's copies are more than one explanation") {
  Story story;
  story.syn_to_server().drop(Leg::Syn, kServerEth, "ip_rcv_finish_core", "IP_RPFILTER");
  story.drop(Leg::Syn, kNodeEth, "__dev_queue_xmit", "TC_EGRESS");
  const Verdict verdict = story.judged();
  CHECK_MESSAGE(verdict.cause == "rp_filter", "the copy that got farther");
  CHECK(verdict.confidence == Confidence::Partial);
  CHECK(described(verdict).find("more than one explanation") != std::string::npos);
}

TEST_CASE("taps, duplicates and late copies decide nothing") {
  Story story;
  story.to("192.0.2.9").syn_to_nic();
  SUBCASE("a tap's copy") { story.drop(Leg::Syn, kNodeEth, "tpacket_rcv", "PACKET_SOCK_ERROR"); }
  SUBCASE("another tap's") { story.drop(Leg::Syn, kNodeEth, "packet_rcv", "NOT_SPECIFIED"); }
  SUBCASE("a consumed one") { story.drop(Leg::Syn, kNodeEth, "veth_xmit", "SKB_CONSUMED"); }
  SUBCASE("an answer's drop") { story.drop(Leg::ClientReset, kNodeEth, "nf_hook_slow", "NETFILTER_DROP"); }
  CHECK(story.judged().fate == Fate::Unfinished);
}

TEST_CASE("a duplicate SYN is by design only when it was answered") {
  Story story;
  story.syn_to_server().drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "NOT_SPECIFIED");
  CHECK(story.judged().cause == "other");
  Story answered;
  const char* reason = "NOT_SPECIFIED";
  SUBCASE("on a kernel with reasons") {}
  SUBCASE("on one without, such as 5.15") { reason = ""; }
  answered.syn_to_server().xmit(Leg::SynAck, kServerEth).drop(Leg::Syn, kServerEth, "tcp_v4_rcv", reason);
  CHECK(answered.judged().fate == Fate::Unfinished);
  Story other_reason;
  other_reason.syn_to_server().xmit(Leg::SynAck, kServerEth).drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "XFRM_POLICY");
  CHECK(other_reason.judged().cause == "xfrm");
}

TEST_CASE("the same journey gives the same verdict, and evidence may grow without changing it") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "nft_do_chain", "NETFILTER_DROP").hook(2, 2, "vethpod", "vethsrv");
  const Verdict first = story.judged();
  story.at(1000).retransmit().syn_to_node().drop(Leg::Syn, kNodeVeth, "nft_do_chain", "NETFILTER_DROP").hook(2, 2, "vethpod", "vethsrv");
  const Verdict second = story.judged();
  CHECK(first.cause == second.cause);
  CHECK(first.summary == second.summary);
  CHECK(first.where.rule_gap == second.where.rule_gap);
  CHECK(first.where.device == second.where.device);
  CHECK(described(second) == described(story.judged()));
}
