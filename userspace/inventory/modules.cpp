// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/modules.hpp"

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxModulesBytes = 1U << 20U;

}  // namespace

bool asking_loads_nothing(machine::Machine& machine, const std::string& module) {
  const auto modules = machine.read_file("/proc/modules", {kMaxModulesBytes});
  if (!modules) return modules.error().kind == ErrorKind::Gone;
  for (const std::string_view line : split(*modules, '\n')) {
    if (line.substr(0, line.find(' ')) == module) return true;
  }
  if (const auto disabled = machine.read_file("/proc/sys/kernel/modules_disabled"); disabled && trim(*disabled) == "1") return true;
  const auto release = machine.read_file("/proc/sys/kernel/osrelease");
  if (!release) return false;
  const auto builtin = machine.read_file("/lib/modules/" + std::string{trim(*release)} + "/modules.builtin", {kMaxModulesBytes});
  return builtin && builtin->find("/" + module + ".ko\n") != std::string::npos;
}

}  // namespace synfate::inventory
