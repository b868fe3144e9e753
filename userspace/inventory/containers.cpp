// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/containers.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "base/text.hpp"
#include "inventory/pod_names.hpp"

namespace synfate::inventory {
namespace {

enum class Engine { Containerd, Storage, Docker };

/// A directory that has one of each container's id.
struct Place {
  Engine engine;
  std::string_view directory;
};

/// Where two tell of the same container the first counts; CRI-O writes its file to both of the last.
constexpr std::array<Place, 14> kPlaces{{
    {Engine::Containerd, "/run/containerd/io.containerd.runtime.v2.task/k8s.io"},
    {Engine::Containerd, "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io"},
    {Engine::Containerd, "/run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io"},
    {Engine::Containerd, "/var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io"},
    {Engine::Docker, "/var/lib/docker/containers"},
    {Engine::Docker, "/var/snap/docker/common/var-lib-docker/containers"},
    {Engine::Storage, "/run/containers/storage/overlay-containers"},
    {Engine::Storage, "/run/containers/storage/vfs-containers"},
    {Engine::Storage, "/run/containers/storage/btrfs-containers"},
    {Engine::Storage, "/run/containers/storage/zfs-containers"},
    {Engine::Storage, "/var/lib/containers/storage/overlay-containers"},
    {Engine::Storage, "/var/lib/containers/storage/vfs-containers"},
    {Engine::Storage, "/var/lib/containers/storage/btrfs-containers"},
    {Engine::Storage, "/var/lib/containers/storage/zfs-containers"},
}};
/// Emptied by a boot, unlike the other.
constexpr std::string_view kStorageRun = "/run/containers/storage/";
constexpr std::string_view kStorageKept = "/var/lib/containers/storage/";

/// Where the same driver of containers/storage keeps what a boot empties.
std::string run_of(const Place& place) {
  if (!place.directory.starts_with(kStorageKept)) return std::string{place.directory};
  return std::string{kStorageRun} + std::string{place.directory.substr(kStorageKept.size())};
}

/// A node runs 110 pods unless told otherwise; what engines forgot to delete piles up beside them.
constexpr std::size_t kMaxContainers = 8192;
/// Of all the files of one tree together.
constexpr std::size_t kMaxTotalBytes = 96U << 20U;
constexpr std::size_t kMaxPidBytes = 32;

class Files {
 public:
  explicit Files(machine::FileTree& tree) : tree_(tree) {}

  Result<std::string> read(const std::string& path) {
    if (left_ == 0) {
      return Error{ErrorKind::BadData, "cannot read " + path,
                   "the records of its root are longer than " + std::to_string(kMaxTotalBytes) + " bytes together", ""};
    }
    auto text = tree_.read_file(path, {kMaxContainerFileBytes});
    // What was refused for its length was read as well.
    left_ -= std::min(left_, text ? text->size() : text.error().kind == ErrorKind::BadData ? kMaxContainerFileBytes : 0);
    return text;
  }

  std::uint32_t read_pid(const std::string& path) {
    const auto text = tree_.read_file(path, {kMaxPidBytes});
    const auto number = text ? parse_number(trim(*text)) : std::nullopt;
    return number && *number <= std::numeric_limits<std::uint32_t>::max() ? static_cast<std::uint32_t>(*number) : 0;
  }

 private:
  machine::FileTree& tree_;
  std::size_t left_ = kMaxTotalBytes;
};

bool serves(Engine engine, std::string_view runtime) {
  switch (engine) {
    case Engine::Containerd: return runtime.empty() || runtime == "containerd";
    case Engine::Docker: return runtime.empty() || runtime == "docker";
    case Engine::Storage: return runtime.empty() || runtime == "cri-o" || runtime == "podman";
  }
  return false;
}

Error of_file(const Error& error, const std::string& path) { return {error.kind, "cannot read " + path, error.why, ""}; }

Result<ContainerRecord> read_oci(Files& files, const Place& place, const std::string& id) {
  const std::string directory = std::string{place.directory} + "/" + id;
  const bool containerd = place.engine == Engine::Containerd;
  const std::string path = directory + (containerd ? "/config.json" : "/userdata/config.json");
  const auto text = files.read(path);
  if (!text) return text.error();
  auto record = parse_oci_config(*text, containerd ? OciOwner::Containerd : OciOwner::Storage, id);
  if (!record) return of_file(record.error(), path);
  record->pid = files.read_pid(containerd ? directory + "/init.pid" : run_of(place) + "/" + id + "/userdata/pidfile");
  record->source = (record->runtime.empty() ? "containers/storage" : record->runtime) + ": " + path;
  return record;
}

Result<ContainerRecord> read_docker(Files& files, const Place& place, const std::string& id) {
  const std::string directory = std::string{place.directory} + "/" + id;
  const std::string path = directory + "/config.v2.json";
  const auto config = files.read(path);
  if (!config) return config.error();
  const auto host_config = files.read(directory + "/hostconfig.json");
  if (!host_config && host_config.error().kind != ErrorKind::Gone) return host_config.error();
  auto record = parse_docker_config(*config, host_config ? *host_config : std::string{}, id);
  if (!record) return of_file(record.error(), path);
  record->source = "docker: " + path;
  return record;
}

Result<ContainerRecord> read_at(Files& files, const Place& place, const std::string& id) {
  return place.engine == Engine::Docker ? read_docker(files, place, id) : read_oci(files, place, id);
}

/// A sandbox in /run may have no process of its own: CRI-O starts none unless the pod shares a pid namespace.
bool is_listed(const ContainerRecord& record, const Place& place) {
  switch (place.engine) {
    case Engine::Containerd: return record.sandbox;
    case Engine::Docker: return record.pid != 0 && (record.sandbox || !record.in_pod());
    case Engine::Storage:
      return record.sandbox ? place.directory.starts_with(kStorageRun) || record.pid != 0
                            : record.runtime == "podman" && record.pid != 0 && !record.in_pod();
  }
  return false;
}

}  // namespace

Result<ContainerRecord> read_container(machine::FileTree& tree, std::string_view runtime, const std::string& id) {
  if (!is_container_id(id)) return Error{ErrorKind::BadData, "cannot look for a container", "that is no container's id", ""};
  Files files{tree};
  std::optional<Error> failure;
  for (const Place& place : kPlaces) {
    if (!serves(place.engine, runtime)) continue;
    auto record = read_at(files, place, id);
    if (record) return record;
    if (!failure && record.error().kind != ErrorKind::Gone) failure = std::move(record).error();
  }
  if (failure) return *std::move(failure);
  return Error{ErrorKind::Gone, "cannot find container " + id, "no engine keeps a record of it there", ""};
}

std::vector<ContainerRecord> list_containers(machine::FileTree& tree, const std::set<std::string>& except, std::vector<model::Gap>& gaps) {
  Files files{tree};
  std::vector<ContainerRecord> records;
  std::set<std::string> seen;
  for (const Place& place : kPlaces) {
    const std::string directory{place.directory};
    auto ids = tree.list_directory(directory, kMaxContainers);
    if (!ids) {
      if (ids.error().kind != ErrorKind::Gone) gaps.push_back({"containers_unreadable", to_string(ids.error())});
      continue;
    }
    std::sort(ids->begin(), ids->end());
    unsigned unreadable = 0;
    std::string first;
    for (const std::string& id : *ids) {
      if (!is_container_id(id) || seen.contains(id) || except.contains(id)) continue;
      auto record = read_at(files, place, id);
      if (record) {
        if (is_listed(*record, place)) {
          seen.insert(id);
          records.push_back(*std::move(record));
        }
      } else if (record.error().kind != ErrorKind::Gone && ++unreadable == 1) {
        first = to_string(record.error());
      }
    }
    if (unreadable != 0) {
      gaps.push_back({"containers_unreadable", std::to_string(unreadable) + (unreadable == 1 ? " container below " : " containers below ") +
                                                   directory + ": " + first});
    }
  }
  return records;
}

}  // namespace synfate::inventory
