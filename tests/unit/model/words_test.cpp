// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The words of the interface: JSON's values for fate, stage, packet and confidence are promised, so they are spelt out here once more.
#include <doctest/doctest.h>

#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "model/event.hpp"
#include "model/place.hpp"
#include "model/verdict.hpp"

using namespace synfate::model;

TEST_CASE("fates") {
  const std::vector<std::pair<Fate, std::string_view>> words = {
      {Fate::Established, "established"},  {Fate::Dropped, "dropped"}, {Fate::Refused, "refused"},   {Fate::Unanswered, "unanswered"},
      {Fate::ClosedEarly, "closed_early"}, {Fate::Parked, "parked"},   {Fate::Vanished, "vanished"}, {Fate::Unfinished, "unfinished"},
  };
  for (const auto& [fate, word] : words) CHECK(to_string(fate) == word);
}

TEST_CASE("stages") {
  const std::vector<std::pair<Stage, std::string_view>> words = {
      {Stage::None, ""},
      {Stage::LocalOut, "local_out"},
      {Stage::Xdp, "xdp"},
      {Stage::TcIngress, "tc_ingress"},
      {Stage::Bridge, "bridge"},
      {Stage::Prerouting, "prerouting"},
      {Stage::RouteIn, "route_in"},
      {Stage::Input, "input"},
      {Stage::Forward, "forward"},
      {Stage::Output, "output"},
      {Stage::Postrouting, "postrouting"},
      {Stage::Neighbour, "neighbour"},
      {Stage::TcEgress, "tc_egress"},
      {Stage::Qdisc, "qdisc"},
      {Stage::Device, "device"},
      {Stage::Socket, "socket"},
      {Stage::Beyond, "beyond"},
  };
  for (const auto& [stage, word] : words) CHECK(to_string(stage) == word);
}

TEST_CASE("packets of the handshake") {
  CHECK(to_string(Leg::None).empty());
  CHECK(to_string(Leg::Syn) == "syn");
  CHECK(to_string(Leg::SynAck) == "synack");
  CHECK(to_string(Leg::Ack) == "ack");
}

TEST_CASE("confidence") {
  CHECK(to_string(Confidence::Exact) == "exact");
  CHECK(to_string(Confidence::Strong) == "strong");
  CHECK(to_string(Confidence::Partial) == "partial");
}

TEST_CASE("every kind of device has a word of its own") {
  std::set<std::string_view> words;
  for (int kind = 0; kind <= static_cast<int>(DeviceKind::Netkit); ++kind) {
    const std::string_view word = to_string(static_cast<DeviceKind>(kind));
    CHECK_FALSE(word.empty());
    words.insert(word);
  }
  CHECK(words.size() == static_cast<std::size_t>(DeviceKind::Netkit) + 1);
}

TEST_CASE("the same device is one of the same namespace and index, whatever its name") {
  const Place eth0{1, 2, DeviceKind::Veth, "eth0"};
  CHECK(eth0.same_device(Place{1, 2, DeviceKind::Unknown, "renamed"}));
  CHECK_FALSE(eth0.same_device(Place{3, 2, DeviceKind::Veth, "eth0"}));
  CHECK_FALSE(eth0.same_device(Place{1, 4, DeviceKind::Veth, "eth0"}));
}

TEST_CASE("a process is known by either of its facts") {
  CHECK_FALSE(Process{}.known());
  CHECK(Process{42, 0, 0, ""}.known());
  CHECK(Process{0, 0, 0, "curl"}.known());
}
