// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Yes, no with a reason, or could not tell: a permission error is never a "no".
#pragma once

#include <string>

namespace synfate::probe {

struct Support {
  enum class State { Yes, No, Unknown };
  State state = State::Unknown;
  std::string why;  ///< for No and Unknown

  static Support yes() { return {State::Yes, {}}; }
  static Support no(std::string reason) { return {State::No, std::move(reason)}; }
  static Support unknown(std::string error) { return {State::Unknown, std::move(error)}; }
  explicit operator bool() const { return state == State::Yes; }
};

}  // namespace synfate::probe
