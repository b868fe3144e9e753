// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/cni_state.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "inventory/json_walk.hpp"
#include "inventory/pod_names.hpp"

namespace synfate::inventory {
namespace {

constexpr std::array<std::string_view, 2> kResultDirectories{"/var/lib/cni/results", "/var/lib/cni/cache/results"};
/// With a directory for each network in them.
constexpr std::array<std::string_view, 2> kAddressDirectories{"/var/lib/cni/networks", "/run/cni-ipam-state"};
constexpr std::size_t kMaxResults = 8192;
constexpr std::size_t kMaxNetworks = 64;
/// An IPv4 network of a node rarely has more than 254.
constexpr std::size_t kMaxAddresses = 8192;
constexpr std::size_t kMaxResultBytes = 256U << 10U;
constexpr std::size_t kMaxReservationBytes = 256;
constexpr std::size_t kMaxTotalBytes = 32U << 20U;
constexpr std::size_t kMaxAddressesOfPod = 16;
constexpr std::size_t kIdDigits = 64;

bool is_loopback(std::string_view name) { return name.substr(0, 12) == "cni-loopback"; }

/// The cached result, or the bare one of older releases, which is the same a level higher.
class ResultVisitor final : public JsonVisitor {
 public:
  CniRecord record;

  void value(const JsonPath& path, const JsonValue& value) override {
    if (!value.text) return;
    const std::string_view text = *value.text;
    if (path.is({"cniArgs", "", ""})) {
      (argument_name_.empty() ? argument_name_ : argument_value_) = text;
    } else if (path.is({"containerId"})) {
      record.sandbox_id = text;
    } else if (path.is({"networkName"})) {
      record.network = text;
    } else if (path.is({"ifName"})) {
      record.ifname = text;
    } else if (path.is({"netns"})) {
      record.netns_path = text;
    } else if (is_result(path, {"ips", "", "address"}) || is_result(path, {"ip4", "ip"}) || is_result(path, {"ip6", "ip"})) {
      add_address(text);
    } else if (is_result(path, {"interfaces", "", "name"})) {
      device_ = text;
    } else if (is_result(path, {"interfaces", "", "sandbox"})) {
      in_pod_ = !text.empty();
    }
  }

  void end(const JsonPath& path) override {
    if (path.is({"cniArgs", ""})) {
      if (argument_name_ == "K8S_POD_NAMESPACE") record.pod_namespace = argument_value_;
      if (argument_name_ == "K8S_POD_NAME") record.pod_name = argument_value_;
      if (argument_name_ == "K8S_POD_UID") record.pod_uid = argument_value_;
      argument_name_.clear();
      argument_value_.clear();
    } else if (is_result(path, {"interfaces", ""})) {
      // A bridge comes before the cable, and what a later plugin of the chain adds after the pod's end.
      if (!in_pod_ && !pods_end_seen_) record.host_device = device_;
      pods_end_seen_ = pods_end_seen_ || in_pod_;
      device_.clear();
      in_pod_ = false;
    }
  }

 private:
  static bool is_result(const JsonPath& path, std::initializer_list<std::string_view> keys) {
    const std::size_t above = path.depth() > 0 && path[0] == "result" ? 1 : 0;
    if (path.depth() != keys.size() + above) return false;
    std::size_t i = above;
    for (const std::string_view key : keys) {
      if (path[i++] != key) return false;
    }
    return true;
  }

  void add_address(std::string_view text) {
    const auto address = model::parse_ip(text.substr(0, text.find('/')));
    if (address && record.addresses.size() < kMaxAddressesOfPod) record.addresses.push_back(*address);
  }

  std::string argument_name_;
  std::string argument_value_;
  std::string device_;
  bool in_pod_ = false;
  bool pods_end_seen_ = false;
};

/// NETWORK-ID-IFNAME, where the network's name may have "-" as well.
void add_from_name(std::string_view file_name, CniRecord& record) {
  for (std::size_t at = 0; at + kIdDigits + 2 < file_name.size(); ++at) {
    const std::string_view id = file_name.substr(at + 1, kIdDigits);
    if (file_name[at] != '-' || file_name[at + 1 + kIdDigits] != '-' || !is_container_id(id)) continue;
    if (record.sandbox_id.empty()) record.sandbox_id = id;
    if (record.network.empty()) record.network = file_name.substr(0, at);
    if (record.ifname.empty()) record.ifname = file_name.substr(at + kIdDigits + 2);
    return;
  }
}

Status check(const CniRecord& record) {
  const auto forged = [](const char* what) {
    return Error{ErrorKind::BadData, "cannot use it", std::string{what} + " is not one that can be", ""};
  };
  if (!is_container_id(record.sandbox_id)) return forged("its sandbox's id");
  if (!is_engine_name(record.network)) return forged("its network's name");
  if (!record.ifname.empty() && !is_device_name(record.ifname)) return forged("its device's name");
  if (!record.host_device.empty() && !is_device_name(record.host_device)) return forged("its host device's name");
  if (!record.netns_path.empty() && !is_plain_path(record.netns_path)) return forged("the path of its network namespace");
  const bool in_pod = !record.pod_name.empty() || !record.pod_namespace.empty();
  if (in_pod && !is_kubernetes_name(record.pod_name)) return forged("its pod's name");
  if (in_pod && !is_kubernetes_name(record.pod_namespace)) return forged("its pod's namespace");
  if (!record.pod_uid.empty() && !is_pod_uid(record.pod_uid)) return forged("its pod's uid");
  return Ok{};
}

/// Counts what could not be read below one directory and keeps the first reason.
class Failures {
 public:
  void add(const std::string& path, const Error& error) {
    if (error.kind == ErrorKind::Gone || ++count_ > 1) return;
    first_ = path + ": " + error.why;
  }
  void tell(std::string_view directory, std::vector<model::Gap>& gaps) const {
    if (count_ == 0) return;
    gaps.push_back({"cni_state_unreadable",
                    std::to_string(count_) + (count_ == 1 ? " file below " : " files below ") + std::string{directory} + ": " + first_});
  }

 private:
  unsigned count_ = 0;
  std::string first_;
};

/// "SANDBOX-ID\r\nIFNAME"; older plugins wrote the id alone.
Result<CniRecord> parse_reservation(std::string_view text, const std::string& network, const model::IpAddress& address) {
  CniRecord record;
  const std::size_t line = text.find('\n');
  record.sandbox_id = trim(text.substr(0, line));
  record.network = network;
  if (line != std::string_view::npos) record.ifname = trim(text.substr(line));
  record.addresses = {address};
  if (auto checked = check(record); !checked) return checked.error();
  return record;
}

class Reader {
 public:
  Reader(machine::FileTree& tree, std::vector<model::Gap>& gaps) : tree_(tree), gaps_(gaps) {}

  std::vector<CniRecord> records;

  void read_results(const std::string& directory) {
    Failures failures;
    for (const std::string& name : list(directory, kMaxResults)) {
      if (is_loopback(name)) continue;
      const std::string path = directory + "/" + name;
      const auto text = read(path, kMaxResultBytes);
      auto record = text ? parse_cni_result(*text, name) : Result<CniRecord>{text.error()};
      if (!record) {
        failures.add(path, record.error());
      } else if (!is_loopback(record->network)) {
        record->source = "libcni: " + path;
        records.push_back(*std::move(record));
      }
    }
    failures.tell(directory, gaps_);
  }

  void read_addresses(const std::string& directory) {
    for (const std::string& network : list(directory, kMaxNetworks)) {
      if (!is_engine_name(network)) continue;
      Failures failures;
      const std::string below = directory + "/" + network;
      for (const std::string& name : list(below, kMaxAddresses)) {
        // Its lock and its last address are beside them.
        const auto address = model::parse_ip(name);
        if (!address) continue;
        const std::string path = below + "/" + name;
        const auto text = read(path, kMaxReservationBytes);
        auto record = text ? parse_reservation(*text, network, *address) : Result<CniRecord>{text.error()};
        if (!record) {
          failures.add(path, record.error());
        } else {
          record->source = "host-local: " + path;
          records.push_back(*std::move(record));
        }
      }
      failures.tell(below, gaps_);
    }
  }

 private:
  std::vector<std::string> list(const std::string& directory, std::size_t max_entries) {
    auto names = tree_.list_directory(directory, max_entries);
    if (!names) {
      if (names.error().kind != ErrorKind::Gone) gaps_.push_back({"cni_state_unreadable", to_string(names.error())});
      return {};
    }
    std::sort(names->begin(), names->end());
    return *std::move(names);
  }

  Result<std::string> read(const std::string& path, std::size_t max_bytes) {
    if (left_ == 0)
      return Error{ErrorKind::BadData, "", "all of them together are longer than " + std::to_string(kMaxTotalBytes) + " bytes", ""};
    auto text = tree_.read_file(path, {max_bytes});
    left_ -= std::min(left_, text ? text->size() : text.error().kind == ErrorKind::BadData ? max_bytes : 0);
    return text;
  }

  machine::FileTree& tree_;
  std::vector<model::Gap>& gaps_;
  std::size_t left_ = kMaxTotalBytes;
};

}  // namespace

Result<CniRecord> parse_cni_result(std::string_view text, std::string_view file_name) {
  ResultVisitor seen;
  if (auto walked = walk_json(text, seen); !walked) return walked.error();
  add_from_name(file_name, seen.record);
  if (auto checked = check(seen.record); !checked) return checked.error();
  return std::move(seen.record);
}

std::vector<CniRecord> list_cni(machine::FileTree& tree, std::vector<model::Gap>& gaps) {
  Reader reader{tree, gaps};
  for (const std::string_view directory : kResultDirectories) reader.read_results(std::string{directory});
  for (const std::string_view directory : kAddressDirectories) reader.read_addresses(std::string{directory});
  return std::move(reader.records);
}

}  // namespace synfate::inventory
