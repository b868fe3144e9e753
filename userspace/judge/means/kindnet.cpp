// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// kind's kindnetd and kube-network-policies, which it has inside: packets go to a process that knows the policies, and the kernel knows
// none of them.
#include "judge/means/recognisers.hpp"

namespace synfate::judge {
namespace {

/// 103 is kindnetd's for DNS.
bool is_default_queue(std::string_view comm, std::uint32_t queue) {
  return comm == "kindnetd" ? queue == 101 : queue == 100 || queue == 99;
}

}  // namespace

std::optional<model::Means> kindnet_means(const RuleContext& context) {
  // The kernel keeps 15 bytes of a name.
  const bool kindnetd = context.queue_owner == "kindnetd";
  if (!kindnetd && context.queue_owner != "kube-network-po") return std::nullopt;
  const model::RuleRef& rule = context.rule;
  const std::string_view table = kindnetd ? "kindnet-network-policies" : "kube-network-policies";
  const bool table_known = !rule.table.empty();
  const bool own_table = rule.table == table && rule.family == "inet";
  if (table_known ? !own_table : !is_default_queue(context.queue_owner, context.queue_number)) return std::nullopt;
  const std::string engine = kindnetd ? "kindnetd" : "kube-network-policies";
  return model::Means{"NetworkPolicy", engine, "", "",
                      engine + " decides by the NetworkPolicies of the pods at both ends, in user space (queue " +
                          std::to_string(context.queue_number) + "): which policy it was is not in the kernel"};
}

}  // namespace synfate::judge
