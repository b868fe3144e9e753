// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The services of a node as kube-proxy wrote them into its rules: what address belongs to which, and where it leads, with no API server.
// TCP only. Refuses to believe a comment that the name of kube-proxy's own chain contradicts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "machine/machine.hpp"
#include "model/inventory.hpp"
#include "model/who.hpp"

namespace synfate::inventory {

/// A longer text is not read; what the tools may print ends there too.
inline constexpr std::size_t kMaxServicesBytes = 24U << 20U;

struct ServiceTable {
  /// One for each address and port. A port without a name (`name` is empty) is one whose name could not be verified or is told nowhere.
  std::vector<model::ServicePort> ports;
  std::vector<model::Gap> gaps;
};

/// Finds ports by the address that a client dials.
class ServiceIndex {
 public:
  /// The ports must outlive it, unchanged.
  explicit ServiceIndex(const std::vector<model::ServicePort>& ports);

  /// The address itself first, then, if it is one of the node's own, a NodePort. Nothing: no service's.
  const model::ServicePort* find(const model::Endpoint& dialled, bool address_of_node) const;
  /// Ports of that very address, the first few.
  std::vector<model::ServicePort> of_address(const model::IpAddress& address, std::size_t at_most) const;

 private:
  const model::ServicePort* at(const model::Endpoint& address) const;

  std::vector<std::pair<model::Endpoint, const model::ServicePort*>> ports_;
};

/// What iptables-save or ip6tables-save printed; either may be empty, and both may be the same text with both tables in it. backend:
/// "iptables-legacy", "ip6tables-nft": the beginning of each port's source, and which family it is.
ServiceTable parse_iptables_services(std::string_view nat, std::string_view filter, const std::string& backend);

/// /proc/net/ip_vs. It tells no names and no kinds: each port is a ClusterIp without a name.
ServiceTable parse_ipvs_services(std::string_view text);

struct NftService {
  std::optional<model::ServicePort> port;
  std::vector<model::Gap> gaps;
};

/// Asks table kube-proxy of that family for one address, and for nothing else; where there is no such table, there is none.
NftService find_nft_service(machine::NetnsVisit& visit, const model::Endpoint& dialled, bool address_of_node);

/// The same address by two rulesets: one port with the endpoints of both. False: they name two services, and the first is left as it is.
bool merge_service(model::ServicePort& port, model::ServicePort other);

}  // namespace synfate::inventory
