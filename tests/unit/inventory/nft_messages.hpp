// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Messages of nf_tables as the kernel sends them, made by hand.
#pragma once

#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace synfate::test {

/// kind: NFT_MSG_*.
inline std::string nft_message(int kind, std::string_view attributes) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof(nfgenmsg) + attributes.size());
  header.nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | kind);
  std::string message(sizeof header + sizeof(nfgenmsg), '\0');
  std::memcpy(message.data(), &header, sizeof header);
  return message.append(attributes);
}

inline std::string nft_attribute(std::uint16_t type, std::string payload) {
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + payload.size()), type};
  payload.insert(0, reinterpret_cast<const char*>(&header), sizeof header);
  payload.resize((payload.size() + 3) / 4 * 4);
  return payload;
}

inline std::string nft_text(std::uint16_t type, const std::string& text) { return nft_attribute(type, text + '\0'); }

inline std::string nft_number(std::uint16_t type, std::uint32_t value) {
  const std::uint32_t big = htobe32(value);
  return nft_attribute(type, {reinterpret_cast<const char*>(&big), sizeof big});
}

inline std::string nft_expression(const std::string& name, const std::string& data) {
  return nft_attribute(NFTA_LIST_ELEM, nft_text(NFTA_EXPR_NAME, name) + nft_attribute(NFTA_EXPR_DATA, data));
}

inline std::string nft_verdict(int code, const std::string& chain) {
  return nft_attribute(NFTA_DATA_VERDICT, nft_number(NFTA_VERDICT_CODE, static_cast<std::uint32_t>(code)) +
                                              (chain.empty() ? "" : nft_text(NFTA_VERDICT_CHAIN, chain)));
}

/// verdict: of nft_verdict(); comment as nft writes it behind the element.
inline std::string nft_element(const std::string& key, const std::string& verdict, const std::string& comment = "") {
  std::string element = nft_attribute(NFTA_SET_ELEM_KEY, nft_attribute(NFTA_DATA_VALUE, key));
  if (!verdict.empty()) element += nft_attribute(NFTA_SET_ELEM_DATA, verdict);
  if (!comment.empty()) {
    element += nft_attribute(NFTA_SET_ELEM_USERDATA, std::string{'\0', static_cast<char>(comment.size() + 1)} + comment + '\0');
  }
  return nft_attribute(NFTA_LIST_ELEM, element);
}

inline std::string nft_elements(const std::string& elements) {
  return nft_message(NFT_MSG_NEWSETELEM, nft_attribute(NFTA_SET_ELEM_LIST_ELEMENTS, elements));
}

inline std::string nft_rule(const std::string& chain, const std::string& expressions) {
  return nft_message(NFT_MSG_NEWRULE, nft_text(NFTA_RULE_CHAIN, chain) + nft_attribute(NFTA_RULE_HANDLE, std::string(8, '\1')) +
                                          nft_attribute(NFTA_RULE_EXPRESSIONS, expressions));
}

/// Into the register; a verdict into NFT_REG_VERDICT.
inline std::string nft_immediate(std::uint32_t where, const std::string& data) {
  return nft_expression("immediate", nft_number(NFTA_IMMEDIATE_DREG, where) + nft_attribute(NFTA_IMMEDIATE_DATA, data));
}

inline std::string nft_goto(const std::string& chain) { return nft_immediate(NFT_REG_VERDICT, nft_verdict(NFT_GOTO, chain)); }

/// address, port: in network order.
inline std::string nft_dnat(const std::string& address, const std::string& port) {
  return nft_immediate(NFT_REG_1, nft_attribute(NFTA_DATA_VALUE, address)) +
         nft_immediate(NFT_REG_2, nft_attribute(NFTA_DATA_VALUE, port)) +
         nft_expression("nat", nft_number(NFTA_NAT_TYPE, NFT_NAT_DNAT) + nft_number(NFTA_NAT_REG_ADDR_MIN, NFT_REG_1) +
                                   nft_number(NFTA_NAT_REG_PROTO_MIN, NFT_REG_2));
}

inline std::string nft_vmap(const std::string& set) {
  return nft_expression(
      "lookup", nft_text(NFTA_LOOKUP_SET, set) + nft_number(NFTA_LOOKUP_SREG, NFT_REG_1) + nft_number(NFTA_LOOKUP_DREG, NFT_REG_VERDICT));
}

}  // namespace synfate::test
