// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// cgroup_bpf and socket_filter. The kernel gives an ingress program of the cgroup, a filter of the socket and, before 6.17, a
// security module one reason (sk_filter_trim_cap): they are told apart by what the socket had when it dropped the packet, which kernels
// since 6.11 tell, else by what its cgroup has.
#include <algorithm>

#include "judge/cause_table.hpp"
#include "judge/listeners.hpp"
#include "judge/programs.hpp"
#include "judge/security.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::CgroupProgram;
using model::Leg;

/// What may have dropped a packet that a socket received.
struct Suspects {
  std::optional<bool> filter;  ///< the socket has one; none: not known
  std::uint32_t filter_id = 0;
  bool programs_known = false;
  std::vector<CgroupProgram> programs;
  unsigned program_count = 0;
  std::string cgroup;  ///< its path
};

std::string cgroup_words(const std::string& path) { return path.empty() ? "its cgroup" : "cgroup " + clean(path); }

const model::CgroupPrograms* cgroup_of(const Case& kase, std::uint64_t id) {
  const auto found = kase.inventory().cgroups.find(id);
  return id == 0 || found == kase.inventory().cgroups.end() ? nullptr : &found->second;
}

std::string attached_at(const std::vector<CgroupProgram>& programs, std::uint32_t id) {
  const auto found = std::find_if(programs.begin(), programs.end(), [&](const CgroupProgram& each) { return each.id == id; });
  return found == programs.end() ? "" : found->path;
}

/// The only listener that takes such a packet, as read afterwards; null: none is known, or several share the port.
const model::ListenSocket* listener_of(const Case& kase, const model::Event& event) {
  const model::Netns* netns = kase.netns(event.place.netns);
  if (netns == nullptr || event.leg == Leg::SynAck) return nullptr;
  const auto fitting = takers(*netns, netns->listeners, event.flow.dst, event.place.ifindex);
  return fitting.size() == 1 ? fitting.front() : nullptr;
}

Suspects suspects_of(const Case& kase) {
  Suspects suspects;
  const model::Receiver* receiver = kase.receiver(*kase.drop_event());
  if (receiver == nullptr) return suspects;
  suspects.filter = receiver->has_filter;
  suspects.filter_id = receiver->filter_id;
  suspects.programs_known = receiver->programs_read;
  suspects.program_count = receiver->ingress_count;
  const model::CgroupPrograms* cgroup = cgroup_of(kase, receiver->cgroup_id);
  if (cgroup != nullptr) suspects.cgroup = cgroup->path;
  for (const std::uint32_t id : receiver->ingress_programs) {
    suspects.programs.push_back({id, cgroup == nullptr ? "" : attached_at(cgroup->ingress, id)});
  }
  return suspects;
}

std::string program_line(const Case& kase, const CgroupProgram& program) {
  return program_words(kase, program.id) + (program.path.empty() ? "" : ", attached to cgroup " + clean(program.path));
}

/// systemd loads such programs for a unit's IPAddressAllow= and IPAddressDeny=.
void explain_systemd(const Case& kase, const CgroupProgram& program, Finding& finding) {
  const auto found = kase.inventory().programs.find(program.id);
  if (found == kase.inventory().programs.end() || !found->second.name.starts_with("sd_fw_")) return;
  finding.evidence.push_back("systemd names so what a unit's IPAddressAllow= and IPAddressDeny= are made into");
}

/// Names the one program, or lists all that may have said no.
void name_programs(const Case& kase, const std::vector<CgroupProgram>& programs, unsigned count, const std::string& cgroup,
                   std::string_view side, Finding& finding) {
  const std::string show = "bpftool cgroup show " + shell_word("/sys/fs/cgroup" + (cgroup.empty() ? "" : cgroup)) + " effective";
  finding.next = show;
  finding.summary = "by a BPF program at " + std::string(side) + " of " + cgroup_words(cgroup);
  if (programs.empty()) {
    finding.evidence.push_back("no such program held for " + cgroup_words(cgroup) + " any more when it was read");
    return;
  }
  std::vector<std::string> lines;
  lines.reserve(programs.size());
  for (const CgroupProgram& program : programs) lines.push_back(program_line(kase, program));
  if (count > 1) {
    finding.doubts.push_back(std::to_string(count) + (count > programs.size() ? " or more" : "") +
                             " programs hold for it, and which of them said no is not told: " + listed(lines));
    return;
  }
  finding.summary =
      "by " + program_name(kase, programs.front().id) + " at " + std::string(side) + " of cgroup " + clean(programs.front().path);
  if (programs.front().path.empty())
    finding.summary = "by " + program_name(kase, programs.front().id) + " at " + std::string(side) + " of its cgroup";
  finding.evidence.push_back("the only program that holds for it: " + lines.front());
  explain_systemd(kase, programs.front(), finding);
  finding.next = program_command(programs.front().id);
}

std::optional<Finding> by_egress(const Case& kase) {
  const model::Event& event = *kase.drop_event();
  Finding finding = finding_about_drop(kase, model::Stage::LocalOut);
  const model::Receiver* receiver = kase.receiver(event);
  std::uint64_t id = receiver == nullptr ? 0 : receiver->cgroup_id;
  const bool of_socket = id != 0;
  if (!of_socket && event.leg != Leg::SynAck) id = kase.journey().client.cgroup_id;
  const model::CgroupPrograms* cgroup = cgroup_of(kase, id);
  if (cgroup == nullptr) {
    finding.summary = "by a BPF program at egress of the sender's cgroup";
    finding.evidence.push_back("which programs hold for that cgroup was not read");
    finding.next = "bpftool cgroup tree";
    return finding;
  }
  name_programs(kase, cgroup->egress, static_cast<unsigned>(cgroup->egress.size()), cgroup->path, "egress", finding);
  finding.ceiling = model::Confidence::Strong;
  // A socket keeps the cgroup that it was made in (sock_cgroup_data), and its process may have been moved, or have been given the socket.
  if (!of_socket) {
    finding.doubts.emplace_back("that cgroup is the process's at connect(), and programs hold by the one that its socket was made in");
  }
  if (!cgroup->gap.empty()) finding.doubts.push_back("not all programs of that cgroup could be read: " + clean(cgroup->gap));
  return finding;
}

}  // namespace

std::optional<Finding> match_cgroup_bpf(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  if (kase.drop()->reason == "BPF_CGROUP_EGRESS") return by_egress(kase);
  if (kase.drop()->reason != "SOCKET_FILTER") return std::nullopt;
  const Suspects suspects = suspects_of(kase);
  if (suspects.filter != false || suspects.program_count == 0) return std::nullopt;
  Finding finding = finding_about_drop(kase, model::Stage::Socket);
  finding.evidence.push_back("the socket that it was for had no filter of its own");
  name_programs(kase, suspects.programs, suspects.program_count, suspects.cgroup, "ingress", finding);
  doubt_security(kase, finding);
  return finding;
}

std::optional<Finding> match_socket_filter(const Case& kase) {
  if (kase.drop() == nullptr || kase.drop()->reason != "SOCKET_FILTER") return std::nullopt;
  const model::Event& event = *kase.drop_event();
  const Suspects suspects = suspects_of(kase);
  // What is left then is none of these two.
  if (suspects.filter == false && suspects.programs_known) return std::nullopt;
  Finding finding = finding_about_drop(kase, model::Stage::Socket);
  const bool at_client = event.leg == Leg::SynAck;
  const std::string whose = at_client ? "the client's socket" : "the listening socket";
  finding.summary = suspects.filter == true ? "by a socket filter of " + whose : "by a filter of the socket or a BPF program of its cgroup";
  const model::CgroupPrograms* cgroup = nullptr;
  if (const model::ListenSocket* listener = listener_of(kase, event)) {
    finding.evidence.push_back("it was for the listener at " + to_string(listener->local.address) + ":" +
                               std::to_string(listener->local.port));
    if (suspects.filter == std::nullopt) cgroup = cgroup_of(kase, listener->cgroup_id);
  }
  finding.next = in_netns(kase, event.place.netns,
                          at_client ? "ss -Htanpie 'dport = :" + std::to_string(event.flow.src.port) + "'"
                                    : "ss -Hltnpie 'sport = :" + std::to_string(event.flow.dst.port) + "'");
  if (suspects.filter == true) {
    finding.evidence.push_back(suspects.filter_id == 0 ? whose + " had a classic filter (SO_ATTACH_FILTER)"
                                                       : whose + " had a filter: " + program_words(kase, suspects.filter_id));
    if (suspects.filter_id != 0) finding.summary = "by " + program_name(kase, suspects.filter_id) + ", the filter of " + whose;
  } else {
    finding.doubts.emplace_back("the kernel gives a filter of the socket and an ingress program of its cgroup the same reason");
  }
  if (cgroup != nullptr && !cgroup->ingress.empty()) {
    std::vector<std::string> lines;
    for (const CgroupProgram& program : cgroup->ingress) lines.push_back(program_line(kase, program));
    finding.doubts.push_back("programs at ingress of " + cgroup_words(cgroup->path) + ", as read afterwards: " + listed(lines));
  }
  if (suspects.program_count != 0) {
    std::vector<std::string> lines;
    for (const CgroupProgram& program : suspects.programs) lines.push_back(program_line(kase, program));
    finding.doubts.push_back("programs of its cgroup ran before that filter, and their refusal has the same reason: " + listed(lines));
  }
  doubt_security(kase, finding);
  return finding;
}

}  // namespace synfate::judge
