// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// xfrm: an IPsec policy forbids the packet, or wants it to have come or to leave by IPsec. Which policy is told where only the first that
// matches can have said so.
#include <algorithm>
#include <array>
#include <cstdio>

#include "judge/cause_table.hpp"
#include "judge/programs.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::XfrmPolicy;

constexpr std::uint8_t kIn = 0;
constexpr std::uint8_t kOut = 1;
constexpr std::uint8_t kForward = 2;
constexpr std::uint8_t kTcp = 6;
constexpr std::array<std::string_view, 3> kDirections{"in", "out", "fwd"};

bool same_port(std::uint16_t one, std::uint16_t other, std::uint16_t mask) { return ((one ^ other) & mask) == 0; }

/// As far as the packet's addresses and ports say; only_for() names what is left.
bool covers(const XfrmPolicy& policy, const model::Flow& flow) {
  const auto within = [](const model::IpAddress& net, unsigned length, const model::IpAddress& address) {
    // One without a family of its own matches all, and its addresses are zero.
    return length == 0 || model::Prefix{net, length}.contains(address);
  };
  return within(policy.source, policy.source_length, flow.src.address) &&
         within(policy.destination, policy.destination_length, flow.dst.address) && (policy.protocol == 0 || policy.protocol == kTcp) &&
         same_port(policy.source_port, flow.src.port, policy.source_port_mask) &&
         (policy.destination_port == 0 || same_port(policy.destination_port, flow.dst.port, policy.destination_port_mask)) &&
         (policy.source_length + policy.destination_length == 0 || policy.source.family == flow.family());
}

std::string hex_words(std::uint32_t number) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "0x%x", number);
  return text.data();
}

/// What else it asks of a packet, which the record of a drop does not tell; empty: nothing.
std::string only_for(const Case& kase, const XfrmPolicy& policy, model::NetnsId id) {
  std::vector<std::string> parts;
  if (policy.mark_mask != 0) parts.push_back("mark " + hex_words(policy.mark) + "/" + hex_words(policy.mark_mask));
  if (policy.xfrm_interface_id != 0) parts.push_back("xfrm interfaces of if_id " + hex_words(policy.xfrm_interface_id));
  if (policy.ifindex != 0) {
    const model::Netns* netns = kase.netns(id);
    const model::Link* link = netns == nullptr ? nullptr : netns->link(policy.ifindex);
    parts.push_back("interface " + (link == nullptr ? std::to_string(policy.ifindex) : clean(link->name)));
  }
  return parts.empty() ? "" : listed(parts);
}

std::string port_words(std::string_view which, std::uint16_t port, std::uint16_t mask) {
  if (port == 0 || mask == 0) return "";
  return " " + std::string(which) + " " + std::to_string(port) + (mask == 0xffff ? "" : "/" + hex_words(mask));
}

std::string policy_words(const XfrmPolicy& policy) {
  return "src " + to_string(policy.source) + "/" + std::to_string(policy.source_length) + " dst " + to_string(policy.destination) + "/" +
         std::to_string(policy.destination_length) + port_words("sport", policy.source_port, policy.source_port_mask) +
         port_words("dport", policy.destination_port, policy.destination_port_mask) + " dir " + std::string(kDirections[policy.direction]) +
         (policy.block ? " action block" : "") + " priority " + std::to_string(policy.priority) + " index " + std::to_string(policy.index);
}

bool refuses(const XfrmPolicy& policy) { return policy.block || policy.wants_ipsec; }

/// Who may have said no in one direction.
struct Refuser {
  const XfrmPolicy* policy = nullptr;
  const XfrmPolicy* unless = nullptr;  ///< lets pass what it applies to, and comes before
};

Refuser refuser_in(const Case& kase, const model::Netns& netns, std::uint8_t direction, const model::Flow& flow) {
  std::vector<const XfrmPolicy*> matching;
  for (const XfrmPolicy& policy : netns.xfrm_policies) {
    if (policy.direction == direction && covers(policy, flow)) matching.push_back(&policy);
  }
  std::stable_sort(matching.begin(), matching.end(), [](const XfrmPolicy* a, const XfrmPolicy* b) { return a->priority < b->priority; });
  Refuser refuser;
  for (const XfrmPolicy* policy : matching) {
    if (refuses(*policy)) {
      refuser.policy = policy;
      return refuser;
    }
    if (only_for(kase, *policy, netns.id).empty()) return {};
    if (refuser.unless == nullptr) refuser.unless = policy;
  }
  return {};
}

void name_policy(const Case& kase, const model::Netns& netns, const Refuser& refuser, Finding& finding) {
  const XfrmPolicy& policy = *refuser.policy;
  const bool leaves = policy.direction == kOut;
  if (policy.block) {
    finding.summary = leaves ? "an IPsec policy blocks it on its way out" : "an IPsec policy blocks it";
  } else {
    finding.summary = leaves ? "an IPsec policy wants it to leave by IPsec, which failed" : "an IPsec policy wants it to come by IPsec";
  }
  finding.evidence.push_back("the first policy that it matches: " + policy_words(policy));
  if (const std::string only = only_for(kase, policy, netns.id); !only.empty()) {
    finding.doubts.push_back("that policy applies only to " + only + ", and whether the packet had that is not known");
  }
  if (refuser.unless != nullptr) {
    finding.doubts.push_back("a policy before it lets pass what it applies to, " + only_for(kase, *refuser.unless, netns.id) + ": " +
                             policy_words(*refuser.unless));
  }
}

/// The directions that the function asks for, in its order.
std::vector<std::uint8_t> directions_at(std::string_view function) {
  if (function == "ip_forward" || function == "ip6_forward") return {kForward, kOut};
  return {kIn};
}

}  // namespace

std::optional<Finding> match_xfrm(const Case& kase) {
  if (kase.drop() == nullptr || kase.drop()->reason != "XFRM_POLICY") return std::nullopt;
  const model::Event& event = *kase.drop_event();
  const std::string_view function = kase.drop()->symbol.function;
  const bool forwarded = function == "ip_forward" || function == "ip6_forward";
  Finding finding = finding_about_drop(kase, forwarded ? model::Stage::Forward : model::Stage::Input);
  finding.summary = "by an IPsec policy";
  finding.next = in_netns(kase, event.place.netns, "ip xfrm policy");
  const model::Netns* netns = kase.netns(event.place.netns);
  if (netns == nullptr) return finding;
  std::vector<std::string> counters;
  for (const auto& [name, value] : netns->xfrm_counters) counters.push_back(clean(name) + " " + std::to_string(value));
  if (!counters.empty()) finding.evidence.push_back("counted in that namespace so far: " + listed(counters));
  if (!netns->xfrm_policies_read) {
    finding.evidence.push_back("its policies could not be read");
    return finding;
  }
  // They may have been changed between the drop and the reading.
  finding.ceiling = model::Confidence::Strong;
  std::vector<Refuser> refusers;
  for (const std::uint8_t direction : directions_at(function)) {
    const Refuser refuser = refuser_in(kase, *netns, direction, event.flow);
    if (refuser.policy == nullptr) continue;
    refusers.push_back(refuser);
    // Nothing gets beyond one that blocks whatever comes.
    if (refuser.policy->block && refuser.unless == nullptr && only_for(kase, *refuser.policy, netns->id).empty()) break;
  }
  if (refusers.size() == 1) {
    name_policy(kase, *netns, refusers.front(), finding);
    return finding;
  }
  if (refusers.size() > 1) {
    std::vector<std::string> lines;
    for (const Refuser& refuser : refusers) {
      const std::string only = only_for(kase, *refuser.policy, netns->id);
      lines.push_back(policy_words(*refuser.policy) + (only.empty() ? "" : " (only " + only + ")"));
    }
    finding.doubts.push_back("which of these refused it is not told, as the kernel gives both one reason: " + listed(lines));
    return finding;
  }
  finding.evidence.push_back("no policy that was there when they were read explains it");
  return finding;
}

}  // namespace synfate::judge
