// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Features: their names, what --without does to them, and which gaps follow. Where the running kernel has BTF it is asked as well.
#include "probe/features.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "probe/hooks.hpp"

using namespace synfate;
using namespace synfate::probe;

namespace {

/// A kernel that can do everything.
KernelFeatures everything() {
  KernelFeatures features;
  features.has_drop_reason = true;
  features.rules = features.fentry = features.netfilter_links = Support::yes();
  for (const Hook& hook : hooks()) features.hooks.push_back({std::string(hook.feature), Support::yes(), std::string(hook.consequence)});
  return features;
}

bool mentions(const std::vector<model::Gap>& gaps, const std::string& part) {
  return std::any_of(gaps.begin(), gaps.end(), [&](const model::Gap& gap) { return gap.text.find(part) != std::string::npos; });
}

/// Skips, with a word, where the kernel has none: 5.15 to the newest have it.
bool has_btf() {
  const bool there = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  if (!there) MESSAGE("SKIP: no /sys/kernel/btf/vmlinux here");
  return there;
}

}  // namespace

TEST_CASE("--without names what can be done without, and nothing else") {
  const auto names = feature_names();
  CHECK(names.contains("stack"));
  for (const Hook& hook : hooks()) {
    CAPTURE(hook.feature);
    CHECK(names.contains(std::string(hook.feature)) == (hook.need != Need::Must));
  }
}

TEST_CASE("a kernel that can do everything has no gaps") { CHECK(gaps_of(everything()).empty()); }

TEST_CASE("each missing hook is a gap with its name, its reason and its consequence") {
  const KernelFeatures whole = everything();
  for (std::size_t i = 0; i < whole.hooks.size(); ++i) {
    KernelFeatures features = everything();
    features.hooks[i].support = Support::no("this kernel has no such thing");
    const auto gaps = gaps_of(features);
    CAPTURE(features.hooks[i].name);
    REQUIRE(gaps.size() == 1);
    CHECK(gaps[0].code == "hook_missing");
    CHECK(mentions(gaps, features.hooks[i].name));
    CHECK(mentions(gaps, "this kernel has no such thing"));
    CHECK(mentions(gaps, features.hooks[i].consequence));
  }
}

TEST_CASE("a hook that could not be asked for is a gap too: unknown is not yes") {
  KernelFeatures features = everything();
  features.hooks.back().support = Support::unknown("EPERM");
  CHECK(mentions(gaps_of(features), "EPERM"));
}

TEST_CASE("a kernel without drop reasons, and a stack that is not read") {
  KernelFeatures features = everything();
  features.has_drop_reason = false;
  features.without = {"stack"};
  const auto gaps = gaps_of(features);
  REQUIRE(gaps.size() == 2);
  CHECK(gaps[0].code == "no_drop_reason");
  CHECK(mentions(gaps, "stack"));
}

TEST_CASE("the tier is what the kernel allows, and what it does not allow is a gap") {
  KernelFeatures features = everything();
  CHECK(tier_of(features) == "2f");
  features.fentry = Support::unknown("refused by policy");
  CHECK(tier_of(features) == "3");
  CHECK(gaps_of(features).empty());
  features.netfilter_links = Support::no("before 6.4");
  CHECK(tier_of(features) == "2");
  CHECK(mentions(gaps_of(features), "which rule of iptables-legacy dropped is not told"));
  features.rules = Support::no("no bpf_loop");
  CHECK(tier_of(features) == "1");
  CHECK(mentions(gaps_of(features), "no bpf_loop; which rule dropped is not told"));
}

TEST_CASE("the running kernel: tracepoints with their arguments, and the names of drop reasons") {
  if (!has_btf()) return;
  const auto features = read_features({});
  REQUIRE(features);
  // Those of a scope are one feature together.
  const auto everywhere = std::count_if(hooks().begin(), hooks().end(), [](const Hook& hook) { return hook.need != Need::Scope; });
  CHECK(std::cmp_equal(features->hooks.size(), everywhere));
  for (const Hook& hook : hooks()) {
    CAPTURE(hook.tracepoint);
    if (hook.need == Need::Must && !hook.tracepoint.empty()) CHECK(features->btf.has_tracepoint(hook.tracepoint));
  }
  CHECK_FALSE(features->btf.has_tracepoint("no_such_tracepoint"));
  CHECK(features->btf.tracepoints.at("net_dev_start_xmit") == 2);
  CHECK(features->btf.tracepoints.at("netif_receive_skb") == 1);
  CHECK(features->btf.tracepoints.at("inet_sock_set_state") == 3);
  if (features->has_drop_reason) {
    const auto& reasons = features->btf.drop_reasons;
    CHECK(std::any_of(reasons.begin(), reasons.end(), [](const auto& reason) { return reason.second == "NETFILTER_DROP"; }));
    CHECK(std::none_of(reasons.begin(), reasons.end(), [](const auto& reason) { return reason.second.starts_with("SKB_DROP_REASON"); }));
  }
}

TEST_CASE("the running kernel, with each feature switched off in turn") {
  if (!has_btf()) return;
  for (const std::string& name : feature_names()) {
    CAPTURE(name);
    const auto features = read_features({name});
    REQUIRE(features);
    CHECK(features->without.contains(name));
    CHECK(mentions(gaps_of(*features), name + ": switched off by --without"));
    for (const NamedSupport& hook : features->hooks) CHECK((hook.name != name || hook.support.state == Support::State::No));
  }
}
