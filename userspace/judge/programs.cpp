// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/programs.hpp"

#include <algorithm>

#include "judge/words.hpp"

namespace synfate::judge {
namespace {

constexpr std::size_t kMostListed = 8;

const model::BpfProgram* find(const Case& kase, std::uint32_t id) {
  const auto found = kase.inventory().programs.find(id);
  return found == kase.inventory().programs.end() ? nullptr : &found->second;
}

/// Empty: by nobody that was found.
std::string keeper_words(const model::BpfProgram& program) {
  std::string words;
  if (program.holder_tgid != 0) words = "held by " + clean(program.holder_comm) + "[" + std::to_string(program.holder_tgid) + "]";
  if (!program.pinned.empty()) words += (words.empty() ? "" : ", ") + ("pinned at " + clean(program.pinned));
  return words;
}

std::string owner_words(const model::BpfProgram& program) {
  std::string words = keeper_words(program);
  if (words.empty() && program.holders_read) words = "held by no process and pinned nowhere: what it is attached to keeps it";
  if (words.empty()) words = "whose it is could not be read";
  return words + ", loaded by uid " + std::to_string(program.uid);
}

}  // namespace

std::string program_name(const Case& kase, std::uint32_t id) {
  const model::BpfProgram* program = find(kase, id);
  const bool named = program != nullptr && !program->name.empty();
  return "BPF program " + (named ? clean(program->name) + " (id " + std::to_string(id) + ")" : std::to_string(id));
}

std::string program_words(const Case& kase, std::uint32_t id) {
  const model::BpfProgram* program = find(kase, id);
  if (program == nullptr) return "BPF program " + std::to_string(id) + " (no longer loaded, or not read)";
  return "BPF program " + (program->name.empty() ? "without a name" : clean(program->name)) + " (id " + std::to_string(id) + ", tag " +
         clean(program->tag) + ", " + owner_words(*program) + ")";
}

std::string security_program_name(const Case& kase, std::uint32_t id) {
  const model::BpfProgram* program = find(kase, id);
  const std::string keeper = program == nullptr ? "" : keeper_words(*program);
  return "BPF LSM program " + (program == nullptr || program->name.empty() ? "" : clean(program->name) + " ") + "(id " +
         std::to_string(id) + (keeper.empty() ? "" : ", " + keeper) + ")";
}

std::string program_command(std::uint32_t id) { return "bpftool prog show id " + std::to_string(id); }

std::vector<std::string> xdp_below_sight(const Case& kase, const model::Place& place) {
  constexpr std::uint8_t kNative = 1;
  constexpr std::uint8_t kOffloaded = 3;
  std::vector<std::string> found;
  const model::Link* own = kase.link(place);
  if (own == nullptr) return found;
  std::vector<const model::Link*> links{own};
  // A bond hands its program to the drivers of its ports, which do not show it (5.15, commit 9e2ee5c7e7c3, bond_xdp_set()).
  const model::Link* master = kase.netns(place.netns)->link(own->master_ifindex);
  if (master != nullptr && master->kind == "bond") links.push_back(master);
  for (const model::Link* link : links) {
    for (const model::XdpProgram& program : link->xdp) {
      if (program.mode != kNative && program.mode != kOffloaded) continue;
      found.push_back("XDP " + program_name(kase, program.id) + (program.mode == kNative ? " in the driver of " : " in the hardware of ") +
                      clean(link->name));
    }
  }
  return found;
}

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  const std::size_t shown = std::min(words.size(), kMostListed);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i != 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  if (words.size() > shown) text += " and " + std::to_string(words.size() - shown) + " more";
  return text;
}

}  // namespace synfate::judge
