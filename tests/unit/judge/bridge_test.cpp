// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// bridge_hairpin and wrong_mac: what a bridge does with a MAC address, and the copies that mean nothing.
#include "story.hpp"

using namespace synfate::judge::test;

namespace {

constexpr std::array<std::uint8_t, 6> kTarget{2, 0, 0, 0, 0, 9};
const Place kOther{300, 2, DeviceKind::Veth, "eth0"};

/// vethpod and vethsrv are ports of br0 (ifindex 8), and the forwarding table has the target behind vethpod.
Story on_a_bridge() {
  Story story;
  auto& host = story.inventory.namespaces[kHost];
  for (std::size_t port : {1U, 2U}) {
    host.links[port].bridge_port = synfate::model::BridgePort{3, false, false};
    host.links[port].master_ifindex = 8;
  }
  host.fdb.push_back({8, 5, kTarget, false});
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "br_handle_frame_finish", "NOT_SPECIFIED");
  story.last_drop().mac_destination = kTarget;
  return story;
}

}  // namespace

TEST_CASE("bridge_hairpin is proved by the port and the forwarding table") {
  const Verdict verdict = on_a_bridge().judged();
  CHECK(verdict.cause == "bridge_hairpin");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.where.stage == Stage::Bridge);
  CHECK(verdict.where.device == "vethpod");
  CHECK(verdict.next == "bridge -d link show dev vethpod");
  CHECK_MESSAGE(verdict.confidence == Confidence::Strong, "flags and table were read after the drop");
}

TEST_CASE("a locked port that does not know the sender refuses it before the bridge looks where it goes") {
  Story story = on_a_bridge();
  auto& host = story.inventory.namespaces[kHost];
  story.inventory.namespaces[kHost].links.emplace_back().ifindex = 8;
  host.links.back().kind = "bridge";
  host.links.back().name = "br0";
  story.last_drop().mac_source = {2, 0, 0, 0, 0, 7};
  CHECK(story.judged().cause == "bridge_hairpin");
  host.links[1].bridge_port->locked = true;
  CHECK(story.judged().cause == "bridge_filter");
  CHECK(story.judged().summary == "bridge port vethpod is locked and does not know the sender");
  host.fdb.push_back({8, 5, {2, 0, 0, 0, 0, 7}, false});
  CHECK(story.judged().cause == "bridge_hairpin");
}

TEST_CASE("near misses of bridge_hairpin are other") {
  Story story = on_a_bridge();
  auto& host = story.inventory.namespaces[kHost];
  SUBCASE("hairpin is on") { host.links[1].bridge_port->hairpin = true; }
  SUBCASE("the port is blocking") { host.links[1].bridge_port->state = 4; }
  SUBCASE("not a bridge port") { host.links[1].bridge_port.reset(); }
  SUBCASE("the target is behind another port") { host.fdb[0].port_ifindex = 6; }
  SUBCASE("the target is behind both") { host.fdb.push_back({8, 6, kTarget, false}); }
  SUBCASE("another bridge's table") { host.fdb[0].bridge_ifindex = 9; }
  SUBCASE("the port's own address") { host.fdb[0].local = true; }
  SUBCASE("no table") { host.fdb.clear(); }
  SUBCASE("another destination") { story.last_drop().mac_destination = {2, 0, 0, 0, 0, 1}; }
  SUBCASE("no Ethernet header") { story.last_drop().mac_destination = {}; }
  SUBCASE("the kernel has a reason") { story.last_drop().reason = "MAC_INVALID_SOURCE"; }
  SUBCASE("another function") { story.last_drop().symbol.function = "br_nf_pre_routing"; }
  SUBCASE("nothing is known of the machine") { story.inventory.namespaces.clear(); }
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "other");
  CHECK(verdict.where.stage == Stage::Bridge);
}

TEST_CASE("other says the port's state") {
  Story story = on_a_bridge();
  story.inventory.namespaces[kHost].links[1].bridge_port->state = 4;
  CHECK(described(story.judged()).find("is blocking") != std::string::npos);
}

TEST_CASE("a clone that a flooding bridge frees is no failure of the copy that arrived") {
  Story story = on_a_bridge();
  story.journey.events.pop_back();
  story.inventory.namespaces[kHost].fdb.clear();
  SUBCASE("it arrived before the clone was freed") {
    story.xmit(Leg::Syn, kNodeServerVeth).receive(Leg::Syn, kServerEth).drop(Leg::Syn, kNodeVeth, "br_forward", "NOT_SPECIFIED");
  }
  SUBCASE("it arrived afterwards") {
    story.drop(Leg::Syn, kNodeVeth, "br_forward", "NOT_SPECIFIED").xmit(Leg::Syn, kNodeServerVeth).receive(Leg::Syn, kServerEth);
  }
  CHECK(story.judged().fate == Fate::Unfinished);
  story.drop(Leg::Syn, kServerEth, "ip_rcv_finish_core", "IP_RPFILTER");
  CHECK(story.judged().cause == "rp_filter");
  CHECK(story.judged().confidence == Confidence::Exact);
}

TEST_CASE("a station with another MAC never hides the copy that was really dropped") {
  Story story = on_a_bridge();
  story.journey.events.pop_back();
  story.inventory.namespaces[kHost].fdb.clear();
  story.drop(Leg::Syn, kNodeServerVeth, "nf_hook_slow", "NETFILTER_DROP").hook(7, 2, "vethpod", "vethsrv");
  story.receive(Leg::Syn, kOther).drop(Leg::Syn, kOther, "ip_rcv_core", "OTHERHOST");
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "netfilter_drop");
  CHECK(verdict.where.stage == Stage::Bridge);
}

TEST_CASE("wrong_mac needs every SYN to end so, twice") {
  Story story;
  story.syn_to_server().drop(Leg::Syn, kServerEth, "ip_rcv_core", "OTHERHOST");
  CHECK_MESSAGE(story.judged().fate == Fate::Unfinished, "once is what a flooding bridge does all day");
  story.at(1000).retransmit();
  CHECK(story.judged().cause != "wrong_mac");
  story.syn_to_server().drop(Leg::Syn, kServerEth, "ip_rcv_core", "OTHERHOST");
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "wrong_mac");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.where.netns == kServer);
  CHECK(verdict.confidence == Confidence::Strong);
}

TEST_CASE("wrong_mac names whose address it is only where one device has it") {
  Story story;
  for (const double start : {0.0, 1000.0}) {
    story.at(start);
    if (start > 0) story.retransmit();
    story.syn_to_server().drop(Leg::Syn, kServerEth, "ip_rcv_core", "OTHERHOST");
    story.last_drop().mac_destination = kTarget;
  }
  const auto says = [&](const char* words) { return described(story.judged()).find(words) != std::string::npos; };
  CHECK(says("02:00:00:00:00:09, which no device has"));
  story.inventory.namespaces[kHost].links[1].mac = kTarget;
  CHECK(says("02:00:00:00:00:09, which is the address of vethpod in netns host"));
  story.inventory.namespaces[kPod].links[0].mac = kTarget;
  CHECK(says("02:00:00:00:00:09, which is the address of 2 devices in the network namespaces that were read"));
  CHECK_FALSE(says("of vethpod"));
}

TEST_CASE("wrong_mac where the copies' veths are not known") {
  Story story;
  story.inventory.namespaces.clear();
  for (const double start : {0.0, 1000.0}) {
    story.at(start);
    if (start > 0) story.retransmit();
    story.syn_to_server().drop(Leg::Syn, kServerEth, "ip_rcv_core", "OTHERHOST");
  }
  CHECK(story.judged().cause == "wrong_mac");
}

TEST_CASE("wrong_mac is not named when another copy got somewhere") {
  Story story;
  for (const double start : {0.0, 1000.0}) {
    story.at(start);
    if (start > 0) story.retransmit();
    story.syn_to_node().xmit(Leg::Syn, kNodeServerVeth);
    SUBCASE("it arrived") { story.receive(Leg::Syn, kServerEth); }
    SUBCASE("it left by the NIC") { story.xmit(Leg::Syn, kNodeEth); }
    SUBCASE("it was dropped") { story.receive(Leg::Syn, kServerEth).drop(Leg::Syn, kServerEth, "ip_rcv_finish_core", "IP_RPFILTER"); }
    story.receive(Leg::Syn, kOther).drop(Leg::Syn, kOther, "ip_rcv_core", "OTHERHOST");
  }
  const Verdict verdict = story.judged();
  CHECK(verdict.cause != "wrong_mac");
  CHECK(verdict.where.netns != kOther.netns);
}

TEST_CASE("a packet of another machine for another machine deserves no row") {
  Story story;
  story.not_local().receive(Leg::Syn, kNodeEth).drop(Leg::Syn, kNodeEth, "ip_rcv_core", "OTHERHOST").at(1000);
  story.receive(Leg::Syn, kNodeEth).drop(Leg::Syn, kNodeEth, "ip_rcv_core", "OTHERHOST");
  story.journey.syns = 2;
  CHECK_FALSE(synfate::judge::concerns_this_node(story.journey));
  CHECK(story.judged().fate == Fate::Unfinished);
  story.xmit(Leg::SynAck, kNodeEth);
  CHECK(synfate::judge::concerns_this_node(story.journey));
}
