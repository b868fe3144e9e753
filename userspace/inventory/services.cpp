// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/services.hpp"

#include <algorithm>
#include <map>

#include "inventory/service_parts.hpp"

namespace synfate::inventory {
namespace {

/// The same port under the same address, told twice.
void merge_port(model::ServicePort& port, model::ServicePort&& other) {
  if (port.name.empty()) {
    port.kind = other.name.empty() ? port.kind : other.kind;
    port.namespace_name = std::move(other.namespace_name);
    port.name = std::move(other.name);
    port.port_name = std::move(other.port_name);
  }
  port.endpoints.insert(port.endpoints.end(), other.endpoints.begin(), other.endpoints.end());
  std::sort(port.endpoints.begin(), port.endpoints.end());
  port.endpoints.erase(std::unique(port.endpoints.begin(), port.endpoints.end()), port.endpoints.end());
  port.source += "; " + other.source;
}

}  // namespace

ServiceIndex::ServiceIndex(const std::vector<model::ServicePort>& ports) {
  ports_.reserve(ports.size());
  for (const model::ServicePort& port : ports) ports_.emplace_back(port.address, &port);
  std::stable_sort(ports_.begin(), ports_.end(), [](const auto& one, const auto& other) { return one.first < other.first; });
}

const model::ServicePort* ServiceIndex::at(const model::Endpoint& address) const {
  const auto found = std::lower_bound(ports_.begin(), ports_.end(), address,
                                      [](const auto& each, const model::Endpoint& wanted) { return each.first < wanted; });
  return found == ports_.end() || found->first != address ? nullptr : found->second;
}

const model::ServicePort* ServiceIndex::find(const model::Endpoint& dialled, bool address_of_node) const {
  const model::Endpoint any = any_address(dialled.address.family, dialled.port);
  // Nobody dials the address that stands for every one of the node's.
  if (dialled != any) {
    if (const model::ServicePort* exact = at(dialled)) return exact;
  }
  return address_of_node ? at(any) : nullptr;
}

void merge_services(ServiceTable& table, ServiceTable other) {
  std::map<model::Endpoint, std::size_t> known;
  for (std::size_t i = 0; i < table.ports.size(); ++i) known.emplace(table.ports[i].address, i);
  std::size_t contradictions = 0;
  for (model::ServicePort& port : other.ports) {
    const auto same = known.find(port.address);
    if (same == known.end()) {
      table.ports.push_back(std::move(port));
      continue;
    }
    model::ServicePort& first = table.ports[same->second];
    if (!first.name.empty() && !port.name.empty() && first.full_name() != port.full_name()) {
      ++contradictions;
    } else {
      merge_port(first, std::move(port));
    }
  }
  table.gaps.insert(table.gaps.end(), other.gaps.begin(), other.gaps.end());
  if (contradictions != 0) {
    table.gaps.push_back({kServicesContradict, counted(contradictions, "address is one service's", "addresses are one service's") +
                                                   " by one ruleset and another's by another: one is a leftover"});
  }
}

}  // namespace synfate::inventory
