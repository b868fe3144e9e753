// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What --pod and --node stand for, as it becomes known: namespaces and addresses for the kernel's filter, and which of the rows that pass
// it are somebody else's with the same address.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/options.hpp"
#include "model/inventory.hpp"
#include "model/verdict.hpp"
#include "probe/probe.hpp"

namespace synfate::cli {

class NamedScope {
 public:
  /// hostname: the machine's, which is its own name as a node.
  NamedScope(const FilterOptions& typed, const std::string& hostname);

  bool is_on() const { return pod_ || node_; }
  /// Those of the names whose addresses were not read yet.
  std::vector<model::NetnsId> unread(const model::Inventory& inventory) const;
  /// What has come to be known since the last call.
  std::vector<probe::ScopeName> news(const model::Inventory& inventory);
  /// Why nothing can match yet, or not all that is meant; nothing when all is well.
  std::optional<model::Notice> complaint(const model::Inventory& inventory) const;
  /// Its path touches the pod or its node, and one end is the pod, or at its address; the same for a node. Of a pod in the network of its
  /// node, what its own processes send.
  bool admits(const model::Attempt& attempt, const model::Inventory& inventory) const;

 private:
  bool is_pod(const model::Netns& netns) const { return netns.pod && pod_ && netns.pod->full_name() == *pod_; }
  bool is_of_node(const model::Netns& netns) const;
  /// The pod's own row of those in the network of their nodes.
  const model::Pod* hosted(const model::Inventory& inventory) const;
  void add(const model::Netns& netns, bool pod, bool node, std::vector<probe::ScopeName>& names);

  std::optional<std::string> pod_;
  std::optional<std::string> node_;
  bool node_is_machine_ = false;
  std::set<std::pair<std::string, bool>> told_;  ///< namespaces and addresses, and whether as the pod's
};

}  // namespace synfate::cli
