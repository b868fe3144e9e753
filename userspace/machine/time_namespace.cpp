// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/time_namespace.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "base/unique_fd.hpp"

namespace synfate::machine {
namespace {

constexpr long long kNanoseconds = 1'000'000'000;
/// What the kernel itself allows.
constexpr long long kMostSeconds = 9'223'372'036 / 2;

/// The file tells of the namespace of children to come, which may be another one.
bool is_childrens_own() {
  struct stat own {};
  struct stat childrens {};
  return ::stat("/proc/self/ns/time", &own) == 0 && ::stat("/proc/self/ns/time_for_children", &childrens) == 0 &&
         own.st_ino == childrens.st_ino;
}

}  // namespace

std::int64_t monotonic_offset_ns(std::string_view timens_offsets) {
  const std::string text(timens_offsets.substr(0, 256));
  const std::size_t line = text.find("monotonic");
  long long seconds = 0;
  long long nanoseconds = 0;
  if (line == std::string::npos || std::sscanf(text.c_str() + line, "monotonic %lld %lld", &seconds, &nanoseconds) != 2) return 0;
  if (seconds > kMostSeconds || seconds < -kMostSeconds || nanoseconds < 0 || nanoseconds >= kNanoseconds) return 0;
  return seconds * kNanoseconds + nanoseconds;
}

std::int64_t monotonic_ahead_of_kernel_ns() {
  const UniqueFd fd(::open("/proc/self/timens_offsets", O_RDONLY | O_CLOEXEC));
  char text[256];
  const ssize_t length = fd ? ::read(fd.get(), text, sizeof text) : -1;
  if (length <= 0 || !is_childrens_own()) return 0;
  return monotonic_offset_ns({text, static_cast<std::size_t>(length)});
}

}  // namespace synfate::machine
