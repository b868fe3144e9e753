// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "story.hpp"

using namespace synfate::judge::test;

namespace {

Story dropped_in_forward(const char* function) {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, function, "NETFILTER_DROP").hook(2, 2, "vethpod", "vethsrv");
  return story;
}

}  // namespace

TEST_CASE("netfilter_drop names the hook and the device, and never a rule") {
  const Verdict verdict = dropped_in_forward("nft_do_chain").judged();
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.cause == "netfilter_drop");
  CHECK(verdict.packet == Leg::Syn);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.where.netns == kHost);
  CHECK(verdict.where.stage == Stage::Forward);
  CHECK(verdict.where.device == "vethpod");
  REQUIRE(verdict.where.rule.has_value());
  CHECK(verdict.where.rule->family == "ip");
  CHECK(verdict.where.rule->backend.empty());
  CHECK_FALSE(verdict.where.rule->number.has_value());
  CHECK_FALSE(verdict.where.rule->policy.has_value());
  CHECK(verdict.where.rule_gap.find("policy") != std::string::npos);
  CHECK(verdict.next == "nft -a list ruleset");
}

TEST_CASE("nf_hook_slow is not called a rule: conntrack and others drop there too") {
  const Verdict verdict = dropped_in_forward("nf_hook_slow").judged();
  CHECK(verdict.cause == "netfilter_drop");
  CHECK(verdict.summary == "by a netfilter hook");
  CHECK(verdict.where.rule_gap.find("conntrack") != std::string::npos);
  CHECK_FALSE(verdict.where.rule->policy.has_value());
}

TEST_CASE("netfilter_policy needs a calibrated site") {
  Story story = dropped_in_forward("nft_do_chain");
  story.last_drop().nft_site = Drop::Site::Policy;
  CHECK(story.judged().cause == "netfilter_policy");
  CHECK(story.judged().where.rule->policy == true);
  story.last_drop().nft_site = Drop::Site::Rule;
  CHECK(story.judged().cause == "netfilter_drop");
  CHECK(story.judged().where.rule->policy == false);
  CHECK(story.judged().summary == "by a netfilter rule");
  story.last_drop().nft_site = Drop::Site::Policy;
  story.last_drop().symbol.function = "nf_hook_slow";
  CHECK(story.judged().cause == "netfilter_drop");
}

TEST_CASE("stages by family and hook") {
  struct {
    unsigned family, hook;
    Stage stage;
    const char* device;
    const char* rule_family;
  } const rows[] = {
      {2, 0, Stage::Prerouting, "in", "ip"},    {2, 1, Stage::Input, "in", "ip"},          {10, 2, Stage::Forward, "in", "ip6"},
      {2, 3, Stage::Output, "out", "ip"},       {10, 4, Stage::Postrouting, "out", "ip6"}, {7, 0, Stage::Bridge, "in", "bridge"},
      {5, 0, Stage::TcIngress, "in", "netdev"}, {5, 1, Stage::TcEgress, "out", "netdev"},  {1, 5, Stage::TcIngress, "in", "inet"}};
  for (const auto& row : rows) {
    Story story;
    story.syn_to_node().drop(Leg::Syn, kNodeVeth, "nft_do_chain", "NETFILTER_DROP").hook(row.family, row.hook, "in", "out");
    const Verdict verdict = story.judged();
    CHECK(verdict.where.stage == row.stage);
    CHECK(verdict.where.device == row.device);
    CHECK(verdict.where.rule->family == row.rule_family);
  }
}

TEST_CASE("a hook that was not recovered is said, and lowers the confidence") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "nft_do_chain", "NETFILTER_DROP");
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "netfilter_drop");
  CHECK(verdict.where.stage == Stage::None);
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(verdict.where.rule->family.empty());
}

TEST_CASE("kernels without reasons free in the same functions; nothing else of theirs is netfilter") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "nf_hook_slow", "NOT_SPECIFIED");
  CHECK(story.judged().cause == "netfilter_drop");
  story.last_drop().symbol.function = "br_nf_hook_thresh";
  CHECK(story.judged().cause == "other");
  story.last_drop().symbol.function = "nft_do_chain";
  story.last_drop().reason = "IP_INHDR";
  CHECK(story.judged().cause == "other");
}

TEST_CASE("netfilter_reject is a drop with an answer from the same place and moment") {
  SUBCASE("ICMP before the drop") {
    Story story;
    story.syn_to_node()
        .icmp_sent(kNodeVeth, 3, 3)
        .drop(Leg::Syn, kNodeVeth, "nft_do_chain", "NETFILTER_DROP")
        .hook(2, 2, "vethpod", "vethsrv");
    const Verdict verdict = story.judged();
    CHECK(verdict.fate == Fate::Refused);
    CHECK(verdict.cause == "netfilter_reject");
    CHECK(verdict.where.rule->policy == false);
    CHECK(verdict.confidence == Confidence::Exact);
  }
  SUBCASE("RST before the drop") {
    Story story;
    story.syn_to_node()
        .xmit(Leg::Reset, kNodeVeth)
        .drop(Leg::Syn, kNodeVeth, "nf_hook_slow", "NETFILTER_DROP")
        .hook(2, 2, "vethpod", "vethsrv");
    story.receive(Leg::Reset, kPodEth).socket(SocketEventKind::ResetReceived, kPod, false);
    const Verdict verdict = story.judged();
    CHECK(verdict.cause == "netfilter_reject");
    CHECK_MESSAGE(!verdict.where.rule->policy.has_value(), "ipvs answers and drops in nf_hook_slow too");
  }
  SUBCASE("ICMPv6 has no record of its own, its hop is the proof") {
    Story story;
    story.from("fd00:1::2")
        .to("fd00:2::2")
        .syn_to_node()
        .drop(Leg::Syn, kNodeVeth, "nft_do_chain", "NETFILTER_DROP")
        .hook(10, 2, "vethpod", "vethsrv");
    CHECK(story.judged().cause == "netfilter_drop");
    story.icmp_hop(HopKind::Xmit, kNodeVeth, 1, 4).icmp_hop(HopKind::Receive, kPodEth, 1, 4);
    CHECK(story.judged().cause == "netfilter_reject");
    CHECK(story.judged().fate == Fate::Refused);
  }
}

TEST_CASE("answers that prove no reject") {
  Story story = dropped_in_forward("nft_do_chain");
  SUBCASE("another namespace's ICMP") { story.icmp_sent(kServerEth, 3, 3); }
  SUBCASE("another time") { story.at(60).icmp_sent(kNodeVeth, 3, 3); }
  SUBCASE("another packet") { story.icmp_sent(kNodeVeth, 3, 3, Leg::SynAck); }
  SUBCASE("another skb") {
    story.journey.events.back().skb = 11;
    story.icmp_sent(kNodeVeth, 3, 3);
    story.journey.events.back().skb = 12;
  }
  SUBCASE("not an unreachable") { story.icmp_sent(kNodeVeth, 11, 0); }
  SUBCASE("a RST that came from elsewhere") { story.receive(Leg::Reset, kNodeServerVeth).xmit(Leg::Reset, kNodeVeth); }
  SUBCASE("a RST that a TCP socket of that namespace sent") {
    story.socket(SocketEventKind::ResetSent, kHost, true).xmit(Leg::Reset, kNodeVeth);
  }
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "netfilter_drop");
  CHECK(verdict.fate == Fate::Dropped);
}

TEST_CASE("a calibrated policy cannot reject") {
  Story story = dropped_in_forward("nft_do_chain");
  story.last_drop().nft_site = Drop::Site::Policy;
  story.icmp_sent(kNodeVeth, 3, 3);
  CHECK(story.judged().cause == "netfilter_policy");
}

TEST_CASE("a local OUTPUT drop has no device and no hop") {
  Story story;
  story.drop(Leg::Syn, Place{kPod, 0, DeviceKind::Unknown, ""}, "nft_do_chain", "NETFILTER_DROP").hook(2, 3, "", "eth0");
  const Verdict verdict = story.judged();
  CHECK(verdict.where.stage == Stage::Output);
  CHECK(verdict.where.device == "eth0");
  CHECK(verdict.where.netns == kPod);
  CHECK(verdict.next == "ip netns exec pod nft -a list ruleset");
}

TEST_CASE("a SYN-ACK dropped on its way back is the packet that died") {
  Story story;
  story.syn_to_server().xmit(Leg::SynAck, kServerEth).receive(Leg::SynAck, kNodeServerVeth);
  story.drop(Leg::SynAck, kNodeServerVeth, "nf_hook_slow", "NETFILTER_DROP").hook(2, 2, "vethsrv", "vethpod");
  CHECK(story.judged().packet == Leg::SynAck);
  story.at(1000).retransmit().syn_to_server().drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "NOT_SPECIFIED");
  const Verdict verdict = story.judged();
  CHECK_MESSAGE(verdict.packet == Leg::SynAck, "the answered duplicate SYN is no failure");
  CHECK(verdict.cause == "netfilter_drop");
  CHECK(verdict.where.netns == kHost);
}
