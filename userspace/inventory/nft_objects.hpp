// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// nf_tables' objects as the kernel itself describes them over netlink: what proves that a rule is still the same one, whatever a tool's
// version prints. Asks for nothing that could create or load anything where nf_tables is in use already.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "machine/machine.hpp"

namespace synfate::inventory {

struct NftTable {
  std::uint8_t family = 0;  ///< NFPROTO_*
  std::string name;
};

struct NftChain {
  std::string table;
  std::string name;
  std::uint64_t handle = 0;
  bool base = false;
  std::string type;  ///< "filter"; of a base chain
  std::uint32_t hook = 0;
  int priority = 0;
  std::optional<std::uint32_t> policy;  ///< NF_DROP is 0, NF_ACCEPT 1
  std::optional<std::uint32_t> uses;    ///< its own rules, and each rule and element that leads to it
};

struct NftExpression {
  std::string name;  ///< "payload", "lookup"
  std::string data;  ///< its attributes
};

struct NftRule {
  std::uint64_t handle = 0;
  std::string chain;
  std::string comment;    ///< untrusted
  std::string user_data;  ///< with the comment in it
  std::vector<NftExpression> expressions;

  bool has(std::string_view expression) const;
};

struct NftSet {
  std::string name;
  std::uint32_t flags = 0;  ///< NFT_SET_*
  std::uint32_t key_bytes = 0;
  bool verdict_map = false;
};

struct NftVerdict {
  int code = 0;  ///< NF_DROP, NF_ACCEPT, NFT_JUMP, NFT_GOTO, ...
  std::string chain;
};

struct NftElement {
  std::string key;      ///< as in the registers
  std::string key_end;  ///< of a range of concatenations
  std::uint32_t flags = 0;
  std::string comment;  ///< untrusted
  std::optional<NftVerdict> verdict;
  std::string_view attributes = {};  ///< all of them; only while the element is taken
};

/// Requests; a name of the kernel's may have any bytes but NUL.
machine::NetlinkRequest nft_generation_request();
machine::NetlinkRequest nft_table_request(const NftTable& table);
machine::NetlinkRequest nft_chain_request(const NftTable& table, const std::string& chain);
machine::NetlinkRequest nft_chains_request(const NftTable& table);
machine::NetlinkRequest nft_rule_request(const NftTable& table, const std::string& chain, std::uint64_t handle);
/// chain empty: all rules of the table.
machine::NetlinkRequest nft_rules_request(const NftTable& table, const std::string& chain);
machine::NetlinkRequest nft_set_request(const NftTable& table, const std::string& set);
machine::NetlinkRequest nft_sets_request(const NftTable& table);
machine::NetlinkRequest nft_elements_request(const NftTable& table, const std::string& set);
/// The one with that key, as in the registers; not of a set of ranges.
machine::NetlinkRequest nft_element_request(const NftTable& table, const std::string& set, const std::string& key);

/// The attributes of a message of that kind (NFT_MSG_*), as they are; none if it is another kind of message or malformed.
std::optional<std::string_view> nft_payload(std::string_view message, int type);

/// Answers, one message each, with its nlmsghdr; none if it is another kind of message or malformed.
std::optional<std::uint32_t> decode_nft_generation(std::string_view message);
/// The table's handle.
std::optional<std::uint64_t> decode_nft_table(std::string_view message);
std::optional<NftChain> decode_nft_chain(std::string_view message);
std::optional<NftRule> decode_nft_rule(std::string_view message);
/// Only its handle, for long chains.
std::optional<std::uint64_t> decode_nft_rule_handle(std::string_view message);
std::optional<NftSet> decode_nft_set(std::string_view message);
void decode_nft_elements(std::string_view message, const std::function<void(const NftElement&)>& take);

/// The verdict that an "immediate" expression gives; none if it loads a value.
std::optional<NftVerdict> immediate_verdict(const NftExpression& expression);

}  // namespace synfate::inventory
