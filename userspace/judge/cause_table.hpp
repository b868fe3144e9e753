// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a cause is to the judge: a name, and a function that recognises it or stays silent. The order of the table is the order of trying.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "judge/case.hpp"

namespace synfate::judge {

/// What the claim stands on; decides which losses weaken it.
enum class Basis : unsigned char {
  Record,   ///< a record of the kernel names the place and the cause
  Socket,   ///< TCP's own state; no loss can change it
  Absence,  ///< something was not seen
};

/// What a cause found. confidence.cpp turns ceiling, doubts and losses into the confidence that is printed.
struct Finding {
  model::Fate fate = model::Fate::Dropped;
  std::string_view cause;  ///< empty: the name in the table
  std::string summary;
  model::Leg packet = model::Leg::None;
  model::Where where;
  Basis basis = Basis::Record;
  model::Confidence ceiling = model::Confidence::Exact;
  std::vector<std::string> evidence;
  std::vector<std::string> doubts;  ///< each makes it partial, and is said
  std::vector<std::string> notes;
  std::string next;
  std::string elsewhere;  ///< evidence that it is none of this node's doing; not said beside a mistake of its own
};

using Match = std::optional<Finding> (*)(const Case&);

struct Cause {
  std::string_view name;
  Match match;
};

std::span<const Cause> cause_table();

/// A finding about the drop that decides, with where, packet and the kernel's own words as first evidence. Needs drop_event().
Finding finding_about_drop(const Case& kase, model::Stage stage);

/// Exact, strong or partial, with the reasons added to the evidence: the only place that lowers a confidence.
void settle_confidence(const Case& kase, const Finding& finding, model::Verdict& verdict);

std::optional<Finding> match_reset_by_app(const Case& kase);
std::optional<Finding> match_established(const Case& kase);
std::optional<Finding> match_accept_queue_full(const Case& kase);
std::optional<Finding> match_syn_queue_full(const Case& kase);
std::optional<Finding> match_peer_reset(const Case& kase);
std::optional<Finding> match_icmp_from_peer(const Case& kase);
std::optional<Finding> match_ipvs(const Case& kase);
std::optional<Finding> match_lsm(const Case& kase);
std::optional<Finding> match_conntrack_full(const Case& kase);
std::optional<Finding> match_conntrack_clash(const Case& kase);
std::optional<Finding> match_conntrack_invalid(const Case& kase);
std::optional<Finding> match_nat_exhausted(const Case& kase);
std::optional<Finding> match_nfqueue_drop(const Case& kase);
std::optional<Finding> match_netfilter_reject(const Case& kase);
std::optional<Finding> match_netfilter_policy(const Case& kase);
std::optional<Finding> match_netfilter_drop(const Case& kase);
std::optional<Finding> match_forwarding_off(const Case& kase);
std::optional<Finding> match_no_route(const Case& kase);
std::optional<Finding> match_route_blackhole(const Case& kase);
std::optional<Finding> match_route_unreachable(const Case& kase);
std::optional<Finding> match_route_prohibit(const Case& kase);
std::optional<Finding> match_rp_filter(const Case& kase);
std::optional<Finding> match_martian(const Case& kase);
std::optional<Finding> match_neighbour_failed(const Case& kase);
std::optional<Finding> match_neighbour_overflow(const Case& kase);
std::optional<Finding> match_neighbour_unresolved(const Case& kase);
std::optional<Finding> match_no_listener(const Case& kase);
std::optional<Finding> match_tc_drop(const Case& kase);
std::optional<Finding> match_xdp_drop(const Case& kase);
std::optional<Finding> match_cgroup_bpf(const Case& kase);
std::optional<Finding> match_socket_filter(const Case& kase);
std::optional<Finding> match_tcp_auth(const Case& kase);
std::optional<Finding> match_tcp_minttl(const Case& kase);
std::optional<Finding> match_time_wait(const Case& kase);
std::optional<Finding> match_xfrm(const Case& kase);
std::optional<Finding> match_bridge_hairpin(const Case& kase);
std::optional<Finding> match_bridge_port_state(const Case& kase);
std::optional<Finding> match_bridge_filter(const Case& kase);
std::optional<Finding> match_device_down(const Case& kase);
std::optional<Finding> match_qdisc_drop(const Case& kase);
std::optional<Finding> match_cpu_backlog(const Case& kase);
std::optional<Finding> match_mtu(const Case& kase);
std::optional<Finding> match_ttl(const Case& kase);
std::optional<Finding> match_checksum(const Case& kase);
std::optional<Finding> match_wrong_mac(const Case& kase);
std::optional<Finding> match_left_node(const Case& kase);
std::optional<Finding> match_other(const Case& kase);
std::optional<Finding> match_unknown(const Case& kase);

}  // namespace synfate::judge
