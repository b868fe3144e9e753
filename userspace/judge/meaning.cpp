// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/meaning.hpp"

#include <algorithm>
#include <set>

#include "judge/means.hpp"

namespace synfate::judge {
namespace {

using model::Netns;
using model::Pod;

bool has_address(const Netns& netns, const model::IpAddress& address) {
  if (netns.pod && std::find(netns.pod->addresses.begin(), netns.pod->addresses.end(), address) != netns.pod->addresses.end()) return true;
  return std::any_of(netns.links.begin(), netns.links.end(), [&](const model::Link& link) {
    return std::any_of(link.addresses.begin(), link.addresses.end(),
                       [&](const model::InterfaceAddress& each) { return each.address == address; });
  });
}

std::set<model::NetnsId> visited(const model::Journey& journey) {
  std::set<model::NetnsId> all{journey.origin_netns};
  for (const model::Event& event : journey.events) all.insert(event.place.netns);
  all.erase(0);
  return all;
}

/// Two nodes may have pods with one address: the one on the way, else the only one of that node.
const Pod* pod_at(const model::Inventory& inventory, const std::set<model::NetnsId>& way, const std::string& node,
                  const model::IpAddress& address) {
  const Pod* found = nullptr;
  unsigned count = 0;
  for (const auto& [id, netns] : inventory.namespaces) {
    if (!netns.pod || !has_address(netns, address)) continue;
    if (way.contains(id)) return &*netns.pod;
    if (netns.node != node || netns.gone) continue;
    found = &*netns.pod;
    ++count;
  }
  return count == 1 ? found : nullptr;
}

const model::Event* last_drop(const model::Journey& journey, const model::Verdict& verdict) {
  const auto drop = std::find_if(journey.events.rbegin(), journey.events.rend(), [&](const model::Event& event) {
    return event.get<model::Drop>() != nullptr && event.place.netns == verdict.where.netns && event.leg == verdict.packet;
  });
  return drop == journey.events.rend() ? nullptr : &*drop;
}

/// Freed while the owner of a queue was running; the queue itself only where there is no choice.
void name_queue(const Netns& netns, const model::Drop& drop, RuleContext& context) {
  const auto queue = std::find_if(netns.nf_queues.begin(), netns.nf_queues.end(), [&](const model::NfQueue& each) {
    return netns.nf_queues.size() == 1 || (drop.context_tgid != 0 && each.peer_portid == drop.context_tgid);
  });
  if (queue == netns.nf_queues.end()) return;
  context.queue_owner = drop.context_comm;
  context.queue_number = queue->number;
}

bool is_named(const model::RuleRef& rule) { return rule.number || rule.handle || rule.policy == true; }

}  // namespace

const model::ServicePort* asked_service(const model::Journey& journey, const model::Inventory& inventory) {
  if (journey.faces.empty()) return nullptr;
  const model::Endpoint& asked = journey.faces.front().dst;
  const model::ServicePort* at_port = nullptr;
  for (const model::NetnsId id : visited(journey)) {
    const Netns* netns = inventory.find(id);
    if (netns == nullptr) continue;
    for (const model::ServicePort& port : netns->services) {
      if (port.name.empty() || port.address.port != asked.port) continue;
      if (port.address.address == asked.address) return &port;
      if (port.kind == model::ServicePort::Kind::NodePort && has_address(*netns, asked.address)) at_port = &port;
    }
  }
  return at_port;
}

void explain(const model::Journey& journey, const model::Inventory& inventory, model::Verdict& verdict) {
  const bool queued = verdict.cause == "nfqueue_drop";
  if (!queued && (!verdict.where.rule || !is_named(*verdict.where.rule))) return;
  const model::Event* drop = last_drop(journey, verdict);
  const Netns* netns = inventory.find(verdict.where.netns);
  if (drop == nullptr || netns == nullptr) return;
  RuleContext context;
  if (queued) {
    name_queue(*netns, *drop->get<model::Drop>(), context);
  } else {
    context.rule = *verdict.where.rule;
  }
  context.flow = drop->flow;
  for (const model::RuleText& text : netns->rules) {
    if (text.backend != context.rule.backend || text.chain != context.rule.chain || text.number != context.rule.number) continue;
    if (text.text != context.rule.text || text.chain_rules.empty()) continue;
    context.chain.assign(text.chain_rules.begin(), text.chain_rules.end());
  }
  const std::set<model::NetnsId> way = visited(journey);
  context.source_pod = pod_at(inventory, way, netns->node, drop->flow.src.address);
  context.destination_pod = pod_at(inventory, way, netns->node, drop->flow.dst.address);
  context.service = asked_service(journey, inventory);
  verdict.means = means_of(context);
  if (!verdict.means) return;
  if (std::string next = next_of(*verdict.means); !next.empty()) verdict.next = std::move(next);
}

}  // namespace synfate::judge
