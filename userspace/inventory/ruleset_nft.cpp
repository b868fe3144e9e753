// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/ruleset_nft.hpp"

#include <linux/netfilter.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "inventory/attributes.hpp"
#include "inventory/elements.hpp"
#include "inventory/iptables_save.hpp"
#include "inventory/nft_facts.hpp"
#include "inventory/nft_listing.hpp"
#include "inventory/nft_replica.hpp"
#include "inventory/ruleset_xt.hpp"
#include "machine/nft_library.hpp"

namespace synfate::inventory {
namespace {

/// Engines rewrite their rules in bursts; longer than this is not a burst.
constexpr int kReadings = 4;
constexpr std::size_t kMaxListingBytes = 24U << 20U;
constexpr std::size_t kMaxCopyBytes = 1U << 20U;
constexpr std::uint16_t kTargetName = 1;  ///< NFTA_TARGET_NAME

using Visit = std::function<void(machine::NetnsVisit&)>;

struct Asked {
  machine::Machine& machine;
  const machine::NetnsHandle& netns;
  const std::vector<ToolBox>& boxes;
  const RuleQuestion& question;
  NftTable table;

  Status inside(const Visit& visit) const { return machine.inside(netns, visit); }
};

void add_gap(model::RuleText& text, const std::string& gap) {
  if (gap.empty()) return;
  text.gap += (text.gap.empty() ? "" : "; ") + gap;
}

/// What iptables prints as the target of this rule; empty: it cannot be told from its expressions.
std::string iptables_target_of(const NftRule& rule) {
  for (const NftExpression& expression : rule.expressions) {
    if (expression.name == "target") return Attributes{std::string_view{expression.data}}.text(kTargetName, 64);
    if (expression.name == "reject") return "REJECT";
    const auto verdict = immediate_verdict(expression);
    if (verdict && verdict->code == NF_DROP) return "DROP";
    if (verdict && verdict->code == NF_ACCEPT) return "ACCEPT";
    if (verdict && !verdict->chain.empty()) return verdict->chain;
  }
  return {};
}

/// Text and comment by position; empty, or why that cannot be had. Whoever asks sees to it that nothing moved between.
std::string pair_with_iptables(const Asked& asked, const NftRule& rule, model::RuleText& text) {
  const auto& key = asked.question.key;
  std::optional<NftPosition> position;
  const auto looked =
      asked.inside([&](machine::NetnsVisit& visit) { position = read_nft_position(visit, asked.table, key.chain, key.handle); });
  if (!looked || !position) return "its chain could not be read";
  if (position->number == 0) return "the rule was removed while it was read";
  const auto saved = read_saved_chain(asked.machine, asked.netns, asked.boxes, XtBackend::Nft, key.family == NFPROTO_IPV6, key.table,
                                      key.chain, position->number);
  if (!saved) return saved.error().why;
  if (saved->count != position->count) return saved->source + " prints another number of rules for the chain than the kernel has";
  const std::string target = iptables_target_of(rule);
  if (!saved->unknown_part && target != saved->target) return saved->source + " prints another target for the rule than the kernel has";
  text.text = saved->rule;
  text.comment = saved->comment;
  text.chain_rules = saved->chain;
  text.source = saved->source;
  if (saved->unknown_part) add_gap(text, "a part of the rule is not known to " + saved->source);
  text.number = static_cast<std::uint32_t>(position->number);
  return {};
}

/// The listing of its chain in that namespace: nft of the node container, else the library.
Result<ToolAnswer> list_chain(const Asked& asked, const machine::NetnsHandle& netns) {
  const auto& key = asked.question.key;
  const machine::NftChainName name{nft_family(key.family), key.table, key.chain};
  for (const std::string* part : {&name.table, &name.chain}) {
    // Names are whatever somebody gave them, also commands of nft's language.
    if (!machine::is_plain_nft_name(*part))
      return Error{ErrorKind::BadData, "cannot list the chain", "nft's language cannot say its name", ""};
  }
  std::vector<ToolBox> containers;
  for (const ToolBox& box : asked.boxes) {
    if (box.tgid != 0) containers.push_back(box);
  }
  if (!containers.empty()) {
    auto answer = ask_tools(asked.machine, netns, containers, {{"nft", "-a", "list", "chain", name.family, name.table, name.chain}});
    if (answer) return answer;
  }
  machine::RunOptions options;
  options.netns = &netns;
  options.max_output_bytes = kMaxListingBytes;
  auto listed = asked.machine.list_nft_chain(name, options);
  if (!listed) return listed.error();
  if (listed->exit_status != 0) return Error{ErrorKind::Io, "cannot list the chain", one_line(listed->err.substr(0, 200)), ""};
  return ToolAnswer{std::move(listed->out), "libnftables"};
}

/// The kernel there has a rule that is like this one in its chain, and no other.
bool holds_only(machine::Machine& machine, const machine::NetnsHandle& netns, const NftTable& table, const NftRule& rule) {
  std::size_t count = 0;
  bool like = false;
  const auto looked = machine.inside(netns, [&](machine::NetnsVisit& visit) {
    const auto whole = visit.netlink_each(nft_rules_request(table, rule.chain), kMaxCopyBytes, [&](std::string_view message) {
      const auto copy = decode_nft_rule(message);
      if (!copy) return;
      ++count;
      like = is_like(*copy, rule);
    });
    like = like && whole && *whole;
  });
  return looked && like && count == 1;
}

/// nft's own text, of a copy of the rule that stands alone; false: it cannot be copied, or does not come out as it must.
bool read_copy(const Asked& asked, const NftRule& rule, model::RuleText& text) {
  const auto& key = asked.question.key;
  std::optional<NftReplica> replica;
  const auto looked = asked.inside([&](machine::NetnsVisit& visit) {
    if (auto read = read_nft_replica(visit, key, rule)) replica = *std::move(read);
  });
  if (!looked || !replica) return false;
  const auto netns = asked.machine.make_netns_with(replica->batch);
  if (!netns || !holds_only(asked.machine, *netns, asked.table, rule)) return false;
  const auto answer = list_chain(asked, *netns);
  if (!answer) return false;
  const NftListing listing = parse_nft_listing(answer->out);
  const NftListedChain* chain = listing.chain(nft_family(key.family), key.table, key.chain);
  const bool alone = chain != nullptr && chain->rules.size() == 1 && chain->rules[0].handle && listing.complete && listing.odd_lines == 0;
  if (!alone || nft_comment(chain->rules[0].raw) != rule.comment) return false;
  text.text = nft_rule_text(chain->rules[0].raw);
  text.source = answer->source;
  text.number = replica->number;
  return true;
}

/// nft's own text, by handle.
void read_native(const Asked& asked, const NftRule& rule, model::RuleText& text) {
  const auto& key = asked.question.key;
  text.comment = one_line(rule.comment);
  // A listing of the whole chain costs what the ruleset is large.
  if (read_copy(asked, rule, text)) return;
  const auto answer = list_chain(asked, asked.netns);
  if (!answer) {
    return add_gap(text, "its text could not be read: " + answer.error().why);
  }
  const NftListing listing = parse_nft_listing(answer->out);
  const NftListedChain* chain = listing.chain(nft_family(key.family), key.table, key.chain);
  std::size_t found = 0;
  std::size_t times = 0;
  for (std::size_t i = 0; chain != nullptr && i < chain->rules.size(); ++i) {
    if (chain->rules[i].handle != key.handle) continue;
    found = i;
    ++times;
  }
  // A comment that imitates a listing could make a handle appear twice; the kernel gives each only once.
  const bool trustworthy = times == 1 && listing.complete && nft_comment(chain->rules[found].raw) == rule.comment;
  if (!trustworthy) {
    return add_gap(text, times == 0 ? "the rule was removed or replaced between the drop and this reading (handle " +
                                          std::to_string(key.handle) + " is gone)"
                                    : "its text could not be told apart in what " + answer->source + " prints");
  }
  text.text = nft_rule_text(chain->rules[found].raw);
  text.source = answer->source;
  text.number = static_cast<std::uint32_t>(found + 1);
}

NftPacket packet_of(const RuleQuestion& question) { return {question.key.family, question.flow, question.in_device, question.out_device}; }

/// Which elements let the packet meet this rule.
void read_elements(const Asked& asked, const NftRule& rule, bool base_chain, model::RuleText& text) {
  const NftPacket packet = packet_of(asked.question);
  const auto lookups = lookups_of(rule, packet);
  const auto looked = asked.inside([&](machine::NetnsVisit& visit) {
    std::string elements;
    bool all = true;
    for (const NftLookup& lookup : lookups) {
      // That an element is not in a set is no element's doing.
      if (lookup.inverted) continue;
      const auto element = find_element(visit, asked.table, lookup);
      const bool fits = element && (!lookup.gives_verdict || (element->verdict && element->verdict->code == NF_DROP));
      all = all && fits;
      if (fits) elements += (elements.empty() ? "" : ", ") + element->text;
    }
    if (all) text.element = one_line(elements);
    if (base_chain) return;
    if (const auto way = find_way_in(visit, asked.table, rule.chain, packet)) text.via = one_line(way->text);
  });
  if (!looked) add_gap(text, "sets and maps could not be read: " + looked.error().why);
}

/// What is there to say of a rule or a policy, now.
void read_now(const Asked& asked, model::RuleText& text) {
  const auto& key = asked.question.key;
  constexpr std::array<std::string_view, 5> kIptablesTables{"filter", "nat", "mangle", "raw", "security"};
  const bool may_be_iptables = std::find(kIptablesTables.begin(), kIptablesTables.end(), key.table) != kIptablesTables.end();
  NftFacts facts;
  bool same_netns = true;
  const auto looked = asked.inside([&](machine::NetnsVisit& visit) {
    const auto cookie = visit.cookie();
    same_netns = key.generation == 0 || !cookie || *cookie == key.generation;
    facts = read_nft_facts(visit, key, may_be_iptables);
  });
  if (!looked) return add_gap(text, to_string(looked.error()));
  // Numbers of namespaces are used again, and whoever makes them alike gives their rules the same handles.
  if (!same_netns) return add_gap(text, "its network namespace is gone, and another one has its number now");
  if (!facts.gone.empty()) return add_gap(text, facts.gone);
  const bool iptables = may_be_iptables && has_iptables_shape(key, facts.bases);

  if (text.policy) {
    if (facts.chain.policy != std::uint32_t{NF_DROP}) {
      return add_gap(text, "the chain's policy was changed between the drop and this reading: it does not drop now");
    }
    text.backend = iptables ? "iptables-nft" : "nft";
    text.text = iptables ? "-P " + one_line(key.chain) + " DROP" : "policy drop";
    text.source = "the kernel, over netlink";
    return;
  }
  const NftRule& rule = *facts.rule;
  // Every rule of iptables-nft counts; one that does not was put into iptables' table by nft.
  std::string unpaired;
  if (iptables && rule.has("counter")) {
    text.backend = "iptables-nft";
    unpaired = pair_with_iptables(asked, rule, text);
    if (unpaired.empty()) return;
  }
  read_native(asked, rule, text);
  if (!unpaired.empty() && !text.text.empty()) {
    add_gap(text, "this is nft's listing, which leaves out what only iptables knows, since " + unpaired);
  }
  read_elements(asked, rule, facts.chain.base, text);
}

}  // namespace

void read_nft_text(machine::Machine& machine, const machine::NetnsHandle& netns, const std::vector<ToolBox>& boxes,
                   const RuleQuestion& question, model::RuleText& text) {
  const auto& key = question.key;
  const Asked asked{machine, netns, boxes, question, {key.family, key.table}};
  text.policy = key.kind == model::RuleKey::Kind::NftPolicy;
  if (!text.policy && key.number != 0) text.number = key.number;
  text.backend = "nft";
  if (key.table.empty() || key.chain.empty()) return add_gap(text, "the names of its table and chain are not known");
  const model::RuleText empty = text;
  auto before = read_nft_generation(machine, netns);
  for (int reading = 1;; ++reading) {
    read_now(asked, text);
    const auto after = read_nft_generation(machine, netns);
    if (before && after && *before == *after) {
      text.ruleset = *after;
      return;
    }
    if (reading == kReadings) break;
    text = empty;
    before = after;
  }
  // What is read from several rulesets may be of a rule that came and went between.
  if (text.text.empty()) return;
  text = empty;
  add_gap(text, "the ruleset kept changing while the rule was read");
}

}  // namespace synfate::inventory
