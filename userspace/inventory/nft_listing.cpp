// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/nft_listing.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

constexpr std::string_view kHandle = "# handle ";
constexpr std::array<std::string_view, 6> kFamilies{"ip", "ip6", "inet", "arp", "bridge", "netdev"};
constexpr std::array<std::string_view, 5> kAdding{"add", "create", "insert", "replace", "flush"};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view next_word(std::string_view& left) {
  std::size_t begin = 0;
  while (begin < left.size() && is_blank(left[begin])) ++begin;
  std::size_t end = begin;
  while (end < left.size() && !is_blank(left[end]) && left[end] != '\n' && left[end] != ';') ++end;
  const std::string_view word = left.substr(begin, end - begin);
  left.remove_prefix(end);
  return word;
}

/// Where "# handle N" begins that ends the text; npos if there is none.
std::size_t handle_begin(std::string_view text) {
  const std::size_t at = text.rfind(kHandle);
  if (at == std::string_view::npos) return at;
  return parse_number(trim(text.substr(at + kHandle.size()))) ? at : std::string_view::npos;
}

std::optional<std::uint64_t> handle_of(std::string_view text) {
  const std::size_t at = handle_begin(text);
  return at == std::string_view::npos ? std::nullopt : parse_number(trim(text.substr(at + kHandle.size())));
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  NftListing run() {
    while (at_ < text_.size()) outside();
    return std::move(listing_);
  }

 private:
  /// To the end of the line, and on while a brace that was opened in it is open; nft breaks sets only. A line that ends between quotes is
  /// not continued: nft knows no such string, so the quote is not one of nft's.
  std::string_view statement() {
    const std::size_t begin = at_;
    int depth = 0;
    bool quoted = false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') {
        quoted = false;
        if (depth <= 0 && (at_ == begin || text_[at_ - 1] != '\\')) break;
      } else if (c == '"') {
        quoted = !quoted;
      } else if (!quoted && c == '{') {
        ++depth;
      } else if (!quoted && c == '}') {
        --depth;
      } else if (!quoted && c == '#') {
        // A comment, which a handle is too, may have any braces in it.
        at_ = std::min(text_.find('\n', at_), text_.size()) - 1;
      }
    }
    if (at_ >= text_.size() && depth > 0) listing_.complete = false;
    const std::string_view found = text_.substr(begin, std::min(at_, text_.size()) - begin);
    if (at_ < text_.size()) ++at_;
    return found;
  }

  std::string_view line() {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view found = text_.substr(at_, end - at_);
    at_ = std::min(end + 1, text_.size());
    return found;
  }

  /// The line from at_ on, unread.
  std::string_view peek() const { return text_.substr(at_, std::min(text_.find('\n', at_), text_.size()) - at_); }

  /// A block is opened by this line and not closed in it.
  static bool opens(std::string_view header) {
    const std::string_view bare = trim(header.substr(0, std::min(header.find(kHandle), header.size())));
    return !bare.empty() && bare.back() == '{';
  }

  void outside() {
    const std::string_view here = trim(peek());
    if (here.empty() || here.front() == '#') {
      line();
      return;
    }
    std::string_view left = here;
    const std::string_view first = next_word(left);
    if (first == "table") {
      const std::string_view header = line();
      family_and_table(left);
      if (opens(header)) inside_table();
    } else if (std::find(kAdding.begin(), kAdding.end(), first) != kAdding.end()) {
      command(next_word(left));
    } else if (first == "destroy" || first == "delete" || first == "define" || first == "include" || first == "list" || first == "reset") {
      statement();
      ++listing_.others;
    } else {
      statement();
      ++listing_.odd_lines;
    }
  }

  /// "ip filter", and "filter", which means ip.
  void family_and_table(std::string_view& left) {
    std::string_view rest = left;
    const std::string_view word = next_word(rest);
    if (std::find(kFamilies.begin(), kFamilies.end(), word) != kFamilies.end()) {
      family_ = word;
      left = rest;
    } else {
      family_ = "ip";
    }
    table_ = next_word(left);
  }

  void command(std::string_view object) {
    std::string_view left = statement();
    const std::string_view verb = next_word(left);
    next_word(left);
    if (verb == "flush" || (object != "rule" && object != "chain")) {
      ++listing_.others;
      return;
    }
    family_and_table(left);
    NftListedChain& chain = chain_named(next_word(left));
    if (object == "rule") {
      chain.rules.push_back({trim(left), handle_of(left)});
    } else if (const std::size_t brace = left.find('{'); brace != std::string_view::npos) {
      chain.base = trim(left.substr(brace + 1, left.rfind('}') - brace - 1));
    }
  }

  void inside_table() {
    while (at_ < text_.size()) {
      const std::string_view here = trim(peek());
      std::string_view left = here;
      const std::string_view first = next_word(left);
      if (here.empty() || here.front() == '#' || first == "comment" || first == "flags") {
        line();
      } else if (here.front() == '}') {
        line();
        return;
      } else if (first == "chain") {
        chain_block(next_word(left));
      } else {
        // Sets, maps and whatever nft invents: a name and a block.
        statement();
        ++listing_.others;
      }
    }
    listing_.complete = false;
  }

  void chain_block(std::string_view name) {
    const std::string_view header = line();
    NftListedChain& chain = chain_named(name);
    chain.handle = handle_of(header);
    if (!opens(header)) {
      const std::size_t brace = header.find('{');
      if (brace != std::string_view::npos) chain.base = trim(header.substr(brace + 1, header.rfind('}') - brace - 1));
      return;
    }
    while (at_ < text_.size()) {
      const std::string_view here = trim(peek());
      if (!here.empty() && here.front() == '}') {
        line();
        return;
      }
      chain_line(chain, here);
    }
    listing_.complete = false;
  }

  void chain_line(NftListedChain& chain, std::string_view here) {
    std::string_view left = here;
    const std::string_view first = next_word(left);
    // Old versions print what they cannot translate after a '#': only its handle tells such a rule from a remark.
    if (here.empty() || (here.front() == '#' && (handle_begin(here) == std::string_view::npos || handle_begin(here) == 0))) {
      line();
    } else if (first == "type" || (first == "policy" && chain.rules.empty())) {
      const std::string_view base = trim(line());
      if (chain.base.empty()) chain.base = base;
    } else if ((first == "comment" || first == "flags") && chain.rules.empty() && handle_begin(here) == std::string_view::npos) {
      line();
    } else {
      const std::string_view raw = trim(statement());
      // Cut in the middle of the line: what there is of it is not the rule.
      if (at_ >= text_.size() && (text_.empty() || text_.back() != '\n')) {
        listing_.complete = false;
        return;
      }
      chain.rules.push_back({raw, handle_of(raw)});
    }
  }

  NftListedChain& chain_named(std::string_view name) {
    const auto [found, is_new] = index_.emplace(std::tuple{family_, table_, name}, listing_.chains.size());
    if (is_new) {
      listing_.chains.emplace_back();
      listing_.chains.back().family = family_;
      listing_.chains.back().table = table_;
      listing_.chains.back().name = name;
    }
    return listing_.chains[found->second];
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string_view family_;
  std::string_view table_;
  NftListing listing_;
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, std::size_t> index_;
};

}  // namespace

const NftListedChain* NftListing::chain(std::string_view family, std::string_view table, std::string_view name) const {
  const auto found = std::find_if(chains.begin(), chains.end(), [&](const NftListedChain& each) {
    return each.family == family && each.table == table && each.name == name;
  });
  return found == chains.end() ? nullptr : &*found;
}

NftListing parse_nft_listing(std::string_view text) { return Parser{text}.run(); }

std::string nft_rule_text(std::string_view raw) {
  std::string text;
  bool broken = false;
  for (const char c : trim(raw.substr(0, std::min(handle_begin(raw), raw.size())))) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    // A line break and the indentation after it are nft's; blanks elsewhere may be a comment's.
    broken = broken || c == '\n';
    if (broken && (control || c == ' ')) continue;
    if (broken && !text.empty() && text.back() != ' ') text += ' ';
    broken = false;
    text += control ? ' ' : c;
  }
  return text;
}

std::string nft_comment(std::string_view raw) {
  constexpr std::string_view kComment = "comment \"";
  const std::string_view text = trim(raw.substr(0, std::min(handle_begin(raw), raw.size())));
  // Elements have comments too; the rule's own is what ends it.
  if (text.empty() || text.back() != '"') return {};
  const std::size_t at = text.rfind(kComment);
  if (at == std::string_view::npos || at + kComment.size() > text.size() - 1) return {};
  return std::string{text.substr(at + kComment.size(), text.size() - 1 - at - kComment.size())};
}

}  // namespace synfate::inventory
