// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Words into lines of a terminal's width. Wraps and never cuts; knows nothing of what the words mean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace synfate::render {

/// How text is to look; the defaults are those of a pipe.
struct TextStyle {
  unsigned width = 0;    ///< columns; 0: not a terminal, nothing is wrapped
  bool color = false;    ///< may colour the fate and the losses
  bool ascii = false;    ///< the terminal has no UTF-8
  bool verbose = false;  ///< every leg, whole paths, the kernel function beside the rule
};

enum class Paint { None, Good, Bad, Doubtful, Faint };

/// One logical line: words, and how willingly the line ends before each of them. Takes clean text only.
///
///   14:40:31.204  DROPPED  by a rule   a/client → b/server:80
///   group         group    group       group    glued
class Phrase {
 public:
  /// Words that belong together, after `gap` spaces; a line rather ends before a group than inside it.
  Phrase& group(std::string_view text, unsigned gap = 3, Paint paint = Paint::None);
  /// Words after `gap` spaces.
  Phrase& words(std::string_view text, unsigned gap = 1);
  /// A word that should not be parted from the one before it.
  Phrase& glue(std::string_view word);
  /// A sign and the word that it should not be parted from.
  Phrase& glued(std::string_view sign, std::string_view word);
  /// All of another phrase, after one space.
  Phrase& join(const Phrase& other);

  bool empty() const { return words_.empty(); }

 private:
  friend std::string lay_out(const Phrase&, const TextStyle&, unsigned, unsigned);

  enum class Break { Group, Word, Glue };
  struct Word {
    std::string text;
    unsigned gap = 1;
    Break before = Break::Word;
    Paint paint = Paint::None;
  };
  class Folder;

  void append(std::string_view text, unsigned gap, Break before, Paint paint);

  std::vector<Word> words_;
};

/// The lines of a phrase, each with its newline: the first begins at `first_column`, the others at `hanging_column`. No line is wider than
/// the style's width unless one word alone is.
std::string lay_out(const Phrase& phrase, const TextStyle& style, unsigned first_column, unsigned hanging_column);

/// A phrase under a label of at most six characters, hanging; an empty label continues the row above. "" for an empty phrase.
///
///   "  flow   10.0.0.1:1234 → 10.0.0.2:80"
std::string labelled(std::string_view label, const Phrase& phrase, const TextStyle& style);

/// Columns that valid UTF-8 takes, each code point counted as one.
std::size_t display_width(std::string_view text);

}  // namespace synfate::render
