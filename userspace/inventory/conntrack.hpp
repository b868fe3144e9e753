// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What connection tracking and the netfilter queues of a namespace say of themselves, from procfs only: asking by netlink would make the
// kernel load modules, and no packet is worth that.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

/// Sums /proc/net/stat/nf_conntrack over its CPUs into the counters; false if it is not such a table, and then nothing is set.
bool parse_conntrack_counters(std::string_view text, model::Conntrack& conntrack);

/// /proc/net/netfilter/nfnetlink_queue; nothing if a line is not one of it.
std::optional<std::vector<model::NfQueue>> parse_nf_queues(std::string_view text);

/// Replaces netns.conntrack and netns.nf_queues; what could not be read becomes a gap.
void read_netfilter_of(machine::NetnsVisit& visit, model::Netns& netns);

}  // namespace synfate::inventory
