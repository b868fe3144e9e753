// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/nft_batch.hpp"

#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "inventory/attributes.hpp"

namespace synfate::inventory {
namespace {

/// Of a message: the list is an attribute, whose length has 16 bits.
constexpr std::size_t kMaxElementsBytes = 32U << 10U;

void append_text(std::string& bytes, std::uint16_t type, const std::string& text) {
  append_attribute(bytes, type, {text.c_str(), text.size() + 1});
}

std::string expressions_of(const NftRule& rule) {
  std::string list;
  for (const NftExpression& each : rule.expressions) {
    std::string expression;
    append_text(expression, NFTA_EXPR_NAME, each.name);
    append_attribute(expression, NFTA_EXPR_DATA | NLA_F_NESTED, each.data);
    append_attribute(list, NFTA_LIST_ELEM | NLA_F_NESTED, expression);
  }
  return list;
}

}  // namespace

NftBatch::NftBatch(const NftTable& table) : table_(table) {
  message(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, {});
  std::string attributes;
  append_text(attributes, NFTA_TABLE_NAME, table_.name);
  change(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, attributes);
}

void NftBatch::message(std::uint16_t type, std::uint16_t flags, std::uint8_t family, std::uint16_t resource, std::string_view attributes) {
  nlmsghdr header{};
  nfgenmsg about{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof about + attributes.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  header.nlmsg_seq = sequence_++;
  about.nfgen_family = family;
  about.version = NFNETLINK_V0;
  about.res_id = htobe16(resource);
  bytes_.append(body_of(header)).append(body_of(about)).append(attributes);
  bytes_.resize(MNL_ALIGN(bytes_.size()));
}

void NftBatch::change(int type, std::uint16_t flags, std::string_view attributes) {
  const auto kind = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type);
  message(kind, static_cast<std::uint16_t>(NLM_F_REQUEST | flags), table_.family, 0, attributes);
}

void NftBatch::chain(const std::string& name) {
  std::string attributes;
  append_text(attributes, NFTA_CHAIN_TABLE, table_.name);
  append_text(attributes, NFTA_CHAIN_NAME, name);
  change(NFT_MSG_NEWCHAIN, NLM_F_CREATE, attributes);
}

void NftBatch::set(const std::string& name, std::string_view attributes) {
  end_elements();
  std::string all;
  append_text(all, NFTA_SET_TABLE, table_.name);
  // An anonymous set keeps the name that the kernel once made up for it, so that the rule's expressions can stay as they are.
  append_text(all, NFTA_SET_NAME, name);
  append_attribute(all, NFTA_SET_ID, body_of(htobe32(++set_number_)));
  change(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, all.append(attributes));
}

void NftBatch::element(const std::string& set, std::string_view attributes) {
  if (set != set_ || elements_.size() + attributes.size() > kMaxElementsBytes) end_elements();
  set_ = set;
  append_attribute(elements_, NFTA_LIST_ELEM | NLA_F_NESTED, attributes);
}

void NftBatch::end_elements() {
  if (elements_.empty()) return;
  std::string attributes;
  append_text(attributes, NFTA_SET_ELEM_LIST_TABLE, table_.name);
  append_text(attributes, NFTA_SET_ELEM_LIST_SET, set_);
  append_attribute(attributes, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED, elements_);
  change(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, attributes);
  elements_.clear();
}

std::string NftBatch::rule(const NftRule& rule) {
  end_elements();
  std::string attributes;
  append_text(attributes, NFTA_RULE_TABLE, table_.name);
  append_text(attributes, NFTA_RULE_CHAIN, rule.chain);
  append_attribute(attributes, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, expressions_of(rule));
  if (!rule.user_data.empty()) append_attribute(attributes, NFTA_RULE_USERDATA, rule.user_data);
  // Errors are always answered; one good answer, to the last change, says that the transaction came to its end.
  change(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK, attributes);
  message(NFNL_MSG_BATCH_END, NLM_F_REQUEST, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, {});
  return std::move(bytes_);
}

}  // namespace synfate::inventory
