// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Where findings go: one call per thing that can be said. Says nothing about form, and decides nothing.
#pragma once

#include <functional>
#include <string_view>

#include "model/verdict.hpp"

namespace synfate::render {

/// Takes whole lines, each with its newline; false when the reader is gone (a broken pipe) or the medium is full.
using Writer = std::function<bool(std::string_view)>;

/// Each call returns false once the writer has refused; what comes after that is not written any more.
class Sink {
 public:
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  virtual ~Sink() = default;

  [[nodiscard]] virtual bool attempt(const model::Attempt& attempt) = 0;
  [[nodiscard]] virtual bool notice(const model::Notice& notice) = 0;
  [[nodiscard]] virtual bool summary(const model::Summary& summary) = 0;
  /// Attempts that were not printed one by one; of those that are like the same attempt the last call counts.
  [[nodiscard]] virtual bool folded(const model::Folded&) { return true; }
  /// It is `now`: what was held back may be due.
  [[nodiscard]] virtual bool tick(MonotonicNs) { return true; }
};

}  // namespace synfate::render
