// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Service tables as lines that a test can compare, and the fixtures they are read from.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "base/time.hpp"
#include "inventory/services.hpp"

namespace synfate::test {

inline std::string service_fixture(const std::string& name) {
  std::ifstream file{std::string{SYNFATE_FIXTURES} + "/services/" + name, std::ios::binary};
  REQUIRE(file);
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// "shop/web:http cluster 10.96.7.8:80 > 10.244.0.5:8080 10.244.1.6:8080"
inline std::string described(const model::ServicePort& port) {
  using Kind = model::ServicePort::Kind;
  std::string line = port.name.empty() ? "?" : port.full_name();
  switch (port.kind) {
    case Kind::ClusterIp: line += " cluster "; break;
    case Kind::NodePort: line += " node "; break;
    case Kind::External: line += " external "; break;
    case Kind::LoadBalancer: line += " loadbalancer "; break;
  }
  line += to_string(port.address) + " >";
  for (const auto& endpoint : port.endpoints) line += " " + to_string(endpoint);
  return line;
}

inline std::set<std::string> described(const inventory::ServiceTable& table) {
  std::set<std::string> lines;
  for (const auto& port : table.ports) lines.insert(described(port));
  CHECK(lines.size() == table.ports.size());
  return lines;
}

inline std::string gaps_of(const inventory::ServiceTable& table) {
  std::string text;
  for (const auto& gap : table.gaps) text += gap.code + ": " + gap.text + "\n";
  return text;
}

inline std::size_t gaps_with(const inventory::ServiceTable& table, const std::string& code) {
  return static_cast<std::size_t>(
      std::count_if(table.gaps.begin(), table.gaps.end(), [&](const model::Gap& gap) { return gap.code == code; }));
}

inline const model::ServicePort* find(const inventory::ServiceTable& table, const std::string& address, std::uint16_t port) {
  for (const auto& each : table.ports) {
    if (to_string(each.address.address) == address && each.address.port == port) return &each;
  }
  return nullptr;
}

/// Of this thread, the fastest of three: what a busy machine cannot inflate much.
template <class Read>
DurationNs cpu_time_of(Read read) {
  const auto now = [] {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * kSecond + used.tv_nsec;
  };
  DurationNs fastest = 3600 * kSecond;
  for (int i = 0; i < 3; ++i) {
    const auto start = now();
    read();
    fastest = std::min<DurationNs>(fastest, now() - start);
  }
  return fastest;
}

}  // namespace synfate::test
