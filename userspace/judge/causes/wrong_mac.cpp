// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// wrong_mac: every copy of every SYN ended at a station with another MAC address. A single such copy is what a flooding bridge or a
// promiscuous port sees all day, and no failure.
#include <algorithm>

#include "judge/cause_table.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::HopKind;
using model::Leg;

/// A retransmit met the same end as the SYN before it.
bool happened_again(const Case& kase) {
  const auto& drops = kase.drops().for_other_macs;
  return drops.back()->time_ns - drops.front()->time_ns > kSameRound;
}

/// The namespace passed the packet on after it had come in; the way out may be that of the copies, which live_hops() leaves out.
bool passed_on(const Case& kase, const Event& arrival) {
  return std::any_of(kase.journey().events.begin(), kase.journey().events.end(), [&](const Event& event) {
    const auto* hop = event.get<model::Hop>();
    return hop != nullptr && event.leg == Leg::Syn && hop->kind == HopKind::Xmit && event.place.netns == arrival.place.netns &&
           event.time_ns >= arrival.time_ns && event.time_ns - arrival.time_ns <= kSameRound;
  });
}

/// Some copy ended where no such drop explains its end: it left this node, or a namespace kept it.
bool went_elsewhere(const Case& kase) {
  return std::any_of(kase.hops(Leg::Syn).begin(), kase.hops(Leg::Syn).end(), [&](const Event* hop) {
    return hop->get<model::Hop>()->kind == HopKind::Xmit ? is_edge(hop->place) : !passed_on(kase, *hop);
  });
}

/// ", which is eth0's in netns blue", of the devices that were read. A bridge and its port, or a VLAN and its parent, have it together.
std::string owner_words(const Case& kase, const model::MacAddress& mac) {
  unsigned count = 0;
  std::string words;
  for (const auto& [id, netns] : kase.inventory().namespaces) {
    for (const model::Link& link : netns.links) {
      if (link.mac == mac && count++ == 0) words = clean(link.name) + " in " + netns_words(kase, id);
    }
  }
  if (count == 1) return ", which is the address of " + words;
  if (count > 1) return ", which is the address of " + std::to_string(count) + " devices in the network namespaces that were read";
  return ", which no device has in the network namespaces that were read";
}

std::string_view origin_word(const model::NeighbourEntry& entry) {
  constexpr std::uint16_t kPermanent = 0x80;
  return (entry.state & kPermanent) != 0 ? "set by hand (permanent)" : "learned";
}

/// Copies for other stations included: these are what it is about.
bool sent_the_syn(const Case& kase, model::NetnsId netns, std::uint32_t ifindex) {
  return std::any_of(kase.journey().events.begin(), kase.journey().events.end(), [&](const Event& event) {
    const auto* hop = event.get<model::Hop>();
    return hop != nullptr && event.leg == Leg::Syn && hop->kind == HopKind::Xmit && event.place.netns == netns &&
           event.place.ifindex == ifindex;
  });
}

/// Neighbour entries with that MAC address for where the SYN went: they are why it was sent there.
void say_who_sent_it_there(const Case& kase, const model::MacAddress& mac, Finding& finding) {
  bool said = false;
  for (const auto& [id, netns] : kase.inventory().namespaces) {
    if (!netns.neighbours) continue;
    for (const model::NeighbourEntry& entry : netns.neighbours->entries) {
      const model::Link* link = netns.link(entry.ifindex);
      const bool sent_by = sent_the_syn(kase, id, entry.ifindex);
      if (entry.mac != mac || link == nullptr || !sent_by || entry.address.family != kase.drops().for_other_macs.back()->flow.family()) {
        continue;
      }
      finding.evidence.push_back(netns_words(kase, id) + " has that MAC address for " + to_string(entry.address) + " on " +
                                 clean(link->name) + ", " + std::string(origin_word(entry)));
      if (!said) {
        finding.next = in_netns(kase, id, "ip neigh show " + to_string(entry.address) + " dev " + shell_word(link->name));
      }
      said = true;
    }
  }
}

}  // namespace

std::optional<Finding> match_wrong_mac(const Case& kase) {
  const auto& drops = kase.drops().for_other_macs;
  if (kase.drop_event() != nullptr || drops.empty() || !kase.retransmitted(Leg::Syn) || !happened_again(kase)) return std::nullopt;
  for (const Event* drop : drops) {
    if (drop->leg != Leg::Syn) return std::nullopt;
  }
  for (const Leg leg : {Leg::SynAck, Leg::Ack, Leg::Reset, Leg::IcmpError}) {
    if (kase.seen(leg)) return std::nullopt;
  }
  if (went_elsewhere(kase)) return std::nullopt;
  const Event& event = *drops.back();
  const model::Drop& drop = *event.get<model::Drop>();
  Finding finding;
  finding.basis = Basis::Absence;
  finding.ceiling = model::Confidence::Strong;
  finding.packet = Leg::Syn;
  finding.where.netns = event.place.netns;
  finding.where.device = event.place.device;
  finding.where.stage = model::Stage::Device;
  finding.where.function = drop.symbol.function;
  finding.where.module = drop.symbol.module;
  finding.where.reason = drop.reason;
  finding.summary =
      "sent to a MAC address that is not " + (event.place.device.empty() ? std::string("the receiver") : clean(event.place.device)) + "'s";
  finding.evidence.push_back("every SYN that arrived was freed as meant for another station, last at " + place_words(kase, event.place));
  if (drop.mac_destination != std::array<std::uint8_t, 6>{}) {
    finding.evidence.push_back("it was addressed to " + mac_words(drop.mac_destination) + owner_words(kase, drop.mac_destination));
  }
  if (const model::Link* link = kase.link(event.place)) {
    if (link->mac != std::array<std::uint8_t, 6>{}) finding.evidence.push_back(clean(link->name) + " has " + mac_words(link->mac));
  }
  finding.next = in_netns(kase, kase.journey().origin_netns, "ip neigh show");
  say_who_sent_it_there(kase, drop.mac_destination, finding);
  return finding;
}

}  // namespace synfate::judge
