// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/identity.hpp"

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "inventory/pod_names.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxCgroupBytes = 64U << 10U;
constexpr std::size_t kMaxOwners = 4096;
constexpr DurationNs kOwnerKept = 5 * kSecond;
constexpr std::size_t kMaxHostnameBytes = 256;

std::string hostname_of(machine::FileTree& files) {
  const auto text = files.read_file("/etc/hostname", {kMaxHostnameBytes, machine::Excess::Refuse});
  if (!text) return {};
  std::string name = *text;
  while (!name.empty() && (name.back() == '\n' || name.back() == ' ')) name.pop_back();
  return is_engine_name(name) ? name : std::string();
}

model::Pod pod_from(const ContainerRecord& record) {
  model::Pod pod;
  pod.namespace_name = record.pod_namespace;
  pod.name = record.pod_name;
  pod.uid = record.pod_uid;
  pod.sandbox_id = record.sandbox ? record.id : record.sandbox_id;
  pod.host_network = record.host_network;
  pod.source = record.source;
  return pod;
}

bool is_own(const CgroupOwner& owner) { return owner.pod_uid.empty() && owner.outer_container_id.empty() && !owner.container_id.empty(); }

}  // namespace

std::optional<CgroupOwner> Identifier::owner_of(std::uint32_t tgid) {
  const auto text = machine_.read_file("/proc/" + std::to_string(tgid) + "/cgroup", {kMaxCgroupBytes, machine::Excess::Cut});
  if (!text) return std::nullopt;
  return parse_cgroup(*text);
}

std::optional<CgroupOwner> Identifier::owner_of(const model::Process& process) {
  std::optional<CgroupOwner> seen;
  if (process.cgroup_id != 0) {
    if (const auto path = machine_.cgroup_path(process.cgroup_id)) seen = parse_cgroup("0::" + *path + "\n");
    if (seen && !seen->pod_uid.empty()) return seen;
  }
  // Where engines use version 1 besides, that of version 2 says less than all together, or nothing.
  auto now = owner_of(process.tgid);
  return now ? now : seen;
}

void Identifier::identify(model::Inventory& inventory, const ProcessesByNetns& processes) {
  const std::vector<Member> members = members_of(inventory, processes);
  unreadable_.clear();
  find_nodes(inventory, members);
  name_members(inventory, members);
  name_containers(inventory, members);
  name_by_files(inventory);
  places_.clear();
  note(inventory);
}

std::vector<Identifier::Member> Identifier::members_of(const model::Inventory& inventory, const ProcessesByNetns& processes) {
  std::vector<Member> members;
  for (const auto& [id, tgids] : processes) {
    const model::Netns* netns = inventory.find(id);
    if (netns == nullptr || netns->gone || netns->pod || !netns->container.empty() || inventory.node_of(id) != nullptr) continue;
    for (const std::uint32_t tgid : tgids) {
      auto owner = owner_of(tgid);
      if (owner && *owner != CgroupOwner{}) members.push_back({id, tgid, *std::move(owner)});
    }
  }
  return members;
}

/// A container that pods run inside, or that its maker has labelled as a node.
void Identifier::find_nodes(model::Inventory& inventory, const std::vector<Member>& members) {
  std::erase_if(inventory.nodes, [&](const model::Node& node) {
    const model::Netns* netns = inventory.find(node.netns);
    return netns == nullptr || netns->gone;
  });
  std::set<std::string> outer;
  for (const Member& member : members) {
    if (!member.owner.pod_uid.empty() && !member.owner.outer_container_id.empty()) outer.insert(member.owner.outer_container_id);
  }
  for (const Member& member : members) {
    const std::string& id = member.owner.container_id;
    if (!is_own(member.owner)) continue;
    if (const model::Netns* netns = inventory.find(member.netns); netns == nullptr || netns->host) continue;
    if (std::any_of(inventory.nodes.begin(), inventory.nodes.end(), [&](const model::Node& node) { return node.container_id == id; }))
      continue;
    const auto record = read_container(*machine_place().files, member.owner.runtime, id);
    const bool labelled = record && !record->cluster.empty();
    if (!labelled && !outer.contains(id)) continue;
    model::Node node;
    node.container_id = id;
    node.init_tgid = member.tgid;
    node.netns = member.netns;
    if (record) {
      node.name = record->hostname.empty() ? record->name : record->hostname;
      node.cluster = record->cluster;
      node.role = record->role;
      node.source = record->source;
    } else if (const auto files = machine_.tree_of(member.tgid)) {
      node.name = hostname_of(**files);
      node.source = "its own processes: pods run inside its cgroup, and its engine's files cannot be read here";
    }
    if (node.name.empty()) node.name = id.substr(0, 12);
    inventory.nodes.push_back(node);
    inventory.namespaces[member.netns].node = node.name;
  }
}

Identifier::Place& Identifier::machine_place() {
  Place& place = places_[""];
  if (!place.files) {
    if (auto files = machine_.tree_of(0)) place.files = *std::move(files);
  }
  return place;
}

Identifier::Place* Identifier::place_of(const model::Inventory& inventory, const std::string& outer_container_id) {
  if (outer_container_id.empty()) return machine_place().files ? &machine_place() : nullptr;
  Place& place = places_[outer_container_id];
  if (place.files) return &place;
  const auto node = std::find_if(inventory.nodes.begin(), inventory.nodes.end(),
                                 [&](const model::Node& each) { return each.container_id == outer_container_id; });
  if (node == inventory.nodes.end()) return nullptr;
  auto files = machine_.tree_of(node->init_tgid);
  // Its number may be another's by now.
  const auto owner = owner_of(node->init_tgid);
  if (!files || !owner || owner->container_id != outer_container_id || !is_own(*owner)) return nullptr;
  place.files = *std::move(files);
  place.node = node->name;
  return &place;
}

const std::vector<CniRecord>& Identifier::cni_of(Place& place) {
  if (!place.cni) place.cni = list_cni(*place.files, gaps_);
  return *place.cni;
}

const std::vector<KubeletRecord>& Identifier::kubelet_of(Place& place) {
  if (!place.kubelet) place.kubelet = list_kubelet_pods(*place.files, gaps_);
  return *place.kubelet;
}

std::optional<model::Pod> Identifier::pod_of(const Member& member, Place& place, Agreement& agreement) {
  agreement = Agreement::Unknown;
  const auto record = read_container(*place.files, member.owner.runtime, member.owner.container_id);
  if (!record && record.error().kind != ErrorKind::Gone) {
    unreadable_.insert(member.owner.container_id);
    if (unreadable_why_.empty()) unreadable_why_ = to_string(record.error());
  }
  if (record && record->in_pod()) {
    if (!record->pod_uid.empty() && record->pod_uid != member.owner.pod_uid) {
      agreement = Agreement::No;
      dispute(member.netns, record->source + " is of a pod with uid " + record->pod_uid + ", the cgroup of process " +
                                std::to_string(member.tgid) + " of one with uid " + member.owner.pod_uid);
      return std::nullopt;
    }
    if (!record->netns_path.empty()) {
      const auto there = place.files->identify(record->netns_path);
      if (there) agreement = there->inode == member.netns ? Agreement::Yes : Agreement::No;
      if (agreement == Agreement::No && !record->host_network) {
        dispute(member.netns, record->source + " names another namespace for its pod " + record->pod_namespace + "/" + record->pod_name +
                                  ", in whose cgroup process " + std::to_string(member.tgid) + " is");
      }
    }
    if (record->host_network) agreement = Agreement::No;
    model::Pod pod = pod_from(*record);
    if (pod.uid.empty()) pod.uid = member.owner.pod_uid;
    return pod;
  }
  const auto& pods = kubelet_of(place);
  const auto known =
      std::find_if(pods.begin(), pods.end(), [&](const KubeletRecord& each) { return each.pod_uid == member.owner.pod_uid; });
  if (known == pods.end()) return std::nullopt;
  model::Pod pod;
  pod.namespace_name = known->pod_namespace;
  pod.name = known->pod_name;
  pod.uid = known->pod_uid;
  pod.host_network = known->host_network;
  pod.source = known->source;
  if (known->host_network) agreement = Agreement::No;
  return pod;
}

void Identifier::dispute(model::NetnsId netns, const std::string& why) {
  disputes_.emplace(netns, "network namespace " + std::to_string(netns) + " has no pod's name: " + why);
}

void Identifier::complete(model::Pod& pod, Place& place) {
  for (const CniRecord& record : cni_of(place)) {
    const bool same_sandbox = !pod.sandbox_id.empty() && record.sandbox_id == pod.sandbox_id;
    if (!same_sandbox) continue;
    if (!record.pod_name.empty() && (record.pod_name != pod.name || record.pod_namespace != pod.namespace_name)) {
      pod.doubt = record.source + " calls it " + record.pod_namespace + "/" + record.pod_name;
      continue;
    }
    for (const model::IpAddress& address : record.addresses) {
      if (std::find(pod.addresses.begin(), pod.addresses.end(), address) == pod.addresses.end()) pod.addresses.push_back(address);
    }
    if (pod.host_device.empty()) pod.host_device = record.host_device;
  }
}

void Identifier::name_members(model::Inventory& inventory, const std::vector<Member>& members) {
  struct Candidate {
    std::optional<model::Pod> pod;
    Agreement agreement = Agreement::Unknown;
    bool disputed = false;
  };
  std::map<model::NetnsId, Candidate> candidates;
  for (const Member& member : members) {
    if (member.owner.pod_uid.empty()) continue;
    model::Netns& netns = inventory.namespaces[member.netns];
    // Processes of pods in the host's own network are its guests.
    if (netns.host || inventory.node_of(member.netns) != nullptr) continue;
    Candidate& candidate = candidates[member.netns];
    if (candidate.agreement == Agreement::Yes) continue;
    Place* place = place_of(inventory, member.owner.outer_container_id);
    if (place == nullptr) continue;
    Agreement agreement = Agreement::Unknown;
    auto pod = pod_of(member, *place, agreement);
    if (!pod || agreement == Agreement::No) continue;
    const bool other = candidate.pod && candidate.pod->full_name() != pod->full_name();
    if (agreement == Agreement::Yes) {
      candidate.disputed = false;
    } else if (other) {
      candidate.disputed = true;
      continue;
    } else if (candidate.pod) {
      continue;
    }
    pod->node = place->node;
    pod->netns = member.netns;
    complete(*pod, *place);
    if (agreement == Agreement::Unknown && pod->doubt.empty()) {
      pod->doubt = "known by its processes' cgroup only: no file of its engine leads to this namespace";
    }
    candidate.pod = std::move(pod);
    candidate.agreement = agreement;
  }
  for (auto& [id, candidate] : candidates) {
    model::Netns& netns = inventory.namespaces[id];
    if (candidate.disputed) {
      gaps_.push_back(
          {"pod_disputed", "network namespace " + std::to_string(id) + " has processes of several pods, and none is known to be its"});
    } else if (candidate.pod) {
      netns.node = candidate.pod->node;
      netns.pod = std::move(candidate.pod);
    }
  }
  for (auto& [id, why] : disputes_) {
    const model::Netns* netns = inventory.find(id);
    // Another of its processes has named it.
    if (netns != nullptr && !netns->pod) gaps_.push_back({"pod_disputed", std::move(why)});
  }
  disputes_.clear();
}

/// What runs in a container and is neither a node nor a pod.
void Identifier::name_containers(model::Inventory& inventory, const std::vector<Member>& members) {
  for (const Member& member : members) {
    model::Netns& netns = inventory.namespaces[member.netns];
    if (!is_own(member.owner) || netns.host || netns.pod || !netns.container.empty() || inventory.node_of(member.netns) != nullptr)
      continue;
    if (!machine_place().files) return;
    const auto record = read_container(*machine_place().files, member.owner.runtime, member.owner.container_id);
    if (!record || record->in_pod() || record->host_network) continue;
    netns.container = record->name.empty() ? record->hostname : record->name;
  }
}

/// Namespaces whose processes say nothing, such as those of sandboxed runtimes: by what CNI plugins wrote down.
void Identifier::name_by_files(model::Inventory& inventory) {
  std::vector<std::string> ids{""};
  for (const model::Node& node : inventory.nodes) ids.push_back(node.container_id);
  const auto unnamed = [&] {
    return std::any_of(inventory.namespaces.begin(), inventory.namespaces.end(), [&](const auto& entry) {
      const model::Netns& netns = entry.second;
      return !netns.gone && !netns.host && !netns.pod && netns.container.empty() && netns.node.empty() && netns.name.starts_with("cni-");
    });
  };
  for (const std::string& id : ids) {
    if (!unnamed()) return;
    Place* place = place_of(inventory, id);
    if (place == nullptr) continue;
    for (const CniRecord& record : cni_of(*place)) {
      if (record.pod_name.empty() || record.netns_path.empty()) continue;
      const auto there = place->files->identify(record.netns_path);
      const auto found = there ? inventory.namespaces.find(static_cast<model::NetnsId>(there->inode)) : inventory.namespaces.end();
      if (found == inventory.namespaces.end() || found->second.pod || found->second.host) continue;
      model::Pod pod;
      pod.namespace_name = record.pod_namespace;
      pod.name = record.pod_name;
      pod.uid = record.pod_uid;
      pod.sandbox_id = record.sandbox_id;
      pod.node = place->node;
      pod.netns = found->first;
      pod.addresses = record.addresses;
      pod.host_device = record.host_device;
      pod.source = record.source;
      found->second.node = place->node;
      found->second.pod = std::move(pod);
    }
  }
}

void Identifier::list_hosted(model::Inventory& inventory) {
  inventory.hosted.clear();
  // Said again below, of all that there are.
  std::erase_if(inventory.gaps, [](const model::Gap& gap) { return gap.code == "containers_unreadable"; });
  std::vector<std::pair<std::string, model::NetnsId>> ids;
  for (const auto& [id, netns] : inventory.namespaces) {
    if (netns.host) ids.emplace_back("", id);
  }
  for (const model::Node& node : inventory.nodes) ids.emplace_back(node.container_id, node.netns);
  for (const auto& [id, netns] : ids) {
    Place* place = place_of(inventory, id);
    if (place == nullptr) continue;
    // A sandbox whose pod has a namespace of its own is none of these, and is not read again.
    std::set<std::string> elsewhere;
    for (const auto& [other, each] : inventory.namespaces) {
      if (each.pod && each.pod->node == place->node) elsewhere.insert(each.pod->sandbox_id);
    }
    for (const ContainerRecord& record : list_containers(*place->files, elsewhere, gaps_)) {
      if (!record.sandbox || !record.host_network || !record.in_pod()) continue;
      model::Pod pod = pod_from(record);
      pod.node = place->node;
      pod.netns = netns;
      inventory.hosted.push_back(std::move(pod));
    }
  }
  places_.clear();
  note(inventory);
}

bool Identifier::own(model::Inventory& inventory, const model::Process& process, MonotonicNs now) {
  const std::uint32_t tgid = process.tgid;
  if (tgid == 0) return false;
  const auto owner = owner_of(process);
  const auto asked = asked_.find(tgid);
  if (!owner && asked != asked_.end() && asked->second + kOwnerKept > now) return false;
  const bool had_one = inventory.owners.erase(tgid) != 0;
  if (asked_.size() >= kMaxOwners) {
    asked_.clear();
    inventory.owners.clear();
  }
  asked_[tgid] = now;
  if (!owner || owner->container_id.empty() || is_own(*owner)) return had_one;
  Place* place = place_of(inventory, owner->outer_container_id);
  if (place == nullptr) return had_one;
  model::ProcessOwner found;
  found.node = place->node;
  if (const auto record = read_container(*place->files, owner->runtime, owner->container_id); record && record->in_pod()) {
    found.pod = record->pod_namespace + "/" + record->pod_name;
    found.container = record->container_name;
  }
  places_.clear();
  if (found.pod.empty()) return had_one;
  inventory.owners[tgid] = std::move(found);
  return true;
}

void Identifier::note(model::Inventory& inventory) {
  if (!unreadable_why_.empty()) {
    const std::size_t count = unreadable_.size();
    gaps_.push_back({"containers_unreadable", "records of " + std::to_string(count) + (count == 1 ? " container" : " containers") +
                                                  " of pods could not be used: " + unreadable_why_});
    unreadable_why_.clear();
  }
  for (model::Gap& gap : gaps_) {
    const bool said = std::any_of(inventory.gaps.begin(), inventory.gaps.end(),
                                  [&](const model::Gap& each) { return each.code == gap.code && each.text == gap.text; });
    if (!said) inventory.gaps.push_back(std::move(gap));
  }
  gaps_.clear();
}

}  // namespace synfate::inventory
