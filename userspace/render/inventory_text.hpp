// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// `synfate pods` for people: namespaces, their devices, and what could not be read. Looks nothing up.
#pragma once

#include "model/inventory.hpp"
#include "render/layout.hpp"
#include "render/sink.hpp"

namespace synfate::render {

/// Namespaces by inode number, then pods in the network of their nodes, then the gaps of all of them; false when the writer refused.
/// Verbose: with the devices of each namespace.
///
///   NETNS       NODE         NAME                      ADDRESSES   HOST SIDE             SOURCE
///   4026531840  -            host                      192.0.2.7   -                     init
///   4026532256  lab-worker   (node of lab, worker)     172.18.0.2  vethb5ce971@host      docker: /var/lib/docker/containers/...
///   4026532402  lab-worker   shop/web-0                10.244.1.2  vethc7365@lab-worker  containerd: /run/containerd/...
[[nodiscard]] bool write_inventory_text(const model::Inventory& inventory, const TextStyle& style, const Writer& writer);

}  // namespace synfate::render
