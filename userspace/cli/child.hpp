// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The command of `run`: forked before anything is watched closely, released when everything is.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace synfate::cli {

class Child {
 public:
  /// Forks; the child waits at a gate.
  static Result<Child> fork_behind_gate(const std::vector<std::string>& argv);

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  /// A child that was never released is told to go away, and waited for.
  ~Child();

  /// Opens the gate. When the program cannot be executed the error says why, and exit_status() is 127 or 126.
  Status release();
  /// Readable when the child has ended.
  int fd() const { return pidfd_.get(); }
  void forward(int signal_number) const;
  /// Waits. The status as a shell says it: 128 + number for a death by signal.
  int wait();

 private:
  Child() = default;

  pid_t process_ = -1;
  UniqueFd pidfd_;
  UniqueFd gate_;
  UniqueFd failure_;
  std::string program_;
  std::optional<int> status_;
};

}  // namespace synfate::cli
