// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Whose a namespace is, from a fake machine's files: what agrees is a name, what disagrees is none.
#include "inventory/identity.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "inventory/processes.hpp"
#include "inventory/reader.hpp"
#include "machine/fake.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr model::NetnsId kHost = 4026531840;
constexpr model::NetnsId kWeb = 4026532511;
constexpr model::NetnsId kDb = 4026532617;
constexpr model::NetnsId kNodeNetns = 4026532700;
const std::string kWebUid = "44e4b37f-504f-4f1c-80f3-4137bfbec5e4";
const std::string kDbUid = "55e4b37f-504f-4f1c-80f3-4137bfbec5e4";
const std::string kWebId(64, 'a');
const std::string kDbId(64, 'b');
const std::string kNodeId(64, '7');
const std::string kTasks = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/";

/// A sandbox as containerd's CRI plugin annotates it; network: the path of its namespace, "" for the node's own.
std::string sandbox(const std::string& id, const std::string& name, const std::string& uid, const std::string& network) {
  const std::string entry = network.empty() ? "" : R"(,{"type":"network","path":")" + network + R"("})";
  return R"({"ociVersion":"1.1.0","hostname":"x","annotations":{"io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-id":")" +
         id + R"(","io.kubernetes.cri.sandbox-name":")" + name + R"(","io.kubernetes.cri.sandbox-namespace":"shop",)" +
         R"("io.kubernetes.cri.sandbox-uid":")" + uid + R"("},"linux":{"namespaces":[{"type":"pid"})" + entry + "]}}";
}

std::string pod_cgroup(const std::string& uid, const std::string& id, const std::string& before = "") {
  return "0::" + before + "/kubelet/kubepods/burstable/pod" + uid + "/" + id + "\n";
}

struct Node {
  machine::FakeMachine machine;

  Node() {
    machine.add_process(1, "systemd", kHost);
    machine.add_link("/proc/self/ns/net", "net:[" + std::to_string(kHost) + "]");
    machine.add_file("/proc/thread-self/mountinfo", "");
    machine.add_file("/proc/1/cgroup", "0::/init.scope\n");
  }

  void process(std::uint32_t tgid, model::NetnsId netns, const std::string& cgroup) {
    machine.add_process(tgid, "pause", netns);
    machine.add_file("/proc/" + std::to_string(tgid) + "/cgroup", cgroup);
  }

  /// root: "" or "/proc/N/root".
  void bundle(const std::string& root, const std::string& id, const std::string& config) {
    machine.add_file(root + kTasks + id + "/config.json", config);
  }

  model::Inventory read() {
    InventoryReader reader(machine);
    REQUIRE(reader.refresh());
    return reader.current();
  }
};

bool has_gap(const model::Inventory& inventory, const std::string& code) {
  return std::any_of(inventory.gaps.begin(), inventory.gaps.end(), [&](const model::Gap& gap) { return gap.code == code; });
}

}  // namespace

TEST_CASE("a pod whose bundle leads to its processes' namespace") {
  Node node;
  node.process(42, kWeb, pod_cgroup(kWebUid, kWebId));
  node.bundle("", kWebId, sandbox(kWebId, "web-0", kWebUid, "/run/netns/cni-1"));
  node.machine.add_netns_mount("/run/netns/cni-1", kWeb);
  const model::Inventory inventory = node.read();
  const auto& pod = inventory.find(kWeb)->pod;
  REQUIRE(pod);
  CHECK(pod->full_name() == "shop/web-0");
  CHECK(pod->uid == kWebUid);
  CHECK(pod->doubt.empty());
  CHECK(inventory.label(kWeb) == "shop/web-0");
  CHECK_FALSE(inventory.find(kHost)->pod);
}

TEST_CASE("a bundle that leads to another namespace names nothing") {
  Node node;
  node.process(42, kDb, pod_cgroup(kWebUid, kWebId));
  node.bundle("", kWebId, sandbox(kWebId, "web-0", kWebUid, "/run/netns/cni-1"));
  node.machine.add_netns_mount("/run/netns/cni-1", kWeb);
  CHECK_FALSE(node.read().find(kDb)->pod);
}

TEST_CASE("a stale path leaves the cgroup alone, and that is said") {
  Node node;
  node.process(42, kWeb, pod_cgroup(kWebUid, kWebId));
  node.bundle("", kWebId, sandbox(kWebId, "web-0", kWebUid, "/run/netns/gone"));
  const model::Inventory inventory = node.read();
  REQUIRE(inventory.find(kWeb)->pod);
  CHECK(inventory.find(kWeb)->pod->doubt.find("cgroup only") != std::string::npos);
}

TEST_CASE("a process of another pod in a pod's namespace does not give it its name") {
  Node node;
  node.process(42, kWeb, pod_cgroup(kDbUid, kDbId));
  node.process(43, kWeb, pod_cgroup(kWebUid, kWebId));
  node.bundle("", kDbId, sandbox(kDbId, "db-0", kDbUid, "/run/netns/gone"));
  SUBCASE("the pod's own bundle leads there") {
    node.bundle("", kWebId, sandbox(kWebId, "web-0", kWebUid, "/run/netns/cni-1"));
    node.machine.add_netns_mount("/run/netns/cni-1", kWeb);
    const model::Inventory inventory = node.read();
    REQUIRE(inventory.find(kWeb)->pod);
    CHECK(inventory.find(kWeb)->pod->name == "web-0");
  }
  SUBCASE("nothing decides") {
    node.bundle("", kWebId, sandbox(kWebId, "web-0", kWebUid, "/run/netns/gone"));
    const model::Inventory inventory = node.read();
    CHECK_FALSE(inventory.find(kWeb)->pod);
    CHECK(has_gap(inventory, "pod_disputed"));
  }
}

TEST_CASE("a record of another pod than the cgroup's names nothing, and that is said") {
  Node node;
  node.process(42, kWeb, pod_cgroup(kWebUid, kWebId));
  SUBCASE("another uid") { node.bundle("", kWebId, sandbox(kWebId, "db-0", kDbUid, "/run/netns/cni-1")); }
  SUBCASE("another namespace") {
    node.bundle("", kWebId, sandbox(kWebId, "web-0", kWebUid, "/run/netns/cni-2"));
    node.machine.add_netns_mount("/run/netns/cni-2", kDb);
  }
  node.machine.add_netns_mount("/run/netns/cni-1", kWeb);
  const model::Inventory inventory = node.read();
  CHECK_FALSE(inventory.find(kWeb)->pod);
  CHECK(has_gap(inventory, "pod_disputed"));
}

TEST_CASE("a record that cannot be used is a gap") {
  Node node;
  node.process(42, kWeb, pod_cgroup(kWebUid, kWebId));
  node.bundle("", kWebId, "{");
  const model::Inventory inventory = node.read();
  CHECK_FALSE(inventory.find(kWeb)->pod);
  CHECK(has_gap(inventory, "containers_unreadable"));
}

TEST_CASE("a pod in the network of its node is the node's guest, and its process is still known") {
  Node node;
  node.process(42, kHost, pod_cgroup(kWebUid, kWebId));
  node.bundle("", kWebId, sandbox(kWebId, "proxy", kWebUid, ""));
  InventoryReader reader(node.machine);
  REQUIRE(reader.refresh());
  CHECK_FALSE(reader.current().find(kHost)->pod);
  reader.own({42, 42, 0, ""}, kSecond);
  reader.own({1, 1, 0, ""}, kSecond);
  CHECK(reader.current().owners.at(42).pod == "shop/proxy");
  CHECK_FALSE(reader.current().owners.contains(1));
  node.machine.remove("/proc/42");
  reader.own({42, 42, 0, ""}, 2 * kSecond);
  CHECK(reader.current().owners.contains(42));
  reader.own({42, 42, 0, ""}, 60 * kSecond);
  CHECK_FALSE(reader.current().owners.contains(42));
  // A process that has ended, by the cgroup that the kernel saw it in.
  node.machine.add_cgroup(7, "/kubelet/kubepods/burstable/pod" + std::string(kWebUid) + "/" + std::string(kWebId));
  reader.own({43, 43, 7, ""}, 60 * kSecond);
  CHECK(reader.current().owners.at(43).pod == "shop/proxy");
  reader.own({44, 44, 8, ""}, 60 * kSecond);
  CHECK_FALSE(reader.current().owners.contains(44));
  reader.list_hosted();
  REQUIRE(reader.current().hosted.size() == 1);
  CHECK(reader.current().hosted[0].full_name() == "shop/proxy");
  CHECK(reader.current().hosted[0].netns == kHost);
}

TEST_CASE("pods inside a container make it a node, whether its engine's files can be read or not") {
  Node node;
  const std::string outer = "/system.slice/docker-" + kNodeId + ".scope";
  node.process(100, kNodeNetns, "0::" + outer + "\n");
  node.process(101, kWeb, pod_cgroup(kWebUid, kWebId, outer));
  node.machine.add_file("/proc/100/root/etc/hostname", "lab-worker\n");
  node.bundle("/proc/100/root", kWebId, sandbox(kWebId, "web-0", kWebUid, "/run/netns/cni-1"));
  node.machine.add_netns_mount("/proc/100/root/run/netns/cni-1", kWeb);
  const model::Inventory inventory = node.read();
  REQUIRE(inventory.nodes.size() == 1);
  CHECK(inventory.nodes[0].name == "lab-worker");
  CHECK(inventory.nodes[0].netns == kNodeNetns);
  CHECK(inventory.nodes[0].source.find("cannot be read") != std::string::npos);
  CHECK(inventory.find(kNodeNetns)->node == "lab-worker");
  REQUIRE(inventory.find(kWeb)->pod);
  CHECK(inventory.find(kWeb)->pod->node == "lab-worker");
  CHECK(inventory.find(kWeb)->node == "lab-worker");
}

TEST_CASE("a machine with neither is as before") {
  Node node;
  node.process(42, kWeb, "0::/user.slice\n");
  const model::Inventory inventory = node.read();
  CHECK(inventory.nodes.empty());
  CHECK_FALSE(inventory.find(kWeb)->pod);
  CHECK(inventory.find(kWeb)->node.empty());
  CHECK(inventory.label(kWeb) == "4026532511 (pause[42])");
}

TEST_CASE("what begins later is found without looking at the rest again, also where a process enters its namespace late") {
  Node node;
  InventoryReader reader(node.machine);
  REQUIRE(reader.refresh());
  CHECK_FALSE(reader.discover());
  node.process(42, kHost, "0::/\n");
  CHECK_FALSE(reader.discover());
  node.machine.add_link("/proc/42/ns/net", "net:[" + std::to_string(kWeb) + "]");
  node.machine.add_file("/proc/42/cgroup", pod_cgroup(kWebUid, kWebId));
  node.bundle("", kWebId, sandbox(kWebId, "web-0", kWebUid, "/run/netns/cni-1"));
  node.machine.add_netns_mount("/run/netns/cni-1", kWeb);
  CHECK(reader.discover());
  REQUIRE(reader.current().find(kWeb));
  REQUIRE(reader.current().find(kWeb)->pod);
  CHECK(reader.current().find(kWeb)->pod->name == "web-0");
  CHECK_FALSE(reader.discover());
}
