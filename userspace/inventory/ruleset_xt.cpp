// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/ruleset_xt.hpp"

#include <linux/netfilter.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "inventory/iptables_save.hpp"
#include "inventory/xt_table.hpp"

namespace synfate::inventory {
namespace {

/// Of a chain that is kept whole.
constexpr std::size_t kMaxChainRules = 256;
constexpr std::size_t kMaxRuleBytes = 1024;

/// A hundred thousand rules.
constexpr std::size_t kMaxTableBytes = 32U << 20U;

Error unreadable(std::string why) { return {ErrorKind::BadData, "cannot read the rule's text", std::move(why), ""}; }

bool speaks_to(XtBackend backend, const std::string& version) {
  const bool nft = version.find("(nf_tables)") != std::string::npos;
  // Before 1.8 there was one backend, and no word about it.
  return nft == (backend == XtBackend::Nft) && version.find(" v1.") != std::string::npos;
}

/// The entry that is meant. A trace tells chain and number, what counts or walks the table tells the offset.
const XtRule* find_rule(const XtTable& table, const RuleQuestion& question) {
  const auto is_it = [&](const XtRule& rule) {
    if (table.chain_name(rule) != question.chain) return false;
    return question.policy ? rule.role == XtRole::Policy : rule.role == XtRole::Rule && rule.number == question.number;
  };
  if (question.key.chain.empty()) {
    const XtRule* rule = table.at(question.key.offset);
    return rule != nullptr && is_it(*rule) ? rule : nullptr;
  }
  const auto found = std::find_if(table.rules.begin(), table.rules.end(), is_it);
  return found == table.rules.end() ? nullptr : &*found;
}

/// What is wrong with taking the kernel's table for the one that dropped; empty: nothing.
std::string doubt_about(const Result<XtTable>& table, const RuleQuestion& question) {
  if (!table) return "the kernel's table could not be read again: " + table.error().why;
  const XtRule* rule = find_rule(*table, question);
  if (rule == nullptr || (question.proof != 0 && rule->proof != question.proof) ||
      (question.digest != 0 && rule->digest != question.digest)) {
    return "the rule was removed or replaced between the drop and this reading: the table has changed";
  }
  return {};
}

std::size_t rules_in(const XtTable& table, const std::string& chain) {
  for (const XtChain& each : table.chains) {
    // The last entry is the policy, or the RETURN that iptables does not show.
    if (each.name == chain) return each.count == 0 ? 0 : each.count - 1;
  }
  return 0;
}

/// What iptables-save prints as the target.
std::string target_of(const XtTable& table, const XtRule& rule) {
  switch (rule.verdict) {
    case XtVerdict::Drop: return "DROP";
    case XtVerdict::Accept: return "ACCEPT";
    case XtVerdict::Queue: return "QUEUE";
    case XtVerdict::Return: return "RETURN";
    case XtVerdict::Jump:
    case XtVerdict::Goto: return table.chains[rule.to_chain].name;
    case XtVerdict::Target: return rule.target;
    case XtVerdict::Continue:
    case XtVerdict::None: return "";
  }
  return "";
}

/// Those that kube-router and Calico make for a pod or a device: the jumps in them name the policies that did not admit a packet.
bool speaks_as_a_whole(std::string_view chain) { return chain.starts_with("KUBE-POD-FW-") || chain.starts_with("cali-"); }

/// Calico says in the first rule of a policy's chain whose it is; a group of policies has a chain of its own between.
bool is_policy(std::string_view chain) { return chain.starts_with("cali-pi-") || chain.starts_with("cali-po-"); }
bool is_policy_group(std::string_view chain) { return chain.starts_with("cali-gi-") || chain.starts_with("cali-go-"); }

/// The chain's rules and, behind them, those that name the policies that it asks.
std::vector<std::string> telling_rules(const SavedTable& table, const std::vector<const SavedRule*>& rules) {
  std::vector<const SavedRule*> told = rules;
  std::set<std::string_view> seen;
  // What is added leads on itself, but only from a group to its policies.
  for (std::size_t i = 0; i < told.size(); ++i) {
    const std::string_view target = iptables_target(told[i]->text);
    if ((!is_policy(target) && !is_policy_group(target)) || !seen.insert(target).second) continue;
    const auto behind = table.rules_of(target);
    const std::size_t wanted = is_policy(target) ? 1 : behind.size();
    const std::size_t taken = std::min({wanted, behind.size(), kMaxChainRules - std::min(told.size(), kMaxChainRules)});
    told.insert(told.end(), behind.begin(), behind.begin() + static_cast<std::ptrdiff_t>(taken));
  }
  std::vector<std::string> lines;
  lines.reserve(told.size());
  for (const SavedRule* each : told) lines.push_back(one_line(each->text).substr(0, kMaxRuleBytes));
  return lines;
}

}  // namespace

Result<ToolAnswer> save_xt_table(machine::Machine& machine, const machine::NetnsHandle& netns, const std::vector<ToolBox>& boxes,
                                 XtBackend backend, bool ipv6, const std::string& table) {
  const std::string program = ipv6 ? "ip6tables" : "iptables";
  const auto command = [&](const std::string& save) {
    return table.empty() ? std::vector{save} : std::vector<std::string>{save, "-t", table};
  };
  auto answer = ask_tools(machine, netns, boxes, {command(program + (backend == XtBackend::Legacy ? "-legacy-save" : "-nft-save"))});
  if (answer || answer.error().kind != ErrorKind::Gone) return answer;
  // A plain one may speak to either and is asked which.
  const std::string plain = program + "-save";
  for (const ToolBox& box : boxes) {
    const auto version = ask_tools(machine, netns, {box}, {{plain, "-V"}});
    if (version && speaks_to(backend, version->out)) return ask_tools(machine, netns, {box}, {command(plain)});
  }
  return answer;
}

Result<SavedChainText> read_saved_chain(machine::Machine& machine, const machine::NetnsHandle& netns, const std::vector<ToolBox>& boxes,
                                        XtBackend backend, bool ipv6, const std::string& table, const std::string& chain,
                                        std::size_t number) {
  const auto answer = save_xt_table(machine, netns, boxes, backend, ipv6, table);
  if (!answer) return unreadable(answer.error().why);
  const SavedRules saved = parse_iptables_save(answer->out);
  const SavedTable* found = saved.table(table);
  if (found == nullptr) return unreadable(answer->source + " prints no table of that name");
  if (!found->complete) return unreadable("what " + answer->source + " prints ends in the middle");
  if (saved.odd_lines != 0) return unreadable(answer->source + " prints lines that are not understood");
  const SavedChain* named = found->chain(chain);
  if (named == nullptr) return unreadable(answer->source + " prints no chain of that name");
  const auto rules = found->rules_of(chain);
  SavedChainText text;
  text.source = answer->source;
  text.policy = std::string{named->policy};
  text.count = rules.size();
  if (number > rules.size()) return unreadable("the chain has fewer rules in what " + answer->source + " prints");
  if (rules.size() <= kMaxChainRules && speaks_as_a_whole(chain)) text.chain = telling_rules(*found, rules);
  if (number == 0) return text;
  const SavedRule& rule = *rules[number - 1];
  text.rule = one_line(rule.text);
  text.comment = one_line(iptables_comment(rule.text));
  text.target = std::string{iptables_target(rule.text)};
  text.unknown_part = iptables_unknown_part(rule.text);
  return text;
}

void read_legacy_text(machine::Machine& machine, const machine::NetnsHandle& netns, const std::vector<ToolBox>& boxes,
                      const RuleQuestion& question, model::RuleText& text) {
  const std::string& table = question.key.table;
  const bool ipv6 = question.key.family == NFPROTO_IPV6;
  const int family = ipv6 ? AF_INET6 : AF_INET;
  const auto read_table = [&]() -> Result<XtTable> {
    std::optional<Result<machine::XtTableBytes>> bytes;
    const auto visited = machine.inside(netns, [&](machine::NetnsVisit& there) {
      // Asking for a table that the namespace does not have yet would make it.
      const auto names = there.read_file(ipv6 ? "/proc/thread-self/net/ip6_tables_names" : "/proc/thread-self/net/ip_tables_names", {});
      if (names) {
        for (const std::string_view name : split(*names, '\n')) {
          if (name == table) bytes = there.xt_table(family, table, kMaxTableBytes);
        }
      }
    });
    if (!visited) return visited.error();
    if (!bytes) return Error{ErrorKind::Gone, "cannot read the table", "the namespace has no such table any more", ""};
    if (!*bytes) return bytes->error();
    return parse_xt_table(family, table, **bytes);
  };
  text.number = question.number;
  text.policy = question.policy;
  if (question.chain.empty()) {
    text.gap = "which rule of the table it was is not known: the table was replaced since, or the rule's target does not always drop";
    return;
  }
  const auto before = read_table();
  text.gap = doubt_about(before, question);
  if (!text.gap.empty()) return;
  const std::size_t number = question.policy ? 0 : question.number.value_or(0);
  if (!question.policy && number == 0) {
    text.gap = "its number is not known";
    return;
  }
  const auto saved = read_saved_chain(machine, netns, boxes, XtBackend::Legacy, ipv6, table, question.chain, number);
  if (!saved) {
    text.gap = saved.error().why;
    return;
  }
  const auto after = read_table();
  text.gap = doubt_about(after, question);
  if (!text.gap.empty()) return;
  const XtRule& rule = *find_rule(*after, question);
  if (!before->same_rules(*after) || saved->count != rules_in(*after, question.chain)) {
    text.gap = "the table changed while it was read";
    return;
  }
  text.source = saved->source;
  if (question.policy) {
    if (saved->policy != target_of(*after, rule)) {
      text.gap = "the chain's policy in what " + saved->source + " prints is not the kernel's";
      return;
    }
    text.text = "-P " + one_line(question.chain) + " " + saved->policy;
    text.chain_rules = saved->chain;
    return;
  }
  if (!saved->unknown_part && saved->target != target_of(*after, rule)) {
    text.gap = "the rule of that number in what " + saved->source + " prints has another target than the kernel's";
    return;
  }
  text.text = saved->rule;
  text.comment = saved->comment;
  text.chain_rules = saved->chain;
  // A trace gives no identity that a table made anew would lack.
  if (!question.key.chain.empty() && question.proof == 0 && question.digest == 0) {
    text.gap = "it is the rule of that number now, and nothing shows that the table was not replaced since the trace";
  }
  if (saved->unknown_part) text.gap = "a part of the rule is not known to " + saved->source;
}

}  // namespace synfate::inventory
