// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/cgroup_path.hpp"

#include <doctest/doctest.h>

using namespace synfate::inventory;

namespace {

const std::string kId(64, 'a');
const std::string kNode(64, '7');
const std::string kInner(64, 'c');
const std::string kUid = "2dde33ae-a0cc-4f8c-ab1f-d9b2c9c0c1a4";
const std::string kUnderscored = "2dde33ae_a0cc_4f8c_ab1f_d9b2c9c0c1a4";
const std::string kStatic = "99dcb84d2a34f7e338778606703258c4";

CgroupOwner in_v2(const std::string& path) { return parse_cgroup("0::" + path + "\n"); }

}  // namespace

TEST_CASE("both cgroup drivers name the pod and the container") {
  const std::string slice = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + kUnderscored + ".slice";
  CHECK(in_v2(slice + "/cri-containerd-" + kId + ".scope") == CgroupOwner{kUid, kId, "containerd", ""});
  CHECK(in_v2(slice + "/crio-" + kId + ".scope") == CgroupOwner{kUid, kId, "cri-o", ""});
  CHECK(in_v2(slice + "/crio-" + kId + ".scope/container") == CgroupOwner{kUid, kId, "cri-o", ""});
  CHECK(in_v2(slice + "/docker-" + kId + ".scope") == CgroupOwner{kUid, kId, "docker", ""});
  CHECK(in_v2(slice) == CgroupOwner{kUid, "", "", ""});
  CHECK(in_v2("/kubepods.slice/kubepods-pod" + kUnderscored + ".slice/cri-containerd-" + kId + ".scope") ==
        CgroupOwner{kUid, kId, "containerd", ""});
  CHECK(in_v2("/kubepods/besteffort/pod" + kUid + "/" + kId) == CgroupOwner{kUid, kId, "", ""});
  CHECK(in_v2("/kubepods/pod" + kUid + "/" + kId) == CgroupOwner{kUid, kId, "", ""});
  CHECK(in_v2("/kubepods/burstable/pod" + kUid + "/crio-" + kId) == CgroupOwner{kUid, kId, "cri-o", ""});
  CHECK(in_v2("/kubepods/burstable/pod" + kStatic + "/" + kId) == CgroupOwner{kStatic, kId, "", ""});
}

TEST_CASE("a runtime that was told the wrong driver is read as well") {
  CHECK(in_v2("/system.slice/containerd.service/kubepods-burstable-pod" + kUnderscored + ".slice:cri-containerd:" + kId) ==
        CgroupOwner{kUid, kId, "containerd", ""});
  CHECK(parse_cgroup_path("kubelet-kubepods-pod" + kUnderscored + ".slice:cri-containerd:" + kId) ==
        CgroupOwner{kUid, kId, "containerd", ""});
}

TEST_CASE("kind's slices have a prefix each, and its node is the container around") {
  const std::string inside = "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" +
                             kStatic + ".slice/cri-containerd-" + kId + ".scope";
  CHECK(in_v2(inside) == CgroupOwner{kStatic, kId, "containerd", ""});
  CHECK(in_v2("/system.slice/docker-" + kNode + ".scope" + inside) == CgroupOwner{kStatic, kId, "containerd", kNode});
  CHECK(in_v2("/machine.slice/libpod-" + kNode + ".scope/container" + inside) == CgroupOwner{kStatic, kId, "containerd", kNode});
  CHECK(in_v2("/docker/" + kNode + "/kubelet/kubepods/burstable/pod" + kUid + "/" + kId) == CgroupOwner{kUid, kId, "", kNode});
  // As a process in another cgroup namespace sees it.
  CHECK(in_v2("/../../docker-" + kNode + ".scope" + inside) == CgroupOwner{kStatic, kId, "containerd", kNode});
}

TEST_CASE("what is in no pod may be in a container: the node itself") {
  CHECK(in_v2("/system.slice/docker-" + kNode + ".scope/init.scope") == CgroupOwner{"", kNode, "docker", ""});
  CHECK(in_v2("/docker/" + kNode) == CgroupOwner{"", kNode, "docker", ""});
  CHECK(in_v2("/docker/" + kNode + "/docker/" + kInner) == CgroupOwner{"", kInner, "docker", kNode});
  CHECK(in_v2("/user.slice/user-1000.slice/user@1000.service/app.slice/libpod-payload-" + kId) == CgroupOwner{"", kId, "podman", ""});
  CHECK(in_v2("/libpod_parent/" + kNode + "/libpod-" + kId) == CgroupOwner{"", kId, "podman", ""});
  CHECK(in_v2("/machine.slice/machine-libpod_pod_" + kNode + ".slice/libpod-" + kId + ".scope") == CgroupOwner{"", kId, "podman", ""});
}

TEST_CASE("of nested pods the inner one counts, and what a pod runs inside itself is the pod's") {
  CHECK(in_v2("/kubepods/pod" + kUid + "/" + kId + "/docker/" + kInner) == CgroupOwner{kUid, kId, "", ""});
  CHECK(in_v2("/kubepods/pod" + kUid + "/" + kNode + "/kubelet/kubepods/pod" + kStatic + "/" + kInner) ==
        CgroupOwner{kStatic, kInner, "", kNode});
  CHECK(in_v2("/kubepods/pod" + kUid + "/" + kId + "/docker/" + kNode + "/kubelet/kubepods/pod" + kStatic + "/" + kInner) ==
        CgroupOwner{kStatic, kInner, "", kNode});
}

TEST_CASE("a monitor is no container and stands in no pod's namespaces") {
  const std::string slice = "/kubepods.slice/kubepods-pod" + kUnderscored + ".slice";
  CHECK(in_v2(slice + "/crio-conmon-" + kId + ".scope") == CgroupOwner{});
  CHECK(in_v2("/machine.slice/libpod-conmon-" + kId + ".scope") == CgroupOwner{});
  CHECK(in_v2("/docker/" + kNode + slice + "/crio-conmon-" + kId + ".scope") == CgroupOwner{"", kNode, "docker", ""});
}

TEST_CASE("of v1's many lines the one that says most is taken") {
  const std::string path = "/kubepods/besteffort/pod" + kUid + "/" + kId;
  CHECK(parse_cgroup("12:cpuset:/\n11:net_cls,net_prio:" + path + "\n1:name=systemd:/system.slice/containerd.service\n0::/\n") ==
        CgroupOwner{kUid, kId, "", ""});
  CHECK(parse_cgroup("2:cpu:/kubepods/pod" + kUid + "\n1:name=systemd:" + path + " (deleted)\n") == CgroupOwner{kUid, kId, "", ""});
}

TEST_CASE("what only looks like a pod or a container gives nothing") {
  for (const std::string& text : {std::string{},
                                  std::string{"0::"},
                                  std::string{"0::/"},
                                  std::string{"::::::"},
                                  std::string{"no colons"},
                                  std::string(100'000, '/'),
                                  std::string(100'000, ':'),
                                  "0::/kubepods/pod" + kUid.substr(1),
                                  "0::/kubepods/podX" + kUid.substr(1),
                                  "0::/kubepods/xpod" + kUid,
                                  "0::/kubepodspod" + kUnderscored + ".slice",
                                  "0::/pod" + kUid + "x",
                                  "0::/" + kId.substr(1),
                                  "0::/" + kId + "a",
                                  "0::/" + std::string(64, 'A'),
                                  "0::/evil-" + kId + ".scope",
                                  "0::/docker-" + kId + ".service",
                                  "0::/cri-containerd-../../etc/" + kId.substr(12),
                                  std::string{"0::/pod2dde33ae/a0cc-4f8c-ab1f-d9b2c9c0c1a4"},
                                  "0::/kubepods/pod" + kUid + std::string(5'000, 'x')}) {
    CAPTURE(text.substr(0, 200));
    CHECK(parse_cgroup(text) == CgroupOwner{});
  }
}
