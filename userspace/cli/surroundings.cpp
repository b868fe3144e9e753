// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/surroundings.hpp"

#include <string_view>

namespace synfate::cli {
namespace {

/// Facts this young are taken as they are.
constexpr DurationNs kFresh = 1 * kSecond;
/// An unknown namespace is worth another look at /proc, but not at every row of a flood.
constexpr DurationNs kLookAgain = 200 * kMillisecond;
/// More are on no attempt's path but that of a storm.
constexpr std::size_t kMaxNamespaces = 12;

bool is_due(const std::map<model::NetnsId, MonotonicNs>& times, model::NetnsId netns, MonotonicNs now) {
  const auto it = times.find(netns);
  return it == times.end() || it->second + kFresh < now;
}

/// Freed by a hook, or on the way into or out of a queue to a process.
bool is_netfilter(const model::Drop& drop) {
  const std::string_view function = drop.symbol.function;
  return drop.reason == "NETFILTER_DROP" || function == "nf_hook_slow" || function == "nft_do_chain" || function == "nf_queue" ||
         function == "nf_reinject" || function.starts_with("nfqnl_") || function.starts_with("__nfqnl_");
}

}  // namespace

void Surroundings::look_around(MonotonicNs now) {
  // What cannot be read is in the inventory's gaps.
  (void)reader_.refresh();
  refreshed_ns_ = now;
}

bool Surroundings::look_at(const model::Journey& journey, MonotonicNs now) {
  std::map<model::NetnsId, Wanted> touched;
  if (journey.origin_netns != 0) touched[journey.origin_netns];
  for (const model::Event& event : journey.events) {
    if (event.place.netns == 0 || (touched.size() >= kMaxNamespaces && !touched.contains(event.place.netns))) continue;
    Wanted& wanted = touched[event.place.netns];
    const auto* drop = event.get<model::Drop>();
    if (drop == nullptr) continue;
    wanted.listeners |= drop->reason == "NO_SOCKET";
    wanted.netfilter |= is_netfilter(*drop);
  }
  bool changed = reader_.own(journey.client.tgid, now);
  for (const auto& [netns, wanted] : touched) {
    changed |= find(netns, now);
    changed |= read(netns, wanted, now);
    if (!journey.faces.empty()) changed |= reader_.read_service(netns, journey.faces.front().dst, now);
  }
  return changed;
}

bool Surroundings::find(model::NetnsId netns, MonotonicNs now) {
  if (reader_.knows(netns) || refreshed_ns_ + kLookAgain >= now) return false;
  look_around(now);
  return true;
}

Status Surroundings::read_rule(model::NetnsId netns, const inventory::RuleQuestion& question, MonotonicNs now) {
  find(netns, now);
  return reader_.read_rule(netns, question);
}

Result<inventory::XtTable> Surroundings::read_xt_table(model::NetnsId netns, int family, const std::string& table, MonotonicNs now) {
  find(netns, now);
  return reader_.read_xt_table(netns, family, table);
}

model::Inventory Surroundings::touched() const {
  model::Inventory inventory = reader_.current();
  std::erase_if(inventory.namespaces, [&](const auto& entry) { return !details_ns_.contains(entry.first); });
  return inventory;
}

bool Surroundings::read(model::NetnsId netns, Wanted wanted, MonotonicNs now) {
  bool changed = false;
  if (is_due(details_ns_, netns, now)) {
    changed |= static_cast<bool>(reader_.read_details(netns));
    details_ns_[netns] = now;
  }
  if (wanted.listeners && is_due(listeners_ns_, netns, now)) {
    changed |= static_cast<bool>(reader_.read_listeners(netns));
    listeners_ns_[netns] = now;
  }
  if (wanted.netfilter && is_due(netfilter_ns_, netns, now)) {
    changed |= static_cast<bool>(reader_.read_netfilter(netns));
    netfilter_ns_[netns] = now;
  }
  return changed;
}

}  // namespace synfate::cli
