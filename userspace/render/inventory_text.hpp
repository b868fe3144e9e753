// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// `synfate pods` for people: namespaces, their devices, and what could not be read. Looks nothing up.
#pragma once

#include "model/inventory.hpp"
#include "render/layout.hpp"
#include "render/sink.hpp"

namespace synfate::render {

/// Namespaces by inode number, then the gaps of all of them; false when the writer refused.
///
///   NETNS       NAME  SOURCE           PROCESS
///   4026531840  host  init             systemd[1]
///     veth5c2a ↔ eth0@blue  veth, in cni0  10.0.0.1/24
///   4026532511  blue  /run/netns/blue  -
///     eth0 ↔ veth5c2a@host  veth  10.0.0.2/24
[[nodiscard]] bool write_inventory_text(const model::Inventory& inventory, const TextStyle& style, const Writer& writer);

}  // namespace synfate::render
