// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every cause, in the order of trying: what TCP says first, then answers from beyond, then the drop that decides from the most particular
// explanation to the plainest, then what silence means. A new cause is a match function in causes/ and a row here; one that the kernel's
// reason alone proves is a row in causes/by_reason.cpp.
#include "judge/cause_table.hpp"

#include "judge/words.hpp"

namespace synfate::judge {
namespace {

constexpr Cause kTable[] = {
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
    {"no_listener", match_no_listener},
    {"tc_drop", match_tc_drop},
    {"xdp_drop", match_xdp_drop},
    {"bridge_hairpin", match_bridge_hairpin},
    {"", match_by_reason},
    {"other", match_other},
    {"wrong_mac", match_wrong_mac},
    {"neighbour_unresolved", match_neighbour_unresolved},
    {"left_node", match_left_node},
    {"unknown", match_unknown},
};

}  // namespace

std::span<const Cause> cause_table() { return kTable; }

std::vector<std::string_view> cause_names() {
  std::vector<std::string_view> names;
  for (const Cause& cause : kTable) {
    if (!cause.name.empty()) {
      names.push_back(cause.name);
      continue;
    }
    for (const std::string_view name : causes_by_reason()) names.push_back(name);
  }
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
