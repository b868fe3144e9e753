// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A network namespace with real rules in it, for tests that have root, and the kernel's names for those rules.
#pragma once

#include <doctest/doctest.h>
#include <linux/netfilter.h>
#include <sys/socket.h>

#include <optional>
#include <string>

#include "../machine/foreign_netns.hpp"
#include "inventory/nft_objects.hpp"
#include "inventory/ruleset.hpp"
#include "inventory/xt_table.hpp"
#include "machine/real.hpp"

namespace synfate::test {

using namespace inventory;

inline model::Flow flow_of(const std::string& src, const std::string& dst, std::uint16_t dport) {
  return {{*model::parse_ip(src), 40000}, {*model::parse_ip(dst), dport}};
}

/// A namespace with rules in it, and the kernel's names for them.
class RuleLab {
 public:
  RuleLab() {
    if (foreign_.error() != 0) return;
    auto opened = machine_.open_netns(foreign_.path());
    if (opened) netns_.emplace(*std::move(opened));
  }

  bool usable() const {
    if (!netns_) MESSAGE("skipped: making a network namespace takes CAP_SYS_ADMIN");
    return netns_.has_value();
  }

  std::string sh(const std::string& script) {
    machine::RunOptions options;
    options.netns = &*netns_;
    options.timeout = 60 * kSecond;
    const auto done = machine_.run({"sh", "-ec", script}, options);
    REQUIRE(done);
    INFO(script);
    INFO(done->err);
    REQUIRE(done->exit_status == 0);
    return done->out;
  }

  /// The n-th rule's key, or the policy's with number 0.
  RuleQuestion nft(std::uint8_t family, const std::string& table, const std::string& chain, std::size_t number) {
    RuleQuestion question;
    model::RuleKey& key = question.key;
    key.kind = number == 0 ? model::RuleKey::Kind::NftPolicy : model::RuleKey::Kind::NftRule;
    key.family = family;
    key.table = table;
    key.chain = chain;
    key.number = static_cast<std::uint32_t>(number);
    REQUIRE(machine_.inside(*netns_, [&](machine::NetnsVisit& there) {
      const NftTable name{family, table};
      CHECK(there.netlink_each(nft_table_request(name), 1U << 20U,
                               [&](std::string_view m) { key.table_handle = decode_nft_table(m).value_or(0); }));
      CHECK(there.netlink_each(nft_chain_request(name, chain), 1U << 20U, [&](std::string_view m) {
        if (const auto found = decode_nft_chain(m)) key.chain_handle = found->handle;
      }));
      std::size_t at = 0;
      CHECK(there.netlink_each(nft_rules_request(name, chain), 64U << 20U, [&](std::string_view m) {
        if (++at == number) key.handle = decode_nft_rule_handle(m).value_or(0);
      }));
    }));
    CHECK(key.table_handle != 0);
    CHECK((number == 0 || key.handle != 0));
    return question;
  }

  /// The n-th rule's key, or the policy's with number 0.
  RuleQuestion legacy(bool ipv6, const std::string& table, const std::string& chain, std::uint32_t number) {
    RuleQuestion question;
    question.key.kind = model::RuleKey::Kind::XtRule;
    question.key.family = ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
    question.key.table = table;
    question.chain = chain;
    question.policy = number == 0;
    if (number != 0) question.number = number;
    const int family = ipv6 ? AF_INET6 : AF_INET;
    bool found = false;
    REQUIRE(machine_.inside(*netns_, [&](machine::NetnsVisit& there) {
      const auto bytes = there.xt_table(family, table, 64U << 20U);
      REQUIRE(bytes);
      const auto parsed = parse_xt_table(family, table, *bytes);
      REQUIRE(parsed);
      for (const XtRule& rule : parsed->rules) {
        const bool wanted = number == 0 ? rule.role == XtRole::Policy : rule.role == XtRole::Rule && rule.number == number;
        if (!wanted || parsed->chain_name(rule) != chain) continue;
        question.key.offset = rule.offset;
        question.proof = rule.proof;
        found = true;
      }
    }));
    CHECK(found);
    return question;
  }

  model::RuleText read(const RuleQuestion& question, std::uint32_t example_tgid = 0) {
    return read_rule_text(machine_, *netns_, example_tgid, question);
  }
  const std::string& path() const { return foreign_.path(); }
  const machine::NetnsHandle& netns() const { return *netns_; }

 private:
  machine::RealMachine machine_;
  ForeignNetns foreign_;
  std::optional<machine::NetnsHandle> netns_;
};

}  // namespace synfate::test
