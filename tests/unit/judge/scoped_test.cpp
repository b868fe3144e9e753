// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A session that observes the devices of its scope only: the pod's, and of the host what is on the ways of the scope.
#include "story.hpp"

using namespace synfate;
using namespace synfate::judge::test;

namespace {

Story scoped() {
  Story story;
  story.inventory.scoped.emplace().whole[kPod] = 1;
  return story;
}

bool wants_all(const Story& story) {
  return judge::wants_all_devices(story.journey, story.inventory, {.now_ns = story.journey.last_ns, .tier = "1"});
}

bool says(const Verdict& verdict, std::string_view part) {
  for (const std::string& line : verdict.evidence) {
    if (line.find(part) != std::string::npos) return true;
  }
  return false;
}

/// Out by the NIC, twice, seen in front of its queue.
Story queued() {
  Story story = scoped();
  story.to("192.0.2.9", 443).syn_to_nic();
  story.at(1000).retransmit().syn_to_nic();
  for (Event& event : story.journey.events) {
    if (auto* hop = std::get_if<model::Hop>(&event.what); hop != nullptr && event.place.same_device(kNodeEth)) hop->queued = true;
  }
  return story;
}

model::Queues read_after(const Story& story, std::uint32_t waiting) {
  model::Queues queues;
  queues.qdiscs_read = true;
  queues.qdiscs.push_back({kNodeEth.ifindex, "fq_codel", 0, 0xffffffff, 0, waiting});
  queues.time_ns = story.journey.events.back().time_ns + 1;
  return queues;
}

}  // namespace

TEST_CASE("scoped: a SYN that may have gone on by a device that is not observed has not surely vanished") {
  Story story = scoped();
  story.syn_to_node().at(1000).retransmit();
  story.syn_to_node();
  CHECK(story.judged().cause == "unknown");
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(story.judged(), "only devices on the scope's ways are observed: the SYN may have gone on from there by another"));
  CHECK(wants_all(story));
  SUBCASE("all of it is observed") {
    story.inventory.scoped->whole[kHost] = 1;
    CHECK(story.judged().confidence == Confidence::Strong);
    CHECK(!wants_all(story));
  }
  SUBCASE("all of it is observed, but only since then") {
    story.inventory.scoped->whole[kHost] = story.journey.events.back().time_ns + 1;
    CHECK(story.judged().confidence == Confidence::Partial);
  }
  SUBCASE("everything is observed by now") {
    story.inventory.scoped->everywhere_ns = 1;
    CHECK(story.judged().confidence == Confidence::Strong);
    CHECK(!wants_all(story));
  }
  SUBCASE("there it ends") {
    story.inventory.scoped->ends[{kHost, {ip("10.0.2.2"), 80}}] = 1;
    CHECK(story.judged().confidence == Confidence::Strong);
    CHECK(!wants_all(story));
  }
  SUBCASE("its next hop is asked for") {
    story.neighbour(kNodeServerVeth, "10.0.2.2", false);
    CHECK(story.judged().cause == "neighbour_unresolved");
    CHECK(!says(story.judged(), "the scope's ways"));
    CHECK(!wants_all(story));
  }
}

TEST_CASE("scoped: nothing is asked for before silence counts, or where it was answered") {
  Story early = scoped();
  early.syn_to_node();
  CHECK(!wants_all(early));
  Story answered = scoped();
  answered.syn_to_node().at(1000).retransmit();
  answered.syn_to_node();
  answered.journey.client_established = true;
  CHECK(!wants_all(answered));
  Story plain;
  plain.syn_to_node().at(1000).retransmit();
  plain.syn_to_node();
  CHECK(!wants_all(plain));
}

TEST_CASE("scoped: what only passed a namespace is not answered by it") {
  Story story = scoped();
  story.syn_to_node().xmit(Leg::SynAck, kNodeVeth).receive(Leg::SynAck, kPodEth);
  CHECK(judge::server_party(story.journey, story.inventory).netns == 0);
  story.inventory.scoped->ends[{kHost, {ip("10.0.2.2"), 80}}] = 1;
  CHECK(judge::server_party(story.journey, story.inventory).netns == kHost);
}

TEST_CASE("scoped: a drop where the packet was not seen to come may be a copy's") {
  Story story = scoped();
  const Place observer{300, 2, DeviceKind::Veth, "eth0"};
  story.syn_to_node().drop(Leg::Syn, observer, "ip_forward", "IP_INADDRERRORS");
  CHECK_MESSAGE(story.judged().fate == Fate::Unfinished, "the next SYN shows its way");
  CHECK(wants_all(story));
  SUBCASE("it shows that it was a copy's") {
    story.inventory.scoped->everywhere_ns = story.journey.last_ns + 1;
    story.at(1000).retransmit().syn_to_server();
    CHECK(story.judged().cause == "unknown");
    return;
  }
  story.journey.ended = true;
  CHECK(story.judged().fate == Fate::Dropped);
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(story.judged(), "it may have been a copy"));
}

TEST_CASE("scoped: what has to come by a namespace on its way home was no copy there") {
  Story story = scoped();
  story.from("10.0.2.2").to("10.0.1.2");
  story.journey.origin_netns = kServer;
  story.drop(Leg::Syn, kNodeServerVeth, "ip_forward", "IP_INADDRERRORS");
  CHECK(story.judged().fate == Fate::Dropped);
  CHECK(!says(story.judged(), "it may have been a copy"));
}

TEST_CASE("scoped: a drop where it came in, or where it belongs, is as sure as ever") {
  Story there = scoped();
  there.syn_to_node().drop(Leg::Syn, kNodeVeth, "tcp_v4_rcv", "TCP_CSUM");
  CHECK(!says(there.judged(), "the scope's ways"));
  CHECK(!wants_all(there));
  Story home = scoped();
  home.syn_to_node().drop(Leg::Syn, kServerEth, "ip_rcv_core", "IP_INHDR");
  CHECK(!says(home.judged(), "the scope's ways"));
  CHECK(!wants_all(home));
}

TEST_CASE("scoped: a bridge may have sent another copy elsewhere, unless its home is observed") {
  Story story = scoped();
  model::Link& port = story.inventory.namespaces[kHost].links[1];
  port.bridge_port.emplace();
  port.master_ifindex = 9;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "br_handle_frame_finish", "NOT_SPECIFIED");
  CHECK(says(story.judged(), "a copy may have left its bridge by another port"));
  CHECK(wants_all(story));
  SUBCASE("the bridge knows where it goes") {
    story.last_drop().mac_destination = {2, 0, 0, 0, 0, 7};
    story.inventory.namespaces[kHost].fdb.push_back({9, 6, {2, 0, 0, 0, 0, 7}, false});
  }
  SUBCASE("its home is observed") { story.inventory.scoped->whole[kServer] = 1; }
  CHECK(!says(story.judged(), "a copy may have left"));
  CHECK(!wants_all(story));
}

TEST_CASE("scoped: what was seen in front of a queue has left when nothing waits there any more") {
  Story story = queued();
  CHECK(story.judged().cause == "left_node");
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(story.judged(), "was not read since"));
  model::Netns& host = story.inventory.namespaces[kHost];
  host.tc_sides.push_back({kNodeEth.ifindex, false, {}, {}});
  host.queues = read_after(story, 0);
  CHECK(story.judged().confidence == Confidence::Strong);
  CHECK(says(story.judged(), "handed to the queue of eth0"));
  CHECK(says(story.judged(), "nothing waits in the queue of eth0 any more"));
  CHECK(!wants_all(story));
  SUBCASE("something waits") {
    host.queues = read_after(story, 3);
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(says(story.judged(), "3 packets wait in the queue of eth0: it may be among them"));
  }
  SUBCASE("read before the SYN was given to it") {
    host.queues->time_ns = 1;
    CHECK(story.judged().confidence == Confidence::Partial);
  }
  SUBCASE("a program that is asked afterwards may send it elsewhere") {
    model::TcFilter filter;
    filter.kind = "tcx";
    filter.program_id = 7;
    host.tc_sides.back().filters.push_back(filter);
    story.inventory.programs[7].name = "to_netdev";
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(says(story.judged(), "program to_netdev after it was seen"));
    CHECK(wants_all(story));
  }
}

TEST_CASE("scoped: a copy may have left by another port of the edge's bridge") {
  Story story = scoped();
  model::Link& nic = story.inventory.namespaces[kHost].links[0];
  nic.bridge_port.emplace();
  nic.master_ifindex = 9;
  story.to("192.0.2.9", 443).syn_to_nic().at(1000).retransmit();
  story.syn_to_nic();
  CHECK(story.judged().cause == "left_node");
  CHECK(says(story.judged(), "a bridge may have sent a copy to another port"));
  CHECK(story.judged().confidence == Confidence::Partial);
}
