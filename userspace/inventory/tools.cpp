// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/tools.hpp"

#include <linux/capability.h>

#include <optional>
#include <set>
#include <string_view>

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

/// Deeper than containers nest; parents form no loop, but a number may be reused while they are walked.
constexpr int kMaxParents = 64;
constexpr std::size_t kMaxStatusBytes = 64U << 10U;
/// iptables-save of a node with a hundred thousand rules.
constexpr std::size_t kMaxOutputBytes = 24U << 20U;

struct ProcessStatus {
  std::uint32_t parent = 0;
  bool first_of_its_namespace = false;  ///< process 1 of a pid namespace below synfate's
  bool can_administer = false;          ///< CAP_SYS_ADMIN
};

bool has_capability(std::string_view hexadecimal, unsigned capability) {
  std::uint64_t mask = 0;
  if (hexadecimal.empty() || hexadecimal.size() > 16) return false;
  for (const char c : hexadecimal) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'a' || c > 'f')) return false;
    mask = mask << 4U | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return (mask >> capability & 1U) != 0;
}

std::optional<ProcessStatus> read_status(machine::Machine& machine, std::uint32_t tgid) {
  const auto text = machine.read_file("/proc/" + std::to_string(tgid) + "/status", {kMaxStatusBytes});
  if (!text) return std::nullopt;
  ProcessStatus status;
  for (const std::string_view line : split(*text, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (name == "PPid") status.parent = static_cast<std::uint32_t>(parse_number(value).value_or(0));
    if (name == "CapEff") status.can_administer = has_capability(value, CAP_SYS_ADMIN);
    if (name == "NSpid") {
      const auto columns = split(value, '\t');
      status.first_of_its_namespace = columns.size() > 1 && columns.back() == "1";
    }
  }
  return status;
}

std::optional<std::uint64_t> namespace_of(machine::Machine& machine, const std::string& process, const std::string& kind) {
  const auto link = machine.read_link("/proc/" + process + "/ns/" + kind);
  if (!link) return std::nullopt;
  const std::string_view target{*link};
  if (target.size() < kind.size() + 4 || target.substr(0, kind.size()) != kind || target.back() != ']') return std::nullopt;
  return parse_number(target.substr(kind.size() + 2, target.size() - kind.size() - 3));
}

std::string first_line(const std::string& text) { return std::string{trim(std::string_view{text}.substr(0, text.find('\n')))}; }

}  // namespace

std::string ToolBox::owner() const { return tgid == 0 ? "the host" : "the node container (tgid " + std::to_string(tgid) + ")"; }

std::vector<ToolBox> tool_boxes_for(machine::Machine& machine, std::uint32_t example_tgid) {
  const auto own_user = namespace_of(machine, "self", "user");
  const auto own_mounts = namespace_of(machine, "self", "mnt");
  std::uint32_t tgid = example_tgid;
  for (int depth = 0; own_user && own_mounts && tgid != 0 && depth < kMaxParents; ++depth) {
    const auto status = read_status(machine, tgid);
    if (!status) break;
    const std::string process = std::to_string(tgid);
    if (status->first_of_its_namespace && status->can_administer && namespace_of(machine, process, "user") == own_user) {
      const auto mounts = namespace_of(machine, process, "mnt");
      if (mounts && mounts != own_mounts) return {ToolBox{tgid, *mounts}, ToolBox{}};
    }
    tgid = status->parent;
  }
  return {ToolBox{}};
}

Result<ToolAnswer> ask_tools(machine::Machine& machine, const machine::NetnsHandle& netns, const std::vector<ToolBox>& boxes,
                             const std::vector<std::vector<std::string>>& commands) {
  std::string failures;
  std::set<std::string> missing;
  for (const ToolBox& box : boxes) {
    for (const auto& command : commands) {
      machine::RunOptions options;
      options.netns = &netns;
      options.max_output_bytes = kMaxOutputBytes;
      options.tools_of_tgid = box.tgid;
      options.tools_mount_namespace = box.mount_namespace;
      auto done = machine.run(command, options);
      if (!done) {
        if (done.error().kind == ErrorKind::Gone) {
          missing.insert(command.front());
          continue;
        }
        failures += (failures.empty() ? "" : "; ") + to_string(done.error());
      } else if (done->exit_status != 0) {
        failures += (failures.empty() ? "" : "; ") + command.front() + " of " + box.owner() + " failed: " + first_line(done->err);
      } else {
        return ToolAnswer{std::move(done->out), command.front() + " of " + box.owner()};
      }
    }
  }
  if (!failures.empty()) return Error{ErrorKind::Io, "cannot list the rules", failures, ""};
  std::string names;
  for (const std::string& name : missing) names += (names.empty() ? "" : ", ") + name;
  return Error{ErrorKind::Gone, "cannot list the rules", "there is no " + names + " here", ""};
}

}  // namespace synfate::inventory
