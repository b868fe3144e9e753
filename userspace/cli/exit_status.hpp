// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Exit statuses, the part of the contract that scripts see.
#pragma once

#include "base/result.hpp"

namespace synfate::cli {

inline constexpr int kDone = 0;
inline constexpr int kUsage = 1;
inline constexpr int kCannotRun = 2;
inline constexpr int kEvidenceLost = 3;
// Of probe, by fate.
inline constexpr int kDropped = 10;
inline constexpr int kRefused = 11;
inline constexpr int kUnanswered = 12;
inline constexpr int kVanished = 13;
inline constexpr int kNameUnresolved = 14;
inline constexpr int kInterrupted = 130;

inline int exit_status(const Error& error) {
  return error.kind == ErrorKind::Usage || error.kind == ErrorKind::BadData ? kUsage : kCannotRun;
}

}  // namespace synfate::cli
