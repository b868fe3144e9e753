// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A host name as one process would resolve it: hosts first, then its name servers with its search list, in glibc's order. Asks within
// bounds, and remembers who said what.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "inventory/resolver_files.hpp"
#include "machine/machine.hpp"
#include "model/address.hpp"

namespace synfate::inventory {

/// One question, and what came of it.
struct NameStep {
  std::string server;
  std::string name;
  machine::NameReply::Kind kind = machine::NameReply::Kind::Silent;
  std::string words;  ///< of a kind that has none of its own
};

struct NameLookup {
  std::vector<model::IpAddress> addresses;  ///< empty: not resolved
  std::string name;                         ///< the one that had them, its search domain included
  std::string server;                       ///< empty: hosts
  std::vector<NameStep> steps;
  bool out_of_time = false;  ///< not everything was asked
};

using AskServer = std::function<Result<machine::NameReply>(const machine::NameQuestion&)>;

NameLookup look_up(std::string_view name, std::string_view hosts, const ResolverSettings& settings, const AskServer& ask);

/// The names that are asked for, in order.
std::vector<std::string> names_to_ask(std::string_view name, const ResolverSettings& settings);

/// "10.96.0.10: no such name (NXDOMAIN): db.shop.svc, db; ..."; "" when nobody was asked.
std::string answers_text(const NameLookup& lookup);

}  // namespace synfate::inventory
