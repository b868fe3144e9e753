// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/nft_replica.hpp"

#include <endian.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "inventory/attributes.hpp"
#include "inventory/nft_batch.hpp"
#include "inventory/nft_facts.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxSetBytes = 1U << 20U;
/// Of all anonymous sets of the rule. A larger one is printed no faster here than where it is.
constexpr std::size_t kMaxElementsBytes = 4U << 20U;
/// Of a chain whose rules are counted only to tell whether this one moved since the kernel counted it: some 6,000, which takes 30 ms.
constexpr std::size_t kMaxPlaceBytes = 2U << 20U;
constexpr std::size_t kMaxNameBytes = 256;
/// nft's own number for the type of an interface's index, and the bits that each part of a concatenation has.
constexpr std::uint32_t kTypeIfindex = 20;
constexpr unsigned kTypeBits = 6;
/// nft prints the rules of such a chain in place of its name; the kernel names it so.
constexpr std::string_view kAnonymousChain = "__chain";

/// Printed from what they themselves, and the sets that they name, say.
constexpr std::array<std::string_view, 26> kSelfContained{"payload", "cmp",   "bitwise", "byteorder", "range", "lookup", "immediate",
                                                          "counter", "limit", "quota",   "connlimit", "last",  "reject", "ct",
                                                          "numgen",  "hash",  "exthdr",  "rt",        "log",   "nat",    "masq",
                                                          "redir",   "queue", "dynset",  "meta",      "socket"};

constexpr std::array<std::uint16_t, 9> kSetAttributes{NFTA_SET_FLAGS,     NFTA_SET_KEY_TYPE,    NFTA_SET_KEY_LEN,
                                                      NFTA_SET_DATA_TYPE, NFTA_SET_DATA_LEN,    NFTA_SET_POLICY,
                                                      NFTA_SET_TIMEOUT,   NFTA_SET_GC_INTERVAL, NFTA_SET_USERDATA};
constexpr std::array<std::uint16_t, 2> kSetExpressions{NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS};
constexpr std::array<std::uint16_t, 7> kElementAttributes{NFTA_SET_ELEM_KEY,        NFTA_SET_ELEM_KEY_END,  NFTA_SET_ELEM_DATA,
                                                          NFTA_SET_ELEM_FLAGS,      NFTA_SET_ELEM_USERDATA, NFTA_SET_ELEM_EXPR,
                                                          NFTA_SET_ELEM_EXPRESSIONS};

template <std::size_t Size>
bool among(const std::array<std::uint16_t, Size>& types, std::uint16_t type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

Error not_possible(const std::string& why) { return {ErrorKind::Unsupported, "cannot copy the rule", why, ""}; }

std::uint32_t big32(const Attributes& attributes, std::uint16_t type) { return be32toh(attributes.u32(type).value_or(0)); }

std::uint64_t big64(const Attributes& attributes, std::uint16_t type) {
  std::uint64_t value = 0;
  const std::string_view raw = attributes.bytes(type);
  if (raw.size() == sizeof value) std::memcpy(&value, raw.data(), sizeof value);
  return be64toh(value);
}

bool has_ifindex(std::uint32_t type) {
  for (; type != 0; type >>= kTypeBits) {
    if ((type & ((1U << kTypeBits) - 1)) == kTypeIfindex) return true;
  }
  return false;
}

/// The name of an interface that is told by its index can only be looked up where the interface is.
bool self_contained(const NftExpression& expression) {
  if (std::find(kSelfContained.begin(), kSelfContained.end(), expression.name) == kSelfContained.end()) return false;
  if (expression.name != "meta") return true;
  const std::uint32_t key = big32(Attributes{std::string_view{expression.data}}, NFTA_META_KEY);
  return key != NFT_META_IIF && key != NFT_META_OIF && key != NFT_META_SDIF;
}

/// The kernel tells two attributes that it takes only from elsewhere, where they say nothing: no timeout of an element, no flags of an
/// option.
std::string as_taken(const NftExpression& expression) {
  const Attributes attributes{std::string_view{expression.data}};
  std::uint16_t left_out = 0;
  if (expression.name == "dynset" && big64(attributes, NFTA_DYNSET_TIMEOUT) == 0) left_out = NFTA_DYNSET_TIMEOUT;
  if (expression.name == "exthdr" && attributes.has(NFTA_EXTHDR_SREG) && big32(attributes, NFTA_EXTHDR_FLAGS) == 0)
    left_out = NFTA_EXTHDR_FLAGS;
  if (left_out == 0) return expression.data;
  std::string kept;
  for_each_attribute(expression.data, [&](std::uint16_t type, std::string_view value) {
    if (type != left_out) append_attribute(kept, type, value);
  });
  return kept;
}

/// Collects a rule's surroundings and writes them into a batch, in the order in which they depend on each other.
class Copier {
 public:
  Copier(machine::NetnsVisit& visit, const NftTable& table) : visit_(visit), table_(table) {}

  /// Empty, or why the rule cannot be copied.
  std::string look_at(const NftRule& rule) {
    std::set<std::string> names;
    for (const NftExpression& expression : rule.expressions) {
      if (!self_contained(expression)) return "nothing is known about its expression " + expression.name;
      if (const auto verdict = immediate_verdict(expression)) lead_to(*verdict);
      const Attributes attributes{std::string_view{expression.data}};
      if (expression.name == "lookup") names.insert(attributes.text(NFTA_LOOKUP_SET, kMaxNameBytes));
      if (expression.name == "dynset") names.insert(attributes.text(NFTA_DYNSET_SET_NAME, kMaxNameBytes));
    }
    for (const std::string& name : names) {
      if (auto why = look_at_set(name); !why.empty()) return why;
    }
    if (chains_.count(rule.chain) != 0) return "it leads to its own chain";
    if (std::any_of(chains_.begin(), chains_.end(), [](const std::string& name) { return name.rfind(kAnonymousChain, 0) == 0; }))
      return "it leads to an anonymous chain";
    return {};
  }

  std::string write(const NftRule& rule) {
    NftBatch batch{table_};
    batch.chain(rule.chain);
    for (const std::string& chain : chains_) batch.chain(chain);
    for (const Set& set : sets_) batch.set(set.name, set.attributes);
    for (const Set& set : sets_) {
      for (const Element& element : set.elements) batch.element(set.name, element.attributes);
    }
    NftRule taken = rule;
    for (NftExpression& expression : taken.expressions) expression.data = as_taken(expression);
    return batch.rule(taken);
  }

 private:
  struct Element {
    std::string key;
    bool end = false;  ///< of an interval, which does not hold it any more
    std::string attributes;
  };
  struct Set {
    std::string name;
    std::string attributes;
    bool anonymous = false;
    bool ordered = false;  ///< an interval's begin and end are elements of their own
    std::vector<Element> elements;
  };

  void lead_to(const NftVerdict& verdict) {
    if (!verdict.chain.empty()) chains_.insert(verdict.chain);
  }

  std::string look_at_set(const std::string& name) {
    std::optional<Set> set;
    bool by_index = false;
    bool sized = false;
    const auto asked = visit_.netlink_each(nft_set_request(table_, name), kMaxSetBytes, [&](std::string_view message) {
      const auto payload = nft_payload(message, NFT_MSG_NEWSET);
      if (!payload) return;
      const Attributes fields{*payload};
      const std::uint32_t flags = big32(fields, NFTA_SET_FLAGS);
      const std::uint32_t data = big32(fields, NFTA_SET_DATA_TYPE);
      by_index = has_ifindex(big32(fields, NFTA_SET_KEY_TYPE)) || (data != NFT_DATA_VERDICT && has_ifindex(data));
      set.emplace();
      set->name = fields.text(NFTA_SET_NAME, kMaxNameBytes);
      set->anonymous = (flags & NFT_SET_ANONYMOUS) != 0;
      sized = fields.nested(NFTA_SET_DESC).has(NFTA_SET_DESC_SIZE);
      set->ordered = (flags & NFT_SET_INTERVAL) != 0 && (flags & NFT_SET_CONCAT) == 0;
      for_each_attribute(*payload, [&](std::uint16_t type, std::string_view value) {
        if (among(kSetAttributes, type) || among(kSetExpressions, type)) append_attribute(set->attributes, type, value);
      });
      std::string description;
      const Attributes old = fields.nested(NFTA_SET_DESC);
      // With its size a set is made as it was: one that grows as elements come may be told with some of them twice and some not at all
      // while the kernel makes it larger. Without, where no elements come, or it would make room for all of them.
      if (set->anonymous && old.has(NFTA_SET_DESC_SIZE)) append_attribute(description, NFTA_SET_DESC_SIZE, old.bytes(NFTA_SET_DESC_SIZE));
      if (old.has(NFTA_SET_DESC_CONCAT)) append_attribute(description, NFTA_SET_DESC_CONCAT, old.bytes(NFTA_SET_DESC_CONCAT));
      if (!description.empty()) append_attribute(set->attributes, NFTA_SET_DESC, description);
    });
    if (!asked) return to_string(asked.error());
    if (!set || set->name != name) return "its set " + name + " is not there";
    if (by_index) return "its set " + name + " has indexes of interfaces";
    // While the kernel makes a set larger it may tell some elements twice and some not at all: it is still being filled.
    if (set->anonymous && !sized) return "its set " + name + " grows as elements come";
    // Of any other set its name is all that is printed.
    if (set->anonymous) {
      if (auto why = look_at_elements(*set); !why.empty()) return why;
    }
    sets_.push_back(*std::move(set));
    return {};
  }

  std::string look_at_elements(Set& set) {
    bool understood = true;
    std::size_t left = kMaxElementsBytes - std::min(elements_bytes_, kMaxElementsBytes);
    const auto whole = visit_.netlink_each(nft_elements_request(table_, set.name), left, [&](std::string_view message) {
      elements_bytes_ += message.size();
      decode_nft_elements(message, [&](const NftElement& element) {
        Element kept{element.key, (element.flags & NFT_SET_ELEM_INTERVAL_END) != 0, {}};
        for_each_attribute(element.attributes, [&](std::uint16_t type, std::string_view value) {
          understood = understood && (among(kElementAttributes, type) || type == NFTA_SET_ELEM_PAD);
          if (among(kElementAttributes, type)) append_attribute(kept.attributes, type, value);
        });
        if (element.verdict) lead_to(*element.verdict);
        set.elements.push_back(std::move(kept));
      });
    });
    if (!whole) return to_string(whole.error());
    if (!*whole) return "its set " + set.name + " changed meanwhile";
    if (!understood) return "an element of its set " + set.name + " has an unknown part";
    // The kernel takes intervals in the order of their ends only, and tells them in another one. Where one ends the next may begin.
    if (set.ordered) {
      std::stable_sort(set.elements.begin(), set.elements.end(), [](const Element& one, const Element& other) {
        return one.key != other.key ? one.key < other.key : one.end && !other.end;
      });
    }
    return {};
  }

  machine::NetnsVisit& visit_;
  NftTable table_;
  std::set<std::string> chains_;  ///< besides the rule's own
  std::vector<Set> sets_;
  std::size_t elements_bytes_ = 0;
};

}  // namespace

Result<NftReplica> read_nft_replica(machine::NetnsVisit& visit, const model::RuleKey& key, const NftRule& rule) {
  const NftTable table{key.family, key.table};
  Copier copier{visit, table};
  if (const std::string why = copier.look_at(rule); !why.empty()) return not_possible(why);
  NftReplica replica{key.number, {}};
  const auto position = read_nft_position(visit, table, key.chain, key.handle, key.number == 0 ? kMaxRulesBytes : kMaxPlaceBytes);
  if (position && position->number != 0) replica.number = static_cast<std::uint32_t>(position->number);
  if (replica.number == 0) return not_possible("its place in its chain could not be read");
  replica.batch = copier.write(rule);
  return replica;
}

bool is_like(const NftRule& copy, const NftRule& rule) {
  const auto like = [](const NftExpression& one, const NftExpression& other) {
    // How long ago something matched goes on meanwhile.
    return one.name == other.name && (one.data == other.data || one.name == "last");
  };
  return copy.user_data == rule.user_data &&
         std::equal(copy.expressions.begin(), copy.expressions.end(), rule.expressions.begin(), rule.expressions.end(), like);
}

}  // namespace synfate::inventory
