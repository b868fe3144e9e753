// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/features.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.hpp"
#include "probe/device_links.hpp"
#include "probe/hooks.hpp"
#include "probe/listener_programs.hpp"

namespace synfate::probe {
namespace {

/// "r0 = 0; exit": the smallest program.
constexpr std::array<bpf_insn, 2> kReturnZero = {bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
                                                 bpf_insn{BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};

// linux/bpf.h of Debian 12 and Ubuntu 22.04 has neither: 6.4, commit 84601d6ee68a "bpf: add bpf_link support for BPF_NETFILTER programs".
constexpr int kProgTypeNetfilter = 32;
constexpr int kAttachNetfilter = 45;

Support from_load(int fd_or_error) {
  if (fd_or_error >= 0) {
    const UniqueFd close_it(fd_or_error);
    return Support::yes();
  }
  const int error = -fd_or_error;
  if (error == EPERM || error == EACCES) return Support::unknown("refused by policy: " + errno_text(error));
  return Support::no("the kernel refuses to load one: " + errno_text(error));
}

Support try_fentry(std::uint32_t target) {
  if (target == 0) return Support::no("no BTF for tcp_v4_connect");
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.expected_attach_type = BPF_TRACE_FENTRY;
  options.attach_btf_id = target;
  return from_load(bpf_prog_load(BPF_PROG_TYPE_TRACING, "synfate_try", "GPL", kReturnZero.data(), kReturnZero.size(), &options));
}

Support try_netfilter() {
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  // Outside the enumerations of the header that this is built with, so the numbers go in as bytes.
  bpf_prog_type type{};
  std::memcpy(&type, &kProgTypeNetfilter, sizeof type);
  std::memcpy(&options.expected_attach_type, &kAttachNetfilter, sizeof options.expected_attach_type);
  return from_load(bpf_prog_load(type, "synfate_try", "GPL", kReturnZero.data(), kReturnZero.size(), &options));
}

Support support_of_rules(const KernelBtf& btf) {
  // e6f2dd0f8067 "bpf: Add bpf_loop helper", 5.17; the layout of rules that is read came with the same release.
  return btf.has_loop ? Support::yes() : Support::no("this kernel has no bpf_loop (5.17): rules are not searched");
}

Support support_of_listeners(const KernelFeatures& features) {
  if (!features.fentry) return features.fentry;
  return knows_listeners(features.btf) ? Support::yes() : Support::no("BTF has no tcp_conn_request, or not the numbers of TCP's counters");
}

template <class Try>
Support tried(const std::set<std::string>& without, const char* name, Try attempt) {
  return without.contains(name) ? Support::no("switched off by --without") : attempt();
}

}  // namespace

std::set<std::string> feature_names() {
  std::set<std::string> names = {"cast", "stack", "calibration", "rules", "fentry", "listeners", "netfilter_link", "confinement", "gate"};
  for (const Hook& hook : hooks()) {
    if (hook.need != Need::Must) names.emplace(hook.feature);
  }
  return names;
}

Result<KernelFeatures> read_features(const std::set<std::string>& without) {
  Result<KernelBtf> btf = read_kernel_btf();
  if (!btf) return btf.error();
  KernelFeatures features;
  features.btf = std::move(*btf);
  features.without = without;
  // (skb, location) before 5.17 and in early 5.15; (skb, location, reason[, rx_sk]) since, by backport in 5.15.x too: c504e5c2f964
  // "net: skb: introduce kfree_skb_reason()".
  const auto kfree = features.btf.tracepoints.find("kfree_skb");
  features.has_drop_reason = kfree != features.btf.tracepoints.end() && kfree->second >= 3;
  for (const Hook& hook : hooks()) {
    if (hook.need == Need::Scope) continue;
    Support support = Support::yes();
    if (without.contains(std::string(hook.feature))) {
      support = Support::no("switched off by --without");
    } else if (!hook.tracepoint.empty() && !features.btf.has_tracepoint(hook.tracepoint)) {
      support = Support::no("this kernel has no tracepoint " + std::string(hook.tracepoint));
    }
    if (hook.need == Need::Must && !support) {
      return Error{ErrorKind::Unsupported, "this kernel cannot be traced", support.why + ": " + std::string(hook.consequence),
                   "synfate needs Linux 5.15 or newer with BTF; see: synfate doctor"};
    }
    features.hooks.push_back({std::string(hook.feature), std::move(support), std::string(hook.consequence)});
  }
  features.tcx = tried(without, "tcx", [&] { return try_device_links(features.btf); });
  features.rules = tried(without, "rules", [&] { return support_of_rules(features.btf); });
  features.fentry = tried(without, "fentry", [&] { return try_fentry(features.btf.tcp_v4_connect); });
  features.listeners = tried(without, "listeners", [&] { return support_of_listeners(features); });
  features.netfilter_links = tried(without, "netfilter_link", try_netfilter);
  return features;
}

std::vector<NamedSupport> rule_features(const KernelFeatures& features) {
  return {
      {"rules", features.rules, "tier 2: the nf_tables rule and the hook entry, from the kernel's stack frames"},
      {"fentry", features.fentry, "tier 2f: rules read from the functions that evaluate them"},
      {"listeners", features.listeners, "tier 2f: why a listener refused a SYN, from the function that decides"},
      {"netfilter_link", features.netfilter_links, "tier 3: the exact iptables-legacy rule from its counters"},
  };
}

std::string tier_of(const KernelFeatures& features) {
  if (!features.rules) return "1";
  if (features.fentry) return "2f";
  return features.netfilter_links ? "3" : "2";
}

bool nf_tables_loaded(const KernelFeatures& features) { return features.btf.has_nf_tables || ::access("/sys/module/nf_tables", F_OK) == 0; }

bool can_learn_frames(const KernelFeatures& features) { return nf_tables_loaded(features) || features.netfilter_links; }

std::vector<model::Gap> gaps_of(const KernelFeatures& features) {
  std::vector<model::Gap> gaps;
  for (const NamedSupport& hook : features.hooks) {
    if (!hook.support) gaps.push_back({"hook_missing", hook.name + ": " + hook.support.why + "; " + hook.consequence});
  }
  if (!features.has_drop_reason)
    gaps.push_back({"no_drop_reason", "this kernel gives no reason for a drop: only the function that dropped is known"});
  if (features.without.contains("confinement"))
    gaps.push_back({"hook_missing", "confinement: switched off by --without; this session kept every privilege that it was started with"});
  if (features.without.contains("cast"))
    gaps.push_back({"hook_missing", "cast: switched off by --without; each packet and socket costs more to look at"});
  if (features.without.contains("stack"))
    gaps.push_back({"hook_missing", "stack: switched off by --without; the netfilter hook of a drop is not determined"});
  if (features.without.contains("tcx"))
    gaps.push_back({"hook_missing", "tcx: switched off by --without; packets out of scope are looked at too"});
  if (features.without.contains("listeners"))
    gaps.push_back(
        {"hook_missing", "listeners: switched off by --without; why a listener refused a SYN is told from its queues and counters"});
  if (features.without.contains("gate"))
    gaps.push_back({"hook_missing", "gate: switched off by --without; a flood may leave no room for other attempts"});
  if (!features.rules) {
    gaps.push_back({"rules_untold", "rules: " + features.rules.why + "; which rule dropped is not told"});
    return gaps;
  }
  if (features.without.contains("calibration")) {
    gaps.push_back({"hook_missing", std::string("calibration: switched off by --without; ") +
                                        (features.fentry ? "rules are told by traced functions only"
                                                         : "which rule of nf_tables dropped, and which entry of a hook, is not told")});
  }
  const bool legacy = features.fentry || features.netfilter_links;
  const std::string untold = "which rule of iptables-legacy dropped is not told";
  bool said = legacy;
  for (const auto& [name, support] : {std::pair{"fentry", &features.fentry}, std::pair{"netfilter_link", &features.netfilter_links}}) {
    if (!features.without.contains(name)) continue;
    gaps.push_back({"hook_missing", std::string(name) + ": " + support->why + "; " + (legacy ? "rules are told in other ways" : untold)});
    said = true;
  }
  if (!said) {
    gaps.push_back(
        {"rules_untold", "fentry: " + features.fentry.why + "; netfilter_link: " + features.netfilter_links.why + "; " + untold});
  }
  return gaps;
}

}  // namespace synfate::probe
