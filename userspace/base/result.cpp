// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/result.hpp"

#include <system_error>

namespace synfate {

std::string to_string(const Error& error) {
  std::string text = error.what;
  if (!error.why.empty()) text += ": " + error.why;
  if (!error.hint.empty()) text += "\n  " + error.hint;
  return text;
}

std::string errno_text(int error_number) { return std::generic_category().message(error_number); }

}  // namespace synfate
