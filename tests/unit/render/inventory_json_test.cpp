// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// `pods --json` as structure.
#include "render/inventory_json.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "samples.hpp"

using namespace synfate;
using namespace synfate::render;
using namespace synfate::render::testing;
using nlohmann::json;

TEST_CASE("one object a namespace, the summary last") {
  Paper paper;
  CHECK(write_inventory_json(two_namespaces(), paper.writer()));
  REQUIRE(paper.writes.size() == 3);
  const json host = json::parse(paper.writes[0]);
  CHECK(host.at("type") == "netns");
  CHECK(host.at("v") == 1);
  CHECK(host.at("netns") == kHost);
  CHECK(host.at("host") == true);
  CHECK(host.at("tgid") == 1);
  REQUIRE(host.at("devices").size() == 3);
  CHECK(host.at("devices")[0].at("addresses") == json::parse(R"(["127.0.0.1/8", "::1/128"])"));
  CHECK(host.at("devices")[2] ==
        json::parse(R"({"ifindex": 7, "name": "veth5c2a", "kind": "veth", "up": true, "loopback": false, "physical": false, "mtu": 1500,
                        "mac": "02:00:00:00:ab:01", "master": "cni0",
                        "peer": {"netns": 4026532617, "netns_name": "blue", "ifindex": 2, "device": "eth0"},
                        "bridge_port": {"state": "forwarding", "hairpin": true, "isolated": false}, "addresses": []})"));
  const json blue = json::parse(paper.writes[1]);
  CHECK(blue.at("comm").is_null());
  CHECK(blue.at("devices")[1].at("peer") == json::parse(R"({"netns": null, "netns_name": null, "ifindex": 9, "device": null})"));
  CHECK(blue.at("gaps").size() == 1);
  CHECK(json::parse(paper.writes[2]) == json::parse(R"({"type": "summary", "v": 1, "namespaces": 2, "gaps": [
            {"code": "fdb_unreadable", "text": "bridge forwarding table: permission denied", "netns": 4026532617},
            {"code": "netns_unreadable", "text": "namespace of process 77: it has vanished", "netns": null}]})"));
}

TEST_CASE("a port state that the kernel has not defined is null") {
  model::Inventory inventory = two_namespaces();
  inventory.namespaces.at(kHost).links[2].bridge_port->state = 200;
  Paper paper;
  CHECK(write_inventory_json(inventory, paper.writer()));
  CHECK(json::parse(paper.writes[0]).at("devices")[2].at("bridge_port").at("state").is_null());
}

TEST_CASE("hostile names make valid JSON") {
  const std::string evil = "\x1b[2J\n\xff\"";
  model::Inventory inventory = two_namespaces();
  for (auto& [id, netns] : inventory.namespaces) {
    netns.name = netns.source = netns.example_comm = evil;
    for (model::Link& link : netns.links) link.name = link.kind = evil;
    netns.gaps = {{evil, evil}};
  }
  Paper paper;
  CHECK(write_inventory_json(inventory, paper.writer()));
  for (const std::string& line : paper.writes) CHECK(json::accept(line));
}

TEST_CASE("writing stops at a broken pipe") {
  Paper paper;
  paper.writes_left = 1;
  CHECK_FALSE(write_inventory_json(two_namespaces(), paper.writer()));
  CHECK(paper.writes.size() == 1);
  CHECK(paper.refused == 1);
}
