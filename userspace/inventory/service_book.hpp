// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The services of one namespace, asked for one address at a time. What the kernel answers at once is asked each time; what takes a tool to
// read is kept until the rules change. Asks for no table that is not there, since that would make it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "inventory/services.hpp"
#include "machine/machine.hpp"

namespace synfate::inventory {

class ServiceBook {
 public:
  /// tgid: a process in the namespace, whose container's tools are preferred; 0: none is known. An error: it cannot be entered; whatever
  /// else could not be read is a gap.
  Result<std::optional<model::ServicePort>> find(machine::Machine& machine, const machine::NetnsHandle& netns, std::uint32_t tgid,
                                                 const model::Endpoint& dialled, bool address_of_node, MonotonicNs now);
  /// What was read is not what the kernel does: the next answer is read anew, unless it is hardly any time old.
  void doubt(MonotonicNs now);
  /// Of the last answer.
  const std::vector<model::Gap>& gaps() const { return gaps_; }
  /// Where the last answer was none: other ports of that address, a few, by the rules of iptables and the servers of ipvs.
  const std::vector<model::ServicePort>& others() const { return others_; }

 private:
  /// What was read of one ruleset.
  struct Page {
    Page() = default;
    Page(Page&&) = default;
    Page& operator=(Page&&) = default;

    ServiceTable table;
    ServiceIndex index{table.ports};
    std::optional<std::uint32_t> generation;  ///< of nf_tables, when it began to be read
    std::size_t bytes = 0;                    ///< of text that it took
    std::optional<MonotonicNs> read_ns;
    bool failed = false;

    bool is_due(std::optional<std::uint32_t> generation_now, MonotonicNs now) const;
    void fill(ServiceTable read);
  };
  struct Family {
    Page nft;
    Page legacy;
  };
  struct Wanted;

  static Page read_iptables(machine::Machine& machine, const machine::NetnsHandle& netns, std::uint32_t tgid, const Wanted& wanted);
  void add(std::optional<model::ServicePort>& found, const Page& page, const model::Endpoint& dialled, bool address_of_node);

  bool nf_tables_ = false;  ///< it is there
  Family ipv4_;
  Family ipv6_;
  Page ipvs_;
  std::vector<model::Gap> gaps_;
  std::vector<model::ServicePort> others_;
};

}  // namespace synfate::inventory
