// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Keeps the inventory near the events: reads the namespaces that an attempt touched just before it is judged, and no others.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "inventory/reader.hpp"
#include "model/journey.hpp"

namespace synfate::cli {

class Surroundings {
 public:
  explicit Surroundings(machine::Machine& machine) : reader_(machine) { reader_.set_clock(monotonic_now); }

  /// See InventoryReader.
  void set_security_hooks(std::map<std::uint32_t, std::string> hooks, bool own_reason) {
    reader_.set_security_hooks(std::move(hooks), own_reason);
  }

  /// Namespaces and their names. Call it once when armed: what exists then keeps its name if it vanishes later.
  void look_around(MonotonicNs now);
  /// Namespaces, and so pods, that have come since; twice a second.
  bool discover() { return reader_.discover(); }
  void list_hosted() { reader_.list_hosted(); }
  /// Its devices and addresses, if it is still there.
  void read_details(model::NetnsId netns) { (void)reader_.read_details(netns); }
  void read_devices(model::NetnsId netns) { (void)reader_.read_devices(netns); }
  /// Which way that packet goes now; null: the kernel could not be asked. Valid until the next reading.
  const model::RouteAnswer* read_way(model::NetnsId netns, const model::RouteQuestion& question, MonotonicNs now);
  /// How conntrack has that connection; null: it could not be asked. Valid until the next reading.
  const model::TrackedFlow* read_tracked(model::NetnsId netns, const model::Flow& flow, MonotonicNs now);
  void set_scoped_view(model::ScopedView view) { reader_.set_scoped_view(std::move(view)); }
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
    bool device_queues = false;
    MonotonicNs queued_ns = 0;  ///< when a packet was given to one of them
    bool neighbours = false;
    std::set<std::uint32_t> peers_of;        ///< veths whose other ends count, though nothing was seen there
    std::optional<model::Endpoint> queues;   ///< of listeners that may have refused what was sent there
    std::optional<model::Endpoint> cookies;  ///< of listeners that may have answered by a SYN cookie
    bool xfrm = false;
    std::set<std::uint32_t> xdp;                  ///< devices
    std::set<std::pair<std::uint32_t, bool>> tc;  ///< devices, and whether it was at ingress
    std::set<std::uint32_t> programs;             ///< by their numbers
    std::set<std::uint64_t> cgroups;              ///< whose programs
    bool security = false;                        ///< a security module may have refused it
    std::optional<model::Flow> time_wait;         ///< a SYN that may have met an older connection
  };
  static void want(const model::Journey& journey, const model::Event& event, const model::Drop& drop, Wanted& wanted);
  static void want_device_queues(const model::Journey& journey, std::map<model::NetnsId, Wanted>& touched);
  static void want_queues(const model::Journey& journey, std::map<model::NetnsId, Wanted>& touched);
  static void want_takers(const model::Event* arrived, std::map<model::NetnsId, Wanted>& touched);
  bool read_queues(model::NetnsId netns, const Wanted& wanted, MonotonicNs now);
  /// Other namespaces of the same pod, where the port may be bound.
  std::vector<model::NetnsId> siblings_of(model::NetnsId netns) const;
  bool read_programs(model::NetnsId netns, const Wanted& wanted, MonotonicNs now);
  bool read(model::NetnsId netns, const Wanted& wanted, MonotonicNs now);
  bool read_peers(model::NetnsId netns, const std::set<std::uint32_t>& peers_of, MonotonicNs now);
  void forget_gone();
  model::NetnsId host() const;
  void look_for(const std::set<model::MacAddress>& macs);
  bool find(model::NetnsId netns, MonotonicNs now);
  /// What NAT has to do with an attempt that nobody has answered.
  bool look_at_nat(const model::Journey& journey, MonotonicNs now);
  /// Namespaces that may have a node's rules, whoever passes them.
  std::vector<model::NetnsId> rulers() const;
  bool read_routes(const model::Journey& journey, MonotonicNs now);

  inventory::InventoryReader reader_;
  MonotonicNs refreshed_ns_ = 0;
  std::map<model::NetnsId, MonotonicNs> details_ns_;
  std::map<model::NetnsId, MonotonicNs> listeners_ns_;
  std::map<model::NetnsId, MonotonicNs> netfilter_ns_;
  std::map<std::pair<model::NetnsId, std::uint16_t>, MonotonicNs> queues_ns_;
  std::map<model::NetnsId, MonotonicNs> any_queues_ns_;
  /// What was asked in the current second.
  std::vector<std::pair<model::NetnsId, model::RouteQuestion>> routes_asked_;
  MonotonicNs routes_since_ns_ = 0;
  std::map<model::NetnsId, MonotonicNs> device_queues_ns_;
  std::map<model::NetnsId, MonotonicNs> neighbours_ns_;
  std::set<model::MacAddress> macs_;  ///< that neighbour entries are looked for by
  std::map<model::NetnsId, MonotonicNs> xfrm_ns_;
  std::map<std::pair<model::NetnsId, std::pair<std::uint32_t, bool>>, MonotonicNs> tc_ns_;
};

}  // namespace synfate::cli
