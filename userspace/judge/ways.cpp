// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/ways.hpp"

#include <algorithm>
#include <array>

#include "judge/programs.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::Hop;
using model::HopKind;
using model::Leg;
using model::RouteAnswer;
using model::RouteQuestion;

/// What came into that namespace and then left it as this hop.
const Event* entered_as(const model::Journey& journey, const Event& hop) {
  const Event* entered = nullptr;
  for (const Event& event : journey.events) {
    const auto* seen = event.get<Hop>();
    if (seen == nullptr || event.leg != hop.leg || event.place.netns != hop.place.netns || event.time_ns > hop.time_ns) continue;
    if (seen->kind != HopKind::Receive || event.time_ns + kSameRound < hop.time_ns) continue;
    entered = &event;
  }
  return entered;
}

/// It went out by the bridge itself, and so was routed, or only through it from port to port.
bool left_by(const model::Journey& journey, const Event& hop, std::uint32_t ifindex) {
  return std::any_of(journey.events.begin(), journey.events.end(), [&](const Event& event) {
    const auto* seen = event.get<Hop>();
    return seen != nullptr && seen->kind == HopKind::Xmit && event.leg == hop.leg && event.place.netns == hop.place.netns &&
           event.place.ifindex == ifindex && event.time_ns <= hop.time_ns && hop.time_ns <= event.time_ns + kSameRound;
  });
}

std::string table_word(std::uint32_t table) {
  switch (table) {
    case 253: return "table default";
    case 254: return "table main";
    case 255: return "table local";
    default: return "table " + std::to_string(table);
  }
}

std::string_view type_word(std::uint8_t type) {
  constexpr std::array<std::string_view, 12> kWords{
      "", "", "local ", "broadcast ", "anycast ", "multicast ", "blackhole ", "unreachable ", "prohibit ", "throw ", "nat ", ""};
  return type < kWords.size() ? kWords[type] : "";
}

std::string_view state_word(std::uint16_t state) {
  switch (state) {
    case 0x01: return "INCOMPLETE";
    case 0x02: return "REACHABLE";
    case 0x04: return "STALE";
    case 0x08: return "DELAY";
    case 0x10: return "PROBE";
    case 0x20: return "FAILED";
    case 0x40: return "NOARP";
    case 0x80: return "PERMANENT";
    default: return "in no state that has a name";
  }
}

}  // namespace

std::optional<RouteQuestion> question_of_departure(const model::Journey& journey, const model::Inventory& inventory, const Event& hop) {
  const model::Netns* netns = inventory.find(hop.place.netns);
  const model::Link* link = netns == nullptr ? nullptr : netns->link(hop.place.ifindex);
  if (link == nullptr || !hop.flow.dst.address) return std::nullopt;
  if (link->bridge_port && !left_by(journey, hop, link->master_ifindex)) return std::nullopt;
  RouteQuestion question;
  question.destination = hop.flow.dst.address;
  question.neighbour = true;
  if (const Event* entered = entered_as(journey, hop)) {
    // What a bridge's port received, the bridge received after it, if it was for this namespace at all.
    const model::Link* in = netns->link(entered->place.ifindex);
    if (in == nullptr) return std::nullopt;
    // A scope does not observe the bridge.
    const bool by_bridge = in->bridge_port && inventory.scoped && !inventory.scoped->sees(entered->place.netns, entered->time_ns);
    if (in->bridge_port && !by_bridge) return std::nullopt;
    question.in_ifindex = by_bridge ? in->master_ifindex : entered->place.ifindex;
    question.source = entered->flow.src.address;
  } else if (hop.leg == Leg::Syn && hop.place.netns == journey.origin_netns && !journey.faces.empty()) {
    question.source = journey.faces.front().src.address;
  }
  return question;
}

RouteQuestion question_of_way_back(const Event& event) { return {event.flow.src.address, {}, 0, false}; }

RouteQuestion question_of_answer(const Event& event) { return {event.flow.src.address, event.flow.dst.address, 0, false}; }

RouteQuestion question_of_way_on(const Event& event) { return {event.flow.dst.address, {}, 0, false}; }

const RouteAnswer* answer_to(const Case& kase, model::NetnsId id, const std::optional<RouteQuestion>& question) {
  const model::Netns* netns = kase.netns(id);
  if (netns == nullptr || !question) return nullptr;
  const auto found =
      std::find_if(netns->routes.begin(), netns->routes.end(), [&](const RouteAnswer& each) { return each.question == *question; });
  return found == netns->routes.end() ? nullptr : &*found;
}

std::string route_words(const Case& kase, model::NetnsId id, const RouteAnswer& answer) {
  if (!answer.error.empty()) return "none (" + clean(answer.error) + ")";
  std::string text(type_word(answer.type));
  if (answer.matched) {
    text += answer.length == 0 ? "default" : to_string(answer.prefix) + "/" + std::to_string(answer.length);
  } else {
    text += to_string(answer.question.destination);
  }
  if (answer.gateway) text += " via " + to_string(answer.gateway);
  const model::Netns* netns = kase.netns(id);
  const model::Link* link = netns == nullptr ? nullptr : netns->link(answer.out_ifindex);
  if (link != nullptr) text += " dev " + clean(link->name);
  if (answer.matched) text += ", " + table_word(answer.table);
  if (answer.several) text += ", one of several next hops";
  return text;
}

std::string rules_caveat(const Case& kase, model::NetnsId id, std::uint8_t family) {
  const model::Netns* netns = kase.netns(id);
  if (netns == nullptr) return "";
  const auto& rules = family == 6 ? netns->own_rules_ipv6 : netns->own_rules_ipv4;
  if (!rules) return " (asked for a packet without a mark)";
  if (*rules == 0) return "";
  return " (asked for a packet without a mark; " + netns_words(kase, id) + " has " + count_words(*rules, "ip rule") + " of its own)";
}

std::string neighbour_words(const RouteAnswer& answer) {
  if (!answer.neighbour) return "";
  if (answer.neighbour->state == 0) return "not in the neighbour table";
  const std::string state(state_word(answer.neighbour->state));
  return answer.neighbour->mac ? mac_words(*answer.neighbour->mac) + ", " + state : state;
}

bool may_blame_beyond(const Case& kase, const Event& last) {
  if (!is_edge(last.place) || is_tunnel(last.place) || !xdp_below_sight(kase, last.place).empty()) return false;
  const model::Netns* netns = kase.netns(last.place.netns);
  if (netns == nullptr || netns->links.empty()) return false;
  return std::none_of(netns->links.begin(), netns->links.end(), [&](const model::Link& link) {
    if (link.ifindex == last.place.ifindex || link.loopback) return false;
    // The bridge that the device is a port of has the addresses.
    if (const model::Link* own = netns->link(last.place.ifindex); own != nullptr && own->master_ifindex == link.ifindex) return false;
    return std::any_of(link.addresses.begin(), link.addresses.end(), [&](const model::InterfaceAddress& own) {
      return own.prefix_length != 0 && model::Prefix{own.address, own.prefix_length}.contains(last.flow.dst.address);
    });
  });
}

}  // namespace synfate::judge
