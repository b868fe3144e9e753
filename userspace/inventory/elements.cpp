// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/elements.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <map>
#include <set>

namespace synfate::inventory {
namespace {

/// Beyond this a table is not searched: a ruleset of that size costs more time than the answer is worth.
constexpr std::size_t kMaxDumpBytes = 128U << 20U;
constexpr std::size_t kMaxChainBytes = 1U << 20U;
/// Since Linux 5.6; not in every distribution's header.
constexpr std::uint32_t kSetElementCatchAll = 0x2;

bool by_number(KeyKind kind) {
  return kind == KeyKind::Ipv4 || kind == KeyKind::Ipv6 || kind == KeyKind::Port || kind == KeyKind::Protocol;
}

/// One more or less, in network order.
std::string before(std::string bytes) {
  for (std::size_t i = bytes.size(); i-- > 0;) {
    const auto value = static_cast<unsigned char>(bytes[i]);
    bytes[i] = static_cast<char>(value - 1);
    if (value != 0) break;
  }
  return bytes;
}

/// The length of the prefix that is exactly from..to; none if there is no such prefix.
std::optional<std::size_t> prefix_length(std::string_view from, std::string_view to) {
  std::size_t length = 0;
  bool inside = true;
  for (std::size_t bit = 0; bit < from.size() * 8; ++bit) {
    const auto shift = 7 - bit % 8;
    const bool low = (static_cast<unsigned char>(from[bit / 8]) >> shift & 1) != 0;
    const bool high = (static_cast<unsigned char>(to[bit / 8]) >> shift & 1) != 0;
    if (inside && low == high) {
      ++length;
      continue;
    }
    inside = false;
    if (low || !high) return std::nullopt;
  }
  return length;
}

std::string part_text(KeyKind kind, std::string_view from, std::string_view to) {
  if (to.empty() || from == to) return key_part_text(kind, from);
  const bool address = kind == KeyKind::Ipv4 || kind == KeyKind::Ipv6;
  if (const auto length = address ? prefix_length(from, to) : std::nullopt)
    return key_part_text(kind, from) + "/" + std::to_string(*length);
  return key_part_text(kind, from) + "-" + key_part_text(kind, to);
}

std::string verdict_text(const NftVerdict& verdict) {
  switch (verdict.code) {
    case NF_DROP: return "drop";
    case NF_ACCEPT: return "accept";
    case NFT_JUMP: return "jump " + verdict.chain;
    case NFT_GOTO: return "goto " + verdict.chain;
    case NFT_RETURN: return "return";
    case NFT_CONTINUE: return "continue";
    default: return "verdict " + std::to_string(verdict.code);
  }
}

bool leads_to(const std::optional<NftVerdict>& verdict, const std::string& chain) {
  return verdict && (verdict->code == NFT_JUMP || verdict->code == NFT_GOTO) && verdict->chain == chain;
}

/// False: not all of it was seen.
bool each_element(machine::NetnsVisit& visit, const NftTable& table, const std::string& set,
                  const std::function<void(const NftElement&)>& take) {
  const auto whole = visit.netlink_each(nft_elements_request(table, set), kMaxDumpBytes,
                                        [&](std::string_view message) { decode_nft_elements(message, take); });
  return whole && *whole;
}

/// Elements come and go with packets and with time, and no generation tells: what is there now says nothing of the drop.
bool is_changed_by_packets(const NftSet& set) { return (set.flags & (NFT_SET_TIMEOUT | NFT_SET_EVAL)) != 0; }

std::optional<std::uint32_t> uses_of(machine::NetnsVisit& visit, const NftTable& table, const std::string& chain) {
  std::optional<std::uint32_t> uses;
  const auto asked = visit.netlink_each(nft_chain_request(table, chain), kMaxChainBytes, [&](std::string_view message) {
    if (const auto found = decode_nft_chain(message)) uses = found->uses;
  });
  return asked ? uses : std::nullopt;
}

}  // namespace

ElementSearch::ElementSearch(const NftSet& set, const NftLookup& lookup) : key_(lookup.key.substr(0, set.key_bytes)) {
  if (!lookup.known || set.key_bytes == 0 || key_.size() != set.key_bytes) return;
  for (const KeyPart& part : lookup.parts) {
    if (part.offset < set.key_bytes) parts_.push_back(part);
  }
  if (parts_.back().offset + parts_.back().size > set.key_bytes) return;
  const bool intervals = (set.flags & NFT_SET_INTERVAL) != 0;
  ordered_ = intervals && parts_.size() == 1;
  possible_ = !intervals || std::all_of(parts_.begin(), parts_.end(), [](const KeyPart& part) { return by_number(part.kind); });
}

bool ElementSearch::in_range(const NftElement& element) const {
  if (element.key_end.empty()) return element.key == key_;
  if (element.key.size() != key_.size() || element.key_end.size() != key_.size()) return false;
  return std::all_of(parts_.begin(), parts_.end(), [&](const KeyPart& part) {
    const std::string_view mine = std::string_view{key_}.substr(part.offset, part.size);
    return std::string_view{element.key}.substr(part.offset, part.size) <= mine &&
           mine <= std::string_view{element.key_end}.substr(part.offset, part.size);
  });
}

void ElementSearch::look_at(const NftElement& element) {
  if (!possible_) return;
  if ((element.flags & kSetElementCatchAll) != 0) {
    catch_all_ = element;
  } else if (!ordered_) {
    if (!in_range(element)) return;
    ++matches_;
    best_ = element;
  } else if (element.key.size() == key_.size()) {
    // std::string compares its bytes as unsigned, which is the order of numbers in network order.
    if (element.key > key_) {
      if (next_key_.empty() || element.key < next_key_) next_key_ = element.key;
      return;
    }
    // Where one range ends another may begin.
    const bool end = (element.flags & NFT_SET_ELEM_INTERVAL_END) != 0;
    if (!best_ || element.key > best_->key || (element.key == best_->key && !end)) best_ = element;
  }
}

std::string ElementSearch::text_of(std::string_view from, std::string_view to) const {
  std::string text;
  for (const KeyPart& part : parts_) {
    if (!text.empty()) text += " . ";
    text += part_text(part.kind, from.substr(part.offset, part.size), to.empty() ? to : to.substr(part.offset, part.size));
  }
  return text;
}

std::optional<FoundElement> ElementSearch::found() const {
  const NftElement* element = nullptr;
  std::string text;
  if (ordered_) {
    if (best_ && (best_->flags & NFT_SET_ELEM_INTERVAL_END) == 0) {
      element = &*best_;
      const std::string last = next_key_.empty() ? std::string(key_.size(), '\xff') : before(next_key_);
      text = text_of(element->key, last);
    }
  } else if (matches_ == 1) {
    element = &*best_;
    text = text_of(element->key, element->key_end);
  } else if (matches_ > 1) {
    return std::nullopt;
  }
  if (element == nullptr && catch_all_) {
    element = &*catch_all_;
    text = "*";
  }
  if (!possible_ || element == nullptr) return std::nullopt;
  if (!element->comment.empty()) text += " comment \"" + element->comment + '"';
  if (element->verdict) text += " : " + verdict_text(*element->verdict);
  return FoundElement{std::move(text), element->verdict};
}

std::optional<FoundElement> find_element(machine::NetnsVisit& visit, const NftTable& table, const NftLookup& lookup) {
  if (!lookup.known) return std::nullopt;
  std::optional<NftSet> set;
  const auto asked = visit.netlink_each(nft_set_request(table, lookup.set), kMaxDumpBytes, [&](std::string_view message) {
    if (auto decoded = decode_nft_set(message)) set = std::move(decoded);
  });
  if (!asked || !set || is_changed_by_packets(*set)) return std::nullopt;
  ElementSearch search{*set, lookup};
  if (!search.possible()) return std::nullopt;
  if (!each_element(visit, table, lookup.set, [&](const NftElement& element) { search.look_at(element); })) return std::nullopt;
  return search.found();
}

std::optional<FoundElement> find_way_in(machine::NetnsVisit& visit, const NftTable& table, const std::string& chain,
                                        const NftPacket& packet) {
  std::set<std::string> maps;
  bool changing = false;
  const auto sets = visit.netlink_each(nft_sets_request(table), kMaxDumpBytes, [&](std::string_view message) {
    auto set = decode_nft_set(message);
    if (!set || !set->verdict_map) return;
    changing = changing || is_changed_by_packets(*set);
    maps.insert(std::move(set->name));
  });
  if (!sets || !*sets || maps.empty() || changing) return std::nullopt;

  bool direct = false;
  std::size_t own_rules = 0;
  std::multimap<std::string, NftLookup> lookups;
  const auto rules = visit.netlink_each(nft_rules_request(table, ""), kMaxDumpBytes, [&](std::string_view message) {
    const auto rule = decode_nft_rule(message);
    if (!rule || direct) return;
    own_rules += rule->chain == chain ? 1 : 0;
    for (const NftExpression& expression : rule->expressions) direct = direct || leads_to(immediate_verdict(expression), chain);
    if (!rule->has("lookup")) return;
    for (NftLookup& lookup : lookups_of(*rule, packet)) {
      if (maps.count(lookup.set) != 0) lookups.emplace(lookup.set, std::move(lookup));
    }
  });
  if (!rules || !*rules || direct) return std::nullopt;

  const auto uses = uses_of(visit, table, chain);
  std::size_t seen = own_rules;
  std::optional<FoundElement> only;
  const auto computable = [&](const std::string& map) {
    const auto [first, last] = lookups.equal_range(map);
    return std::all_of(first, last, [](const auto& each) { return each.second.known; });
  };
  // kube-proxy has a handful of maps and, for each of thousands of services, another one that is asked with a random number.
  std::vector<std::string> order(maps.begin(), maps.end());
  std::stable_partition(order.begin(), order.end(), computable);
  for (const std::string& map : order) {
    // The kernel's count is reached: what was not looked at does not lead to the chain, or else something does that cannot be computed.
    if (uses && seen == *uses) break;
    if (uses && !computable(map)) return std::nullopt;
    const std::size_t before_map = seen;
    if (!each_element(visit, table, map, [&](const NftElement& element) { seen += leads_to(element.verdict, chain) ? 1 : 0; })) {
      return std::nullopt;
    }
    if (seen == before_map) continue;
    for (auto [lookup, end] = lookups.equal_range(map); lookup != end; ++lookup) {
      if (!lookup->second.known) return std::nullopt;
      auto element = find_element(visit, table, lookup->second);
      if (!element || !leads_to(element->verdict, chain)) continue;
      if (only && only->text != element->text) return std::nullopt;
      only = std::move(element);
    }
  }
  return only;
}

}  // namespace synfate::inventory
