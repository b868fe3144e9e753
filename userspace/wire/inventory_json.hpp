// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// model::Inventory as JSON text and back, every field. What does not fit is cut, and the cut is a gap in the text itself.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/inventory.hpp"

namespace synfate::wire {

/// What was known of the machine at one time.
struct InventorySnapshot {
  MonotonicNs time_ns = 0;
  model::Inventory inventory;
};

std::string inventory_to_json(MonotonicNs time_ns, const model::Inventory& inventory);

/// Reads untrusted text. A field that is absent keeps its default; one of a wrong type is a BadData error that names it.
Result<InventorySnapshot> inventory_from_json(std::string_view text);

}  // namespace synfate::wire
