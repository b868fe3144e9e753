// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "track/waiting.hpp"

#include <algorithm>

namespace synfate::track {

void WaitingRoom::add(model::StreamedEvent event) {
  while (!events_.empty() && events_.begin()->second.event.time_ns + kPatience < event.event.time_ns) remove_oldest();
  if (events_.size() >= kMaxEvents) {
    remove_oldest();
    ++crowded_out_;
  }
  by_isn_.emplace(event.isn, next_);
  events_.emplace_hint(events_.end(), next_++, std::move(event));
}

std::vector<model::StreamedEvent> WaitingRoom::take(std::uint32_t isn, const std::function<bool(const model::StreamedEvent&)>& accepts) {
  std::vector<std::uint64_t> accepted;
  const auto [begin, end] = by_isn_.equal_range(isn);
  for (auto it = begin; it != end;) {
    const auto current = it++;
    if (!accepts(events_.at(current->second))) continue;
    accepted.push_back(current->second);
    by_isn_.erase(current);
  }
  std::sort(accepted.begin(), accepted.end());
  std::vector<model::StreamedEvent> taken;
  taken.reserve(accepted.size());
  for (const std::uint64_t number : accepted) taken.push_back(std::move(events_.extract(number).mapped()));
  return taken;
}

void WaitingRoom::remove_oldest() {
  const auto oldest = events_.begin();
  const auto [begin, end] = by_isn_.equal_range(oldest->second.isn);
  const auto it = std::find_if(begin, end, [&](const auto& entry) { return entry.second == oldest->first; });
  if (it != end) by_isn_.erase(it);
  events_.erase(oldest);
}

}  // namespace synfate::track
