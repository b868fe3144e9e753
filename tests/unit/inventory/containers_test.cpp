// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/containers.hpp"

#include <doctest/doctest.h>

#include "machine/fake.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

const std::string kSandbox(64, 'a');
const std::string kApp(64, 'b');
const std::string kNode(64, '7');
const std::string kUid = "44e4b37f-504f-4f1c-80f3-4137bfbec5e4";
const std::string kTasks = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/";
const std::string kStorage = "/run/containers/storage/overlay-containers/";
const std::string kStorageLib = "/var/lib/containers/storage/overlay-containers/";
const std::string kDocker = "/var/lib/docker/containers/";

/// In the order in which Go writes a runtime-spec: specs-go/config.go of opencontainers/runtime-spec.
std::string oci(const std::string& annotations, const std::string& network, const std::string& hostname = "coredns-5d78c9869d-79bfv") {
  return R"({"ociVersion":"1.1.0","process":{"user":{"uid":65535,"gid":65535},"args":["/pause"],"cwd":"/","oomScoreAdj":-998},)"
         R"("root":{"path":"rootfs","readonly":true},"hostname":")" +
         hostname + R"(","mounts":[{"destination":"/proc","type":"proc","source":"proc","options":["nosuid"]}],"annotations":{)" +
         annotations +
         R"(},"linux":{"resources":{"devices":[{"allow":false,"access":"rwm"}],"cpu":{"shares":2}},"cgroupsPath":)"
         R"("kubelet-kubepods-burstable-pod44e4b37f_504f_4f1c_80f3_4137bfbec5e4.slice:cri-containerd:)" +
         kSandbox + R"(","namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"})" + network +
         R"(],"seccomp":{"defaultAction":"SCMP_ACT_ERRNO"},"maskedPaths":["/proc/acpi"]}})";
}

const std::string kPodNetwork = R"(,{"type":"network","path":"/var/run/netns/cni-c8f12417-13bc-a776-937a-0d987bcf8a2a"})";

/// As containerd/containerd:internal/cri/annotations/annotations.go names them.
std::string cri(const std::string& type, const std::string& name = "coredns-5d78c9869d-79bfv", const std::string& more = "") {
  return R"("io.kubernetes.cri.container-type":")" + type + R"(","io.kubernetes.cri.sandbox-id":")" + kSandbox +
         R"(","io.kubernetes.cri.sandbox-log-directory":"/var/log/pods/x","io.kubernetes.cri.sandbox-name":")" + name +
         R"(","io.kubernetes.cri.sandbox-namespace":"kube-system","io.kubernetes.cri.sandbox-uid":")" + kUid + "\"" + more;
}

/// As cri-o/cri-o:internal/annotations/annotations.go names them; the labels are the kubelet's.
std::string crio(const std::string& type, const std::string& metadata = R"({\"name\":\"web\",\"uid\":\"x\",\"namespace\":\"default\"})") {
  return R"("io.container.manager":"cri-o","io.kubernetes.pod.uid":"forged-by-the-pod","io.kubernetes.cri-o.ContainerType":")" + type +
         R"(","io.kubernetes.cri-o.SandboxID":")" + kSandbox +
         R"(","io.kubernetes.cri-o.HostNetwork":"false","io.kubernetes.cri-o.Metadata":")" + metadata +
         R"(","io.kubernetes.cri-o.Labels":"{\"io.kubernetes.container.name\":\"app\",\"io.kubernetes.pod.name\":\"web\",)" +
         R"(\"io.kubernetes.pod.namespace\":\"default\",\"io.kubernetes.pod.uid\":\")" + kUid + R"(\"}")";
}

/// As moby/moby:daemon/container/container.go writes it; labels by default kind's.
std::string docker(const std::string& id, const std::string& labels, bool running = true,
                   const std::string& key = "/var/run/docker/netns/1d") {
  return R"({"StreamConfig":{},"State":{"Running":)" + std::string{running ? "true" : "false"} +
         R"(,"Paused":false,"Pid":4242,"ExitCode":0,"Health":null},"ID":")" + id +
         R"(","Created":"2024-01-01T00:00:00Z","Managed":false,"Path":"/usr/local/bin/entrypoint","Config":{"Hostname":"kind-control-plane",)"
         R"("Domainname":"","Labels":{)" +
         labels + R"(}},"NetworkSettings":{"SandboxKey":")" + key +
         R"(","Networks":{"kind":null}},"Name":"/kind-control-plane","RestartCount":0})";
}

const std::string kKind = R"("io.x-k8s.kind.cluster":"kind","io.x-k8s.kind.role":"control-plane")";

/// As Mirantis/cri-dockerd:core/labels.go and the kubelet set them.
std::string pod_labels(const std::string& type, const std::string& name) {
  return R"("io.kubernetes.docker.type":")" + type + R"(","io.kubernetes.container.name":")" + name +
         R"(","io.kubernetes.pod.name":"web",)"
         R"("io.kubernetes.pod.namespace":"default","io.kubernetes.pod.uid":")" +
         kUid + "\"";
}

struct Lab {
  machine::FakeMachine machine;
  std::vector<model::Gap> gaps;

  Result<ContainerRecord> read(const std::string& runtime, const std::string& id) {
    auto tree = machine.tree_of(0);
    return read_container(**tree, runtime, id);
  }
  std::vector<ContainerRecord> list() {
    gaps.clear();
    auto tree = machine.tree_of(0);
    return list_containers(**tree, {}, gaps);
  }
};

}  // namespace

TEST_CASE("containerd's sandbox is read whole") {
  Lab lab;
  lab.machine.add_file(kTasks + kSandbox + "/config.json", oci(cri("sandbox"), kPodNetwork));
  lab.machine.add_file(kTasks + kSandbox + "/init.pid", "812");
  const auto record = lab.read("containerd", kSandbox);
  REQUIRE(record);
  CHECK(record->id == kSandbox);
  CHECK(record->runtime == "containerd");
  CHECK(record->pod_namespace == "kube-system");
  CHECK(record->pod_name == "coredns-5d78c9869d-79bfv");
  CHECK(record->pod_uid == kUid);
  CHECK(record->sandbox_id == kSandbox);
  CHECK(record->sandbox);
  CHECK_FALSE(record->host_network);
  CHECK(record->netns_path == "/var/run/netns/cni-c8f12417-13bc-a776-937a-0d987bcf8a2a");
  CHECK(record->pid == 812);
  CHECK(record->cgroup_path == "kubelet-kubepods-burstable-pod44e4b37f_504f_4f1c_80f3_4137bfbec5e4.slice:cri-containerd:" + kSandbox);
  CHECK(record->hostname == "coredns-5d78c9869d-79bfv");
  CHECK(record->source == "containerd: " + kTasks + kSandbox + "/config.json");
  CHECK(lab.read("", kSandbox));
  CHECK(lab.read("docker", kSandbox).error().kind == ErrorKind::Gone);
}

TEST_CASE("a container of a pod is read on request and not listed; k3s keeps its containers elsewhere") {
  Lab lab;
  const std::string k3s = "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/";
  lab.machine.add_file(k3s + kSandbox + "/config.json", oci(cri("sandbox"), kPodNetwork));
  lab.machine.add_file(k3s + kApp + "/config.json",
                       oci(cri("container", "coredns-5d78c9869d-79bfv", R"(,"io.kubernetes.cri.container-name":"coredns")"),
                           R"(,{"type":"network","path":"/proc/812/ns/net"})"));
  const auto records = lab.list();
  REQUIRE(records.size() == 1);
  CHECK(records[0].id == kSandbox);
  CHECK(records[0].pid == 0);
  CHECK(lab.gaps.empty());
  const auto app = lab.read("containerd", kApp);
  REQUIRE(app);
  CHECK(app->container_name == "coredns");
  CHECK(app->sandbox_id == kSandbox);
  CHECK_FALSE(app->sandbox);
  CHECK(app->netns_path == "/proc/812/ns/net");
}

TEST_CASE("a sandbox without a network namespace of its own is on the host's network") {
  const auto host = parse_oci_config(oci(cri("sandbox"), ""), OciOwner::Containerd, kSandbox);
  REQUIRE(host);
  CHECK(host->host_network);
  const auto made = parse_oci_config(oci(cri("sandbox"), R"(,{"type":"network"})"), OciOwner::Containerd, kSandbox);
  REQUIRE(made);
  CHECK_FALSE(made->host_network);
  CHECK(made->netns_path.empty());
}

TEST_CASE("CRI-O's record is the kubelet's labels, not the pod's annotations") {
  Lab lab;
  lab.machine.add_file(kStorage + kSandbox + "/userdata/config.json", oci(crio("sandbox"), kPodNetwork));
  lab.machine.add_file(kStorageLib + kSandbox + "/userdata/config.json", oci(crio("sandbox"), kPodNetwork));
  lab.machine.add_file(kStorageLib + kApp + "/userdata/config.json", oci(crio("container"), kPodNetwork));
  lab.machine.add_file(kStorage + kApp + "/userdata/pidfile", "77\n");
  const auto records = lab.list();
  REQUIRE(records.size() == 1);
  CHECK(records[0].runtime == "cri-o");
  CHECK(records[0].pod_name == "web");
  CHECK(records[0].pod_namespace == "default");
  CHECK(records[0].pod_uid == kUid);
  CHECK(records[0].sandbox);
  CHECK(records[0].container_name.empty());
  CHECK(records[0].source == "cri-o: " + kStorage + kSandbox + "/userdata/config.json");
  const auto app = lab.read("cri-o", kApp);
  REQUIRE(app);
  CHECK(app->container_name == "app");
  CHECK(app->pid == 77);
  CHECK(parse_oci_config(oci(crio("sandbox", "{"), kPodNetwork), OciOwner::Storage, kSandbox).error().kind == ErrorKind::BadData);
}

TEST_CASE("a sandbox that only the disk remembers has ended with an earlier boot") {
  Lab lab;
  lab.machine.add_file(kStorageLib + kSandbox + "/userdata/config.json", oci(crio("sandbox"), kPodNetwork));
  CHECK(lab.list().empty());
  lab.machine.add_file(kStorage + kSandbox + "/userdata/pidfile", "77");
  CHECK(lab.list().size() == 1);
}

TEST_CASE("podman's container may be a node") {
  Lab lab;
  const std::string annotations = R"("io.container.manager":"libpod","io.podman.annotations.autoremove":"FALSE")";
  lab.machine.add_file(kStorageLib + kNode + "/userdata/config.json", oci(annotations, kPodNetwork, "kind-worker"));
  CHECK(lab.list().empty());
  lab.machine.add_file(kStorage + kNode + "/userdata/pidfile", "99");
  const auto records = lab.list();
  REQUIRE(records.size() == 1);
  CHECK(records[0].runtime == "podman");
  CHECK(records[0].hostname == "kind-worker");
  CHECK(records[0].pid == 99);
  CHECK_FALSE(records[0].in_pod());
}

TEST_CASE("docker's containers: kind's and k3d's nodes, cri-dockerd's sandboxes, and those that do not run") {
  Lab lab;
  const std::string stopped(64, 'c');
  lab.machine.add_file(kDocker + kNode + "/config.v2.json", docker(kNode, kKind));
  lab.machine.add_file(kDocker + kNode + "/hostconfig.json", R"({"NetworkMode":"kind","CgroupParent":""})");
  lab.machine.add_file(kDocker + kSandbox + "/config.v2.json", docker(kSandbox, pod_labels("podsandbox", "POD")));
  lab.machine.add_file(kDocker + kSandbox + "/hostconfig.json", R"({"NetworkMode":"host","CgroupParent":"/kubepods/podx"})");
  lab.machine.add_file(kDocker + kApp + "/config.v2.json",
                       docker(kApp, pod_labels("container", "app") + R"(,"io.kubernetes.sandbox.id":")" + kSandbox + "\"", true, ""));
  lab.machine.add_file(kDocker + stopped + "/config.v2.json",
                       docker(stopped, R"("app":"k3d","k3d.cluster":"c","k3d.role":"server")", false));
  const auto records = lab.list();
  CHECK(lab.gaps.empty());
  REQUIRE(records.size() == 2);
  CHECK(records[0].id == kNode);
  CHECK(records[0].cluster == "kind");
  CHECK(records[0].role == "control-plane");
  CHECK(records[0].name == "kind-control-plane");
  CHECK(records[0].hostname == "kind-control-plane");
  CHECK(records[0].pid == 4242);
  CHECK(records[0].netns_path == "/var/run/docker/netns/1d");
  CHECK_FALSE(records[0].host_network);
  CHECK(records[1].sandbox);
  CHECK(records[1].host_network);
  CHECK(records[1].pod_name == "web");
  CHECK(records[1].pod_uid == kUid);
  CHECK(records[1].container_name.empty());
  CHECK(records[1].cgroup_path == "/kubepods/podx/" + kSandbox);
  CHECK(lab.read("docker", stopped)->cluster == "c");
  CHECK(lab.read("docker", stopped)->pid == 0);
  CHECK(lab.read("docker", kApp)->container_name == "app");
  CHECK(lab.read("docker", kApp)->sandbox_id == kSandbox);
  CHECK(parse_docker_config(docker(kNode, kKind, true, "/var/run/docker/netns/default"), "", kNode)->host_network);
  CHECK(parse_docker_config(docker(kNode, kKind), "", kApp).error().kind == ErrorKind::BadData);
}

TEST_CASE("no path is made of what is no id") {
  Lab lab;
  lab.machine.add_file("/etc/shadow", "x");
  for (const std::string& id :
       {std::string{}, std::string{"../../../../etc"}, kSandbox + "/..", std::string(64, 'A'), std::string(63, 'a')}) {
    CHECK(lab.read("", id).error().kind == ErrorKind::BadData);
  }
  lab.machine.add_file(kTasks + "not-an-id/config.json", oci(cri("sandbox"), kPodNetwork));
  CHECK(lab.list().empty());
  CHECK(lab.gaps.empty());
}

TEST_CASE("names that Kubernetes cannot have are forged") {
  for (const std::string& name :
       {std::string{}, std::string{R"(a\u001b[2Jb)"}, std::string{"a b"}, std::string{"Upper"}, std::string{"a/b"}, std::string{".."},
        std::string{"-a"}, std::string(254, 'a'), std::string(65'536, 'a')}) {
    CAPTURE(name.substr(0, 80));
    const auto record = parse_oci_config(oci(cri("sandbox", name), kPodNetwork), OciOwner::Containerd, kSandbox);
    REQUIRE_FALSE(record);
    CHECK(record.error().kind == ErrorKind::BadData);
  }
  CHECK(parse_oci_config(oci(cri("sandbox", std::string(253, 'a')), kPodNetwork), OciOwner::Containerd, kSandbox));
  // Another sandbox's id, a path that is none.
  CHECK_FALSE(parse_oci_config(oci(cri("sandbox"), kPodNetwork), OciOwner::Containerd, kApp));
  CHECK_FALSE(parse_oci_config(oci(cri("sandbox"), R"(,{"type":"network","path":"a\n"})"), OciOwner::Containerd, kSandbox));
  CHECK_FALSE(parse_oci_config(oci(cri("sandbox"), kPodNetwork, R"(\u001b)"), OciOwner::Containerd, kSandbox));
}

TEST_CASE("half a file, a huge one, a deep one and a link are gaps, one for all of a place") {
  Lab lab;
  const std::string whole = oci(cri("sandbox"), kPodNetwork);
  const auto file = [](char digit) { return kTasks + std::string(64, digit) + "/config.json"; };
  lab.machine.add_file(file('0'), whole.substr(0, whole.size() / 2));
  lab.machine.add_file(file('1'), whole.substr(0, whole.size() - 1) + std::string(kMaxContainerFileBytes, ' ') + "}");
  lab.machine.add_file(file('2'), "{\"annotations\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}");
  lab.machine.add_link(file('3'), "/etc/shadow");
  lab.machine.add_file(file('4'), "");
  lab.machine.add_file(file('5'), "[]");
  lab.machine.add_directory(kTasks + std::string(64, '6'));
  lab.machine.add_file(file('a'), whole);
  const auto records = lab.list();
  REQUIRE(records.size() == 1);
  CHECK(records[0].id == kSandbox);
  REQUIRE(lab.gaps.size() == 1);
  CHECK(lab.gaps[0].code == "containers_unreadable");
  CHECK(lab.gaps[0].text.find("6 containers below " + kTasks.substr(0, kTasks.size() - 1) + ": ") == 0);
  CHECK(lab.read("", std::string(64, '2')).error().why.find("deeper") != std::string::npos);
  CHECK(lab.read("", std::string(64, '6')).error().kind == ErrorKind::Gone);

  for (std::size_t length = 0; length < whole.size(); ++length) {
    CHECK_FALSE(parse_oci_config(std::string_view{whole}.substr(0, length), OciOwner::Containerd, kSandbox));
  }
}

TEST_CASE("what may not be read is said, and what is not there is not") {
  Lab lab;
  CHECK(lab.list().empty());
  CHECK(lab.gaps.empty());
  lab.machine.add_directory(kTasks.substr(0, kTasks.size() - 1));
  lab.machine.fail(kTasks.substr(0, kTasks.size() - 1), {ErrorKind::Permission, "cannot list it", "Permission denied", ""});
  CHECK(lab.list().empty());
  REQUIRE(lab.gaps.size() == 1);
  CHECK(lab.gaps[0].text == "cannot list it: Permission denied");
}
