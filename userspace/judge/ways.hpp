// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which way a namespace sends a packet, as it was read near the event: the questions worth asking, and the answers in words. An answer
// knows nothing of marks, so it explains what the kernel did and never decides what that was.
#pragma once

#include <optional>
#include <string>

#include "judge/case.hpp"

namespace synfate::judge {

/// An answer about a route that was asked for so long before an event says nothing of it.
inline constexpr DurationNs kRouteAge = 1 * kSecond;

/// The way that a packet took which left by that hop's device; nothing where none was routed: a bridge's port, or one whose way is not
/// seen.
std::optional<model::RouteQuestion> question_of_departure(const model::Journey& journey, const model::Inventory& inventory,
                                                          const model::Event& hop);
/// To where the packet came from, and to where it was going.
model::RouteQuestion question_of_way_back(const model::Event& event);
/// To where it came from, as its receiver asks: from the address that it was for, which must be one of that namespace's own.
model::RouteQuestion question_of_answer(const model::Event& event);
model::RouteQuestion question_of_way_on(const model::Event& event);

/// Null when it was not read.
const model::RouteAnswer* answer_to(const Case& kase, model::NetnsId netns, const std::optional<model::RouteQuestion>& question);

/// "default via 10.0.0.1 dev eth0, table main"; for one that is not there, "none (Network is unreachable)".
std::string route_words(const Case& kase, model::NetnsId netns, const model::RouteAnswer& answer);
/// " (without a mark; netns blue has 2 ip rules of its own)"; empty where rules cannot have made a difference.
std::string rules_caveat(const Case& kase, model::NetnsId netns, std::uint8_t family);
/// "02:42:ac:12:00:03, REACHABLE"; empty when it was not read.
std::string neighbour_words(const model::RouteAnswer& answer);

/// An edge that drops nothing unseen, and the destination is not on another link of that namespace: only then can its absence be put down
/// to what is beyond.
bool may_blame_beyond(const Case& kase, const model::Event& last);

}  // namespace synfate::judge
