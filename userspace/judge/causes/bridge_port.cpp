// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// bridge_port_state: the port that it came in by, or the one that it was for, does not forward. bridge_filter: the ports forward, and a
// setting of one keeps this packet out: VLANs, isolation, locking, no flooding. Most of these drops have no reason of the kernel's: the
// forwarding table and the port's settings have to explain them.
#include <algorithm>

#include "judge/bridges.hpp"
#include "judge/cause_table.hpp"
#include "judge/devices.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Confidence;
using model::Link;
using model::Stage;

constexpr std::uint8_t kForwarding = 3;
constexpr std::uint8_t kLearning = 2;

Finding finding_about(const Case& kase, Confidence ceiling, std::string summary) {
  Finding finding = finding_about_drop(kase, Stage::Bridge);
  finding.ceiling = ceiling;
  finding.summary = std::move(summary);
  return finding;
}

std::string show_port(const Case& kase, const Link& port) {
  return in_netns(kase, kase.drop_event()->place.netns, "bridge -d link show dev " + shell_word(port.name));
}

/// Why a port is disabled, as far as its devices tell.
void say_why(const Case& kase, const BridgeCrossing& crossing, const Link& port, Finding& finding) {
  finding.next = show_port(kase, port);
  if (port.bridge_port->state != 0) return;
  if (const auto down = down_device(kase, crossing.netns->id, port)) {
    finding.evidence.push_back("that is why it is disabled: " + down->words);
    finding.next = show_device(kase, down->netns, *down->link);
  } else if (crossing.bridge != nullptr && !crossing.bridge->up) {
    finding.evidence.push_back("that is why it is disabled: the bridge " + clean(crossing.bridge->name) + " is down");
    finding.next = show_device(kase, crossing.netns->id, *crossing.bridge);
  }
}

std::optional<Finding> not_forwarding_in(const Case& kase, const BridgeCrossing& crossing) {
  const model::Drop& drop = *kase.drop();
  const bool by_reason = drop.reason == "BRIDGE_INGRESS_STP_STATE";
  const Link* port = crossing.in;
  const std::uint8_t state = port == nullptr ? kForwarding : port->bridge_port->state;
  // br_handle_frame() takes learning ports, whose packets br_handle_frame_finish() frees.
  const bool by_state = is_unnamed(drop) && state != kForwarding &&
                        ((drop.symbol.function == "br_handle_frame" && state != kLearning) ||
                         (drop.symbol.function == "br_handle_frame_finish" && (state == kLearning || state == 0)));
  if (!by_reason && !by_state) return std::nullopt;
  const std::string name = clean(kase.drop_event()->place.device);
  if (port == nullptr || state == kForwarding) {
    Finding finding = finding_about(kase, Confidence::Exact, "bridge port " + name + " was not forwarding");
    if (port != nullptr) finding.evidence.push_back(name + " was forwarding again when it was read just after the drop");
    finding.next = in_netns(kase, kase.drop_event()->place.netns, "bridge -d link show dev " + shell_word(kase.drop_event()->place.device));
    return finding;
  }
  const std::string words = "bridge port " + name + " is " + std::string(port_state_word(state));
  Finding finding = finding_about(kase, by_reason ? Confidence::Exact : Confidence::Strong, words + ": it takes nothing in");
  finding.evidence.push_back(words + ", as read just after the drop");
  say_why(kase, crossing, *port, finding);
  return finding;
}

std::optional<Finding> not_forwarding_out(const Case& kase, const BridgeCrossing& crossing) {
  const Link* port = crossing.out;
  if (port != nullptr && port->bridge_port->state != kForwarding) {
    const std::string words = "bridge port " + clean(port->name) + " is " + std::string(port_state_word(port->bridge_port->state));
    Finding finding = finding_about(kase, Confidence::Strong, words + ": it sends nothing out");
    finding.evidence.push_back("the bridge knows " + mac_words(kase.drop()->mac_destination) + " behind " + clean(port->name));
    finding.evidence.push_back(words + ", as read just after the drop");
    say_why(kase, crossing, *port, finding);
    return finding;
  }
  if (crossing.known || crossing.others.empty()) return std::nullopt;
  const bool none_forwards = std::all_of(crossing.others.begin(), crossing.others.end(),
                                         [](const Link* other) { return other->bridge_port->state != kForwarding; });
  if (!none_forwards) return std::nullopt;
  Finding finding = finding_about(kase, Confidence::Strong, "no other port of bridge " + clean(crossing.bridge->name) + " forwards");
  for (const Link* other : crossing.others) {
    finding.evidence.push_back("bridge port " + clean(other->name) + " is " + std::string(port_state_word(other->bridge_port->state)));
  }
  finding.next = in_netns(kase, crossing.netns->id, "bridge -d link show");
  return finding;
}

bool takes(const std::vector<model::VlanRange>& vlans, std::uint16_t vlan) {
  return std::any_of(vlans.begin(), vlans.end(), [&](const model::VlanRange& range) { return range.first <= vlan && vlan <= range.last; });
}

std::string vlan_words(const std::vector<model::VlanRange>& vlans) {
  std::string words;
  for (const model::VlanRange& range : vlans) {
    words += (words.empty() ? "" : ", ") + std::to_string(range.first);
    if (range.last != range.first) words += "-" + std::to_string(range.last);
    if (range.pvid) words += " (untagged)";
  }
  return words.empty() ? "none" : words;
}

const std::vector<model::VlanRange>* vlans_of(const model::Netns& netns, const Link& port) {
  const auto found = std::find_if(netns.bridge_vlans.begin(), netns.bridge_vlans.end(),
                                  [&](const model::BridgeVlans& one) { return one.ifindex == port.ifindex; });
  return found == netns.bridge_vlans.end() ? nullptr : &found->vlans;
}

std::string show_vlans(const Case& kase, const Link& port) {
  return in_netns(kase, kase.drop_event()->place.netns, "bridge vlan show dev " + shell_word(port.name));
}

std::optional<Finding> vlan_in(const Case& kase, const BridgeCrossing& crossing) {
  const std::string_view function = kase.drop()->symbol.function;
  // These free a packet for nothing else.
  if (!is_unnamed(*kase.drop()) || (function != "br_allowed_ingress" && function != "__allowed_ingress")) return std::nullopt;
  const std::string name = clean(kase.drop_event()->place.device);
  Finding finding = finding_about(kase, Confidence::Exact, "bridge port " + name + " does not take its VLAN");
  if (crossing.in != nullptr) {
    if (const auto* vlans = vlans_of(*crossing.netns, *crossing.in)) {
      finding.evidence.push_back("VLANs of " + name + ": " + vlan_words(*vlans));
      const bool untagged = std::any_of(vlans->begin(), vlans->end(), [](const model::VlanRange& range) { return range.pvid; });
      if (!untagged) finding.evidence.push_back("it takes nothing without a tag: no VLAN of it is its PVID");
    }
  }
  finding.next = in_netns(kase, kase.drop_event()->place.netns, "bridge vlan show dev " + shell_word(kase.drop_event()->place.device));
  return finding;
}

std::optional<Finding> vlan_out(const Case& kase, const BridgeCrossing& crossing) {
  if (crossing.bridge == nullptr || crossing.bridge->vlan_filtering != true || crossing.out == nullptr) return std::nullopt;
  const Link& entry = crossing.in == nullptr ? *crossing.bridge : *crossing.in;
  const auto* from = vlans_of(*crossing.netns, entry);
  const auto* to = vlans_of(*crossing.netns, *crossing.out);
  if (from == nullptr || to == nullptr) return std::nullopt;
  const auto untagged = std::find_if(from->begin(), from->end(), [](const model::VlanRange& range) { return range.pvid; });
  if (untagged == from->end() || takes(*to, untagged->first)) return std::nullopt;
  Finding finding = finding_about(kase, Confidence::Strong,
                                  "bridge port " + clean(crossing.out->name) + " is not in VLAN " + std::to_string(untagged->first));
  finding.evidence.push_back("what comes in by " + clean(entry.name) + " without a tag is in VLAN " + std::to_string(untagged->first));
  finding.evidence.push_back("VLANs of " + clean(crossing.out->name) + ", behind which the bridge knows " +
                             mac_words(kase.drop()->mac_destination) + ": " + vlan_words(*to));
  finding.doubts.emplace_back("whether it had a tag of its own is not recorded");
  finding.next = show_vlans(kase, *crossing.out);
  return finding;
}

std::optional<Finding> isolated(const Case& kase, const BridgeCrossing& crossing) {
  if (crossing.in == nullptr || crossing.out == nullptr || !crossing.in->bridge_port->isolated || !crossing.out->bridge_port->isolated) {
    return std::nullopt;
  }
  const std::string in = clean(crossing.in->name);
  const std::string out = clean(crossing.out->name);
  Finding finding = finding_about(kase, Confidence::Strong, "bridge ports " + in + " and " + out + " are isolated from each other");
  finding.evidence.push_back("the bridge knows " + mac_words(kase.drop()->mac_destination) + " behind " + out);
  finding.evidence.push_back("both " + in + " and " + out + " are set isolated: nothing passes between two such ports");
  finding.next = show_port(kase, *crossing.in);
  return finding;
}

std::optional<Finding> locked(const Case& kase, const BridgeCrossing& crossing) {
  const model::Drop& drop = *kase.drop();
  if (!is_locked_out(drop, crossing)) return std::nullopt;
  const std::string in = clean(crossing.in->name);
  Finding finding = finding_about(kase, Confidence::Strong, "bridge port " + in + " is locked and does not know the sender");
  finding.evidence.push_back(in + " is set locked, and the bridge has no entry for " + mac_words(drop.mac_source) + " behind it");
  finding.next = in_netns(kase, crossing.netns->id, "bridge fdb show brport " + shell_word(crossing.in->name));
  return finding;
}

std::optional<Finding> not_flooded(const Case& kase, const BridgeCrossing& crossing) {
  if (crossing.known || crossing.others.empty()) return std::nullopt;
  unsigned closed = 0;
  for (const Link* other : crossing.others) {
    if (other->bridge_port->state != kForwarding) continue;
    if (other->bridge_port->flood != false) return std::nullopt;
    ++closed;
  }
  if (closed == 0) return std::nullopt;
  const std::string mac = mac_words(kase.drop()->mac_destination);
  Finding finding = finding_about(kase, Confidence::Strong, "the bridge does not know " + mac + ", and no port of it is flooded");
  finding.evidence.push_back("bridge " + clean(crossing.bridge->name) + " has no entry for " + mac);
  finding.evidence.push_back("flood is off on every other port that forwards (" + std::to_string(closed) + ")");
  finding.next = in_netns(kase, crossing.netns->id, "bridge fdb show br " + shell_word(crossing.bridge->name));
  return finding;
}

}  // namespace

std::optional<Finding> match_bridge_port_state(const Case& kase) {
  const auto crossing = bridge_crossing(kase);
  if (!crossing) return std::nullopt;
  if (auto finding = not_forwarding_in(kase, *crossing)) return finding;
  return crossing->decides_way ? not_forwarding_out(kase, *crossing) : std::nullopt;
}

std::optional<Finding> match_bridge_filter(const Case& kase) {
  const auto crossing = bridge_crossing(kase);
  if (!crossing) return std::nullopt;
  if (auto finding = vlan_in(kase, *crossing)) return finding;
  if (!crossing->decides_way) return std::nullopt;
  for (const auto& one : {locked, isolated, vlan_out, not_flooded}) {
    if (auto finding = one(kase, *crossing)) return finding;
  }
  return std::nullopt;
}

}  // namespace synfate::judge
