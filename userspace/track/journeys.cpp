// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "track/journeys.hpp"

#include <algorithm>

namespace synfate::track {
namespace {

using model::Drop;
using model::Event;
using model::Hop;
using model::Leg;
using model::SocketEvent;
using model::SocketEventKind;

constexpr std::uint8_t kEstablished = 1;
constexpr std::uint8_t kSynSent = 2;
constexpr std::uint8_t kSynRecv = 3;
constexpr std::uint8_t kClose = 7;

const Event* first_syn_hop(const std::vector<Event>& events) {
  const auto it =
      std::find_if(events.begin(), events.end(), [](const Event& event) { return event.leg == Leg::Syn && event.get<Hop>() != nullptr; });
  return it == events.end() ? nullptr : &*it;
}

bool is_rule_trace(const Event& event) {
  const auto* verdict = event.get<model::HookVerdict>();
  return verdict != nullptr && verdict->how == model::HookVerdict::How::NfTrace;
}

}  // namespace

Growing::Growing(std::uint64_t number, const model::FlightRecord& record) {
  journey_.id = number;
  journey_.isn = record.isn;
  journey_.server_isn = record.server_isn;
  journey_.first_ns = record.first_ns;
  journey_.last_ns = record.last_ns;
  journey_.origin_netns = record.origin_netns;
  journey_.client = record.client;
  journey_.limits = record.limits;
  journey_.faces = record.faces;
  journey_.local_client = record.local_client;
  journey_.client_established = record.client_established || record.passed;
  journey_.server_established = record.server_established;
  journey_.hops_lost = record.hops_lost + record.foreign_hops;
  journey_.events = record.hops;
  // Two CPUs may have written their hops in the other order.
  std::stable_sort(journey_.events.begin(), journey_.events.end(), [](const Event& a, const Event& b) { return a.time_ns < b.time_ns; });
  syns_at_first_hop_ = record.syns;
  journey_.syns = record.syns;
}

Growing::Growing(std::uint64_t number, const model::StreamedEvent& first) {
  journey_.id = number;
  journey_.isn = first.isn;
  journey_.first_ns = first.event.time_ns;
  journey_.origin_netns = first.event.place.netns;
  journey_.local_client = first.local_client;
  journey_.untracked = true;
  add(first);
}

Growing::Growing(std::uint64_t number, const model::RouteFailureRecord& record) {
  journey_.id = number;
  journey_.first_ns = record.time_ns;
  journey_.origin_netns = record.netns;
  journey_.client = record.process;
  journey_.faces = {record.flow};
  journey_.local_client = true;
  journey_.sent_a_syn = false;
  journey_.ended = true;
  Event event;
  event.time_ns = record.time_ns;
  event.cpu = record.cpu;
  event.flow = record.flow;
  event.place.netns = record.netns;
  event.what = record.failure;
  append(std::move(event));
}

Growing::Growing(std::uint64_t number, const model::ClosingRecord& record) {
  journey_.id = number;
  journey_.isn = record.streamed.isn;
  journey_.first_ns = record.first_ns;
  journey_.last_ns = record.streamed.event.time_ns;
  journey_.origin_netns = record.origin_netns;
  journey_.client = record.client;
  journey_.faces = {record.streamed.event.flow};
  journey_.local_client = record.streamed.local_client;
  // Its record has been deleted, and with it how many SYNs there were.
  journey_.syns = 1;
  journey_.ended = true;
  add(record);
}

void Growing::add(const model::ClosingRecord& record) {
  const auto* closing = record.streamed.event.get<model::Closing>();
  if (closing == nullptr) return;
  (closing->at_server ? journey_.server_established : journey_.client_established) = true;
  journey_.counted_established = journey_.counted_established || record.counted;
  add_face(record.own);
  append(record.streamed.event);
}

bool Growing::learn_client(const model::FlightRecord& record) {
  if (journey_.local_client || !record.local_client) return false;
  journey_.local_client = true;
  journey_.origin_netns = record.origin_netns;
  journey_.client = record.client;
  journey_.limits = record.limits;
  if (!record.faces.empty()) {
    std::erase(journey_.faces, record.faces.front());
    journey_.faces.insert(journey_.faces.begin(), record.faces.front());
  }
  return true;
}

void Growing::add(const model::StreamedEvent& event) {
  note(event.event);
  append(event.event);
}

void Growing::add(const model::NeighbourEvent& neighbour) {
  auto& known = journey_.neighbours;
  const auto same = std::find_if(known.begin(), known.end(), [&](const model::NeighbourEvent& other) {
    return other.address == neighbour.address && other.place.same_device(neighbour.place);
  });
  if (same != known.end()) {
    *same = neighbour;
  } else if (known.size() < kMaxNeighbours) {
    known.push_back(neighbour);
  }
}

void Growing::end(bool interrupted) {
  if (!journey_.ended) journey_.interrupted = interrupted;
  journey_.ended = true;
}

bool Growing::visited(model::NetnsId netns) const {
  if (journey_.origin_netns == netns) return true;
  return std::any_of(journey_.events.begin(), journey_.events.end(), [&](const Event& event) { return event.place.netns == netns; });
}

bool Growing::is_over() const { return journey_.ended || journey_.server_established || journey_.client_established; }

void Growing::make_room_for_trace() {
  if (++rule_traces_ <= kMaxRuleTraces) return;
  // Not counted as a lost hop: an older packet's rules prove nothing that the newest one's do not.
  const auto oldest = std::find_if(journey_.events.begin(), journey_.events.end(), is_rule_trace);
  if (oldest != journey_.events.end()) journey_.events.erase(oldest);
  --rule_traces_;
}

void Growing::append(Event event) {
  if (is_rule_trace(event)) make_room_for_trace();
  journey_.last_ns = std::max(journey_.last_ns, event.time_ns);
  auto& events = journey_.events;
  if (events.size() >= kMaxEvents) {
    events.erase(events.begin() + kMaxEvents / 2);
    ++journey_.hops_lost;
  }
  const auto after =
      std::upper_bound(events.begin(), events.end(), event, [](const Event& a, const Event& b) { return a.time_ns < b.time_ns; });
  events.insert(after, std::move(event));
}

void Growing::note(const Event& event) {
  if (const auto* socket = event.get<SocketEvent>()) note_socket(*socket);
  if (event.leg == Leg::Syn && (event.get<Hop>() != nullptr || event.get<Drop>() != nullptr)) {
    count_syn(event);
    add_face(event.flow);
  }
}

void Growing::note_socket(const SocketEvent& what) {
  switch (what.kind) {
    case SocketEventKind::State:
      if (what.old_state == kSynSent && what.new_state == kEstablished) journey_.client_established = true;
      if (what.old_state == kSynRecv && what.new_state == kEstablished) journey_.server_established = true;
      if (!what.at_server && what.new_state == kClose) journey_.ended = true;
      break;
    case SocketEventKind::Passed: journey_.client_established = true; break;
    case SocketEventKind::Retransmit:
      ++retransmits_;
      journey_.syns = std::max(journey_.syns, 1 + retransmits_);
      break;
    default: break;
  }
}

void Growing::count_syn(const Event& event) {
  if (const auto* hop = event.get<Hop>()) {
    const Event* first = first_syn_hop(journey_.events);
    if (first == nullptr || (first->get<Hop>()->kind == hop->kind && first->place.same_device(event.place))) ++syns_at_first_hop_;
  } else if (first_syn_hop(journey_.events) == nullptr) {
    ++syns_without_hop_;
  }
  journey_.syns = std::max({journey_.syns, syns_at_first_hop_, syns_without_hop_});
}

void Growing::add_face(const model::Flow& flow) {
  auto& faces = journey_.faces;
  if (faces.size() < kMaxFaces && std::find(faces.begin(), faces.end(), flow) == faces.end()) faces.push_back(flow);
}

}  // namespace synfate::track
