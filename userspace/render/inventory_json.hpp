// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// `synfate pods --json`: one object of type "netns" a line, a "summary" with the gaps at last. Looks nothing up.
#pragma once

#include "model/inventory.hpp"
#include "render/sink.hpp"

namespace synfate::render {

/// One write a line; false when the writer refused one, after which nothing is written.
[[nodiscard]] bool write_inventory_json(const model::Inventory& inventory, const Writer& writer);

}  // namespace synfate::render
