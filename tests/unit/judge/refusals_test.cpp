// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a listener says of its own refusals, where the function that decides is traced; and what must not be made of it.
#include "story.hpp"

using namespace synfate;
using namespace synfate::judge::test;

namespace {

bool says(const Verdict& verdict, const char* words) { return described(verdict).find(words) != std::string::npos; }

/// One SYN that came to its listener.
Story arrived() {
  Story story;
  story.syn_to_server();
  return story;
}

void set(Story& story, const char* sysctl, const char* value) { story.inventory.namespaces.at(kServer).sysctls[sysctl] = value; }

void listener(Story& story) {
  model::ListenSocket socket;
  socket.local = {ip("0.0.0.0"), 80};
  socket.inode = 77;
  socket.owner_tgid = 4242;
  socket.owner_comm = "nginx";
  model::ListenReading reading;
  reading.time_ns = story.journey.last_ns;
  reading.port = 80;
  reading.sockets = {socket};
  story.inventory.namespaces.at(kServer).listen_readings.push_back(reading);
}

void way_back(Story& story, const char* error) {
  story.inventory.namespaces.at(kServer).own_rules_ipv4 = 0;
  model::RouteAnswer answer;
  answer.question.destination = ip("10.0.1.2");
  answer.question.source = ip("10.0.2.2");
  answer.time_ns = story.journey.last_ns;
  answer.error = error;
  if (answer.error.empty()) answer.out_ifindex = 2;
  story.inventory.namespaces.at(kServer).routes.push_back(answer);
}

}  // namespace

TEST_CASE("a full accept queue, by the word of the function that looked at it, after one SYN") {
  Story story = arrived();
  model::Decision& decision = story.refused();
  decision.overflows = 1;
  decision.queue_length = 129;
  set(story, "net.core.somaxconn", "128");
  CHECK(story.judged().summary == "by the full accept queue of 10.0.2.2:80 (129 waiting, limit 128)");
  CHECK(says(story.judged(), "whose the listener is (socket inode 77) was not read"));
  listener(story);
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "accept_queue_full");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.packet == Leg::Syn);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.where.netns == kServer);
  CHECK(verdict.where.device == "eth0");
  CHECK(verdict.where.stage == Stage::Socket);
  CHECK(verdict.where.function == "tcp_conn_request");
  CHECK(verdict.summary == "by the full accept queue of nginx[4242] (129 waiting, limit 128)");
  CHECK(says(verdict, "refused 1 SYN of this attempt; the last time it moved ListenOverflows by 1, ListenDrops by 1"));
  CHECK(says(verdict, "129 connections waited for accept() then, limit 128 (net.core.somaxconn; listen() asked for as much or more)"));
  CHECK(verdict.next == "ip netns exec server ss -Hltnp 'sport = :80'; grep -H . /proc/4242/task/*/wchan");
  CHECK(judge::server_party(story.journey, story.inventory).netns == kServer);
}

TEST_CASE("its own word goes before what counters of the namespace suggest") {
  Story story = arrived();
  story.refused().security_error = -13;
  story.at(1000).retransmit().syn_to_server();
  story.refused().security_error = -13;
  listener(story);
  // Another listener overflows meanwhile, and this one's queue looks full.
  auto& readings = story.inventory.namespaces.at(kServer).listen_readings;
  readings[0].counters = {true, 10, 10, 0, 0, 0};
  readings[0].sockets[0].queue_length = 129;
  readings[0].sockets[0].queue_limit = 128;
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "lsm");
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(says(verdict, "which programs of BPF LSM there are was not read"));
  story.inventory.security_modules = "capability,apparmor,bpf";
  story.inventory.security_programs.emplace().programs = {{5, "inet_conn_request", false, true}, {6, "socket_sock_rcv_skb", false, true}};
  CHECK(says(story.judged(), "listed before it was refused"));
  story.inventory.security_programs->time_ns = story.journey.last_ns;
  CHECK(story.judged().confidence == Confidence::Strong);
  CHECK(story.judged().summary == "by BPF LSM program (id 5)");
  story.inventory.security_modules = "capability,apparmor,vendor,bpf";
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(story.judged(), "security module vendor"));
  story.inventory.security_modules = "capability,apparmor,bpf";
  SUBCASE("two") { story.inventory.security_programs->programs.push_back({7, "inet_conn_request", false, true}); }
  SUBCASE("one more, which a cgroup may have") {
    story.inventory.security_programs->programs.push_back({7, "inet_conn_request", false, false});
  }
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(verdict, "security_inet_conn_request() returned EACCES"));
  CHECK(says(verdict, "refused 2 SYNs of this attempt"));
}

TEST_CASE("a full SYN queue, and the part of it that is kept for others") {
  Story story = arrived();
  model::Decision& decision = story.refused();
  decision.half_open = 128;
  SUBCASE("full") {
    decision.syn_queue_full = 1;
    set(story, "net.ipv4.tcp_syncookies", "0");
    const Verdict verdict = story.judged();
    CHECK(verdict.cause == "syn_queue_full");
    CHECK(verdict.confidence == Confidence::Exact);
    CHECK(verdict.summary == "by the full SYN queue of 10.0.2.2:80 (128 half-open, limit 128)");
    CHECK(says(verdict, "net.ipv4.tcp_syncookies is 0"));
  }
  SUBCASE("reserved") {
    decision.half_open = 7;
    set(story, "net.ipv4.tcp_max_syn_backlog", "8");
    // With cookies nothing is kept.
    set(story, "net.ipv4.tcp_syncookies", "1");
    CHECK(story.judged().cause == "other");
    set(story, "net.ipv4.tcp_syncookies", "0");
    CHECK(story.judged().cause == "syn_queue_full");
    CHECK(story.judged().confidence == Confidence::Strong);
    set(story, "net.ipv4.tcp_max_syn_backlog", "64");
    CHECK(story.judged().cause == "other");
    CHECK(story.judged().confidence == Confidence::Strong);
    // 48 of 64: one more, and it is refused. It may have been there when the kernel looked.
    set(story, "net.ipv4.tcp_max_syn_backlog", "16");
    CHECK(story.judged().cause == "other");
    CHECK(story.judged().confidence == Confidence::Partial);
  }
}

TEST_CASE("no way back is the namespace's own answer, and not a look-up that missed one table") {
  Story story = arrived();
  story.refused().lookup_error = -11;
  CHECK(story.judged().cause == "other");
  CHECK(says(story.judged(), "what is left is memory, the route back to 10.0.1.2, an IPsec policy"));
  CHECK(story.judged().confidence == Confidence::Partial);
  set(story, "net.ipv4.tcp_syncookies", "1");
  CHECK(story.judged().confidence == Confidence::Strong);
  way_back(story, "");
  CHECK(story.judged().cause == "other");
  story.inventory.namespaces.at(kServer).routes[0].error = "Network is unreachable";
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "no_route");
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(verdict.summary == "no route back to 10.0.1.2: its listener cannot answer");
  // One of an hour ago.
  story.inventory.namespaces.at(kServer).routes[0].time_ns = 0;
  CHECK(story.judged().cause == "other");
  story.inventory.namespaces.at(kServer).routes[0].time_ns = story.journey.last_ns;
  // A VRF is such a rule.
  for (const std::optional<unsigned> rules : {std::optional<unsigned>(1), std::optional<unsigned>()}) {
    story.inventory.namespaces.at(kServer).own_rules_ipv4 = rules;
    CHECK(story.judged().cause == "no_route");
    CHECK(story.judged().confidence == Confidence::Partial);
  }
  story.inventory.namespaces.at(kServer).routes[0].error = "Permission denied";
  CHECK(story.judged().cause == "route_prohibit");
  // A word that is none of the routes' own.
  story.inventory.namespaces.at(kServer).routes[0].error = "Operation not supported";
  CHECK(story.judged().cause == "other");
}

TEST_CASE("an answer after it is what counts") {
  Story story = arrived();
  story.refused().overflows = 1;
  story.at(1000).retransmit().syn_to_server().synack_to_client();
  CHECK(story.judged().cause != "accept_queue_full");
  story.journey.client_established = true;
  story.journey.server_established = true;
  const Verdict verdict = story.judged();
  CHECK(verdict.fate == Fate::Established);
  CHECK(says(verdict, "1 earlier SYN was refused by the full accept queue of 10.0.2.2:80 in netns server"));
}

TEST_CASE("what the refusing function answers itself is no silence") {
  // A RST of MPTCP; a SYN-ACK, where Fast Open had no room for its child.
  for (const Leg leg : {Leg::Reset, Leg::SynAck}) {
    Story story = arrived();
    story.refused().overflows = 1;
    story.xmit(leg, kServerEth);
    CHECK(story.judged().cause != "accept_queue_full");
    CHECK(story.judged().fate != Fate::Dropped);
    story.journey.client_established = true;
    story.journey.server_established = true;
    CHECK_FALSE(says(story.judged(), "earlier SYN"));
  }
}

TEST_CASE("a refusal goes before the drop of an earlier SYN") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "nf_hook_slow", "NETFILTER_DROP").at(1000).retransmit().syn_to_server();
  story.refused().security_error = -1;
  CHECK(story.judged().cause == "lsm");
}

TEST_CASE("a cookie is no refusal") {
  Story story = arrived();
  model::Decision& decision = story.refused();
  decision.drops = 0;
  decision.cookies_sent = 1;
  decision.half_open = 129;
  story.synack_to_client();
  story.journey.client_established = true;
  story.journey.server_established = true;
  const Verdict verdict = story.judged();
  CHECK(verdict.fate == Fate::Established);
  REQUIRE(verdict.notes.size() == 1);
  CHECK(verdict.notes[0] ==
        "syn_cookies: its SYN-ACK was a cookie, by the word of tcp_conn_request() of netns server: 129 half-open, limit 128");
  set(story, "net.ipv4.tcp_syncookies", "2");
  REQUIRE(story.judged().notes.size() == 1);
  CHECK(story.judged().notes[0].find("net.ipv4.tcp_syncookies is 2, so every SYN-ACK is a cookie") != std::string::npos);
}

TEST_CASE("several refusals counted at once are not all this SYN's") {
  Story story = arrived();
  model::Decision& decision = story.refused();
  decision.overflows = 2;
  decision.drops = 2;
  CHECK(story.judged().cause == "accept_queue_full");
  CHECK(story.judged().confidence == Confidence::Partial);
}

TEST_CASE("the way back is asked for where no queue explains the refusal") {
  Story story = arrived();
  CHECK(judge::wanted_routes(story.journey, story.inventory).empty());
  model::Decision& decision = story.refused();
  REQUIRE(judge::wanted_routes(story.journey, story.inventory).size() == 1);
  CHECK(judge::wanted_routes(story.journey, story.inventory)[0].netns == kServer);
  CHECK(judge::wanted_routes(story.journey, story.inventory)[0].question.destination == ip("10.0.1.2"));
  decision.overflows = 1;
  CHECK(judge::wanted_routes(story.journey, story.inventory).empty());
}
