// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/nat.hpp"

#include "story.hpp"

using namespace synfate::judge::test;
using synfate::judge::questions_about_nat;
using synfate::model::AddressSearch;
using synfate::model::ServicePort;

namespace {

const Place kNodeBridge{kHost, 7, DeviceKind::Bridge, "cni0"};

/// The pod asks for 10.96.0.7:80, and the host's rules send it to 10.0.3.99:8080, for which ARP has no answer.
Story sent_to_nobody() {
  Story story;
  story.to("10.96.0.7").syn_to_node().dnat("10.0.3.99", 8080).at(3000).drop(Leg::Syn, kNodeBridge, "neigh_invalidate", "NEIGH_FAILED");
  return story;
}

AddressSearch& searched(Story& story, const char* address) {
  const auto questions = questions_about_nat(story.journey, story.inventory);
  AddressSearch search;
  search.address = ip(address);
  search.netns = questions.by.netns;
  search.ifindex = questions.by.ifindex;
  search.namespaces = 5;
  story.inventory.searches.push_back(search);
  return story.inventory.searches.back();
}

ServicePort& web(Story& story, synfate::model::NetnsId netns, const char* endpoint) {
  ServicePort port;
  port.namespace_name = "shop";
  port.name = "web";
  port.address = {ip("10.96.0.7"), 80};
  if (endpoint != nullptr) port.endpoints.push_back({ip(endpoint), 8080});
  port.source = "iptables-nft, table nat";
  port.read_ns = 3600 * synfate::kSecond;
  auto& services = story.inventory.namespaces[netns].services;
  services.push_back(port);
  return services.back();
}

bool says(const Verdict& verdict, const char* words) { return described(verdict).find(words) != std::string::npos; }

}  // namespace

TEST_CASE("what to look up of a SYN that NAT sent on") {
  Story story = sent_to_nobody();
  const auto questions = questions_about_nat(story.journey, story.inventory);
  REQUIRE(questions.sent_to);
  CHECK(to_string(*questions.sent_to) == "10.0.3.99:8080");
  CHECK(questions.translator == kHost);
  CHECK(questions.wanted == ip("10.0.3.99"));
  CHECK(questions.by.ifindex == 7);
  REQUIRE(questions.flows.size() == 2);
  CHECK(questions.flows[1].first == kHost);
  CHECK(to_string(questions.flows[1].second.dst) == "10.96.0.7:80");
}

TEST_CASE("nothing is looked up of a SYN that was answered") {
  Story story;
  story.syn_to_server().synack_to_client();
  CHECK(questions_about_nat(story.journey, story.inventory).flows.empty());
}

TEST_CASE("a gateway is not who is searched for") {
  Story story;
  story.to("203.0.113.9").syn_to_node().at(3000).drop(Leg::Syn, kNodeEth, "neigh_invalidate", "NEIGH_FAILED");
  story.last_drop().gateway = ip("198.51.100.9");
  CHECK_FALSE(questions_about_nat(story.journey, story.inventory).wanted);
}

TEST_CASE("DNAT to an address that nobody has") {
  Story story = sent_to_nobody();
  AddressSearch& search = searched(story, "10.0.3.99");
  SUBCASE("an endpoint of a service") {
    web(story, kHost, "10.0.3.99");
    const Verdict verdict = story.judged();
    CHECK(verdict.cause == "neighbour_failed");
    CHECK(verdict.summary == "no ARP answer from 10.0.3.99 on cni0, which nobody behind cni0 has");
    CHECK(says(verdict, "DNAT in netns host sent it to 10.0.3.99:8080, an endpoint of service shop/web by the rules of netns host"));
    CHECK(verdict.next == "kubectl -n shop get endpointslices -l kubernetes.io/service-name=web");
  }
  SUBCASE("by a rule of nobody's") {
    const Verdict verdict = story.judged();
    CHECK(says(verdict, "nobody there has it"));
    CHECK(verdict.next == "conntrack -L -p tcp -s 10.0.1.2 --sport 40000 -d 10.96.0.7");
  }
  SUBCASE("somebody has it") {
    search.owners = {kServer};
    const Verdict verdict = story.judged();
    CHECK(says(verdict, "10.0.3.99 is an address of netns server"));
    CHECK_FALSE(says(verdict, "nobody"));
  }
  SUBCASE("not all could be read") {
    search.beyond = "eth1";
    search.gap = "the network namespaces of 2 processes may not be read";
    const Verdict verdict = story.judged();
    CHECK(says(verdict, "not all could be read: the network namespaces of 2 processes may not be read"));
    CHECK_FALSE(says(verdict, "nobody there has it"));
  }
  SUBCASE("the device leads elsewhere") {
    search.beyond = "its port vxlan0";
    const Verdict verdict = story.judged();
    CHECK(says(verdict, "another machine may have it, behind its port vxlan0"));
    CHECK_FALSE(says(verdict, "nobody"));
  }
}

TEST_CASE("the rules lead elsewhere by now") {
  Story story = sent_to_nobody();
  web(story, kHost, "10.0.2.2");
  SUBCASE("and conntrack keeps what they were") {
    const auto questions = questions_about_nat(story.journey, story.inventory);
    auto reply = questions.flows[1].second.reversed();
    reply.src = *questions.sent_to;
    story.inventory.namespaces[kHost].tracked.push_back({questions.flows[1].second, reply});
    const Verdict verdict = story.judged();
    CHECK(says(verdict, "which is no endpoint of service shop/web by the rules of netns host as they are now (10.0.2.2:8080)"));
    CHECK(says(verdict, "conntrack of netns host keeps that translation"));
    CHECK(verdict.next == "conntrack -L -p tcp -s 10.0.1.2 --sport 40000 -d 10.96.0.7");
  }
  SUBCASE("or not, where they could not be read wholly") {
    story.inventory.namespaces[kHost].gaps.push_back({"services_partial", "more than is read"});
    const Verdict verdict = story.judged();
    CHECK(says(verdict, "DNAT in netns host sent it to 10.0.3.99:8080"));
    CHECK_FALSE(says(verdict, "no endpoint"));
  }
  SUBCASE("or did before its first SYN: they may have been others by then") {
    story.inventory.namespaces[kHost].services.front().read_ns = story.journey.first_ns - 1;
    CHECK_FALSE(says(story.judged(), "no endpoint"));
  }
  SUBCASE("and conntrack was not asked") {
    const Verdict verdict = story.judged();
    CHECK(says(verdict, "the rules were changed after its first SYN, or another rule than kube-proxy's translates it"));
    CHECK_FALSE(says(verdict, "conntrack"));
  }
}

TEST_CASE("a service's address left untranslated") {
  Story story;
  story.to("10.96.0.7").syn_to_nic().at(1000).retransmit().syn_to_nic();
  SUBCASE("past the namespace that has the rules") {
    web(story, kServer, "10.0.2.2");
    const Verdict verdict = story.judged();
    CHECK(verdict.cause == "left_node");
    // It may be somebody else's address as well, out there.
    CHECK(verdict.summary == "left by eth0, no answer");
    CHECK(says(verdict, "10.96.0.7:80 is the cluster IP of service shop/web by the rules of netns server, which the SYN did not pass: "));
  }
  SUBCASE("another cluster of this machine has a service of that address") {
    web(story, kServer, "10.0.2.2");
    story.inventory.namespaces[kHost].node = "one-worker";
    CHECK_FALSE(says(story.judged(), "service"));
  }
  SUBCASE("without an endpoint") {
    web(story, kHost, nullptr);
    CHECK(says(story.judged(), "which has no endpoint there: nothing translated it"));
    CHECK(story.judged().next == "kubectl -n shop get endpointslices -l kubernetes.io/service-name=web");
  }
  SUBCASE("tracked without a translation") {
    web(story, kHost, "10.0.2.2");
    const auto questions = questions_about_nat(story.journey, story.inventory);
    REQUIRE(questions.left_as_asked);
    story.inventory.namespaces[kHost].tracked.push_back({questions.flows[1].second, questions.flows[1].second.reversed()});
    CHECK(says(story.judged(), "conntrack there has this connection without a translation"));
  }
  SUBCASE("for no reason that is known") {
    web(story, kHost, "10.0.2.2");
    CHECK(says(story.judged(), "nothing translated it; why is not determined"));
  }
  SUBCASE("on a port that it does not have") {
    web(story, kHost, "10.0.2.2").address.port = 443;
    CHECK(says(story.judged(), "which know of TCP port 443 and not of 80: nothing translated it"));
    CHECK(story.judged().next == "kubectl -n shop get service web");
  }
  SUBCASE("an external address has other ports that are nobody's") {
    auto& external = web(story, kHost, "10.0.2.2");
    external.kind = ServicePort::Kind::External;
    external.address.port = 443;
    CHECK_FALSE(says(story.judged(), "translated"));
  }
  SUBCASE("what was lost may have been on its way there") {
    web(story, kServer, "10.0.2.2");
    story.journey.hops_lost = 1;
    CHECK(says(story.judged(), "did not pass, as far as was seen"));
  }
  SUBCASE("it is no service's") { CHECK_FALSE(says(story.judged(), "service")); }
}

TEST_CASE("a translation that no hop shows, but conntrack") {
  Story story;
  story.to("10.96.0.7").syn_to_node().neighbour(kNodeBridge, "10.0.3.99", false).at(1000).retransmit().syn_to_node();
  web(story, kHost, "10.0.3.99");
  const Verdict before = story.judged();
  CHECK_MESSAGE(!says(before, "translated"), "it has not left: whether it was translated is not known");
  CHECK(says(before, "as far as can be concluded, DNAT sent it to 10.0.3.99:8080"));
  CHECK(before.confidence == Confidence::Partial);
  const auto asked = questions_about_nat(story.journey, story.inventory).flows.at(1).second;
  auto reply = asked.reversed();
  reply.src = {ip("10.0.3.99"), 8080};
  story.inventory.namespaces[kHost].tracked.push_back({asked, reply});
  searched(story, "10.0.3.99");
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "neighbour_unresolved");
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(says(verdict, "DNAT in netns host sent it to 10.0.3.99:8080, an endpoint of service shop/web"));
  CHECK(says(verdict, "nobody there has it"));
}

TEST_CASE("a pod that is no more, behind a route that is no more") {
  Story story;
  story.to("10.96.0.7").syn_to_node().dnat("10.0.1.99", 8080).xmit(Leg::Syn, kNodeEth).at(1000).retransmit();
  searched(story, "10.0.1.99").beyond = "eth0";
  CHECK(says(story.judged(), "none of the 5 network namespaces of this machine has the address 10.0.1.99, though it is in the subnet of "));
  SUBCASE("another machine's") {
    Story other;
    other.to("10.96.0.7").syn_to_node().dnat("192.0.2.9", 8080).xmit(Leg::Syn, kNodeEth).at(1000).retransmit();
    searched(other, "192.0.2.9").beyond = "eth0";
    CHECK(says(other.judged(), "DNAT in netns host sent it to 192.0.2.9:8080"));
    CHECK_FALSE(says(other.judged(), "of this machine has"));
  }
}

TEST_CASE("a service of another cluster has no part in a translation") {
  Story story = sent_to_nobody();
  web(story, kServer, "10.0.2.2");
  CHECK_FALSE(says(story.judged(), "service"));
}
