// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Targets "containers", "cni" and "texts": what engines, plugins, the kubelet and pods keep in files, and what the kernel prints of names
// that they chose. Inside of a node container all of it is written by whoever is root there.
#include <algorithm>
#include <string>

#include "inventory/cgroup_path.hpp"
#include "inventory/cni_state.hpp"
#include "inventory/container_records.hpp"
#include "inventory/device_queues.hpp"
#include "inventory/kubelet_state.hpp"
#include "inventory/listen_queues.hpp"
#include "inventory/names.hpp"
#include "inventory/pod_names.hpp"
#include "inventory/resolver_files.hpp"
#include "inventory/sockets.hpp"
#include "inventory/xfrm.hpp"
#include "targets.hpp"

namespace synfate::fuzz {
namespace {

const std::string kId(64, 'a');

void check_container(const Result<inventory::ContainerRecord>& record) {
  if (!record) return;
  require(static_cast<bool>(inventory::check_record(*record)), "a record holds only what can be");
  require(record->in_pod() == !record->pod_namespace.empty(), "a pod has both of its names");
}

/// The two halves of an input that two files are made from.
std::pair<std::string_view, std::string_view> halves(std::string_view text) {
  const std::size_t at = text.find('\0');
  return {text.substr(0, at), at == std::string_view::npos ? std::string_view{} : text.substr(at + 1)};
}

void check_owner(const inventory::CgroupOwner& owner) {
  for (const std::string* id : {&owner.container_id, &owner.outer_container_id}) {
    require(id->empty() || inventory::is_container_id(*id), "a container's id is one");
  }
  require(owner.pod_uid.empty() || inventory::is_pod_uid(owner.pod_uid), "a pod's uid is one");
}

}  // namespace

void run_containers(std::span<const std::byte> input) {
  const std::string_view text = text_of(input);
  check_container(inventory::parse_oci_config(text, inventory::OciOwner::Containerd, kId));
  check_container(inventory::parse_oci_config(text, inventory::OciOwner::Storage, kId));
  const auto [config, host_config] = halves(text);
  check_container(inventory::parse_docker_config(config, host_config, kId));
}

std::vector<Bytes> containers_seeds() {
  const std::string uid = "44e4b37f-504f-4f1c-80f3-4137bfbec5e4";
  const std::string tail = R"(},"linux":{"cgroupsPath":"kubelet-kubepods-pod44e4b37f.slice:cri-containerd:x","namespaces":[{"type":"pid"},)"
                           R"({"type":"network","path":"/var/run/netns/cni-c8"}]}})";
  const std::string containerd = R"({"ociVersion":"1.1.0","process":{"args":["/pause"]},"hostname":"web","annotations":{)"
                                 R"("io.kubernetes.cri.container-type":"sandbox","io.kubernetes.cri.sandbox-id":")" +
                                 kId + R"(","io.kubernetes.cri.sandbox-name":"web","io.kubernetes.cri.sandbox-namespace":"default",)" +
                                 R"("io.kubernetes.cri.sandbox-uid":")" + uid + "\"" + tail;
  const std::string crio =
      R"({"annotations":{"io.container.manager":"cri-o","io.kubernetes.cri-o.ContainerType":"container",)"
      R"("io.kubernetes.cri-o.SandboxID":")" +
      kId +
      R"(","io.kubernetes.cri-o.HostNetwork":"false","io.kubernetes.cri-o.Metadata":"{\"name\":\"web\",\"uid\":\"x\",)"
      R"(\"namespace\":\"default\"}","io.kubernetes.cri-o.Labels":"{\"io.kubernetes.container.name\":\"app\",)"
      R"(\"io.kubernetes.pod.name\":\"web\",\"io.kubernetes.pod.namespace\":\"default\",\"io.kubernetes.pod.uid\":\")" +
      uid + R"(\"}")" + tail;
  const std::string docker = R"({"State":{"Running":true,"Pid":4242},"ID":")" + kId +
                             R"(","Config":{"Hostname":"kind-control-plane","Labels":{"io.x-k8s.kind.cluster":"kind",)"
                             R"("io.x-k8s.kind.role":"control-plane"}},"NetworkSettings":{"SandboxKey":"/var/run/docker/netns/1d"},)"
                             R"("Name":"/kind-control-plane"})";
  return {bytes_of(containerd), bytes_of(crio), bytes_of(docker + std::string(1, '\0') + R"({"NetworkMode":"container:)" + kId + "\"}")};
}

void run_cni(std::span<const std::byte> input) {
  const auto [text, name] = halves(text_of(input));
  for (const std::string_view file : {name, std::string_view{"cbr0-x-eth0"}}) {
    const auto record = inventory::parse_cni_result(text, file);
    if (!record) continue;
    require(inventory::is_container_id(record->sandbox_id), "a sandbox's id is one");
    require(record->pod_name.empty() || inventory::is_kubernetes_name(record->pod_name), "a pod's name is one");
    require(record->host_device.empty() || inventory::is_device_name(record->host_device), "a device's name is one");
    require(record->addresses.size() <= 64, "a pod's addresses are bounded");
  }
}

std::vector<Bytes> cni_seeds() {
  const std::string cached =
      R"({"kind":"cniCacheV1","containerId":")" + kId +
      R"(","config":"e30=","ifName":"eth0","networkName":"kindnet","netns":"/var/run/netns/cni-1","cniArgs":[["IgnoreUnknown","1"],)"
      R"(["K8S_POD_NAMESPACE","default"],["K8S_POD_NAME","web"],["K8S_POD_UID","f0bfbd5b-096d-48ef-998c-da26743dd0cb"]],)"
      R"("result":{"cniVersion":"0.3.1","dns":{},"interfaces":[{"name":"vethc42d3d18"},{"name":"eth0","sandbox":"/var/run/netns/cni-1"}],)"
      R"("ips":[{"address":"10.244.1.4/24"}]}})";
  const std::string old = R"({"cniVersion":"0.2.0","ip4":{"ip":"10.244.1.4/24"},"ip6":{"ip":"fd00::4/64"}})";
  return {bytes_of(cached + '\0' + "kindnet-" + kId + "-eth0"), bytes_of(old + '\0' + "cbr0-" + kId + "-eth0")};
}

void run_texts(std::span<const std::byte> input) {
  const std::string_view text = text_of(input);
  check_owner(inventory::parse_cgroup(text));
  check_owner(inventory::parse_cgroup_path(text));
  for (const auto& name : inventory::parse_mountinfo(text)) {
    require(name.name.size() <= 255 && name.path.size() <= text.size(), "a name is bounded");
  }
  const auto settings = inventory::parse_resolv_conf(text);
  require(settings.servers.size() <= 3, "name servers are bounded");
  require(inventory::addresses_in_hosts(text, "web").size() <= text.size(), "an address is a line's");
  inventory::KubeletRecord record;
  inventory::parse_managed_hosts(text, record);
  require(record.addresses.size() <= text.size(), "an address is a line's");
  require(inventory::parse_proc_tcp(text, false).rows.size() <= text.size(), "a socket is a line's");
  (void)inventory::parse_netstat(text);
  (void)inventory::parse_input_queues(text);
  (void)inventory::parse_xfrm_counters(text);
}

std::vector<Bytes> texts_seeds() {
  return {
      bytes_of("0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod44e4b37f_504f_4f1c_80f3_4137bfbec5e4.slice/cri-containerd-" +
               kId + ".scope\n12:pids:/docker/" + kId + "/kubepods/pod44e4b37f-504f-4f1c-80f3-4137bfbec5e4/" + kId + "\n"),
      bytes_of("431 22 0:4 net:[4026532511] /run/netns/cni\\040one rw shared:9 - nsfs nsfs rw\n"),
      bytes_of("# by hand\nsearch default.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\nnameserver fe80::1%eth0\n"
               "options ndots:5 timeout:2 attempts:3\n"),
      bytes_of("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n10.244.1.4\tweb.sub.default.svc.cluster.local\tweb\n"),
      bytes_of("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
               "   0: 0100007F:0050 00000000:0000 0A 00000000:00000001 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0\n"),
      bytes_of("TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPReqQFullDrop\nTcpExt: 1 2 3 4\n"),
      bytes_of("00000003 00000001 00000000 0 0 0 0 0 0 00000000 00000000 00000000 00000000\n"),
      bytes_of("XfrmInError                     0\nXfrmOutPolBlock                 3\n")};
}

}  // namespace synfate::fuzz
