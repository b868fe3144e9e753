// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Whose nft and iptables to ask about a namespace's rules: those of the node container that owns it know what its engines wrote. Refuses to
// run anything out of a container that is not as mighty as synfate already.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "machine/machine.hpp"

namespace synfate::inventory {

/// Where programs are taken from.
struct ToolBox {
  std::uint32_t tgid = 0;             ///< a process of the container; 0: the host
  std::uint64_t mount_namespace = 0;  ///< of that process, by inode

  std::string owner() const;
};

/// The container's first, where the namespace of that process belongs to one; the host's always. tgid 0: no process is known.
std::vector<ToolBox> tool_boxes_for(machine::Machine& machine, std::uint32_t example_tgid);

struct ToolAnswer {
  std::string out;
  std::string source;  ///< "iptables-nft-save of the host"
};

/// The output of the first of these commands, and of the first box, that is there and ends well.
Result<ToolAnswer> ask_tools(machine::Machine& machine, const machine::NetnsHandle& netns, const std::vector<ToolBox>& boxes,
                             const std::vector<std::vector<std::string>>& commands);

}  // namespace synfate::inventory
