// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "track/tracker.hpp"

#include <algorithm>

namespace synfate::track {
namespace {

constexpr std::size_t kRecentNeighbours = 128;
constexpr std::size_t kMaxStragglers = 1024;
constexpr std::size_t kMaxSettled = 1024;
/// Longer than any network or queue has been seen to hold a packet, and shorter than an ISN takes to come round (RFC 9293: 4.55 hours).
constexpr DurationNs kStraggling = 60 * kSecond;
/// A neighbour stays unresolved for three seconds before it fails.
constexpr DurationNs kNeighbourFresh = 5 * kSecond;

bool is_of(const model::Journey& journey, const model::Flow& flow) {
  return std::any_of(journey.faces.begin(), journey.faces.end(),
                     [&](const model::Flow& face) { return face == flow || face == flow.reversed(); });
}

bool is_rule_trace(const model::StreamedEvent& event) {
  const auto* verdict = event.event.get<model::HookVerdict>();
  return verdict != nullptr && verdict->how == model::HookVerdict::How::NfTrace;
}

/// Between two translations a packet has one end of one face and the other of another.
bool is_between_faces(const model::Journey& journey, const model::Flow& flow) {
  const auto any = [&](const auto& accepts) { return std::any_of(journey.faces.begin(), journey.faces.end(), accepts); };
  return any([&](const model::Flow& face) { return face.src == flow.src; }) &&
         any([&](const model::Flow& face) { return face.dst == flow.dst; });
}

bool is_trace_of(const Growing& growing, const model::StreamedEvent& event) {
  const model::Journey& journey = growing.journey();
  // The ISN alone is anybody's, and two namespaces may use the same addresses.
  return journey.sent_a_syn && journey.isn == event.isn && is_between_faces(journey, event.event.flow) &&
         growing.visited(event.event.place.netns);
}

bool is_answered(const model::Journey& journey) { return journey.client_established || journey.server_established; }

bool repeats(const std::vector<model::Flow>& faces, const model::FlightRecord& record) {
  return !record.faces.empty() && std::find(faces.begin(), faces.end(), record.faces.front()) != faces.end();
}

}  // namespace

void Tracker::add(const model::Record& record) {
  if (const auto* flight = std::get_if<model::FlightRecord>(&record)) open(*flight);
  if (const auto* event = std::get_if<model::StreamedEvent>(&record)) route(*event);
  if (const auto* failure = std::get_if<model::RouteFailureRecord>(&record)) open(*failure);
  if (const auto* closing = std::get_if<model::ClosingRecord>(&record)) close(*closing);
  if (const auto* unresolved = std::get_if<model::NeighbourEvent>(&record)) neighbour(*unresolved);
}

void Tracker::lose(unsigned events) {
  for (auto& [number, open] : journeys_) open.growing.lose(events);
}

void Tracker::open(const model::FlightRecord& record) {
  // The kernel side sends each record once, and again when it has learnt whose the attempt is.
  if (const auto known = by_attempt_.find(record.attempt); known != by_attempt_.end()) {
    Open& open = journeys_.at(known->second);
    if (open.growing.learn_client(record)) schedule(known->second, open, record.submitted_ns);
    return;
  }
  if (is_straggler(record)) {
    if (stragglers_.size() >= kMaxStragglers) stragglers_.erase(stragglers_.begin());
    stragglers_.insert(record.attempt);
    return;
  }
  Open& opened = insert(record.attempt, Growing(next_number_, record), record.submitted_ns);
  for (const model::NeighbourEvent& recent : recent_neighbours_) {
    if (recent.time_ns + kNeighbourFresh > record.submitted_ns && opened.growing.visited(recent.place.netns)) opened.growing.add(recent);
  }
  admit_waiting(opened);
}

void Tracker::open(const model::RouteFailureRecord& record) { insert(0, Growing(next_number_, record), record.time_ns); }

void Tracker::route(const model::StreamedEvent& event) {
  if (event.attempt == 0 && is_rule_trace(event)) {
    route_trace(event);
    return;
  }
  if (stragglers_.contains(event.attempt)) return;
  Open* found = nullptr;
  if (event.attempt != 0) {
    const auto it = by_attempt_.find(event.attempt);
    if (it != by_attempt_.end()) found = &journeys_.at(it->second);
  } else {
    found = find_untracked(event);
  }
  if (found == nullptr) {
    // Its flight record was lost, or it never had one: what follows is all that is known of it.
    admit_waiting(insert(event.attempt, Growing(next_number_, event), event.event.time_ns));
    return;
  }
  found->growing.add(event);
  schedule(found->growing.journey().id, *found, event.event.time_ns);
  admit_waiting(*found);
}

void Tracker::close(const model::ClosingRecord& record) {
  const auto known = by_attempt_.find(record.streamed.attempt);
  if (known == by_attempt_.end()) {
    insert(record.streamed.attempt, Growing(next_number_, record), record.streamed.event.time_ns);
    return;
  }
  Open& open = journeys_.at(known->second);
  open.growing.add(record);
  schedule(open.growing.journey().id, open, record.streamed.event.time_ns);
}

void Tracker::route_trace(const model::StreamedEvent& event) {
  Open* found = find_traced(event);
  if (found == nullptr) {
    waiting_.add(event);
    return;
  }
  found->growing.add(event);
  schedule(found->growing.journey().id, *found, event.event.time_ns);
}

void Tracker::admit_waiting(Open& open) {
  const model::Journey& journey = open.growing.journey();
  if (!waiting_.has(journey.isn)) return;
  for (const model::StreamedEvent& event :
       waiting_.take(journey.isn, [&](const model::StreamedEvent& one) { return find_traced(one) == &open; })) {
    open.growing.add(event);
  }
}

Tracker::Open* Tracker::find_traced(const model::StreamedEvent& event) {
  Open* found = nullptr;
  const auto [begin, end] = by_isn_.equal_range(event.isn);
  for (auto it = begin; it != end; ++it) {
    Open& open = journeys_.at(it->second);
    if (!is_trace_of(open.growing, event)) continue;
    if (found != nullptr) return nullptr;
    found = &open;
  }
  return found;
}

Tracker::Open* Tracker::find_untracked(const model::StreamedEvent& event) {
  for (auto& [number, open] : journeys_) {
    const model::Journey& journey = open.growing.journey();
    if (open.attempt == 0 && journey.sent_a_syn && journey.isn == event.isn && is_of(journey, event.event.flow) &&
        (!event.local_client || journey.origin_netns == event.event.place.netns)) {
      return &open;
    }
  }
  return nullptr;
}

void Tracker::neighbour(const model::NeighbourEvent& event) {
  recent_neighbours_.push_back(event);
  if (recent_neighbours_.size() > kRecentNeighbours) recent_neighbours_.pop_front();
  for (auto& [number, open] : journeys_) {
    if (open.growing.is_over() || !open.growing.visited(event.place.netns)) continue;
    open.growing.add(event);
    schedule(number, open, event.time_ns);
  }
}

Tracker::Open& Tracker::insert(std::uint64_t attempt, Growing growing, MonotonicNs news) {
  make_room();
  const std::uint64_t number = next_number_++;
  Open& open = journeys_.emplace(number, Open{std::move(growing), attempt, std::nullopt}).first->second;
  if (attempt != 0) by_attempt_.emplace(attempt, number);
  by_isn_.emplace(open.growing.journey().isn, number);
  schedule(number, open, news);
  return open;
}

void Tracker::schedule(std::uint64_t number, Open& open, MonotonicNs news) {
  if (open.due) return;
  open.due = news + limits_.settle;
  due_.emplace(*open.due, number);
}

std::optional<MonotonicNs> Tracker::next_due() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

void Tracker::take_due(MonotonicNs now, const std::function<void(const model::Journey&)>& judge) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto [when, number] = *due_.begin();
    due_.erase(due_.begin());
    const auto it = journeys_.find(number);
    if (it == journeys_.end() || it->second.due != when) continue;
    it->second.due.reset();
    judge(it->second.growing.journey());
  }
  for (auto it = journeys_.begin(); it != journeys_.end();) {
    const auto current = it++;
    const model::Journey& journey = current->second.growing.journey();
    const DurationNs patience = current->second.growing.is_over() ? limits_.over_quiet : limits_.open_quiet;
    if (!current->second.due && journey.last_ns + patience < now) forget(current);
  }
}

void Tracker::reconsider(MonotonicNs now) {
  for (auto& [number, open] : journeys_) {
    if (open.due) continue;
    open.due = now;
    due_.emplace(now, number);
  }
}

void Tracker::finish(const std::function<void(const model::Journey&)>& judge) {
  due_.clear();
  for (auto& [number, open] : journeys_) {
    open.growing.end(true);
    judge(open.growing.journey());
  }
  journeys_.clear();
  by_attempt_.clear();
  by_isn_.clear();
}

bool Tracker::is_straggler(const model::FlightRecord& record) const {
  // A client's socket of this machine begins anew with each SYN that has no record.
  if (record.local_client || record.client_established || record.server_established) return false;
  const auto [begin, end] = by_isn_.equal_range(record.isn);
  for (auto it = begin; it != end; ++it) {
    const model::Journey& journey = journeys_.at(it->second).growing.journey();
    if (is_answered(journey) && journey.syns > 1 && journey.first_ns < record.first_ns && repeats(journey.faces, record)) return true;
  }
  return std::any_of(settled_.begin(), settled_.end(), [&](const Settled& past) {
    return past.isn == record.isn && past.last_ns + kStraggling > record.first_ns && repeats(past.faces, record);
  });
}

void Tracker::forget(Journeys::iterator it) {
  const model::Journey& journey = it->second.growing.journey();
  if (is_answered(journey) && journey.syns > 1) {
    if (settled_.size() >= kMaxSettled) settled_.pop_front();
    settled_.push_back({journey.isn, journey.faces, journey.last_ns});
  }
  if (it->second.attempt != 0) by_attempt_.erase(it->second.attempt);
  const auto [begin, end] = by_isn_.equal_range(it->second.growing.journey().isn);
  const auto indexed = std::find_if(begin, end, [&](const auto& entry) { return entry.second == it->first; });
  if (indexed != end) by_isn_.erase(indexed);
  journeys_.erase(it);
}

void Tracker::make_room() {
  if (journeys_.size() < limits_.max_open) return;
  // A finished one first, else the oldest; both are the rarest to get more news.
  auto victim = std::find_if(journeys_.begin(), journeys_.end(),
                             [](const auto& entry) { return entry.second.growing.is_over() && !entry.second.due; });
  if (victim == journeys_.end()) {
    victim = journeys_.begin();
    ++forgotten_;
  }
  forget(victim);
}

}  // namespace synfate::track
