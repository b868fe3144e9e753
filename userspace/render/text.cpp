// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Rows to lines, until the writer refuses; the end of a session.
#include "render/text.hpp"

#include <utility>

#include "render/attempt_text.hpp"
#include "render/labels.hpp"
#include "render/words.hpp"

namespace synfate::render {
namespace {

std::string no_failure_line(const model::Summary& summary) {
  std::string text = "no failed attempt seen; " + std::to_string(summary.events_seen) + " handshake events, ";
  text += std::to_string(summary.events_lost) + (summary.events_lost == 0 ? " lost" : " LOST");
  for (const auto& [fate, attempts] : summary.attempts) {
    if (attempts != 0) text += "; " + std::to_string(attempts) + " " + std::string(model::to_string(fate));
  }
  return text;
}

std::string failures_line(const model::Summary& summary, std::uint64_t total) {
  std::string fates;
  const auto established = summary.attempts.find(model::Fate::Established);
  for (const auto& [fate, attempts] : summary.attempts) {
    if (attempts != 0 && fate != model::Fate::Established)
      append_joined(fates, std::to_string(attempts) + " " + std::string(model::to_string(fate)), ", ");
  }
  if (established != summary.attempts.end() && established->second != 0) {
    append_joined(fates, std::to_string(established->second) + " established", ", ");
  }
  return count_text(total, "attempt") + " in " + seconds_text(summary.duration_ns) + ": " + fates + "; " +
         std::to_string(summary.events_seen) + " handshake events, " + std::to_string(summary.events_lost) +
         (summary.events_lost == 0 ? " lost" : " LOST");
}

}  // namespace

TextSink::TextSink(Writer writer, WallClock clock, TextStyle style) : writer_(std::move(writer)), clock_(clock), style_(style) {}

bool TextSink::write(std::string_view lines) {
  broken_ = broken_ || !writer_(lines);
  return !broken_;
}

bool TextSink::attempt(const model::Attempt& attempt) { return write(attempt_text(attempt, clock_, style_)); }

bool TextSink::folded(const model::Folded& folded) { return write(folded_text(folded, clock_, style_)); }

bool TextSink::notice(const model::Notice& notice) {
  const bool warning = notice.level == model::NoticeLevel::Warning;
  Phrase line;
  line.group(warning ? "WARNING" : "note", 0, warning ? Paint::Doubtful : Paint::None).words(clean(notice.text), 2);
  return write(lay_out(line, style_, 0, 2));
}

bool TextSink::summary(const model::Summary& summary) {
  std::uint64_t total = 0;
  std::uint64_t failed = 0;
  for (const auto& [fate, attempts] : summary.attempts) {
    total += attempts;
    if (fate != model::Fate::Established && fate != model::Fate::Unfinished) failed += attempts;
  }
  Phrase first;
  first.words(failed == 0 ? no_failure_line(summary) : failures_line(summary, total));
  std::string lines = lay_out(first, style_, 0, 2);
  if (summary.folded != 0) {
    Phrase folded;
    folded.words(grouped(summary.folded) + " of them were like others, and only counted");
    lines += labelled("folded", folded, style_);
  }
  if (summary.events_lost != 0) {
    Phrase loss;
    loss.group("EVIDENCE LOST", 0, Paint::Bad)
        .words(count_text(summary.events_lost, "event") + " did not reach synfate: attempts may be missing, or judged without them", 2);
    lines += lay_out(loss, style_, 0, 2);
  }
  if (style_.verbose) lines += labelled("tier", phrase_of(summary.tier), style_);
  const bool of_scope = !summary.hops.empty() && summary.hops != "all devices";
  if (style_.verbose || of_scope) lines += labelled("hops", phrase_of(summary.hops), style_);
  for (const model::Gap& gap : summary.gaps) lines += labelled("gap", phrase_of(gap.text.empty() ? gap.code : gap.text), style_);
  return write(lines);
}

}  // namespace synfate::render
