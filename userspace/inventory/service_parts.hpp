// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the readers of kube-proxy's rules share: service names, chains that lead to endpoints, and ports under construction. Private to
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "inventory/services.hpp"

namespace synfate::inventory {

struct ServiceName {
  std::string namespace_name;
  std::string name;
  std::string port_name;
};

/// "namespace/name:port", ":port" or only the ":" left off; nothing if Kubernetes could not have made it.
std::optional<ServiceName> parse_service_name(std::string_view text);
void set_name(model::ServicePort& port, const ServiceName& name);

/// "10.0.0.1:80", "[fd00::1]:80"; port 0 is none.
std::optional<model::Endpoint> parse_endpoint(std::string_view text);
/// 1 to 65535.
std::optional<std::uint16_t> parse_port(std::string_view text);
/// All zero, with that port: the address of a NodePort.
model::Endpoint any_address(std::uint8_t family, std::uint16_t port);

/// Numbers names from 0, tens of thousands of them: a hash table that whoever chooses the names cannot slow down.
class NameIndex {
 public:
  using Id = std::uint32_t;

  Id id(std::string_view name);

 private:
  std::unordered_map<std::string_view, Id> index_;
  std::map<std::string_view, Id> crowded_;  ///< those that too many others have the hash of
  std::deque<std::string> names_;
};

/// Chains, each leading to others or to endpoints. Takes any graph, also one with loops.
class ServiceChains {
 public:
  using Id = NameIndex::Id;

  Id id(std::string_view chain);
  void leads(Id from, Id to) { chains_[from].next.push_back(to); }
  void sends(Id from, const model::Endpoint& to) { chains_[from].endpoints.push_back(to); }
  bool has_endpoint(Id chain) const { return !chains_[chain].endpoints.empty(); }
  /// Sorted, each once.
  std::vector<model::Endpoint> endpoints(Id chain);
  /// There were more endpoints, or more ways to them, than are looked at.
  bool excessive() const { return endpoints_left_ == 0 || steps_left_ == 0; }

 private:
  struct Chain {
    std::vector<Id> next;
    std::vector<model::Endpoint> endpoints;
    std::uint32_t seen_in = 0;  ///< the search that came by last
  };

  NameIndex index_;
  std::vector<Chain> chains_;
  std::uint32_t search_ = 0;
  std::size_t endpoints_left_ = 262'144;
  std::size_t steps_left_ = 4'000'000;
};

/// Ports, one for each address; the first that comes has it, as in the kernel.
class ServicePorts {
 public:
  struct Place {
    model::ServicePort* port = nullptr;  ///< until the next call; nothing: there are too many
    bool is_new = false;
  };
  Place at(const model::Endpoint& address);
  std::vector<model::ServicePort>& ports() { return ports_; }
  bool excessive() const { return excessive_; }

 private:
  std::map<model::Endpoint, std::size_t> index_;
  std::vector<model::ServicePort> ports_;
  bool excessive_ = false;
};

/// Their codes.
inline constexpr const char* kServicesUnreadable = "services_unreadable";
inline constexpr const char* kServicesPartial = "services_partial";
inline constexpr const char* kServicesUnnamed = "services_unnamed";
inline constexpr const char* kServicesContradict = "services_contradict";

/// "1 entry", "2 entries".
std::string counted(std::size_t count, const char* one, const char* many);

}  // namespace synfate::inventory
