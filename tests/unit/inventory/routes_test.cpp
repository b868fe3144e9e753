// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Answers about routes and neighbours, in messages made by hand.
#include "inventory/routes.hpp"

#include <doctest/doctest.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "inventory/attributes.hpp"
#include "inventory/reader.hpp"
#include "inventory/rules.hpp"
#include "machine/errors.hpp"
#include "machine/fake.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr model::NetnsId kHere = 4026532511;

template <class Header>
std::string message(std::uint16_t type, const Header& fixed, const std::string& attributes) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof fixed + attributes.size());
  return body_of(header) + body_of(fixed) + attributes;
}

template <class Value>
std::string attribute(std::uint16_t type, const Value& value) {
  std::string bytes;
  append_attribute(bytes, type, {reinterpret_cast<const char*>(&value), sizeof value});
  return bytes;
}

std::string address(std::uint16_t type, const char* text) {
  const model::IpAddress parsed = model::parse_ip(text).value();
  std::string bytes;
  append_attribute(bytes, type, {reinterpret_cast<const char*>(parsed.bytes.data()), parsed.family == 6 ? 16U : 4U});
  return bytes;
}

std::string route(unsigned family, unsigned length, const std::string& attributes) {
  rtmsg fixed{};
  fixed.rtm_family = static_cast<unsigned char>(family);
  fixed.rtm_dst_len = static_cast<unsigned char>(length);
  fixed.rtm_type = RTN_UNICAST;
  fixed.rtm_table = RT_TABLE_MAIN;
  return message(RTM_NEWROUTE, fixed, attributes);
}

model::RouteQuestion question(const char* destination) {
  model::RouteQuestion one;
  one.destination = model::parse_ip(destination).value();
  one.neighbour = true;
  return one;
}

/// A namespace that knows one way to 192.0.2.9.
machine::FakeMachine node() {
  machine::FakeMachine machine;
  machine.add_process(42, "python3", kHere);
  auto& answers = machine.netns(kHere).answers;
  const auto asked = question("192.0.2.9");
  const auto say = [&](const machine::NetlinkRequest& request, std::string messages) {
    answers.emplace(std::tuple{request.protocol, request.type, request.body}, machine::NetlinkReply{std::move(messages), true});
  };
  say(route_request(asked, false),
      route(AF_INET, 32, address(RTA_DST, "192.0.2.9") + attribute(RTA_OIF, 7U) + address(RTA_GATEWAY, "10.0.0.1")));
  say(route_request(asked, true), route(AF_INET, 0, attribute(RTA_TABLE, 254U) + attribute(RTA_OIF, 7U)));
  ndmsg entry{};
  entry.ndm_family = AF_INET;
  entry.ndm_state = NUD_STALE;
  const std::array<std::uint8_t, 6> mac{2, 0, 0, 0, 0, 9};
  say(neighbour_request(7, model::parse_ip("10.0.0.1").value()), message(RTM_NEWNEIGH, entry, attribute(NDA_LLADDR, mac)));
  return machine;
}

}  // namespace

TEST_CASE("a route, its prefix and its next hop") {
  machine::FakeMachine machine = node();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  REQUIRE(reader.read_route(kHere, question("192.0.2.9"), kSecond));
  REQUIRE(reader.read_route(kHere, question("192.0.2.9"), kSecond));
  const auto& routes = reader.current().find(kHere)->routes;
  REQUIRE_MESSAGE(routes.size() == 1, "the newer answer takes the place of the older");
  const model::RouteAnswer& answer = routes[0];
  CHECK(answer.error.empty());
  CHECK(answer.type == RTN_UNICAST);
  CHECK(answer.out_ifindex == 7);
  CHECK(to_string(answer.gateway) == "10.0.0.1");
  CHECK(answer.matched);
  CHECK(answer.length == 0);
  CHECK(answer.table == 254);
  CHECK_FALSE(answer.several);
  REQUIRE(answer.neighbour);
  CHECK(answer.neighbour->state == NUD_STALE);
  REQUIRE(answer.neighbour->mac);
  CHECK((*answer.neighbour->mac)[5] == 9);
}

TEST_CASE("no way is an answer, no word is none") {
  machine::FakeMachine machine = node();
  auto& answers = machine.netns(kHere).answers;
  const auto none = question("192.0.2.10");
  const auto request = route_request(none, false);
  answers.emplace(std::tuple{request.protocol, request.type, request.body}, machine::errno_error(ENETUNREACH, "route"));
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  REQUIRE(reader.read_route(kHere, none, kSecond));
  REQUIRE(reader.read_route(kHere, question("192.0.2.11"), kSecond));
  const auto& routes = reader.current().find(kHere)->routes;
  REQUIRE(routes.size() == 1);
  CHECK(routes[0].error == errno_text(ENETUNREACH));
  CHECK_FALSE(routes[0].neighbour);
}

TEST_CASE("IPv6, a gateway of the other family, several next hops") {
  model::RouteAnswer six;
  CHECK(decode_route(route(AF_INET6, 128, address(RTA_GATEWAY, "fe80::1") + attribute(RTA_OIF, 3U)), six));
  CHECK(to_string(six.gateway) == "fe80::1");
  model::RouteAnswer via;
  std::string bytes(2, '\0');
  const std::uint16_t family = AF_INET6;
  std::memcpy(bytes.data(), &family, sizeof family);
  bytes.append(reinterpret_cast<const char*>(model::parse_ip("fe80::2")->bytes.data()), 16);
  std::string attributes;
  append_attribute(attributes, RTA_VIA, bytes);
  CHECK(decode_route(route(AF_INET, 32, attributes), via));
  CHECK(to_string(via.gateway) == "fe80::2");
  model::RouteAnswer several;
  CHECK(decode_matched_route(route(AF_INET, 24, address(RTA_DST, "10.9.0.0") + attribute(RTA_MULTIPATH, 0ULL)), several));
  CHECK(several.several);
  CHECK(several.matched);
  CHECK(several.length == 24);
}

TEST_CASE("messages that are none, or say what cannot be, are no answers") {
  model::RouteAnswer answer;
  CHECK_FALSE(decode_route("", answer));
  CHECK_FALSE(decode_route("short", answer));
  CHECK_FALSE(decode_matched_route(route(AF_INET, 33, ""), answer));
  CHECK(decode_matched_route(route(AF_INET, 24, ""), answer));
  CHECK_FALSE_MESSAGE(answer.matched, "a prefix without its address");
  CHECK_FALSE(decode_neighbour(route(AF_INET, 32, "")));
  CHECK_FALSE(decode_neighbour(""));
}

TEST_CASE("ip rules beyond those that every namespace begins with are counted") {
  const auto rule = [](unsigned family, unsigned priority) {
    fib_rule_hdr fixed{};
    fixed.family = static_cast<unsigned char>(family);
    fixed.action = FR_ACT_TO_TBL;
    return message(RTM_NEWRULE, fixed, attribute(FRA_PRIORITY, priority));
  };
  const RefusingRules rules = decode_rules(rule(AF_INET, 0) + rule(AF_INET, 32766) + rule(AF_INET, 32767) + rule(AF_INET, 100) +
                                           rule(AF_INET6, 0) + rule(AF_INET6, 32766));
  CHECK(rules.own_ipv4 == 1);
  CHECK(rules.own_ipv6 == 0);
  CHECK(rules.ipv4 == 0);
}
