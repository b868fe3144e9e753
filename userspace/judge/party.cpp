// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The two ends of an attempt, named as far as the inventory goes; an end that is not proved to be on this node has no namespace.
#include "judge/case.hpp"
#include "judge/judge.hpp"

namespace synfate::judge {

model::Party client_party(const model::Journey& journey, const model::Inventory& inventory) {
  model::Party party;
  party.process = journey.client;
  if (!journey.local_client && journey.sent_a_syn) return party;
  party.netns = journey.origin_netns;
  if (party.netns != 0) party.netns_name = inventory.label(party.netns);
  return party;
}

model::Party server_party(const model::Journey& journey, const model::Inventory& inventory) {
  model::Party party;
  party.netns = server_netns(journey);
  if (party.netns != 0) party.netns_name = inventory.label(party.netns);
  return party;
}

}  // namespace synfate::judge
