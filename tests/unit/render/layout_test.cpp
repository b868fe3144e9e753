// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Folding: no line too wide, no word lost, breaks where they help.
#include "render/layout.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"

using namespace synfate;
using namespace synfate::render;

namespace {

TextStyle columns(unsigned width) { return {width, false, false, false}; }

Phrase sentence(std::string_view text) {
  Phrase phrase;
  phrase.words(text);
  return phrase;
}

std::string without_blanks(std::string_view text) {
  std::string rest;
  for (const char c : text) {
    if (c != ' ' && c != '\n') rest += c;
  }
  return rest;
}

}  // namespace

TEST_CASE("an empty phrase has no lines, not even a label") {
  CHECK(lay_out(Phrase{}, columns(40), 0, 2).empty());
  CHECK(lay_out(sentence("   "), columns(40), 0, 2).empty());
  CHECK(labelled("flow", Phrase{}, columns(40)).empty());
}

TEST_CASE("without a width nothing is wrapped and inner spaces stay") {
  const std::string long_text(5000, 'x');
  CHECK(lay_out(sentence(long_text + "  y"), columns(0), 0, 2) == long_text + "  y\n");
}

TEST_CASE("a line that just fits is not folded, one column less folds it") {
  CHECK(lay_out(sentence("aaaa bbbb"), columns(9), 0, 2) == "aaaa bbbb\n");
  CHECK(lay_out(sentence("aaaa bbbb"), columns(8), 0, 2) == "aaaa\n  bbbb\n");
}

TEST_CASE("a line ends before a group rather than inside it") {
  Phrase phrase;
  phrase.group("one two", 0).group("three four five");
  CHECK(lay_out(phrase, columns(25), 0, 2) == "one two   three four five\n");
  CHECK(lay_out(phrase, columns(20), 0, 2) == "one two\n  three four five\n");
  CHECK(lay_out(phrase, columns(12), 0, 2) == "one two\n  three four\n  five\n");
}

TEST_CASE("a sign stays with its word while it can") {
  Phrase phrase;
  phrase.words("source").glued("→", "destination");
  CHECK(lay_out(phrase, columns(20), 0, 2) == "source → destination\n");
  CHECK(lay_out(phrase, columns(16), 0, 2) == "source\n  → destination\n");
  CHECK(lay_out(phrase, columns(13), 0, 2) == "source\n  →\n  destination\n");
}

TEST_CASE("a word wider than the line stands alone and whole") {
  CHECK(lay_out(sentence("a bbbbbbbbbbbbbbbbbbbb c"), columns(10), 0, 2) == "a\n  bbbbbbbbbbbbbbbbbbbb\n  c\n");
}

TEST_CASE("columns are code points, not bytes") {
  CHECK(display_width("→─×é") == 4);
  CHECK(lay_out(sentence("→→→→ ××××"), columns(9), 0, 2) == "→→→→ ××××\n");
}

TEST_CASE("at every width no line is too wide and no letter is lost") {
  Phrase phrase;
  phrase.group("10.42.0.17:43210", 0)
      .glued("→", "10.43.96.7:4317")
      .group("DNAT")
      .glued("→", "10.42.0.9:4317")
      .group("SYN ×3 in 3.0 s, and so on");
  const std::string whole = without_blanks(lay_out(phrase, columns(0), 0, 0));
  for (unsigned width = 1; width < 130; ++width) {
    CAPTURE(width);
    const std::string lines = lay_out(phrase, columns(width), 0, 2);
    CHECK(without_blanks(lines) == whole);
    for (const std::string_view line : split(lines, '\n')) {
      const bool single_word = trim(line).find(' ') == std::string_view::npos;
      CHECK((display_width(line) <= width || single_word));
      CHECK((line.empty() || line.back() != ' '));
    }
  }
}

TEST_CASE("a label hangs its text, and stands above it where there is no room") {
  CHECK(labelled("flow", sentence("aaaaaaaaaa bbbbbbbbbb cc"), columns(32)) == "  flow   aaaaaaaaaa bbbbbbbbbb\n         cc\n");
  CHECK(labelled("", sentence("more"), columns(32)) == "         more\n");
  CHECK(labelled("flow", sentence("aaaaaaaaaa bbbbbbbbbb"), columns(20)) == "  flow\n    aaaaaaaaaa\n    bbbbbbbbbb\n");
}

TEST_CASE("colour only when told, and it takes no columns") {
  Phrase phrase;
  phrase.group("DROPPED", 0, Paint::Bad).group("by a rule", 2);
  CHECK(lay_out(phrase, columns(18), 0, 2) == "DROPPED  by a rule\n");
  TextStyle style = columns(18);
  style.color = true;
  CHECK(lay_out(phrase, style, 0, 2) == "\x1b[1;31mDROPPED\x1b[0m  by a rule\n");
}

TEST_CASE("ASCII has no byte above 127, and folds by what it prints") {
  Phrase phrase;
  phrase.words("a").glued("→", "b").glued("─", "c").words("×3 ✗ ✓ · … ↔ é 日本");
  TextStyle style = columns(0);
  style.ascii = true;
  CHECK(lay_out(phrase, style, 0, 2) == "a -> b - c x3 X ok | ... <-> ? ??\n");
  Phrase arrow;
  arrow.words("aaa").glued("→", "bbb");
  style.width = 9;
  CHECK(lay_out(arrow, style, 0, 2) == "aaa\n  -> bbb\n");
}

TEST_CASE("joining keeps breaks and puts one space at the seam") {
  Phrase tail;
  tail.words("x").glued("─", "y");
  Phrase head;
  head.words("title:").join(tail);
  CHECK(lay_out(head, columns(0), 0, 0) == "title: x ─ y\n");
  CHECK(lay_out(Phrase{}.join(tail), columns(0), 0, 0) == "x ─ y\n");
  CHECK(lay_out(head.join(Phrase{}), columns(0), 0, 0) == "title: x ─ y\n");
}
