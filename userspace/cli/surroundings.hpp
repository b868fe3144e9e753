// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Keeps the inventory near the events: reads the namespaces that an attempt touched just before it is judged, and no others.
#pragma once

#include <functional>
#include <map>

#include "base/time.hpp"
#include "inventory/reader.hpp"
#include "model/journey.hpp"

namespace synfate::cli {

class Surroundings {
 public:
  explicit Surroundings(machine::Machine& machine) : reader_(machine) {}

  /// Namespaces and their names. Call it once when armed: what exists then keeps its name if it vanishes later.
  void look_around(MonotonicNs now);
  /// Namespaces, and so pods, that have come since; twice a second.
  bool discover() { return reader_.discover(); }
  void list_hosted() { reader_.list_hosted(); }
  /// Its devices and addresses, if it is still there.
  void read_details(model::NetnsId netns) { (void)reader_.read_details(netns); }
  /// Returns true when something was read anew.
  bool look_at(const model::Journey& journey, MonotonicNs now);
  /// The text of a rule, into the inventory.
  /// Its generation of nf_tables, now; none where it cannot be read.
  std::optional<std::uint32_t> read_ruleset(model::NetnsId netns) const { return reader_.read_ruleset(netns); }
  Status read_rule(model::NetnsId netns, const inventory::RuleQuestion& question, MonotonicNs now);
  void retract_rule(model::NetnsId netns, const model::RuleKey& key, const model::Flow& flow, const std::string& gap) {
    reader_.retract_rule(netns, key, flow, gap);
  }
  void say_it_drops(model::NetnsId netns, const model::RuleKey& key, MonotonicNs from_ns, MonotonicNs until_ns) {
    reader_.say_it_drops(netns, key, from_ns, until_ns);
  }
  std::vector<inventory::XtTable> read_xt_tables(model::NetnsId netns) { return reader_.read_xt_tables(netns); }
  Result<inventory::XtTable> read_xt_table(model::NetnsId netns, int family, const std::string& table, MonotonicNs now);
  const model::Inventory& inventory() const { return reader_.current(); }
  Result<machine::NetnsHandle> open(model::NetnsId netns) const { return reader_.open(netns); }
  /// Only the namespaces that attempts touched: what a recording needs, and nothing more of the machine.
  model::Inventory touched() const;

 private:
  /// What else about a namespace its drops ask for.
  struct Wanted {
    bool listeners = false;
    bool netfilter = false;
  };
  bool read(model::NetnsId netns, Wanted wanted, MonotonicNs now);
  bool find(model::NetnsId netns, MonotonicNs now);

  inventory::InventoryReader reader_;
  MonotonicNs refreshed_ns_ = 0;
  std::map<model::NetnsId, MonotonicNs> details_ns_;
  std::map<model::NetnsId, MonotonicNs> listeners_ns_;
  std::map<model::NetnsId, MonotonicNs> netfilter_ns_;
};

}  // namespace synfate::cli
