// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The two ends of an attempt, named as far as the inventory goes; an end that is not proved to be on this node has no namespace.
#include <algorithm>

#include "judge/case.hpp"
#include "judge/judge.hpp"
#include "judge/listeners.hpp"
#include "judge/meaning.hpp"

namespace synfate::judge {
namespace {

void name_netns(const model::Inventory& inventory, model::Party& party) {
  if (party.netns == 0) return;
  party.netns_name = inventory.label(party.netns);
  const model::Netns* netns = inventory.find(party.netns);
  if (netns == nullptr) return;
  party.node = netns->node;
  if (netns->pod) party.pod = netns->pod->full_name();
  party.container = netns->container;
}

/// A listener that refused, or may have refused, what came for it: it leaves no event, but it was looked at.
void name_listener(const model::Journey& journey, const model::Inventory& inventory, model::Party& party) {
  const Case kase(journey, inventory, {});
  const bool dropped = std::any_of(journey.events.begin(), journey.events.end(),
                                   [](const model::Event& event) { return event.get<model::Drop>() != nullptr; });
  if (party.netns == 0 && dropped) return;
  const auto queues = queues_of(kase, model::Leg::Syn);
  if (!queues || queues->listener == nullptr || (party.netns != 0 && party.netns != queues->netns->id)) return;
  party.netns = queues->netns->id;
  party.process.tgid = queues->listener->owner_tgid;
  party.process.comm = queues->listener->owner_comm;
}

}  // namespace

model::Party client_party(const model::Journey& journey, const model::Inventory& inventory) {
  model::Party party;
  party.process = journey.client;
  if (!journey.local_client && journey.sent_a_syn) return party;
  party.netns = journey.origin_netns;
  name_netns(inventory, party);
  // A pod in the node's own namespace, or one container of several: only the process tells.
  if (const auto owner = inventory.owners.find(journey.client.tgid); journey.client.tgid != 0 && owner != inventory.owners.end()) {
    if (!owner->second.pod.empty()) party.pod = owner->second.pod;
    if (!owner->second.container.empty()) party.container = owner->second.container;
    if (!owner->second.node.empty()) party.node = owner->second.node;
  }
  return party;
}

model::Party server_party(const model::Journey& journey, const model::Inventory& inventory) {
  model::Party party;
  party.netns = server_netns(journey, inventory);
  name_listener(journey, inventory, party);
  name_netns(inventory, party);
  if (const model::ServicePort* service = asked_service(journey, inventory)) party.service = service->full_name();
  return party;
}

}  // namespace synfate::judge
