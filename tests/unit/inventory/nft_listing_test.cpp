// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/nft_listing.hpp"

#include <doctest/doctest.h>

#include "base/time.hpp"
#include "dumps.hpp"
#include "fixtures.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

std::size_t rules_of(const NftListing& listing) {
  std::size_t count = 0;
  for (const auto& chain : listing.chains) count += chain.rules.size();
  return count;
}

}  // namespace

TEST_CASE("a listing of real nft: chains, handles, texts on one line, comments") {
  const std::string text = test::fixture("rules/nft-a-list-ruleset.txt");
  const NftListing listing = parse_nft_listing(text);
  CHECK(listing.complete);
  CHECK(listing.odd_lines == 0);
  CHECK(listing.others == 4);
  const NftListedChain* in = listing.chain("inet", "lab", "in");
  REQUIRE(in != nullptr);
  CHECK(in->base == "type filter hook input priority filter; policy drop;");
  REQUIRE(in->rules.size() == 5);
  for (const auto& rule : in->rules) CHECK(rule.handle);
  CHECK(nft_rule_text(in->rules[0].raw) == "tcp dport 22 accept");
  CHECK(nft_rule_text(in->rules[1].raw) ==
        "ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, 10.0.0.6, 10.0.0.7, 10.0.0.8 } counter packets 0 bytes 0 drop "
        "comment \"a  list # handle 7 { of many\"");
  CHECK(nft_comment(in->rules[1].raw) == "a  list # handle 7 { of many");
  CHECK(nft_comment(in->rules[2].raw) == "");
  CHECK(nft_rule_text(in->rules[2].raw) == "ct state new ip daddr . meta l4proto . th dport vmap @none");
  CHECK(nft_comment(in->rules[3].raw) == "");
  REQUIRE(listing.chain("ip", "filter", "INPUT") != nullptr);
  CHECK(listing.chain("ip", "filter", "INPUT")->rules.size() == 1);
  CHECK(listing.chain("inet", "lab", "absent") == nullptr);
}

TEST_CASE("a listing that is cut in the middle says so and keeps what is whole") {
  const std::string text = test::fixture("rules/nft-a-list-ruleset.txt");
  const NftListing whole = parse_nft_listing(text);
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::string_view part = std::string_view{text}.substr(0, size);
    const NftListing cut = parse_nft_listing(part);
    CHECK(rules_of(cut) <= rules_of(whole));
    const NftListedChain* in = cut.chain("inet", "lab", "in");
    const NftListedChain* all = whole.chain("inet", "lab", "in");
    for (std::size_t i = 0; in != nullptr && i < in->rules.size(); ++i) CHECK(in->rules[i].raw == all->rules[i].raw);
  }
  CHECK_FALSE(parse_nft_listing("table ip t {\n\tchain c {\n\t\ttcp dport 1 drop # handle 4\n").complete);
}

TEST_CASE("what other versions of nft print is read too") {
  const NftListing listing = parse_nft_listing(
      "# Warning: table ip nat is managed by iptables-nft, do not touch!\n"
      "table ip nat { # handle 1\n"
      "\tcomment \"by hand\"\n"
      "\tflags owner,persist # progname x\n"
      "\tchain OUTPUT { # handle 2\n"
      "\t\tcomment \"a chain\"\n"
      "\t\ttype nat hook output priority dstnat + 1; policy accept;\n"
      "\t\t# Warning: XT target DNAT not found\n"
      "\t\tmeta l4proto tcp xt target \"DNAT\" # handle 3\n"
      "\t\t# match-set ips dst counter packets 0 bytes 0 drop # handle 4\n"
      "\t\tcomment \"a rule that is one comment\" # handle 5\n"
      "\t}\n"
      "\tchain empty { # handle 6\n\t}\n"
      "\tsynproxy s {\n\t\tmss 1460\n\t}\n"
      "}\n");
  CHECK(listing.complete);
  CHECK(listing.odd_lines == 0);
  CHECK(listing.others == 1);
  const NftListedChain& chain = *listing.chain("ip", "nat", "OUTPUT");
  CHECK(chain.base == "type nat hook output priority dstnat + 1; policy accept;");
  REQUIRE(chain.rules.size() == 3);
  CHECK(nft_rule_text(chain.rules[0].raw) == "meta l4proto tcp xt target \"DNAT\"");
  CHECK(chain.rules[1].handle == 4U);
  CHECK(chain.rules[2].handle == 5U);
}

TEST_CASE("control characters and imitations in a comment end neither the chain nor the parser") {
  const std::string text =
      "table ip t { # handle 1\n\tchain c { # handle 1\n"
      "\t\tdrop comment \"\x1b[31m\x01\t}\" # handle 3\n"
      "\t\taccept comment \"x\"\n\t\tdrop # handle 5\n\" # handle 4\n"
      "\t\ttcp dport 5 drop # handle 5\n"
      "\t}\n}\n";
  const NftListing listing = parse_nft_listing(text);
  const NftListedChain& chain = *listing.chain("ip", "t", "c");
  CHECK(nft_rule_text(chain.rules[0].raw) == "drop comment \" [31m  }\"");
  std::size_t fives = 0;
  for (const auto& rule : chain.rules) fives += rule.handle == 5U ? 1 : 0;
  CHECK(fives == 2);
}

TEST_CASE("10 MB of rules are parsed in linear time, well formed or not") {
  std::string text = "table ip t {\n\tchain c {\n";
  std::size_t count = 0;
  for (; text.size() < 10U << 20U; ++count)
    text += "\t\tip saddr 10.0.0.1 drop comment \"one\" # handle " + std::to_string(count + 1) + "\n";
  text += "\t}\n}\n";
  const MonotonicNs start = monotonic_now();
  const NftListing listing = parse_nft_listing(text);
  CHECK(listing.complete);
  CHECK(rules_of(listing) == count);
  const std::string braces = "table ip t {\n\tchain c {\n" + std::string(10U << 20U, '{');
  CHECK_FALSE(parse_nft_listing(braces).complete);
  CHECK(rules_of(parse_nft_listing(std::string(10U << 20U, '\n'))) == 0);
  CHECK(monotonic_now() - start < 30 * kSecond);
}

TEST_CASE("every dump of other projects is read without a line left over") {
  for (const char* part : {".nft", "nftables-dump"}) {
    for (const auto& each : test::dumps(part)) {
      const auto& name = each.first;
      const auto& text = each.second;
      INFO(name);
      const NftListing listing = parse_nft_listing(text);
      CHECK(listing.odd_lines == 0);
      CHECK(listing.complete);
      CHECK(rules_of(listing) > 0);
      for (const auto& chain : listing.chains) {
        CHECK(chain.name != "");
        for (const auto& rule : chain.rules) {
          const std::string line = nft_rule_text(rule.raw);
          CHECK(line != "");
          const auto at = rule.raw.find(" comment \"");
          const bool own = at != std::string_view::npos && rule.raw.find('{', at) == std::string_view::npos;
          if (own) CHECK(nft_comment(rule.raw) != "");
        }
      }
    }
  }
}
