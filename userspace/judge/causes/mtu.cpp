// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// mtu: too large for the next device, and not to be fragmented. A plain SYN never is; one with data (TCP Fast Open), or the client's
// first data where it carries the final ACK, can be.
#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/devices.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;
using model::Stage;

/// What is_skb_forwardable() allows beyond the MTU, for a VLAN tag.
constexpr std::uint32_t kVlanBytes = 4;

Stage stage_of(std::string_view function) {
  if (function == "ip_forward" || function == "ip6_forward") return Stage::Forward;
  if (function.starts_with("br_")) return Stage::Bridge;
  if (function.starts_with("ip_") || function.starts_with("ip6_") || function.starts_with("__ip")) return Stage::Postrouting;
  return Stage::Device;
}

bool is_on_link(const model::Link& link, const model::IpAddress& address) {
  for (const model::InterfaceAddress& own : link.addresses) {
    if (own.prefix_length != 0 && model::Prefix{own.address, own.prefix_length}.contains(address)) return true;
  }
  return false;
}

/// The device that it was to leave by: the one that the destination, or the gateway, is on.
const model::Link* way_out(const Case& kase, const Event& event) {
  const model::Netns* netns = kase.netns(event.place.netns);
  if (netns == nullptr) return nullptr;
  const Drop& drop = *event.get<Drop>();
  const model::IpAddress& next = drop.gateway ? drop.gateway : event.flow.dst.address;
  for (const model::Link& link : netns->links) {
    if (is_on_link(link, next)) return &link;
  }
  return nullptr;
}

std::string size_words(std::uint32_t bytes) { return std::to_string(bytes) + " bytes"; }

Finding routed(const Case& kase) {
  const Event& event = *kase.drop_event();
  const Drop& drop = *kase.drop();
  Finding finding = finding_about_drop(kase, stage_of(drop.symbol.function));
  finding.summary = "the packet is too large for the next hop";
  finding.evidence.push_back("it has " + size_words(drop.length_bytes));
  const model::Link* out = way_out(kase, event);
  if (out != nullptr && out->mtu != 0 && out->mtu < drop.length_bytes) {
    finding.summary = "too large for " + clean(out->name) + ": " + size_words(drop.length_bytes) + ", MTU " + std::to_string(out->mtu);
    finding.evidence.push_back(clean(out->name) + ", which leads to " + to_string(drop.gateway ? drop.gateway : event.flow.dst.address) +
                               ", has an MTU of " + std::to_string(out->mtu));
  } else {
    finding.evidence.push_back("whose MTU it exceeds was not determined: a route may have an MTU of its own, or one that was learned");
  }
  if (const auto answer = icmp_error_at(kase, event, IcmpKind::TooBig)) finding.evidence.push_back(answer->words);
  finding.next = in_netns(kase, event.place.netns, ip_command(event.flow) + " route get " + to_string(event.flow.dst.address));
  return finding;
}

}  // namespace

std::optional<Finding> match_mtu(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const Event& event = *kase.drop_event();
  const Drop& drop = *kase.drop();
  if (drop.reason == "PKT_TOO_BIG" || (is_unnamed(drop) && icmp_error_at(kase, event, IcmpKind::TooBig))) return routed(kase);
  const model::Link* link = kase.link(event.place);
  if (link == nullptr) return std::nullopt;
  const std::string_view function = drop.symbol.function;
  // br_netfilter frees it in the name of the same check.
  const bool at_port = is_unnamed(drop) && link->bridge_port && link->up &&
                       (function == "br_dev_queue_push_xmit" || function == "br_nf_dev_queue_xmit" || function == "br_nf_push_frag_xmit");
  const bool at_peer = is_refused_by_peer(drop);
  if (!at_port && !at_peer) return std::nullopt;
  const model::Link* taker = at_port ? link : peer_of(kase, *link);
  if (taker == nullptr || !taker->up || taker->mtu == 0 || drop.length_bytes <= taker->mtu + kVlanBytes) return std::nullopt;
  const model::NetnsId netns = at_port ? event.place.netns : *link->peer_netns;
  Finding finding = finding_about_drop(kase, at_port ? Stage::Bridge : Stage::Device);
  finding.ceiling = model::Confidence::Strong;
  finding.summary = "too large for " + clean(taker->name) +
                    (at_port ? "" : " in " + netns_words(kase, netns) + ", the other end of " + clean(link->name)) + ": " +
                    size_words(drop.length_bytes) + ", MTU " + std::to_string(taker->mtu);
  finding.evidence.push_back("it has " + size_words(drop.length_bytes) + ", and " + clean(taker->name) + " in " + netns_words(kase, netns) +
                             " has an MTU of " + std::to_string(taker->mtu));
  finding.evidence.push_back("nobody is told: no router is here that could send an ICMP error");
  finding.next = show_device(kase, netns, *taker);
  return finding;
}

}  // namespace synfate::judge
