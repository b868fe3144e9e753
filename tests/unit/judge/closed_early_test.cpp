// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "receiver_story.hpp"

using namespace synfate::judge::test;
namespace model = synfate::model;
using synfate::kMillisecond;

namespace {

constexpr unsigned kFinWait1 = 4;
constexpr unsigned kClose = 7;
constexpr unsigned kCloseWait = 8;

model::Closing& closes(Story& story, bool at_server, unsigned state) {
  story.socket(SocketEventKind::State, at_server ? kServer : kPod, at_server);
  (at_server ? story.journey.server_established : story.journey.client_established) = true;
  Event& event = story.journey.events.back();
  model::Closing closing;
  closing.at_server = at_server;
  closing.new_state = static_cast<std::uint8_t>(state);
  closing.shutdown = 3;
  closing.handshake_ns = event.time_ns - 3 * kMillisecond;
  if (at_server) {
    closing.closer_tgid = 42;
    closing.closer_comm = "postgres";
  }
  event.what = closing;
  return std::get<model::Closing>(event.what);
}

}  // namespace

TEST_CASE("reset_by_app: the server's process closed it") {
  Story story;
  closes(story, true, kFinWait1);
  closes(story, false, kCloseWait);
  const Verdict verdict = story.judged();
  CHECK(verdict.fate == Fate::ClosedEarly);
  CHECK(verdict.cause == "reset_by_app");
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.where.netns == kServer);
  CHECK(verdict.where.stage == Stage::Socket);
  CHECK(verdict.summary == "by postgres[42], 3 ms after the handshake");
  CHECK(says(verdict, "with a FIN"));
  CHECK(says(verdict, "the client's socket got a FIN"));
  CHECK(verdict.next == "journalctl _PID=42 -n 50");
}

TEST_CASE("of a pod, its log is what to read") {
  Story story;
  closes(story, true, kClose).bytes_received = 14;
  story.inventory.namespaces[kServer].pod.emplace().namespace_name = "shop";
  story.inventory.namespaces[kServer].pod->name = "web-0";
  CHECK(says(story.judged(), "it had received 14 bytes"));
  CHECK(says(story.judged(), "with a RST"));
  CHECK(story.judged().next == "kubectl -n shop logs web-0 --tail=50");
}

TEST_CASE("from the client's end alone, nobody is named") {
  Story story;
  SUBCASE("a FIN can only be its server's") {
    closes(story, false, kCloseWait).bytes_sent = 1;
    CHECK(story.judged().confidence == Confidence::Strong);
    CHECK(story.judged().summary == "the server closed it 3 ms after the handshake");
    CHECK(says(story.judged(), "it had sent 1 byte"));
  }
  SUBCASE("a RST may be anybody's") {
    closes(story, false, kClose).error = 104;
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(story.judged().summary == "a RST came 3 ms after the handshake");
  }
  CHECK(story.judged().cause == "reset_by_app");
  CHECK(story.judged().fate == Fate::ClosedEarly);
  CHECK(story.judged().where.netns == kPod);
}

TEST_CASE("a server that only ends its own sending has not closed, whatever the client's end looks like") {
  Story story;
  closes(story, true, kFinWait1).shutdown = 2;
  closes(story, false, kCloseWait);
  CHECK(story.judged().fate == Fate::Established);
}
