// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/device_queues.hpp"

#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <cstring>

#include "base/text.hpp"
#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxTableBytes = 32U << 20U;
constexpr std::size_t kMaxInputBytes = 1U << 20U;
constexpr std::size_t kMaxKindBytes = 16;
/// A NIC has one for each of its queues.
constexpr std::size_t kMaxQdiscs = 2048;

void keep_counters(const Attributes& attributes, model::Qdisc& qdisc) {
  const std::string_view raw = attributes.nested(TCA_STATS2).bytes(TCA_STATS_QUEUE);
  gnet_stats_queue counters{};
  if (raw.size() < sizeof counters) return;
  std::memcpy(&counters, raw.data(), sizeof counters);
  qdisc.drops = counters.drops;
  qdisc.waiting = counters.qlen;
}

std::optional<std::uint64_t> hexadecimal(std::string_view word) {
  if (word.empty() || word.size() > 16) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : word) {
    const unsigned digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
    if (digit == 16) return std::nullopt;
    value = value << 4U | digit;
  }
  return value;
}

}  // namespace

machine::NetlinkRequest qdisc_request() { return {NETLINK_ROUTE, RTM_GETQDISC, body_of(tcmsg{})}; }

QdiscTable decode_qdiscs(const std::string& messages) {
  QdiscTable table;
  const bool whole = for_each_message(messages, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWQDISC) return;
    const auto header = fixed_header<tcmsg>(message);
    if (!header || header->tcm_ifindex <= 0) {
      ++table.malformed;
      return;
    }
    const Attributes attributes{message, sizeof(tcmsg)};
    model::Qdisc qdisc;
    qdisc.ifindex = static_cast<std::uint32_t>(header->tcm_ifindex);
    qdisc.kind = attributes.text(TCA_KIND, kMaxKindBytes);
    qdisc.handle = header->tcm_handle;
    qdisc.parent = header->tcm_parent;
    if (qdisc.kind.empty() || qdisc.kind == "noqueue" || qdisc.kind == "ingress" || qdisc.kind == "clsact") return;
    keep_counters(attributes, qdisc);
    if (table.rows.size() < kMaxQdiscs) table.rows.push_back(std::move(qdisc));
  });
  if (!whole) ++table.malformed;
  return table;
}

std::optional<std::vector<model::InputQueue>> parse_input_queues(std::string_view text) {
  // softnet_seq_show() in net/core/net-procfs.c. Without the CPU's number, which kernels before 5.10 do not print, a line could
  // be any CPU's: those that are offline have none.
  constexpr std::size_t kDropped = 1;
  constexpr std::size_t kFlowLimit = 10;
  constexpr std::size_t kCpu = 12;
  std::vector<model::InputQueue> queues;
  for (const std::string_view line : split(text, '\n')) {
    if (trim(line).empty()) continue;
    std::vector<std::uint64_t> values;
    for (const std::string_view word : split(line, ' ')) {
      if (word.empty()) continue;
      const auto value = hexadecimal(word);
      if (!value) return std::nullopt;
      values.push_back(*value);
    }
    if (values.size() <= kCpu) return std::nullopt;
    queues.push_back({static_cast<std::uint32_t>(values[kCpu]), values[kDropped], values[kFlowLimit]});
  }
  return queues;
}

void read_queues_of(machine::NetnsVisit& visit, model::Netns& netns) {
  const auto gap = [&](const std::string& text) { netns.gaps.push_back({"queues_unreadable", text}); };
  model::Queues queues;
  if (const auto reply = visit.netlink_dump(qdisc_request(), kMaxTableBytes)) {
    auto table = decode_qdiscs(reply->messages);
    queues.qdiscs = std::move(table.rows);
    queues.qdiscs_read = table.malformed == 0 && reply->consistent && queues.qdiscs.size() < kMaxQdiscs;
    if (!queues.qdiscs_read) gap("the list of queueing disciplines is not complete");
  } else {
    gap("queueing disciplines could not be read: " + to_string(reply.error()));
  }
  if (const auto text = visit.read_file("/proc/thread-self/net/softnet_stat", {kMaxInputBytes})) {
    if (auto input = parse_input_queues(*text)) {
      queues.input = std::move(*input);
    } else {
      gap("softnet_stat could not be understood");
    }
  } else {
    gap("softnet_stat could not be read: " + to_string(text.error()));
  }
  netns.queues = std::move(queues);
}

}  // namespace synfate::inventory
