// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// no_route, route_blackhole, route_unreachable, route_prohibit: told apart by the error of the packet's route or of the lookup before it.
// Without such an error no kind of route is named.
#include <cstring>

#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/listeners.hpp"
#include "judge/refusals.hpp"
#include "judge/ways.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;
using model::Leg;
using model::RouteFailure;
using model::Stage;

enum class Kind : unsigned char { NoRoute, Blackhole, Unreachable, Prohibit };

struct Route {
  Kind kind = Kind::NoRoute;
  std::string proof;
  std::string doubt;
};

std::optional<Kind> kind_of_error(int error) {
  switch (error < 0 ? -error : error) {
    case 3:
    case 11:
    case 101: return Kind::NoRoute;
    case 22: return Kind::Blackhole;
    case 113: return Kind::Unreachable;
    case 13: return Kind::Prohibit;
    default: return std::nullopt;
  }
}

bool is_discard(std::string_view function) {
  return function == "dst_discard" || function == "dst_discard_out" || function == "ip6_pkt_drop" || function == "ip6_pkt_discard" ||
         function == "ip6_pkt_discard_out" || function == "ip6_pkt_prohibit" || function == "ip6_pkt_prohibit_out";
}

bool is_route_drop(const Drop& drop) {
  const std::string_view function = drop.symbol.function;
  return function == "ip_error" || is_discard(function) || drop.reason == "IP_INNOROUTES" || drop.reason == "IP_OUTNOROUTES";
}

/// Kernels before 5.17 give ip_error's EHOSTUNREACH no reason, and it also means "forwarding is off"; the FIB's own error or the ICMP
/// error, which a host that does not forward never sends, settles it.
bool is_unreachable_by_route(const Case& kase, const Drop& drop) {
  if (drop.symbol.function != "ip_error") return true;
  return kind_of_error(drop.lookup_error) == Kind::Unreachable || icmp_error_at(kase, *kase.drop_event()).has_value();
}

std::optional<Route> route_of(const Case& kase) {
  if (kase.drop() == nullptr || !is_route_drop(*kase.drop())) return std::nullopt;
  const Drop& drop = *kase.drop();
  const std::string_view function = drop.symbol.function;
  if (drop.reason == "IP_INADDRERRORS") return std::nullopt;
  if (drop.route_error != 0) {
    const auto kind = kind_of_error(drop.route_error);
    if (!kind || (*kind == Kind::Unreachable && !is_unreachable_by_route(kase, drop))) return std::nullopt;
    return Route{*kind, "the packet's route carries " + errno_word(drop.route_error), ""};
  }
  if (function.starts_with("ip6_pkt_prohibit")) return Route{Kind::Prohibit, "only a prohibit route leads there", ""};
  if (function == "ip_error" && drop.reason == "IP_INNOROUTES")
    return Route{Kind::NoRoute, "ip_error gives that reason to ENETUNREACH only", ""};
  // A lookup that finds nothing is ordinary: with policy routing every packet first misses the local table. One that meets a refusing
  // route is the last one made.
  const auto looked_up = kind_of_error(drop.lookup_error);
  const bool says_no_route = drop.reason == "IP_INNOROUTES" || drop.reason == "IP_OUTNOROUTES";
  if (looked_up && (*looked_up != Kind::NoRoute || says_no_route)) {
    return Route{*looked_up,
                 "the route lookup just before, in table " + std::to_string(drop.lookup_table) + ", gave " + errno_word(drop.lookup_error),
                 ""};
  }
  if (says_no_route) {
    return Route{Kind::NoRoute, "", "the route's error was not recovered: an unreachable route is given the same reason"};
  }
  return std::nullopt;
}

std::string summary_of(Kind kind, const std::string& destination) {
  switch (kind) {
    case Kind::NoRoute: return "no route to " + destination;
    case Kind::Blackhole: return "by a blackhole route for " + destination;
    case Kind::Unreachable: return "by an unreachable route for " + destination;
    case Kind::Prohibit: return "by a prohibit route for " + destination;
  }
  return "";
}

std::string route_query(const Case& kase, const Event& event, const model::IpAddress& destination) {
  std::string command = ip_command(event.flow) + " route get " + to_string(destination);
  if (event.place.ifindex != 0 && !event.place.device.empty() && event.flow.src.address) {
    command += " from " + to_string(event.flow.src.address) + " iif " + shell_word(event.place.device);
  }
  return in_netns(kase, event.place.netns, command);
}

/// A packet that came in by a device was being routed on its way in; one that did not was being sent.
Stage stage_of(const Case& kase) {
  const Event& drop = *kase.drop_event();
  const std::string_view function = kase.drop()->symbol.function;
  if (function == "ip_error") return Stage::RouteIn;
  if (kase.drop()->reason == "IP_OUTNOROUTES" || function.ends_with("discard_out") || function.ends_with("prohibit_out")) {
    for (const Event* hop : kase.hops(drop.leg)) {
      if (hop->place.netns == drop.place.netns && hop->get<model::Hop>()->kind != model::HopKind::Xmit && hop->time_ns <= drop.time_ns) {
        return Stage::RouteIn;
      }
    }
    return Stage::LocalOut;
  }
  return Stage::RouteIn;
}

/// An ip rule may refuse a packet by itself, with the errors that routes have.
std::string rule_doubt(const Case& kase, const Event& event) {
  const model::Netns* netns = kase.netns(event.place.netns);
  if (netns == nullptr) return "";
  const unsigned rules = event.flow.family() == 6 ? netns->refusing_rules_ipv6 : netns->refusing_rules_ipv4;
  if (rules == 0) return "";
  return std::to_string(rules) + (rules == 1 ? " ip rule of " : " ip rules of ") + netns_words(kase, event.place.netns) +
         (rules == 1 ? " refuses" : " refuse") + " packets without a route, with the same errors";
}

constexpr std::uint32_t kDefaultTable = 253;
constexpr std::uint32_t kMainTable = 254;

/// A look-up that misses is no end while another table may be asked, and an ip rule may refuse without any. Only the tables that the rules
/// ask last tell that there is no route.
bool ends_the_lookup(const RouteFailure& failure) {
  return kind_of_error(failure.error) != Kind::NoRoute || failure.table == kMainTable || failure.table == kDefaultTable;
}

std::optional<Finding> match_failed_connect(const Case& kase, Kind wanted) {
  if (kase.journey().sent_a_syn) return std::nullopt;
  for (const Event& event : kase.journey().events) {
    const auto* failure = event.get<RouteFailure>();
    if (failure == nullptr || kind_of_error(failure->error) != wanted || !ends_the_lookup(*failure)) continue;
    const model::IpAddress destination = event.flow.dst.address         ? event.flow.dst.address
                                         : kase.journey().faces.empty() ? model::IpAddress{}
                                                                        : kase.journey().faces.front().dst.address;
    Finding finding;
    finding.fate = model::Fate::Refused;
    finding.where.netns = event.place.netns;
    finding.where.stage = Stage::LocalOut;
    finding.summary = summary_of(wanted, to_string(destination)) + ": no SYN was sent";
    finding.evidence.push_back("connect() in " + netns_words(kase, event.place.netns) +
                               " failed before a SYN was made: the route lookup gave " + errno_word(failure->error) + " in table " +
                               std::to_string(failure->table));
    if (auto doubt = rule_doubt(kase, event); kind_of_error(failure->error) == Kind::NoRoute && !doubt.empty()) {
      finding.doubts.push_back(std::move(doubt));
    }
    finding.next =
        in_netns(kase, event.place.netns, (destination.family == 6 ? "ip -6" : "ip") + std::string(" route get ") + to_string(destination));
    return finding;
  }
  return std::nullopt;
}

/// What the kernel answers to a question about a route, by its errno.
std::optional<Kind> kind_of_answer(const model::RouteAnswer& answer) {
  for (const int error : {101, 22, 113, 13}) {
    if (answer.error == std::strerror(error)) return kind_of_error(error);
  }
  return std::nullopt;
}

/// A listener that found no way back to the client refuses its SYN, and sends nothing: by the function that decides, else by the counters
/// of refusals that no queue explains.
std::optional<Finding> match_way_back(const Case& kase, Kind wanted) {
  Finding finding;
  const Event* arrived = nullptr;
  const model::RouteAnswer* back = nullptr;
  if (const auto refusal = refusal_of(kase)) {
    if (refusal->reason != RefusedFor::NoRoute) return std::nullopt;
    finding = finding_about_refusal(kase, *refusal);
    arrived = refusal->event;
    back = refusal->way_back;
    if (refusal->in_reserve != false)
      finding.doubts.emplace_back("its SYN queue may have reached what is kept of net.ipv4.tcp_max_syn_backlog for peers that it knows");
  } else if (const auto queues = refused_for_no_queue(kase)) {
    arrived = queues->arrived;
    back = answer_to(kase, arrived->place.netns, question_of_answer(*arrived));
    if (back != nullptr && back->time_ns + kRouteAge < arrived->time_ns) back = nullptr;
    finding.packet = Leg::Syn;
    finding.basis = Basis::Absence;
    finding.where.netns = arrived->place.netns;
    finding.where.device = arrived->place.device;
    finding.where.stage = Stage::Socket;
    finding.evidence.push_back(netns_words(kase, arrived->place.netns) + " received the SYN for its own address, and listener " +
                               listener_words(*queues->listener) + " refused " + count_words(*queues->moved->own_drops, "packet") + " in " +
                               duration_words(queues->moved->span_ns) + ", none of them for a full queue");
  }
  if (back == nullptr || kind_of_answer(*back) != wanted) return std::nullopt;
  // The route was asked for afterwards, and not as the listener asks.
  finding.ceiling = model::Confidence::Strong;
  const model::Netns* netns = kase.netns(arrived->place.netns);
  const auto& rules = arrived->flow.family() == 6 ? netns->own_rules_ipv6 : netns->own_rules_ipv4;
  if (rules != 0U) {
    finding.doubts.emplace_back(rules
                                    ? "the namespace has ip rules of its own: with a mark, or in a VRF, the listener may have another route"
                                    : "its ip rules were not read: with a mark, or in a VRF, the listener may have another route");
  }
  const std::string client = to_string(arrived->flow.src.address);
  finding.summary = wanted == Kind::NoRoute ? "no route back to " + client + ": its listener cannot answer"
                                            : summary_of(wanted, client) + ": its listener cannot answer";
  finding.evidence.push_back("the route back: " + route_words(kase, arrived->place.netns, *back) +
                             rules_caveat(kase, arrived->place.netns, arrived->flow.family()));
  finding.next = in_netns(kase, arrived->place.netns, ip_command(arrived->flow) + " route get " + client);
  return finding;
}

std::optional<Finding> match_kind(const Case& kase, Kind wanted) {
  if (auto finding = match_failed_connect(kase, wanted)) return finding;
  if (auto finding = match_way_back(kase, wanted)) return finding;
  const auto route = route_of(kase);
  if (!route || route->kind != wanted) return std::nullopt;
  const Event& event = *kase.drop_event();
  Finding finding = finding_about_drop(kase, stage_of(kase));
  finding.summary = summary_of(wanted, to_string(event.flow.dst.address));
  if (!route->proof.empty()) finding.evidence.push_back(route->proof);
  if (!route->doubt.empty()) finding.doubts.push_back(route->doubt);
  // A lookup that met the refusing route itself settles it.
  const bool met = wanted != Kind::NoRoute && kind_of_error(kase.drop()->lookup_error) == wanted;
  if (auto doubt = rule_doubt(kase, event); !met && !doubt.empty()) finding.doubts.push_back(std::move(doubt));
  if (wanted != Kind::Blackhole) {
    if (const auto answer = icmp_error_at(kase, event)) {
      finding.fate = model::Fate::Refused;
      finding.evidence.push_back(answer->words);
      if (auto note = answer_lost_note(kase, Leg::IcmpError)) finding.notes.push_back(std::move(*note));
    }
  }
  finding.next = route_query(kase, event, event.flow.dst.address);
  return finding;
}

}  // namespace

std::optional<Finding> match_no_route(const Case& kase) { return match_kind(kase, Kind::NoRoute); }
std::optional<Finding> match_route_blackhole(const Case& kase) { return match_kind(kase, Kind::Blackhole); }
std::optional<Finding> match_route_unreachable(const Case& kase) { return match_kind(kase, Kind::Unreachable); }
std::optional<Finding> match_route_prohibit(const Case& kase) { return match_kind(kase, Kind::Prohibit); }

}  // namespace synfate::judge
