// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/nft_replica.hpp"

#include <doctest/doctest.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <map>
#include <vector>

#include "inventory/attributes.hpp"
#include "inventory/nft_facts.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr std::uint16_t nft(int type) { return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type); }
constexpr std::uint32_t kIfindexType = 20;

struct Attribute {
  std::uint16_t type;
  std::string payload;
};

std::string list(const std::vector<Attribute>& attributes) {
  std::string bytes;
  for (const Attribute& each : attributes) append_attribute(bytes, each.type, each.payload);
  return bytes;
}
std::string text(const std::string& value) { return {value.c_str(), value.size() + 1}; }
std::string big32(std::uint32_t value) { return body_of(htobe32(value)); }
std::string big64(std::uint64_t value) { return body_of(htobe64(value)); }

std::string message(int type, const std::string& attributes) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof(nfgenmsg) + attributes.size());
  header.nlmsg_type = nft(type);
  return body_of(header) + body_of(nfgenmsg{}) + attributes;
}

Attribute expression(const std::string& name, const std::vector<Attribute>& data) {
  return {NFTA_LIST_ELEM, list({{NFTA_EXPR_NAME, text(name)}, {NFTA_EXPR_DATA, list(data)}})};
}

/// A table t with a rule 7 in its chain c, in words of netlink.
class Visit final : public machine::NetnsVisit {
 public:
  std::vector<Attribute> expressions{expression("cmp", {})};
  std::map<std::string, std::string> sets;      ///< messages by name
  std::map<std::string, std::string> elements;  ///< messages by name of the set
  std::size_t rules_before = 0;

  Result<std::string> read_file(const std::string&, const machine::ReadOptions&) override { return refuse(); }
  Result<machine::NetlinkReply> netlink_dump(const machine::NetlinkRequest&, std::size_t) override { return refuse(); }
  Result<std::optional<std::uint32_t>> nsid_of(const machine::NetnsHandle&) override { return refuse(); }
  Result<std::vector<std::uint32_t>> bpf_programs_of_device(std::uint32_t, std::uint32_t) override { return refuse(); }
  Result<std::uint64_t> cookie() override { return refuse(); }
  Result<machine::XtTableBytes> xt_table(int, const std::string&, std::size_t) override { return refuse(); }

  Result<bool> netlink_each(const machine::NetlinkRequest& request, std::size_t max_bytes,
                            const std::function<void(std::string_view)>& take) override {
    const Attributes asked{std::string_view{request.body}.substr(sizeof(nfgenmsg))};
    const auto give = [&](const std::string& answer) -> Result<bool> {
      if (answer.empty()) return Error{ErrorKind::Gone, "netlink", "not there", ""};
      if (answer.size() > max_bytes) return Error{ErrorKind::BadData, "netlink", "too long", ""};
      take(answer);
      return true;
    };
    switch (request.type & 0xff) {
      case NFT_MSG_GETTABLE: return give(message(NFT_MSG_NEWTABLE, list({{NFTA_TABLE_HANDLE, big64(1)}})));
      case NFT_MSG_GETCHAIN: return give(message(NFT_MSG_NEWCHAIN, list({{NFTA_CHAIN_NAME, text("c")}, {NFTA_CHAIN_HANDLE, big64(2)}})));
      case NFT_MSG_GETRULE:
        if (!request.single) {
          if (rules_before * 100 > max_bytes) return Error{ErrorKind::BadData, "netlink", "too long", ""};
          for (std::size_t i = 0; i < rules_before; ++i) take(message(NFT_MSG_NEWRULE, list({{NFTA_RULE_HANDLE, big64(100 + i)}})));
        }
        return give(rule());
      case NFT_MSG_GETSET: return give(sets[asked.text(NFTA_SET_NAME, 256)]);
      case NFT_MSG_GETSETELEM: return give(elements[asked.text(NFTA_SET_ELEM_LIST_SET, 256)]);
      default: return refuse();
    }
  }

  void add_set(const std::string& name, std::uint32_t flags, const std::vector<Attribute>& more = {}) {
    std::vector<Attribute> all{{NFTA_SET_NAME, text(name)}, {NFTA_SET_FLAGS, big32(flags)}, {NFTA_SET_HANDLE, big64(9)}};
    all.insert(all.end(), more.begin(), more.end());
    // nft says how many elements its anonymous sets have.
    const bool said = std::any_of(more.begin(), more.end(), [](const Attribute& each) { return each.type == NFTA_SET_DESC; });
    if ((flags & NFT_SET_ANONYMOUS) != 0 && !said) all.push_back({NFTA_SET_DESC, list({{NFTA_SET_DESC_SIZE, big32(4)}})});
    sets[name] = message(NFT_MSG_NEWSET, list(all));
    expressions.push_back(expression("lookup", {{NFTA_LOOKUP_SET, text(name)}, {NFTA_LOOKUP_SREG, big32(1)}}));
  }
  void add_elements(const std::string& set, const std::vector<std::vector<Attribute>>& all) {
    std::string each;
    for (const auto& element : all) append_attribute(each, NFTA_LIST_ELEM, list(element));
    elements[set] = message(NFT_MSG_NEWSETELEM, list({{NFTA_SET_ELEM_LIST_ELEMENTS, each}}));
  }

 private:
  static Error refuse() { return {ErrorKind::Unsupported, "visit", "not in this test", ""}; }
  std::string rule() const {
    return message(NFT_MSG_NEWRULE, list({{NFTA_RULE_CHAIN, text("c")},
                                          {NFTA_RULE_HANDLE, big64(7)},
                                          {NFTA_RULE_EXPRESSIONS, list(expressions)},
                                          {NFTA_RULE_USERDATA, std::string{"\0\3no\0", 5}}}));
  }
};

Result<NftReplica> copy(Visit& visit, std::uint32_t number = 3) {
  model::RuleKey key;
  key.kind = model::RuleKey::Kind::NftRule;
  key.family = NFPROTO_INET;
  key.table = "t";
  key.chain = "c";
  key.handle = 7;
  key.number = number;
  const NftFacts facts = read_nft_facts(visit, key, false);
  REQUIRE(facts.rule);
  return read_nft_replica(visit, key, *facts.rule);
}

struct Sent {
  int type;
  Attributes attributes;
};

/// The messages of a batch: each with its type, those of nf_tables without their subsystem.
std::vector<Sent> messages(const std::string& batch) {
  std::vector<Sent> all;
  CHECK(for_each_message(batch, [&](const nlmsghdr* message) {
    all.push_back({message->nlmsg_type >> 8 == 0 ? -1 : message->nlmsg_type & 0xff, Attributes{message, sizeof(nfgenmsg)}});
  }));
  return all;
}

std::vector<int> types(const std::string& batch) {
  std::vector<int> all;
  for (const Sent& sent : messages(batch)) all.push_back(sent.type);
  return all;
}

Attribute key(const std::string& value) { return {NFTA_SET_ELEM_KEY, list({{NFTA_DATA_VALUE, value}})}; }
Attribute leads_to(const std::string& chain) {
  return {NFTA_SET_ELEM_DATA, list({{NFTA_DATA_VERDICT, list({{NFTA_VERDICT_CODE, big32(static_cast<std::uint32_t>(NFT_JUMP))},
                                                              {NFTA_VERDICT_CHAIN, text(chain)}})}})};
}

}  // namespace

TEST_CASE("a rule is copied with its expressions and user data as they are, into a chain that is at no hook") {
  Visit visit;
  const auto made = copy(visit);
  REQUIRE(made);
  CHECK(made->number == 1);
  CHECK(types(made->batch) == std::vector<int>{-1, NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, -1});
  const auto sent = messages(made->batch);
  CHECK_FALSE(sent[2].attributes.has(NFTA_CHAIN_HOOK));
  CHECK(sent[2].attributes.text(NFTA_CHAIN_NAME, 99) == "c");
  CHECK(sent[3].attributes.bytes(NFTA_RULE_USERDATA) == std::string_view{"\0\3no\0", 5});
  CHECK_FALSE(sent[3].attributes.has(NFTA_RULE_HANDLE));
  visit.rules_before = 4;
  CHECK(copy(visit, 0)->number == 5);
  CHECK(copy(visit, 3)->number == 5);
  // Counting very many takes time: the kernel's own count serves, where there is one.
  visit.rules_before = 30'000;
  CHECK(copy(visit, 3)->number == 3);
  CHECK(copy(visit, 0)->number == 30'001);
}

TEST_CASE("an anonymous set that grows as elements come is not copied") {
  Visit visit;
  visit.add_set("__set3", NFT_SET_ANONYMOUS | NFT_SET_CONSTANT, {{NFTA_SET_DESC, list({})}});
  CHECK(copy(visit).error().why.find("grows") != std::string::npos);
}

TEST_CASE("an anonymous set comes with its elements in order, and with the chains that they lead to") {
  Visit visit;
  visit.add_set("__map3", NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL | NFT_SET_MAP, {{NFTA_SET_KEY_TYPE, big32(13)}});
  const Attribute end{NFTA_SET_ELEM_FLAGS, big32(NFT_SET_ELEM_INTERVAL_END)};
  visit.add_elements("__map3", {{key("\5\5"), end}, {key("\3\3"), leads_to("b")}, {key("\3\3"), end}, {key("\1\1"), leads_to("a")}});
  const auto made = copy(visit);
  REQUIRE(made);
  CHECK(types(made->batch) == std::vector<int>{-1, NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWCHAIN, NFT_MSG_NEWCHAIN, NFT_MSG_NEWSET,
                                               NFT_MSG_NEWSETELEM, NFT_MSG_NEWRULE, -1});
  const auto sent = messages(made->batch);
  CHECK(sent[5].attributes.text(NFTA_SET_NAME, 99) == "__map3");
  CHECK_FALSE(sent[5].attributes.has(NFTA_SET_HANDLE));
  CHECK(sent[5].attributes.has(NFTA_SET_ID));
  std::string keys;
  for_each_attribute(sent[6].attributes.bytes(NFTA_SET_ELEM_LIST_ELEMENTS), [&](std::uint16_t, std::string_view element) {
    const Attributes fields{element};
    keys += fields.nested(NFTA_SET_ELEM_KEY).bytes(NFTA_DATA_VALUE).front();
    keys += fields.has(NFTA_SET_ELEM_FLAGS) ? ")" : "[";
  });
  CHECK(keys == "\1[\3)\3[\5)");
}

TEST_CASE("of a named set only its declaration is copied") {
  Visit visit;
  visit.add_set("nets", NFT_SET_INTERVAL,
                {{NFTA_SET_DESC, list({{NFTA_SET_DESC_SIZE, big32(1U << 20U)}, {NFTA_SET_DESC_CONCAT, "1234"}})}, {77, "new"}});
  visit.add_elements("nets", {{key("\1\1")}});
  const auto made = copy(visit);
  REQUIRE(made);
  CHECK(types(made->batch) == std::vector<int>{-1, NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWSET, NFT_MSG_NEWRULE, -1});
  const Attributes set = messages(made->batch)[3].attributes;
  CHECK_FALSE(set.nested(NFTA_SET_DESC).has(NFTA_SET_DESC_SIZE));
  CHECK(set.nested(NFTA_SET_DESC).bytes(NFTA_SET_DESC_CONCAT) == "1234");
  CHECK_FALSE(set.has(77));
}

TEST_CASE("elements of many messages stay whole") {
  Visit visit;
  visit.add_set("__set0", NFT_SET_ANONYMOUS);
  std::vector<std::vector<Attribute>> all;
  for (std::uint32_t i = 0; i < 2'000; ++i) all.push_back({key(big32(i))});
  visit.add_elements("__set0", all);
  const auto made = copy(visit);
  REQUIRE(made);
  std::size_t count = 0;
  for (const Sent& sent : messages(made->batch)) {
    if (sent.type != NFT_MSG_NEWSETELEM) continue;
    for_each_attribute(sent.attributes.bytes(NFTA_SET_ELEM_LIST_ELEMENTS), [&](std::uint16_t, std::string_view) { ++count; });
  }
  CHECK(count == 2'000);
}

TEST_CASE("a rule whose text could come out differently is not copied") {
  Visit visit;
  SUBCASE("an expression that nobody knows") { visit.expressions.push_back(expression("surprise", {})); }
  SUBCASE("an extension of xtables") { visit.expressions.push_back(expression("match", {})); }
  SUBCASE("a route's device") { visit.expressions.push_back(expression("fib", {})); }
  SUBCASE("an object") { visit.expressions.push_back(expression("objref", {})); }
  SUBCASE("a device by its index") { visit.expressions.push_back(expression("meta", {{NFTA_META_KEY, big32(NFT_META_IIF)}})); }
  SUBCASE("a set of devices by their indexes") { visit.add_set("s", 0, {{NFTA_SET_KEY_TYPE, big32(kIfindexType)}}); }
  SUBCASE("one in a concatenation") { visit.add_set("s", 0, {{NFTA_SET_KEY_TYPE, big32(13U << 12U | kIfindexType << 6U | 7)}}); }
  SUBCASE("a map to devices") {
    visit.add_set("s", NFT_SET_MAP, {{NFTA_SET_KEY_TYPE, big32(13)}, {NFTA_SET_DATA_TYPE, big32(kIfindexType)}});
  }
  SUBCASE("a set that is gone") {
    visit.add_set("s", 0);
    visit.sets.clear();
  }
  SUBCASE("an element with an unknown part") {
    visit.add_set("__set0", NFT_SET_ANONYMOUS);
    visit.add_elements("__set0", {{key("\1"), {60, "new"}}});
  }
  SUBCASE("an element with an object") {
    visit.add_set("__map0", NFT_SET_ANONYMOUS);
    visit.add_elements("__map0", {{key("\1"), {NFTA_SET_ELEM_OBJREF, text("o")}}});
  }
  SUBCASE("an anonymous chain") {
    visit.add_set("__map0", NFT_SET_ANONYMOUS);
    visit.add_elements("__map0", {{key("\1"), leads_to("__chain4")}});
  }
  SUBCASE("too many elements") {
    visit.add_set("__set0", NFT_SET_ANONYMOUS);
    visit.elements["__set0"] = std::string(5U << 20U, '\0');
  }
  CHECK_FALSE(copy(visit));
}

TEST_CASE("near to what is not copied: a device by its name, a map to a verdict") {
  Visit visit;
  visit.expressions.push_back(expression("meta", {{NFTA_META_KEY, big32(NFT_META_IIFNAME)}}));
  visit.add_set("m", NFT_SET_MAP, {{NFTA_SET_KEY_TYPE, big32(41)}, {NFTA_SET_DATA_TYPE, big32(NFT_DATA_VERDICT)}});
  CHECK(copy(visit));
}
