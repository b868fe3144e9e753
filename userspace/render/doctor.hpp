// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What `synfate doctor` found, as text and as JSON lines. Examines nothing: the lines are handed in.
#pragma once

#include <string>
#include <vector>

#include "render/layout.hpp"
#include "render/sink.hpp"

namespace synfate::render {

/// One check. "Unknown" is an answer of its own: an error kept it from being decided.
struct DoctorLine {
  enum class State { Yes, No, Unknown };

  std::string name;
  State state = State::Unknown;
  std::string why;          ///< may be empty for Yes
  std::string consequence;  ///< what will not be seen without it; may be empty
};

struct DoctorReport {
  std::vector<DoctorLine> lines;
  std::string tier;     ///< "1", "2", ...; empty: none
  std::string verdict;  ///< one sentence: can this machine run it
  bool can_run = false;
};

///   yes      tp_btf programs
///   no       fentry programs   refused: operation not permitted
///            xtables rules are named from the stack instead
///   tier 1   this machine can run synfate
[[nodiscard]] bool write_doctor_text(const DoctorReport& report, const TextStyle& style, const Writer& writer);

/// {"type":"check","v":1,"name","state":"yes"|"no"|"unknown","why","consequence"} a line, then
/// {"type":"summary","v":1,"tier","can_run","verdict"}.
[[nodiscard]] bool write_doctor_json(const DoctorReport& report, const Writer& writer);

}  // namespace synfate::render
