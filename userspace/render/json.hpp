// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Findings for programs: one JSON object a line, valid UTF-8 whatever came in.
#pragma once

#include <string>

#include "base/time.hpp"
#include "render/sink.hpp"

namespace synfate::render {

class JsonSink final : public Sink {
 public:
  JsonSink(Writer writer, WallClock clock);

  bool attempt(const model::Attempt& attempt) override;
  bool folded(const model::Folded& folded) override;
  bool notice(const model::Notice& notice) override;
  bool summary(const model::Summary& summary) override;

 private:
  bool write(const std::string& line);

  Writer writer_;
  WallClock clock_;
  bool broken_ = false;
};

}  // namespace synfate::render
