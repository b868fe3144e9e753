// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Standard output of a live session, behind a queue: who does not read it (a pager, a stopped terminal) never keeps the session from
// reading the kernel's ring. It never waits but in finish(), and it decides nothing about what is left out: it says when there is no room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace synfate::cli {

class OutputQueue {
 public:
  static constexpr std::size_t kLimit = 4U << 20;

  /// Over a descriptor that stays the caller's, and whose mode is left alone: others have it too.
  explicit OutputQueue(int fd, std::size_t limit = kLimit);

  /// Takes whole lines, and writes what can be written at once. False once nobody reads, or the medium has failed.
  bool put(std::string_view lines);
  /// Too much waits to be read for another row. Once full, it has room again when half of it was read.
  bool has_room() const { return !full_; }
  /// What is put from now on is the last, and is taken however much waits.
  void begin_end() { ending_ = true; }

  /// For poll(): the descriptor, and what to wait for; errors are news too.
  int fd() const { return broken_ ? -1 : writing_fd(); }
  short events() const;
  /// What poll() has found.
  void proceed(short found);

  /// Waits until all is read; false where a signal that is blocked came meanwhile, and something is left.
  bool finish();
  std::size_t waiting() const { return queue_.size() - begin_; }
  /// Nothing more will be written: nobody reads, or failure().
  bool is_broken() const { return broken_; }
  /// A medium that failed: a full disk. None where the reader just went.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  enum class Kind : unsigned char {
    Waits,   ///< a file: a write ends by itself
    Own,     ///< a pipe or a terminal, opened anew so that writing never waits
    Socket,  ///< asked not to wait with each write
    Shared,  ///< could not be opened anew: asked before each write, which is a small one
  };
  int writing_fd() const { return own_ ? own_.get() : fd_; }
  void write_some();
  void fail(int error);

  int fd_;
  std::size_t limit_;
  Kind kind_ = Kind::Waits;
  UniqueFd own_;
  std::string queue_;
  std::size_t begin_ = 0;  ///< of what is not written yet, in queue_
  bool full_ = false;
  bool ending_ = false;
  bool broken_ = false;
  std::optional<Error> failure_;
};

/// Rows that nobody was shown, in words; empty where there are none.
std::string unprinted_text(std::uint64_t attempts);

}  // namespace synfate::cli
