// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/sysctls.hpp"

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

/// The longest of them is two numbers.
constexpr std::size_t kMaxValueBytes = 256;

}  // namespace

SysctlTable read_sysctls(machine::NetnsVisit& visit) {
  SysctlTable table;
  for (const Sysctl& sysctl : kSysctls) {
    const auto text = visit.read_file("/proc/sys/" + std::string{sysctl.path}, {kMaxValueBytes});
    if (text) {
      table.values[std::string{sysctl.name}] = std::string{trim(*text)};
    } else if (text.error().kind != ErrorKind::Gone) {
      ++table.unreadable;
    }
  }
  return table;
}

}  // namespace synfate::inventory
