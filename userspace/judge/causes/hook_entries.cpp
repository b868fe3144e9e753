// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// ipvs and lsm: hook entries that decide by themselves and have no rules that a netfilter tool shows. What they decided by is theirs to
// tell.
#include <array>

#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/netfilter.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

struct Module {
  std::string_view begins;
  std::string_view name;
  std::string_view command;
};

constexpr std::array<Module, 3> kModules{{
    {"selinux_", "SELinux", "ausearch -m avc -ts recent"},
    {"apparmor_", "AppArmor", "journalctl -k --grep apparmor"},
    {"smack_", "Smack", "journalctl -k --grep SMACK"},
}};

const Module* module_of(std::string_view function) {
  for (const Module& one : kModules) {
    if (function.starts_with(one.begins)) return &one;
  }
  return nullptr;
}

bool decided(const std::optional<NetfilterDrop>& netfilter, EntryKind kind) {
  return netfilter && !by_nft(netfilter->drop) && !netfilter->naming.disagreed && netfilter->naming.kind() == kind;
}

}  // namespace

std::optional<Finding> match_ipvs(const Case& kase) {
  const auto netfilter = netfilter_drop(kase);
  if (!decided(netfilter, EntryKind::Ipvs)) return std::nullopt;
  Finding finding = entry_finding(kase, *netfilter);
  finding.summary = "by ipvs";
  auto answer = icmp_error_at(kase, netfilter->event);
  if (!answer) answer = reset_at(kase, netfilter->event);
  if (answer) {
    finding.fate = model::Fate::Refused;
    finding.summary += answer->is_reset ? ", with a RST" : ", with an ICMP error";
    finding.evidence.push_back(answer->words + ", at the moment of the drop");
  }
  finding.evidence.push_back("ipvs drops what it has no destination for, and what its own state forbids; which of them it does not tell");
  finding.next = in_netns(kase, netfilter->event.place.netns, "ipvsadm -Ln");
  return finding;
}

std::optional<Finding> match_lsm(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  if (kase.drop()->reason == "SECURITY_HOOK") {
    Finding finding = finding_about_drop(kase, model::Stage::Socket);
    finding.summary = "by a security module";
    finding.next = "cat /sys/kernel/security/lsm";
    return finding;
  }
  const auto netfilter = netfilter_drop(kase);
  if (!decided(netfilter, EntryKind::Lsm)) return std::nullopt;
  Finding finding = entry_finding(kase, *netfilter);
  const Module* module = module_of(netfilter->naming.entry->function);
  finding.summary = "by " + (module == nullptr ? "a security module" : std::string(module->name));
  finding.next = module == nullptr ? "cat /sys/kernel/security/lsm" : std::string(module->command);
  return finding;
}

}  // namespace synfate::judge
