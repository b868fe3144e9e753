// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The way of one leg through the machine's devices. Repeats what was observed and adds no hop of its own.
#pragma once

#include "model/verdict.hpp"
#include "render/layout.hpp"

namespace synfate::render {

/// Devices that packets of this leg were seen at, each once, in the order of first sight, and at the end where the handshake ended if it
/// was this leg that died. The namespace is said where it changes. Empty when the leg was not seen and did not die.
///
///   eth0@blue ─ veth5c2a@host ─ cni0 ─ forward ✗
Phrase path_phrase(const model::Attempt& attempt, model::Leg leg, bool verbose);

}  // namespace synfate::render
