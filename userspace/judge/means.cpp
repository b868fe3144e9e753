// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/means.hpp"

#include "judge/means/recognisers.hpp"

namespace synfate::judge {
namespace {

/// Their chains and shapes exclude each other, so the order decides nothing. A new engine is a function and a row.
constexpr std::optional<model::Means> (*kEngines[])(const RuleContext&) = {
    kube_proxy_means, kube_proxy_nft_means, kubelet_means, kube_router_means, calico_means, kindnet_means,   weave_means,
    azure_npm_means,  antrea_means,         istio_means,   docker_means,      ufw_means,    firewalld_means,
};

/// A name as it is put into a command: nothing that a shell or an option parser could take for more.
bool is_zone(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '-') return false;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!plain) return false;
  }
  return true;
}

std::string next_about_policy(const model::Means& means) {
  const bool in_namespace = is_label(means.namespace_name);
  const bool named = is_subdomain(means.name);
  if (means.kind == "NetworkPolicy") {
    if (!in_namespace) return "kubectl get networkpolicy --all-namespaces";
    return "kubectl -n " + means.namespace_name + (named ? " describe networkpolicy " + means.name : " get networkpolicy");
  }
  if (!named) return "";
  if (means.kind == "CalicoNetworkPolicy") {
    return in_namespace ? "calicoctl get networkpolicy --namespace=" + means.namespace_name + " " + means.name + " -o yaml" : "";
  }
  if (means.kind == "GlobalNetworkPolicy") return "calicoctl get globalnetworkpolicy " + means.name + " -o yaml";
  if (means.kind == "AntreaClusterNetworkPolicy") return "kubectl describe clusternetworkpolicies.crd.antrea.io " + means.name;
  return "";
}

std::string next_about_firewall(const model::Means& means) {
  if (means.engine == "ufw") return "ufw status verbose";
  if (means.engine != "firewalld") return "";
  if (means.kind == "FirewallZone" && is_zone(means.name)) return "firewall-cmd --info-zone=" + means.name;
  if (means.kind == "FirewallPolicy" && is_zone(means.name)) return "firewall-cmd --info-policy=" + means.name;
  return "firewall-cmd --list-all-zones";
}

}  // namespace

std::optional<model::Means> means_of(const RuleContext& context) {
  for (const auto recognise : kEngines) {
    if (auto means = recognise(context)) return means;
  }
  return std::nullopt;
}

std::string next_of(const model::Means& means) {
  if (means.kind == "Service") {
    if (!is_label(means.namespace_name) || !is_label(means.name)) return "";
    return "kubectl -n " + means.namespace_name + " describe service " + means.name;
  }
  if (means.kind.ends_with("NetworkPolicy")) return next_about_policy(means);
  return next_about_firewall(means);
}

}  // namespace synfate::judge
