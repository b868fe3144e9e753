// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/means/shape.hpp"

#include <algorithm>
#include <utility>

namespace synfate::judge {
namespace {

/// No engine writes more: this only bounds the work that a hostile ruleset can make.
constexpr std::size_t kMaxTextBytes = 256U << 10U;

struct Word {
  std::string text;
  bool quoted = false;
};

/// None: a quote does not close.
std::optional<std::vector<Word>> words_of(std::string_view text) {
  std::vector<Word> words;
  Word word;
  bool open = false;
  bool any = false;
  const auto end = [&] {
    if (any) words.push_back(std::move(word));
    word = {};
    any = false;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      word.text += text[++i];
      any = true;
    } else if (c == '"') {
      open = !open;
      any = word.quoted = true;
    } else if (!open && (c == ' ' || c == '\t' || c == '\n')) {
      end();
    } else {
      word.text += c;
      any = true;
    }
  }
  if (open) return std::nullopt;
  end();
  return words;
}

/// Its argument is the user's own text, printed without quotes where it has no blanks.
bool takes_free_text(std::string_view option) {
  return option == "--comment" || option == "--log-prefix" || option == "--nflog-prefix" || option == "--string" ||
         option == "--hex-string";
}

bool is_option(const Word& word) { return !word.quoted && (word.text.starts_with("-") || word.text == "!"); }

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// "counter packets 3 bytes 180" at i: how many words it takes.
std::size_t counter_at(const std::vector<Word>& words, std::size_t i) {
  if (words[i].quoted || words[i].text != "counter") return 0;
  const bool counts = i + 4 < words.size() && words[i + 1].text == "packets" && is_number(words[i + 2].text) &&
                      words[i + 3].text == "bytes" && is_number(words[i + 4].text);
  return counts ? 5 : 1;
}

bool is_plain_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-' || c == '*' ||
           c == '@';
  });
}

}  // namespace

std::optional<XtShape> XtShape::of(std::string_view text) {
  if (text.size() > kMaxTextBytes || !text.starts_with("-A ")) return std::nullopt;
  const auto words = words_of(text);
  if (!words || words->size() < 2) return std::nullopt;
  XtShape shape;
  shape.chain_ = (*words)[1].text;
  bool inverted = false;
  for (std::size_t i = 2; i < words->size(); ++i) {
    const Word& word = (*words)[i];
    if (!is_option(word)) return std::nullopt;
    if (word.text == "!") {
      inverted = true;
      continue;
    }
    RuleOption option{inverted, word.text, ""};
    inverted = false;
    const bool free = takes_free_text(word.text);
    if (free && i + 1 >= words->size()) return std::nullopt;
    for (bool first = true; i + 1 < words->size() && ((free && first) || (!free && !is_option((*words)[i + 1]))); first = false) {
      option.value += (first ? "" : " ") + (*words)[++i].text;
    }
    if (option.name == "-m") continue;
    if (option.name == "--comment") {
      shape.comments_.push_back(std::move(option.value));
    } else if (option.name == "-j" || option.name == "-g") {
      if (!shape.target_.empty()) return std::nullopt;
      shape.target_ = std::move(option.value);
    } else {
      shape.options_.push_back(std::move(option));
    }
  }
  // The target's own option tells how it answers, not what it matches.
  if (shape.target_ == "REJECT") {
    std::erase_if(shape.options_, [](const RuleOption& option) { return option.name == "--reject-with"; });
  }
  return shape;
}

Verb XtShape::verb() const {
  if (target_ == "DROP") return Verb::Drop;
  return target_ == "REJECT" ? Verb::Reject : Verb::Other;
}

bool XtShape::has(std::string_view name) const {
  return std::any_of(options_.begin(), options_.end(), [&](const RuleOption& option) { return option.name == name; });
}

bool XtShape::matches_only(std::initializer_list<std::string_view> names) const {
  return options_.size() == names.size() && std::all_of(names.begin(), names.end(), [&](std::string_view name) { return has(name); });
}

std::string_view XtShape::value(std::string_view name, bool inverted) const {
  const RuleOption* only = nullptr;
  for (const RuleOption& option : options_) {
    if (option.name != name) continue;
    if (only != nullptr) return {};
    only = &option;
  }
  return only != nullptr && only->inverted == inverted ? std::string_view{only->value} : std::string_view{};
}

bool XtShape::only_invalid() const {
  return (matches_only({"--ctstate"}) && plain("--ctstate") == "INVALID") || (matches_only({"--state"}) && plain("--state") == "INVALID");
}

std::optional<NftShape> NftShape::of(std::string_view text, std::string_view comment) {
  if (text.size() > kMaxTextBytes || comment.size() > kMaxTextBytes) return std::nullopt;
  auto words = words_of(text);
  if (!words || words->empty()) return std::nullopt;
  NftShape shape;
  shape.comment_ = comment;
  const std::size_t count = words->size();
  if (count >= 2 && (*words)[count - 1].quoted && !(*words)[count - 2].quoted && (*words)[count - 2].text == "comment") {
    if (comment.empty()) shape.comment_ = (*words)[count - 1].text;
    words->resize(count - 2);
  }
  for (std::size_t i = 0; i < words->size();) {
    if (const std::size_t skip = counter_at(*words, i)) {
      i += skip;
      continue;
    }
    const Word& word = (*words)[i++];
    if (!shape.text_.empty()) shape.text_ += ' ';
    shape.text_ += word.quoted && !is_plain_name(word.text) ? "\"" : word.text;
  }
  return shape;
}

NftShape::End NftShape::end() const {
  const std::string_view text = text_;
  for (const auto& [word, verb] : {std::pair{std::string_view{"drop"}, Verb::Drop}, {"reject", Verb::Reject}}) {
    const std::size_t at = text.rfind(word);
    if (at == std::string_view::npos || (at != 0 && text[at - 1] != ' ')) continue;
    const std::string_view after = text.substr(at + word.size());
    const bool last = after.empty() || (verb == Verb::Reject && after.starts_with(" with "));
    const std::string_view before = at == 0 ? std::string_view{} : text.substr(0, at - 1);
    // A chain may be called so.
    const bool name = before == "jump" || before == "goto" || before.ends_with(" jump") || before.ends_with(" goto");
    if (last && !name) return {verb, before};
  }
  return {Verb::Other, text};
}

bool is_iptables(const model::RuleRef& rule) { return rule.backend == "iptables-nft" || rule.backend == "iptables-legacy"; }

std::optional<XtShape> xt_rule(const model::RuleRef& rule, std::string_view table) {
  if (!is_iptables(rule) || rule.table != table || rule.policy == true) return std::nullopt;
  auto shape = XtShape::of(rule.text);
  if (!shape || shape->chain() != rule.chain) return std::nullopt;
  return shape;
}

std::optional<NftShape> nft_rule(const model::RuleRef& rule, std::string_view table) {
  if (rule.backend != "nft" || rule.table != table || rule.policy == true) return std::nullopt;
  return NftShape::of(rule.text, rule.comment);
}

bool is_same_rule(const model::RuleRef& rule, std::string_view line) {
  if (is_iptables(rule)) return line == rule.text;
  const auto mine = NftShape::of(rule.text, rule.comment);
  const auto other = NftShape::of(line, "");
  return mine && other && mine->text() == other->text() && mine->comment() == other->comment();
}

bool is_filter_policy(const model::RuleRef& rule, std::string_view chain) {
  return is_iptables(rule) && rule.table == "filter" && rule.policy == true && rule.chain == chain;
}

}  // namespace synfate::judge
