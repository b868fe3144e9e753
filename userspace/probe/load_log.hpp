// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What libbpf and the verifier say while programs load, and the one line of it that tells a user why they were refused. Prints nothing.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace synfate::probe {

/// Collects libbpf's messages of this thread as long as it lives. One at a time: libbpf's callback takes no context.
class LoadLog {
 public:
  LoadLog();
  ~LoadLog();
  LoadLog(const LoadLog&) = delete;
  LoadLog& operator=(const LoadLog&) = delete;

  /// Of a long log, its end: that is where the reason is.
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// `what` could not be done, for the reason that errno and the log give.
Error load_error(std::string what, int error, const LoadLog& log);

/// The verifier's reason and the program that it refused, or the last that libbpf itself said; empty when nothing was.
std::string refusal(std::string_view log);

/// The helper that reads kernel memory was refused: what lockdown=confidentiality does, also where securityfs is not there to say so.
bool refuses_kernel_reads(std::string_view log);

}  // namespace synfate::probe
