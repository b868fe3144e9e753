// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Attempts and inventories for the tests of render, and a writer that remembers. Not recordings: the facts in them are invented.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/verdict.hpp"
#include "render/sink.hpp"

namespace synfate::render::testing {

inline constexpr model::NetnsId kHost = 4026531840;
inline constexpr model::NetnsId kClientNetns = 4026532511;
inline constexpr model::NetnsId kServerNetns = 4026532617;
inline constexpr MonotonicNs kStart = 5'000'000'000;

/// kStart is 2026-11-20T14:40:31.204113Z.
WallClock clock();

/// Accepts `writes_left` writes, then refuses and counts the refusals.
struct Paper {
  std::string text;
  std::vector<std::string> writes;
  unsigned writes_left = 1000;
  unsigned refused = 0;

  Writer writer();
};

model::Endpoint endpoint(std::string_view address, std::uint16_t port);
model::Event hop(MonotonicNs after_ns, model::Leg leg, model::HopKind kind, model::NetnsId netns, std::uint32_t ifindex,
                 std::string device);

/// A SYN from pod to pod through DNAT, dropped in forward by an exactly named rule; three SYNs in three seconds.
model::Attempt dropped_by_a_rule();
/// A SYN-ACK dropped on its way back, rule unknown; client known as a process only.
model::Attempt lost_syn_ack();
/// A connect() that found no route.
model::Attempt no_route();
/// Left by eth0, masqueraded, over IPv6, and nobody answered.
model::Attempt unanswered();
model::Attempt established();

/// host with a bridge and a veth into blue; blue could not be read completely.
model::Inventory two_namespaces();

}  // namespace synfate::render::testing
