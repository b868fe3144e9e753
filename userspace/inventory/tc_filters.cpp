// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/tc_filters.hpp"

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_bpf.h>
#include <linux/tc_act/tc_gact.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxTableBytes = 4U << 20U;
constexpr std::size_t kMaxKindBytes = 31;
constexpr std::size_t kMaxFilters = 256;
constexpr std::size_t kMaxActions = 32;
/// enum bpf_attach_type: BPF_TCX_INGRESS, BPF_TCX_EGRESS (6.6, e420bed02507 "bpf: Add fd-based tcx multi-prog infra with link support").
constexpr std::uint32_t kTcxIngress = 46;
constexpr std::uint32_t kTcxEgress = 47;

struct Kind {
  std::string_view name;
  std::uint16_t actions;  ///< attribute of TCA_OPTIONS
};
constexpr std::array<Kind, 9> kKinds{{{"bpf", TCA_BPF_ACT},
                                      {"matchall", TCA_MATCHALL_ACT},
                                      {"flower", TCA_FLOWER_ACT},
                                      {"u32", TCA_U32_ACT},
                                      {"basic", TCA_BASIC_ACT},
                                      {"fw", TCA_FW_ACT},
                                      {"cgroup", TCA_CGROUP_ACT},
                                      {"flow", TCA_FLOW_ACT},
                                      {"route", TCA_ROUTE4_ACT}}};

std::string_view verdict_word(int verdict) {
  switch (verdict) {
    case TC_ACT_OK: return "pass";
    case TC_ACT_SHOT: return "drop";
    case TC_ACT_STOLEN: return "stolen";
    case TC_ACT_PIPE: return "pipe";
    case TC_ACT_RECLASSIFY: return "reclassify";
    case TC_ACT_UNSPEC: return "continue";
    default: return "";
  }
}

/// struct tc_gact and the parameters of all other actions begin alike (tc_gen).
struct Generic {
  std::uint32_t index;
  std::uint32_t capabilities;
  std::int32_t action;
};

void add_action(const Attributes& action, model::TcFilter& filter) {
  std::string kind = action.text(TCA_ACT_KIND, kMaxKindBytes);
  const Attributes options = action.nested(TCA_ACT_OPTIONS);
  if (kind == "bpf") {
    if (const auto id = options.u32(TCA_ACT_BPF_ID)) filter.action_programs.push_back(*id);
  }
  // Of each kind the second attribute is its parameters: gact's is TCA_GACT_PARMS, bpf's TCA_ACT_BPF_PARMS.
  const std::string_view parameters = kind == "gact" ? options.bytes(TCA_GACT_PARMS) : std::string_view{};
  Generic generic{};
  if (parameters.size() >= sizeof generic) {
    std::memcpy(&generic, parameters.data(), sizeof generic);
    const std::string_view verdict = verdict_word(generic.action);
    filter.drops = filter.drops || generic.action == TC_ACT_SHOT;
    // With TCA_GACT_PROB its verdict is another one at random.
    if (options.has(TCA_GACT_PROB)) {
      struct tc_gact_p random {};
      const std::string_view raw = options.bytes(TCA_GACT_PROB);
      if (raw.size() >= sizeof random) std::memcpy(&random, raw.data(), sizeof random);
      filter.drops = filter.drops || random.paction == TC_ACT_SHOT;
      kind = "random " + std::string(verdict);
    } else if (!verdict.empty()) {
      kind = verdict;
    }
  }
  filter.actions.push_back(std::move(kind));
}

std::optional<model::TcFilter> decode_filter(const Attributes& attributes, const tcmsg& header, bool& cut) {
  model::TcFilter filter;
  filter.kind = attributes.text(TCA_KIND, kMaxKindBytes);
  filter.chain = attributes.u32(TCA_CHAIN).value_or(0);
  filter.priority = header.tcm_info >> 16U;
  filter.handle = header.tcm_handle;
  if (filter.kind.empty()) return std::nullopt;
  // For each priority there is one message without options: its head.
  if (header.tcm_handle == 0 || !attributes.has(TCA_OPTIONS)) return std::nullopt;
  const Attributes options = attributes.nested(TCA_OPTIONS);
  if (filter.kind == "bpf") filter.program_id = options.u32(TCA_BPF_ID).value_or(0);
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& each) { return each.name == filter.kind; });
  if (kind == kKinds.end()) return filter;
  for_each_attribute(options.bytes(kind->actions), [&](std::uint16_t, std::string_view action) {
    if (filter.actions.size() >= kMaxActions) {
      cut = true;
      return;
    }
    add_action(Attributes{action}, filter);
  });
  return filter;
}

}  // namespace

machine::NetlinkRequest tc_filter_request(std::uint32_t ifindex, bool ingress) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = static_cast<int>(ifindex);
  header.tcm_parent = TC_H_MAKE(TC_H_CLSACT, ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  return {NETLINK_ROUTE, RTM_GETTFILTER, body_of(header)};
}

TcFilterTable decode_tc_filters(const std::string& messages) {
  TcFilterTable table;
  const bool whole = for_each_message(messages, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWTFILTER) return;
    const auto header = fixed_header<tcmsg>(message);
    if (!header) {
      ++table.malformed;
      return;
    }
    auto filter = decode_filter(Attributes{message, sizeof(tcmsg)}, *header, table.cut);
    if (!filter) return;
    if (table.rows.size() >= kMaxFilters) {
      table.cut = true;
      return;
    }
    table.rows.push_back(*std::move(filter));
  });
  if (!whole) ++table.malformed;
  std::stable_sort(table.rows.begin(), table.rows.end(), [](const model::TcFilter& a, const model::TcFilter& b) {
    return a.chain != b.chain ? a.chain < b.chain : a.priority < b.priority;
  });
  return table;
}

model::TcSide read_tc_side(machine::NetnsVisit& visit, std::uint32_t ifindex, bool ingress) {
  model::TcSide side{ifindex, ingress, {}, {}};
  const auto programs = visit.bpf_programs_of_device(ifindex, ingress ? kTcxIngress : kTcxEgress);
  if (programs) {
    for (const std::uint32_t id : *programs) {
      model::TcFilter filter;
      filter.kind = "tcx";
      filter.program_id = id;
      side.filters.push_back(std::move(filter));
    }
  } else if (programs.error().kind != ErrorKind::Unsupported) {
    side.gap = to_string(programs.error());
  }
  const auto reply = visit.netlink_dump(tc_filter_request(ifindex, ingress), kMaxTableBytes);
  if (!reply) {
    side.gap = to_string(reply.error());
    return side;
  }
  TcFilterTable table = decode_tc_filters(reply->messages);
  if (!reply->consistent || table.malformed != 0) side.gap = "the filters were changed while they were read, or could not be understood";
  if (table.cut) side.gap = "there are more filters, or more actions of one, than are read";
  for (model::TcFilter& filter : table.rows) side.filters.push_back(std::move(filter));
  return side;
}

}  // namespace synfate::inventory
