// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The rules that a SYN met, in the order in which they were told (--nftrace). Shows one packet's way, the newest one's: retransmits repeat
// it. Private to render.
#pragma once

#include <string>
#include <vector>

#include "model/verdict.hpp"
#include "render/json_value.hpp"
#include "render/layout.hpp"

namespace synfate::render {

/// Of the attempt's last SYN whose rules were traced; empty without --nftrace.
std::vector<const model::Event*> rule_path(const model::Journey& journey);

/// [{"netns":...,"family":"ip","table":"filter","chain":"FORWARD","handle":7,"number":null,"policy":false,"verdict":"jump","target":"X"}]
Json rule_path_json(const model::Journey& journey);

///   rules  router: ip filter FORWARD (handle 7) jump X
///          router: ip filter X (handle 9) drop
std::string rule_path_text(const model::Attempt& attempt, const TextStyle& style);

}  // namespace synfate::render
