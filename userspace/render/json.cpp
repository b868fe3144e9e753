// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Objects to lines, until the writer refuses.
#include "render/json.hpp"

#include <utility>

#include "render/attempt_json.hpp"
#include "render/labels.hpp"

namespace synfate::render {
namespace {

Json crowded_json(const model::Summary& summary) {
  Json to = Json::array();
  for (const model::Crowd& crowd : summary.crowds) {
    const bool known = crowd.to.address.family != 0;
    to.push_back({{"dst", known ? Json(model::to_string(crowd.to.address)) : Json(nullptr)},
                  {"dport", number_or_null(crowd.to.port)},
                  {"syns", crowd.syns},
                  {"sources", crowd.sources},
                  {"dropped", crowd.dropped},
                  {"reset", crowd.reset},
                  {"refused", crowd.refused},
                  {"reason", text_or_null(crowd.reason)}});
  }
  return {{"syns", summary.crowded}, {"to", std::move(to)}};
}

}  // namespace

JsonSink::JsonSink(Writer writer, WallClock clock) : writer_(std::move(writer)), clock_(clock) {}

bool JsonSink::write(const std::string& line) {
  broken_ = broken_ || !writer_(line);
  return !broken_;
}

bool JsonSink::attempt(const model::Attempt& attempt) { return write(json_line(attempt_json(attempt, clock_))); }

bool JsonSink::folded(const model::Folded& folded) { return write(json_line(folded_json(folded, clock_))); }

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
  if (!summary.hops.empty()) object["hops"] = clean(summary.hops);
  object["gaps"] = Json::array();
  for (const model::Gap& gap : summary.gaps) object["gaps"].push_back(gap_json(gap));
  object["duration_s"] = seconds_of(summary.duration_ns);
  if (summary.folded != 0) object["folded"] = summary.folded;
  if (summary.crowded != 0) object["crowded"] = crowded_json(summary);
  return write(json_line(object));
}

}  // namespace synfate::render
