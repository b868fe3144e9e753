// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/iptables_save.hpp"

#include <doctest/doctest.h>

#include "base/text.hpp"
#include "base/time.hpp"
#include "dumps.hpp"
#include "fixtures.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

/// How many lines are rules, counted without the parser.
std::size_t rule_lines(const std::string& text) {
  std::size_t count = 0;
  for (const auto line : split(text, '\n')) {
    const auto at = line.find("-A ");
    count += at == 0 || (at != std::string::npos && line.front() == '[' && line[at - 1] == ' ' && line[at - 2] == ']') ? 1 : 0;
  }
  return count;
}

std::size_t rules_of(const SavedRules& saved) {
  std::size_t count = 0;
  for (const auto& table : saved.tables) count += table.rules.size();
  return count;
}

}  // namespace

TEST_CASE("both backends' output: tables, policies, rules in order, comments unquoted") {
  for (const char* name : {"rules/iptables-legacy-save.txt", "rules/iptables-nft-save.txt"}) {
    INFO(name);
    const std::string text = test::fixture(name);
    const SavedRules saved = parse_iptables_save(text);
    CHECK(saved.complete);
    CHECK(saved.odd_lines == 0);
    const SavedTable* filter = saved.table("filter");
    REQUIRE(filter != nullptr);
    REQUIRE(filter->chain("FORWARD") != nullptr);
    CHECK(filter->chain("FORWARD")->policy == "DROP");
    REQUIRE(filter->chain("USER") != nullptr);
    CHECK(filter->chain("USER")->policy == "-");
    const auto rules = filter->rules_of("USER");
    REQUIRE(rules.size() == 4);
    CHECK(rules[0]->text ==
          "-A USER -p tcp -m tcp --dport 2 -m comment --comment \"say \\\"no\\\" \\\\ it\\'s\" -m comment --comment second -j DROP");
    CHECK(iptables_comment(rules[0]->text) == "say \"no\" \\ it's / second");
    CHECK(iptables_target(rules[0]->text) == "DROP");
    CHECK(iptables_comment(rules[1]->text) == "a\nb\t-A USER -j ACCEPT");
    CHECK(one_line(iptables_comment(rules[1]->text)) == "a b -A USER -j ACCEPT");
    CHECK(iptables_target(rules[1]->text) == "REJECT");
    CHECK(iptables_comment(rules[2]->text) == "");
    CHECK(iptables_target(rules[2]->text) == "OTHER");
    CHECK(rules[2]->text == "-A USER -s 10.0.0.0/8 -g OTHER");
    CHECK(iptables_target(rules[3]->text) == "");
    CHECK(filter->rules_of("INPUT").size() == 1);
    CHECK(filter->rules_of("NONE").empty());
  }
}

TEST_CASE("a dump that is cut in the middle says so and keeps what is whole") {
  const std::string text = test::fixture("rules/iptables-nft-save.txt");
  const auto whole = rules_of(parse_iptables_save(text));
  for (std::size_t size = 0; size < text.size(); ++size) {
    const SavedRules cut = parse_iptables_save(std::string_view{text}.substr(0, size));
    CHECK(rules_of(cut) <= whole);
    for (const auto& table : cut.tables) {
      for (const auto& rule : table.rules) {
        const std::string line = "] " + std::string{rule.text} + "\n";
        CHECK(text.find(line) != std::string::npos);
      }
    }
    const bool ended = cut.tables.empty() || cut.tables.back().complete;
    CHECK((ended || !cut.complete));
  }
  const SavedRules without_commit = parse_iptables_save("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\n");
  CHECK_FALSE(without_commit.complete);
  CHECK_FALSE(without_commit.table("filter")->complete);
  CHECK(without_commit.table("filter")->rules.size() == 1);
}

TEST_CASE("lines that this iptables has no words for are kept and flagged, warnings are heard") {
  const SavedRules saved = parse_iptables_save(
      "# Warning: iptables-legacy tables present, use iptables-legacy-save to see them\n"
      "*filter\n:INPUT ACCEPT [0:0]\n"
      "-A INPUT -m policy [8 bytes of unknown match `new' ] -j DROP\n"
      "-A INPUT -p tcp -j DROP\n"
      "-A LATE -j DROP\n"
      "what is this\n"
      "COMMIT\n");
  CHECK(saved.warnings.size() == 1);
  CHECK(saved.odd_lines == 1);
  CHECK_FALSE(saved.complete);
  const SavedTable& filter = *saved.table("filter");
  CHECK(filter.complete);
  CHECK(iptables_unknown_part(filter.rules_of("INPUT")[0]->text));
  CHECK_FALSE(iptables_unknown_part(filter.rules_of("INPUT")[1]->text));
  CHECK(filter.rules_of("LATE").size() == 1);
}

TEST_CASE("control characters in a comment stay in the comment") {
  const SavedRules saved = parse_iptables_save("*filter\n-A INPUT -m comment --comment \"\x1b[31m\x01\n*nat\nCOMMIT\n\" -j DROP\nCOMMIT\n");
  REQUIRE(saved.tables.size() == 1);
  REQUIRE(saved.tables[0].rules.size() == 1);
  CHECK(one_line(iptables_comment(saved.tables[0].rules[0].text)) == " [31m  *nat COMMIT ");
  CHECK(iptables_target(saved.tables[0].rules[0].text) == "DROP");
}

TEST_CASE("10 MB of rules are parsed in linear time, well formed or not") {
  std::string text = "*filter\n:INPUT ACCEPT [0:0]\n";
  while (text.size() < 10U << 20U) text += "[1:60] -A INPUT -s 10.0.0.1/32 -m comment --comment \"a rule of many\" -j DROP\n";
  text += "COMMIT\n";
  const MonotonicNs start = monotonic_now();
  const SavedRules saved = parse_iptables_save(text);
  CHECK(saved.complete);
  CHECK(saved.tables[0].rules_of("INPUT").size() == rule_lines(text));
  // A quote that is never closed, and one that is never ended by a line.
  CHECK_FALSE(parse_iptables_save("*filter\n-A INPUT --comment \"" + std::string(10U << 20U, 'x')).complete);
  CHECK_FALSE(parse_iptables_save("*filter\n-A INPUT --comment \"" + std::string(10U << 20U, '\n')).complete);
  std::string chains = "*filter\n";
  for (int i = 0; chains.size() < 10U << 20U; ++i) chains += ":C" + std::to_string(i) + " - [0:0]\n-A C" + std::to_string(i) + " -j DROP\n";
  CHECK(rules_of(parse_iptables_save(chains)) > 100'000);
  CHECK(monotonic_now() - start < 30 * kSecond);
}

TEST_CASE("every dump of other projects is read without a line left over") {
  for (const auto& each : test::dumps("iptables")) {
    const auto& name = each.first;
    const auto& text = each.second;
    if (name.find("nftables") != std::string::npos) continue;
    INFO(name);
    const SavedRules saved = parse_iptables_save(text);
    CHECK(saved.odd_lines == 0);
    CHECK(rules_of(saved) == rule_lines(text));
    for (const auto& table : saved.tables) {
      for (const auto& rule : table.rules) {
        if (rule.text.find(" -j ") != std::string_view::npos) CHECK(iptables_target(rule.text) != "");
        if (rule.text.find(" --comment ") != std::string_view::npos) CHECK(iptables_comment(rule.text) != "");
      }
    }
  }
}
