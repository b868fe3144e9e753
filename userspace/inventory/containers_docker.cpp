// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// config.v2.json and hostconfig.json as dockerd keeps them; who a container is for is in its labels, which cri-dockerd, kind and k3d set.
#include "inventory/container_records.hpp"
#include "inventory/json_walk.hpp"

namespace synfate::inventory {
namespace {

/// What the kernel would take at most; a greater number is no pid.
constexpr std::uint64_t kMaxPid = 1U << 22U;

class DockerVisitor final : public JsonVisitor {
 public:
  ContainerRecord record;
  std::string type;  ///< "podsandbox", "container"
  std::string id;
  bool running = false;

  void value(const JsonPath& path, const JsonValue& value) override {
    if (path.is({"State", "Running"}) && value.flag) running = *value.flag;
    if (path.is({"State", "Pid"}) && value.number && *value.number <= kMaxPid) record.pid = static_cast<std::uint32_t>(*value.number);
    if (!value.text) return;
    if (path.depth() == 3 && path[0] == "Config" && path[1] == "Labels") {
      label(path[2], *value.text);
    } else if (path.is({"ID"})) {
      id = *value.text;
    } else if (path.is({"Name"})) {
      record.name = value.text->substr(!value.text->empty() && value.text->front() == '/' ? 1 : 0);
    } else if (path.is({"Config", "Hostname"})) {
      record.hostname = *value.text;
    } else if (path.is({"NetworkSettings", "SandboxKey"})) {
      record.netns_path = *value.text;
    }
  }

 private:
  void label(std::string_view key, std::string_view text) {
    if (key == "io.kubernetes.pod.name") record.pod_name = text;
    if (key == "io.kubernetes.pod.namespace") record.pod_namespace = text;
    if (key == "io.kubernetes.pod.uid") record.pod_uid = text;
    if (key == "io.kubernetes.container.name") record.container_name = text;
    if (key == "io.kubernetes.sandbox.id") record.sandbox_id = text;
    if (key == "io.kubernetes.docker.type") type = text;
    if (key == "io.x-k8s.kind.cluster" || key == "k3d.cluster") record.cluster = text;
    if (key == "io.x-k8s.kind.role" || key == "k3d.role") record.role = text;
  }
};

class HostConfigVisitor final : public JsonVisitor {
 public:
  std::string network_mode;
  std::string cgroup_parent;

  void value(const JsonPath& path, const JsonValue& value) override {
    if (path.is({"NetworkMode"}) && value.text) network_mode = *value.text;
    if (path.is({"CgroupParent"}) && value.text) cgroup_parent = *value.text;
  }
};

}  // namespace

Result<ContainerRecord> parse_docker_config(std::string_view config, std::string_view host_config, const std::string& id) {
  DockerVisitor seen;
  HostConfigVisitor host;
  if (auto walked = walk_json(config, seen); !walked) return walked.error();
  if (!host_config.empty()) {
    if (auto walked = walk_json(host_config, host); !walked) return walked.error();
  }
  ContainerRecord& record = seen.record;
  record.id = id;
  record.runtime = "docker";
  if (seen.id != id) return Error{ErrorKind::BadData, "cannot use it", "it is another container's", ""};
  if (!seen.running) record.pid = 0;
  record.sandbox = seen.type == "podsandbox";
  if (record.sandbox) {
    record.sandbox_id = id;
    record.container_name.clear();  // cri-dockerd calls them all "POD"
  }
  // Docker keeps one mount of the host's own namespace for all containers that use it.
  record.host_network = host.network_mode.empty() ? record.netns_path == "/var/run/docker/netns/default" : host.network_mode == "host";
  if (!host.cgroup_parent.empty() && host.cgroup_parent.size() <= 1024) record.cgroup_path = host.cgroup_parent + "/" + id;
  if (auto checked = check_record(record); !checked) return checked.error();
  return std::move(record);
}

}  // namespace synfate::inventory
