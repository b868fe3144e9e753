// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/crowds.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cmath>
#include <cstring>

// clang-format off: the configuration's types need these.
#include <linux/types.h>

#include "config.h"
// clang-format on

namespace synfate::probe {
namespace {

model::Crowd to_model(const crowd_key& key, const crowd& counted, const std::map<std::uint32_t, std::string>& reasons) {
  model::Crowd result;
  result.to.address.family = key.family;
  std::memcpy(result.to.address.bytes.data(), key.address, sizeof key.address);
  result.to.port = key.port;
  result.syns = counted.syns;
  result.dropped = counted.dropped;
  result.reset = counted.reset;
  result.refused = counted.refused;
  result.sources = estimate(counted.source);
  const auto reason = reasons.find(counted.reason);
  if (counted.dropped != 0 && counted.reasons_differ == 0 && reason != reasons.end()) result.reason = reason->second;
  return result;
}

}  // namespace

std::uint64_t estimate(std::span<const std::uint8_t> registers) {
  // Flajolet and others, "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007.
  const auto size = static_cast<double>(registers.size());
  const double alpha = 0.7213 / (1 + 1.079 / size);
  double sum = 0;
  for (const std::uint8_t rank : registers) sum += std::ldexp(1.0, -rank);
  const double raw = alpha * size * size / sum;
  const auto empty = static_cast<double>(std::count(registers.begin(), registers.end(), 0));
  const double linear = empty > 0 ? size * std::log(size / empty) : 0;
  return static_cast<std::uint64_t>(std::llround(raw <= 2.5 * size && empty > 0 ? linear : raw));
}

std::vector<model::Crowd> read_crowds(const SharedMaps& shared, const std::map<std::uint32_t, std::string>& reasons) {
  std::vector<model::Crowd> found;
  crowd_key key{};
  crowd counted{};
  const crowd_key* before = nullptr;
  // Nothing is ever deleted from it: each is met once.
  for (crowd_key next{}; bpf_map_get_next_key(shared.crowds, before, &next) == 0; before = &key) {
    key = next;
    if (bpf_map_lookup_elem(shared.crowds, &key, &counted) == 0 && counted.syns != 0) found.push_back(to_model(key, counted, reasons));
  }
  const std::uint32_t zero = 0;
  if (bpf_map_lookup_elem(shared.other_crowds, &zero, &counted) == 0 && counted.syns != 0)
    found.push_back(to_model(crowd_key{}, counted, reasons));
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.syns > b.syns; });
  return found;
}

}  // namespace synfate::probe
