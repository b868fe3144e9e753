// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Keeps model::Inventory up to date, cheaply and on demand; refuses to forget what has gone and to hold any namespace open.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "inventory/identity.hpp"
#include "inventory/ruleset.hpp"
#include "inventory/services.hpp"
#include "inventory/xt_table.hpp"
#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

class InventoryReader {
 public:
  /// The machine must outlive the reader.
  explicit InventoryReader(machine::Machine& machine) : machine_(machine), identifier_(machine) {}

  /// Which namespaces there are and what they are called, without entering any. What could not be read is in current().gaps; an error only
  /// when nothing could, and then current() is as before.
  Status refresh();
  /// Namespaces of processes that have begun since the last look, and whose they are; looks at no other process. True when there are new
  /// ones. To be called twice a second: what a process joins after its start is seen the second time.
  bool discover();
  /// Whose that process is, where its cgroup says more than its namespace; into the inventory.
  bool own(std::uint32_t tgid, MonotonicNs now) { return identifier_.own(inventory_, tgid, now); }
  /// Pods in the network namespaces of their nodes, into the inventory.
  void list_hosted() { identifier_.list_hosted(inventory_); }
  /// Devices, addresses, bridge entries and settings of one namespace. Gone: it vanished or was never found; what was known of it stays.
  Status read_details(model::NetnsId id);
  /// Its listening TCP sockets, with the same errors.
  Status read_listeners(model::NetnsId id);
  /// The service that this address and port are by its rules, into its services; asks the rules again after a while. True when there is
  /// one.
  bool read_service(model::NetnsId id, const model::Endpoint& asked, MonotonicNs now);
  /// Its connection tracking and netfilter queues, with the same errors. Loads no module.
  Status read_netfilter(model::NetnsId id);
  /// One of its iptables-legacy tables, not kept. family: AF_INET or AF_INET6. Gone also when the namespace has no such table, which is
  /// left so; Permission, Unsupported, BadData (not understood, or too long), Io (it kept changing).
  Result<XtTable> read_xt_table(model::NetnsId id, int family, const std::string& table);
  /// All of them that it has and that can be understood, of both families; none where it cannot be entered.
  std::vector<XtTable> read_xt_tables(model::NetnsId id);
  /// The text of one rule into its namespace's rules, in the place of an older answer about the same. The same errors; what could not be
  /// read or proven of the rule itself is in its gap.
  /// The namespace's generation of nf_tables, now.
  std::optional<std::uint32_t> read_ruleset(model::NetnsId id) const;
  Status read_rule(model::NetnsId id, const RuleQuestion& question);

  /// What was read of that rule for that flow has turned out to be another's: only the gap is left.
  void retract_rule(model::NetnsId id, const model::RuleKey& key, const model::Flow& flow, const std::string& gap);

  /// Whatever was read of that rule of a trace: it drops what it matches, and did at both times.
  void say_it_drops(model::NetnsId id, const model::RuleKey& key, MonotonicNs from_ns, MonotonicNs until_ns);

  const model::Inventory& current() const { return inventory_; }
  /// Found by the last refresh: another one would add nothing about it.
  bool knows(model::NetnsId id) const;
  /// For those who have other business there. Gone, or why its doors do not open.
  Result<machine::NetnsHandle> open(model::NetnsId id) const;

 private:
  struct Sighting {
    std::vector<std::string> doors;  ///< paths that lead to it
    std::string name;
    std::string source;
    std::uint32_t tgid = 0;
  };
  using Sightings = std::map<model::NetnsId, Sighting>;

  void adopt(const Sightings& sightings, std::optional<model::NetnsId> host);
  void adopt_one(model::NetnsId id, const Sighting& sighting, std::optional<model::NetnsId> host);
  void forget_oldest();
  Status visit(model::NetnsId id, const std::function<void(machine::NetnsVisit&, model::Netns&)>& read);

  machine::Machine& machine_;
  model::Inventory inventory_;
  std::map<model::NetnsId, std::vector<std::string>> doors_;
  std::deque<model::NetnsId> departed_;
  struct Services {
    ServiceTable table;
    MonotonicNs read_ns = 0;
  };
  std::map<model::NetnsId, Services> services_;
  std::optional<bool> ask_inet_diag_;
  Identifier identifier_;
  std::set<std::uint32_t> looked_at_;        ///< processes that were seen twice
  std::map<std::uint32_t, unsigned> young_;  ///< others: how often they were
};

}  // namespace synfate::inventory
