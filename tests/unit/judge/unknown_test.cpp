// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// unknown and unfinished: honest ignorance.
#include "story.hpp"

using namespace synfate::judge::test;

TEST_CASE("a SYN that its host consumed in silence") {
  Story story;
  story.syn_to_server();
  CHECK(story.judged().fate == Fate::Unfinished);
  story.at(1000).retransmit().syn_to_server();
  const Verdict verdict = story.judged();
  CHECK(verdict.fate == Fate::Vanished);
  CHECK(verdict.cause == "unknown");
  CHECK(verdict.where.netns == kServer);
  CHECK(verdict.where.stage == Stage::Socket);
  CHECK(verdict.confidence == Confidence::Partial);
  CHECK(described(verdict).find("accept or SYN queue looks like this") != std::string::npos);
  CHECK(described(verdict).find("the listener's queues could not be read") != std::string::npos);
  CHECK(verdict.next == "ip netns exec server ss -Hltn 'sport = :80'");
}

TEST_CASE("a SYN that vanished in a namespace that is not its destination is not blamed on a listener") {
  Story story;
  story.syn_to_node().at(1000).retransmit().syn_to_node();
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "unknown");
  CHECK(verdict.where.stage == Stage::None);
  CHECK(described(verdict).find("accept or SYN queue") == std::string::npos);
  Story unread;
  unread.syn_to_server().at(1000).retransmit();
  unread.inventory.namespaces.clear();
  CHECK(described(unread.judged()).find("accept or SYN queue") == std::string::npos);
}

TEST_CASE("the last place may be a device, or nowhere") {
  Story veth;
  veth.syn_to_node().xmit(Leg::Syn, kNodeServerVeth).at(1000).retransmit();
  CHECK(veth.judged().where.stage == Stage::Device);
  CHECK(veth.judged().where.device == "vethsrv");
  Story nowhere;
  nowhere.at(1000).retransmit();
  CHECK(nowhere.judged().cause == "unknown");
  CHECK(nowhere.judged().where.netns == kPod);
}

TEST_CASE("a SYN-ACK that vanished on its way back") {
  Story story;
  story.syn_to_server().xmit(Leg::SynAck, kServerEth).receive(Leg::SynAck, kNodeServerVeth);
  story.at(1000).socket(SocketEventKind::SynAckRetransmit, kServer, true);
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "unknown");
  CHECK(verdict.packet == Leg::SynAck);
  CHECK(verdict.where.netns == kHost);
}

TEST_CASE("an ACK whose SYN-ACK was seen nowhere tells that something was missed") {
  const std::string doubt = "was seen nowhere: not all of this attempt was observed";
  Story story;
  story.syn_to_server().at(1000).retransmit().syn_to_server();
  story.at(3000).xmit(Leg::Ack, kPodEth).receive(Leg::Ack, kNodeVeth).at(5000);
  const Verdict missed = story.judged();
  CHECK(missed.cause == "unknown");
  CHECK(missed.packet == Leg::Ack);
  CHECK(missed.confidence == Confidence::Partial);
  CHECK(described(missed).find(doubt) != std::string::npos);
  Story seen;
  seen.syn_to_server().at(1000).retransmit().syn_to_server();
  seen.at(3000).xmit(Leg::SynAck, kServerEth).receive(Leg::SynAck, kPodEth).xmit(Leg::Ack, kPodEth).receive(Leg::Ack, kNodeVeth).at(5000);
  CHECK(described(seen.judged()).find(doubt) == std::string::npos);
}

TEST_CASE("interrupted before anything was decided") {
  Story story;
  story.syn_to_server();
  story.journey.ended = true;
  story.journey.interrupted = true;
  const Verdict verdict = story.judged();
  CHECK(verdict.fate == Fate::Unfinished);
  CHECK(verdict.cause.empty());
  CHECK(verdict.where.netns == kServer);
  CHECK(described(verdict).find("last seen at eth0 in netns server") != std::string::npos);
}

TEST_CASE("an empty journey is judged without a fall") {
  const synfate::model::Journey journey;
  const synfate::model::Inventory inventory;
  CHECK(synfate::judge::judge(journey, inventory).fate == Fate::Unfinished);
}
