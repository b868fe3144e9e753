// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/devices.hpp"

#include "judge/words.hpp"

namespace synfate::judge {

bool is_unnamed(const model::Drop& drop) { return drop.reason.empty() || drop.reason == "NOT_SPECIFIED"; }

const model::Link* peer_of(const Case& kase, const model::Link& link) {
  if (!link.peer_netns || link.peer_ifindex == 0) return nullptr;
  const model::Netns* netns = kase.netns(*link.peer_netns);
  return netns == nullptr ? nullptr : netns->link(link.peer_ifindex);
}

bool is_refused_by_peer(const model::Drop& drop) {
  const std::string_view function = drop.symbol.function;
  return is_unnamed(drop) && (function == "veth_xmit" || function == "veth_forward_skb" || function == "netkit_xmit" ||
                              function.find("dev_forward_skb") != std::string_view::npos);
}

std::optional<DownDevice> down_device(const Case& kase, model::NetnsId netns, const model::Link& link) {
  const std::string where = clean(link.name) + " in " + netns_words(kase, netns);
  if (!link.up) return DownDevice{netns, &link, where + " is down"};
  if (link.carrier != false) return std::nullopt;
  const model::Link* peer = peer_of(kase, link);
  if (peer != nullptr && !peer->up) {
    return DownDevice{
        *link.peer_netns, peer,
        where + " has no carrier: its other end, " + clean(peer->name) + " in " + netns_words(kase, *link.peer_netns) + ", is down"};
  }
  const bool pair = link.kind == "veth" || link.kind == "netkit";
  return DownDevice{netns, &link, where + " is up but has no carrier" + (pair ? ": its other end is down" : "")};
}

std::string show_device(const Case& kase, model::NetnsId netns, const model::Link& link) {
  return in_netns(kase, netns, "ip -d link show dev " + shell_word(link.name));
}

}  // namespace synfate::judge
