// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a session observed that was attached to the devices of its scope, to JSON and back. Private to this room.
#pragma once

#include <string>

#include "model/inventory.hpp"
#include "wire/json.hpp"

namespace synfate::wire {

Json scoped_json(const model::ScopedView& scoped);
/// The error's text; empty when it was read.
std::string read_scoped(const Json& json, model::ScopedView& scoped);

}  // namespace synfate::wire
