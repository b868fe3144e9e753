// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/rule_words.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace synfate::judge {
namespace {

using model::HookVerdict;
using model::RuleKey;
using model::RuleText;

/// Stands for whatever was between quotes; no word of a rule is like it.
constexpr std::string_view kQuoted = "\"";

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      end_word();
      for (++i; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\') ++i;
      }
      words.emplace_back(kQuoted);
    } else if (text[i] == ' ' || text[i] == '\t' || text[i] == '\n') {
      end_word();
    } else {
      word += text[i];
    }
  }
  end_word();
  return words;
}

bool is_iptables(const RuleText& rule) { return rule.backend.starts_with("iptables-"); }

/// Options whose argument is the user's own text, printed without quotes where it has no blanks.
bool takes_free_text(std::string_view option) {
  return option == "--comment" || option == "--log-prefix" || option == "--nflog-prefix" || option == "--string" ||
         option == "--hex-string";
}

/// The argument of the option at i, unless the option is some text's.
const std::string* argument(const std::vector<std::string>& words, std::size_t i) {
  if (i + 1 >= words.size() || (i > 0 && takes_free_text(words[i - 1]))) return nullptr;
  return &words[i + 1];
}

/// "DROP" of "-j DROP"; empty where there is none.
std::string target_of(const RuleText& rule) {
  const auto words = words_of(rule.text);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != "-j" && words[i] != "--jump" && words[i] != "-g" && words[i] != "--goto") continue;
    if (const std::string* target = argument(words, i)) return *target;
  }
  return "";
}

bool iptables_matches_only_invalid(const std::vector<std::string>& words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if ((words[i] != "--ctstate" && words[i] != "--state") || words[i - 1] == "!") continue;
    const std::string* states = argument(words, i);
    if (states != nullptr && *states == "INVALID") return true;
  }
  return false;
}

bool nft_matches_only_invalid(const std::vector<std::string>& words, std::string_view element) {
  for (std::size_t i = 0; i + 2 < words.size(); ++i) {
    if (words[i] != "ct" || words[i + 1] != "state") continue;
    const std::string& states = words[i + 2];
    // "invalid / mask" and "invalid . other" are not the plain comparison.
    const bool plain = i + 3 == words.size() || (words[i + 3] != "/" && words[i + 3] != "." && words[i + 3] != "|");
    if (states == "invalid" && plain) return true;
    if (states == "vmap" && (element == "invalid" || element.starts_with("invalid "))) return true;
  }
  return false;
}

/// The statement, not a chain or set that is called so.
bool has_statement(const std::vector<std::string>& words, std::string_view statement) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == statement && (i == 0 || (words[i - 1] != "jump" && words[i - 1] != "goto"))) return true;
  }
  return false;
}

Answers by_text(const RuleText* rule) {
  if (rule == nullptr || rule->text.empty() || !rule->gap.empty()) return Answers::Unknown;
  if (rule->policy) return Answers::Never;
  if (is_iptables(*rule)) {
    const std::string target = target_of(*rule);
    if (target == "REJECT") return Answers::Always;
    return target == "DROP" ? Answers::Never : Answers::Unknown;
  }
  const auto words = words_of(rule->text);
  const bool rejects = has_statement(words, "reject");
  if (rejects == has_statement(words, "drop")) return Answers::Unknown;
  return rejects ? Answers::Always : Answers::Never;
}

}  // namespace

bool matches_only_invalid(const RuleText& rule) {
  if (!rule.gap.empty() || rule.policy) return false;
  const auto words = words_of(rule.text);
  if (is_iptables(rule)) return iptables_matches_only_invalid(words);
  return rule.backend == "nft" && nft_matches_only_invalid(words, rule.element);
}

bool is_nat_rule(const RuleText& rule) {
  if (!rule.gap.empty() || rule.policy || !is_iptables(rule)) return false;
  constexpr std::array<std::string_view, 5> kTargets{"MASQUERADE", "SNAT", "DNAT", "REDIRECT", "NETMAP"};
  const std::string target = target_of(rule);
  return std::find(kTargets.begin(), kTargets.end(), target) != kTargets.end();
}

Answers answers_of(const HookVerdict& verdict, const RuleText* rule) {
  if (verdict.rule.kind == RuleKey::Kind::NftPolicy) return Answers::Never;
  if (verdict.rule.kind == RuleKey::Kind::NftRule) {
    if (verdict.expression == "reject") return Answers::Always;
    if (verdict.expression == "immediate" || verdict.expression == "lookup") return Answers::Never;
  }
  return by_text(rule);
}

}  // namespace synfate::judge
