// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a container engine's own file says of one container: text in, a checked record out; refuses a record whose names Kubernetes or the
// engine cannot have given.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace synfate::inventory {

/// Empty is unknown, throughout.
struct ContainerRecord {
  std::string id;       ///< 64 hexadecimal digits
  std::string runtime;  ///< "containerd", "cri-o", "docker", "podman"
  std::string pod_namespace;
  std::string pod_name;
  std::string pod_uid;
  std::string sandbox_id;
  std::string container_name;  ///< in its pod
  bool sandbox = false;
  bool host_network = false;  ///< a container of a pod may be so without saying it: its sandbox says
  std::string netns_path;     ///< as the runtime sees it; /proc/... for a container that joined a process
  std::uint32_t pid = 0;      ///< in the runtime's pid namespace; may have ended meanwhile
  std::string cgroup_path;    ///< as it was wished for
  std::string cluster;        ///< kind's or k3d's, as is the next
  std::string role;
  std::string hostname;
  std::string name;    ///< the engine's: kind calls its node so
  std::string source;  ///< "containerd: /run/..."

  /// A container that belongs to no pod may be a node.
  bool in_pod() const { return !pod_name.empty(); }
};

/// Longer ones are not read.
inline constexpr std::size_t kMaxContainerFileBytes = 4U << 20U;

/// The config.json of an OCI runtime. Storage: below containers/storage, which CRI-O and podman share.
enum class OciOwner { Containerd, Storage };
Result<ContainerRecord> parse_oci_config(std::string_view text, OciOwner owner, const std::string& id);

/// Docker's config.v2.json and hostconfig.json; the latter may be empty. pid 0: it does not run.
Result<ContainerRecord> parse_docker_config(std::string_view config, std::string_view host_config, const std::string& id);

/// Names and uid of a record are such as there can be; else why not.
Status check_record(const ContainerRecord& record);

}  // namespace synfate::inventory
