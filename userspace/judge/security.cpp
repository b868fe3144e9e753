// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/security.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"
#include "judge/programs.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

constexpr std::string_view kReceiveHook = "socket_sock_rcv_skb";
constexpr std::string_view kRequestHook = "inet_conn_request";

/// AppArmor looks at a received packet, and at a SYN for a listener, only for a mark that a rule of SECMARK must have set.
constexpr std::array<SecurityModule, 3> kModules{{
    {"selinux", "SELinux", "ausearch -m avc -ts recent", true, true},
    {"apparmor", "AppArmor", "journalctl -k --grep apparmor", false, false},
    {"smack", "Smack", "journalctl -k --grep SMACK", true, true},
}};

/// The kernel's own modules that have no hook for what connections send and receive (5.15 to 6.18).
bool looks_at_no_packet(std::string_view module) {
  constexpr std::array<std::string_view, 13> kHarmless{"capability", "yama", "loadpin", "safesetid", "lockdown", "landlock", "integrity",
                                                       "ima",        "evm",  "ipe",     "tomoyo",    "bpf",      ""};
  return std::find(kHarmless.begin(), kHarmless.end(), module) != kHarmless.end();
}

Refusers refusers_at(const Case& kase, std::string_view hook, bool SecurityModule::*looks_there) {
  Refusers refusers;
  if (const auto& security = kase.inventory().security_programs) {
    refusers.programs_read = true;
    for (const model::SecurityProgram& program : security->programs) {
      if (program.hook.empty()) {
        refusers.unsure.push_back({program.id, "whose hook this kernel does not tell"});
      } else if (program.hook == hook && !program.attached) {
        refusers.unsure.push_back({program.id, "which no link holds: it may be attached to a cgroup, or to nothing"});
      } else if (program.hook == hook && program.of_cgroup) {
        refusers.unsure.push_back({program.id, "which holds for the sockets of a cgroup only"});
      } else if (program.hook == hook) {
        refusers.programs.push_back(program.id);
      }
    }
  }
  for (const std::string_view on : split(kase.inventory().security_modules, ',')) {
    const auto known = std::find_if(kModules.begin(), kModules.end(), [&](const SecurityModule& one) { return one.key == on; });
    if (known == kModules.end()) {
      if (!looks_at_no_packet(on)) refusers.strangers.emplace_back(on);
    } else if (*known.*looks_there) {
      refusers.modules.push_back(&*known);
    }
  }
  return refusers;
}

}  // namespace

const SecurityModule* module_of(std::string_view function) {
  for (const SecurityModule& one : kModules) {
    if (function.starts_with(one.key) && function.substr(one.key.size()).starts_with('_')) return &one;
  }
  return nullptr;
}

Refusers refusers_at_sockets(const Case& kase) { return refusers_at(kase, kReceiveHook, &SecurityModule::at_sockets); }

Refusers refusers_of_requests(const Case& kase) { return refusers_at(kase, kRequestHook, &SecurityModule::of_requests); }

std::string unsure_words(const Case& kase, const UnsureProgram& program) {
  return program_words(kase, program.id) + ", " + std::string(program.why);
}

bool security_has_reason(const Case& kase) {
  const auto& security = kase.inventory().security_programs;
  return security && security->own_reason;
}

void doubt_security(const Case& kase, Finding& finding) {
  if (security_has_reason(kase)) return;
  const Refusers refusers = refusers_at_sockets(kase);
  for (const SecurityModule* module : refusers.modules) {
    finding.doubts.push_back("security module " + std::string(module->key) + " is on, and on this kernel its refusal has the same reason");
  }
  for (const std::string& module : refusers.strangers) {
    finding.doubts.push_back("security module " + clean(module) + " is on, and what it looks at is not known");
  }
  std::vector<std::string> lines;
  for (const std::uint32_t id : refusers.programs) lines.push_back(program_words(kase, id));
  for (const UnsureProgram& program : refusers.unsure) lines.push_back(unsure_words(kase, program));
  if (lines.empty()) return;
  finding.doubts.push_back("programs of BPF LSM may look at what sockets receive, and on this kernel their refusal has the same reason: " +
                           listed(lines));
}

}  // namespace synfate::judge
