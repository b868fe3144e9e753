// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Names that people and container engines gave to namespaces: mounts and links; refuses to trust a name that leads elsewhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "machine/machine.hpp"
#include "model/place.hpp"

namespace synfate::inventory {

struct NetnsName {
  model::NetnsId netns = 0;
  std::string name;  ///< last component of the path, bounded; untrusted
  std::string path;  ///< leads to the namespace
};

struct NameScan {
  std::vector<NetnsName> names;  ///< the best name of a namespace comes first: /run/netns, then docker's, then any other mount
  unsigned stale = 0;            ///< entries of those directories that are not namespaces, as far as this mount namespace shows
  std::string unreadable;        ///< why the mounts could not be read; empty if they could
};

/// The mounts of network namespaces in the text of a mountinfo file.
std::vector<NetnsName> parse_mountinfo(std::string_view text);

NameScan scan_names(machine::Machine& machine);

}  // namespace synfate::inventory
