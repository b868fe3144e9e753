// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Objects to lines, until the writer refuses.
#include "render/json.hpp"

#include <utility>

#include "render/attempt_json.hpp"
#include "render/labels.hpp"

namespace synfate::render {

JsonSink::JsonSink(Writer writer, WallClock clock) : writer_(std::move(writer)), clock_(clock) {}

bool JsonSink::write(const std::string& line) {
  broken_ = broken_ || !writer_(line);
  return !broken_;
}

bool JsonSink::attempt(const model::Attempt& attempt) { return write(json_line(attempt_json(attempt, clock_))); }

bool JsonSink::notice(const model::Notice& notice) {
  Json object = typed("notice");
  object["level"] = notice.level == model::NoticeLevel::Warning ? "warning" : "info";
  object["code"] = clean(notice.code);
  object["text"] = clean(notice.text);
  return write(json_line(object));
}

bool JsonSink::summary(const model::Summary& summary) {
  Json object = typed("summary");
  object["attempts"] = Json::object();
  for (const auto& [fate, attempts] : summary.attempts) {
    if (attempts != 0) object["attempts"][std::string(model::to_string(fate))] = attempts;
  }
  object["events"] = {{"seen", summary.events_seen}, {"lost", summary.events_lost}};
  object["tier"] = clean(summary.tier);
  object["gaps"] = Json::array();
  for (const model::Gap& gap : summary.gaps) object["gaps"].push_back(gap_json(gap));
  object["duration_s"] = seconds_of(summary.duration_ns);
  return write(json_line(object));
}

}  // namespace synfate::render
