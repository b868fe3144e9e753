// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Errors as values. Rooms hand each other Result<T>; nothing throws across a room's edge.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace synfate {

/// What kind of failure it is; the command line turns it into an exit status.
enum class ErrorKind {
  Usage,        ///< the user asked for something that cannot be: exit 1
  Permission,   ///< a capability or root is missing: exit 2
  Unsupported,  ///< the machine cannot do it: exit 2
  Io,           ///< a file, command or socket failed: exit 2 at start, a gap later
  BadData,      ///< input that is not what it claims to be: exit 1 or 3
  Gone,         ///< it existed and has vanished meanwhile (a namespace, a process)
};

/// A failure in the words that the user reads: what failed, why, and what to do (may be empty).
struct Error {
  ErrorKind kind = ErrorKind::Io;
  std::string what;
  std::string why;
  std::string hint;
};

/// "what: why" and, on a line of its own, the hint.
std::string to_string(const Error& error);

/// errno as text, thread-safe.
std::string errno_text(int error_number);

struct Ok {};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }

  T& operator*() & {
    assert(*this);
    return *std::get_if<0>(&state_);
  }
  const T& operator*() const& {
    assert(*this);
    return *std::get_if<0>(&state_);
  }
  T&& operator*() && {
    assert(*this);
    return std::move(*std::get_if<0>(&state_));
  }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }

  const Error& error() const& {
    assert(!*this);
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    assert(!*this);
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<Ok>;

}  // namespace synfate
