// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Tiers 3 and 2f for iptables-legacy: the counters of a table's rules, read before and after a SYN is in it (bpf/xtables.bpf.c). Only for
// the few tables that are watched just now.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "probe/netfilter_link.hpp"
#include "probe/rule_programs.hpp"

namespace synfate::probe {

/// A table of xtables in one namespace, as one hook uses it.
struct XtWatch {
  std::uint64_t table = 0;             ///< address of its struct xt_table, as the kernel side told it
  std::uint32_t family = 2;            ///< NFPROTO_IPV4 or NFPROTO_IPV6
  std::uint32_t hook = 0;              ///< NF_INET_*
  std::int32_t priority = 0;           ///< of the table's entry in that hook
  std::vector<std::uint32_t> offsets;  ///< of the rules that can drop there, bytes in the table

  bool same_place(const XtWatch& other) const { return table == other.table && family == other.family && hook == other.hook; }
};

class XtCounters {
 public:
  static constexpr std::size_t kMaxWatches = 4;
  static constexpr std::size_t kMaxRules = 16384;

  /// traced: by fentry and fexit of the tables' functions, else by an entry in front of each watched table.
  static Result<std::unique_ptr<XtCounters>> start(const SharedMaps& shared, bool traced);
  ~XtCounters();
  XtCounters(const XtCounters&) = delete;
  XtCounters& operator=(const XtCounters&) = delete;

  bool is_traced() const;
  /// In slot 0 to kMaxWatches - 1, replacing what was there. `netns_fd` is the table's namespace. Gives the address of the memory that the
  /// table is in, which every change to it makes another: verdicts are only about a table that is still there.
  Result<std::uint64_t> watch(std::size_t slot, const XtWatch& watch, int netns_fd);
  void unwatch(std::size_t slot);
  /// Events that its programs were kept from seeing, since it was started.
  std::uint64_t missed() const;

 private:
  struct Kernel;
  explicit XtCounters(std::unique_ptr<Kernel> kernel);
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace synfate::probe
