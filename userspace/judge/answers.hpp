// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Who answered: RSTs and ICMP errors, and whether this node or something beyond it made them.
#pragma once

#include <optional>
#include <string>

#include "judge/case.hpp"

namespace synfate::judge {

/// An answer that this node gave because it dropped a packet, in words: "an ICMP port unreachable (3/3) was sent in netns x".
struct Refusal {
  const model::Event* event = nullptr;
  bool is_reset = false;
  std::string words;
};

enum class IcmpKind : unsigned char { Unreachable, TooBig, TimeExceeded };
/// An ICMP error of that kind about that packet, made in the namespace of the drop at the moment of the drop.
std::optional<Refusal> icmp_error_at(const Case& kase, const model::Event& drop, IcmpKind kind = IcmpKind::Unreachable);
/// A RST that was made in the namespace of the drop at the moment of the drop, but not by a TCP socket's own reset path.
std::optional<Refusal> reset_at(const Case& kase, const model::Event& drop);
/// A RST that TCP sent from that namespace, by its own record or as a hop that begins there.
std::optional<Refusal> tcp_reset_from(const Case& kase, const model::Event& drop);

/// First RST (or ICMP error) towards the client that came in by an edge device, when nothing on this node made it.
const model::Event* reset_from_beyond(const Case& kase);
const model::Event* icmp_from_beyond(const Case& kase);

/// The place where an answer was itself dropped on its way to the client, as a note; nothing when it was not.
std::optional<std::string> answer_lost_note(const Case& kase, model::Leg leg);

}  // namespace synfate::judge
