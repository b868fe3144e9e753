// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Whose a process is by its cgroup: the pod and the container in the path, wherever in it they are; refuses to know more than the path
// says.
#pragma once

#include <string>
#include <string_view>

namespace synfate::inventory {

struct CgroupOwner {
  std::string pod_uid;             ///< with "-"; a static pod's is 32 digits; empty: it is in no pod
  std::string container_id;        ///< the pod's own container, else the innermost one; empty: none
  std::string runtime;             ///< of that container: "containerd", "cri-o", "docker", "podman"; empty: the path does not say
  std::string outer_container_id;  ///< that all of this runs inside: a kind node; empty: none

  bool operator==(const CgroupOwner&) const = default;
};

/// The text of /proc/PID/cgroup, v1 or v2. Whoever may make cgroups may call them like a pod's; what the text names is not proven by it.
CgroupOwner parse_cgroup(std::string_view text);

/// One path of a cgroup, as in parse_cgroup and as a runtime's config.json has it.
CgroupOwner parse_cgroup_path(std::string_view path);

}  // namespace synfate::inventory
