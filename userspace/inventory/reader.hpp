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

#include "inventory/address_census.hpp"
#include "inventory/bpf_programs.hpp"
#include "inventory/identity.hpp"
#include "inventory/ruleset.hpp"
#include "inventory/service_book.hpp"
#include "inventory/socket_owners.hpp"
#include "inventory/xt_table.hpp"
#include "machine/machine.hpp"
#include "model/inventory.hpp"

namespace synfate::inventory {

class InventoryReader {
 public:
  /// The machine must outlive the reader.
  explicit InventoryReader(machine::Machine& machine) : machine_(machine), programs_(machine), identifier_(machine) {}

  /// What takes long is stamped when it ends, too; without a clock that is not told.
  void set_clock(std::function<MonotonicNs()> clock) { clock_ = std::move(clock); }

  /// Which namespaces there are and what they are called, without entering any. What could not be read is in current().gaps; an error only
  /// when nothing could, and then current() is as before.
  Status refresh();
  /// Namespaces of processes that have begun since the last look, and whose they are; looks at no other process. True when there are new
  /// ones. To be called twice a second: what a process joins after its start is seen the second time.
  bool discover();
  /// Whose that process is, where its cgroup says more than its namespace; into the inventory.
  bool own(const model::Process& process, MonotonicNs now) { return identifier_.own(inventory_, process, now); }
  /// Pods in the network namespaces of their nodes, into the inventory.
  void list_hosted() { identifier_.list_hosted(inventory_); }
  /// Devices, addresses, bridge entries and settings of one namespace. Gone: it vanished or was never found; what was known of it stays.
  Status read_details(model::NetnsId id);
  /// Told by whoever observes packets; kept with the rest.
  void set_scoped_view(model::ScopedView view) { inventory_.scoped = std::move(view); }
  /// Its devices and addresses alone.
  Status read_devices(model::NetnsId id);
  /// Its listening TCP sockets, with the same errors.
  Status read_listeners(model::NetnsId id);
  /// Which way that packet goes now, into its routes. Nothing is left where the kernel could not be asked.
  Status read_route(model::NetnsId id, const model::RouteQuestion& question, MonotonicNs now);
  /// The queues of its listeners on one port, and the counters, added to its listen_readings; with the same errors.
  Status read_listen_queues(model::NetnsId id, std::uint16_t port, MonotonicNs now);
  /// The same, but only where its TCP answers, or has answered, SYNs by cookies.
  Status read_listen_queues_of_cookies(model::NetnsId id, std::uint16_t port, MonotonicNs now);
  /// The service that this address and port are by its rules, into its services; where they are none, other ports of the address. True
  /// when there is one.
  bool read_service(model::NetnsId id, const model::Endpoint& asked, MonotonicNs now);
  /// Its rules do otherwise than what was read of its services: they are read anew the next time.
  void doubt_services(model::NetnsId id, MonotonicNs now);
  /// How its conntrack has the connection that came in with these addresses; into its tracked. False: it could not be asked. Loads no
  /// module.
  bool read_tracked(model::NetnsId id, const model::Flow& flow, MonotonicNs now);
  /// Who on this machine has the address, on behalf of that device; into the searches. True when the answer is a new one.
  bool search_address(const model::IpAddress& address, model::NetnsId id, std::uint32_t ifindex, MonotonicNs now);
  /// Its connection tracking and netfilter queues, with the same errors. Loads no module.
  Status read_netfilter(model::NetnsId id);
  Status read_queues(model::NetnsId id, MonotonicNs now);
  /// And its neighbour entries with one of these MAC addresses.
  Status read_neighbours(model::NetnsId id, const std::set<model::MacAddress>& macs);
  /// What tc asks at one side of a device, into its tc_sides; and the programs among it.
  Status read_tc_side(model::NetnsId id, std::uint32_t ifindex, bool ingress, MonotonicNs now);
  /// The XDP programs of a device, which read_details() has seen.
  bool read_xdp_programs(model::NetnsId id, std::uint32_t ifindex, MonotonicNs now);
  /// The programs that hold for the sockets of a cgroup, and those with these numbers. True when anything was read.
  bool read_cgroup(std::uint64_t cgroup_id, MonotonicNs now);
  bool read_programs(const std::set<std::uint32_t>& ids, MonotonicNs now) { return programs_.read(ids, inventory_.programs, now); }
  /// "capability,apparmor", into the inventory; once.
  bool read_security_modules();
  /// Hooks of security modules by their type ids in the kernel's BTF; own_reason: see model::SecurityPrograms. Without them no program's
  /// hook is known.
  void set_security_hooks(std::map<std::uint32_t, std::string> hooks, bool own_reason);
  /// The programs of BPF LSM that connections may meet, and whose they are. True when they were read.
  bool read_security_programs(MonotonicNs now);
  /// Its IPsec policies and counters.
  Status read_xfrm(model::NetnsId id);
  /// Whether this flow is one of its connections in TIME_WAIT, into its time_wait. True when that has changed.
  bool read_time_wait(model::NetnsId id, const model::Flow& flow);
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
  /// All, those that most veths lead to first.
  std::vector<model::NetnsId> likely_peers() const;
  Status visit(model::NetnsId id, const std::function<void(machine::NetnsVisit&, model::Netns&)>& read);
  bool may_ask_diag();

  machine::Machine& machine_;
  model::Inventory inventory_;
  std::map<model::NetnsId, std::vector<std::string>> doors_;
  std::deque<model::NetnsId> departed_;
  std::map<model::NetnsId, ServiceBook> services_;
  std::optional<bool> ask_inet_diag_;
  std::function<MonotonicNs()> clock_ = [] { return MonotonicNs{0}; };
  bool ask_ctnetlink_ = false;
  MonotonicNs asked_modules_ns_ = 0;
  AddressCensus census_;
  SocketOwners socket_owners_;
  std::optional<bool> ask_xfrm_;
  ProgramReader programs_;
  std::map<std::uint64_t, MonotonicNs> cgroups_ns_;
  std::map<std::uint32_t, std::string> security_hooks_;
  bool security_has_reason_ = false;
  std::optional<MonotonicNs> security_programs_ns_;
  Identifier identifier_;
  std::set<std::uint32_t> looked_at_;        ///< processes that were seen twice
  std::map<std::uint32_t, unsigned> young_;  ///< others: how often they were
};

}  // namespace synfate::inventory
