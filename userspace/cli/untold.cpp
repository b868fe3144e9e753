// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/untold.hpp"

#include <algorithm>

namespace synfate::cli {
namespace {

/// Destinations that are told; the JSON summary has all.
constexpr std::size_t kMaxTold = 3;

std::string ends_text(const model::Crowd& crowd) {
  std::string text;
  const auto add = [&](std::uint64_t number, const std::string& what) {
    if (number != 0) text += (text.empty() ? "" : ", ") + std::to_string(number) + " " + what;
  };
  add(crowd.dropped, crowd.reason.empty() ? "dropped" : "dropped with " + crowd.reason);
  add(crowd.reset, "answered with a RST");
  add(crowd.refused, "refused by the listener");
  return text.empty() ? "" : " (" + text + ")";
}

std::string crowd_text(const model::Crowd& crowd) {
  const std::string to = crowd.to.address.family == 0 ? "other destinations" : model::to_string(crowd.to);
  return std::to_string(crowd.syns) + " to " + to + " from about " + std::to_string(std::max<std::uint64_t>(crowd.sources, 1)) +
         (crowd.sources > 1 ? " sources" : " source") + ends_text(crowd);
}

}  // namespace

std::string crowded_text(std::uint64_t syns, const std::vector<model::Crowd>& crowds) {
  std::string text = std::to_string(syns) + " SYNs came, or failed, too fast to be told one by one: counted only, and not judged";
  std::uint64_t rest = syns;
  for (std::size_t i = 0; i < std::min(crowds.size(), kMaxTold); ++i) {
    text += (i == 0 ? ": " : "; ") + crowd_text(crowds[i]);
    rest -= std::min(rest, crowds[i].syns);
  }
  if (crowds.size() > kMaxTold) text += "; " + std::to_string(rest) + " to others";
  return text;
}

std::optional<model::Gap> crowded_gap(const model::Summary& summary) {
  if (summary.crowded == 0) return std::nullopt;
  return model::Gap{std::string(kCrowdedCode), crowded_text(summary.crowded, summary.crowds)};
}

}  // namespace synfate::cli
