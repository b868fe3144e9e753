// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The command of `run`, or the connects of `probe`: forked before anything is watched closely, released when everything is.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace synfate::cli {

class Child {
 public:
  /// What the child does once it is released: writes the errno to the descriptor and ends if it cannot, and closes it, as exec does, if
  /// it can.
  using Work = std::function<void(int failure_fd)>;

  /// Forks; the child waits at a gate. `cannot` is what release() says when it fails, with errno's text for a reason.
  static Result<Child> fork_behind_gate(Error cannot, const Work& work);
  static Result<Child> fork_behind_gate(const std::vector<std::string>& argv);

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  /// A child that was never released is told to go away, and waited for.
  ~Child();

  /// Opens the gate. When the program cannot be executed the error says why, and its status is 127 or 126.
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
  Error cannot_;
  std::optional<int> status_;
};

}  // namespace synfate::cli
