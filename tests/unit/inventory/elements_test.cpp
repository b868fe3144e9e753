// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/elements.hpp"

#include <doctest/doctest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

using namespace synfate;
using namespace synfate::inventory;

namespace {

using namespace std::string_literals;

NftLookup port(std::uint16_t number) {
  NftLookup lookup;
  lookup.known = true;
  lookup.key = {static_cast<char>(number >> 8U), static_cast<char>(number), 0, 0};
  lookup.parts = {{KeyKind::Port, 0, 2}};
  return lookup;
}

NftElement element(std::string key, std::uint32_t flags = 0, std::string end = "") {
  return {std::move(key), std::move(end), flags, "", std::nullopt};
}

std::string met(const NftSet& set, const NftLookup& lookup, const std::vector<NftElement>& elements) {
  ElementSearch search{set, lookup};
  for (const auto& each : elements) search.look_at(each);
  const auto found = search.found();
  return found ? found->text : "";
}

}  // namespace

TEST_CASE("ranges as the kernel keeps them: begins and ends are elements, in any order") {
  const NftSet set{"s", NFT_SET_INTERVAL, 2, false};
  const std::vector<NftElement> elements{element("\x00\x65"s, NFT_SET_ELEM_INTERVAL_END),
                                         element("\x00\x50"s),
                                         element("\x00\x5a"s),
                                         element("\x00\x5a"s, NFT_SET_ELEM_INTERVAL_END),
                                         element("\x00\x00"s, NFT_SET_ELEM_INTERVAL_END),
                                         element("\xff\x00"s)};
  CHECK(met(set, port(79), elements) == "");
  CHECK(met(set, port(80), elements) == "80-89");
  CHECK(met(set, port(89), elements) == "80-89");
  CHECK(met(set, port(90), elements) == "90-100");
  CHECK(met(set, port(101), elements) == "");
  CHECK(met(set, port(65535), elements) == "65280-65535");
  CHECK(met(set, port(80), {}) == "");
}

TEST_CASE("single values, two that both match, and the one for all the rest") {
  const NftSet set{"s", 0, 2, false};
  CHECK(met(set, port(80), {element("\x00\x50"s), element("\x00\x51"s)}) == "80");
  CHECK(met(set, port(82), {element("\x00\x50"s), element("\x00\x51"s)}) == "");
  CHECK(met(set, port(82), {element("\x00\x50"s), element("", 2)}) == "*");
  CHECK(met(set, port(80), {element("\x00\x50"s), element("", 2)}) == "80");
  CHECK(met(set, port(80), {element("\x00\x50"s), element("\x00\x50"s)}) == "");
  NftLookup unknown = port(80);
  unknown.known = false;
  CHECK(met(set, unknown, {element("\x00\x50"s)}) == "");
  // A key of another size than what was loaded.
  CHECK(met({"s", 0, 8, false}, port(80), {element("\x00\x50"s)}) == "");
  CHECK(met({"s", 0, 1, false}, port(80), {element("\x00"s)}) == "");
  CHECK(met({"s", 0, 0, false}, port(80), {element(""s)}) == "");
}

TEST_CASE("concatenations of ranges: each part must fit") {
  NftLookup lookup;
  lookup.known = true;
  lookup.key = "\x0a\x03\x00\x07\x00\x55\x00\x00"s;
  lookup.parts = {{KeyKind::Ipv4, 0, 4}, {KeyKind::Port, 4, 2}};
  const NftSet set{"s", NFT_SET_INTERVAL, 8, false};
  const auto range = element("\x0a\x03\x00\x00\x00\x50\x00\x00"s, 0, "\x0a\x03\x00\xff\x00\x5a\x00\x00"s);
  CHECK(met(set, lookup, {range}) == "10.3.0.0/24 . 80-90");
  lookup.key[5] = '\x5b';
  CHECK(met(set, lookup, {range}) == "");
  lookup.key[5] = '\x55';
  CHECK(met(set, lookup, {range, range}) == "");
  CHECK(met(set, lookup, {element("\x0a"s, 0, "\x0b"s)}) == "");
  lookup.parts[0].kind = KeyKind::Device;
  CHECK(met(set, lookup, {range}) == "");
}

TEST_CASE("a rule whose expressions are not understood has no known key") {
  NftRule rule;
  const NftPacket packet{NFPROTO_INET, {{*model::parse_ip("10.0.0.1"), 1}, {*model::parse_ip("10.0.0.2"), 2}}, "", ""};
  rule.expressions = {{"payload", "x"}, {"bitwise", ""}, {"meta", std::string(3, '\xff')}, {"lookup", ""}, {"", ""}};
  const auto lookups = lookups_of(rule, packet);
  REQUIRE(lookups.size() == 1);
  CHECK_FALSE(lookups[0].known);
}
