// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// lsm: a security module, or a program of BPF LSM, refused the packet: at a netfilter hook, where a socket received it, or when a listener
// asked before it answered. Which one did is
// told by the name of a hook's function only; at sockets it is concluded from who there is.
#include <algorithm>

#include "judge/cause_table.hpp"
#include "judge/netfilter.hpp"
#include "judge/programs.hpp"
#include "judge/refusals.hpp"
#include "judge/security.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

constexpr const char* kShowModules = "cat /sys/kernel/security/lsm";
constexpr const char* kReceived = "what sockets receive";
constexpr std::size_t kMostShown = 4;

/// Filters of the socket and programs of its cgroup have the same reason there, and it had none of them.
bool had_nothing_else(const Case& kase) {
  const model::Receiver* receiver = kase.receiver(*kase.drop_event());
  return receiver != nullptr && !receiver->has_filter && receiver->programs_read && receiver->ingress_count == 0;
}

std::string next_step(const Refusers& refusers) {
  std::vector<std::uint32_t> programs = refusers.programs;
  for (const UnsureProgram& program : refusers.unsure) programs.push_back(program.id);
  std::string step;
  for (std::size_t i = 0; i < std::min(programs.size(), kMostShown); ++i) {
    step += (i == 0 ? "" : " && ") + program_command(programs[i]);
  }
  if (!step.empty()) return step;
  return refusers.modules.size() == 1 ? std::string(refusers.modules.front()->command) : kShowModules;
}

std::string culprit(const Case& kase, const Refusers& refusers) {
  const std::size_t programs = refusers.programs.size();
  const std::size_t modules = refusers.modules.size();
  if (!refusers.unsure.empty() || !refusers.strangers.empty() || !refusers.programs_read) return "a security module";
  if (programs == 1 && modules <= 1) {
    const std::string name = security_program_name(kase, refusers.programs.front());
    return modules == 0 ? name : name + " or " + std::string(refusers.modules.front()->name);
  }
  if (programs == 0 && modules == 1) return std::string(refusers.modules.front()->name);
  return programs > 1 && modules == 0 ? "one of " + std::to_string(programs) + " BPF LSM programs" : "a security module";
}

/// What was attached since, or taken away, is not in a list that is older.
void doubt_old_list(const Case& kase, MonotonicNs refused_ns, Finding& finding) {
  const auto& security = kase.inventory().security_programs;
  if (security && security->time_ns < refused_ns) finding.doubts.emplace_back("programs of BPF LSM were listed before it was refused");
}

/// `what` they look at: "what sockets receive".
void name_refusers(const Case& kase, const Refusers& refusers, const std::string& what, Finding& finding) {
  finding.summary = "by " + culprit(kase, refusers);
  finding.next = next_step(refusers);
  std::vector<std::string> lines;
  for (const SecurityModule* module : refusers.modules) lines.emplace_back(module->name);
  for (const std::uint32_t id : refusers.programs) lines.push_back(program_words(kase, id));
  for (const UnsureProgram& program : refusers.unsure) lines.push_back(unsure_words(kase, program));
  for (const std::string& module : refusers.strangers) lines.push_back("security module " + clean(module));
  if (!refusers.programs_read) finding.evidence.emplace_back("which programs of BPF LSM there are was not read");
  if (lines.empty()) {
    if (refusers.programs_read) finding.evidence.push_back("no program of BPF LSM was attached for " + what + " when they were read");
    return;
  }
  if (lines.size() == 1 && refusers.programs_read && refusers.unsure.empty() && refusers.strangers.empty()) {
    finding.ceiling = model::Confidence::Strong;
    finding.evidence.push_back("of security modules and programs of BPF LSM it is the only one found here that looks at " + what + ": " +
                               lines.front());
    return;
  }
  finding.doubts.push_back("these may look at " + what + ", and which of them refused it is not told: " + listed(lines));
}

std::optional<Finding> by_reason(const Case& kase) {
  Finding finding = finding_about_drop(kase, model::Stage::Socket);
  name_refusers(kase, refusers_at_sockets(kase), kReceived, finding);
  doubt_old_list(kase, kase.drop_event()->time_ns, finding);
  return finding;
}

/// Of what has the reason SOCKET_FILTER nothing else is left.
std::optional<Finding> by_exclusion(const Case& kase) {
  if (security_has_reason(kase) || !had_nothing_else(kase)) return std::nullopt;
  const Refusers refusers = refusers_at_sockets(kase);
  if (refusers.count() == 0) return std::nullopt;
  Finding finding = finding_about_drop(kase, model::Stage::Socket);
  finding.ceiling = model::Confidence::Strong;
  finding.evidence.emplace_back("the socket that it was for had no filter, and its cgroup no program");
  name_refusers(kase, refusers, kReceived, finding);
  doubt_old_list(kase, kase.drop_event()->time_ns, finding);
  finding.evidence.emplace_back(
      "a packet in the memory reserve (counter PFMemallocDrop) is dropped for the same reason on this kernel, when memory runs out");
  return finding;
}

/// security_inet_conn_request() said no to a listener that would have taken the SYN.
std::optional<Finding> by_request(const Case& kase) {
  const auto refusal = refusal_of(kase);
  if (!refusal || refusal->reason != RefusedFor::Security) return std::nullopt;
  Finding finding = finding_about_refusal(kase, *refusal);
  finding.evidence.push_back("security_inet_conn_request() returned " + errno_word(-refusal->decision->security_error) + " to listener " +
                             refuser_words(*refusal));
  name_refusers(kase, refusers_of_requests(kase), "SYNs that a listener would answer", finding);
  doubt_old_list(kase, refusal->event->time_ns, finding);
  return finding;
}

std::optional<Finding> by_entry(const Case& kase) {
  const auto netfilter = netfilter_drop(kase);
  if (!netfilter || by_nft(netfilter->drop) || netfilter->naming.disagreed || netfilter->naming.kind() != EntryKind::Lsm) {
    return std::nullopt;
  }
  Finding finding = entry_finding(kase, *netfilter);
  const SecurityModule* module = module_of(netfilter->naming.entry->function);
  finding.summary = "by " + (module == nullptr ? "a security module" : std::string(module->name));
  finding.next = module == nullptr ? kShowModules : std::string(module->command);
  return finding;
}

}  // namespace

std::optional<Finding> match_lsm(const Case& kase) {
  if (auto refused = by_request(kase)) return refused;
  if (kase.drop() == nullptr) return std::nullopt;
  if (kase.drop()->reason == "SECURITY_HOOK") return by_reason(kase);
  if (kase.drop()->reason == "SOCKET_FILTER") return by_exclusion(kase);
  return by_entry(kase);
}

}  // namespace synfate::judge
