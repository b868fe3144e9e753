// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// neighbour_failed: nobody answered ARP or ND. neighbour_unresolved: the SYN waits for the answer, as far as its absence elsewhere shows.
#include <algorithm>

#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/nat.hpp"
#include "judge/tunnels.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;
using model::IpAddress;
using model::NeighbourEvent;

bool is_neighbour_failure(const Drop& drop) {
  if (drop.reason == "NEIGH_FAILED") return true;
  const bool unnamed = drop.reason.empty() || drop.reason == "NOT_SPECIFIED";
  const std::string_view function = drop.symbol.function;
  return unnamed && (function == "neigh_invalidate" || function == "arp_error_report" || function == "ndisc_error_report");
}

std::string_view protocol_word(const IpAddress& address) { return address.family == 6 ? "ND" : "ARP"; }

/// Addresses that are still being resolved in that namespace, by the last word about each.
std::vector<const NeighbourEvent*> unresolved(const Case& kase, model::NetnsId netns) {
  std::vector<const NeighbourEvent*> latest;
  for (const NeighbourEvent& one : kase.journey().neighbours) {
    if (one.place.netns != netns) continue;
    const auto same = std::find_if(latest.begin(), latest.end(), [&](const NeighbourEvent* other) {
      return other->address == one.address && other->place.ifindex == one.place.ifindex;
    });
    if (same == latest.end()) {
      latest.push_back(&one);
    } else if (one.time_ns >= (*same)->time_ns) {
      *same = &one;
    }
  }
  // Success is not reported; a SYN that left by that device since is the proof of it.
  std::erase_if(latest, [&](const NeighbourEvent* one) {
    return one->failed || std::any_of(kase.hops(model::Leg::Syn).begin(), kase.hops(model::Leg::Syn).end(), [&](const Event* hop) {
             return hop->get<model::Hop>()->kind == model::HopKind::Xmit && hop->place.same_device(one->place) &&
                    hop->time_ns > one->time_ns;
           });
  });
  return latest;
}

IpAddress destination_there(const Case& kase, const Event* last) {
  if (last != nullptr) return last->flow.dst.address;
  return kase.journey().faces.empty() ? IpAddress{} : kase.journey().faces.front().dst.address;
}

/// DNAT may have changed the destination after the last hop was seen.
bool is_a_destination(const Case& kase, const IpAddress& address, const IpAddress& destination) {
  if (address == destination) return true;
  const NatQuestions nat = questions_about_nat(kase.journey(), kase.inventory());
  if (nat.sent_to && !nat.concluded && nat.sent_to->address == address) return true;
  return std::any_of(kase.journey().faces.begin(), kase.journey().faces.end(),
                     [&](const model::Flow& face) { return face.dst.address == address; });
}

struct Awaited {
  const NeighbourEvent* neighbour = nullptr;
  bool is_destination = false;
};

/// The next hop itself is not recorded for a parked packet: the destination when it is being asked for, else the only address in question,
/// and only where the destination is known not to be on a link.
std::optional<Awaited> awaited(const Case& kase, model::NetnsId netns, const Event* last) {
  const auto open = unresolved(kase, netns);
  const IpAddress destination = destination_there(kase, last);
  for (const NeighbourEvent* one : open) {
    if (is_a_destination(kase, one->address, destination)) return Awaited{one, true};
  }
  if (open.size() != 1 || open.front()->address.family != destination.family) return std::nullopt;
  if (kase.is_on_link(netns, destination) != false) return std::nullopt;
  return Awaited{open.front(), false};
}

/// The addresses of the packet are those inside; the outer packet's next hop is neither of them nor their gateway.
Finding failed_for_outer(const Case& kase, const Event& event, const Event& tunnel) {
  const std::string device = event.place.device.empty() ? "" : " on " + clean(event.place.device);
  const std::string outer = "the outer packet of " + edge_word(tunnel.place);
  const auto asked = next_hop_of_outer(kase, event);
  Finding finding = finding_about_drop(kase, model::Stage::Neighbour);
  finding.ceiling = model::Confidence::Strong;
  if (asked) {
    finding.summary = "no " + std::string(protocol_word(*asked)) + " answer from " + to_string(*asked) + device + ", for " + outer;
    finding.evidence.push_back(std::string(protocol_word(*asked)) + " asked for " + to_string(*asked) + ", the only address in question" +
                               device);
  } else {
    finding.summary = "the next hop of " + outer + " did not answer" + device;
    finding.doubts.emplace_back("which address is not determined: it is the tunnel's outer packet");
  }
  if (const auto answer = icmp_error_at(kase, event)) finding.evidence.push_back(answer->words);
  finding.next = in_netns(kase, event.place.netns,
                          "ip neigh show" + (asked ? " " + to_string(*asked) : std::string()) +
                              (event.place.device.empty() ? "" : " dev " + shell_word(event.place.device)));
  return finding;
}

}  // namespace

std::optional<Finding> match_neighbour_failed(const Case& kase) {
  if (kase.drop() == nullptr || !is_neighbour_failure(*kase.drop())) return std::nullopt;
  const Event& event = *kase.drop_event();
  if (const Event* tunnel = tunnel_before(kase.journey(), event)) return failed_for_outer(kase, event, *tunnel);
  const IpAddress asked = kase.drop()->gateway ? kase.drop()->gateway : event.flow.dst.address;
  const std::string who = to_string(asked);
  Finding finding = finding_about_drop(kase, model::Stage::Neighbour);
  finding.summary = "no " + std::string(protocol_word(asked)) + " answer from " + who +
                    (event.place.device.empty() ? "" : " on " + clean(event.place.device));
  finding.evidence.push_back(std::string(protocol_word(asked)) + " asked for " + who +
                             (kase.drop()->gateway ? ", the gateway of the packet's route" : ", the destination itself: it is on link"));
  if (const auto answer = icmp_error_at(kase, event)) finding.evidence.push_back(answer->words);
  finding.next = in_netns(kase, event.place.netns,
                          "ip neigh show " + who + (event.place.device.empty() ? "" : " dev " + shell_word(event.place.device)));
  return finding;
}

std::optional<Finding> match_neighbour_unresolved(const Case& kase) {
  const model::Leg leg = kase.farthest_leg();
  if (kase.drop_event() != nullptr || !kase.silence_counts() || (leg != model::Leg::None && leg != model::Leg::Syn)) return std::nullopt;
  // A client that has given up leaves its SYN in the queue: that is still where it is.
  if (kase.seen(model::Leg::Reset) || kase.seen(model::Leg::IcmpError)) return std::nullopt;
  const Event* last = kase.last_hop(model::Leg::Syn);
  if (last != nullptr && last->get<model::Hop>()->kind == model::HopKind::Xmit) return std::nullopt;
  const model::NetnsId netns = last != nullptr ? last->place.netns : kase.journey().origin_netns;
  if (netns == 0) return std::nullopt;
  // For an address of this namespace no neighbour is asked: the SYN went to TCP.
  if (last != nullptr && kase.is_local_address(netns, last->flow.dst.address) == true) return std::nullopt;
  const auto found = awaited(kase, netns, last);
  if (!found) return std::nullopt;
  const NeighbourEvent& neighbour = *found->neighbour;
  Finding finding;
  finding.fate = model::Fate::Parked;
  finding.packet = model::Leg::Syn;
  finding.basis = Basis::Absence;
  finding.ceiling = model::Confidence::Strong;
  finding.where.netns = neighbour.place.netns;
  finding.where.device = neighbour.place.device;
  finding.where.stage = model::Stage::Neighbour;
  finding.summary = "waiting for " + std::string(protocol_word(neighbour.address)) + " from " + to_string(neighbour.address);
  finding.evidence.push_back("the SYN was neither dropped nor sent on" +
                             (last == nullptr ? "" : " after " + place_words(kase, last->place)));
  finding.evidence.push_back(to_string(neighbour.address) + " is being asked for on " + place_words(kase, neighbour.place) +
                             " and has not answered");
  finding.evidence.emplace_back("by default the kernel gives up about three seconds after its first question, and frees the SYN only then");
  if (!found->is_destination) {
    finding.doubts.push_back("the route's gateway was not read; it is the only address being asked for in that namespace");
  }
  finding.next = in_netns(kase, netns,
                          "ip neigh show " + to_string(neighbour.address) +
                              (neighbour.place.device.empty() ? "" : " dev " + shell_word(neighbour.place.device)));
  return finding;
}

}  // namespace synfate::judge
