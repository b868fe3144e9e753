// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Two pods of two nodes with one address: what the kernel is told of a name, and which rows are the other's.
#include "cli/named_scope.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace synfate;
using namespace synfate::cli;

namespace {

constexpr model::NetnsId kHost = 1;
constexpr model::NetnsId kNodeA = 10;
constexpr model::NetnsId kWeb = 11;
constexpr model::NetnsId kNodeB = 20;
constexpr model::NetnsId kDb = 21;
const model::IpAddress kShared = *model::parse_ip("10.244.1.2");

void add_pod(model::Inventory& inventory, model::NetnsId id, const std::string& node, const std::string& name) {
  model::Netns& netns = inventory.namespaces[id];
  netns.id = id;
  netns.node = node;
  netns.pod.emplace();
  netns.pod->namespace_name = "shop";
  netns.pod->name = name;
  netns.pod->addresses = {kShared};
}

model::Inventory two_nodes() {
  model::Inventory inventory;
  inventory.namespaces[kHost].id = kHost;
  inventory.namespaces[kHost].host = true;
  for (const auto& [id, name] : {std::pair{kNodeA, "a"}, std::pair{kNodeB, "b"}}) {
    inventory.namespaces[id].id = id;
    inventory.namespaces[id].node = name;
  }
  add_pod(inventory, kWeb, "a", "web-0");
  add_pod(inventory, kDb, "b", "db-0");
  return inventory;
}

NamedScope scope(const char* pod, const char* node = nullptr) {
  FilterOptions typed;
  if (pod != nullptr) typed.pod = pod;
  if (node != nullptr) typed.node = node;
  return {typed, "machine"};
}

/// From one namespace to the shared address, and where it was seen besides.
model::Attempt attempt(model::NetnsId from, model::NetnsId through = 0) {
  model::Attempt row;
  row.journey.origin_netns = from;
  row.journey.faces.push_back({{*model::parse_ip("10.244.1.1"), 40000}, {kShared, 80}});
  if (through != 0) row.journey.events.emplace_back().place.netns = through;
  return row;
}

bool tells(const std::vector<probe::ScopeName>& names, model::NetnsId netns) {
  return std::any_of(names.begin(), names.end(), [&](const probe::ScopeName& name) { return name.netns == netns; });
}

}  // namespace

TEST_CASE("a pod is its namespace and its addresses, told once") {
  NamedScope web = scope("shop/web-0");
  const model::Inventory inventory = two_nodes();
  const auto names = web.news(inventory);
  CHECK(names.size() == 2);
  CHECK(tells(names, kWeb));
  CHECK(std::any_of(names.begin(), names.end(),
                    [](const probe::ScopeName& name) { return name.netns == 0 && name.address == kShared && name.pod; }));
  CHECK(web.news(inventory).empty());
  CHECK_FALSE(web.complaint(inventory));
}

TEST_CASE("rows of a pod with the same address on another node are not its") {
  const NamedScope web = scope("shop/web-0");
  const model::Inventory inventory = two_nodes();
  CHECK(web.admits(attempt(kWeb), inventory));
  CHECK(web.admits(attempt(kNodeA), inventory));
  CHECK(web.admits(attempt(kHost, kWeb), inventory));
  CHECK_FALSE(web.admits(attempt(kNodeB), inventory));
  CHECK_FALSE(web.admits(attempt(kDb), inventory));
}

TEST_CASE("a node is its own namespace and its pods'; the machine is a node by its hostname") {
  NamedScope b = scope(nullptr, "b");
  const model::Inventory inventory = two_nodes();
  const auto names = b.news(inventory);
  CHECK(tells(names, kNodeB));
  CHECK(tells(names, kDb));
  CHECK_FALSE(tells(names, kWeb));
  CHECK(b.admits(attempt(kHost, kNodeB), inventory));
  CHECK_FALSE(b.admits(attempt(kNodeA), inventory));
  NamedScope machine = scope(nullptr, "machine");
  CHECK(tells(machine.news(inventory), kHost));
  CHECK_FALSE(machine.admits(attempt(kNodeA), inventory));
}

TEST_CASE("pod and node together are both") {
  const model::Inventory inventory = two_nodes();
  CHECK_FALSE(scope("shop/web-0", "b").admits(attempt(kWeb), inventory));
  CHECK(scope("shop/web-0", "a").admits(attempt(kWeb), inventory));
}

TEST_CASE("a name that nothing has is said") {
  const model::Inventory inventory = two_nodes();
  CHECK(scope("shop/nobody").complaint(inventory)->text.find("no pod shop/nobody is known") == 0);
  CHECK(scope(nullptr, "c").complaint(inventory)->text.find("no node c is known") == 0);
}

TEST_CASE("of a pod in the network of its node rows are what its processes send, and that is said") {
  model::Inventory inventory = two_nodes();
  model::Pod& proxy = inventory.hosted.emplace_back();
  proxy.namespace_name = "kube-system";
  proxy.name = "kube-proxy";
  proxy.node = "a";
  proxy.netns = kNodeA;
  NamedScope hosted = scope("kube-system/kube-proxy");
  CHECK(hosted.complaint(inventory)->code == "pod_of_host");
  CHECK(hosted.unread(inventory) == std::vector<model::NetnsId>{kNodeA});
  CHECK(tells(hosted.news(inventory), kNodeA));
  model::Attempt row = attempt(kNodeA);
  CHECK_FALSE(hosted.admits(row, inventory));
  row.client.pod = "kube-system/kube-proxy";
  CHECK(hosted.admits(row, inventory));
}
