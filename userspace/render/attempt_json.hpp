// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// An attempt as the JSON object of the contract: fields may be added, never renamed or removed. Private to render.
#pragma once

#include "base/time.hpp"
#include "model/verdict.hpp"
#include "render/json_value.hpp"

namespace synfate::render {

/// Every key is always there; what is not known is null.
Json attempt_json(const model::Attempt& attempt, const WallClock& clock);
/// Likewise, of the line of type "folded".
Json folded_json(const model::Folded& folded, const WallClock& clock);

}  // namespace synfate::render
