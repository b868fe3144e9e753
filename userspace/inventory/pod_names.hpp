// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What Kubernetes and container engines can have called something; refuses whatever they cannot have, since that is forged or misread.
#pragma once

#include <string>
#include <string_view>

namespace synfate::inventory {

/// 64 lower hexadecimal digits. Nothing else may become a part of a path.
bool is_container_id(std::string_view text);
/// A name of a pod, namespace or container: DNS labels.
bool is_kubernetes_name(std::string_view text);
/// Whatever may be a pod's uid in a label: a manifest on the node's own disk may give a static pod any.
bool is_pod_uid(std::string_view text);
/// A uid as cgroups spell it, "_" or "-" between its parts, or a static pod's 32 digits; given back with "-". Empty: it is none.
std::string cgroup_pod_uid(std::string_view text);
/// What docker and podman take for a container's name, and what people take for a cluster's or a host's.
bool is_engine_name(std::string_view text);
/// A device's name.
bool is_device_name(std::string_view text);
/// An absolute path of printable ASCII, not long.
bool is_plain_path(std::string_view text);

}  // namespace synfate::inventory
