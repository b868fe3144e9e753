// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// KUBE-FIREWALL, which the kubelet keeps, and kube-proxy with it.
#include "judge/means/recognisers.hpp"

namespace synfate::judge {
namespace {

using model::Means;

bool keeps_out_of_loopback(const XtShape& shape) {
  return shape.comment() == "block incoming localnet connections" && shape.matches_only({"-s", "-d", "--ctstate"}) &&
         shape.inverted("-s") == "127.0.0.0/8" && shape.plain("-d") == "127.0.0.0/8" &&
         shape.inverted("--ctstate") == "RELATED,ESTABLISHED,DNAT";
}

/// Who asked for a service's own address and was not sent on came through that service's chains, which are all that sets the mark.
const model::ServicePort* marked_by(const RuleContext& context) {
  const model::ServicePort* service = context.service;
  if (service == nullptr || !is_label(service->namespace_name) || !is_label(service->name)) return nullptr;
  if (!service->port_name.empty() && !is_label(service->port_name)) return nullptr;
  if (service->kind == model::ServicePort::Kind::NodePort) return service->address.port == context.flow.dst.port ? service : nullptr;
  return service->kind == model::ServicePort::Kind::LoadBalancer && service->address == context.flow.dst ? service : nullptr;
}

Means marked(const RuleContext& context) {
  const std::string head = "an earlier rule of kube-proxy marked it for dropping (0x8000): ";
  const model::ServicePort* service = marked_by(context);
  if (service == nullptr) {
    return {"Service", "kube-proxy", "", "",
            head +
                "a load balancer's source ranges, or a service with traffic policy Local and no endpoint on this node; this rule tells "
                "neither which of them nor the service"};
  }
  const std::string name = "service " + service->full_name();
  if (service->kind == model::ServicePort::Kind::NodePort) {
    return {"Service", "kube-proxy", service->namespace_name, service->name,
            head + name + " has no endpoint on this node, and its traffic policy is Local"};
  }
  return {"Service", "kube-proxy", service->namespace_name, service->name,
          head + name +
              " does not admit this source (loadBalancerSourceRanges), or has no endpoint on this node with traffic policy "
              "Local; this rule does not tell which"};
}

}  // namespace

std::optional<Means> kubelet_means(const RuleContext& context) {
  const auto shape = xt_rule(context.rule, "filter");
  if (!shape || shape->chain() != "KUBE-FIREWALL" || shape->verb() != Verb::Drop) return std::nullopt;
  if (keeps_out_of_loopback(*shape)) {
    return Means{"Firewall", "kubelet", "", "",
                 "127.0.0.0/8 may not be reached from outside the node (CVE-2020-8558); kubelet and kube-proxy both keep this rule, and no "
                 "policy is involved"};
  }
  if (shape->comment() == "kubernetes firewall for dropping marked packets" && shape->matches_only({"--mark"}) &&
      shape->plain("--mark") == "0x8000/0x8000") {
    return marked(context);
  }
  return std::nullopt;
}

}  // namespace synfate::judge
