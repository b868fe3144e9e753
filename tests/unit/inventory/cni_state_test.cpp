// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/cni_state.hpp"

#include <doctest/doctest.h>

#include "dumps.hpp"
#include "machine/fake.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

const std::string kId(64, 'a');
const std::string kName = "kindnet-" + kId + "-eth0";

/// As containernetworking/cni:libcni/api.go writes it.
std::string cached(const std::string& pod, const std::string& interfaces, const std::string& ips = R"([{"address":"10.244.1.4/24"}])") {
  return R"({"kind":"cniCacheV1","containerId":")" + kId +
         R"(","config":"e30=","ifName":"eth0","networkName":"kindnet","netns":"/var/run/netns/cni-1","cniArgs":[["IgnoreUnknown","1"],)"
         R"(["K8S_POD_NAMESPACE","default"],["K8S_POD_NAME",")" +
         pod + R"("],["K8S_POD_UID","f0bfbd5b-096d-48ef-998c-da26743dd0cb"]],"result":{"cniVersion":"0.3.1","dns":{},"interfaces":)" +
         interfaces + R"(,"ips":)" + ips + "}}";
}

const std::string kCable = R"([{"name":"vethc42d3d18"},{"name":"eth0","sandbox":"/var/run/netns/cni-1"}])";

}  // namespace

TEST_CASE("a flannel node's result names the pod, its address and its cable") {
  for (const auto& each : test::dumps("cni-cache")) {
    const auto& file = each.first;
    const auto& text = each.second;
    CAPTURE(file);
    const auto record = parse_cni_result(text, "cbr0-x-eth0");
    REQUIRE(record);
    CHECK(record->sandbox_id == "3f6940ab5ab43bc522569d15b23f8c1bbde1d7678b080398506924fc01d72755");
    CHECK(record->pod_namespace == "default");
    CHECK(record->pod_name == "macvlan");
    CHECK(record->pod_uid == "f0bfbd5b-096d-48ef-998c-da26743dd0cb");
    CHECK(record->network == "cbr0");
    CHECK(record->ifname == "eth0");
    CHECK(record->netns_path == "/var/run/netns/8b8677c8-8929-4746-8206-514069760f6e");
    REQUIRE(record->addresses.size() == 1);
    CHECK(model::to_string(record->addresses[0]) == "10.244.1.4");
    CHECK(record->host_device == "vethc42d3d18");
  }
}

TEST_CASE("the node's end of the cable is told from bridges and from what is added later") {
  const auto device = [](const std::string& interfaces) { return parse_cni_result(cached("web", interfaces), kName)->host_device; };
  CHECK(device(kCable) == "vethc42d3d18");
  CHECK(device(R"([{"name":"cni0"},{"name":"veth1"},{"name":"eth0","sandbox":"/x"},{"name":"bwp0123456789a"}])") == "veth1");
  CHECK(device(R"([{"name":"cali0123456789a","sandbox":""}])") == "cali0123456789a");
  CHECK(device(R"([{"name":"eth0","sandbox":"/x"}])").empty());
  CHECK(device("[]").empty());
}

TEST_CASE("both families, and results of older releases") {
  const auto both =
      parse_cni_result(cached("web", kCable, R"([{"address":"10.244.1.4/24"},{"address":"fd00:10:244::4/64"},{"address":"x"}])"), kName);
  REQUIRE(both);
  REQUIRE(both->addresses.size() == 2);
  CHECK(model::to_string(both->addresses[1]) == "fd00:10:244::4");

  const auto bare =
      parse_cni_result(R"({"cniVersion":"0.3.1","ips":[{"version":"4","address":"10.1.0.9/16"}]})", "my-net-" + kId + "-net1");
  REQUIRE(bare);
  CHECK(bare->sandbox_id == kId);
  CHECK(bare->network == "my-net");
  CHECK(bare->ifname == "net1");
  CHECK(model::to_string(bare->addresses[0]) == "10.1.0.9");
  const auto oldest = parse_cni_result(R"({"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.9/16"},"dns":{}})", kName);
  REQUIRE(oldest);
  CHECK(oldest->addresses.size() == 1);
}

TEST_CASE("forged results are refused") {
  for (const std::string& pod : {std::string{}, std::string{"Web"}, std::string{R"(a\u0000b)"}, std::string(254, 'a')}) {
    CHECK_FALSE(parse_cni_result(cached(pod, kCable), kName));
  }
  CHECK_FALSE(parse_cni_result(cached("web", R"([{"name":"../../x"}])"), kName));
  CHECK_FALSE(parse_cni_result("{}", "no-id-here"));
  CHECK_FALSE(parse_cni_result("", kName));
  const std::string whole = cached("web", kCable);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CHECK_FALSE(parse_cni_result(std::string_view{whole}.substr(0, length), kName));
  }
}

TEST_CASE("results and reservations of a node are listed, with a gap for what is broken") {
  machine::FakeMachine machine;
  const std::string results = "/var/lib/cni/results/";
  machine.add_file(results + kName, cached("web", kCable));
  machine.add_file(results + "cni-loopback-" + kId + "-lo", "{}");
  machine.add_file(results + "x-" + kId + "-eth0", "{");
  machine.add_file(results + "y-" + kId + "-eth0", std::string(300'000, ' '));
  machine.add_file("/run/cni-ipam-state/kindnet/10.244.0.5", kId + "\r\neth0");
  machine.add_file("/run/cni-ipam-state/kindnet/lock", "");
  machine.add_file("/run/cni-ipam-state/kindnet/last_reserved_ip.0", "10.244.0.5");
  machine.add_file("/var/lib/cni/networks/cbr0/10.42.0.7", kId);
  machine.add_file("/var/lib/cni/networks/cbr0/fd00::7", kId + "\r\neth0");
  machine.add_file("/var/lib/cni/networks/cbr0/10.42.0.8", "not an id\r\neth0");
  machine.add_file("/var/lib/cni/networks/cbr0/10.42.0.9", std::string(10'000, 'a'));
  auto tree = machine.tree_of(0);
  std::vector<model::Gap> gaps;
  const auto records = list_cni(**tree, gaps);
  REQUIRE(records.size() == 4);
  CHECK(records[0].pod_name == "web");
  CHECK(records[0].source == "libcni: " + results + kName);
  CHECK(model::to_string(records[1].addresses.at(0)) == "10.42.0.7");
  CHECK(records[1].ifname.empty());
  CHECK(model::to_string(records[2].addresses.at(0)) == "fd00::7");
  CHECK(records[3].network == "kindnet");
  CHECK(records[3].sandbox_id == kId);
  CHECK(records[3].ifname == "eth0");
  CHECK(records[3].source == "host-local: /run/cni-ipam-state/kindnet/10.244.0.5");
  REQUIRE(gaps.size() == 2);
  CHECK(gaps[0].code == "cni_state_unreadable");
  CHECK(gaps[0].text.find("2 files below /var/lib/cni/results: ") == 0);
  CHECK(gaps[1].text.find("2 files below /var/lib/cni/networks/cbr0: ") == 0);
}

TEST_CASE("a machine without CNI has no gap") {
  machine::FakeMachine machine;
  auto tree = machine.tree_of(0);
  std::vector<model::Gap> gaps;
  CHECK(list_cni(**tree, gaps).empty());
  CHECK(gaps.empty());
}
