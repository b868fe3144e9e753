// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The one change that tracing makes to a ruleset, as the bytes of one netlink transaction: a table that belongs to its socket and marks
// SYNs. Sends nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/address.hpp"

namespace synfate::nftrace {

/// Which SYNs are traced, as far as a rule at the first hook can tell; conditions combine with AND, `host` is either end.
struct Filter {
  std::optional<model::Prefix> host;
  std::optional<model::Prefix> source;
  std::optional<model::Prefix> destination;
  std::optional<std::uint16_t> port;
};

/// One transaction: all of it comes into force, or nothing does.
struct Batch {
  std::vector<std::uint8_t> bytes;
  std::uint32_t first_sequence = 0;
  unsigned acknowledged = 0;  ///< messages that the kernel answers, each with NLMSG_ERROR
};

/// A table `name` of `family` (NFPROTO_INET, _IPV4, _IPV6, _BRIDGE) that dies with the socket which sends this, with a chain at the hook
/// prerouting and one at output, before everything else there, whose rules switch on tracing for SYNs that pass the filter.
Batch tracing_table(const std::string& name, std::uint8_t family, const Filter& filter, std::uint32_t first_sequence);
/// "Is that table there?", answered with the table or with NLMSG_ERROR ENOENT.
std::vector<std::uint8_t> ask_for_table(const std::string& name, std::uint8_t family, std::uint32_t sequence);
/// "Which tables of that family are there?", a dump.
std::vector<std::uint8_t> ask_for_tables(std::uint8_t family, std::uint32_t sequence);

}  // namespace synfate::nftrace
