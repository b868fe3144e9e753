// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/permissions.hpp"

#include <fstream>
#include <iterator>

namespace synfate::probe {
namespace {

constexpr unsigned kNetAdmin = 12;
constexpr unsigned kSysAdmin = 21;
constexpr unsigned kPerfmon = 38;
constexpr unsigned kBpf = 39;

std::string read_small(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

Lockdown read_lockdown() {
  const std::string text = read_small("/sys/kernel/security/lockdown");
  if (text.find("[none]") != std::string::npos) return Lockdown::None;
  if (text.find("[integrity]") != std::string::npos) return Lockdown::Integrity;
  if (text.find("[confidentiality]") != std::string::npos) return Lockdown::Confidentiality;
  return Lockdown::Unknown;
}

Status check_capabilities() {
  const std::string status = read_small("/proc/self/status");
  const std::size_t at = status.find("CapEff:");
  if (at == std::string::npos)
    return Error{ErrorKind::Permission, "cannot tell the capabilities of this process", "/proc/self/status has no CapEff",
                 "is /proc mounted?"};
  const unsigned long long effective = std::strtoull(status.c_str() + at + 7, nullptr, 16);
  const auto has = [&](unsigned capability) { return (effective >> capability & 1) != 0; };
  if (has(kSysAdmin)) return Ok{};
  std::string missing;
  if (!has(kBpf)) missing += " CAP_BPF";
  if (!has(kPerfmon)) missing += " CAP_PERFMON";
  if (!has(kNetAdmin)) missing += " CAP_NET_ADMIN";
  if (missing.empty()) return Ok{};
  return Error{ErrorKind::Permission, "not permitted to load BPF programs", "missing" + missing + " (or CAP_SYS_ADMIN)",
               "run it as root: sudo synfate ..."};
}

}  // namespace synfate::probe
