// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/iptables_save.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxWarnings = 8;

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

/// Quotes and nothing that could be one of them quoted: their number tells whether the line ends the rule.
bool is_whole(std::string_view line) {
  if (line.find('\\') != std::string_view::npos) return false;
  bool quoted = false;
  for (std::size_t at = line.find('"'); at != std::string_view::npos; at = line.find('"', at + 1)) quoted = !quoted;
  return !quoted;
}

/// From at, whose line ends at newline, to the end of the rule. A line break between quotes is none: only there does iptables print such
/// bytes as they are, and it puts a backslash before every quote that is not its own. None: the text ends between quotes.
std::optional<std::size_t> end_of_rule(std::string_view text, std::size_t at, std::size_t newline) {
  if (is_whole(text.substr(at, newline - at))) return newline;
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == '\n' && !quoted) {
      return at;
    }
  }
  return quoted ? std::nullopt : std::optional{text.size()};
}

std::string unquoted(std::string_view word) {
  std::string plain;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] == '\\' && i + 1 < word.size()) {
      plain += word[++i];
    } else if (word[i] != '"') {
      plain += word[i];
    }
  }
  return plain;
}

/// "[12:3456] " of a rule with counters, taken off.
std::string_view without_counters(std::string_view line) {
  if (line.empty() || line.front() != '[') return line;
  const std::size_t end = line.find("] ");
  if (end == std::string_view::npos) return line;
  for (const char c : line.substr(1, end - 1)) {
    if ((c < '0' || c > '9') && c != ':') return line;
  }
  return line.substr(end + 2);
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  SavedRules run() {
    while (at_ < text_.size()) line();
    if (table_ != nullptr) saved_.complete = false;
    return std::move(saved_);
  }

 private:
  void line() {
    const std::size_t newline = std::min(text_.find('\n', at_), text_.size());
    std::string_view here = text_.substr(at_, newline - at_);
    if (!here.empty() && here.back() == '\r') here.remove_suffix(1);
    if (starts_with(without_counters(here), "-A ")) {
      rule(newline);
      return;
    }
    at_ = newline + 1;
    here = trim(here);
    if (here.empty()) return;
    if (here.front() == '#') {
      if (starts_with(here, "# Warning") && saved_.warnings.size() < kMaxWarnings) saved_.warnings.push_back(printable(here, 256));
    } else if (here.front() == '*') {
      begin_table(here.substr(1));
    } else if (here.front() == ':') {
      chain(here.substr(1));
    } else if (here == "COMMIT" && table_ != nullptr) {
      table_->complete = true;
      table_ = nullptr;
    } else {
      odd();
    }
  }

  void begin_table(std::string_view name) {
    if (table_ != nullptr) saved_.complete = false;
    saved_.tables.emplace_back();
    table_ = &saved_.tables.back();
    table_->name = name;
    chains_.clear();
    looked_up_ = 0;
  }

  void chain(std::string_view line) {
    const std::size_t blank = line.find(' ');
    if (table_ == nullptr || blank == std::string_view::npos) return odd();
    const std::string_view rest = line.substr(blank + 1);
    table_->chains.push_back({line.substr(0, blank), rest.substr(0, rest.find(' '))});
  }

  void rule(std::size_t newline) {
    const auto end = end_of_rule(text_, at_, newline);
    const std::size_t begin = at_;
    at_ = end ? *end + 1 : text_.size();
    // A rule without the end of its line may lack more than that.
    if (!end || *end == text_.size()) {
      saved_.complete = false;
      return;
    }
    std::string_view text = without_counters(text_.substr(begin, *end - begin));
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    std::string_view left = text.substr(3);
    const std::string_view name = iptables_word(left);
    if (table_ == nullptr || name.empty()) return odd();
    table_->rules.push_back({text, index_of(name)});
  }

  /// Rules come chain by chain, and those in the order in which they are declared: tens of thousands are told without looking one up.
  std::uint32_t index_of(std::string_view chain) {
    constexpr std::size_t kAhead = 64;
    const std::size_t here = table_->rules.empty() ? 0 : table_->rules.back().chain;
    for (std::size_t i = here; i < std::min(here + kAhead, table_->chains.size()); ++i) {
      if (table_->chains[i].name == chain) return static_cast<std::uint32_t>(i);
    }
    for (; looked_up_ < table_->chains.size(); ++looked_up_) {
      chains_.emplace(table_->chains[looked_up_].name, static_cast<std::uint32_t>(looked_up_));
    }
    const auto [known, is_new] = chains_.emplace(chain, static_cast<std::uint32_t>(looked_up_));
    if (is_new) {
      table_->chains.push_back({chain, ""});
      ++looked_up_;
    }
    return known->second;
  }

  void odd() {
    ++saved_.odd_lines;
    saved_.complete = false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  SavedRules saved_;
  SavedTable* table_ = nullptr;
  std::map<std::string_view, std::uint32_t> chains_;
  std::size_t looked_up_ = 0;  ///< so many of the table's chains are in it
};

}  // namespace

const SavedChain* SavedTable::chain(std::string_view wanted) const {
  const auto found = std::find_if(chains.begin(), chains.end(), [&](const SavedChain& each) { return each.name == wanted; });
  return found == chains.end() ? nullptr : &*found;
}

std::vector<const SavedRule*> SavedTable::rules_of(std::string_view wanted) const {
  std::vector<const SavedRule*> found;
  const SavedChain* which = chain(wanted);
  if (which == nullptr) return found;
  const auto index = static_cast<std::uint32_t>(which - chains.data());
  for (const SavedRule& rule : rules) {
    if (rule.chain == index) found.push_back(&rule);
  }
  return found;
}

const SavedTable* SavedRules::table(std::string_view name) const {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const SavedTable& each) { return each.name == name; });
  return found == tables.end() ? nullptr : &*found;
}

SavedRules parse_iptables_save(std::string_view text) { return Parser{text}.run(); }

std::string iptables_comment(std::string_view rule) {
  std::string comments;
  while (!rule.empty()) {
    const std::string_view word = iptables_word(rule);
    if (word.empty()) break;
    if (word != "--comment") continue;
    const std::string comment = unquoted(iptables_word(rule));
    comments += (comments.empty() ? "" : " / ") + comment;
  }
  return comments;
}

std::string_view iptables_target(std::string_view rule) {
  while (!rule.empty()) {
    const std::string_view word = iptables_word(rule);
    if (word.empty()) break;
    if (word == "-j" || word == "-g") return iptables_word(rule);
  }
  return {};
}

bool iptables_unknown_part(std::string_view rule) {
  // What iptables prints for an extension which it has no library for, or not in the kernel's revision.
  for (const std::string_view words : {"[unsupported revision]", "Bad built-in", "bytes of unknown ", "UNKNOWN "}) {
    if (rule.find(words) != std::string_view::npos) return true;
  }
  return false;
}

std::string_view iptables_word(std::string_view& left) {
  const std::size_t begin = std::min(left.find_first_not_of(' '), left.size());
  std::size_t at = begin;
  for (bool quoted = false; at < left.size() && (quoted || left[at] != ' '); ++at) {
    if (left[at] == '"') quoted = !quoted;
    if (left[at] == '\\') ++at;
  }
  at = std::min(at, left.size());
  const std::string_view word = left.substr(begin, at - begin);
  left.remove_prefix(at);
  return word;
}

std::string one_line(std::string_view text) {
  std::string line{text};
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return line;
}

}  // namespace synfate::inventory
