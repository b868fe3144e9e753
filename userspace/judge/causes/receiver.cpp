// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// tcp_auth, tcp_minttl, time_wait: what TCP refuses before it looks at a packet as part of a handshake.
#include <algorithm>
#include <array>

#include "judge/cause_table.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::Leg;

constexpr std::uint8_t kTimeWait = 6;

struct Refusal {
  std::string_view reason;
  std::string_view summary;  ///< after the word for the socket
  std::string_view means;
};
constexpr std::array<Refusal, 8> kRefusals{{
    {"TCP_AUTH_HDR", "found bad TCP authentication options", "the packet has more than one signature, or a malformed one"},
    {"TCP_MD5NOTFOUND", "wants a TCP-MD5 signature", "it has a TCP-MD5 key for this address, and the packet is not signed"},
    {"TCP_MD5UNEXPECTED", "has no TCP-MD5 key for this address", "the packet is signed with TCP-MD5, and it has no key for this address"},
    {"TCP_MD5FAILURE", "found a wrong TCP-MD5 signature", "both have a TCP-MD5 key, and they differ, or NAT changed what is signed"},
    {"TCP_AONOTFOUND", "wants a TCP-AO signature", "it has TCP-AO keys for this address, and the packet is not signed"},
    {"TCP_AOUNEXPECTED", "expects no TCP-AO signature", "the packet is signed with TCP-AO, and it has no key for this address"},
    {"TCP_AOKEYNOTFOUND", "has no such TCP-AO key", "the packet names a key by a number that it does not have"},
    {"TCP_AOFAILURE", "found a wrong TCP-AO signature", "both have that TCP-AO key, and they differ, or NAT changed what is signed"},
}};

/// The socket that a packet of this leg is for.
std::string receiver_word(Leg leg) { return leg == Leg::SynAck ? "the client" : "the listener"; }

std::string socket_command(const Case& kase, const Event& event) {
  return in_netns(kase, event.place.netns,
                  event.leg == Leg::SynAck ? "ss -Htanpie 'dport = :" + std::to_string(event.flow.src.port) + "'"
                                           : "ss -Hltnpie 'sport = :" + std::to_string(event.flow.dst.port) + "'");
}

/// A reason that says nothing, from the functions that look a TCP socket up.
bool is_unexplained_by_tcp(const model::Drop& drop) {
  const std::string_view function = drop.symbol.function;
  return (drop.reason.empty() || drop.reason == "NOT_SPECIFIED") && (function == "tcp_v4_rcv" || function == "tcp_v6_rcv");
}

}  // namespace

std::optional<Finding> match_tcp_auth(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const auto refusal =
      std::find_if(kRefusals.begin(), kRefusals.end(), [&](const Refusal& each) { return each.reason == kase.drop()->reason; });
  if (refusal == kRefusals.end()) return std::nullopt;
  const Event& event = *kase.drop_event();
  Finding finding = finding_about_drop(kase, model::Stage::Socket);
  finding.summary = receiver_word(event.leg) + " " + std::string(refusal->summary);
  finding.evidence.push_back(receiver_word(event.leg) + "'s socket: " + std::string(refusal->means) + "; the address is " +
                             to_string(event.flow.src.address));
  finding.next = socket_command(kase, event);
  return finding;
}

std::optional<Finding> match_tcp_minttl(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const Event& event = *kase.drop_event();
  const model::Drop& drop = *kase.drop();
  const model::Receiver* receiver = kase.receiver(event);
  // Up to 6.2 the kernel gives no reason for it: 2798e36dc233 "tcp: add TCP_MINTTL drop reason" (6.3).
  if (drop.reason != "TCP_MINTTL") return std::nullopt;
  Finding finding = finding_about_drop(kase, model::Stage::Socket);
  const std::string option = event.flow.family() == 6 ? "IPV6_MINHOPCOUNT" : "IP_MINTTL";
  const std::string field = event.flow.family() == 6 ? "hop limit" : "TTL";
  finding.summary = "its " + field + " is below " + receiver_word(event.leg) + "'s " + option;
  finding.evidence.push_back("its " + field + " was " + std::to_string(drop.ttl) +
                             (receiver != nullptr && receiver->min_ttl != 0
                                  ? ", and " + receiver_word(event.leg) + " asks for " + std::to_string(receiver->min_ttl) + " at least"
                                  : ""));
  finding.evidence.push_back("such a socket takes packets from near hosts only (RFC 5082): each router on the way takes one off");
  finding.next = socket_command(kase, event);
  return finding;
}

std::optional<Finding> match_time_wait(const Case& kase) {
  if (kase.drop() == nullptr || kase.drop_event()->leg != Leg::Syn) return std::nullopt;
  const Event& event = *kase.drop_event();
  const model::Drop& drop = *kase.drop();
  // Its own reason since 6.14 (SKB_DROP_REASON_TCP_RFC7323_TW_PAWS).
  const bool by_reason = drop.reason == "TCP_RFC7323_TW_PAWS";
  if (!by_reason && !is_unexplained_by_tcp(drop)) return std::nullopt;
  const model::Receiver* receiver = kase.receiver(event);
  const bool told = receiver != nullptr && receiver->state == kTimeWait;
  const model::Netns* netns = kase.netns(event.place.netns);
  const bool there = netns != nullptr && std::find(netns->time_wait.begin(), netns->time_wait.end(), event.flow) != netns->time_wait.end();
  // A socket that is told and is another one decided by itself.
  if (!by_reason && !told && (receiver != nullptr || !there)) return std::nullopt;
  Finding finding = finding_about_drop(kase, model::Stage::Socket);
  finding.summary = "an older connection with the same addresses and ports is in TIME_WAIT";
  if (told) {
    finding.evidence.push_back("the socket that it met was in TIME_WAIT");
  } else if (there) {
    finding.evidence.push_back("such a connection was in TIME_WAIT when the namespace was read, just after the drop");
    if (!by_reason) finding.ceiling = model::Confidence::Strong;
  }
  finding.evidence.push_back(
      by_reason
          ? "its timestamp is older than the last one of that connection: another host behind the same address, or a clock set back"
          : "the server takes a SYN there only with a later sequence number or timestamp than that connection's; else it answers with "
            "that connection's ACK");
  finding.evidence.push_back(
      "a client answers that ACK with a RST, which ends TIME_WAIT, unless the server has net.ipv4.tcp_rfc1337 set or "
      "something on the way drops one of the two");
  finding.next = in_netns(kase, event.place.netns,
                          "ss -Htano state time-wait 'sport = :" + std::to_string(event.flow.dst.port) +
                              " and dport = :" + std::to_string(event.flow.src.port) + "'");
  return finding;
}

}  // namespace synfate::judge
