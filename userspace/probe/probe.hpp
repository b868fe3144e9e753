// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Loads, attaches, arms and drains the kernel side. The only room that knows libbpf; it hands out raw wire records and judges nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/address.hpp"
#include "model/crowd.hpp"
#include "model/place.hpp"
#include "model/rule.hpp"
#include "probe/features.hpp"
#include "probe/frames.hpp"
#include "probe/lessons.hpp"
#include "probe/xt_counters.hpp"

namespace synfate::probe {

/// Conditions, combined with AND, that the kernel side applies.
struct Filter {
  std::optional<model::Prefix> host;
  std::optional<model::Prefix> source;
  std::optional<model::Prefix> destination;
  std::optional<std::uint16_t> port;
  std::optional<model::NetnsId> netns;
  std::optional<std::uint32_t> tgid;  ///< in synfate's own pid namespace
  struct Cgroup {
    std::uint64_t id = 0;     ///< cgroup v2 inode
    std::uint32_t level = 0;  ///< depth below the root of cgroup v2
  };
  std::optional<Cgroup> cgroup;
  bool tree = false;  ///< only the process tree seeded by seed_tree()
  bool pod = false;   ///< only what add_names() has told of a pod
  bool node = false;  ///< likewise, of a node
};

/// A network namespace or an address that belongs to the pod or the node of the filter.
struct ScopeName {
  model::NetnsId netns = 0;  ///< 0: it is an address
  model::IpAddress address;
  bool pod = false;
  bool node = false;
};

/// Where an attempt of the scope was on its way.
struct Heading {
  model::NetnsId netns = 0;
  std::uint32_t ifindex = 0;
  model::Flow flow;  ///< in SYN direction, as it was there
};

struct Options {
  Filter filter;
  /// Packets are seen at the devices that watch_devices() is given, and nowhere else until watch_everywhere().
  bool scoped = false;
  bool stream_all = false;          ///< send every attempt in scope from its first event
  std::uint32_t pid_namespace = 0;  ///< inode of synfate's own
};

/// Sums over all CPUs of enum wire_counter.
using Counters = std::array<std::uint64_t, 16>;

class Probe {
 public:
  /// Loads and attaches everything and arms last. On failure nothing stays behind.
  static Result<Probe> start(const KernelFeatures& features, const Options& options);

  Probe(Probe&&) noexcept;
  Probe& operator=(Probe&&) noexcept;
  ~Probe();

  /// Readable when records wait. Owned by the probe.
  int ready_fd() const;
  /// Hands every waiting record to `sink`, in order; the bytes are valid during the call only.
  void drain(const std::function<void(std::span<const std::byte>)>& sink);
  /// Submits what went silent; to be called twice a second.
  void sweep();
  /// While on, the next child of this process becomes the root of the followed tree.
  void seed_tree(bool on);
  /// What the filter's names stand for; they are in scope from now on. An error when there is no room for one more.
  Status add_names(const std::vector<ScopeName>& names);
  /// Of a scoped probe: these devices of that namespace too, both sides. An error where the kernel refuses one that is there.
  Status watch_devices(model::NetnsId netns, int netns_fd, const std::vector<std::uint32_t>& ifindexes);
  /// Devices of that namespace that are not among these have gone.
  void retain_devices(model::NetnsId netns, const std::set<std::uint32_t>& ifindexes);
  std::size_t watched_devices() const;
  /// Every device of every namespace from now on, as of a probe that is not scoped.
  Status watch_everywhere();
  /// Ends of the scope's attempts, as they were met since the last call.
  std::vector<Heading> take_headings();
  /// Tier 2f for listeners: why one of them refused a SYN, from the function that decides.
  Status trace_listeners(const KernelFeatures& features);
  /// The programs that tell which rule dropped; once more when nf_tables has come, to know its types.
  Status load_rules(const KernelFeatures& features);
  /// The same again, when a module has come whose types they lack. Ends every watch_table().
  Status reload_rules();
  bool has_rules() const;
  /// See RulePrograms::rule_now().
  std::optional<std::uint64_t> rule_now(const model::RuleKey& key) const;
  /// Tier 2f, to that depth at least; again when modules brought more of the functions.
  Status trace_functions(TraceDepth depth);
  /// Tiers 3 and 2f for iptables-legacy; see XtCounters::watch().
  Result<std::uint64_t> watch_table(std::size_t slot, const XtWatch& watch, int netns_fd);
  void unwatch_table(std::size_t slot);
  /// From now on attempts in this namespace are in scope whatever the filter says, and its netfilter drops are lessons. `netns_fd` is the
  /// namespace's, and synfate's own: entries are put on its hooks where the kernel has such links.
  void begin_lessons(model::NetnsId netns, int netns_fd, std::map<std::uint16_t, Drill> drills);
  /// Every lesson that can be had was had.
  bool lessons_complete() const;
  /// Ports that have taught nothing yet: a program is not run on a CPU that is in it already, so a lesson may be missed.
  std::vector<std::uint16_t> missing_lessons() const;
  /// What was learnt is used from now on; returns it.
  Frames end_lessons();
  Counters counters() const;
  /// Where the SYNs went that are counted only, the largest crowd first.
  std::vector<model::Crowd> crowds() const;
  /// Times that a program was skipped because it was already running on that CPU, and no other told the event: events that were lost.
  std::uint64_t missed() const;
  /// The same of the programs that tell which rule dropped: those drops are told without their rule, and nothing else is lost.
  std::uint64_t missed_rules() const;
  /// No more records; what is in the ring stays there for a last drain().
  void disarm();

 private:
  struct Kernel;
  explicit Probe(std::unique_ptr<Kernel> kernel);
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace synfate::probe
