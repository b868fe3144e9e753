// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/batch.hpp"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <span>
#include <string_view>

#include "nftrace/post.hpp"

namespace synfate::nftrace {
namespace {

using Value = std::vector<std::uint8_t>;

/// Before defragmentation, conntrack and every table that the tools make.
constexpr std::int32_t kPriority = -450;
/// Eight rules of at most eight expressions: a few KiB.
constexpr std::size_t kMaxBatch = 16 * 1024;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kSynAck = 0x12;
constexpr std::uint32_t kTcpDestinationPort = 2;
constexpr std::uint32_t kTcpFlags = 13;

/// The expressions of one rule; each condition loads a register and compares it.
class Rule {
 public:
  explicit Rule(Post& post) : post_(post) { post_.open(NFTA_RULE_EXPRESSIONS); }

  void meta_is(std::uint32_t key, const Value& value) {
    begin("meta");
    post_.big32(NFTA_META_KEY, key);
    post_.big32(NFTA_META_DREG, NFT_REG_1);
    end();
    equals(value);
  }

  /// Of the header at `base`: the bytes at `offset`, of them the bits of `mask`, are `value`.
  void header_is(std::uint32_t base, std::uint32_t offset, const Value& mask, const Value& value) {
    begin("payload");
    post_.big32(NFTA_PAYLOAD_DREG, NFT_REG_1);
    post_.big32(NFTA_PAYLOAD_BASE, base);
    post_.big32(NFTA_PAYLOAD_OFFSET, offset);
    post_.big32(NFTA_PAYLOAD_LEN, static_cast<std::uint32_t>(value.size()));
    end();
    begin("bitwise");
    post_.big32(NFTA_BITWISE_SREG, NFT_REG_1);
    post_.big32(NFTA_BITWISE_DREG, NFT_REG_1);
    post_.big32(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(value.size()));
    data(NFTA_BITWISE_MASK, mask);
    data(NFTA_BITWISE_XOR, Value(value.size(), 0));
    end();
    equals(value);
  }

  void trace() {
    begin("immediate");
    post_.big32(NFTA_IMMEDIATE_DREG, NFT_REG_1);
    data(NFTA_IMMEDIATE_DATA, {1});
    end();
    begin("meta");
    post_.big32(NFTA_META_KEY, NFT_META_NFTRACE);
    post_.big32(NFTA_META_SREG, NFT_REG_1);
    end();
    post_.close();
  }

 private:
  void begin(const std::string& name) {
    post_.open(NFTA_LIST_ELEM);
    post_.text(NFTA_EXPR_NAME, name);
    post_.open(NFTA_EXPR_DATA);
  }
  void end() {
    post_.close();
    post_.close();
  }
  void data(std::uint16_t type, const Value& value) {
    post_.open(type);
    post_.raw(NFTA_DATA_VALUE, value);
    post_.close();
  }
  void equals(const Value& value) {
    begin("cmp");
    post_.big32(NFTA_CMP_SREG, NFT_REG_1);
    post_.big32(NFTA_CMP_OP, NFT_CMP_EQ);
    data(NFTA_CMP_DATA, value);
    end();
  }

  Post& post_;
};

Value big16(std::uint32_t value) { return {static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)}; }

void family_is(Rule& rule, std::uint8_t table_family, std::uint8_t address_family) {
  if (table_family == NFPROTO_BRIDGE) {
    rule.meta_is(NFT_META_PROTOCOL, big16(address_family == 4 ? ETH_P_IP : ETH_P_IPV6));
  } else {
    rule.meta_is(NFT_META_NFPROTO, {static_cast<std::uint8_t>(address_family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6)});
  }
}

void address_is(Rule& rule, const model::Prefix& prefix, bool source) {
  const bool v4 = prefix.address.family == 4;
  const std::size_t size = v4 ? 4 : 16;
  const std::uint32_t offset = v4 ? (source ? 12 : 16) : (source ? 8 : 24);
  Value mask(size, 0);
  for (unsigned bit = 0; bit < prefix.length && bit < size * 8; ++bit) {
    mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | 0x80U >> bit % 8);
  }
  rule.header_is(NFT_PAYLOAD_NETWORK_HEADER, offset, mask, Value(prefix.address.bytes.begin(), prefix.address.bytes.begin() + size));
}

/// 0: nothing was said of it; nothing: conditions of both families, which no packet meets.
std::optional<std::uint8_t> address_family(const Filter& filter) {
  std::uint8_t family = 0;
  for (const auto* prefix : {&filter.host, &filter.source, &filter.destination}) {
    if (!*prefix) continue;
    if (family != 0 && family != (*prefix)->address.family) return std::nullopt;
    family = (*prefix)->address.family;
  }
  return family;
}

enum class HostSide { None, Source, Destination };

void write_rule(Post& post, std::uint8_t table_family, const Filter& filter, std::uint8_t family, HostSide side) {
  Rule rule(post);
  if (family != 0) family_is(rule, table_family, family);
  rule.meta_is(NFT_META_L4PROTO, {kTcp});
  rule.header_is(NFT_PAYLOAD_TRANSPORT_HEADER, kTcpFlags, {kSynAck}, {kSyn});
  if (filter.port) rule.header_is(NFT_PAYLOAD_TRANSPORT_HEADER, kTcpDestinationPort, {0xff, 0xff}, big16(*filter.port));
  if (filter.source) address_is(rule, *filter.source, true);
  if (filter.destination) address_is(rule, *filter.destination, false);
  if (side != HostSide::None) address_is(rule, *filter.host, side == HostSide::Source);
  rule.trace();
}

class Writer {
 public:
  Writer(std::string name, std::uint8_t family, std::uint32_t sequence)
      : name_(std::move(name)), family_(family), first_(sequence), next_(sequence) {}

  void frame(unsigned type) { post_.begin(NFNL_SUBSYS_NONE, type, NLM_F_REQUEST, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, next_++); }

  void table() {
    change(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
    post_.text(NFTA_TABLE_NAME, name_);
    post_.big32(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
  }

  void chain(const std::string& chain, std::uint32_t hook) {
    change(NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
    post_.text(NFTA_CHAIN_TABLE, name_);
    post_.text(NFTA_CHAIN_NAME, chain);
    post_.open(NFTA_CHAIN_HOOK);
    post_.big32(NFTA_HOOK_HOOKNUM, hook);
    post_.big32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(kPriority));
    post_.close();
    post_.big32(NFTA_CHAIN_POLICY, NF_ACCEPT);
    post_.text(NFTA_CHAIN_TYPE, "filter");
  }

  void rule(const std::string& chain, const Filter& filter, std::uint8_t family, HostSide side) {
    change(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    post_.text(NFTA_RULE_TABLE, name_);
    post_.text(NFTA_RULE_CHAIN, chain);
    write_rule(post_, family_, filter, family, side);
  }

  Batch take() { return {post_.take(), first_, acknowledged_}; }

 private:
  void change(unsigned type, unsigned flags) {
    post_.begin(NFNL_SUBSYS_NFTABLES, type, NLM_F_REQUEST | NLM_F_ACK | flags, family_, 0, next_++);
    ++acknowledged_;
  }

  Post post_{kMaxBatch};
  std::string name_;
  std::uint8_t family_;
  std::uint32_t first_;
  std::uint32_t next_;
  unsigned acknowledged_ = 0;
};

}  // namespace

Batch tracing_table(const std::string& name, std::uint8_t family, const Filter& filter, std::uint32_t first_sequence) {
  struct Hook {
    const char* chain;
    std::uint32_t number;
  };
  // In the bridge's own numbers the two are the same.
  constexpr std::array<Hook, 2> kHooks{{{"prerouting", NF_INET_PRE_ROUTING}, {"output", NF_INET_LOCAL_OUT}}};

  Writer writer(name, family, first_sequence);
  writer.frame(NFNL_MSG_BATCH_BEGIN);
  writer.table();
  const auto addresses = address_family(filter);
  for (const Hook& hook : kHooks) {
    writer.chain(hook.chain, hook.number);
    if (!addresses) continue;
    if (filter.host) {
      writer.rule(hook.chain, filter, *addresses, HostSide::Source);
      writer.rule(hook.chain, filter, *addresses, HostSide::Destination);
    } else {
      writer.rule(hook.chain, filter, *addresses, HostSide::None);
    }
  }
  writer.frame(NFNL_MSG_BATCH_END);
  return writer.take();
}

std::vector<std::uint8_t> ask_for_table(const std::string& name, std::uint8_t family, std::uint32_t sequence) {
  Post post(1024);
  post.begin(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, NLM_F_REQUEST, family, 0, sequence);
  post.text(NFTA_TABLE_NAME, name);
  return post.take();
}

std::vector<std::uint8_t> ask_for_tables(std::uint8_t family, std::uint32_t sequence) {
  Post post(256);
  post.begin(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETTABLE, NLM_F_REQUEST | NLM_F_DUMP, family, 0, sequence);
  return post.take();
}

}  // namespace synfate::nftrace
