// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What the kernel side counted and did not send, in live sessions and replays alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/verdict.hpp"
#include "wire/recording.hpp"

namespace synfate::cli {

inline std::optional<model::Gap> rules_untold_gap(std::uint64_t drops) {
  if (drops == 0) return std::nullopt;
  return model::Gap{"rules_untold", std::to_string(drops) +
                                        " drops are told without their rule: each interrupted the program that finds the rule, which the "
                                        "kernel does not run twice at once"};
}

/// `wire_version` is that of whoever counted.
inline std::optional<model::Gap> untold_gap(const wire::Counters& counters, std::uint32_t wire_version = WIRE_VERSION) {
  const std::uint64_t untold = counters[WIRE_COUNT_UNTOLD];
  if (untold == 0) return std::nullopt;
  if (wire_version > 6)
    return model::Gap{"ends_untold",
                      std::to_string(untold) + " connections ended early too fast to be told one by one; they are counted as established"};
  return model::Gap{"refusals_untold",
                    std::to_string(untold) +
                        " refusals by listeners came too fast to be told one by one: those SYNs are told of when they are "
                        "sent again, from the listener's queues and counters"};
}

inline constexpr std::string_view kCrowdedCode = "syns_crowded";

/// Of SYNs that are in no attempt: how many, where to, and what became of them as far as it was seen.
std::string crowded_text(std::uint64_t syns, const std::vector<model::Crowd>& crowds);
std::optional<model::Gap> crowded_gap(const model::Summary& summary);

}  // namespace synfate::cli
