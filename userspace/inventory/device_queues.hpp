// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The queues in front of a namespace's devices (RTM_GETQDISC) and behind them (softnet_stat), with their counters of drops.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

struct QdiscTable {
  std::vector<model::Qdisc> rows;  ///< without noqueue, ingress and clsact: those hold no packet
  unsigned malformed = 0;
};

machine::NetlinkRequest qdisc_request();
QdiscTable decode_qdiscs(const std::string& messages);

/// /proc/net/softnet_stat; nothing if a line is not one of it.
std::optional<std::vector<model::InputQueue>> parse_input_queues(std::string_view text);

/// Replaces netns.queues; what could not be read becomes a gap.
void read_queues_of(machine::NetnsVisit& visit, model::Netns& netns);

}  // namespace synfate::inventory
