// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// read_rule_text against the answers of a real kernel and of real tools, without either.
#include "inventory/ruleset.hpp"

#include <doctest/doctest.h>
#include <linux/netfilter.h>

#include "fixtures.hpp"
#include "inventory/nft_objects.hpp"
#include "inventory/reader.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr std::uint64_t kNetns = 4026532511;
constexpr const char* kFilter = "iptables";
constexpr const char* kLab = "lab";

std::string captured(const std::string& name) { return test::fixture("rules/" + name); }

class Node {
 public:
  Node() {
    machine_.add_process(42, "python3", kNetns);
    answer(nft_generation_request(), "generation.bin");
    table({NFPROTO_IPV4, "filter"}, "USER", kFilter, 4);
    table({NFPROTO_INET, "lab"}, "in", kLab, 5);
    const NftTable lab{NFPROTO_INET, "lab"};
    answer(nft_chain_request(lab, "refuse"), "lab-refuse-chain.bin");
    answer(nft_rule_request(lab, "refuse", refuse_handle()), "lab-refuse-rule.bin");
    answer(nft_sets_request(lab), "lab-sets.bin");
    answer(nft_rules_request(lab, ""), "lab-table-rules.bin");
    for (const char* set : {"nets", "pairs", "none", "__set0"}) {
      answer(nft_set_request(lab, set), std::string{"lab-set-"} + set + ".bin");
      answer(nft_elements_request(lab, set), std::string{"lab-elements-"} + set + ".bin");
    }
    saved(captured("iptables-nft-save.txt"));
    machine_.add_command({"libnftables", "inet", "lab", "in"}, {0, captured("nft-a-list-chain.txt"), ""});
  }

  static RuleQuestion question(const std::string& lab, std::size_t number) {
    RuleQuestion asked;
    asked.key.kind = model::RuleKey::Kind::NftRule;
    asked.key.family = lab == kFilter ? NFPROTO_IPV4 : NFPROTO_INET;
    asked.key.table = lab == kFilter ? "filter" : "lab";
    asked.key.chain = lab == kFilter ? "USER" : "in";
    asked.key.table_handle = *decode_nft_table(captured(lab + "-table.bin"));
    asked.key.chain_handle = decode_nft_chain(captured(lab + "-chain.bin"))->handle;
    asked.key.handle = handle(lab, number);
    asked.key.number = static_cast<std::uint32_t>(number);
    asked.flow = {{*model::parse_ip("10.2.0.7"), 4000}, {*model::parse_ip("10.9.0.2"), 80}};
    return asked;
  }

  static std::uint64_t handle(const std::string& lab, std::size_t number) {
    return decode_nft_rule(captured(lab + "-rule-" + std::to_string(number) + ".bin"))->handle;
  }
  static std::uint64_t refuse_handle() { return decode_nft_rule(captured("lab-refuse-rule.bin"))->handle; }

  void answer(const machine::NetlinkRequest& request, const std::string& file) {
    machine_.netns(kNetns).answers.insert_or_assign({request.protocol, request.type, request.body},
                                                    Result<machine::NetlinkReply>{test::reply(file.empty() ? "" : captured(file))});
  }
  void refuse(const machine::NetlinkRequest& request) {
    machine_.netns(kNetns).answers.insert_or_assign({request.protocol, request.type, request.body},
                                                    Result<machine::NetlinkReply>{Error{ErrorKind::Gone, "x", "y", ""}});
  }
  void saved(const std::string& text) { machine_.add_command({"iptables-nft-save", "-t", "filter"}, {0, text, ""}); }

  model::RuleText read(const RuleQuestion& asked) {
    const machine::NetnsHandle netns{UniqueFd{}, kNetns};
    return read_rule_text(machine_, netns, 42, asked);
  }
  machine::FakeMachine& machine() { return machine_; }
  /// From now on the generation grows with each question for it, so many times.
  void keep_changing(unsigned times) {
    machine_.netns(kNetns).on_request = [times](machine::FakeNetns& netns, const machine::NetlinkRequest& asked) mutable {
      const auto generation = nft_generation_request();
      if (asked.type != generation.type || times == 0) return;
      --times;
      // The number is the message's first attribute, behind two headers of its own and its own header.
      constexpr std::size_t kLastByte = sizeof(nlmsghdr) + 4 + 4 + 3;
      auto& answer = netns.answers.at({asked.protocol, asked.type, asked.body});
      auto messages = answer->messages;
      ++messages.at(kLastByte);
      answer = Result<machine::NetlinkReply>{test::reply(messages)};
    };
  }

 private:
  void table(const NftTable& table, const std::string& chain, const std::string& prefix, std::size_t rules) {
    answer(nft_table_request(table), prefix + "-table.bin");
    answer(nft_chain_request(table, chain), prefix + "-chain.bin");
    answer(nft_chains_request(table), prefix + "-chains.bin");
    answer(nft_rules_request(table, chain), prefix + "-rules.bin");
    for (std::size_t number = 1; number <= rules; ++number) {
      answer(nft_rule_request(table, chain, handle(prefix, number)), prefix + "-rule-" + std::to_string(number) + ".bin");
    }
  }

  machine::FakeMachine machine_;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a rule of iptables-nft has the words of iptables-nft-save") {
  Node node;
  const auto text = node.read(Node::question(kFilter, 1));
  CHECK(text.gap == "");
  CHECK(text.backend == "iptables-nft");
  CHECK(text.number == 1U);
  CHECK(text.comment == "say \"no\" \\ it's / second");
  CHECK(text.source == "iptables-nft-save of the host");
  CHECK(node.read(Node::question(kFilter, 2)).text.find("--reject-with tcp-reset") != std::string::npos);
}

TEST_CASE("where iptables-nft-save cannot be believed its words are not taken") {
  Node node;
  const std::string whole = captured("iptables-nft-save.txt");
  const auto question = Node::question(kFilter, 1);
  const auto expect = [&] {
    const auto text = node.read(question);
    CHECK(text.text == "");
    CHECK(text.number == 1U);
    CHECK(text.backend == "iptables-nft");
    INFO(text.gap);
    CHECK(text.gap.find("its text could not be read") != std::string::npos);
  };
  // One rule more, one of another kind, one chain fewer, half of it.
  node.saved(replaced(whole, "[0:0] -A USER -s", "[0:0] -A USER -j DROP\n[0:0] -A USER -s"));
  expect();
  node.saved(replaced(whole, "second -j DROP", "second -j ACCEPT"));
  expect();
  node.saved(whole.substr(0, whole.size() / 2));
  expect();
  node.saved("");
  expect();
  // Then nft's listing serves, and the gap says so.
  node.machine().add_command(
      {"libnftables", "ip", "filter", "USER"},
      {0, "table ip filter {\n\tchain USER {\n\t\ttcp dport 2 drop # handle " + std::to_string(question.key.handle) + "\n\t}\n}\n", ""});
  const auto text = node.read(question);
  CHECK(text.text == "tcp dport 2 drop");
  CHECK(text.gap.find("leaves out what only iptables knows, since iptables-nft-save of the host prints no table") != std::string::npos);
}

TEST_CASE("native rules: text by handle, elements by key") {
  Node node;
  const auto many = node.read(Node::question(kLab, 2));
  CHECK(many.gap == "");
  CHECK(many.comment == "a  list # handle 7 { of many");
  CHECK(many.element == "");
  const auto vmap = node.read(Node::question(kLab, 3));
  CHECK(vmap.text == "ct state new ip daddr . meta l4proto . th dport vmap @none");
  CHECK(vmap.element == "10.9.0.2 . tcp . 80 comment \"ns2/svc2:p80\" : drop");
  CHECK(node.read(Node::question(kLab, 4)).element == "10.2.0.5-10.2.0.9");
  CHECK(node.read(Node::question(kLab, 5)).element == "");

  auto refused = Node::question(kLab, 1);
  refused.key.chain = "refuse";
  refused.key.chain_handle = 0;
  refused.key.handle = Node::refuse_handle();
  refused.flow.dst.address = *model::parse_ip("10.9.0.1");
  const auto way = node.read(refused);
  CHECK(way.via == "10.9.0.1 . tcp . 80 comment \"ns6/svc6:p80\" : goto refuse");
  CHECK(way.gap.find("its text could not be read") != std::string::npos);
  refused.flow.dst.address = *model::parse_ip("10.9.0.9");
  CHECK(node.read(refused).via == "");
}

TEST_CASE("a rule, a chain or a table that is another one now gives a gap and no text") {
  Node node;
  const auto question = Node::question(kLab, 3);
  const std::string gone = "(handle " + std::to_string(question.key.handle) + " is gone)";
  auto other = question;
  other.key.table_handle += 1;
  CHECK(node.read(other).gap.find(gone) != std::string::npos);
  other = question;
  other.key.chain_handle += 1;
  CHECK(node.read(other).gap.find(gone) != std::string::npos);
  other.key.kind = model::RuleKey::Kind::NftPolicy;
  CHECK(node.read(other).text == "");
  CHECK(node.read(other).gap == "the chain was removed or replaced between the drop and this reading");
  node.refuse(nft_rule_request({NFPROTO_INET, "lab"}, "in", question.key.handle));
  CHECK(node.read(question).text == "");
  CHECK(node.read(question).gap.find(gone) != std::string::npos);
  CHECK(node.machine().ran().empty());
}

TEST_CASE("a listing in which the handle is missing, twice, or with another comment names no text") {
  Node node;
  const auto question = Node::question(kLab, 2);
  const std::string listing = captured("nft-a-list-chain.txt");
  const std::string mine = " # handle " + std::to_string(question.key.handle) + "\n";
  for (const std::string& other : {replaced(listing, mine, " # handle 999\n"), replaced(listing, mine, mine + "\t\tdrop" + mine),
                                   replaced(listing, "of many", "of more"), listing.substr(0, listing.size() - 4), std::string{}}) {
    node.machine().add_command({"libnftables", "inet", "lab", "in"}, {0, other, ""});
    const auto text = node.read(question);
    CHECK(text.text == "");
    CHECK(text.gap != "");
    CHECK(text.number == 2U);
  }
}

TEST_CASE("a rule that can be copied has the text of its copy, and its own place") {
  Node node;
  auto question = Node::question(kLab, 3);
  question.key.number = 9;
  constexpr std::uint64_t kMade = 4026532999;
  const std::string before = "table inet lab {\n\tchain in { # handle 1\n";
  const std::string rule = "\t\tct state new drop # handle 2\n";
  const NftTable lab{NFPROTO_INET, "lab"};
  const auto request = nft_rules_request(lab, "in");
  auto copy = test::reply(captured("lab-rule-3.bin"));
  const auto read = [&](const std::string& listing) {
    node.machine().netns(kMade).answers.insert_or_assign({request.protocol, request.type, request.body},
                                                         Result<machine::NetlinkReply>{copy});
    node.machine().will_make_netns(kMade);
    node.machine().netns(kMade).commands[{0, {"libnftables", "inet", "lab", "in"}}] = {0, listing, ""};
    return node.read(question);
  };
  const auto text = read(before + rule + "\t}\n}\n");
  CHECK(text.gap == "");
  CHECK(text.text == "ct state new drop");
  CHECK(text.number == 3U);
  CHECK(text.source == "libnftables");
  CHECK(text.element == "10.9.0.2 . tcp . 80 comment \"ns2/svc2:p80\" : drop");

  // Whatever is odd about it, the chain is listed where it is.
  for (const std::string& odd :
       {before + rule + rule + "\t}\n}\n", before + "\t}\n}\n", before + rule, std::string{},
        before + "\t\tct state new drop comment \"other\" # handle 2\n\t}\n}\n", before + "\t\tct state new drop\n\t}\n}\n"}) {
    INFO(odd);
    const auto whole = read(odd);
    CHECK(whole.text == "ct state new ip daddr . meta l4proto . th dport vmap @none");
  }
  CHECK(node.machine().batches().size() == 7);
  // So it is where the kernel there has something else than this one rule.
  for (const std::string& other : {captured("lab-rule-2.bin"), copy.messages + copy.messages, std::string{}}) {
    copy.messages = other;
    CHECK(read(before + rule + "\t}\n}\n").text == "ct state new ip daddr . meta l4proto . th dport vmap @none");
  }
}

TEST_CASE("what is read is of one generation, or is not shown") {
  Node node;
  auto asked = Node::question(kLab, 1);
  SUBCASE("nft") {}
  SUBCASE("iptables-nft") { asked = Node::question(kFilter, 1); }
  const auto still = node.read(asked);
  CHECK(still.ruleset != 0);
  REQUIRE_FALSE(still.text.empty());
  // Twice in the first reading: before it and after it.
  node.keep_changing(2);
  const auto once = node.read(asked);
  CHECK(once.text == still.text);
  CHECK(once.gap == still.gap);
  CHECK(once.ruleset == still.ruleset + 2);
  node.keep_changing(1000);
  const auto never = node.read(asked);
  CHECK(never.text.empty());
  CHECK(never.element.empty());
  CHECK(never.ruleset == 0);
  CHECK(never.number == asked.key.number);
  CHECK(never.gap == "the ruleset kept changing while the rule was read");
}

TEST_CASE("policies, unknown names and no rule at all are answered") {
  Node node;
  auto policy = Node::question(kLab, 1);
  policy.key.kind = model::RuleKey::Kind::NftPolicy;
  const auto dropped = node.read(policy);
  CHECK(dropped.text == "policy drop");
  CHECK(dropped.policy);
  CHECK_FALSE(dropped.number);
  policy.key.table.clear();
  CHECK(node.read(policy).gap == "the names of its table and chain are not known");
  CHECK(node.read({}).gap == "the rule was not determined");
}

TEST_CASE("the reader keeps one answer for each rule, and only the last of them") {
  Node node;
  InventoryReader reader{node.machine()};
  REQUIRE(reader.refresh());
  const auto id = static_cast<model::NetnsId>(kNetns);
  auto question = Node::question(kLab, 3);
  REQUIRE(reader.read_rule(id, question));
  REQUIRE(reader.read_rule(id, question));
  const model::Netns& netns = *reader.current().find(id);
  CHECK(netns.rules.size() == 1);
  REQUIRE(netns.rule_text(question.key, question.flow) != nullptr);
  CHECK(netns.rule_text(question.key, question.flow)->text != "");
  const model::RuleKey first = question.key;
  for (int i = 0; i < 300; ++i) {
    ++question.key.handle;
    REQUIRE(reader.read_rule(id, question));
  }
  CHECK(netns.rules.size() == 256);
  CHECK(netns.rule_text(first, question.flow) == nullptr);
  CHECK(netns.rule_text(question.key, question.flow) != nullptr);
  CHECK(reader.read_rule(7, question).error().kind == ErrorKind::Gone);
}
