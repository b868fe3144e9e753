// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// config.json as containerd, CRI-O and podman hand it to an OCI runtime; who it is for is in its annotations.
#include "inventory/container_records.hpp"
#include "inventory/json_walk.hpp"

namespace synfate::inventory {
namespace {

constexpr std::string_view kCri = "io.kubernetes.cri.";
constexpr std::string_view kCrio = "io.kubernetes.cri-o.";
/// Of cgroupsPath, which is only compared; a hostile one needs no room.
constexpr std::size_t kMaxCgroupPathBytes = 1024;

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

/// The JSON that CRI-O keeps inside of annotations: the kubelet's labels, and the sandbox's metadata.
class CrioText final : public JsonVisitor {
 public:
  std::string pod_namespace, pod_name, uid, container_name;

  void value(const JsonPath& path, const JsonValue& value) override {
    if (path.depth() != 1 || !value.text) return;
    if (path[0] == "io.kubernetes.pod.namespace") pod_namespace = *value.text;
    if (path[0] == "io.kubernetes.pod.name") pod_name = *value.text;
    if (path[0] == "io.kubernetes.pod.uid") uid = *value.text;
    if (path[0] == "io.kubernetes.container.name") container_name = *value.text;
  }
};

/// "uid", which older releases wrote as "UID".
class CrioMetadata final : public JsonVisitor {
 public:
  std::string uid;

  void value(const JsonPath& path, const JsonValue& value) override {
    if ((path.is({"uid"}) || path.is({"UID"})) && value.text) uid = *value.text;
  }
};

class OciVisitor final : public JsonVisitor {
 public:
  explicit OciVisitor(OciOwner owner) : owner_(owner) {}

  ContainerRecord record;
  std::string type;      ///< "sandbox", "container"
  std::string labels;    ///< CRI-O's, as JSON
  std::string metadata;  ///< likewise
  std::string manager;   ///< "cri-o", "libpod"
  bool has_namespaces = false;
  bool has_network = false;

  void value(const JsonPath& path, const JsonValue& value) override {
    if (!value.text) return;
    if (path.depth() == 2 && path[0] == "annotations") {
      annotation(path[1], *value.text);
    } else if (path.is({"hostname"})) {
      record.hostname = *value.text;
    } else if (path.is({"linux", "cgroupsPath"})) {
      record.cgroup_path = value.text->size() <= kMaxCgroupPathBytes ? *value.text : std::string_view{};
    } else if (path.is({"linux", "namespaces", "", "type"})) {
      namespace_type_ = *value.text;
    } else if (path.is({"linux", "namespaces", "", "path"})) {
      namespace_path_ = *value.text;
    }
  }

  void end(const JsonPath& path) override {
    if (path.is({"linux", "namespaces", ""})) {
      if (namespace_type_ == "network") {
        has_network = true;
        record.netns_path = namespace_path_;
      }
      namespace_type_.clear();
      namespace_path_.clear();
    } else if (path.is({"linux", "namespaces"})) {
      has_namespaces = true;
    }
  }

 private:
  void annotation(std::string_view key, std::string_view text) {
    if (owner_ == OciOwner::Containerd) {
      if (starts_with(key, kCri)) containerd(key.substr(kCri.size()), text);
    } else if (key == "io.container.manager") {
      manager = text;
    } else if (starts_with(key, kCrio)) {
      crio(key.substr(kCrio.size()), text);
    }
  }

  void containerd(std::string_view key, std::string_view text) {
    if (key == "container-type") type = text;
    if (key == "sandbox-id") record.sandbox_id = text;
    if (key == "sandbox-name") record.pod_name = text;
    if (key == "sandbox-namespace") record.pod_namespace = text;
    if (key == "sandbox-uid") record.pod_uid = text;
    if (key == "container-name") record.container_name = text;
  }

  void crio(std::string_view key, std::string_view text) {
    if (key == "ContainerType") type = text;
    if (key == "SandboxID") record.sandbox_id = text;
    if (key == "KubeName") record.pod_name = text;
    if (key == "Namespace") record.pod_namespace = text;
    if (key == "Labels") labels = text;
    if (key == "Metadata") metadata = text;
    if (key == "HostNetwork") record.host_network = text == "true";
  }

  OciOwner owner_;
  std::string namespace_type_;
  std::string namespace_path_;
};

void add_member(std::string& object, std::string_view key, std::string_view value) {
  object += object.empty() ? "{\"" : ",\"";
  object.append(key).append("\":").append(value);
}

/// The same document without its mounts, devices and system calls, which are most of it.
Result<std::string> excerpt(std::string_view text) {
  std::string outer;
  std::string linux_part;
  const auto walked = each_json_member(text, "linux", [&](std::string_view parent, std::string_view key, std::string_view value) {
    if (parent.empty() && (key == "hostname" || key == "annotations")) add_member(outer, key, value);
    if (!parent.empty() && (key == "cgroupsPath" || key == "namespaces")) add_member(linux_part, key, value);
  });
  if (!walked) return walked.error();
  if (!linux_part.empty()) add_member(outer, "linux", linux_part + "}");
  return (outer.empty() ? "{" : outer) + "}";
}

/// The kubelet sets its labels over a pod's own; plain annotations of the same names may be the pod's.
Status add_crio(OciVisitor& seen) {
  CrioText labels;
  CrioMetadata metadata;
  for (const auto& [text, visitor] : {std::pair<std::string*, JsonVisitor*>{&seen.labels, &labels}, {&seen.metadata, &metadata}}) {
    if (text->empty()) continue;
    if (auto walked = walk_json(*text, *visitor); !walked) return walked;
  }
  ContainerRecord& record = seen.record;
  if (record.pod_name.empty()) record.pod_name = labels.pod_name;
  if (record.pod_namespace.empty()) record.pod_namespace = labels.pod_namespace;
  record.pod_uid = labels.uid.empty() && seen.type == "sandbox" ? metadata.uid : labels.uid;
  if (seen.type == "container") record.container_name = labels.container_name;
  return Ok{};
}

}  // namespace

Result<ContainerRecord> parse_oci_config(std::string_view text, OciOwner owner, const std::string& id) {
  OciVisitor seen{owner};
  const auto wanted = excerpt(text);
  if (!wanted) return wanted.error();
  if (auto walked = walk_json(*wanted, seen); !walked) return walked.error();
  ContainerRecord& record = seen.record;
  record.id = id;
  if (owner == OciOwner::Containerd) {
    record.runtime = "containerd";
  } else {
    record.runtime = seen.manager == "libpod" ? "podman" : seen.manager == "cri-o" || !seen.type.empty() ? "cri-o" : "";
    if (record.runtime == "cri-o") {
      if (auto added = add_crio(seen); !added) return added.error();
    }
  }
  record.sandbox = seen.type == "sandbox";
  // An entry without a path is a new namespace that the runtime makes; none at all is the host's.
  if (seen.has_namespaces && !seen.has_network) record.host_network = true;
  if (auto checked = check_record(record); !checked) return checked.error();
  return std::move(record);
}

}  // namespace synfate::inventory
