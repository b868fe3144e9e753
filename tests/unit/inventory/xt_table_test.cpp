// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/xt_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "fixtures.hpp"
#include "inventory/reader.hpp"
#include "xt_blob.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr model::NetnsId kPod = 4026532511;
enum Hook : unsigned { Prerouting, Input, Forward, Output, Postrouting };

std::string xt_fixture(const std::string& name) {
  std::ifstream file{std::string{SYNFATE_FIXTURES} + "/xt_tables/" + name, std::ios::binary};
  REQUIRE(file);
  return {std::istreambuf_iterator<char>{file}, {}};
}

machine::XtTableBytes captured(const std::string& name) {
  auto bytes = test::from_xt_file(xt_fixture(name + ".bin"));
  REQUIRE(bytes);
  return *std::move(bytes);
}

XtTable parsed(const machine::XtTableBytes& bytes, int family = AF_INET) {
  auto table = parse_xt_table(family, "filter", bytes);
  if (!table) FAIL(to_string(table.error()));
  return *std::move(table);
}

/// "-j REJECT", "-g pods", or nothing: of a line of iptables-save.
std::string action_of(const std::string& line) {
  for (const char* option : {" -j ", " -g "}) {
    if (const auto at = line.find(option); at != std::string::npos) return line.substr(at + 1, line.find(' ', at + 4) - at - 1);
  }
  return "";
}

std::string action_of(const XtTable& table, const XtRule& rule) {
  switch (rule.verdict) {
    case XtVerdict::Drop: return "-j DROP";
    case XtVerdict::Accept: return "-j ACCEPT";
    case XtVerdict::Queue: return "-j QUEUE";
    case XtVerdict::Return: return "-j RETURN";
    case XtVerdict::Jump: return "-j " + table.chains[rule.to_chain].name;
    case XtVerdict::Goto: return "-g " + table.chains[rule.to_chain].name;
    case XtVerdict::Target: return "-j " + rule.target;
    default: return "";
  }
}

struct Saved {
  std::map<std::string, std::string> policies;              ///< of every chain, "-" for a user's
  std::map<std::string, std::vector<std::string>> actions;  ///< by chain, in its order
};

Saved saved(const std::string& name) {
  Saved all;
  std::istringstream lines{xt_fixture(name + ".save")};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string first;
    std::string chain;
    words >> first >> chain;
    if (first == "-A") all.actions[chain].push_back(action_of(line));
    if (first.front() == ':') all.policies[first.substr(1)] = chain;
  }
  return all;
}

/// "INPUT 5" or "FORWARD policy" of each.
std::set<std::string> finals(const XtTable& table, unsigned hook) {
  std::set<std::string> names;
  for (const XtRule* rule : table.final_rules_from(hook)) {
    names.insert(table.chain_name(*rule) + (rule->role == XtRole::Policy ? " policy" : " " + std::to_string(rule->number)));
  }
  return names;
}

std::uint64_t plain_fnv1a(const std::string& bytes) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 1099511628211U;
  }
  return hash;
}

}  // namespace

TEST_CASE("xtables' TRACE counts what ends a chain as well") {
  const XtTable table = parsed(test::small_xt_table(AF_INET));
  REQUIRE(table.traced("INPUT", 1) != nullptr);
  CHECK(table.traced("INPUT", 1)->target == "REJECT");
  CHECK(table.traced("INPUT", 3)->role == XtRole::Rule);
  CHECK(table.traced("INPUT", 4)->role == XtRole::Policy);
  CHECK(table.traced("INPUT", 4)->drops == XtDrops::Always);
  CHECK(table.traced("INPUT", 5) == nullptr);
  CHECK(table.traced("INPUT", 0) == nullptr);
  CHECK(table.traced("FORWARD", 2)->drops == XtDrops::Never);
  CHECK(table.traced("one", 1)->target == "DNAT");
  CHECK(table.traced("one", 2)->role == XtRole::ChainEnd);
  CHECK(table.traced("two", 1)->role == XtRole::ChainEnd);
  CHECK(table.traced("three", 1) == nullptr);
}

TEST_CASE("what an entry has matched is read, and does not make it another one") {
  machine::XtTableBytes bytes = test::small_xt_table(AF_INET);
  const XtTable before = parsed(bytes);
  CHECK(before.rules[0].packets == 0);
  const std::uint64_t packets = 0x1234567890;
  std::memcpy(bytes.entries.data() + 96, &packets, sizeof packets);
  const XtTable after = parsed(bytes);
  CHECK(after.rules[0].packets == packets);
  CHECK(after.rules[1].packets == 0);
  CHECK(after.same_rules(before));
}

TEST_CASE("chains, numbers and targets are those of iptables-legacy-save, line by line") {
  for (const char* name : {"ip_filter", "ip_mangle", "ip_untouched", "ip6_filter"}) {
    CAPTURE(name);
    const XtTable table = parsed(captured(name), std::string_view(name).substr(0, 3) == "ip6" ? AF_INET6 : AF_INET);
    const Saved expected = saved(name);
    Saved found;
    for (const XtChain& chain : table.chains) {
      REQUIRE(found.policies.emplace(chain.name, "-").second);
      for (std::uint32_t i = chain.first; i < chain.first + chain.count; ++i) {
        const XtRule& rule = table.rules[i];
        CHECK(table.chain_name(rule) == chain.name);
        CHECK(table.at(rule.offset) == &rule);
        if (rule.role == XtRole::Rule) {
          found.actions[chain.name].push_back(action_of(table, rule));
          CHECK(rule.number == found.actions[chain.name].size());
        } else {
          CHECK(i == chain.first + chain.count - 1);
          CHECK(rule.number == 0);
          CHECK((rule.role == XtRole::Policy) == chain.hook.has_value());
          if (chain.hook) found.policies[chain.name] = action_of(table, rule).substr(3);
        }
      }
    }
    CHECK(found.policies == expected.policies);
    CHECK(found.actions == expected.actions);
  }
}

TEST_CASE("no entry begins elsewhere") {
  const XtTable table = parsed(captured("ip_filter"));
  CHECK(table.at(0) == &table.rules.front());
  CHECK(table.at(8) == nullptr);
  CHECK(table.at(1U << 30U) == nullptr);
}

TEST_CASE("the rules that can drop at a hook, and only what it can reach") {
  const XtTable filter = parsed(captured("ip_filter"));
  CHECK(finals(filter, Input) == std::set<std::string>{"INPUT 5", "INPUT policy", "deep 2"});
  CHECK(finals(filter, Forward) == std::set<std::string>{"FORWARD 1", "FORWARD 4", "FORWARD policy", "KUBE-POD-FW-4BDGZEWEU32YM75H 3"});
  CHECK(finals(filter, Output).empty());
  CHECK(finals(filter, Prerouting).empty());
  CHECK(filter.final_rules_from(77).empty());
  for (const XtRule* rule : filter.final_rules_from(Input)) CHECK(rule->drops == XtDrops::Always);

  const XtTable six = parsed(captured("ip6_filter"), AF_INET6);
  CHECK(finals(six, Input) == std::set<std::string>{"INPUT 1", "INPUT 2"});
  CHECK(finals(six, Forward) == std::set<std::string>{"FORWARD policy", "pods 3", "pods 4"});
  CHECK(finals(six, Output) == std::set<std::string>{"OUTPUT 1"});
}

TEST_CASE("a target that may drop is final, and said to be no proof of a drop") {
  const XtTable mangle = parsed(captured("ip_mangle"));
  CHECK(finals(mangle, Prerouting) == std::set<std::string>{"PREROUTING 1"});
  CHECK(finals(mangle, Forward) == std::set<std::string>{"FORWARD 1"});
  CHECK(finals(mangle, Postrouting) == std::set<std::string>{"POSTROUTING 1", "POSTROUTING 2"});
  CHECK(mangle.final_rules_from(Forward).front()->drops == XtDrops::Maybe);
  CHECK(mangle.final_rules_from(Postrouting).back()->drops == XtDrops::Always);
}

TEST_CASE("the proof is of what the kernel's copy shares, and of nothing that moves") {
  for (const int family : {AF_INET, AF_INET6}) {
    const std::size_t matched = family == AF_INET ? 84 : 136;
    machine::XtTableBytes bytes = captured(family == AF_INET ? "ip_filter" : "ip6_filter");
    const XtTable table = parsed(bytes, family);
    const XtRule& rule = table.rules[1];
    const std::string entry = bytes.entries.substr(rule.offset);
    std::uint16_t target_at = 0;
    std::memcpy(&target_at, entry.data() + matched + 4, sizeof target_at);
    CHECK(rule.proof == plain_fnv1a(entry.substr(0, matched) + entry.substr(matched + 4, 4) + entry.substr(target_at, 2)));
    // nfcache, comefrom and the counters.
    bytes.entries[rule.offset + matched] ^= 1;
    bytes.entries[rule.offset + matched + 8] ^= 1;
    const std::size_t counters = family == AF_INET ? 96 : 152;
    for (std::size_t i = 0; i < 16; ++i) bytes.entries[rule.offset + counters + i] ^= 1;
    CHECK(parsed(bytes, family).rules[1].proof == rule.proof);
    bytes.entries[rule.offset] ^= 1;
    CHECK(parsed(bytes, family).rules[1].proof != rule.proof);
  }
}

TEST_CASE("loops end, and a chain that only an unreachable one leads to is not reached") {
  test::XtBlob blob;
  constexpr std::uint32_t kEntry = 112 + 40;
  constexpr std::uint32_t kHead = 112 + 64;
  const auto first = static_cast<std::int32_t>(2 * kEntry + kHead);
  const auto second = static_cast<std::int32_t>(4 * kEntry + 2 * kHead);
  const auto third = static_cast<std::int32_t>(6 * kEntry + 3 * kHead);
  blob.begin(Input).standard(first, 1).policy(Input, test::kAccept);
  blob.chain("a").standard(second, 1).standard(test::kReturn);
  blob.chain("b").standard(first, 1).standard(test::kReturn);
  blob.chain("c").standard(test::kDrop, 1).standard(third, 2).standard(test::kReturn).close();
  const XtTable table = parsed(blob.bytes);
  CHECK(table.rules.back().role == XtRole::ChainEnd);
  CHECK(table.final_rules_from(Input).empty());
  CHECK(table.rules[0].verdict == XtVerdict::Jump);
  CHECK(table.chains[table.rules[0].to_chain].name == "a");
}

TEST_CASE("a table that is not laid out as iptables does is refused, and says where") {
  const auto why = [](const machine::XtTableBytes& bytes) {
    const auto table = parse_xt_table(AF_INET, "filter", bytes);
    REQUIRE_FALSE(table);
    CHECK(table.error().kind == ErrorKind::BadData);
    return table.error().why;
  };
  const auto input = [] { return test::XtBlob{}.begin(Input); };
  CHECK(why({}) == "it has 0 entries, not 0");
  CHECK(why(input().policy(Input, test::kDrop).bytes).find("does not close") != std::string::npos);
  CHECK(why(input().standard(test::kDrop).close().bytes).find("does not end it") != std::string::npos);
  CHECK(why(input().policy(Input, test::kReturn).close().bytes).find("does not end it") != std::string::npos);
  CHECK(why(input().policy(Input, -77).close().bytes).find("unknown verdict") != std::string::npos);
  CHECK(why(input().standard(8, 1).policy(Input, test::kDrop).close().bytes).find("no entry begins") != std::string::npos);
  CHECK(why(test::XtBlob{}.standard(test::kDrop).close().bytes).find("in no chain") != std::string::npos);
  const auto end = test::kReturn;
  CHECK(why(input().policy(Input, test::kDrop).chain("a").chain("b").standard(end).close().bytes).find("without an end") !=
        std::string::npos);
  CHECK(why(input().policy(Input, test::kDrop).chain("").standard(end).close().bytes).find("without a name") != std::string::npos);
  CHECK(why(input().policy(Input, test::kDrop).chain("INPUT").standard(end).close().bytes) == "two chains have one name");
  CHECK(why(input().policy(Input, test::kDrop).chain("a").standard(test::kDrop).close().bytes).find("does not end it") !=
        std::string::npos);

  // Hooks and entries of two moments: the same size, a rule that moved from one chain to the other.
  const auto two = [](unsigned first, unsigned second) {
    test::XtBlob blob;
    blob.begin(Input);
    for (unsigned i = 0; i < first; ++i) blob.standard(test::kDrop, 1);
    blob.policy(Input, test::kAccept).begin(Forward);
    for (unsigned i = 0; i < second; ++i) blob.standard(test::kDrop, 1);
    return blob.policy(Forward, test::kAccept).close().bytes;
  };
  machine::XtTableBytes mixed = two(2, 1);
  mixed.entries = two(1, 2).entries;
  CHECK(why(mixed).find("does not end it") != std::string::npos);
  mixed = two(1, 1);
  mixed.hook_entry[Forward] = mixed.hook_entry[Input];
  CHECK(why(mixed).find("does not end it") != std::string::npos);
  mixed = two(1, 1);
  mixed.valid_hooks |= 1U << Output;
  CHECK(why(mixed) == "a hook has no chain of its own");
  mixed = two(1, 1);
  ++mixed.num_entries;
  CHECK(why(mixed) == "it has 5 entries, not 6");
  for (std::size_t cut = 1; cut < mixed.entries.size(); ++cut) {
    machine::XtTableBytes less = mixed;
    less.entries.resize(cut);
    CHECK_FALSE(why(less).empty());
  }
}

TEST_CASE("the reader fetches a table of a namespace, and passes on why it cannot") {
  machine::FakeMachine machine;
  machine.add_process(42, "server", kPod);
  machine.add_file("/proc/thread-self/mountinfo", "");
  auto& netns = machine.netns(kPod);
  netns.xt_tables.insert_or_assign({AF_INET, "filter"}, captured("ip_filter"));
  netns.xt_tables.insert_or_assign({AF_INET, "mangle"}, Error{ErrorKind::Permission, "no", "no", ""});
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  const auto filter = reader.read_xt_table(kPod, AF_INET, "filter");
  REQUIRE(filter);
  CHECK(filter->family == 2);
  CHECK(filter->name == "filter");
  CHECK(filter->chains.size() == 8);
  CHECK(reader.read_xt_table(kPod, AF_INET, "mangle").error().kind == ErrorKind::Permission);
  CHECK(reader.read_xt_table(kPod, AF_INET6, "filter").error().kind == ErrorKind::Gone);
  CHECK(reader.read_xt_table(kPod + 1, AF_INET, "filter").error().kind == ErrorKind::Gone);
  CHECK(reader.knows(kPod));
}
