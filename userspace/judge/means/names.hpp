// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Names of Kubernetes' objects in what engines write. A name that the API would not have taken is nobody's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "judge/means.hpp"

namespace synfate::judge {

/// DNS-1123: of a namespace, a service, a port.
bool is_label(std::string_view name);
/// DNS-1123 with dots: of a pod, a policy.
bool is_subdomain(std::string_view name);
/// The part of an engine's chain name that is a hash: 16 characters of base32.
bool is_hash16(std::string_view text);

struct ObjectName {
  std::string namespace_name;
  std::string name;
};

/// "namespace/name".
std::optional<ObjectName> object_name(std::string_view text);

struct ServiceName : ObjectName {
  std::string port;  ///< empty: the port has no name

  std::string full_name() const { return namespace_name + "/" + name + (port.empty() ? "" : ":" + port); }
};

/// kube-proxy's "namespace/name:port", or without the port's name.
std::optional<ServiceName> service_name(std::string_view text);

/// What is between prefix and suffix; none where it does not have both.
std::optional<std::string_view> between(std::string_view text, std::string_view prefix, std::string_view suffix);

/// "a, b and 3 more".
std::string list_words(const std::vector<std::string>& names);

/// Where the rule is in the listing of its chain; the listing's end where it is not in it: chains are rewritten every few seconds.
std::vector<std::string_view>::const_iterator find_rule(const RuleContext& context);

/// A finding about a service. Where the client is known to have asked for another one neither is named.
model::Means service_means(const RuleContext& context, const ServiceName& service, const std::string& what);

}  // namespace synfate::judge
