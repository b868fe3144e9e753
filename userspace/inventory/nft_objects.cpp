// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/nft_objects.hpp"

#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>

#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

/// libnftnl's, in the user data of rules and of set elements alike.
constexpr std::uint8_t kCommentType = 0;
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxCommentBytes = 1024;
/// The kernel takes at most 128.
constexpr std::size_t kMaxExpressions = 128;

constexpr std::uint16_t message_type(int type) { return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type); }

machine::NetlinkRequest request(int type, std::uint8_t family, bool single) {
  nfgenmsg header{};
  header.nfgen_family = family;
  header.version = NFNETLINK_V0;
  return {NETLINK_NETFILTER, message_type(type), body_of(header), single};
}

void append_name(std::string& body, std::uint16_t type, const std::string& name) {
  append_attribute(body, type, {name.c_str(), std::min(name.size(), kMaxNameBytes) + 1});
}

/// The attributes of a message of that type; none if it is another one.
std::optional<Attributes> open_message(std::string_view message, int type) {
  const auto payload = nft_payload(message, type);
  return payload ? std::optional{Attributes{*payload}} : std::nullopt;
}

std::optional<std::uint32_t> big32(const Attributes& attributes, std::uint16_t type) {
  const auto value = attributes.u32(type);
  return value ? std::optional{be32toh(*value)} : std::nullopt;
}

std::uint64_t big64(const Attributes& attributes, std::uint16_t type) {
  std::uint64_t value = 0;
  const std::string_view raw = attributes.bytes(type);
  if (raw.size() == sizeof value) std::memcpy(&value, raw.data(), sizeof value);
  return be64toh(value);
}

std::string comment_of(std::string_view user_data) {
  while (user_data.size() >= 2) {
    const auto type = static_cast<std::uint8_t>(user_data[0]);
    const std::size_t length = static_cast<std::uint8_t>(user_data[1]);
    if (user_data.size() < 2 + length) break;
    if (type == kCommentType) {
      const std::string_view text = user_data.substr(2, std::min(length, kMaxCommentBytes));
      return std::string{text.substr(0, text.find('\0'))};
    }
    user_data.remove_prefix(2 + length);
  }
  return {};
}

std::optional<NftVerdict> verdict_of(const Attributes& data) {
  if (!data.has(NFTA_DATA_VERDICT)) return std::nullopt;
  const Attributes verdict = data.nested(NFTA_DATA_VERDICT);
  const auto code = big32(verdict, NFTA_VERDICT_CODE);
  if (!code) return std::nullopt;
  return NftVerdict{static_cast<int>(*code), verdict.text(NFTA_VERDICT_CHAIN, kMaxNameBytes)};
}

}  // namespace

std::optional<std::string_view> nft_payload(std::string_view message, int type) {
  nlmsghdr header{};
  if (message.size() < sizeof header + sizeof(nfgenmsg)) return std::nullopt;
  std::memcpy(&header, message.data(), sizeof header);
  if (header.nlmsg_len > message.size() || header.nlmsg_type != message_type(type)) return std::nullopt;
  if (header.nlmsg_len < sizeof header + sizeof(nfgenmsg)) return std::nullopt;
  return message.substr(sizeof header + sizeof(nfgenmsg), header.nlmsg_len - sizeof header - sizeof(nfgenmsg));
}

bool NftRule::has(std::string_view expression) const {
  return std::any_of(expressions.begin(), expressions.end(), [&](const NftExpression& each) { return each.name == expression; });
}

machine::NetlinkRequest nft_generation_request() { return request(NFT_MSG_GETGEN, 0, true); }

machine::NetlinkRequest nft_table_request(const NftTable& table) {
  auto asked = request(NFT_MSG_GETTABLE, table.family, true);
  append_name(asked.body, NFTA_TABLE_NAME, table.name);
  return asked;
}

machine::NetlinkRequest nft_chain_request(const NftTable& table, const std::string& chain) {
  auto asked = request(NFT_MSG_GETCHAIN, table.family, true);
  append_name(asked.body, NFTA_CHAIN_TABLE, table.name);
  append_name(asked.body, NFTA_CHAIN_NAME, chain);
  return asked;
}

machine::NetlinkRequest nft_chains_request(const NftTable& table) {
  auto asked = request(NFT_MSG_GETCHAIN, table.family, false);
  append_name(asked.body, NFTA_CHAIN_TABLE, table.name);
  return asked;
}

machine::NetlinkRequest nft_rule_request(const NftTable& table, const std::string& chain, std::uint64_t handle) {
  auto asked = request(NFT_MSG_GETRULE, table.family, true);
  append_name(asked.body, NFTA_RULE_TABLE, table.name);
  append_name(asked.body, NFTA_RULE_CHAIN, chain);
  const std::uint64_t big = htobe64(handle);
  append_attribute(asked.body, NFTA_RULE_HANDLE, {reinterpret_cast<const char*>(&big), sizeof big});
  return asked;
}

machine::NetlinkRequest nft_rules_request(const NftTable& table, const std::string& chain) {
  auto asked = request(NFT_MSG_GETRULE, table.family, false);
  append_name(asked.body, NFTA_RULE_TABLE, table.name);
  if (!chain.empty()) append_name(asked.body, NFTA_RULE_CHAIN, chain);
  return asked;
}

machine::NetlinkRequest nft_set_request(const NftTable& table, const std::string& set) {
  auto asked = request(NFT_MSG_GETSET, table.family, true);
  append_name(asked.body, NFTA_SET_TABLE, table.name);
  append_name(asked.body, NFTA_SET_NAME, set);
  return asked;
}

machine::NetlinkRequest nft_sets_request(const NftTable& table) {
  auto asked = request(NFT_MSG_GETSET, table.family, false);
  append_name(asked.body, NFTA_SET_TABLE, table.name);
  return asked;
}

machine::NetlinkRequest nft_elements_request(const NftTable& table, const std::string& set) {
  auto asked = request(NFT_MSG_GETSETELEM, table.family, false);
  append_name(asked.body, NFTA_SET_ELEM_LIST_TABLE, table.name);
  append_name(asked.body, NFTA_SET_ELEM_LIST_SET, set);
  return asked;
}

machine::NetlinkRequest nft_element_request(const NftTable& table, const std::string& set, const std::string& key) {
  auto asked = nft_elements_request(table, set);
  asked.single = true;
  std::string value;
  std::string data;
  std::string element;
  append_attribute(value, NFTA_DATA_VALUE, key);
  append_attribute(data, NLA_F_NESTED | NFTA_SET_ELEM_KEY, value);
  append_attribute(element, NLA_F_NESTED | NFTA_LIST_ELEM, data);
  append_attribute(asked.body, NLA_F_NESTED | NFTA_SET_ELEM_LIST_ELEMENTS, element);
  return asked;
}

std::optional<std::uint32_t> decode_nft_generation(std::string_view message) {
  const auto attributes = open_message(message, NFT_MSG_NEWGEN);
  return attributes ? big32(*attributes, NFTA_GEN_ID) : std::nullopt;
}

std::optional<std::uint64_t> decode_nft_table(std::string_view message) {
  const auto attributes = open_message(message, NFT_MSG_NEWTABLE);
  return attributes ? std::optional{big64(*attributes, NFTA_TABLE_HANDLE)} : std::nullopt;
}

std::optional<NftChain> decode_nft_chain(std::string_view message) {
  const auto attributes = open_message(message, NFT_MSG_NEWCHAIN);
  if (!attributes) return std::nullopt;
  NftChain chain;
  chain.table = attributes->text(NFTA_CHAIN_TABLE, kMaxNameBytes);
  chain.name = attributes->text(NFTA_CHAIN_NAME, kMaxNameBytes);
  chain.handle = big64(*attributes, NFTA_CHAIN_HANDLE);
  chain.base = attributes->has(NFTA_CHAIN_HOOK);
  chain.type = attributes->text(NFTA_CHAIN_TYPE, kMaxNameBytes);
  chain.policy = big32(*attributes, NFTA_CHAIN_POLICY);
  chain.uses = big32(*attributes, NFTA_CHAIN_USE);
  const Attributes hook = attributes->nested(NFTA_CHAIN_HOOK);
  chain.hook = big32(hook, NFTA_HOOK_HOOKNUM).value_or(0);
  chain.priority = static_cast<int>(big32(hook, NFTA_HOOK_PRIORITY).value_or(0));
  return chain;
}

std::optional<NftRule> decode_nft_rule(std::string_view message) {
  const auto attributes = open_message(message, NFT_MSG_NEWRULE);
  if (!attributes) return std::nullopt;
  NftRule rule;
  rule.handle = big64(*attributes, NFTA_RULE_HANDLE);
  rule.chain = attributes->text(NFTA_RULE_CHAIN, kMaxNameBytes);
  rule.user_data = std::string{attributes->bytes(NFTA_RULE_USERDATA)};
  rule.comment = comment_of(rule.user_data);
  for_each_attribute(attributes->bytes(NFTA_RULE_EXPRESSIONS), [&](std::uint16_t, std::string_view element) {
    if (rule.expressions.size() == kMaxExpressions) return;
    const Attributes expression{element};
    rule.expressions.push_back({expression.text(NFTA_EXPR_NAME, kMaxNameBytes), std::string{expression.bytes(NFTA_EXPR_DATA)}});
  });
  return rule;
}

std::optional<std::uint64_t> decode_nft_rule_handle(std::string_view message) {
  const auto attributes = open_message(message, NFT_MSG_NEWRULE);
  return attributes ? std::optional{big64(*attributes, NFTA_RULE_HANDLE)} : std::nullopt;
}

std::optional<NftSet> decode_nft_set(std::string_view message) {
  const auto attributes = open_message(message, NFT_MSG_NEWSET);
  if (!attributes) return std::nullopt;
  NftSet set;
  set.name = attributes->text(NFTA_SET_NAME, kMaxNameBytes);
  set.flags = big32(*attributes, NFTA_SET_FLAGS).value_or(0);
  set.key_bytes = big32(*attributes, NFTA_SET_KEY_LEN).value_or(0);
  set.verdict_map = (set.flags & NFT_SET_MAP) != 0 && big32(*attributes, NFTA_SET_DATA_TYPE) == std::uint32_t{NFT_DATA_VERDICT};
  return set;
}

void decode_nft_elements(std::string_view message, const std::function<void(const NftElement&)>& take) {
  const auto attributes = open_message(message, NFT_MSG_NEWSETELEM);
  if (!attributes) return;
  for_each_attribute(attributes->bytes(NFTA_SET_ELEM_LIST_ELEMENTS), [&](std::uint16_t, std::string_view each) {
    const Attributes fields{each};
    NftElement element;
    element.key = std::string{fields.nested(NFTA_SET_ELEM_KEY).bytes(NFTA_DATA_VALUE)};
    element.key_end = std::string{fields.nested(NFTA_SET_ELEM_KEY_END).bytes(NFTA_DATA_VALUE)};
    element.flags = big32(fields, NFTA_SET_ELEM_FLAGS).value_or(0);
    element.comment = comment_of(fields.bytes(NFTA_SET_ELEM_USERDATA));
    if (fields.has(NFTA_SET_ELEM_DATA)) element.verdict = verdict_of(fields.nested(NFTA_SET_ELEM_DATA));
    element.attributes = each;
    take(element);
  });
}

std::optional<NftVerdict> immediate_verdict(const NftExpression& expression) {
  if (expression.name != "immediate") return std::nullopt;
  const Attributes attributes{std::string_view{expression.data}};
  if (big32(attributes, NFTA_IMMEDIATE_DREG) != std::uint32_t{NFT_REG_VERDICT}) return std::nullopt;
  return verdict_of(attributes.nested(NFTA_IMMEDIATE_DATA));
}

}  // namespace synfate::inventory
