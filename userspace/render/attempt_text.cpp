// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The rows of an attempt, label by label.
#include "render/attempt_text.hpp"

#include <algorithm>
#include <utility>

#include "render/labels.hpp"
#include "render/path_line.hpp"
#include "render/rule_path.hpp"
#include "render/where_text.hpp"
#include "render/words.hpp"

namespace synfate::render {
namespace {

std::string fate_word(model::Fate fate) {
  std::string word(model::to_string(fate));
  for (char& letter : word) letter = letter == '_' ? ' ' : static_cast<char>(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
  return word;
}

Paint paint_of(model::Fate fate) {
  switch (fate) {
    case model::Fate::Established: return Paint::Good;
    case model::Fate::Dropped:
    case model::Fate::Refused: return Paint::Bad;
    case model::Fate::Unanswered:
    case model::Fate::ClosedEarly:
    case model::Fate::Parked:
    case model::Fate::Vanished: return Paint::Doubtful;
    case model::Fate::Unfinished: return Paint::Faint;
  }
  return Paint::None;
}

Phrase header(const model::Attempt& attempt, const WallClock& clock) {
  Phrase line;
  line.group(clock_time(clock, attempt.journey.first_ns), 0)
      .group(fate_word(attempt.verdict.fate), 2, paint_of(attempt.verdict.fate))
      .group(clean(attempt.verdict.summary), 2)
      .group(client_label(attempt), 3)
      .glued("→", server_label(attempt));
  const std::string id = "#" + std::to_string(attempt.id);
  line.group(attempt.revision > 1 ? "(revision " + std::to_string(attempt.revision) + " of " + id + ")" : "(" + id + ")");
  return line;
}

std::string syn_text(const model::Attempt& attempt) {
  const model::Journey& journey = attempt.journey;
  if (!journey.sent_a_syn) {
    const auto error = connect_error(journey);
    return "no SYN was sent: connect() failed" + (error ? " with " + errno_name(*error) : std::string());
  }
  if (journey.syns == 0) return "no SYN was seen";
  std::string text = "SYN ×" + std::to_string(journey.syns);
  MonotonicNs last_syn = journey.first_ns;
  for (const model::Event& event : journey.events) {
    if (event.leg == model::Leg::Syn) last_syn = std::max(last_syn, event.time_ns);
  }
  if (journey.syns > 1) text += " in " + seconds_text(last_syn - journey.first_ns);
  const model::Fate fate = attempt.verdict.fate;
  // A connect() that was answered is over; one that sent another SYN in spite of a refusal is still waiting.
  const bool waits =
      fate != model::Fate::Established && fate != model::Fate::ClosedEarly && (fate != model::Fate::Refused || journey.syns > 1);
  if (attempt.gives_up_after_s && waits) text += ", connect() gives up at " + std::to_string(*attempt.gives_up_after_s) + " s";
  return text;
}

Phrase flow(const model::Attempt& attempt) {
  Phrase line;
  const model::Journey& journey = attempt.journey;
  if (!journey.faces.empty()) {
    line.group(endpoint_label(journey.faces.front().src)).glued("→", endpoint_label(journey.faces.front().dst));
  }
  const Rewrite rewrite = rewrite_of(journey);
  if (rewrite.dst) line.group("DNAT").glued("→", endpoint_label(*rewrite.dst));
  if (rewrite.src) line.group("SNAT").glued("→", endpoint_label(*rewrite.src));
  line.group(syn_text(attempt));
  return line;
}

std::string paths(const model::Attempt& attempt, const TextStyle& style) {
  struct Row {
    model::Leg leg;
    std::string_view title;
  };
  constexpr Row kRows[] = {{model::Leg::Syn, ""},       {model::Leg::SynAck, "SYN-ACK:"},         {model::Leg::Ack, "ACK:"},
                           {model::Leg::Reset, "RST:"}, {model::Leg::ClientReset, "client RST:"}, {model::Leg::IcmpError, "ICMP error:"}};
  std::string lines;
  for (const Row& row : kRows) {
    if (row.leg != model::Leg::Syn && row.leg != attempt.verdict.packet && !style.verbose) continue;
    const Phrase path = path_phrase(attempt, row.leg, style.verbose);
    if (path.empty()) continue;
    Phrase line;
    line.words(row.title).join(path);
    lines += labelled(lines.empty() ? "path" : "", line, style);
  }
  return lines;
}

Phrase means(const model::Verdict& verdict) {
  Phrase line;
  if (!verdict.means) return line;
  const model::Means& rule = *verdict.means;
  std::string head = clean(rule.kind, 256);
  if (!rule.engine.empty()) append_joined(head, "(" + clean(rule.engine, 256) + ")", " ");
  std::string name = clean(rule.namespace_name, 256);
  append_joined(name, clean(rule.name, 256), "/");
  append_joined(head, name, " ");
  append_joined(head, clean(rule.text), ": ");
  line.words(head);
  return line;
}

Phrase sure(const model::Verdict& verdict) {
  std::string evidence;
  for (const std::string& item : verdict.evidence) append_joined(evidence, clean(item), "; ");
  std::string text(model::to_string(verdict.confidence));
  append_joined(text, evidence, ": ");
  Phrase line;
  line.words(text);
  return line;
}

Phrase who(const model::Attempt& attempt) {
  Phrase line;
  const auto describe = [&](std::string_view title, const model::Party& party) {
    std::string text;
    append_joined(text, process_label(party.process), " ");
    for (const auto& [what, name] : {std::pair<std::string_view, const std::string*>{"pod ", &party.pod},
                                     {"container ", &party.container},
                                     {"service ", &party.service},
                                     {"node ", &party.node}}) {
      if (!name->empty()) append_joined(text, std::string(what) + clean(*name, 256), ", ");
    }
    if (party.netns != 0) append_joined(text, "netns " + std::to_string(party.netns), ", ");
    if (!text.empty()) line.group(std::string(title) + " " + text);
  };
  describe("client", attempt.client);
  describe("server", attempt.server);
  return line;
}

}  // namespace

std::string folded_text(const model::Folded& folded, const WallClock& clock, const TextStyle& style) {
  const model::Attempt& like = folded.like;
  const std::string least = folded.at_least ? "at least " : "";
  Phrase line;
  line.group(clock_time(clock, folded.last_ns), 0)
      .group(fate_word(like.verdict.fate), 2, paint_of(like.verdict.fate))
      .group(clean(like.verdict.summary), 2)
      .group("+" + grouped(folded.attempts) + " more like #" + std::to_string(like.id), 3);
  if (folded.destinations == 1) {
    line.glued("→", server_label(like));
  } else {
    line.words("to " + least + grouped(folded.destinations) + " destinations");
  }
  line.words("from " + least + (folded.sources == 1 ? "1 source" : grouped(folded.sources) + " sources"), 3);
  return lay_out(line, style, 0, 2);
}

std::string attempt_text(const model::Attempt& attempt, const WallClock& clock, const TextStyle& style) {
  const model::Verdict& verdict = attempt.verdict;
  std::string lines = lay_out(header(attempt, clock), style, 0, 2);
  if (style.verbose) lines += labelled("who", who(attempt), style);
  lines += labelled("flow", flow(attempt), style);
  lines += paths(attempt, style);
  lines += where_text(attempt, style);
  lines += rule_path_text(attempt, style);
  lines += labelled("means", means(verdict), style);
  lines += labelled("sure", sure(verdict), style);
  std::string_view label = "notes";
  for (const std::string& note : verdict.notes) {
    lines += labelled(label, phrase_of(note), style);
    label = "";
  }
  lines += labelled("next", phrase_of(verdict.next), style);
  return lines;
}

}  // namespace synfate::render
