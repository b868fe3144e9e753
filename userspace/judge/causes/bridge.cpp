// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// bridge_hairpin: the destination is behind the port that the packet came in by, and that port may not send back. Named only when the
// port's flag and the forwarding table say so, as they were read after the drop; the kernel itself gives no reason.
#include <algorithm>

#include "judge/bridges.hpp"
#include "judge/cause_table.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

bool is_bridge_function(std::string_view function) {
  return function == "br_handle_frame_finish" || function == "br_handle_frame" || function == "br_forward" || function == "__br_forward" ||
         function == "br_pass_frame_up" || function == "br_flood";
}

bool is_unnamed(std::string_view reason) { return reason.empty() || reason == "NOT_SPECIFIED" || reason == "NO_TX_TARGET"; }

}  // namespace

std::optional<Finding> match_bridge_hairpin(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const model::Event& event = *kase.drop_event();
  const model::Drop& drop = *kase.drop();
  if (!is_bridge_function(drop.symbol.function) || !is_unnamed(drop.reason)) return std::nullopt;
  const model::Netns* netns = kase.netns(event.place.netns);
  const model::Link* port = kase.link(event.place);
  if (netns == nullptr || port == nullptr || !port->bridge_port || port->bridge_port->hairpin) return std::nullopt;
  constexpr std::uint8_t kForwarding = 3;
  if (port->bridge_port->state != kForwarding || drop.mac_destination == std::array<std::uint8_t, 6>{}) return std::nullopt;
  const bool behind_same_port = std::any_of(netns->fdb.begin(), netns->fdb.end(), [&](const model::FdbEntry& entry) {
    return entry.mac == drop.mac_destination && !entry.local && entry.port_ifindex == port->ifindex &&
           entry.bridge_ifindex == port->master_ifindex;
  });
  const bool behind_another = std::any_of(netns->fdb.begin(), netns->fdb.end(), [&](const model::FdbEntry& entry) {
    return entry.mac == drop.mac_destination && entry.port_ifindex != port->ifindex && entry.bridge_ifindex == port->master_ifindex;
  });
  if (!behind_same_port || behind_another) return std::nullopt;
  // bridge_filter's.
  if (const auto crossing = bridge_crossing(kase); crossing && is_locked_out(drop, *crossing)) return std::nullopt;
  const model::Link* bridge = netns->link(port->master_ifindex);
  Finding finding = finding_about_drop(kase, model::Stage::Bridge);
  finding.ceiling = model::Confidence::Strong;
  finding.summary = "bridge port " + clean(port->name) + " may not send back (hairpin off)";
  finding.evidence.push_back("the bridge" + (bridge == nullptr ? std::string() : " " + clean(bridge->name)) + " knows " +
                             mac_words(drop.mac_destination) + " behind " + clean(port->name) + ", the port that the packet came in by");
  finding.evidence.push_back("hairpin is off on " + clean(port->name));
  finding.next = in_netns(kase, event.place.netns, "bridge -d link show dev " + shell_word(port->name));
  return finding;
}

}  // namespace synfate::judge
