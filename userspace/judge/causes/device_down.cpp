// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// device_down: the device that was to send it, or the one at the other end of its wire, is down. The kernel has no reason of that name
// where it sends: a device without a carrier discards what it is given by the words of a queueing discipline.
#include <algorithm>

#include "judge/cause_table.hpp"
#include "judge/devices.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Stage;

/// Where the kernel gives DEV_READY for nothing but a device that does not run.
bool proves_it(const Drop& drop) {
  const std::string_view function = drop.symbol.function;
  return drop.reason == "DEV_READY" && (function == "enqueue_to_backlog" || function == "netif_rx_internal" || function == "tun_net_xmit");
}

std::vector<const model::Qdisc*> dropping_qdiscs(const model::Netns& netns, std::uint32_t ifindex) {
  std::vector<const model::Qdisc*> found;
  if (!netns.queues) return found;
  for (const model::Qdisc& qdisc : netns.queues->qdiscs) {
    if (qdisc.ifindex == ifindex && qdisc.drops > 0) found.push_back(&qdisc);
  }
  return found;
}

bool has_qdisc(const model::Netns& netns, std::uint32_t ifindex) {
  return std::any_of(netns.queues->qdiscs.begin(), netns.queues->qdiscs.end(),
                     [&](const model::Qdisc& qdisc) { return qdisc.ifindex == ifindex; });
}

Finding finding_about(const Case& kase, const DownDevice& down, Stage stage) {
  Finding finding = finding_about_drop(kase, stage);
  finding.ceiling = model::Confidence::Strong;
  finding.summary = down.words;
  finding.evidence.push_back("as read just after the drop, " + down.words);
  finding.next = show_device(kase, down.netns, *down.link);
  return finding;
}

std::optional<Finding> by_queue(const Case& kase, const model::Netns& netns, const model::Link& link) {
  constexpr std::string_view kNoop = "a device that is down or has no carrier discards, and the kernel calls it QDISC_DROP as well";
  if (const auto down = down_device(kase, netns.id, link)) {
    Finding finding = finding_about(kase, *down, Stage::Device);
    finding.evidence.emplace_back(kNoop);
    for (const model::Qdisc* qdisc : dropping_qdiscs(netns, link.ifindex)) {
      finding.doubts.push_back(clean(qdisc->kind) + " on " + clean(link.name) +
                               " has dropped packets too: this one may have been among them, before the device went down");
    }
    return finding;
  }
  if (link.carrier != true || !netns.queues || !netns.queues->qdiscs_read || has_qdisc(netns, link.ifindex)) return std::nullopt;
  Finding finding = finding_about_drop(kase, Stage::Device);
  finding.summary = clean(link.name) + " was down or had no carrier at that moment";
  finding.evidence.emplace_back(kNoop);
  finding.evidence.push_back(clean(link.name) + " has no queueing discipline (noqueue) that could drop anything");
  finding.doubts.push_back("when it was read just after the drop, it was up again");
  finding.next = show_device(kase, netns.id, link);
  return finding;
}

}  // namespace

std::optional<Finding> match_device_down(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const Drop& drop = *kase.drop();
  const model::Place& place = kase.drop_event()->place;
  const model::Netns* netns = kase.netns(place.netns);
  const model::Link* link = kase.link(place);
  const auto down = link == nullptr ? std::nullopt : down_device(kase, place.netns, *link);
  if (proves_it(drop)) {
    if (down) return finding_about(kase, *down, Stage::Device);
    Finding finding = finding_about_drop(kase, Stage::Device);
    finding.summary = (place.device.empty() ? std::string("the device") : clean(place.device)) + " was not running at that moment";
    finding.next = in_netns(kase, place.netns, "ip -d link show dev " + shell_word(place.device));
    return finding;
  }
  if (netns == nullptr || link == nullptr) return std::nullopt;
  if (drop.reason == "QDISC_DROP") return by_queue(kase, *netns, *link);
  if (is_refused_by_peer(drop)) {
    const model::Link* peer = peer_of(kase, *link);
    if (peer == nullptr || peer->up) return std::nullopt;
    return finding_about(
        kase,
        {*link->peer_netns, peer,
         "the other end of " + clean(link->name) + ", " + clean(peer->name) + " in " + netns_words(kase, *link->peer_netns) + ", is down"},
        Stage::Device);
  }
  // __dev_queue_xmit() looks at IFF_UP, for devices without a queue only.
  const bool to_no_queue = is_unnamed(drop) && drop.symbol.function == "__dev_queue_xmit";
  if (!to_no_queue || !down || link->up) return std::nullopt;
  return finding_about(kase, *down, Stage::Device);
}

}  // namespace synfate::judge
