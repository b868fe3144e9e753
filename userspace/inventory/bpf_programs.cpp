// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/bpf_programs.hpp"

#include <algorithm>
#include <cstdio>

#include "base/text.hpp"
#include "inventory/processes.hpp"

namespace synfate::inventory {
namespace {

/// A program's number is not given to another one before the kernel has counted to 2^31: only its owners may be others.
constexpr DurationNs kFresh = 10 * kSecond;
constexpr std::size_t kMaxPrograms = 256;
/// Descriptors of all processes: a busy node has some 50,000, at a microsecond each.
constexpr std::size_t kMaxDescriptors = 131'072;
constexpr std::size_t kMaxPins = 2048;
constexpr std::size_t kMaxPinDepth = 6;
constexpr std::size_t kMaxFdinfoBytes = 4096;
constexpr std::size_t kMaxCgroupDepth = 32;
/// Loaded programs, and links: a busy node has some thousand, at two microseconds each.
constexpr std::size_t kMaxLoaded = 16'384;
constexpr const char* kPins = "/sys/fs/bpf";
/// BPF_PROG_TYPE_LSM.
constexpr std::uint32_t kLsm = 29;
/// BPF_LINK_TYPE_CGROUP.
constexpr std::uint32_t kCgroupLink = 3;
/// enum bpf_attach_type.
constexpr std::uint32_t kCgroupIngress = 0;
constexpr std::uint32_t kCgroupEgress = 1;

/// Of "prog_id:\t42", which the descriptors of programs and of links have.
std::uint32_t program_of_fdinfo(std::string_view text) {
  constexpr std::string_view kKey = "prog_id:";
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with(kKey)) continue;
    const auto number = parse_number(trim(line.substr(kKey.size())));
    return number && *number <= 0xffff'ffffU ? static_cast<std::uint32_t>(*number) : 0;
  }
  return 0;
}

std::string tag_text(const std::array<std::uint8_t, 8>& tag) {
  std::string text;
  for (const std::uint8_t byte : tag) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

bool ProgramReader::read(const std::set<std::uint32_t>& ids, std::map<std::uint32_t, model::BpfProgram>& programs, MonotonicNs now) {
  Programs wanted;
  for (const std::uint32_t id : ids) {
    const auto before = read_ns_.find(id);
    if (id == 0 || wanted.size() >= kMaxPrograms || (before != read_ns_.end() && before->second + kFresh > now)) continue;
    const auto facts = machine_.bpf_program(id);
    if (!facts) continue;
    if (programs.size() >= kMaxPrograms && !programs.contains(id)) {
      read_ns_.erase(programs.begin()->first);
      programs.erase(programs.begin());
    }
    model::BpfProgram& program = programs[id];
    program = model::BpfProgram{};
    program.id = id;
    program.type = facts->type;
    program.name = facts->name;
    program.tag = tag_text(facts->tag);
    program.uid = facts->uid;
    read_ns_[id] = now;
    wanted[id] = &program;
  }
  // One of the first may have been crowded out by one of the last.
  std::erase_if(wanted, [&](const auto& entry) { return !programs.contains(entry.first); });
  if (wanted.empty()) return false;
  find_holders(wanted);
  find_pins(wanted);
  return true;
}

void ProgramReader::find_holders(Programs wanted) {
  const auto tgids = list_tgids(machine_);
  if (!tgids) return;
  const Programs all = wanted;
  std::size_t looked_at = 0;
  bool complete = true;
  for (const std::uint32_t tgid : *tgids) {
    const std::string process = "/proc/" + std::to_string(tgid);
    const auto descriptors = machine_.list_directory(process + "/fd");
    if (!descriptors) {
      complete = complete && descriptors.error().kind == ErrorKind::Gone;
      continue;
    }
    for (const std::string& descriptor : *descriptors) {
      if (++looked_at > kMaxDescriptors || wanted.empty()) break;
      const auto target = machine_.read_link(process + "/fd/" + descriptor);
      // "anon_inode:bpf-prog", "anon_inode:bpf_link".
      if (!target || !target->starts_with("anon_inode:") || target->find("bpf") == std::string::npos) continue;
      const auto info = machine_.read_file(process + "/fdinfo/" + descriptor, {kMaxFdinfoBytes, machine::Excess::Cut});
      const auto found = info ? wanted.find(program_of_fdinfo(*info)) : wanted.end();
      if (found == wanted.end()) continue;
      found->second->holder_tgid = tgid;
      found->second->holder_comm = read_comm(machine_, tgid);
      wanted.erase(found);
    }
    if (looked_at > kMaxDescriptors) complete = false;
    if (!complete && looked_at > kMaxDescriptors) break;
    if (wanted.empty()) break;
  }
  for (const auto& [id, program] : all) program->holders_read = complete || program->holder_tgid != 0;
}

void ProgramReader::find_pins(Programs wanted) {
  struct Folder {
    std::string path;
    std::size_t depth;
  };
  std::vector<Folder> folders{{kPins, 0}};
  std::size_t pins = 0;
  while (!folders.empty() && !wanted.empty()) {
    const Folder folder = std::move(folders.back());
    folders.pop_back();
    const auto names = machine_.list_directory(folder.path, kMaxPins);
    if (!names) continue;
    for (const std::string& name : *names) {
      if (++pins > kMaxPins || wanted.empty()) return;
      const std::string path = folder.path + "/" + name;
      const auto id = machine_.bpf_program_pinned_at(path);
      if (!id) {
        if (folder.depth < kMaxPinDepth) folders.push_back({path, folder.depth + 1});
        continue;
      }
      const auto found = wanted.find(*id);
      if (found == wanted.end()) continue;
      found->second->pinned = path;
      wanted.erase(found);
    }
  }
}

Result<std::vector<model::SecurityProgram>> find_security_programs(machine::Machine& machine,
                                                                   const std::map<std::uint32_t, std::string>& hooks) {
  const auto loaded = machine.bpf_programs_of_type(kLsm, kMaxLoaded);
  if (!loaded) return loaded.error();
  std::vector<model::SecurityProgram> found;
  for (const machine::BpfProgramFacts& program : *loaded) {
    const auto hook = hooks.find(program.attach_btf_id);
    const bool is_told = program.attach_btf_id != 0 && !hooks.empty();
    if (is_told && hook == hooks.end()) continue;
    found.push_back({program.id, is_told ? hook->second : "", false, true});
  }
  if (found.empty()) return found;
  // One that is only loaded refuses nothing; but a cgroup may have it without a link, and a link may not have been readable.
  std::map<std::uint32_t, std::uint32_t> types;
  if (const auto links = machine.bpf_links(kMaxLoaded)) {
    for (const machine::BpfLinkFacts& link : *links) types[link.program_id] = link.type;
  }
  for (model::SecurityProgram& program : found) {
    const auto type = types.find(program.id);
    program.attached = type != types.end();
    program.of_cgroup = program.attached && type->second == kCgroupLink;
  }
  if (found.size() > kMaxPrograms) return Error{ErrorKind::BadData, "too many programs of BPF LSM", "", ""};
  return found;
}

model::CgroupPrograms read_cgroup_programs(machine::Machine& machine, std::uint64_t cgroup_id) {
  model::CgroupPrograms result;
  const auto path = machine.cgroup_path(cgroup_id);
  if (!path) {
    result.gap = to_string(path.error());
    return result;
  }
  result.path = *path;
  const auto read = [&](std::uint32_t attach_type, std::vector<model::CgroupProgram>& programs) {
    const auto effective = machine.bpf_programs_of_cgroup(*path, attach_type, true);
    if (!effective) {
      // A kernel without such programs has none that drops.
      if (effective.error().kind != ErrorKind::Unsupported) result.gap = to_string(effective.error());
      return;
    }
    for (const std::uint32_t id : *effective) programs.push_back({id, ""});
    std::string at = *path;
    for (std::size_t depth = 0; !programs.empty() && depth < kMaxCgroupDepth; ++depth) {
      const auto attached = machine.bpf_programs_of_cgroup(at, attach_type, false);
      for (model::CgroupProgram& program : programs) {
        if (attached && program.path.empty() && std::find(attached->begin(), attached->end(), program.id) != attached->end())
          program.path = at;
      }
      if (at == "/") break;
      at = parent_of(at);
    }
  };
  read(kCgroupIngress, result.ingress);
  read(kCgroupEgress, result.egress);
  return result;
}

}  // namespace synfate::inventory
