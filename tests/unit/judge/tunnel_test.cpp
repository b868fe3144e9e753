// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A packet inside a tunnel's: what devices below the tunnel do is done to the outer packet.
#include "judge/nat.hpp"
#include "story.hpp"

using namespace synfate::judge::test;
using synfate::judge::questions_about_nat;
using synfate::judge::wanted_routes;

namespace {

const Place kVxlan{kHost, 9, DeviceKind::Vxlan, "vxlan0"};

bool says(const Verdict& verdict, const char* part) { return described(verdict).find(part) != std::string::npos; }

/// 10.0.9.2 is behind vxlan0, whose outer packets leave by eth0.
Story through_vxlan() {
  Story story;
  story.to("10.0.9.2").syn_to_node().xmit(Leg::Syn, kVxlan);
  auto& link = story.inventory.namespaces[kHost].links.emplace_back();
  link.ifindex = kVxlan.ifindex;
  link.name = "vxlan0";
  link.kind = "vxlan";
  link.up = true;
  story.inventory.namespaces[kHost].own_rules_ipv4 = 0;
  return story;
}

Story left() {
  Story story = through_vxlan();
  story.xmit(Leg::Syn, kNodeEth).at(1000).retransmit().syn_to_node().xmit(Leg::Syn, kVxlan).xmit(Leg::Syn, kNodeEth);
  return story;
}

/// The outer packet waited for ARP at eth0.
Story freed(const char* function, const char* reason) {
  Story story = through_vxlan();
  story.at(3000).drop(Leg::Syn, kNodeEth, function, reason);
  return story;
}

}  // namespace

TEST_CASE("left_node: below a tunnel it is the outer packet that left") {
  const Verdict verdict = left().judged();
  CHECK(verdict.cause == "left_node");
  CHECK(verdict.confidence == Confidence::Partial);
  CHECK(verdict.summary == "left by vxlan device vxlan0, no answer");
  CHECK(verdict.where.device == "vxlan0");
  CHECK(says(verdict, "its outer packet left by eth0 in netns host"));
  CHECK(says(verdict, "an answer comes inside an outer packet too, which is not followed either: it may have died on this node"));
  CHECK_FALSE(says(verdict, "look beyond"));
  CHECK(verdict.next == "tcpdump -nni vxlan0 tcp port 80");
}

TEST_CASE("left_node: the way of the inner packet is the tunnel's and not the NIC's") {
  Story story = left();
  const auto wanted = wanted_routes(story.journey, story.inventory);
  REQUIRE(wanted.size() == 1);
  auto& route = story.inventory.namespaces[kHost].routes.emplace_back();
  route.question = wanted[0].question;
  route.type = 1;
  route.gateway = ip("10.0.9.254");
  route.out_ifindex = kVxlan.ifindex;
  CHECK(story.judged().summary == "left by vxlan device vxlan0 towards 10.0.9.254, no answer");
  route.out_ifindex = kNodeEth.ifindex;
  CHECK_MESSAGE(story.judged().summary == "left by vxlan device vxlan0, no answer", "the outer packet has a way of its own");
  CHECK(says(story.judged(), "what sent it there was not read"));
}

TEST_CASE("left_node: what came out of a tunnel has left it, and what left long before is another packet") {
  Story story;
  story.to("192.0.2.9", 443);
  SUBCASE("out of it again") {
    for (const double start : {0.0, 1000.0}) {
      story.at(start);
      if (start > 0) story.retransmit();
      story.syn_to_node().xmit(Leg::Syn, kVxlan).receive(Leg::Syn, Place{kServer, 3, DeviceKind::Vxlan, "vxlan0"}).xmit(Leg::Syn, kNodeEth);
    }
  }
  SUBCASE("the first SYN went otherwise") {
    story.syn_to_node().xmit(Leg::Syn, kVxlan).at(1000).retransmit().syn_to_node().xmit(Leg::Syn, kNodeEth);
  }
  CHECK(story.judged().cause == "left_node");
  CHECK(story.judged().summary == "left by eth0, no answer");
  CHECK_FALSE(says(story.judged(), "outer packet"));
}

TEST_CASE("left_node: a bridge with a tunnel and a NIC may have sent a copy to each") {
  Story story = left();
  for (auto& link : story.inventory.namespaces[kHost].links) {
    if (link.ifindex != kVxlan.ifindex && link.ifindex != kNodeEth.ifindex) continue;
    link.bridge_port.emplace();
    link.master_ifindex = 8;
  }
  const Verdict verdict = story.judged();
  CHECK(verdict.confidence == Confidence::Partial);
  CHECK(
      says(verdict, "it left by eth0 in netns host, a port of the same bridge, as well: as a copy, or in the vxlan device's outer packet"));
}

TEST_CASE("neighbour_failed of an outer packet names no address of the inner one") {
  Story story = freed("neigh_invalidate", "NEIGH_FAILED");
  SUBCASE("nothing is known of who was asked for") {}
  SUBCASE("several were") { story.neighbour(kNodeEth, "198.51.100.8", true).neighbour(kNodeEth, "198.51.100.9", false); }
  SUBCASE("another device's") { story.neighbour(kNodeServerVeth, "10.0.2.9", true); }
  SUBCASE("a gateway that was read as if it were the inner packet's") { story.last_drop().gateway = ip("10.0.9.254"); }
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "neighbour_failed");
  CHECK(verdict.confidence == Confidence::Partial);
  CHECK(verdict.summary == "the next hop of the outer packet of vxlan device vxlan0 did not answer on eth0");
  CHECK(says(verdict, "which address is not determined: it is the tunnel's outer packet"));
  CHECK(verdict.next == "ip neigh show dev eth0");
  CHECK_FALSE(says(verdict, "10.0.9."));
}

TEST_CASE("neighbour_failed of an outer packet: the only address that was asked for there") {
  Story story = freed("neigh_invalidate", "NEIGH_FAILED");
  story.neighbour(kNodeEth, "198.51.100.9", false).neighbour(kNodeEth, "198.51.100.9", true);
  const Verdict verdict = story.judged();
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(verdict.summary == "no ARP answer from 198.51.100.9 on eth0, for the outer packet of vxlan device vxlan0");
  CHECK(verdict.next == "ip neigh show 198.51.100.9 dev eth0");
}

TEST_CASE("neighbour_failed on the tunnel's own device is the inner packet's") {
  Story story;
  story.to("10.0.9.2").syn_to_node().at(3000).drop(Leg::Syn, kVxlan, "neigh_invalidate", "NEIGH_FAILED");
  CHECK(story.judged().summary == "no ARP answer from 10.0.9.2 on vxlan0");
  CHECK(story.judged().confidence == Confidence::Exact);
}

TEST_CASE("neighbour_overflow of an outer packet") {
  Story story = freed("__neigh_event_send", "NEIGH_QUEUEFULL");
  CHECK(story.judged().cause == "neighbour_overflow");
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(story.judged().summary == "too many packets wait for the next hop of the outer packet of vxlan device vxlan0");
  story.neighbour(kNodeEth, "198.51.100.9", false);
  CHECK(story.judged().confidence == Confidence::Strong);
  CHECK(story.judged().summary == "too many packets wait for ARP from 198.51.100.9");
}

TEST_CASE("neighbour_overflow: the table that an outer packet found full") {
  Story story = freed("ip_finish_output2", "NEIGH_CREATEFAIL");
  auto& tables = story.inventory.namespaces[kHost].neighbours.emplace().tables;
  tables = {{4, 1024, 1024, 0}, {6, 1024, 1024, 7}};
  CHECK(story.judged().cause == "neighbour_overflow");
  CHECK(story.judged().summary == "the machine's ND table is full");
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK_FALSE(says(story.judged(), "10.0.9.2"));
  tables[0].times_full = 1;
  CHECK_MESSAGE(story.judged().cause == "other", "either may have been");
}

TEST_CASE("nobody is looked for behind the device that a tunnel's outer packet was for") {
  Story story = freed("neigh_invalidate", "NEIGH_FAILED");
  CHECK_FALSE(questions_about_nat(story.journey, story.inventory).wanted);
  Story sent = through_vxlan();
  sent.journey.events.clear();
  sent.syn_to_node().dnat("10.0.9.7", 8080).xmit(Leg::Syn, kVxlan).xmit(Leg::Syn, kNodeEth);
  const auto questions = questions_about_nat(sent.journey, sent.inventory);
  CHECK(questions.wanted == ip("10.0.9.7"));
  CHECK(questions.by.device == "vxlan0");
}
