// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/bridges.hpp"

#include <algorithm>
#include <array>

#include "judge/devices.hpp"

namespace synfate::judge {
namespace {

using model::Link;

bool is_bridge_function(std::string_view function) {
  return (function.starts_with("br_") || function.starts_with("__br_") || function == "__allowed_ingress") &&
         !function.starts_with("br_nf_") && !function.starts_with("br_netfilter");
}

/// Which of them is in the symbol depends on what the compiler has put into what.
bool decides_way(const model::Drop& drop) {
  const std::string_view function = drop.symbol.function;
  return (is_unnamed(drop) || drop.reason == "NO_TX_TARGET") &&
         (function == "br_handle_frame_finish" || function == "br_forward" || function == "__br_forward" || function == "br_flood" ||
          function == "br_dev_xmit" || function == "br_pass_frame_up");
}

bool is_station(const model::MacAddress& mac) { return mac != model::MacAddress{} && (mac[0] & 1U) == 0; }

void find_way(const model::Drop& drop, BridgeCrossing& crossing) {
  if (!is_station(drop.mac_destination)) return;
  bool several = false;
  crossing.known = false;
  for (const model::FdbEntry& entry : crossing.netns->fdb) {
    if (entry.mac != drop.mac_destination || entry.bridge_ifindex != crossing.bridge->ifindex) continue;
    crossing.known = true;
    const Link* port = crossing.netns->link(entry.port_ifindex);
    if (entry.local || port == nullptr || !port->bridge_port || port == crossing.in) {
      several = true;
    } else if (crossing.out != nullptr && crossing.out != port) {
      several = true;
    } else {
      crossing.out = port;
    }
  }
  if (several) crossing.out = nullptr;
}

}  // namespace

std::string_view port_state_word(std::uint8_t state) {
  constexpr std::array<std::string_view, 5> kWords{"disabled", "listening", "learning", "forwarding", "blocking"};
  return state < kWords.size() ? kWords[state] : "in an unknown state";
}

bool is_locked_out(const model::Drop& drop, const BridgeCrossing& crossing) {
  if (drop.symbol.function != "br_handle_frame_finish" || crossing.in == nullptr || !crossing.in->bridge_port->locked) return false;
  const bool known = std::any_of(crossing.netns->fdb.begin(), crossing.netns->fdb.end(), [&](const model::FdbEntry& entry) {
    return entry.mac == drop.mac_source && entry.port_ifindex == crossing.in->ifindex;
  });
  return !known && drop.mac_source != model::MacAddress{};
}

std::optional<BridgeCrossing> bridge_crossing(const Case& kase) {
  if (kase.drop() == nullptr || kase.drop()->has_hook || !is_bridge_function(kase.drop()->symbol.function)) return std::nullopt;
  const model::Place& place = kase.drop_event()->place;
  BridgeCrossing crossing;
  crossing.decides_way = decides_way(*kase.drop());
  const model::Netns* netns = kase.netns(place.netns);
  const Link* link = kase.link(place);
  if (netns == nullptr || link == nullptr) return crossing;
  const bool by_port = link->bridge_port.has_value();
  const Link* bridge = by_port ? netns->link(link->master_ifindex) : link->kind == "bridge" ? link : nullptr;
  if (bridge == nullptr) return crossing;
  crossing.netns = netns;
  crossing.bridge = bridge;
  crossing.in = by_port ? link : nullptr;
  for (const Link& other : netns->links) {
    if (other.bridge_port && other.master_ifindex == bridge->ifindex && &other != crossing.in) crossing.others.push_back(&other);
  }
  find_way(*kase.drop(), crossing);
  return crossing;
}

}  // namespace synfate::judge
