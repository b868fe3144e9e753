// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The path line: each device once, namespaces where they change, an end where the handshake ended.
#include "render/path_line.hpp"

#include <doctest/doctest.h>

#include "samples.hpp"

using namespace synfate;
using namespace synfate::render;
using namespace synfate::render::testing;

namespace {

std::string path(const model::Attempt& attempt, model::Leg leg = model::Leg::Syn, bool verbose = false) {
  const Phrase phrase = path_phrase(attempt, leg, verbose);
  return lay_out(phrase, TextStyle{}, 0, 0);
}

model::Attempt loop_of(std::uint32_t devices) {
  model::Attempt attempt = dropped_by_a_rule();
  attempt.journey.events.clear();
  for (std::uint32_t i = 1; i <= devices; ++i) {
    attempt.journey.events.push_back(hop(i, model::Leg::Syn, model::HopKind::Xmit, kHost, i, "d" + std::to_string(i)));
  }
  return attempt;
}

}  // namespace

TEST_CASE("retransmits and both sides of a device do not repeat it") {
  model::Attempt attempt = dropped_by_a_rule();
  CHECK(path(attempt) == "eth0@testbed/simulator ─ veth5c2a@k3d-server-0 ─ cni0 ─ forward ✗\n");
  attempt.journey.events.push_back(hop(4'000'000'000, model::Leg::Syn, model::HopKind::Xmit, kHost, 7, "veth5c2a"));
  CHECK(path(attempt) == "eth0@testbed/simulator ─ veth5c2a@k3d-server-0 ─ cni0 ─ forward ✗\n");
}

TEST_CASE("the same name in another namespace is another device") {
  CHECK(path(lost_syn_ack()) == "eth0@red ─ veth5c2a@host ─ cni0 ─ eth0@blue\n");
}

TEST_CASE("the end is marked on the leg that died and on no other") {
  CHECK(path(lost_syn_ack(), model::Leg::SynAck) == "eth0@blue ─ veth77@host ─ forward ✗\n");
  CHECK(path_phrase(lost_syn_ack(), model::Leg::Ack, true).empty());
}

TEST_CASE("a drop in a namespace where no device was seen says which namespace") {
  model::Attempt attempt = lost_syn_ack();
  attempt.verdict.where.netns = kClientNetns;
  attempt.verdict.where.stage = model::Stage::Input;
  CHECK(path(attempt, model::Leg::SynAck) == "eth0@blue ─ veth77@host ─ input@red ✗\n");
}

TEST_CASE("each fate has its mark") {
  model::Attempt attempt = established();
  CHECK(path(attempt) == "eth0@red ─ veth5c2a@host ─ cni0 ✓\n");
  attempt.verdict.fate = model::Fate::Vanished;
  CHECK(path(attempt) == "eth0@red ─ veth5c2a@host ─ cni0 ?\n");
  attempt.verdict.fate = model::Fate::Unfinished;
  CHECK(path(attempt) == "eth0@red ─ veth5c2a@host ─ cni0 …\n");
  CHECK(path(unanswered()) == "eth0@red ─ veth5c2a@host ─ cni0 ─ eth0 ─ beyond this node ?\n");
}

TEST_CASE("no SYN, no devices: only where it ended") { CHECK(path(no_route()) == "local_out@red ✗\n"); }

TEST_CASE("nothing seen and no place known: no path") {
  model::Attempt attempt = established();
  attempt.journey.events.clear();
  CHECK(path_phrase(attempt, model::Leg::Syn, false).empty());
}

TEST_CASE("a device without a name is its index, without both a question mark") {
  model::Attempt attempt = established();
  attempt.journey.events = {hop(0, model::Leg::Syn, model::HopKind::Xmit, kHost, 12, ""),
                            hop(1, model::Leg::Syn, model::HopKind::Xmit, kHost, 0, ""),
                            hop(2, model::Leg::Syn, model::HopKind::Xmit, 0, 0, "gone")};
  CHECK(path(attempt) == "if12@host ─ ? ─ gone ✓\n");
}

TEST_CASE("a huge path is folded in its middle and whole when verbose") {
  CHECK(path(loop_of(16)).find("more devices") == std::string::npos);
  CHECK(path(loop_of(17)) ==
        "d1@k3d-server-0 ─ d2 ─ d3 ─ d4 ─ d5 ─ d6 ─ d7 ─ d8 ─ (1 more devices) ─ d10@k3d-server-0 ─ d11 ─ d12 ─ d13 ─ d14 ─ d15 ─ d16 ─ "
        "d17 ─ "
        "forward ✗\n");
  const std::string folded = path(loop_of(20000));
  CHECK(folded.find("d8 ─ (19984 more devices) ─ d19993@") != std::string::npos);
  CHECK(folded.size() < 400);
  CHECK(path(loop_of(20000), model::Leg::Syn, true).find("─ d10000 ─") != std::string::npos);
}
