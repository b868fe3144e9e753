// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/hooks.hpp"

#include <algorithm>
#include <array>

#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::HookTraversal;
using model::Stage;

constexpr std::uint8_t kFamilyInet = 1;
constexpr std::uint8_t kFamilyIp = 2;
constexpr std::uint8_t kFamilyNetdev = 5;
constexpr std::uint8_t kFamilyBridge = 7;
constexpr std::uint8_t kFamilyIp6 = 10;

struct Named {
  std::string_view begins;
  EntryKind kind;
};

/// The first that fits counts. Whole names and beginnings, from 5.15 to 6.18.
constexpr std::array<Named, 32> kEntries{{
    {"ipt_do_table", EntryKind::Xtables},
    {"ip6t_do_table", EntryKind::Xtables},
    {"ebt_do_table", EntryKind::Xtables},
    {"iptable_filter_hook", EntryKind::Xtables},
    {"iptable_mangle_hook", EntryKind::Xtables},
    {"iptable_raw_hook", EntryKind::Xtables},
    {"iptable_security_hook", EntryKind::Xtables},
    {"ip6table_filter_hook", EntryKind::Xtables},
    {"ip6table_mangle_hook", EntryKind::Xtables},
    {"ip6table_raw_hook", EntryKind::Xtables},
    {"ip6table_security_hook", EntryKind::Xtables},
    {"nft_do_chain", EntryKind::NfTables},
    {"nf_route_table_", EntryKind::NfTables},
    {"ipv4_conntrack_in", EntryKind::ConntrackIn},
    {"ipv4_conntrack_local", EntryKind::ConntrackIn},
    {"ipv6_conntrack_in", EntryKind::ConntrackIn},
    {"ipv6_conntrack_local", EntryKind::ConntrackIn},
    {"nf_conntrack_in", EntryKind::ConntrackIn},
    {"nf_ct_bridge_pre", EntryKind::ConntrackIn},
    {"nf_ct_bridge_in", EntryKind::ConntrackIn},
    {"nf_confirm", EntryKind::ConntrackConfirm},
    {"ipv4_confirm", EntryKind::ConntrackConfirm},
    {"ipv6_confirm", EntryKind::ConntrackConfirm},
    {"nf_conntrack_confirm", EntryKind::ConntrackConfirm},
    {"nf_ct_bridge_post", EntryKind::ConntrackConfirm},
    {"nf_nat_", EntryKind::Nat},
    {"ip_vs_", EntryKind::Ipvs},
    {"selinux_", EntryKind::Lsm},
    {"apparmor_", EntryKind::Lsm},
    {"smack_", EntryKind::Lsm},
    {"nf_hook_run_bpf", EntryKind::Bpf},
    {"nft_nat_do_chain", EntryKind::NfTables},
}};

}  // namespace

EntryKind kind_of(const model::HookEntry& entry) {
  if (!entry.xt_table.empty()) return EntryKind::Xtables;
  if (entry.function.empty()) return EntryKind::Unknown;
  const auto named =
      std::find_if(kEntries.begin(), kEntries.end(), [&](const Named& one) { return entry.function.starts_with(one.begins); });
  return named == kEntries.end() ? EntryKind::Other : named->kind;
}

bool may_be_a_rule(EntryKind kind) {
  return kind == EntryKind::Unknown || kind == EntryKind::Xtables || kind == EntryKind::NfTables || kind == EntryKind::Nat;
}

bool is_netfilter(const Drop& drop) {
  if (drop.reason == "NETFILTER_DROP") return true;
  // Kernels without that reason free the packet in the same two functions, which do nothing else with a packet.
  const bool unnamed = drop.reason.empty() || drop.reason == "NOT_SPECIFIED";
  return unnamed && (drop.symbol.function == "nf_hook_slow" || drop.symbol.function == "nft_do_chain");
}

bool by_nft(const Drop& drop) { return drop.symbol.function == "nft_do_chain"; }

/// netdev (5) has its own numbers, and inet's (1) only own hook is ingress: both sit where tc does. Bridge hooks are one stage.
Stage stage_of(const HookTraversal& hook) {
  if (hook.family == kFamilyBridge) return Stage::Bridge;
  if (hook.family == kFamilyNetdev) return hook.hook == 0 ? Stage::TcIngress : hook.hook == 1 ? Stage::TcEgress : Stage::None;
  switch (hook.hook) {
    case 0: return Stage::Prerouting;
    case 1: return Stage::Input;
    case 2: return Stage::Forward;
    case 3: return Stage::Output;
    case 4: return Stage::Postrouting;
    case 5: return hook.family == kFamilyInet ? Stage::TcIngress : Stage::None;
    default: return Stage::None;
  }
}

std::string hook_word(const HookTraversal& hook) {
  if (hook.family == kFamilyNetdev) return hook.hook == 0 ? "ingress" : "egress";
  constexpr std::string_view kWords[] = {"prerouting", "input", "forward", "output", "postrouting", "ingress"};
  return hook.hook < std::size(kWords) ? std::string(kWords[hook.hook]) : "hook " + std::to_string(hook.hook);
}

bool faces_out(const HookTraversal& hook) { return hook.family == kFamilyNetdev ? hook.hook == 1 : hook.hook == 3 || hook.hook == 4; }

std::string_view family_word(std::uint8_t family) {
  switch (family) {
    case kFamilyInet: return "inet";
    case kFamilyIp: return "ip";
    case kFamilyNetdev: return "netdev";
    case kFamilyBridge: return "bridge";
    case kFamilyIp6: return "ip6";
    default: return "";
  }
}

bool family_fits(std::uint8_t table_family, const HookTraversal& hook) {
  if (table_family == hook.family) return true;
  // A table of inet hangs on the hooks of both families, and on a device's ingress, which is netdev's.
  return table_family == kFamilyInet && (hook.family == kFamilyIp || hook.family == kFamilyIp6 || hook.family == kFamilyNetdev);
}

std::string entry_words(const model::HookEntry& entry) {
  std::string text = "entry " + std::to_string(entry.index + 1) + " of " + std::to_string(entry.count) + ": ";
  text += entry.function.empty() ? "its function was not read" : clean(entry.function);
  if (!entry.module.empty()) text += " [" + clean(entry.module) + "]";
  if (!entry.xt_table.empty()) text += ", table " + clean(entry.xt_table);
  if (entry.priority) text += ", priority " + std::to_string(*entry.priority);
  return text;
}

}  // namespace synfate::judge
