// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "story.hpp"

using namespace synfate;
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

namespace {

model::ListenSocket on(const char* address, unsigned port, unsigned tgid = 42) {
  model::ListenSocket socket;
  socket.local = {ip(address), static_cast<std::uint16_t>(port)};
  socket.owner_tgid = tgid;
  socket.owner_comm = "web";
  return socket;
}

Verdict refused_beside(std::vector<model::ListenSocket> listeners) {
  Story story;
  story.syn_to_server().socket(SocketEventKind::ResetSent, kServer, true).drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "NO_SOCKET");
  story.inventory.namespaces.at(kServer).listeners = std::move(listeners);
  story.inventory.namespaces.at(kServer).listeners_read = true;
  return story.judged();
}

bool says(const Verdict& verdict, const char* words) { return described(verdict).find(words) != std::string::npos; }

}  // namespace

TEST_CASE("the port is open, but not for this SYN") {
  CHECK(says(refused_beside({on("127.0.0.1", 80)}), "the port is bound on another address: 127.0.0.1:80 of web[42]"));
  CHECK(says(refused_beside({on("fd00::1", 80)}), "the port is bound for IPv6 only: [fd00::1]:80 of web[42]"));
  model::ListenSocket six = on("::", 80);
  six.only_ipv6 = true;
  CHECK(says(refused_beside({six}), "the port is bound for IPv6 only (IPV6_V6ONLY): [::]:80 of web[42]"));
  model::ListenSocket device = on("0.0.0.0", 80);
  device.bound_ifindex = 9;
  CHECK(says(refused_beside({device}), "the port is bound to device 9 (SO_BINDTODEVICE), and the SYN came by eth0"));
  CHECK(refused_beside({on("127.0.0.1", 80)}).next == "ip netns exec server ss -Hltnp 'sport = :80'");
}

TEST_CASE("a listener that fits is a doubt") {
  const Verdict verdict = refused_beside({on("0.0.0.0", 80)});
  CHECK(verdict.cause == "no_listener");
  CHECK(verdict.confidence == Confidence::Partial);
  CHECK(says(verdict, "a listener fits, as read within a second of it: it came or went, or a VRF or a BPF sk_lookup program kept it from"));
  CHECK(refused_beside({on("127.0.0.1", 80)}).confidence == Confidence::Exact);
  std::vector<model::ListenSocket> many(5, on("127.0.0.1", 80));
  many.push_back(on("0.0.0.0", 80));
  CHECK(refused_beside(many).confidence == Confidence::Partial);
}

TEST_CASE("other ports are open: a neighbouring one, or just what there is") {
  const Verdict near = refused_beside({on("0.0.0.0", 9000, 43), on("0.0.0.0", 81), on("0.0.0.0", 8080)});
  CHECK(says(near, "a neighbouring port is listened on: 0.0.0.0:81 of web[42]"));
  CHECK_FALSE(says(near, "9000"));
  CHECK(near.next == "ip netns exec server ss -Hltnp");
  const Verdict far = refused_beside({on("0.0.0.0", 9000, 43), on("0.0.0.0", 8080)});
  CHECK(says(far, "what listens there: 0.0.0.0:8080 of web[42], 0.0.0.0:9000 of web[43]"));
  CHECK(says(refused_beside({on("0.0.0.0", 1001), on("0.0.0.0", 1002), on("0.0.0.0", 1003), on("0.0.0.0", 1004), on("0.0.0.0", 1005)}),
             "1004 of web[42], and 1 more"));
  CHECK(says(refused_beside({}), "nothing else listens there either"));
}

TEST_CASE("the port is open in another namespace of the same pod") {
  Story story;
  story.syn_to_server().socket(SocketEventKind::ResetSent, kServer, true).drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "NO_SOCKET");
  model::Netns& server = story.inventory.namespaces.at(kServer);
  server.listeners_read = true;
  server.pod.emplace();
  server.pod->namespace_name = "shop";
  server.pod->name = "web-0";
  model::Netns& other = story.inventory.namespaces[300];
  other.id = 300;
  other.name = "old";
  other.source = "/run/netns/old";
  other.pod = server.pod;
  other.listeners = {on("0.0.0.0", 80)};
  CHECK(says(story.judged(), "the port is open in another namespace of the same pod: netns shop/web-0"));
  CHECK(story.judged().next == "ip netns exec old ss -Hltnp 'sport = :80'");
  other.pod->name = "web-1";
  CHECK_FALSE(says(story.judged(), "another namespace"));
}
