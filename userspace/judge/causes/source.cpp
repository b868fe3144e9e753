// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// rp_filter and martian: the source address was not acceptable on the device by which the packet came in.
#include <algorithm>

#include "base/text.hpp"
#include "judge/cause_table.hpp"
#include "judge/ways.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;

std::string route_back(const Case& kase, const Event& event) {
  return in_netns(kase, event.place.netns, ip_command(event.flow) + " route get " + to_string(event.flow.src.address));
}

void mention_rp_filter(const Case& kase, const Event& event, Finding& finding) {
  const auto all = kase.sysctl(event.place.netns, "net.ipv4.conf.all.rp_filter");
  const auto own = kase.sysctl(event.place.netns, "net.ipv4.conf." + event.place.device + ".rp_filter");
  if (!all || !own) {
    finding.evidence.push_back("the rp_filter sysctls of that namespace were not read");
    return;
  }
  const auto all_value = parse_number(trim(*all));
  const auto own_value = parse_number(trim(*own));
  const std::string own_key = "net.ipv4.conf." + clean(event.place.device) + ".rp_filter";
  std::string text = "net.ipv4.conf.all.rp_filter = " + clean(*all) + ", " + own_key + " = " + clean(*own);
  if (all_value && own_value) {
    const auto effective = std::max(*all_value, *own_value);
    text += ": the larger counts, effective " + std::to_string(effective);
    if (effective == 1) text += " (strict: the route back must use this device)";
    if (effective == 2) text += " (loose: some route back must exist)";
    if (effective == 0) text += " (off when it was read: it may have been changed since the drop)";
  }
  finding.evidence.push_back(std::move(text));
}

/// 1 strict, 2 loose; nothing where it was not read, or was off by then.
std::uint64_t filter_mode(const Case& kase, const Event& event) {
  std::uint64_t effective = 0;
  for (const std::string& device : {std::string("all"), event.place.device}) {
    const auto value = kase.sysctl(event.place.netns, "net.ipv4.conf." + device + ".rp_filter");
    const auto number = value ? parse_number(trim(*value)) : std::nullopt;
    if (!number) return 0;
    effective = std::max<std::uint64_t>(effective, *number);
  }
  return effective;
}

bool has_ipv4(const model::Link& link) {
  return std::any_of(link.addresses.begin(), link.addresses.end(), [](const auto& own) { return own.address.family == 4; });
}

/// False too where no address of that namespace was read.
bool is_without_ipv4(const Case& kase, const model::Place& place) {
  const model::Netns* netns = kase.netns(place.netns);
  const model::Link* in = kase.link(place);
  return in != nullptr && !has_ipv4(*in) && std::any_of(netns->links.begin(), netns->links.end(), has_ipv4);
}

/// What the filter found, as far as it follows from how it is set. Loose mode refuses what has no way back at all, and, on a device
/// without an IPv4 address, what has another: __fib_validate_source() goes to last_resort before it asks for any (all releases since 5.15).
std::string refusal_words(const Case& kase, const Event& event, const model::RouteAnswer* back) {
  const std::string source = to_string(event.flow.src.address);
  const std::string device = event.place.device.empty() ? "the input device" : clean(event.place.device);
  const std::uint64_t mode = filter_mode(kase, event);
  if (back != nullptr && !back->error.empty()) return "there is no route back to " + source + " at all";
  if (mode == 1) return "the route back to " + source + " does not lead out of the device that it came in by";
  if (mode == 2 && is_without_ipv4(kase, event.place)) {
    return "rp_filter is loose, but " + device + " has no IPv4 address, so only a route back to " + source + " through it counts";
  }
  return "rp_filter on " + device + " did not accept the way back to " + source;
}

void mention_way_back(const Case& kase, const Event& event, Finding& finding) {
  const model::RouteAnswer* back = answer_to(kase, event.place.netns, question_of_way_back(event));
  finding.evidence.push_back(refusal_words(kase, event, back));
  if (back == nullptr) return;
  std::string text = "the route back: " + route_words(kase, event.place.netns, *back) + rules_caveat(kase, event.place.netns, 4);
  // The drop is the kernel's own word; this was asked for after it.
  if (back->error.empty() && back->out_ifindex == event.place.ifindex && !back->several) {
    text += "; that does lead out of " + clean(event.place.device) + ": it may have been changed since the drop";
  } else if (back->error.empty() && filter_mode(kase, event) == 2 && !is_without_ipv4(kase, event.place)) {
    text += "; loose filtering would accept that: it may have been changed since the drop, or the device's addresses";
  }
  finding.evidence.push_back(std::move(text));
}

/// A SYN-ACK that came in elsewhere than its SYN went out.
const Event* left_by_another(const Case& kase, const Event& event) {
  if (event.leg != model::Leg::SynAck || event.place.ifindex == 0) return nullptr;
  const Event* left = nullptr;
  for (const Event* hop : kase.hops(model::Leg::Syn)) {
    if (hop->place.netns != event.place.netns || hop->get<model::Hop>()->kind != model::HopKind::Xmit) continue;
    // A device that stacks on another is seen as both.
    if (hop->place.ifindex == event.place.ifindex) return nullptr;
    if (left == nullptr) left = hop;
  }
  return left;
}

/// What allows a source or destination that is otherwise refused.
void mention_setting(const Case& kase, const Event& event, std::string_view setting, Finding& finding) {
  std::string text;
  for (const std::string& device : {std::string("all"), event.place.device}) {
    const auto value = kase.sysctl(event.place.netns, "net.ipv4.conf." + device + "." + std::string(setting));
    if (!value) return;
    text += (text.empty() ? "" : ", ") + std::string("net.ipv4.conf.") + clean(device) + "." + std::string(setting) + " = " + clean(*value);
  }
  finding.evidence.push_back(std::move(text));
}

/// The device of that namespace that has the address; empty if none, or not known.
std::string owner_of(const Case& kase, const Event& event) {
  const model::Netns* netns = kase.netns(event.place.netns);
  if (netns == nullptr) return "";
  for (const model::Link& link : netns->links) {
    for (const model::InterfaceAddress& own : link.addresses) {
      if (own.address == event.flow.src.address) return clean(link.name);
    }
  }
  return "";
}

std::string_view martian_word(std::string_view reason) {
  if (reason == "IP_LOCAL_SOURCE") return "its source is an address of this namespace itself";
  if (reason == "IP_INVALID_SOURCE") return "its source is an address that no host may send from";
  if (reason == "IP_LOCALNET") return "its source or destination is a loopback address";
  if (reason == "IP_INVALID_DEST") return "its destination is an address that no packet may carry";
  return "";
}

}  // namespace

std::optional<Finding> match_rp_filter(const Case& kase) {
  if (kase.drop() == nullptr || kase.drop()->reason != "IP_RPFILTER") return std::nullopt;
  const Event& event = *kase.drop_event();
  Finding finding = finding_about_drop(kase, model::Stage::RouteIn);
  finding.summary = "rp_filter on " + (event.place.device.empty() ? std::string("the input device") : clean(event.place.device));
  mention_way_back(kase, event, finding);
  mention_rp_filter(kase, event, finding);
  if (const Event* left = left_by_another(kase, event)) {
    finding.summary += ": the answer to a SYN that left by " + clean(left->place.device);
    finding.evidence.push_back("the SYN left by " + place_words(kase, left->place) + ", the answer came in by " +
                               place_words(kase, event.place) + ": the way there and the way back are not the same");
  }
  finding.next = route_back(kase, event);
  return finding;
}

std::optional<Finding> match_martian(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const Event& event = *kase.drop_event();
  const model::Drop& drop = *kase.drop();
  std::string why(martian_word(drop.reason));
  const bool by_reason = !why.empty();
  if (!by_reason) {
    // Kernels before 6.13 or so give no reason; a source that is local here is refused at this place and no other SYN with one gets
    // through.
    const bool unnamed = drop.reason.empty() || drop.reason == "NOT_SPECIFIED";
    if (!unnamed || drop.symbol.function != "ip_rcv_finish_core") return std::nullopt;
    if (kase.is_local_address(event.place.netns, event.flow.src.address) != true) return std::nullopt;
    why = martian_word("IP_LOCAL_SOURCE");
  }
  Finding finding = finding_about_drop(kase, model::Stage::RouteIn);
  if (!by_reason) finding.ceiling = model::Confidence::Strong;
  const bool destination = drop.reason == "IP_INVALID_DEST";
  const model::IpAddress& culprit = destination ? event.flow.dst.address : event.flow.src.address;
  finding.summary = (destination ? "martian destination " : "martian source ") + to_string(culprit);
  finding.evidence.push_back(why);
  if (why == martian_word("IP_LOCAL_SOURCE")) {
    if (const std::string owner = owner_of(kase, event); !owner.empty()) {
      finding.evidence.push_back(to_string(culprit) + " is an address of " + owner + " in " + netns_words(kase, event.place.netns));
    }
    if (const model::RouteAnswer* back = answer_to(kase, event.place.netns, question_of_way_back(event))) {
      finding.evidence.push_back("the route back: " + route_words(kase, event.place.netns, *back));
    }
    mention_setting(kase, event, "accept_local", finding);
  }
  if (drop.reason == "IP_LOCALNET") mention_setting(kase, event, "route_localnet", finding);
  finding.next = destination ? in_netns(kase, event.place.netns, ip_command(event.flow) + " route get " + to_string(culprit))
                             : route_back(kase, event);
  return finding;
}

}  // namespace synfate::judge
