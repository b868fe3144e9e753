// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Greedy folding at the widest break that helps: between groups, then words, then glued words.
#include "render/layout.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace synfate::render {
namespace {

constexpr unsigned kLabelColumn = 2;
constexpr unsigned kTextColumn = 9;
/// Below this a text column of nine would leave no room for text.
constexpr unsigned kNarrow = 30;

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }

std::string to_ascii(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kFallbacks{
      {{"→", "->"}, {"←", "<-"}, {"↔", "<->"}, {"─", "-"}, {"×", "x"}, {"✗", "X"}, {"✓", "ok"}, {"·", "|"}, {"…", "..."}, {"–", "-"}}};
  std::string ascii;
  while (!text.empty()) {
    const auto known = std::find_if(kFallbacks.begin(), kFallbacks.end(), [&](const auto& pair) { return text.starts_with(pair.first); });
    if (known != kFallbacks.end()) {
      ascii += known->second;
      text.remove_prefix(known->first.size());
      continue;
    }
    const bool plain = static_cast<unsigned char>(text.front()) < 0x80;
    ascii += plain ? text.front() : '?';
    do {
      text.remove_prefix(1);
    } while (!text.empty() && !begins_character(text.front()));
  }
  return ascii;
}

std::string_view escape_sequence(Paint paint) {
  switch (paint) {
    case Paint::None: return "";
    case Paint::Good: return "\x1b[32m";
    case Paint::Bad: return "\x1b[1;31m";
    case Paint::Doubtful: return "\x1b[33m";
    case Paint::Faint: return "\x1b[2m";
  }
  return "";
}

}  // namespace

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

void Phrase::append(std::string_view text, unsigned gap, Break before, Paint paint) {
  unsigned spaces = gap;
  Break strength = before;
  while (!text.empty()) {
    const std::size_t blanks = std::min(text.find_first_not_of(' '), text.size());
    spaces += static_cast<unsigned>(blanks);
    text.remove_prefix(blanks);
    if (text.empty()) return;
    const std::string_view word = text.substr(0, text.find(' '));
    words_.push_back({std::string(word), words_.empty() ? 0 : spaces, strength, paint});
    text.remove_prefix(word.size());
    spaces = 0;
    strength = Break::Word;
  }
}

Phrase& Phrase::group(std::string_view text, unsigned gap, Paint paint) {
  append(text, gap, Break::Group, paint);
  return *this;
}

Phrase& Phrase::words(std::string_view text, unsigned gap) {
  append(text, gap, Break::Word, Paint::None);
  return *this;
}

Phrase& Phrase::glue(std::string_view word) {
  append(word, 1, Break::Glue, Paint::None);
  return *this;
}

Phrase& Phrase::glued(std::string_view sign, std::string_view word) { return words(sign).glue(word); }

Phrase& Phrase::join(const Phrase& other) {
  const std::size_t seam = words_.size();
  words_.insert(words_.end(), other.words_.begin(), other.words_.end());
  if (seam != 0 && seam < words_.size()) words_[seam].gap = 1;
  return *this;
}

class Phrase::Folder {
 public:
  Folder(const std::vector<Word>& source, const TextStyle& style, unsigned first_column, unsigned hanging_column)
      : words_(source), style_(style), column_(first_column), hanging_column_(hanging_column), out_(first_column, ' ') {
    if (style_.ascii) {
      for (Word& word : words_) word.text = to_ascii(word.text);
    }
    widths_.reserve(words_.size());
    for (const Word& word : words_) widths_.push_back(display_width(word.text));
  }

  std::string fold() {
    if (style_.width == 0) {
      for (std::size_t i = 0; i < words_.size(); ++i) put(i);
    } else {
      place(0, words_.size(), Break::Group);
    }
    out_ += '\n';
    return std::move(out_);
  }

 private:
  std::size_t width_of(std::size_t begin, std::size_t end) const {
    std::size_t width = 0;
    for (std::size_t i = begin; i < end; ++i) width += (i == begin ? 0 : words_[i].gap) + widths_[i];
    return width;
  }

  void put(std::size_t index) {
    const Word& word = words_[index];
    if (!at_line_start_) {
      out_.append(word.gap, ' ');
      column_ += word.gap;
    }
    const std::string_view on = style_.color ? escape_sequence(word.paint) : std::string_view{};
    out_ += on;
    out_ += word.text;
    if (!on.empty()) out_ += "\x1b[0m";
    column_ += widths_[index];
    at_line_start_ = false;
  }

  void place(std::size_t begin, std::size_t end, Break level) {
    std::size_t piece = begin;
    while (piece < end) {
      std::size_t next = piece + 1;
      while (next < end && words_[next].before > level) ++next;
      place_piece(piece, next, level);
      piece = next;
    }
  }

  void place_piece(std::size_t begin, std::size_t end, Break level) {
    const std::size_t width = width_of(begin, end);
    const std::size_t gap = at_line_start_ ? 0 : words_[begin].gap;
    if (column_ + gap + width > style_.width && !at_line_start_) {
      out_ += '\n';
      out_.append(hanging_column_, ' ');
      column_ = hanging_column_;
      at_line_start_ = true;
    }
    const bool fits = column_ + (at_line_start_ ? 0 : gap) + width <= style_.width;
    if (fits || end - begin == 1) {
      for (std::size_t i = begin; i < end; ++i) put(i);
    } else {
      place(begin, end, level == Break::Group ? Break::Word : Break::Glue);
    }
  }

  std::vector<Word> words_;
  std::vector<std::size_t> widths_;
  const TextStyle& style_;
  std::size_t column_;
  unsigned hanging_column_;
  std::string out_;
  bool at_line_start_ = true;
};

std::string lay_out(const Phrase& phrase, const TextStyle& style, unsigned first_column, unsigned hanging_column) {
  if (phrase.empty()) return {};
  return Phrase::Folder(phrase.words_, style, first_column, hanging_column).fold();
}

std::string labelled(std::string_view label, const Phrase& phrase, const TextStyle& style) {
  const bool narrow = style.width != 0 && style.width < kNarrow;
  const unsigned column = narrow ? 2 * kLabelColumn : kTextColumn;
  std::string lines = lay_out(phrase, style, column, column);
  if (lines.empty() || label.empty()) return lines;
  if (narrow) return std::string(kLabelColumn, ' ').append(label).append("\n").append(lines);
  return lines.replace(kLabelColumn, label.size(), label);
}

}  // namespace synfate::render
