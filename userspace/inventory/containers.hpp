// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The containers that engines keep on disk, found below one root: the machine's or a node container's. Refuses to ask any engine, and to
// believe that what it finds still runs.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "inventory/container_records.hpp"
#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

/// The one with that id. runtime: where to look, as in CgroupOwner; empty: everywhere. Gone: nobody keeps it here. BadData: the id is none,
/// or the record is not to be believed.
Result<ContainerRecord> read_container(machine::FileTree& tree, std::string_view runtime, const std::string& id);

/// The sandboxes of all engines, and the running containers of docker and podman that belong to no pod: some of them are nodes. By id, each
/// once, without those that the caller knows already. What cannot be read is a gap for each place.
std::vector<ContainerRecord> list_containers(machine::FileTree& tree, const std::set<std::string>& except, std::vector<model::Gap>& gaps);

}  // namespace synfate::inventory
