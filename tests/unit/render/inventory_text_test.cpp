// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// `pods` as people read it.
#include "render/inventory_text.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "samples.hpp"

using namespace synfate;
using namespace synfate::render;
using namespace synfate::render::testing;

namespace {

std::string rendered(const model::Inventory& inventory, const TextStyle& style) {
  Paper paper;
  CHECK(write_inventory_text(inventory, style, paper.writer()));
  return paper.text;
}

}  // namespace

TEST_CASE("namespaces in a row each, and the gaps at the end") {
  CHECK(rendered(two_namespaces(), {}) == R"(NETNS       NAME  ADDRESSES  HOST SIDE            SOURCE
4026531840  host  -          eth0@blue            init
4026532617  blue  10.42.0.9  veth5c2a@host,if9@?  /run/netns/blue
  gap    blue: bridge forwarding table: permission denied
  gap    namespace of process 77: it has vanished
)");
}

TEST_CASE("nodes, pods with their own cables, and pods in the network of their node") {
  model::Inventory inventory = two_namespaces();
  inventory.gaps.clear();
  inventory.nodes.push_back({"lab-worker", "lab", "worker", std::string(64, 'a'), 42, kHost, "docker: /var/lib/docker"});
  inventory.namespaces.at(kHost).host = false;
  inventory.namespaces.at(kHost).node = "lab-worker";
  model::Netns& pod = inventory.namespaces.at(kServerNetns);
  pod.gaps.clear();
  pod.node = "lab-worker";
  pod.pod.emplace();
  pod.pod->namespace_name = "shop";
  pod.pod->name = "web-0";
  pod.pod->source = "containerd: /run/containerd";
  pod.pod->doubt = "libcni calls it shop/db-0";
  inventory.hosted.push_back(*pod.pod);
  inventory.hosted[0].name = "proxy";
  inventory.hosted[0].node = "lab-worker";
  inventory.hosted[0].netns = kHost;
  CHECK(rendered(inventory, {}) == R"(NETNS       NODE        NAME                   ADDRESSES     HOST SIDE                  SOURCE
4026531840  lab-worker  (node of lab, worker)  -             -                          docker: /var/lib/docker
4026532617  lab-worker  shop/web-0             10.42.0.9     veth5c2a@lab-worker,if9@?  containerd: /run/containerd
4026531840  lab-worker  shop/proxy             (its node's)  -                          containerd: /run/containerd
  gap    shop/web-0: libcni calls it shop/db-0
)");
}

TEST_CASE("verbose, forty columns, without UTF-8") {
  CHECK(rendered(two_namespaces(), {40, false, true, true}) == R"(NETNS       NAME  ADDRESSES  HOST SIDE
    SOURCE
4026531840  host  -          eth0@blue
    init
  lo  loopback  127.0.0.1/8  ::1/128
  cni0  bridge
  veth5c2a <-> eth0@blue  veth, in cni0
4026532617  blue  10.42.0.9
    veth5c2a@host,if9@?  /run/netns/blue
  eth0 <-> veth5c2a@host  veth
      10.42.0.9/24
  eth1 <-> if9@?  veth, down
  gap    blue: bridge forwarding table:
         permission denied
  gap    namespace of process 77: it has
         vanished
)");
}

TEST_CASE("a veth whose other end is in the same namespace, or in one that was not read") {
  model::Inventory inventory = two_namespaces();
  inventory.gaps.clear();
  model::Netns& blue = inventory.namespaces.at(kServerNetns);
  blue.gaps.clear();
  blue.links[0].peer_netns = kServerNetns;
  blue.links[0].peer_ifindex = 3;
  blue.links[1].peer_netns = 77;
  const std::string text = rendered(inventory, {0, false, false, true});
  CHECK(text.find("  eth0 ↔ eth1  veth") != std::string::npos);
  CHECK(text.find("  eth1 ↔ if9@77  veth, down") != std::string::npos);
}

TEST_CASE("nothing read is said, with the reason") {
  model::Inventory inventory;
  inventory.gaps = {{"proc_unreadable", "/proc: permission denied"}};
  CHECK(rendered(inventory, {}) == "no network namespace could be read\n  gap    /proc: permission denied\n");
}

TEST_CASE("hostile names") {
  const std::string evil = "\x1b[2J\n\xff";
  model::Inventory inventory = two_namespaces();
  for (auto& [id, netns] : inventory.namespaces) {
    netns.name = netns.source = netns.example_comm = evil;
    for (model::Link& link : netns.links) link.name = link.kind = evil;
    netns.gaps = {{evil, evil}};
  }
  inventory.gaps = {{evil, ""}};
  const std::string text = rendered(inventory, {});
  for (const std::string_view line : split(text, '\n')) CHECK(printable(line, line.size()) == line);
}

TEST_CASE("one very long name does not push the columns of the others away") {
  model::Inventory inventory = two_namespaces();
  inventory.namespaces.at(kServerNetns).name = std::string(200, 'n');
  const std::string text = rendered(inventory, {});
  CHECK(text.find("\n4026531840  host" + std::string(38, ' ') + "-          eth0@nnn") != std::string::npos);
}

TEST_CASE("a broken pipe is told") {
  Paper paper;
  paper.writes_left = 0;
  CHECK_FALSE(write_inventory_text(two_namespaces(), {}, paper.writer()));
}
