// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Both forms of the report.
#include "render/doctor.hpp"

#include <algorithm>

#include "render/json_value.hpp"
#include "render/labels.hpp"

namespace synfate::render {
namespace {

constexpr unsigned kTextColumn = 9;

std::string_view word_of(DoctorLine::State state) {
  switch (state) {
    case DoctorLine::State::Yes: return "yes";
    case DoctorLine::State::No: return "no";
    case DoctorLine::State::Unknown: return "unknown";
  }
  return "unknown";
}

Paint paint_of(DoctorLine::State state) {
  switch (state) {
    case DoctorLine::State::Yes: return Paint::Good;
    case DoctorLine::State::No: return Paint::Bad;
    case DoctorLine::State::Unknown: return Paint::Doubtful;
  }
  return Paint::None;
}

std::string row(std::string_view head, Paint paint, std::string_view text, std::string_view why, const TextStyle& style) {
  Phrase line;
  const auto gap = static_cast<unsigned>(kTextColumn - std::min<std::size_t>(head.size(), kTextColumn - 1));
  line.group(head, 0, paint).group(text, gap).group(why, 3);
  return lay_out(line, style, 0, kTextColumn);
}

}  // namespace

bool write_doctor_text(const DoctorReport& report, const TextStyle& style, const Writer& writer) {
  std::string lines;
  for (const DoctorLine& check : report.lines) {
    lines += row(word_of(check.state), paint_of(check.state), clean(check.name), clean(check.why), style);
    Phrase consequence;
    consequence.words(clean(check.consequence));
    lines += lay_out(consequence, style, kTextColumn, kTextColumn);
  }
  const std::string tier = report.tier.empty() ? "no tier" : "tier " + clean(report.tier, 16);
  lines += row(tier, report.can_run ? Paint::Good : Paint::Bad, clean(report.verdict), "", style);
  return writer(lines);
}

bool write_doctor_json(const DoctorReport& report, const Writer& writer) {
  for (const DoctorLine& check : report.lines) {
    Json object = typed("check");
    object["name"] = clean(check.name);
    object["state"] = word_of(check.state);
    object["why"] = text_or_null(check.why);
    object["consequence"] = text_or_null(check.consequence);
    if (!writer(json_line(object))) return false;
  }
  Json summary = typed("summary");
  summary["tier"] = text_or_null(report.tier);
  summary["can_run"] = report.can_run;
  summary["verdict"] = text_or_null(report.verdict);
  return writer(json_line(summary));
}

}  // namespace synfate::render
