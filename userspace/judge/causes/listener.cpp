// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// no_listener: TCP looked for a socket for the SYN and found none. A RST alone never proves it. What does listen nearby is said as it was
// read afterwards: the port on another address, for another family or device, in another namespace of the pod, or a neighbouring port.
#include <algorithm>
#include <cstdlib>

#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/listeners.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

constexpr int kConnectionRefused = 111;
/// Mistaken for one another: 8080 and 8081, 9090 and 9100.
constexpr int kNeighbouring = 10;
constexpr std::size_t kMostNamed = 4;

using model::ListenSocket;

std::string device_words(const model::Netns& netns, std::uint32_t ifindex) {
  const model::Link* link = netns.link(ifindex);
  return link == nullptr ? "device " + std::to_string(ifindex) : clean(link->name);
}

/// Why a listener on the right port did not take the SYN.
std::string misfit_words(const model::Netns& netns, const ListenSocket& socket, const model::Event& event) {
  const std::string who = listener_words(socket);
  switch (misfit(netns, socket, event.flow.dst, event.place.ifindex)) {
    case Misfit::Address:
      if (socket.local.address.family != event.flow.family()) {
        return "the port is bound for IPv" + std::to_string(socket.local.address.family) + " only: " + who;
      }
      return "the port is bound on another address: " + who;
    case Misfit::OnlyIpv6: return "the port is bound for IPv6 only (IPV6_V6ONLY): " + who;
    case Misfit::Device:
      return "the port is bound to " + device_words(netns, socket.bound_ifindex) + " (SO_BINDTODEVICE), and the SYN came by " +
             clean(event.place.device) + ": " + who;
    default:
      return "a listener fits, as read within a second of it: it came or went, or a VRF or a BPF sk_lookup program kept it from the SYN: " +
             who;
  }
}

int distance(const ListenSocket& socket, const model::Event& event) {
  return std::abs(static_cast<int>(socket.local.port) - static_cast<int>(event.flow.dst.port));
}

/// The nearest ports first.
std::vector<const ListenSocket*> others_of(const model::Netns& netns, const model::Event& event) {
  std::vector<const ListenSocket*> others;
  for (const ListenSocket& socket : netns.listeners) others.push_back(&socket);
  std::stable_sort(others.begin(), others.end(),
                   [&](const ListenSocket* a, const ListenSocket* b) { return distance(*a, event) < distance(*b, event); });
  return others;
}

void say_others(const Case& kase, const model::Netns& netns, const model::Event& event, Finding& finding) {
  finding.next = in_netns(kase, netns.id, "ss -Hltnp");
  const auto others = others_of(netns, event);
  if (others.empty()) {
    finding.evidence.push_back("nothing else listens there either");
    return;
  }
  const bool near = distance(*others.front(), event) <= kNeighbouring;
  std::string words = near ? "a neighbouring port is listened on: " : "what listens there: ";
  for (std::size_t i = 0; i < others.size() && i < kMostNamed; ++i) {
    if (near && distance(*others[i], event) > kNeighbouring) break;
    words += (i == 0 ? "" : ", ") + listener_words(*others[i]);
  }
  finding.evidence.push_back(words +
                             (!near && others.size() > kMostNamed ? ", and " + std::to_string(others.size() - kMostNamed) + " more" : ""));
}

/// Another namespace of the same pod where this port is open; null: none is known.
const model::Netns* sibling_with(const Case& kase, const model::Netns& here, const model::Event& event) {
  if (!here.pod || here.pod->name.empty()) return nullptr;
  for (const auto& [id, netns] : kase.inventory().namespaces) {
    if (id == here.id || netns.gone || !netns.pod || netns.pod->full_name() != here.pod->full_name()) continue;
    const bool open = std::any_of(netns.listeners.begin(), netns.listeners.end(),
                                  [&](const ListenSocket& socket) { return socket.local.port == event.flow.dst.port; });
    if (open) return &netns;
  }
  return nullptr;
}

void say_what_listens(const Case& kase, const model::Event& event, Finding& finding) {
  const model::Netns* netns = kase.netns(event.place.netns);
  if (netns == nullptr || !netns->listeners_read) return;
  std::size_t named = 0;
  for (const ListenSocket& socket : netns->listeners) {
    if (socket.local.port != event.flow.dst.port) continue;
    const bool fits = misfit(*netns, socket, event.flow.dst, event.place.ifindex) == Misfit::None;
    // However many do not fit, one that does is said.
    if (named >= kMostNamed && (!fits || !finding.doubts.empty())) continue;
    (fits ? finding.doubts : finding.evidence).push_back(misfit_words(*netns, socket, event));
    ++named;
  }
  if (const model::Netns* sibling = sibling_with(kase, *netns, event)) {
    finding.evidence.push_back("the port is open in another namespace of the same pod: " + netns_words(kase, sibling->id));
    if (named == 0) finding.next = in_netns(kase, sibling->id, "ss -Hltnp 'sport = :" + std::to_string(event.flow.dst.port) + "'");
    return;
  }
  if (named == 0) say_others(kase, *netns, event, finding);
}

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
  say_what_listens(kase, event, finding);
  return finding;
}

}  // namespace synfate::judge
