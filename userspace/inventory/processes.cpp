// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/processes.hpp"

#include <algorithm>
#include <limits>

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

/// Kernel threads show more than the 15 bytes of other processes.
constexpr std::size_t kMaxCommBytes = 64;
constexpr std::size_t kMaxExamples = 4;

}  // namespace

std::optional<model::NetnsId> parse_netns_link(std::string_view target) {
  constexpr std::string_view kPrefix = "net:[";
  if (target.substr(0, kPrefix.size()) != kPrefix || target.back() != ']') return std::nullopt;
  const auto number = parse_number(target.substr(kPrefix.size(), target.size() - kPrefix.size() - 1));
  if (!number || *number == 0 || *number > std::numeric_limits<model::NetnsId>::max()) return std::nullopt;
  return static_cast<model::NetnsId>(*number);
}

Result<std::vector<std::uint32_t>> list_tgids(machine::Machine& machine) {
  auto entries = machine.list_directory("/proc");
  if (!entries) {
    Error error = std::move(entries).error();
    error.hint = "synfate needs /proc to find network namespaces: mount -t proc proc /proc";
    return error;
  }
  std::vector<std::uint32_t> tgids;
  for (const std::string& entry : *entries) {
    if (entry.front() < '1' || entry.front() > '9') continue;
    const auto number = parse_number(entry);
    if (number && *number <= std::numeric_limits<std::uint32_t>::max()) tgids.push_back(static_cast<std::uint32_t>(*number));
  }
  std::sort(tgids.begin(), tgids.end());
  return tgids;
}

Result<ProcessScan> scan_processes(machine::Machine& machine) {
  const auto tgids = list_tgids(machine);
  if (!tgids) return tgids.error();
  ProcessScan scan;
  for (const std::uint32_t tgid : *tgids) {
    if (tgid == 1) scan.init_listed = true;
    const auto target = machine.read_link("/proc/" + std::to_string(tgid) + "/ns/net");
    if (!target) {
      if (target.error().kind != ErrorKind::Gone) ++scan.unreadable;
      continue;
    }
    const auto netns = parse_netns_link(*target);
    if (!netns) continue;
    if (tgid == 1) scan.init = *netns;
    auto& examples = scan.example_tgids[*netns];
    if (examples.size() < kMaxExamples) examples.push_back(tgid);
  }
  return scan;
}

std::string read_comm(machine::Machine& machine, std::uint32_t tgid) {
  auto text = machine.read_file("/proc/" + std::to_string(tgid) + "/comm", {kMaxCommBytes, machine::Excess::Cut});
  if (!text) return {};
  std::string comm = *std::move(text);
  if (!comm.empty() && comm.back() == '\n') comm.pop_back();
  return comm;
}

}  // namespace synfate::inventory
