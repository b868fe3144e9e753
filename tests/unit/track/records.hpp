// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Decoded records as the room wire hands them over, for the tracker to put together. They hold no expectation.
//
//   client (100) eth0 ──── vethc router (1) veths ──── eth0 server (200)
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "model/record.hpp"
#include "track/tracker.hpp"

namespace synfate::track::test {

using model::Event;
using model::Flow;
using model::HopKind;
using model::Journey;
using model::Leg;
using model::Place;
using model::SocketEventKind;

inline constexpr model::NetnsId kClient = 100;
inline constexpr model::NetnsId kRouter = 1;
inline constexpr model::NetnsId kServer = 200;
inline const Place kClientEth{kClient, 2, model::DeviceKind::Veth, "eth0"};
inline const Place kRouterVeth{kRouter, 5, model::DeviceKind::Veth, "vethc"};
inline const Place kServerEth{kServer, 2, model::DeviceKind::Veth, "eth0"};
/// Another pair with the same addresses.
inline const Place kTwinEth{300, 2, model::DeviceKind::Veth, "eth0"};

inline constexpr std::uint32_t kIsn = 2885681011;
inline constexpr MonotonicNs kStart = 1000 * kSecond;

Flow flow(const char* source, unsigned sport, const char* destination, unsigned dport);
/// 10.0.1.2:40000 → 10.96.0.1:80, and as DNAT rewrites it.
Flow asked();
Flow translated();

MonotonicNs at(double milliseconds);

Event hop(double milliseconds, Leg leg, HopKind kind, const Place& place, const Flow& flow = asked());
Event dropped(double milliseconds, Leg leg, const Place& place, const Flow& flow = asked());
Event socket(double milliseconds, SocketEventKind kind, model::NetnsId netns, bool at_server = false);
/// inet_sock_set_state
Event state(double milliseconds, model::NetnsId netns, bool at_server, unsigned before, unsigned after);

/// An attempt that left the client once and was submitted `submitted_ms` after it began.
model::FlightRecord flight(std::uint64_t attempt, double submitted_ms = 1);
model::StreamedEvent streamed(std::uint64_t attempt, Event event, std::uint32_t isn = kIsn, bool local_client = false);
model::RouteFailureRecord no_route(double milliseconds);
model::NeighbourEvent neighbour(double milliseconds, const Place& place, const char* address, bool failed);

/// All that is judged until that time, each journey as it was then.
std::vector<Journey> due(Tracker& tracker, MonotonicNs now);
std::vector<Journey> finished(Tracker& tracker);

}  // namespace synfate::track::test
