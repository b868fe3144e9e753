// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One function for each family of engines: nothing where the rule is not without doubt one of its own. The table that asks them is
// means.cpp.
#pragma once

#include "judge/means.hpp"
#include "judge/means/names.hpp"
#include "judge/means/shape.hpp"

namespace synfate::judge {

std::optional<model::Means> kube_proxy_means(const RuleContext& context);
std::optional<model::Means> kube_proxy_nft_means(const RuleContext& context);
std::optional<model::Means> kubelet_means(const RuleContext& context);
std::optional<model::Means> kube_router_means(const RuleContext& context);
std::optional<model::Means> calico_means(const RuleContext& context);
std::optional<model::Means> kindnet_means(const RuleContext& context);
std::optional<model::Means> weave_means(const RuleContext& context);
std::optional<model::Means> azure_npm_means(const RuleContext& context);
std::optional<model::Means> antrea_means(const RuleContext& context);
std::optional<model::Means> istio_means(const RuleContext& context);
std::optional<model::Means> docker_means(const RuleContext& context);
std::optional<model::Means> firewalld_means(const RuleContext& context);
std::optional<model::Means> ufw_means(const RuleContext& context);

}  // namespace synfate::judge
