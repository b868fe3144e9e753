// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The place of a death and its rule, as lines of a row; what is not determined is said to be so. Private to render.
#pragma once

#include <string>

#include "model/verdict.hpp"
#include "render/layout.hpp"

namespace synfate::render {

///   where  node · forward · dev veth5c2a · nft ip filter FORWARD rule 9 (handle 41)
///          ip daddr 10.42.0.9 drop
///   rule   not determined: ...
std::string where_text(const model::Attempt& attempt, const TextStyle& style);

}  // namespace synfate::render
