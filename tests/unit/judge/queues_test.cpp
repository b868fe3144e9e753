// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// accept_queue_full, syn_queue_full and the note syn_cookies, and what only looks like them.
#include "story.hpp"

using namespace synfate;
using namespace synfate::judge::test;

namespace {

model::ListenSocket listener(const char* address, unsigned waiting, unsigned limit) {
  model::ListenSocket socket;
  socket.local = {ip(address), 80};
  socket.queue_length = waiting;
  socket.queue_limit = limit;
  socket.inode = 77;
  socket.owner_tgid = 4242;
  socket.owner_comm = "nginx";
  socket.half_open = 0;
  socket.drops = 0;
  return socket;
}

struct Listening : Story {
  Listening() {
    sysctl("net.ipv4.tcp_syncookies", "1");
    sysctl("net.core.somaxconn", "4096");
  }

  model::Netns& server() { return inventory.namespaces.at(kServer); }
  void sysctl(const char* key, const char* value) { server().sysctls[key] = value; }

  /// What is read at that time since the first event.
  model::ListenReading& reading(double milliseconds, std::vector<model::ListenSocket> sockets, std::uint64_t overflows,
                                std::uint64_t drops) {
    model::ListenReading one;
    one.time_ns = journey.first_ns + static_cast<MonotonicNs>(static_cast<std::int64_t>(milliseconds * 1e6));
    one.port = 80;
    one.counters = {true, overflows, drops, 0, 0, 0};
    one.sockets = std::move(sockets);
    one.complete = true;
    server().listen_readings.push_back(one);
    return server().listen_readings.back();
  }

  /// SYNs at 0 s and 1 s.
  void two_syns() {
    syn_to_server();
    at(1000).retransmit().syn_to_server();
  }
  void three_syns() {
    two_syns();
    at(3000).retransmit().syn_to_server();
  }
};

/// A full queue at both looks, between which one SYN came.
Listening full_queue() {
  Listening story;
  story.three_syns();
  story.reading(1020, {listener("0.0.0.0", 129, 128)}, 10, 12).sockets[0].drops = 8;
  story.reading(3020, {listener("0.0.0.0", 129, 128)}, 11, 13).sockets[0].drops = 9;
  return story;
}

bool says(const Verdict& verdict, const char* words) { return described(verdict).find(words) != std::string::npos; }

bool notes_cookies(const Verdict& verdict) {
  for (const std::string& note : verdict.notes) {
    if (note.substr(0, note.find(':')) == "syn_cookies") return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a full accept queue whose counters moved with the SYN") {
  const Listening story = full_queue();
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "accept_queue_full");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.packet == Leg::Syn);
  CHECK(verdict.where.netns == kServer);
  CHECK(verdict.where.stage == Stage::Socket);
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(verdict.summary == "by the full accept queue of nginx[4242] (129 waiting, limit 128)");
  CHECK(says(verdict,
             "listener 0.0.0.0:80 of nginx[4242]: 129 connections wait for accept(), limit 128 (the backlog that listen() asked for"));
  CHECK(says(verdict, "ListenOverflows moved by 1 in 2.0 s, the listener's own refusals by 1"));
  CHECK(says(verdict, "SYN cookies are on"));
  CHECK(verdict.next == "ip netns exec server ss -Hltnp 'sport = :80'; grep -H . /proc/4242/task/*/wchan");
  const model::Party server = judge::server_party(story.journey, story.inventory);
  CHECK(server.netns == kServer);
  CHECK(server.process.tgid == 4242);
}

TEST_CASE("the limit may be the namespace's") {
  Listening story = full_queue();
  story.sysctl("net.core.somaxconn", "128");
  CHECK(says(story.judged(), "limit 128 (net.core.somaxconn; listen() asked for as much or more)"));
}

TEST_CASE("one look is not trusted wholly, and not at all without a counter") {
  Listening story;
  story.two_syns();
  story.reading(1020, {listener("10.0.2.2", 129, 128)}, 10, 12);
  CHECK(story.judged().cause == "accept_queue_full");
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(story.judged(), "read only once"));
  story.server().listen_readings[0].counters.overflows = 0;
  CHECK(story.judged().cause == "unknown");
  story.server().listen_readings[0].counters = {};
  CHECK(story.judged().cause == "unknown");
}

TEST_CASE("a reading for an attempt before this one may be the first of two, unless it is old") {
  Listening story;
  story.two_syns();
  story.reading(-900, {listener("10.0.2.2", 129, 128)}, 10, 12);
  story.reading(1020, {listener("10.0.2.2", 129, 128)}, 12, 14);
  CHECK(story.judged().confidence == Confidence::Strong);
  story.server().listen_readings[0].time_ns -= 20 * kSecond;
  CHECK(story.judged().confidence == Confidence::Partial);
}

TEST_CASE("a queue that is at its limit lets one more in") {
  Listening story;
  story.two_syns();
  story.reading(1020, {listener("10.0.2.2", 128, 128)}, 10, 12);
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "unknown");
  CHECK(says(verdict, "listener 10.0.2.2:80 of nginx[4242]: 128 connections waiting for accept(), limit 128; 0 half-open"));
}

TEST_CASE("a full queue that refused nothing meanwhile is not accused") {
  Listening story = full_queue();
  SUBCASE("nothing in the namespace did") {
    story.server().listen_readings[1].counters = story.server().listen_readings[0].counters;
    story.server().listen_readings[1].sockets[0].drops = 8;
  }
  SUBCASE("another listener did") { story.server().listen_readings[1].sockets[0].drops = 8; }
  SUBCASE("another listener did, and this one's count is not told") {
    story.server().listen_readings[1].sockets[0].drops.reset();
    story.server().listen_readings[1].counters.overflows = 10;
  }
  CHECK(story.judged().cause == "unknown");
  CHECK(story.judged().fate == Fate::Vanished);
}

TEST_CASE("a listener that refused the SYN for another reason than a queue") {
  Listening story = full_queue();
  story.server().listen_readings[1].counters.overflows = 10;
  for (model::ListenReading& reading : story.server().listen_readings) reading.sockets[0].queue_length = 0;
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "unknown");
  CHECK(says(verdict, "and not for a full queue"));
}

TEST_CASE("an accept queue that is full only at times") {
  Listening story = full_queue();
  for (model::ListenReading& reading : story.server().listen_readings) reading.sockets[0].queue_length = 60;
  CHECK(story.judged().cause == "accept_queue_full");
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(story.judged(), "it is full only at times, or it refused for another reason while another listener's queue was full"));
  for (model::ListenReading& reading : story.server().listen_readings) reading.sockets[0].drops.reset();
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(story.judged(), "for another listener"));
}

TEST_CASE("a SYN that waited for its CPU arrived once") {
  Listening story;
  story.two_syns();
  story.at(3000).retransmit().syn_to_server();
  // Under `run` and `--all` the hop of the enqueueing comes before that of the arrival.
  Event enqueued = story.journey.events.back();
  std::get<model::Hop>(enqueued.what).kind = HopKind::Enqueue;
  enqueued.time_ns -= 1000;
  story.journey.events.insert(story.journey.events.end() - 1, enqueued);
  story.reading(1020, {listener("0.0.0.0", 129, 128)}, 10, 12).sockets[0].drops = 8;
  story.reading(3020, {listener("0.0.0.0", 129, 128)}, 11, 13).sockets[0].drops = 9;
  CHECK(story.judged().cause == "accept_queue_full");
  CHECK(story.judged().confidence == Confidence::Strong);
  CHECK(says(story.judged(), "this attempt's SYNs that arrived meanwhile: 1"));
}

TEST_CASE("another listener's overflow beside a refusal of this one's for another reason") {
  Listening story = full_queue();
  auto& readings = story.server().listen_readings;
  // Two were refused, one of them for no queue.
  readings[1].counters.drops = 14;
  SUBCASE("this one had room") {
    for (model::ListenReading& reading : readings) reading.sockets[0].queue_length = 0;
  }
  SUBCASE("this one was full") {}
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(story.judged(), "1 packet meanwhile refused there for no queue"));
}

TEST_CASE("the same of a SYN queue") {
  Listening story;
  story.sysctl("net.ipv4.tcp_syncookies", "0");
  story.three_syns();
  auto roomy = listener("0.0.0.0", 0, 4);
  roomy.drops = 3;
  story.reading(1020, {roomy}, 0, 3).counters.syn_queue_full = 3;
  roomy.drops = 4;
  story.reading(3020, {roomy}, 0, 4).counters.syn_queue_full = 4;
  CHECK(story.judged().cause == "syn_queue_full");
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(story.judged(), "it had room when it was read (0 half-open)"));
  story.server().listen_readings[1].counters.drops = 5;
  CHECK(says(story.judged(), "refused there for no queue"));
}

TEST_CASE("refusals that are for full queues in part are not said to be for none") {
  Listening story;
  story.three_syns();
  story.at(7000).retransmit().syn_to_server();
  story.reading(1020, {listener("0.0.0.0", 0, 128)}, 10, 12);
  story.reading(7020, {listener("0.0.0.0", 0, 128)}, 11, 15).sockets[0].drops = 2;
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "unknown");
  CHECK(verdict.confidence == Confidence::Partial);
  CHECK_FALSE(says(verdict, "not for a full queue"));
  CHECK(says(verdict, "for full queues in part: ListenOverflows moved by 1"));
}

TEST_CASE("arrivals are counted from when the first reading was over") {
  Listening story;
  story.two_syns();
  // A dump of half-open connections took so long that the second SYN came in it, and its refusal is in the counters.
  story.reading(900, {listener("0.0.0.0", 129, 128)}, 11, 13).sockets[0].drops = 9;
  story.server().listen_readings[0].ended_ns = story.journey.first_ns + 1500 * kMillisecond;
  story.at(3000).retransmit().syn_to_server();
  story.reading(3020, {listener("0.0.0.0", 129, 128)}, 12, 14).sockets[0].drops = 10;
  CHECK(story.judged().cause == "accept_queue_full");
  CHECK(story.judged().confidence == Confidence::Strong);
  story.server().listen_readings[0].ended_ns = 0;
  CHECK(story.judged().cause == "unknown");
}

TEST_CASE("listeners that share a port") {
  Listening story = full_queue();
  for (model::ListenReading& reading : story.server().listen_readings) {
    model::ListenSocket other = listener("0.0.0.0", 3, 128);
    other.inode = 78;
    other.owner_tgid = 4243;
    reading.sockets.insert(reading.sockets.begin(), other);
  }
  // The one whose own count moved is meant.
  CHECK(story.judged().summary == "by the full accept queue of nginx[4242] (129 waiting, limit 128)");
  CHECK(story.judged().confidence == Confidence::Strong);
  for (model::ListenReading& reading : story.server().listen_readings) {
    for (model::ListenSocket& socket : reading.sockets) socket.drops.reset();
  }
  CHECK(story.judged().cause == "accept_queue_full");
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(story.judged(), "2 sockets listen there (SO_REUSEPORT) and 1 of them are full"));
}

TEST_CASE("only a listener that would take the SYN is looked at") {
  Listening story = full_queue();
  const auto each = [&](auto change) {
    for (model::ListenReading& reading : story.server().listen_readings) change(reading.sockets[0]);
  };
  SUBCASE("another address") {
    each([](model::ListenSocket& socket) { socket.local.address = ip("127.0.0.1"); });
  }
  SUBCASE("another device") {
    each([](model::ListenSocket& socket) { socket.bound_ifindex = 9; });
  }
  SUBCASE("IPv6 only") {
    each([](model::ListenSocket& socket) {
      socket.local.address = ip("::");
      socket.only_ipv6 = true;
    });
  }
  CHECK(story.judged().cause == "unknown");
  CHECK(says(story.judged(), "no listener on 10.0.2.2:80 was found"));
}

TEST_CASE("an IPv6 listener takes IPv4 as well, unless it says otherwise") {
  Listening story = full_queue();
  for (model::ListenReading& reading : story.server().listen_readings) {
    reading.sockets[0].local.address = ip("::");
    reading.sockets[0].only_ipv6 = false;
  }
  CHECK(story.judged().cause == "accept_queue_full");
  CHECK(says(story.judged(), "listener [::]:80 of nginx[4242]"));
}

TEST_CASE("no full queue explains a SYN that was answered, dropped, or bound elsewhere") {
  Listening answered = full_queue();
  answered.xmit(Leg::SynAck, kServerEth);
  CHECK(answered.judged().cause != "accept_queue_full");
  Listening dropped = full_queue();
  dropped.drop(Leg::Syn, kServerEth, "nf_hook_slow", "NETFILTER_DROP");
  CHECK(dropped.judged().cause != "accept_queue_full");
  Listening routed = full_queue();
  routed.server().links[0].addresses.clear();
  CHECK(routed.judged().cause == "unknown");
}

TEST_CASE("a full SYN queue without cookies") {
  Listening story;
  story.sysctl("net.ipv4.tcp_syncookies", "0");
  story.three_syns();
  auto full = listener("0.0.0.0", 0, 4);
  full.half_open = 4;
  full.drops = 3;
  story.reading(1020, {full}, 0, 3).counters.syn_queue_full = 3;
  CHECK(story.judged().cause == "syn_queue_full");
  CHECK(story.judged().confidence == Confidence::Partial);
  full.drops = 4;
  story.reading(3020, {full}, 0, 4).counters.syn_queue_full = 4;
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "syn_queue_full");
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(verdict.summary == "by the full SYN queue of nginx[4242] (4 half-open, limit 4)");
  CHECK(says(verdict, "TCPReqQFullDrop moved by 1"));
  CHECK(verdict.next == "ip netns exec server ss -Hant state syn-recv 'sport = :80'");
}

TEST_CASE("a full SYN queue with cookies refuses nobody") {
  Listening story;
  story.two_syns();
  auto full = listener("0.0.0.0", 0, 4);
  full.half_open = 4;
  story.reading(1020, {full}, 0, 3).counters.syn_queue_full = 3;
  CHECK(story.judged().cause == "unknown");
}

TEST_CASE("without cookies the last quarter of tcp_max_syn_backlog is for known peers") {
  Listening story;
  story.sysctl("net.ipv4.tcp_syncookies", "0");
  story.sysctl("net.ipv4.tcp_max_syn_backlog", "8");
  story.three_syns();
  auto socket = listener("0.0.0.0", 0, 128);
  socket.half_open = 7;
  socket.drops = 3;
  story.reading(1020, {socket}, 0, 3);
  socket.drops = 4;
  story.reading(3020, {socket}, 0, 4);
  CHECK(story.judged().cause == "syn_queue_full");
  CHECK(says(story.judged(), "above three quarters of net.ipv4.tcp_max_syn_backlog (8)"));
  for (model::ListenReading& reading : story.server().listen_readings) reading.sockets[0].half_open = 5;
  CHECK(story.judged().cause == "unknown");
}

TEST_CASE("the final ACK that found no room") {
  Listening story;
  story.syn_to_server().synack_to_client().xmit(Leg::Ack, kPodEth).receive(Leg::Ack, kServerEth);
  story.journey.client_established = true;
  SUBCASE("by the kernel's own word") {
    story.drop(Leg::Ack, kServerEth, "tcp_v4_rcv", "TCP_LISTEN_OVERFLOW");
    CHECK(story.judged().fate == Fate::Established);
    story.at(1000).socket(SocketEventKind::SynAckRetransmit, kServer, true);
    const Verdict verdict = story.judged();
    CHECK(verdict.cause == "accept_queue_full");
    CHECK(verdict.packet == Leg::Ack);
    CHECK(verdict.confidence == Confidence::Exact);
    CHECK(says(verdict, "the client's socket is ESTABLISHED"));
    story.journey.server_established = true;
    CHECK(story.judged().fate == Fate::Established);
  }
  SUBCASE("by the queue and its counters, where the kernel gives no reason") {
    story.drop(Leg::Ack, kServerEth, "tcp_v4_rcv", "NOT_SPECIFIED");
    story.at(1000).socket(SocketEventKind::SynAckRetransmit, kServer, true);
    story.receive(Leg::Ack, kServerEth);
    CHECK(story.judged().fate == Fate::Established);
    story.reading(1020, {listener("0.0.0.0", 3, 2)}, 2, 2);
    CHECK(story.judged().cause == "accept_queue_full");
    CHECK(story.judged().confidence == Confidence::Partial);
    story.at(3000).receive(Leg::Ack, kServerEth);
    model::ListenSocket& socket = story.reading(3020, {listener("0.0.0.0", 3, 2)}, 3, 3).sockets[0];
    socket.drops = 1;
    CHECK(story.judged().confidence == Confidence::Strong);
    CHECK(says(story.judged(), "ListenOverflows moved by 1"));
    socket.drops = 0;
    CHECK(story.judged().fate == Fate::Established);
  }
  SUBCASE("TCP_DEFER_ACCEPT overflows nothing") {
    story.drop(Leg::Ack, kServerEth, "tcp_v4_rcv", "NOT_SPECIFIED");
    story.at(1000).socket(SocketEventKind::SynAckRetransmit, kServer, true);
    story.receive(Leg::Ack, kServerEth);
    story.reading(1020, {listener("0.0.0.0", 0, 2)}, 0, 0);
    CHECK(story.judged().fate == Fate::Established);
  }
  SUBCASE("TCP_DEFER_ACCEPT while another listener of the namespace overflows") {
    story.drop(Leg::Ack, kServerEth, "tcp_v4_rcv", "NOT_SPECIFIED");
    story.at(1000).socket(SocketEventKind::SynAckRetransmit, kServer, true);
    story.receive(Leg::Ack, kServerEth);
    story.reading(1020, {listener("0.0.0.0", 0, 2)}, 2, 2);
    story.at(3000).receive(Leg::Ack, kServerEth);
    model::ListenSocket& socket = story.reading(3020, {listener("0.0.0.0", 0, 2)}, 3, 3).sockets[0];
    CHECK(story.judged().fate == Fate::Established);
    socket.drops.reset();
    CHECK(story.judged().fate == Fate::Established);
  }
  SUBCASE("with tcp_abort_on_overflow it is refused") {
    story.sysctl("net.ipv4.tcp_abort_on_overflow", "1");
    story.socket(SocketEventKind::ResetSent, kServer, true).xmit(Leg::Reset, kServerEth);
    story.reading(20, {listener("0.0.0.0", 3, 2)}, 2, 2);
    const Verdict verdict = story.judged();
    CHECK(verdict.cause == "accept_queue_full");
    CHECK(verdict.fate == Fate::Refused);
    CHECK(verdict.packet == Leg::Ack);
    story.sysctl("net.ipv4.tcp_abort_on_overflow", "0");
    CHECK(story.judged().cause != "accept_queue_full");
  }
}

TEST_CASE("syn_cookies is a note, and only where the SYN-ACK was one") {
  Listening story;
  story.syn_to_server().synack_to_client();
  story.journey.client_established = true;
  story.journey.server_established = true;
  auto full = listener("0.0.0.0", 0, 4);
  full.half_open = 4;
  story.reading(20, {full}, 0, 0).counters.cookies_sent = 3;
  story.server().listen_readings[0].counters.syn_queue_cookies = 3;
  CHECK(story.judged().fate == Fate::Established);
  CHECK(notes_cookies(story.judged()));
  CHECK(story.judged().notes.at(0).find("was at its limit (4 half-open, limit 4), so its SYN-ACK may have been a cookie") !=
        std::string::npos);
  story.server().listen_readings[0].sockets[0].half_open = 5;
  CHECK(story.judged().notes.at(0).find("was full (5 half-open, limit 4), so its SYN-ACK was a cookie") != std::string::npos);
  story.server().listen_readings[0].sockets[0].half_open = 3;
  CHECK_FALSE(notes_cookies(story.judged()));
  story.sysctl("net.ipv4.tcp_syncookies", "2");
  CHECK(notes_cookies(story.judged()));
  story.server().listen_readings[0].counters.cookies_sent = 0;
  CHECK_FALSE(notes_cookies(story.judged()));
}
