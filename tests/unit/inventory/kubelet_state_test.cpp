// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/kubelet_state.hpp"

#include <doctest/doctest.h>

#include "machine/fake.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

const std::string kUid = "f0bfbd5b-096d-48ef-998c-da26743dd0cb";
const std::string kStatic = "99dcb84d2a34f7e338778606703258c4";

/// As kubernetes/kubernetes:pkg/kubelet/kubelet_pods.go writes it.
const std::string kHosts =
    "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n10.244.0.7\tweb-0.web.default.svc.cluster.local\tweb-0\n"
    "fd00::7\tweb-0\n\n# Entries added by HostAliases.\n1.2.3.4\tother\n";

}  // namespace

TEST_CASE("a pod's hosts file has its addresses, and nothing that it wished for") {
  KubeletRecord record;
  parse_managed_hosts(kHosts, record);
  REQUIRE(record.addresses.size() == 2);
  CHECK(model::to_string(record.addresses[0]) == "10.244.0.7");
  CHECK(model::to_string(record.addresses[1]) == "fd00::7");
  CHECK(record.hostname == "web-0");
  CHECK_FALSE(record.host_network);

  KubeletRecord host;
  parse_managed_hosts("# Kubernetes-managed hosts file (host network).\n10.0.0.1\tnode\n", host);
  CHECK(host.host_network);
  CHECK(host.addresses.empty());
  for (const std::string& text :
       {std::string{}, std::string{"10.0.0.1\tnode\n"}, std::string{"# Kubernetes-managed hosts file.\n10.0.0.1\n\t\n"},
        std::string{"# Kubernetes-managed hosts file.\n10.0.0.1\t\x1b[2J\n"}}) {
    KubeletRecord other;
    parse_managed_hosts(text, other);
    CHECK(other.addresses.empty());
    CHECK(other.hostname.empty());
  }
  KubeletRecord many;
  std::string text = "# Kubernetes-managed hosts file.\n";
  for (int i = 0; i < 1000; ++i) text += "10.0.0.1\tnode\n";
  parse_managed_hosts(text, many);
  CHECK(many.addresses.size() == 16);
}

TEST_CASE("log directories name pods, and their hosts files are joined by uid") {
  machine::FakeMachine machine;
  machine.add_directory("/var/log/pods/default_web-0_" + kUid);
  machine.add_directory("/var/log/pods/kube-system_etcd-kind-control-plane_" + kStatic);
  for (const char* forged : {"no", "a_b", "A_b_c", "a_b_c_d", "a_b_", "a_\x1b_c"}) {
    machine.add_directory(std::string{"/var/log/pods/"} + forged);
  }
  machine.add_file("/var/lib/kubelet/pods/" + kUid + "/etc-hosts", kHosts);
  machine.add_directory("/var/lib/kubelet/pods/" + kStatic);
  machine.add_file("/var/lib/kubelet/pods/1234/etc-hosts", kHosts);
  machine.add_link("/var/lib/kubelet/pods/5678/etc-hosts", "/etc/shadow");
  machine.add_file("/var/lib/kubelet/pods/9abc/etc-hosts", std::string(100'000, ' '));
  auto tree = machine.tree_of(0);
  std::vector<model::Gap> gaps;
  const auto records = list_kubelet_pods(**tree, gaps);
  REQUIRE(records.size() == 3);
  CHECK(records[0].pod_uid == "1234");
  CHECK(records[0].pod_name.empty());
  CHECK(records[0].addresses.size() == 2);
  CHECK(records[1].pod_uid == kStatic);
  CHECK(records[1].pod_namespace == "kube-system");
  CHECK(records[1].pod_name == "etcd-kind-control-plane");
  CHECK(records[1].addresses.empty());
  CHECK(records[2].pod_name == "web-0");
  CHECK(records[2].addresses.size() == 2);
  CHECK(records[2].source == "kubelet: /var/log/pods/default_web-0_" + kUid + ", /var/lib/kubelet/pods/" + kUid + "/etc-hosts");
  REQUIRE(gaps.size() == 1);
  CHECK(gaps[0].text.find("2 hosts files below /var/lib/kubelet/pods: ") == 0);
}
