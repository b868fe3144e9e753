// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "records.hpp"

namespace synfate::track::test {

Flow flow(const char* source, unsigned sport, const char* destination, unsigned dport) {
  return {{*model::parse_ip(source), static_cast<std::uint16_t>(sport)},
          {*model::parse_ip(destination), static_cast<std::uint16_t>(dport)}};
}

Flow asked() { return flow("10.0.1.2", 40000, "10.96.0.1", 80); }
Flow translated() { return flow("10.0.1.2", 40000, "10.0.2.2", 8080); }

MonotonicNs at(double milliseconds) { return kStart + static_cast<MonotonicNs>(milliseconds * 1e6); }

namespace {

Event event_at(double milliseconds, Leg leg, const Place& place, const Flow& flow) {
  Event event;
  event.time_ns = at(milliseconds);
  event.leg = leg;
  event.place = place;
  event.flow = flow;
  return event;
}

}  // namespace

Event hop(double milliseconds, Leg leg, HopKind kind, const Place& place, const Flow& flow) {
  Event event = event_at(milliseconds, leg, place, flow);
  event.what = model::Hop{kind, 0, 0};
  return event;
}

Event dropped(double milliseconds, Leg leg, const Place& place, const Flow& flow) {
  Event event = event_at(milliseconds, leg, place, flow);
  model::Drop drop;
  drop.reason = "NETFILTER_DROP";
  event.what = drop;
  return event;
}

Event socket(double milliseconds, SocketEventKind kind, model::NetnsId netns, bool at_server) {
  Event event = event_at(milliseconds, Leg::Syn, Place{netns, 0, model::DeviceKind::Unknown, ""}, asked());
  model::SocketEvent what;
  what.kind = kind;
  what.at_server = at_server;
  event.what = what;
  return event;
}

Event state(double milliseconds, model::NetnsId netns, bool at_server, unsigned before, unsigned after) {
  Event event = socket(milliseconds, SocketEventKind::State, netns, at_server);
  std::get<model::SocketEvent>(event.what).old_state = static_cast<std::uint8_t>(before);
  std::get<model::SocketEvent>(event.what).new_state = static_cast<std::uint8_t>(after);
  return event;
}

model::FlightRecord flight(std::uint64_t attempt, double submitted_ms) {
  model::FlightRecord record;
  record.attempt = attempt;
  record.submitted_ns = at(submitted_ms);
  record.first_ns = at(0);
  record.last_ns = at(submitted_ms);
  record.isn = kIsn;
  record.origin_netns = kClient;
  record.client.tgid = 4242;
  record.client.comm = "curl";
  record.local_client = true;
  record.syns = 1;
  record.faces = {asked()};
  record.hops = {hop(0, Leg::Syn, HopKind::Xmit, kClientEth)};
  return record;
}

model::StreamedEvent streamed(std::uint64_t attempt, Event event, std::uint32_t isn, bool local_client) {
  return {attempt, isn, local_client, std::move(event)};
}

model::RouteFailureRecord no_route(double milliseconds) {
  model::RouteFailureRecord record;
  record.flow = flow("0.0.0.0", 0, "10.9.9.9", 80);
  record.process.tgid = 7;
  record.process.comm = "nc";
  record.netns = kClient;
  record.failure = {-101, 254};
  record.time_ns = at(milliseconds);
  record.cpu = 3;
  return record;
}

model::NeighbourEvent neighbour(double milliseconds, const Place& place, const char* address, bool failed) {
  return {at(milliseconds), place, *model::parse_ip(address), failed};
}

std::vector<Journey> due(Tracker& tracker, MonotonicNs now) {
  std::vector<Journey> journeys;
  tracker.take_due(now, [&](const Journey& journey) { journeys.push_back(journey); });
  return journeys;
}

std::vector<Journey> finished(Tracker& tracker) {
  std::vector<Journey> journeys;
  tracker.finish([&](const Journey& journey) { journeys.push_back(journey); });
  return journeys;
}

}  // namespace synfate::track::test
