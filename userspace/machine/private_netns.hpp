// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A child in a network namespace of its own, with a ruleset and nothing else: where synfate may try things without touching the machine.
// The namespace dies with the child, the child with its parent. Loads no kernel module that the rules do not need.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace synfate::machine {

class PrivateNetns {
 public:
  /// Forks. The child calls itself `comm`, raises its loopback, loads `ruleset` (nft's language; none if empty), reports, and waits.
  static Result<PrivateNetns> start(const std::string& comm, const std::string& ruleset);

  PrivateNetns(PrivateNetns&& other) noexcept;
  PrivateNetns& operator=(PrivateNetns&&) = delete;
  ~PrivateNetns();

  /// Readable once, when the child is ready or has failed.
  int fd() const { return from_child_.get(); }
  /// The namespace's inode number; nothing when the child failed. Call when fd() is readable.
  std::optional<std::uint32_t> ready();
  /// Of the child's namespace, once it is ready; the caller closes it.
  UniqueFd open_netns() const;
  /// Lets the child try one connect() to 127.0.0.1 on each of these ports (1 to 255), without waiting for answers.
  Status connect_to(const std::vector<std::uint8_t>& ports);

 private:
  PrivateNetns() = default;

  pid_t child_ = -1;
  UniqueFd from_child_;
  UniqueFd to_child_;
};

}  // namespace synfate::machine
