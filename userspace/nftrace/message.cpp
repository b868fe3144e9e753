// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/message.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.hpp"

namespace synfate::nftrace {
namespace {

using Outcome = model::HookVerdict::Outcome;

/// SYNs whose messages may be under way at once in one namespace.
constexpr std::size_t kMaxPackets = 1024;
constexpr std::size_t kMaxName = 255;

/// The attributes of one level, by type; of several of one type the last counts.
template <std::size_t N>
class Attributes {
 public:
  explicit Attributes(Bytes bytes) {
    while (bytes.size() >= sizeof(nlattr)) {
      nlattr header;
      std::memcpy(&header, bytes.data(), sizeof header);
      if (header.nla_len < sizeof header || header.nla_len > bytes.size()) {
        broken_ = true;
        return;
      }
      const std::size_t type = header.nla_type & NLA_TYPE_MASK;
      if (type < N) {
        found_[type] = bytes.subspan(sizeof header, header.nla_len - sizeof header);
        there_[type] = true;
      }
      bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), MNL_ALIGN(header.nla_len)));
    }
  }

  bool broken() const { return broken_; }
  bool has(std::size_t type) const { return there_[type]; }
  Bytes bytes(std::size_t type) const { return found_[type]; }

  template <class Number>
  std::optional<Number> number(std::size_t type) const {
    if (!there_[type] || found_[type].size() != sizeof(Number)) return std::nullopt;
    Number value;
    std::memcpy(&value, found_[type].data(), sizeof value);
    return value;
  }
  std::optional<std::uint32_t> big32(std::size_t type) const {
    const auto value = number<std::uint32_t>(type);
    if (!value) return std::nullopt;
    return ntohl(*value);
  }
  std::optional<std::uint64_t> big64(std::size_t type) const {
    if (!there_[type] || found_[type].size() != sizeof(std::uint64_t)) return std::nullopt;
    std::uint64_t value = 0;
    for (const std::uint8_t byte : found_[type]) value = value << 8U | byte;
    return value;
  }
  /// Nothing for a name that is longer than any kernel's.
  std::optional<std::string> text(std::size_t type) const {
    if (!there_[type]) return std::nullopt;
    const auto* begin = reinterpret_cast<const char*>(found_[type].data());
    const std::size_t length = strnlen(begin, found_[type].size());
    if (length > kMaxName) return std::nullopt;
    return std::string(begin, length);
  }

 private:
  std::array<Bytes, N> found_{};
  std::array<bool, N> there_{};
  bool broken_ = false;
};

Outcome outcome_of(std::int32_t code) {
  switch (code) {
    case NFT_CONTINUE: return Outcome::Continue;
    case NFT_JUMP: return Outcome::Jump;
    case NFT_GOTO: return Outcome::Goto;
    case NFT_RETURN: return Outcome::Return;
    default: break;
  }
  if (code < 0) return Outcome::Other;
  // The upper half carries an errno or a queue number.
  switch (static_cast<std::uint32_t>(code) & NF_VERDICT_MASK) {
    case NF_DROP: return Outcome::Drop;
    case NF_ACCEPT: return Outcome::Accept;
    // A drop that nft_do_chain() carried out itself: NF_DROP_REASON() says it as stolen, with an errno.
    case NF_STOLEN: return (static_cast<std::uint32_t>(code) >> 16U) != 0 ? Outcome::Drop : Outcome::Other;
    default: return Outcome::Other;
  }
}

std::optional<std::uint8_t> family_of(Bytes body) {
  nfgenmsg header;
  if (body.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, body.data(), sizeof header);
  return header.nfgen_family;
}

Bytes after_family(Bytes body) { return body.subspan(MNL_ALIGN(sizeof(nfgenmsg))); }

}  // namespace

std::optional<NftMessage> parse_nft_trace(Bytes body) {
  const auto family = family_of(body);
  if (!family) return std::nullopt;
  const Attributes<NFTA_TRACE_POLICY + 1> all(after_family(body));
  const auto table = all.text(NFTA_TRACE_TABLE);
  const auto chain = all.text(NFTA_TRACE_CHAIN);
  const auto type = all.big32(NFTA_TRACE_TYPE);
  if (all.broken() || !table || !chain || !type) return std::nullopt;

  NftMessage message;
  Step& step = message.step;
  step.family = *family;
  step.table = *table;
  step.chain = *chain;
  // In host order, unlike all the others.
  step.trace_id = all.number<std::uint32_t>(NFTA_TRACE_ID).value_or(0);
  step.in_ifindex = all.big32(NFTA_TRACE_IIF).value_or(0);
  step.out_ifindex = all.big32(NFTA_TRACE_OIF).value_or(0);
  step.handle = all.big64(NFTA_TRACE_RULE_HANDLE).value_or(0);
  message.has_headers = all.has(NFTA_TRACE_NETWORK_HEADER);
  message.packet = parse_headers(all.bytes(NFTA_TRACE_NETWORK_HEADER), all.bytes(NFTA_TRACE_TRANSPORT_HEADER));

  if (*type == NFT_TRACETYPE_POLICY) {
    step.kind = Step::Kind::Policy;
    const auto policy = all.big32(NFTA_TRACE_POLICY);
    if (!policy) return std::nullopt;
    step.outcome = outcome_of(static_cast<std::int32_t>(*policy));
    step.handle = 0;
    return message;
  }
  // The end of a chain is told as a "return" or a "rule" without a handle, depending on the kernel.
  message.is_final = step.handle != 0;
  const Attributes<NFTA_VERDICT_CHAIN + 1> verdict(all.bytes(NFTA_TRACE_VERDICT));
  const auto code = verdict.big32(NFTA_VERDICT_CODE);
  if (!code || verdict.broken()) return std::nullopt;
  step.outcome = outcome_of(static_cast<std::int32_t>(*code));
  if (step.outcome == Outcome::Jump || step.outcome == Outcome::Goto) {
    step.target = verdict.text(NFTA_VERDICT_CHAIN).value_or("");
  }
  return message;
}

bool parse_xt_prefix(std::string_view prefix, Step& step) {
  constexpr std::string_view kTrace = "TRACE: ";
  if (!prefix.starts_with(kTrace)) return false;
  prefix = trim(prefix.substr(kTrace.size()));
  const std::size_t table_end = prefix.find(':');
  const std::size_t number_begin = prefix.rfind(':');
  if (table_end == std::string_view::npos || number_begin == table_end) return false;
  const std::size_t kind_begin = prefix.rfind(':', number_begin - 1);
  // A chain's name may hold a colon of its own; table, kind and number never do.
  if (kind_begin == std::string_view::npos || kind_begin <= table_end) return false;
  const std::string_view kind = prefix.substr(kind_begin + 1, number_begin - kind_begin - 1);
  const auto number = parse_number(prefix.substr(number_begin + 1));
  if (!number || *number == 0 || *number > 0xffffffffULL) return false;
  if (kind == "rule") {
    step.kind = Step::Kind::Rule;
  } else if (kind == "return") {
    step.kind = Step::Kind::Return;
  } else if (kind == "policy") {
    step.kind = Step::Kind::Policy;
  } else {
    return false;
  }
  step.table = std::string(prefix.substr(0, table_end));
  step.chain = std::string(prefix.substr(table_end + 1, kind_begin - table_end - 1));
  step.number = static_cast<std::uint32_t>(*number);
  return !step.table.empty() && !step.chain.empty();
}

std::optional<Step> parse_xt_trace(Bytes body) {
  const auto family = family_of(body);
  if (!family) return std::nullopt;
  const Attributes<NFULA_PREFIX + 1> all(after_family(body));
  const auto prefix = all.text(NFULA_PREFIX);
  if (all.broken() || !prefix) return std::nullopt;
  Step step;
  step.backend = Step::Backend::XtablesLegacy;
  step.family = *family;
  if (!parse_xt_prefix(*prefix, step)) return std::nullopt;
  step.outcome = step.kind == Step::Kind::Return ? Outcome::Return : Outcome::Other;
  const auto packet = parse_packet(all.bytes(NFULA_PAYLOAD));
  if (!packet || !packet->is_syn) return std::nullopt;
  step.flow = packet->flow;
  step.isn = packet->sequence;
  step.in_ifindex = all.big32(NFULA_IFINDEX_INDEV).value_or(0);
  step.out_ifindex = all.big32(NFULA_IFINDEX_OUTDEV).value_or(0);
  return step;
}

std::optional<Step> NftSteps::take(NftMessage message) {
  Step& step = message.step;
  // Headers come again with every base chain, and NAT may have changed them since.
  if (message.has_headers) remember(step.trace_id, {message.packet.value_or(Packet{}), step.in_ifindex, step.out_ifindex});
  if (!message.is_final || step.table == own_table_) return std::nullopt;
  const auto found = packets_.find(step.trace_id);
  if (found == packets_.end() || !found->second.packet.is_syn) return std::nullopt;
  const Seen& seen = found->second;
  step.flow = seen.packet.flow;
  step.isn = seen.packet.sequence;
  step.in_ifindex = seen.in_ifindex;
  step.out_ifindex = seen.out_ifindex;
  return std::move(step);
}

void NftSteps::forget() {
  packets_.clear();
  order_.clear();
}

void NftSteps::remember(std::uint32_t trace_id, const Seen& seen) {
  if (packets_.insert_or_assign(trace_id, seen).second) order_.push_back(trace_id);
  if (order_.size() <= kMaxPackets) return;
  packets_.erase(order_.front());
  order_.pop_front();
}

}  // namespace synfate::nftrace
