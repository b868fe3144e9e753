// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// no_listener: TCP looked for a socket for the SYN and found none. A RST alone never proves it.
#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

constexpr int kConnectionRefused = 111;

}  // namespace

std::optional<Finding> match_no_listener(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const model::Event& event = *kase.drop_event();
  const std::string_view function = kase.drop()->symbol.function;
  if (event.leg != model::Leg::Syn || kase.drop()->reason != "NO_SOCKET" || (function != "tcp_v4_rcv" && function != "tcp_v6_rcv")) {
    return std::nullopt;
  }
  Finding finding = finding_about_drop(kase, model::Stage::Socket);
  finding.summary = "nobody listens on " + to_string(event.flow.dst);
  finding.evidence.push_back("no socket in " + netns_words(kase, event.place.netns) + " listens on " + to_string(event.flow.dst) +
                             " for this source and device");
  if (const auto answer = tcp_reset_from(kase, event)) {
    finding.fate = model::Fate::Refused;
    finding.evidence.push_back(answer->words);
  } else if (kase.client_error(kConnectionRefused)) {
    finding.fate = model::Fate::Refused;
    finding.evidence.push_back("the client's socket got ECONNREFUSED");
  } else if (kase.socket_event(model::SocketEventKind::ResetReceived) != nullptr) {
    finding.fate = model::Fate::Refused;
    finding.evidence.push_back("the client's socket got a RST");
  } else {
    // That nothing answered is told from what was not seen.
    finding.basis = Basis::Absence;
    finding.evidence.push_back("no RST was seen to answer it");
  }
  if (auto note = answer_lost_note(kase, model::Leg::Reset)) finding.notes.push_back(std::move(*note));
  finding.next = in_netns(kase, event.place.netns, "ss -Hltnp 'sport = :" + std::to_string(event.flow.dst.port) + "'");
  return finding;
}

}  // namespace synfate::judge
