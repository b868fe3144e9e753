// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Causes that the kernel's reason alone proves, one row each. A reason that several causes share has no place here, unless the row says
// what it cannot tell apart.
#include <algorithm>

#include "judge/cause_table.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Stage;

struct Row {
  std::string_view reason;
  std::string_view function;  ///< empty: any
  std::string_view cause;
  Stage stage;
  std::string_view summary;
  std::string_view doubt;    ///< what the same reason is also given to
  std::string_view command;  ///< "%d" is the device, "%p" the destination port
};

constexpr std::string_view kQdisc = "tc -s qdisc show dev %d";
constexpr std::string_view kSocket = "ss -Hltnpi 'sport = :%p'";
constexpr std::string_view kCounters = "nstat -asz 'TcpExt*' 'Tcp*' 'Ip*'";

constexpr Row kRows[] = {
    {"QDISC_DROP", "", "qdisc_drop", Stage::Qdisc, "by the queueing discipline",
     "a device that is down or has no carrier discards with the same reason", kQdisc},
    {"QDISC_OVERLIMIT", "", "qdisc_drop", Stage::Qdisc, "by the queueing discipline: over its limit", "", kQdisc},
    {"QDISC_CONGESTED", "", "qdisc_drop", Stage::Qdisc, "by the queueing discipline: congestion", "", kQdisc},
    {"CAKE_FLOOD", "", "qdisc_drop", Stage::Qdisc, "by the queueing discipline: a flooding flow", "", kQdisc},
    {"FQ_BAND_LIMIT", "", "qdisc_drop", Stage::Qdisc, "by the queueing discipline: its band is full", "", kQdisc},
    {"FQ_HORIZON_LIMIT", "", "qdisc_drop", Stage::Qdisc, "by the queueing discipline: its time is too far ahead", "", kQdisc},
    {"FQ_FLOW_LIMIT", "", "qdisc_drop", Stage::Qdisc, "by the queueing discipline: its flow is full", "", kQdisc},
    {"DUALPI2_STEP_DROP", "", "qdisc_drop", Stage::Qdisc, "by the queueing discipline", "", kQdisc},
    {"IP_INHDR", "ip_forward", "ttl", Stage::Forward, "its TTL ran out", "", "ip route"},
    {"IP_INHDR", "ip6_forward", "ttl", Stage::Forward, "its hop limit ran out", "", "ip -6 route"},
    {"IP_CSUM", "", "checksum", Stage::None, "wrong IP checksum", "", "ethtool -k %d"},
    {"TCP_CSUM", "", "checksum", Stage::Socket, "wrong TCP checksum", "", "ethtool -k %d"},
    {"CPU_BACKLOG", "", "cpu_backlog", Stage::Device, "the CPU's input queue is full", "", "sysctl net.core.netdev_max_backlog"},
    {"SOCKET_FILTER", "", "socket_filter", Stage::Socket, "by a socket filter",
     "the kernel gives a filter of the socket and an ingress program of its cgroup the same reason", kSocket},
    {"TCP_AUTH_HDR", "", "tcp_auth", Stage::Socket, "bad TCP authentication options", "", kCounters},
    {"TCP_MD5NOTFOUND", "", "tcp_auth", Stage::Socket, "the listener wants a TCP-MD5 signature", "", kCounters},
    {"TCP_MD5UNEXPECTED", "", "tcp_auth", Stage::Socket, "the listener has no TCP-MD5 key for it", "", kCounters},
    {"TCP_MD5FAILURE", "", "tcp_auth", Stage::Socket, "wrong TCP-MD5 signature", "", kCounters},
    {"TCP_AONOTFOUND", "", "tcp_auth", Stage::Socket, "the listener wants a TCP-AO signature", "", kCounters},
    {"TCP_AOUNEXPECTED", "", "tcp_auth", Stage::Socket, "the listener expects no TCP-AO signature", "", kCounters},
    {"TCP_AOKEYNOTFOUND", "", "tcp_auth", Stage::Socket, "the listener has no such TCP-AO key", "", kCounters},
    {"TCP_AOFAILURE", "", "tcp_auth", Stage::Socket, "wrong TCP-AO signature", "", kCounters},
    {"TCP_MINTTL", "", "tcp_minttl", Stage::Socket, "its TTL is below the listener's IP_MINTTL", "", kSocket},
    {"XFRM_POLICY", "", "xfrm", Stage::None, "by an IPsec policy", "", "ip xfrm policy"},
};

constexpr std::uint8_t kLastTtl = 1;

bool fits(const Row& row, const Drop& drop) {
  if (row.reason != drop.reason || (!row.function.empty() && row.function != drop.symbol.function)) return false;
  // ip_forward gives IP_INHDR to bad options too.
  return row.cause != "ttl" || drop.ttl == kLastTtl;
}

std::string fill(std::string_view command, const model::Event& event) {
  std::string text;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const bool mark = command[i] == '%' && i + 1 < command.size();
    if (mark && command[i + 1] == 'd') {
      text += shell_word(event.place.device);
      ++i;
    } else if (mark && command[i + 1] == 'p') {
      text += std::to_string(event.flow.dst.port);
      ++i;
    } else {
      text += command[i];
    }
  }
  return text;
}

void add_particulars(const Drop& drop, std::string_view cause, Finding& finding) {
  if (cause == "ttl" || cause == "tcp_minttl") finding.evidence.push_back("its TTL was " + std::to_string(drop.ttl));
}

}  // namespace

std::optional<Finding> match_by_reason(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& one) { return fits(one, *kase.drop()); });
  if (row == std::end(kRows)) return std::nullopt;
  const model::Event& event = *kase.drop_event();
  Finding finding = finding_about_drop(kase, row->stage);
  finding.cause = row->cause;
  finding.summary = row->summary;
  if (!row->doubt.empty()) finding.doubts.emplace_back(row->doubt);
  add_particulars(*kase.drop(), row->cause, finding);
  finding.next = in_netns(kase, event.place.netns, fill(row->command, event));
  return finding;
}

std::vector<std::string_view> causes_by_reason() {
  std::vector<std::string_view> names;
  for (const Row& row : kRows) {
    if (std::find(names.begin(), names.end(), row.cause) == names.end()) names.push_back(row.cause);
  }
  return names;
}

}  // namespace synfate::judge
