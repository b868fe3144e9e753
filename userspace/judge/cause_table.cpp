// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every cause, in the order of trying: what TCP says first, then answers from beyond, then the drop that decides from the most particular
// explanation to the plainest, then what silence means. A new cause is a match function in causes/ and a row here.
#include "judge/cause_table.hpp"

#include "judge/words.hpp"

namespace synfate::judge {
namespace {

constexpr Cause kTable[] = {
    {"accept_queue_full", match_accept_queue_full},
    {"syn_queue_full", match_syn_queue_full},
    {"reset_by_app", match_reset_by_app},
    {"established", match_established},
    {"peer_reset", match_peer_reset},
    {"icmp_from_peer", match_icmp_from_peer},
    {"ipvs", match_ipvs},
    {"lsm", match_lsm},
    {"nfqueue_drop", match_nfqueue_drop},
    {"conntrack_full", match_conntrack_full},
    {"conntrack_clash", match_conntrack_clash},
    {"nat_exhausted", match_nat_exhausted},
    {"netfilter_policy", match_netfilter_policy},
    {"netfilter_reject", match_netfilter_reject},
    {"conntrack_invalid", match_conntrack_invalid},
    {"netfilter_drop", match_netfilter_drop},
    {"forwarding_off", match_forwarding_off},
    {"no_route", match_no_route},
    {"route_blackhole", match_route_blackhole},
    {"route_unreachable", match_route_unreachable},
    {"route_prohibit", match_route_prohibit},
    {"rp_filter", match_rp_filter},
    {"martian", match_martian},
    {"neighbour_failed", match_neighbour_failed},
    {"neighbour_overflow", match_neighbour_overflow},
    {"no_listener", match_no_listener},
    {"tc_drop", match_tc_drop},
    {"xdp_drop", match_xdp_drop},
    {"cgroup_bpf", match_cgroup_bpf},
    {"socket_filter", match_socket_filter},
    {"tcp_auth", match_tcp_auth},
    {"tcp_minttl", match_tcp_minttl},
    {"time_wait", match_time_wait},
    {"xfrm", match_xfrm},
    {"bridge_hairpin", match_bridge_hairpin},
    {"bridge_port_state", match_bridge_port_state},
    {"bridge_filter", match_bridge_filter},
    {"device_down", match_device_down},
    {"qdisc_drop", match_qdisc_drop},
    {"cpu_backlog", match_cpu_backlog},
    {"mtu", match_mtu},
    {"ttl", match_ttl},
    {"checksum", match_checksum},
    {"other", match_other},
    {"wrong_mac", match_wrong_mac},
    {"neighbour_unresolved", match_neighbour_unresolved},
    {"left_node", match_left_node},
    {"unknown", match_unknown},
};

}  // namespace

namespace {

/// A SYN-ACK that dies is proof that whoever was asked did answer.
std::string answered_words(const Case& kase) {
  const model::Event* first = kase.first_hop(model::Leg::SynAck);
  if (first == nullptr) return "the peer did answer: this is its SYN-ACK";
  if (first->get<model::Hop>()->kind == model::HopKind::Xmit) {
    return "the peer did answer: its SYN-ACK left by " + place_words(kase, first->place);
  }
  return "the peer did answer: its SYN-ACK came in by " + place_words(kase, first->place);
}

}  // namespace

std::span<const Cause> cause_table() { return kTable; }

std::vector<std::string_view> cause_names() {
  std::vector<std::string_view> names;
  for (const Cause& cause : kTable) names.push_back(cause.name);
  return names;
}

Finding finding_about_drop(const Case& kase, model::Stage stage) {
  const model::Event& event = *kase.drop_event();
  const model::Drop& drop = *kase.drop();
  Finding finding;
  finding.packet = event.leg;
  finding.where.netns = event.place.netns;
  finding.where.device = event.place.device;
  finding.where.stage = stage;
  finding.where.function = drop.symbol.function;
  finding.where.module = drop.symbol.module;
  finding.where.reason = drop.reason;
  finding.evidence.push_back(function_words(drop) + " freed the " + std::string(packet_word(event.leg)) + " at " +
                             place_words(kase, event.place) + ": " + reason_words(drop));
  if (event.leg == model::Leg::SynAck) finding.evidence.push_back(answered_words(kase));
  if (event.place.netns == 0) finding.doubts.push_back("the network namespace of the drop was not recovered");
  for (const model::Event* rival : kase.drops().rivals) {
    const model::Drop& other = *rival->get<model::Drop>();
    finding.doubts.push_back("another " + std::string(packet_word(rival->leg)) + " was dropped at " + place_words(kase, rival->place) +
                             " by " + function_words(other) + " (" + reason_words(other) + "): more than one explanation");
  }
  if (event.leg == model::Leg::Syn && kase.seen(model::Leg::SynAck)) {
    finding.doubts.push_back("an earlier SYN was answered by a SYN-ACK that completed nothing: this drop may not be the first failure");
  }
  return finding;
}

}  // namespace synfate::judge
