// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The routes that were read near the event: what rows say of them, and what they must not.
#include <algorithm>

#include "story.hpp"

using namespace synfate::judge::test;
using synfate::judge::wanted_routes;
using synfate::model::Neighbour;
using synfate::model::RouteAnswer;

namespace {

bool says(const Verdict& verdict, const char* part) { return described(verdict).find(part) != std::string::npos; }

/// Out by the NIC twice, by the default route, and nothing comes back.
Story unanswered() {
  Story story;
  story.to("192.0.2.9", 443).syn_to_nic().at(1000).retransmit().syn_to_nic();
  story.inventory.namespaces[kHost].own_rules_ipv4 = 0;
  return story;
}

/// The answer to what the journey asks for, still to be filled in.
RouteAnswer& answer(Story& story) {
  const auto wanted = wanted_routes(story.journey, story.inventory);
  REQUIRE(wanted.size() == 1);
  RouteAnswer& route = story.inventory.namespaces[wanted[0].netns].routes.emplace_back();
  route.question = wanted[0].question;
  route.type = 1;
  route.matched = true;
  route.table = 254;
  return route;
}

RouteAnswer& by_default(Story& story) {
  RouteAnswer& route = answer(story);
  route.out_ifindex = kNodeEth.ifindex;
  route.gateway = ip("198.51.100.254");
  route.neighbour = Neighbour{0x02, std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 0xfe}};
  return route;
}

}  // namespace

TEST_CASE("left_node names the route, the gateway and its MAC address") {
  Story story = unanswered();
  by_default(story);
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "left_node");
  CHECK(verdict.summary == "left by eth0 towards 198.51.100.254, no answer");
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(says(verdict, "by the route default via 198.51.100.254 dev eth0, table main"));
  CHECK(says(verdict, "the next hop is the gateway 198.51.100.254: 02:00:00:00:00:fe, REACHABLE"));
  CHECK(says(verdict, "nothing on this node was seen to drop or refuse it: look beyond eth0"));
}

TEST_CASE("what was asked is what the packet was when it was routed") {
  const Story story = unanswered();
  const auto wanted = wanted_routes(story.journey, story.inventory);
  REQUIRE(wanted.size() == 1);
  CHECK(wanted[0].netns == kHost);
  CHECK(to_string(wanted[0].question.destination) == "192.0.2.9");
  CHECK(to_string(wanted[0].question.source) == "10.0.1.2");
  CHECK(wanted[0].question.in_ifindex == kNodeVeth.ifindex);
  CHECK(wanted[0].question.neighbour);
}

TEST_CASE("left_node claims no gateway that the packet may not have been sent to") {
  SUBCASE("the route leads elsewhere now") {
    Story story = unanswered();
    by_default(story).out_ifindex = kNodeServerVeth.ifindex;
    CHECK(says(story.judged(), "what sent it there was not read: the route now is default via 198.51.100.254 dev vethsrv"));
    CHECK(story.judged().summary == "left by eth0, no answer");
  }
  SUBCASE("one of several next hops") {
    Story story = unanswered();
    by_default(story).several = true;
    CHECK(story.judged().summary == "left by eth0, no answer");
    CHECK(says(story.judged(), "one of several next hops"));
  }
  SUBCASE("rules of its own") {
    Story story = unanswered();
    by_default(story);
    story.inventory.namespaces[kHost].own_rules_ipv4 = 2;
    CHECK(says(story.judged(), "(asked for a packet without a mark; netns host has 2 ip rules of its own)"));
  }
  SUBCASE("none was read") { CHECK(unanswered().judged().summary == "left by eth0, no answer"); }
}

TEST_CASE("left_node doubts a next hop that does not answer") {
  Story story = unanswered();
  by_default(story).neighbour = Neighbour{0x20, std::nullopt};
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "left_node");
  CHECK(verdict.confidence == Confidence::Partial);
  CHECK(says(verdict, "198.51.100.254 does not answer ARP now"));
  CHECK_FALSE(says(verdict, "nothing on this node"));
}

TEST_CASE("left_node does not look beyond for an address of a subnet of this node") {
  Story story;
  story.to("10.0.2.77", 443).syn_to_nic().at(1000).retransmit().syn_to_nic();
  CHECK(story.judged().cause == "left_node");
  CHECK_FALSE(says(story.judged(), "nothing on this node"));
}

TEST_CASE("a port of a bridge sends what it is given: no route is asked for") {
  Story story = unanswered();
  auto& links = story.inventory.namespaces[kHost].links;
  for (auto& link : links) {
    if (link.name == "eth0" || link.name == "vethpod") link.bridge_port.emplace();
    if (link.name == "eth0" || link.name == "vethpod") link.master_ifindex = 8;
  }
  CHECK(wanted_routes(story.journey, story.inventory).empty());
}

TEST_CASE("rp_filter on an answer names both devices, and that the peer did answer") {
  Story story;
  story.to("192.0.2.9", 443).syn_to_nic();
  const Place second{kHost, 7, DeviceKind::Physical, "eth1"};
  story.receive(Leg::SynAck, second).drop(Leg::SynAck, second, "ip_rcv_finish_core", "IP_RPFILTER");
  story.inventory.namespaces[kHost].sysctls = {{"net.ipv4.conf.all.rp_filter", "1"}, {"net.ipv4.conf.eth1.rp_filter", "0"}};
  by_default(story);
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "rp_filter");
  CHECK(verdict.packet == Leg::SynAck);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(says(verdict, "the peer did answer: its SYN-ACK came in by eth1 in netns host"));
  CHECK(says(verdict, "the SYN left by eth0 in netns host, the answer came in by eth1 in netns host"));
  CHECK(says(verdict, "the route back: default via 198.51.100.254 dev eth0, table main"));
  CHECK(says(verdict, "the larger counts, effective 1 (strict"));
}

TEST_CASE("rp_filter on an answer that came in where the SYN left: no other device is blamed") {
  Story story;
  story.to("192.0.2.9", 443).syn_to_nic();
  story.receive(Leg::SynAck, kNodeEth).drop(Leg::SynAck, kNodeEth, "ip_rcv_finish_core", "IP_RPFILTER");
  by_default(story);
  CHECK(story.judged().summary == "rp_filter on eth0");
  CHECK_FALSE(says(story.judged(), "the way there and the way back"));
  CHECK_MESSAGE(says(story.judged(), "it may have been changed since the drop"), "the route that was read would have passed it");
}

TEST_CASE("loose filtering refuses what has no way back at all") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_rcv_finish_core", "IP_RPFILTER");
  story.inventory.namespaces[kHost].sysctls = {{"net.ipv4.conf.all.rp_filter", "0"}, {"net.ipv4.conf.vethpod.rp_filter", "2"}};
  RouteAnswer& route = answer(story);
  route.error = "Network is unreachable";
  CHECK(says(story.judged(), "there is no route back to 10.0.1.2 at all"));
  CHECK(says(story.judged(), "the route back: none (Network is unreachable)"));
}

TEST_CASE("rp_filter: a route back is called missing only where it was read as missing") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_rcv_finish_core", "IP_RPFILTER");
  auto& host = story.inventory.namespaces[kHost];
  const char* neutral = "rp_filter on vethpod did not accept the way back to 10.0.1.2";
  const char* strict = "the route back to 10.0.1.2 does not lead out of the device that it came in by";
  SUBCASE("no sysctl was read") { CHECK(says(story.judged(), neutral)); }
  SUBCASE("one was not read") {
    host.sysctls = {{"net.ipv4.conf.vethpod.rp_filter", "1"}};
    CHECK(says(story.judged(), neutral));
  }
  SUBCASE("off by then") {
    host.sysctls = {{"net.ipv4.conf.all.rp_filter", "0"}, {"net.ipv4.conf.vethpod.rp_filter", "0"}};
    CHECK(says(story.judged(), neutral));
  }
  SUBCASE("strict") {
    host.sysctls = {{"net.ipv4.conf.all.rp_filter", "1"}, {"net.ipv4.conf.vethpod.rp_filter", "0"}};
    CHECK(says(story.judged(), strict));
  }
  SUBCASE("loose, the route was not read") {
    host.sysctls = {{"net.ipv4.conf.all.rp_filter", "2"}, {"net.ipv4.conf.vethpod.rp_filter", "0"}};
    CHECK(says(story.judged(), neutral));
  }
  SUBCASE("loose, and there is a route by another device") {
    host.sysctls = {{"net.ipv4.conf.all.rp_filter", "2"}, {"net.ipv4.conf.vethpod.rp_filter", "0"}};
    answer(story).out_ifindex = kNodeEth.ifindex;
    CHECK(says(story.judged(), neutral));
    CHECK(says(story.judged(), "loose filtering would accept that: it may have been changed since the drop"));
    host.links[1].addresses.clear();
    CHECK(says(story.judged(), "rp_filter is loose, but vethpod has no IPv4 address, so only a route back to 10.0.1.2 through it counts"));
    CHECK_FALSE(says(story.judged(), "changed since the drop"));
    for (auto& link : host.links) link.addresses.clear();
    CHECK_MESSAGE(says(story.judged(), neutral), "no address of that namespace was read");
  }
  CHECK(story.judged().cause == "rp_filter");
  CHECK_FALSE(says(story.judged(), "at all"));
}

TEST_CASE("forwarding_off names the route, and the device's own setting where that is it") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_error", "IP_INADDRERRORS");
  story.inventory.namespaces[kHost].sysctls = {{"net.ipv4.ip_forward", "1"}, {"net.ipv4.conf.vethpod.forwarding", "0"}};
  RouteAnswer& route = answer(story);
  route.prefix = ip("10.0.2.0");
  route.length = 24;
  route.out_ifindex = kNodeServerVeth.ifindex;
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "forwarding_off");
  CHECK(says(verdict, "the route that it would have taken: 10.0.2.0/24 dev vethsrv, table main"));
  CHECK(says(verdict, "net.ipv4.conf.vethpod.forwarding = 0"));
  CHECK(verdict.next == "sysctl net.ipv4.ip_forward net.ipv4.conf.vethpod.forwarding");
}
