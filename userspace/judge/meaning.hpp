// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the rule of a verdict stands for, and the service that was asked for: gathers what means.hpp needs, and decides nothing of it.
#pragma once

#include "model/inventory.hpp"
#include "model/journey.hpp"
#include "model/verdict.hpp"

namespace synfate::judge {

/// The service that the client asked for, by the rules of a namespace on the way. Null: none, or none with a name.
const model::ServicePort* asked_service(const model::Journey& journey, const model::Inventory& inventory);

/// Fills in what the verdict's rule means, where an engine's rule is recognised, and the command that shows it.
void explain(const model::Journey& journey, const model::Inventory& inventory, model::Verdict& verdict);

}  // namespace synfate::judge
