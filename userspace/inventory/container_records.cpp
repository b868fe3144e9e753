// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/container_records.hpp"

#include "inventory/pod_names.hpp"

namespace synfate::inventory {

Status check_record(const ContainerRecord& record) {
  const auto forged = [](const char* what) {
    return Error{ErrorKind::BadData, "cannot use it", std::string{what} + " is not one that can be", ""};
  };
  const bool in_pod = !record.pod_name.empty() || !record.pod_namespace.empty() || record.sandbox;
  if (in_pod && !is_kubernetes_name(record.pod_name)) return forged("its pod's name");
  if (in_pod && !is_kubernetes_name(record.pod_namespace)) return forged("its pod's namespace");
  if (in_pod && !is_container_id(record.sandbox_id)) return forged("its sandbox's id");
  if (record.sandbox && record.sandbox_id != record.id) return forged("its sandbox's id");
  if (!record.pod_uid.empty() && !is_pod_uid(record.pod_uid)) return forged("its pod's uid");
  if (!record.container_name.empty() && !is_kubernetes_name(record.container_name)) return forged("its name in the pod");
  if (!record.name.empty() && !is_engine_name(record.name)) return forged("its name");
  if (!record.hostname.empty() && !is_engine_name(record.hostname)) return forged("its hostname");
  if (!record.cluster.empty() && !is_engine_name(record.cluster)) return forged("its cluster's name");
  if (!record.role.empty() && !is_engine_name(record.role)) return forged("its role");
  if (!record.netns_path.empty() && !is_plain_path(record.netns_path)) return forged("the path of its network namespace");
  return Ok{};
}

}  // namespace synfate::inventory
