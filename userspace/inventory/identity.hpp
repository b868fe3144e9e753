// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Whose each network namespace is: from its processes' cgroups to containers, from containers to pods, each checked against the namespace
// itself. Asks no runtime and no API server, enters nothing, and names no pod that two sources disagree about.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "inventory/cgroup_path.hpp"
#include "inventory/cni_state.hpp"
#include "inventory/containers.hpp"
#include "inventory/kubelet_state.hpp"
#include "machine/machine.hpp"
#include "model/event.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

/// Some processes of each namespace, those with the lowest numbers first.
using ProcessesByNetns = std::map<model::NetnsId, std::vector<std::uint32_t>>;

class Identifier {
 public:
  explicit Identifier(machine::Machine& machine) : machine_(machine) {}

  /// Names the nodes, pods and containers among these namespaces of the inventory; what has a name keeps it.
  void identify(model::Inventory& inventory, const ProcessesByNetns& processes);
  /// Pods in the network namespaces of their nodes, into the inventory. Reads every sandbox of every node.
  void list_hosted(model::Inventory& inventory);
  /// Whose that process is, where its cgroup says more than its namespace: the cgroup of version 2 that the kernel saw it in, else what its
  /// number leads to now. One that has just ended keeps its owner for some seconds; after that its number may be another's. True when the
  /// inventory says something else now.
  bool own(model::Inventory& inventory, const model::Process& process, MonotonicNs now);

 private:
  struct Member {
    model::NetnsId netns = 0;
    std::uint32_t tgid = 0;
    CgroupOwner owner;
  };
  /// The files of one node: of this machine, or of a container that plays one. Open during a call only.
  struct Place {
    std::string node;
    std::unique_ptr<machine::FileTree> files;
    std::optional<std::vector<CniRecord>> cni;
    std::optional<std::vector<KubeletRecord>> kubelet;
  };
  enum class Agreement { Yes, No, Unknown };

  std::optional<CgroupOwner> owner_of(std::uint32_t tgid);
  std::optional<CgroupOwner> owner_of(const model::Process& process);
  std::vector<Member> members_of(const model::Inventory& inventory, const ProcessesByNetns& processes);
  void find_nodes(model::Inventory& inventory, const std::vector<Member>& members);
  void name_members(model::Inventory& inventory, const std::vector<Member>& members);
  std::optional<model::Pod> pod_of(const Member& member, Place& place, Agreement& agreement);
  void name_containers(model::Inventory& inventory, const std::vector<Member>& members);
  void name_by_files(model::Inventory& inventory);
  void complete(model::Pod& pod, Place& place);
  void dispute(model::NetnsId netns, const std::string& why);
  Place* place_of(const model::Inventory& inventory, const std::string& outer_container_id);
  Place& machine_place();
  const std::vector<CniRecord>& cni_of(Place& place);
  const std::vector<KubeletRecord>& kubelet_of(Place& place);
  void note(model::Inventory& inventory);

  machine::Machine& machine_;
  std::map<std::string, Place> places_;         ///< by the node's container; "": this machine
  std::map<std::uint32_t, MonotonicNs> asked_;  ///< when own() last saw them; bounded
  std::vector<model::Gap> gaps_;
  std::map<model::NetnsId, std::string> disputes_;  ///< while members are named
  std::set<std::string> unreadable_;                ///< containers, since the last identify()
  std::string unreadable_why_;                      ///< of the first of them; empty: it was said
};

}  // namespace synfate::inventory
