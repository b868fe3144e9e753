// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// reset_by_app: the handshake was complete, and the server's end was closed before its server had said anything. What the client closes by
// itself, as health checks and port scans do, is none: the kernel side sends no record of it.
#include "judge/cause_table.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Closing;
using model::Event;

constexpr std::uint8_t kClose = 7;
constexpr std::uint8_t kShutdownBoth = 3;

const Event* closing_at(const Case& kase, bool server) {
  for (const Event& event : kase.journey().events) {
    const auto* closing = event.get<Closing>();
    if (closing != nullptr && closing->at_server == server) return &event;
  }
  return nullptr;
}

std::string after_words(const Event& event) {
  return duration_words(event.time_ns - event.get<Closing>()->handshake_ns) + " after the handshake";
}

std::string closer_words(const Closing& closing) {
  const std::string comm = clean(closing.closer_comm);
  return closing.closer_tgid == 0 ? comm : comm + "[" + std::to_string(closing.closer_tgid) + "]";
}

std::string sent_words(const Closing& at_client) {
  return at_client.bytes_sent == 0 ? "nothing" : count_words(at_client.bytes_sent, "byte");
}

void tell_server(const Case& kase, const Event& event, Finding& finding) {
  const Closing& closing = *event.get<Closing>();
  finding.where.netns = event.place.netns;
  finding.summary = "by " + closer_words(closing) + ", " + after_words(event);
  finding.evidence.push_back(closer_words(closing) + " closed the server's end in " + netns_words(kase, event.place.netns) + " " +
                             after_words(event) + ", and had sent nothing; it had received " +
                             (closing.bytes_received == 0 ? "nothing" : count_words(closing.bytes_received, "byte")));
  finding.evidence.push_back(closing.new_state == kClose
                                 ? "with a RST: it was never accepted, was closed with data unread, or with SO_LINGER of 0"
                                 : "with a FIN: an orderly close()");
  const model::Netns* netns = kase.netns(event.place.netns);
  if (netns != nullptr && netns->pod) {
    finding.next = "kubectl -n " + shell_word(netns->pod->namespace_name) + " logs " + shell_word(netns->pod->name) + " --tail=50";
  } else if (closing.closer_tgid != 0) {
    finding.next = "journalctl _PID=" + std::to_string(closing.closer_tgid) + " -n 50";
  } else {
    finding.next = in_netns(kase, event.place.netns, "ss -Hltnp 'sport = :" + std::to_string(event.flow.dst.port) + "'");
  }
}

void tell_client(const Case& kase, const Event& event, bool alone, Finding& finding) {
  const Closing& closing = *event.get<Closing>();
  const bool reset = closing.new_state == kClose;
  const std::string what = reset ? "a RST" : "a FIN";
  finding.evidence.push_back("the client's socket got " + what + " " + after_words(event) + " and not a byte; it had sent " +
                             sent_words(closing));
  if (!alone) return;
  finding.where.netns = event.place.netns;
  finding.summary = reset ? "a RST came " + after_words(event) : "the server closed it " + after_words(event);
  finding.evidence.push_back("the server's end is not on this node, or was not followed: which process closed it is not known here");
  finding.ceiling = model::Confidence::Strong;
  if (reset) {
    finding.doubts.push_back("whether the server sent that RST, or a firewall or load balancer between, is not told from this end");
  } else {
    finding.notes.push_back("a server that only ends its own sending (shutdown) and goes on reading looks the same from this end");
  }
  finding.next =
      in_netns(kase, event.place.netns,
               "tcpdump -nni any host " + to_string(event.flow.dst.address) + " and tcp port " + std::to_string(event.flow.dst.port));
}

}  // namespace

std::optional<Finding> match_reset_by_app(const Case& kase) {
  const Event* at_server = closing_at(kase, true);
  const Event* at_client = closing_at(kase, false);
  if (at_server == nullptr && at_client == nullptr) return std::nullopt;
  // A server that only ends its own sending goes on reading: that is how some protocols are.
  if (at_server != nullptr && at_server->get<Closing>()->new_state != kClose && at_server->get<Closing>()->shutdown != kShutdownBoth)
    return std::nullopt;
  Finding finding;
  finding.fate = model::Fate::ClosedEarly;
  finding.basis = Basis::Socket;
  finding.where.stage = model::Stage::Socket;
  if (at_server != nullptr) tell_server(kase, *at_server, finding);
  if (at_client != nullptr) tell_client(kase, *at_client, at_server == nullptr, finding);
  return finding;
}

}  // namespace synfate::judge
