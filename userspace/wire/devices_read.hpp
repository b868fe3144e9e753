// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The part of an inventory's JSON that is about devices and their queues. Private to this room.
#pragma once

#include <string>

#include "model/inventory.hpp"
#include "wire/json.hpp"

namespace synfate::wire {

/// What is read of devices and queues only where a drop asks for it. Returns what is wrong, empty if nothing is.
std::string read_devices(JsonFields& fields, model::Netns& netns);

}  // namespace synfate::wire
