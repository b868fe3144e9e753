// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A rule's text taken apart, so that engines are told by what a rule does and never by what is quoted in it.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/verdict.hpp"

namespace synfate::judge {

enum class Verb : unsigned char { Other, Drop, Reject };

struct RuleOption {
  bool inverted = false;
  std::string name;   ///< "-d", "--ctstate"
  std::string value;  ///< all its arguments, joined by blanks
};

/// One line of iptables-save.
class XtShape {
 public:
  /// None: no rule, or one whose quotes do not close.
  static std::optional<XtShape> of(std::string_view text);

  const std::string& chain() const { return chain_; }
  const std::string& target() const { return target_; }
  Verb verb() const;
  /// Each by itself: a rule may carry several.
  const std::vector<std::string>& comments() const { return comments_; }
  /// The only one; empty if there is none or there are more.
  std::string_view comment() const { return comments_.size() == 1 ? std::string_view{comments_.front()} : std::string_view{}; }

  /// Matches exactly these options, each once, whatever their order; targets, comments and -m are no part of it.
  bool matches_only(std::initializer_list<std::string_view> names) const;
  bool has(std::string_view name) const;
  /// The value of the option where it is there once and not inverted; else empty.
  std::string_view plain(std::string_view name) const { return value(name, false); }
  std::string_view inverted(std::string_view name) const { return value(name, true); }
  /// Matches what conntrack calls invalid, and asks for nothing else.
  bool only_invalid() const;

 private:
  std::string_view value(std::string_view name, bool inverted) const;

  std::string chain_;
  std::string target_;
  std::vector<std::string> comments_;
  std::vector<RuleOption> options_;
};

/// One rule as nft lists it, without its counter and its comment.
class NftShape {
 public:
  static std::optional<NftShape> of(std::string_view text, std::string_view comment);

  const std::string& comment() const { return comment_; }
  /// One blank between words, no quotes; a string that is no plain name is a lone quote.
  const std::string& text() const { return text_; }
  Verb verb() const { return end().verb; }
  /// What it matches, before its verdict.
  std::string_view match() const { return end().match; }

 private:
  struct End {
    Verb verb = Verb::Other;
    std::string_view match;
  };
  End end() const;

  std::string comment_;
  std::string text_;
};

bool is_iptables(const model::RuleRef& rule);
/// Its shape where it is a rule (not a policy) of iptables in that table, in the chain that it is said to be in.
std::optional<XtShape> xt_rule(const model::RuleRef& rule, std::string_view table);
/// Its shape where it is a rule of that native table.
std::optional<NftShape> nft_rule(const model::RuleRef& rule, std::string_view table);
/// That line of a listing is this rule, whatever its counter says now.
bool is_same_rule(const model::RuleRef& rule, std::string_view line);
/// The policy of that base chain of iptables' table filter.
bool is_filter_policy(const model::RuleRef& rule, std::string_view chain);

}  // namespace synfate::judge
