// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Target "nft_objects": one netlink message of nf_tables, read as each kind of object, its rule followed and its elements searched.
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <array>
#include <cstring>
#include <string>

#include "inventory/elements.hpp"
#include "targets.hpp"

namespace synfate::fuzz {
namespace {

using namespace inventory;

constexpr std::array kKinds{NFT_MSG_NEWGEN, NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM};

std::string message_of(int kind, std::string_view attributes) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof(nfgenmsg) + attributes.size());
  header.nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | kind);
  std::string message(sizeof header + sizeof(nfgenmsg), '\0');
  std::memcpy(message.data(), &header, sizeof header);
  return message.append(attributes);
}

NftPacket packet() { return {NFPROTO_INET, {{*model::parse_ip("10.0.0.1"), 1000}, {*model::parse_ip("10.0.0.2"), 80}}, "eth0", "eth1"}; }

void check_rule(const NftRule& rule) {
  require(rule.expressions.size() <= 128 && rule.comment.size() <= 256, "a rule is bounded");
  for (const NftLookup& lookup : lookups_of(rule, packet())) {
    require(lookup.known == !lookup.parts.empty(), "a known key has parts");
    require(lookup.key.size() <= 64 && lookup.key.size() % 4 == 0, "a key is no longer than the registers");
    for (const KeyPart& part : lookup.parts) require(part.offset + part.size <= lookup.key.size(), "a part is in its key");
  }
}

std::string attribute(std::uint16_t type, std::string payload) {
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + payload.size()), type};
  payload.insert(0, reinterpret_cast<const char*>(&header), sizeof header);
  payload.resize((payload.size() + 3) / 4 * 4);
  return payload;
}

std::string number(std::uint16_t type, std::uint32_t value) {
  const std::uint32_t big = htobe32(value);
  return attribute(type, {reinterpret_cast<const char*>(&big), sizeof big});
}

std::string expression(const std::string& name, const std::string& data) {
  return attribute(NFTA_LIST_ELEM, attribute(NFTA_EXPR_NAME, name + '\0') + attribute(NFTA_EXPR_DATA, data));
}

}  // namespace

void run_nft_objects(std::span<const std::byte> input) {
  const std::string_view bytes{reinterpret_cast<const char*>(input.data()), input.size()};
  NftLookup lookup;
  lookup.known = true;
  lookup.key = std::string("\x0a\x00\x00\x01\x00\x50\x00\x00", 8);
  lookup.parts = {{KeyKind::Ipv4, 0, 4}, {KeyKind::Port, 4, 2}};
  for (const int kind : kKinds) {
    const std::string message = message_of(kind, bytes);
    (void)decode_nft_generation(message);
    (void)decode_nft_table(message);
    (void)decode_nft_rule_handle(message);
    if (const auto chain = decode_nft_chain(message)) require(chain->name.size() <= 256, "a chain's name is bounded");
    if (const auto rule = decode_nft_rule(message)) check_rule(*rule);
    if (const auto set = decode_nft_set(message)) {
      ElementSearch search{*set, lookup};
      require(!search.found(), "no element is found in nothing");
    }
    for (const std::uint32_t flags : {0U, std::uint32_t{NFT_SET_INTERVAL}}) {
      for (const std::uint32_t size : {4U, 8U}) {
        ElementSearch search{{"s", flags, size, false}, lookup};
        decode_nft_elements(message, [&](const NftElement& element) {
          require(element.comment.size() <= 256, "a comment is bounded");
          search.look_at(element);
        });
        const auto found = search.found();
        require(!found || !found->text.empty(), "what is found has a text");
      }
    }
  }
}

std::vector<Bytes> nft_objects_seeds() {
  const std::string payload =
      number(NFTA_PAYLOAD_DREG, 1) + number(NFTA_PAYLOAD_BASE, 1) + number(NFTA_PAYLOAD_OFFSET, 12) + number(NFTA_PAYLOAD_LEN, 4);
  const std::string look = attribute(NFTA_LOOKUP_SET, std::string("s") + '\0') + number(NFTA_LOOKUP_SREG, 1) + number(NFTA_LOOKUP_DREG, 0);
  const std::string rule = attribute(NFTA_RULE_HANDLE, std::string(8, '\1')) +
                           attribute(NFTA_RULE_EXPRESSIONS, expression("payload", payload) + expression("lookup", look)) +
                           attribute(NFTA_RULE_USERDATA, std::string("\0\3ab\0", 5));
  const std::string key = attribute(NFTA_SET_ELEM_KEY, attribute(NFTA_DATA_VALUE, std::string("\x0a\0\0\1", 4)));
  const std::string verdict = attribute(NFTA_SET_ELEM_DATA, attribute(NFTA_DATA_VERDICT, number(NFTA_VERDICT_CODE, 0)));
  const std::string elements = attribute(NFTA_SET_ELEM_LIST_ELEMENTS, attribute(NFTA_LIST_ELEM, key + verdict));
  std::vector<Bytes> seeds;
  for (const std::string& seed : {rule, elements}) {
    const auto bytes = std::as_bytes(std::span(seed));
    seeds.emplace_back(bytes.begin(), bytes.end());
  }
  return seeds;
}

}  // namespace synfate::fuzz
