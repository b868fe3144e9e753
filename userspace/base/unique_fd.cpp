// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/unique_fd.hpp"

#include <unistd.h>

namespace synfate {

void UniqueFd::reset(int fd) noexcept {
  // Linux closes the descriptor even when close() fails, so there is nothing to retry.
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd < 0 ? -1 : fd;
}

}  // namespace synfate
