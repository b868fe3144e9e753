// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Target "nft_objects": one netlink message of nf_tables, read as each kind of object, its rule followed and its elements searched.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <array>
#include <cstring>
#include <string>

#include "../unit/inventory/nft_messages.hpp"
#include "inventory/elements.hpp"
#include "targets.hpp"

namespace synfate::fuzz {
namespace {

using namespace inventory;

constexpr std::array kKinds{NFT_MSG_NEWGEN, NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM};

NftPacket packet() { return {NFPROTO_INET, {{*model::parse_ip("10.0.0.1"), 1000}, {*model::parse_ip("10.0.0.2"), 80}}, "eth0", "eth1"}; }

void check_rule(const NftRule& rule) {
  require(rule.expressions.size() <= 128 && rule.comment.size() <= 256, "a rule is bounded");
  for (const NftLookup& lookup : lookups_of(rule, packet())) {
    require(lookup.known == !lookup.parts.empty(), "a known key has parts");
    require(lookup.key.size() <= 64 && lookup.key.size() % 4 == 0, "a key is no longer than the registers");
    for (const KeyPart& part : lookup.parts) require(part.offset + part.size <= lookup.key.size(), "a part is in its key");
  }
}

}  // namespace

void run_nft_objects(std::span<const std::byte> input) {
  const std::string_view bytes = text_of(input);
  NftLookup lookup;
  lookup.known = true;
  lookup.key = std::string("\x0a\x00\x00\x01\x00\x50\x00\x00", 8);
  lookup.parts = {{KeyKind::Ipv4, 0, 4}, {KeyKind::Port, 4, 2}};
  for (const int kind : kKinds) {
    const std::string message = test::nft_message(kind, bytes);
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
  const std::string payload = test::nft_number(NFTA_PAYLOAD_DREG, 1) + test::nft_number(NFTA_PAYLOAD_BASE, 1) +
                              test::nft_number(NFTA_PAYLOAD_OFFSET, 12) + test::nft_number(NFTA_PAYLOAD_LEN, 4);
  const std::string look = test::nft_attribute(NFTA_LOOKUP_SET, std::string("s") + '\0') + test::nft_number(NFTA_LOOKUP_SREG, 1) +
                           test::nft_number(NFTA_LOOKUP_DREG, 0);
  const std::string rule =
      test::nft_attribute(NFTA_RULE_HANDLE, std::string(8, '\1')) +
      test::nft_attribute(NFTA_RULE_EXPRESSIONS, test::nft_expression("payload", payload) + test::nft_expression("lookup", look)) +
      test::nft_attribute(NFTA_RULE_USERDATA, std::string("\0\3ab\0", 5));
  const std::string key = test::nft_attribute(NFTA_SET_ELEM_KEY, test::nft_attribute(NFTA_DATA_VALUE, std::string("\x0a\0\0\1", 4)));
  const std::string verdict =
      test::nft_attribute(NFTA_SET_ELEM_DATA, test::nft_attribute(NFTA_DATA_VERDICT, test::nft_number(NFTA_VERDICT_CODE, 0)));
  const std::string elements = test::nft_attribute(NFTA_SET_ELEM_LIST_ELEMENTS, test::nft_attribute(NFTA_LIST_ELEM, key + verdict));
  return {bytes_of(rule), bytes_of(elements)};
}

}  // namespace synfate::fuzz
