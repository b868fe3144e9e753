// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A rule with what is known around it, from the lines that the tools print, for the tests of what rules mean.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "judge/means.hpp"

namespace synfate::judge::test {

/// One rule; what it is told by outlives it.
struct Ruled {
  std::vector<std::string> lines;
  RuleContext context;

  /// A line of iptables-save; the chain is its own.
  static Ruled iptables(const std::string& table, const std::string& text) {
    Ruled ruled;
    ruled.context.rule.backend = "iptables-nft";
    ruled.context.rule.family = "ip";
    ruled.context.rule.table = table;
    ruled.context.rule.policy = false;
    ruled.context.rule.text = text;
    const std::string rest = text.substr(text.find(' ') + 1);
    ruled.context.rule.chain = rest.substr(0, rest.find(' '));
    return ruled;
  }

  static Ruled nft(const std::string& family, const std::string& table, const std::string& chain, const std::string& text,
                   const std::string& comment = "") {
    Ruled ruled;
    ruled.context.rule.backend = "nft";
    ruled.context.rule.family = family;
    ruled.context.rule.table = table;
    ruled.context.rule.chain = chain;
    ruled.context.rule.policy = false;
    ruled.context.rule.text = text;
    ruled.context.rule.comment = comment;
    return ruled;
  }

  static Ruled policy(const std::string& chain) {
    Ruled ruled = iptables("filter", "-A " + chain + " ");
    ruled.context.rule.policy = true;
    ruled.context.rule.text.clear();
    return ruled;
  }

  Ruled& in(std::vector<std::string> chain) {
    lines = std::move(chain);
    return *this;
  }

  Ruled& flow(const char* from, const char* to, std::uint16_t port = 80) {
    context.flow.src.address = model::parse_ip(from).value_or(model::IpAddress{});
    context.flow.dst.address = model::parse_ip(to).value_or(model::IpAddress{});
    context.flow.src.port = 40000;
    context.flow.dst.port = port;
    return *this;
  }

  std::optional<model::Means> means() {
    context.chain.assign(lines.begin(), lines.end());
    return means_of(context);
  }

  /// "NetworkPolicy kube-router ns/name", "-" for nothing.
  std::string told() {
    const auto found = means();
    return found ? found->kind + " " + found->engine + " " + found->namespace_name + "/" + found->name : "-";
  }

  std::string text() {
    const auto found = means();
    return found ? found->text : "-";
  }

  std::string next() {
    const auto found = means();
    return found ? next_of(*found) : "-";
  }
};

inline model::Pod pod(const char* space, const char* name) {
  model::Pod one;
  one.namespace_name = space;
  one.name = name;
  return one;
}

inline bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace synfate::judge::test
