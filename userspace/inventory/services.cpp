// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/services.hpp"

#include <algorithm>

#include "inventory/service_parts.hpp"

namespace synfate::inventory {
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

std::vector<model::ServicePort> ServiceIndex::of_address(const model::IpAddress& address, std::size_t at_most) const {
  std::vector<model::ServicePort> found;
  auto at = std::lower_bound(ports_.begin(), ports_.end(), model::Endpoint{address, 0},
                             [](const auto& each, const model::Endpoint& wanted) { return each.first < wanted; });
  for (; at != ports_.end() && at->first.address == address && found.size() < at_most; ++at) found.push_back(*at->second);
  return found;
}

bool merge_service(model::ServicePort& port, model::ServicePort other) {
  if (!port.name.empty() && !other.name.empty() && port.full_name() != other.full_name()) return false;
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
  return true;
}

}  // namespace synfate::inventory
