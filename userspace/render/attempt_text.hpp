// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The whole row of one attempt. Private to render.
#pragma once

#include <string>

#include "base/time.hpp"
#include "model/verdict.hpp"
#include "render/layout.hpp"

namespace synfate::render {

/// Lines as in text.hpp's picture; a label that has nothing to say is left out.
std::string attempt_text(const model::Attempt& attempt, const WallClock& clock, const TextStyle& style);
/// "14:40:41.204  DROPPED  by a rule   +12,345 more like #7 → b/server:4317   from 250 sources"
std::string folded_text(const model::Folded& folded, const WallClock& clock, const TextStyle& style);

}  // namespace synfate::render
