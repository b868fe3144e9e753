// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// bridge_port_state and bridge_filter: a bridge's drop without a reason is explained by its ports' settings, or not at all.
#include "story.hpp"

using namespace synfate::judge::test;
using synfate::model::BridgePort;
using synfate::model::Link;

namespace {

constexpr std::array<std::uint8_t, 6> kServerMac{2, 0, 0, 0, 0, 9};
constexpr std::array<std::uint8_t, 6> kClientMac{2, 0, 0, 0, 0, 1};

/// vethpod, vethsrv and a third are forwarding ports of br0; the server is behind vethsrv, and a SYN to it was freed without a reason.
struct Bridge : Story {
  Bridge() {
    auto& host = inventory.namespaces[kHost];
    Link third;
    third.ifindex = 7;
    third.name = "veththird";
    third.kind = "veth";
    third.up = true;
    host.links.push_back(third);
    for (const std::size_t port : {1U, 2U, 3U}) {
      host.links[port].bridge_port = BridgePort{3, false, false, false, true};
      host.links[port].master_ifindex = 8;
    }
    Link bridge;
    bridge.ifindex = 8;
    bridge.name = "br0";
    bridge.kind = "bridge";
    bridge.up = true;
    bridge.vlan_filtering = false;
    host.links.push_back(bridge);
    host.fdb = {{8, 6, kServerMac, false}, {8, 5, kClientMac, false}};
    syn_to_node().drop(Leg::Syn, kNodeVeth, "br_handle_frame_finish", "NOT_SPECIFIED");
    last_drop().mac_destination = kServerMac;
    last_drop().mac_source = kClientMac;
  }
  synfate::model::Netns& host() { return inventory.namespaces[kHost]; }
  BridgePort& in() { return *host().links[1].bridge_port; }
  BridgePort& out() { return *host().links[2].bridge_port; }
  BridgePort& third() { return *host().links[3].bridge_port; }
  Link& bridge() { return host().links[4]; }
};

bool says(const Verdict& verdict, const char* words) { return described(verdict).find(words) != std::string::npos; }

}  // namespace

TEST_CASE("bridge_port_state: the kernel's reason is enough, and the state is said where it was read") {
  Bridge story;
  story.last_drop().reason = "BRIDGE_INGRESS_STP_STATE";
  story.last_drop().symbol.function = "br_handle_frame";
  Verdict verdict = story.judged();
  CHECK(verdict.cause == "bridge_port_state");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.where.stage == Stage::Bridge);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK_MESSAGE(says(verdict, "forwarding again"), "it was read later");
  story.in().state = 4;
  verdict = story.judged();
  CHECK(verdict.summary == "bridge port vethpod is blocking: it takes nothing in");
  CHECK(verdict.next == "bridge -d link show dev vethpod");
  story.inventory.namespaces.clear();
  CHECK(story.judged().cause == "bridge_port_state");
}

TEST_CASE("bridge_port_state without a reason: the function and the state have to fit") {
  Bridge story;
  SUBCASE("learning") { story.in().state = 2; }
  SUBCASE("disabled") { story.in().state = 0; }
  SUBCASE("listening") {
    story.in().state = 1;
    story.last_drop().symbol.function = "br_handle_frame";
  }
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "bridge_port_state");
  CHECK(verdict.confidence == Confidence::Strong);
}

TEST_CASE("bridge_port_state of the port that it was for, and why that is disabled") {
  Bridge story;
  story.out().state = 0;
  story.host().links[2].carrier = false;
  Verdict verdict = story.judged();
  CHECK(verdict.cause == "bridge_port_state");
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(verdict.summary == "bridge port vethsrv is disabled: it sends nothing out");
  CHECK(says(verdict, "no carrier"));
  CHECK(verdict.next == "ip -d link show dev vethsrv");
  story.host().links[2].carrier = true;
  CHECK(story.judged().next == "bridge -d link show dev vethsrv");
  story.bridge().up = false;
  CHECK(story.judged().next == "ip -d link show dev br0");
}

TEST_CASE("bridge_port_state: an unknown address, and nothing else forwards") {
  Bridge story;
  story.host().fdb.clear();
  story.out().state = 1;
  CHECK_MESSAGE(story.judged().cause == "other", "the third port forwards");
  story.third().state = 1;
  CHECK(story.judged().cause == "bridge_port_state");
}

TEST_CASE("bridge_filter: isolated, locked, not flooded") {
  Bridge story;
  SUBCASE("isolated from each other") {
    story.in().isolated = true;
    CHECK_MESSAGE(story.judged().cause == "other", "one alone shuts nothing out");
    story.out().isolated = true;
    CHECK(story.judged().summary == "bridge ports vethpod and vethsrv are isolated from each other");
  }
  SUBCASE("locked, the sender unknown") {
    story.in().locked = true;
    CHECK_MESSAGE(story.judged().cause == "other", "the sender is known");
    story.host().fdb.pop_back();
    CHECK(story.judged().summary == "bridge port vethpod is locked and does not know the sender");
  }
  SUBCASE("nobody is flooded") {
    story.host().fdb.clear();
    story.out().flood = false;
    CHECK_MESSAGE(story.judged().cause == "other", "the third port is");
    story.third().flood.reset();
    CHECK_MESSAGE(story.judged().cause == "other", "not known of the third port");
    story.third().flood = false;
    CHECK(says(story.judged(), "no port of it is flooded"));
  }
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "bridge_filter");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK_FALSE(verdict.next.empty());
}

TEST_CASE("bridge_filter: VLANs") {
  Bridge story;
  SUBCASE("the port does not take it: the function does nothing else") {
    story.last_drop().symbol.function = "br_allowed_ingress";
    CHECK(story.judged().cause == "bridge_filter");
    CHECK(story.judged().confidence == Confidence::Exact);
    story.host().bridge_vlans = {{5, {{10, 12, false}}}};
    CHECK(says(story.judged(), "VLANs of vethpod: 10-12"));
    CHECK(says(story.judged(), "nothing without a tag"));
  }
  SUBCASE("the other port is not in it, if it had no tag") {
    story.host().bridge_vlans = {{5, {{1, 1, true}}}, {6, {{10, 12, true}}}};
    CHECK_MESSAGE(story.judged().cause == "other", "the bridge does not filter");
    story.bridge().vlan_filtering = true;
    CHECK(story.judged().cause == "bridge_filter");
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(story.judged().next == "bridge vlan show dev vethsrv");
    story.host().bridge_vlans[1].vlans.push_back({1, 4, false});
    CHECK(story.judged().cause == "other");
  }
}

TEST_CASE("near misses of both are other") {
  Bridge story;
  story.out().state = 4;
  story.in().isolated = story.out().isolated = true;
  SUBCASE("a rule did it") { story.hook(7, 0, "vethpod", ""); }
  SUBCASE("behind two ports") { story.host().fdb.push_back({8, 7, kServerMac, false}); }
  SUBCASE("the bridge's own address") { story.host().fdb[0].local = true; }
  SUBCASE("another bridge's table") { story.host().fdb[0].bridge_ifindex = 9; }
  SUBCASE("a group's address") { story.last_drop().mac_destination[0] = 1; }
  SUBCASE("no Ethernet header") { story.last_drop().mac_destination = {}; }
  SUBCASE("the kernel has another reason") { story.last_drop().reason = "NOMEM"; }
  SUBCASE("a function that does not decide the way") { story.last_drop().symbol.function = "br_dev_queue_push_xmit"; }
  SUBCASE("nothing is known of the machine") { story.inventory.namespaces.clear(); }
  CHECK((story.judged().cause == "other" || story.judged().cause == "netfilter_drop"));
}
