// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Target "xt_table": an iptables-legacy table as the kernel gives it, read as IPv4 and as IPv6: struct ipt_getinfo, then the entries.
#include <sys/socket.h>

#include <algorithm>

#include "inventory/xt_table.hpp"
#include "targets.hpp"
#include "unit/inventory/xt_blob.hpp"

namespace synfate::fuzz {
namespace {

void check_table(const inventory::XtTable& table, const machine::XtTableBytes& bytes) {
  require(table.rules.size() + 1 == bytes.num_entries, "every entry but the last is there");
  for (const inventory::XtRule& rule : table.rules) {
    require(rule.chain < table.chains.size() && rule.to_chain < table.chains.size(), "a rule is in a chain and leads to one");
    require(table.at(rule.offset) == &rule, "a rule is found by its offset");
    require((rule.number != 0) == (rule.role == inventory::XtRole::Rule), "rules have numbers, others have none");
    require(rule.target.size() < 30, "a target's name is bounded");
  }
  for (const inventory::XtChain& chain : table.chains) {
    require(!chain.name.empty() && chain.name.size() < 30, "a chain's name is bounded");
    require(chain.count > 0 && chain.first + chain.count <= table.rules.size(), "a chain has its end");
  }
  for (unsigned hook = 0; hook < 6; ++hook) {
    const auto finals = table.final_rules_from(hook);
    require(std::is_sorted(finals.begin(), finals.end()), "rules come by offset");
    for (const auto* rule : finals) {
      const auto rule_hook = table.chains[rule->chain].hook;
      require(!rule_hook || *rule_hook == hook, "another hook's chain is not reached");
    }
  }
}

}  // namespace

void run_xt_table(std::span<const std::byte> input) {
  const auto bytes = test::from_xt_file({reinterpret_cast<const char*>(input.data()), input.size()});
  if (!bytes) return;
  for (const int family : {AF_INET, AF_INET6}) {
    const auto table = inventory::parse_xt_table(family, "filter", *bytes);
    if (table) {
      check_table(*table, *bytes);
    } else {
      require(table.error().kind == ErrorKind::BadData && !table.error().why.empty(), "a refusal says why");
    }
  }
}

std::vector<Bytes> xt_table_seeds() {
  std::vector<Bytes> seeds;
  for (const int family : {AF_INET, AF_INET6}) {
    const std::string file = test::to_xt_file(test::small_xt_table(family));
    const auto bytes = std::as_bytes(std::span(file));
    require(static_cast<bool>(inventory::parse_xt_table(family, "filter", test::small_xt_table(family))), "a seed is a valid table");
    seeds.emplace_back(bytes.begin(), bytes.end());
  }
  return seeds;
}

}  // namespace synfate::fuzz
