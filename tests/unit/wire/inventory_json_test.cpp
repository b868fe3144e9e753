// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The inventory's JSON: every field goes out and comes back, cuts are told.
#include "wire/inventory_json.hpp"

#include <doctest/doctest.h>

#include "recordings.hpp"

using namespace synfate;
using namespace synfate::test;

TEST_CASE("every field comes back") {
  const std::string text = wire::inventory_to_json(17, machine());
  auto back = wire::inventory_from_json(text);
  if (!back) FAIL(to_string(back.error()));
  CHECK(back->time_ns == 17);
  // The writer does not compile without every field, and machine() has none at its default: equal text means that none was lost.
  CHECK(wire::inventory_to_json(17, back->inventory) == text);

  const model::Netns* netns = back->inventory.find(4026532511);
  REQUIRE(netns != nullptr);
  REQUIRE(netns->links.size() == 2);
  const model::Link& link = netns->links[0];
  CHECK(link.name == machine().namespaces.at(4026532511).links[0].name);
  CHECK(link.peer_netns == 4026532617);
  CHECK(link.mac[5] == 0x0f);
  REQUIRE(link.bridge_port);
  CHECK(link.bridge_port->state == 3);
  CHECK(to_string(link.addresses.at(1).address) == "fd00::17");
  CHECK_FALSE(netns->links[1].peer_netns);
  CHECK_FALSE(netns->links[1].bridge_port);
  CHECK(netns->sysctls == machine().namespaces.at(4026532511).sysctls);
  CHECK(netns->listeners.at(0).queue_limit == 128);
  CHECK_FALSE(netns->listeners.at(1).queue_limit);
}

TEST_CASE("how long a traced rule is known to have dropped comes back") {
  model::Inventory inventory;
  inventory.namespaces[7].id = 7;
  model::RuleText& rule = inventory.namespaces[7].rules.emplace_back();
  rule.drops = {{5, 9}, {12, 12}};
  const auto back = wire::inventory_from_json(wire::inventory_to_json(0, inventory));
  REQUIRE(back);
  REQUIRE(back->inventory.find(7) != nullptr);
  REQUIRE(back->inventory.find(7)->rules.size() == 1);
  const model::RuleText& read = back->inventory.find(7)->rules[0];
  CHECK(read.dropped_at(5));
  CHECK(read.dropped_at(9));
  CHECK_FALSE(read.dropped_at(4));
  CHECK_FALSE(read.dropped_at(10));
  CHECK(read.dropped_at(12));
  CHECK_FALSE(model::RuleText{}.dropped_at(0));
}

TEST_CASE("bytes that a terminal would act on are not in the file as they are") {
  const std::string text = wire::inventory_to_json(0, machine());
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\xff') == std::string::npos);
}

TEST_CASE("an empty inventory, and one from an older tool that knew fewer fields") {
  CHECK(wire::inventory_from_json(wire::inventory_to_json(0, {})));
  const auto old = wire::inventory_from_json(R"({"namespaces":[{"id":7,"later":"unknown"}]})");
  REQUIRE(old);
  REQUIRE(old->inventory.find(7) != nullptr);
  CHECK(old->inventory.find(7)->links.empty());
  CHECK_FALSE(old->inventory.security_programs);
}

TEST_CASE("what is too much is cut, and the cut is a gap") {
  model::Inventory inventory;
  model::Netns& netns = inventory.namespaces[1];
  netns.id = 1;
  netns.fdb.resize(70'000);
  inventory.gaps.resize(100'000);
  const auto back = wire::inventory_from_json(wire::inventory_to_json(0, inventory));
  if (!back) FAIL(to_string(back.error()));
  CHECK(back->inventory.find(1)->fdb.size() == 65'536);
  REQUIRE(back->inventory.find(1)->gaps.size() == 1);
  CHECK(back->inventory.find(1)->gaps[0].text == "4464 more forwarding entries were not recorded");
  CHECK(back->inventory.gaps.size() == 65'536);
  CHECK(back->inventory.gaps.back().text == "34465 more gaps were not recorded");
}

TEST_CASE("the field that is wrong is named") {
  struct Case {
    const char* json;
    const char* why;
  };
  const Case cases[] = {
      {R"({"namespaces":{}})", "namespaces is not a list"},
      {R"({"namespaces":[5]})", "namespaces[0] is not an object"},
      {R"({"namespaces":[{},{"id":"x"}]})", "namespaces[1].id is not a number that fits"},
      {R"({"namespaces":[{"id":4294967296}]})", "namespaces[0].id is not a number that fits"},
      {R"({"namespaces":[{"id":-1}]})", "namespaces[0].id is not a number that fits"},
      {R"({"namespaces":[{"id":1.5}]})", "namespaces[0].id is not a number that fits"},
      {R"({"namespaces":[{"host":1}]})", "namespaces[0].host is not true or false"},
      {R"({"namespaces":[{"name":{"hex":"0g"}}]})", "namespaces[0].name is not a text of at most 65536 bytes"},
      {R"({"namespaces":[{"name":{"hex":"abc"}}]})", "namespaces[0].name is not a text of at most 65536 bytes"},
      {R"({"namespaces":[{"links":[{"mac":"02:42"}]}]})", "namespaces[0].links[0].mac is not a MAC address"},
      {R"({"namespaces":[{"links":[{"mac":"02-42-ac-11-00-0f"}]}]})", "namespaces[0].links[0].mac is not a MAC address"},
      {R"({"namespaces":[{"links":[{"bridge_port":[]}]}]})", "namespaces[0].links[0].bridge_port is not an object"},
      {R"({"namespaces":[{"links":[{"bridge_port":{"state":256}}]}]})",
       "namespaces[0].links[0].bridge_port.state is not a number that fits"},
      {R"({"namespaces":[{"links":[{"addresses":[{"address":"10.0.0"}]}]}]})",
       "namespaces[0].links[0].addresses[0].address is not an IP address"},
      {R"({"namespaces":[{"links":[{"addresses":[{"prefix_length":129}]}]}]})",
       "namespaces[0].links[0].addresses[0].prefix_length is not a prefix length"},
      {R"({"namespaces":[{"sysctls":[["only"]]}]})", "namespaces[0].sysctls[0] is not a pair of texts"},
      {R"({"gaps":[{"code":null}]})", "gaps[0].code is not a text of at most 65536 bytes"},
  };
  for (const Case& wrong : cases) {
    CAPTURE(wrong.json);
    const auto back = wire::inventory_from_json(wrong.json);
    REQUIRE_FALSE(back);
    CHECK(back.error().kind == ErrorKind::BadData);
    CHECK(back.error().why == wrong.why);
  }
}

TEST_CASE("what was looked up because of NAT comes back") {
  model::Inventory inventory;
  const model::Flow flow{{model::parse_ip("10.0.1.2").value(), 40000}, {model::parse_ip("10.96.0.7").value(), 80}};
  inventory.namespaces[7].id = 7;
  inventory.namespaces[7].tracked = {{flow, flow.reversed()}, {flow.reversed(), std::nullopt}};
  inventory.searches = {{flow.dst.address, 7, 3, {8, 9}, 5, "2 may not be read", "its port vxlan0"}};
  const std::string text = wire::inventory_to_json(0, inventory);
  const auto back = wire::inventory_from_json(text);
  REQUIRE(back);
  CHECK(wire::inventory_to_json(0, back->inventory) == text);
  const auto& tracked = back->inventory.namespaces.at(7).tracked;
  REQUIRE(tracked.size() == 2);
  CHECK(tracked[0].original == flow);
  CHECK(tracked[0].reply == flow.reversed());
  CHECK_FALSE(tracked[1].reply);
  const auto* search = back->inventory.search_for(flow.dst.address, 7, 3);
  REQUIRE(search != nullptr);
  CHECK(search->owners == std::vector<model::NetnsId>{8, 9});
  CHECK(search->namespaces == 5);
  CHECK(search->gap == "2 may not be read");
  CHECK(search->beyond == "its port vxlan0");
}
