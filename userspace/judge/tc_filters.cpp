// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/tc_filters.hpp"

#include <algorithm>
#include <cstdio>

#include "judge/programs.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::TcFilter;

std::string filter_place(const TcFilter& filter) {
  if (filter.kind == "tcx") return "tcx";
  std::string text = "tc filter " + clean(filter.kind) + " pref " + std::to_string(filter.priority);
  if (filter.chain != 0) text += " chain " + std::to_string(filter.chain);
  char handle[16];
  std::snprintf(handle, sizeof handle, "0x%x", filter.handle);
  return text + " handle " + handle;
}

/// An action that leaves the packet to the next one, or to the network.
bool leaves_it(const std::string& action) { return action == "pass" || action == "pipe" || action == "continue" || action == "reclassify"; }

/// What it does to a packet that it matches may be to take it away without a drop.
bool may_take(const TcFilter& filter) {
  return filter.program_id != 0 || !filter.action_programs.empty() ||
         std::any_of(filter.actions.begin(), filter.actions.end(), [](const std::string& action) { return !leaves_it(action); });
}

}  // namespace

std::vector<std::uint32_t> programs_of(const TcFilter& filter) {
  std::vector<std::uint32_t> ids = filter.action_programs;
  if (filter.program_id != 0) ids.insert(ids.begin(), filter.program_id);
  return ids;
}

std::string filter_words(const Case& kase, const TcFilter& filter) {
  std::string text = filter_place(filter);
  for (const std::uint32_t id : programs_of(filter)) text += ": " + program_words(kase, id);
  if (!filter.actions.empty()) {
    std::vector<std::string> actions;
    for (const std::string& action : filter.actions) actions.push_back(clean(action));
    text += ", action " + listed(actions);
  }
  return text;
}

std::string filter_name(const Case& kase, const TcFilter& filter) {
  const auto ids = programs_of(filter);
  if (ids.size() == 1 && !filter.drops) return program_name(kase, ids.front());
  return filter_place(filter);
}

const model::TcSide* tc_side(const Case& kase, const model::Place& place, bool ingress) {
  const model::Netns* netns = kase.netns(place.netns);
  if (netns == nullptr) return nullptr;
  const auto found = std::find_if(netns->tc_sides.begin(), netns->tc_sides.end(),
                                  [&](const model::TcSide& side) { return side.ifindex == place.ifindex && side.ingress == ingress; });
  return found == netns->tc_sides.end() ? nullptr : &*found;
}

std::string tc_takers_words(const Case& kase, const model::Place& place) {
  const model::TcSide* side = tc_side(kase, place, true);
  if (side == nullptr) return "";
  std::vector<std::string> words;
  for (const TcFilter& filter : side->filters) {
    if (may_take(filter)) words.push_back(filter_words(kase, filter));
  }
  if (words.empty()) return "";
  return "attached at tc ingress of " + place_words(kase, place) + ", which may take packets or send them elsewhere: " + listed(words);
}

}  // namespace synfate::judge
