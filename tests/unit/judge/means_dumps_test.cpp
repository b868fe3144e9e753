// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every rule that drops or rejects in rulesets that nobody of this project wrote, and what each is taken for.
#include <map>
#include <sstream>

#include "../inventory/dumps.hpp"
#include "base/text.hpp"
#include "means_case.hpp"

using namespace synfate::judge::test;
namespace judge = synfate::judge;
using synfate::trim;
using synfate::test::dumps;

namespace {

using Chains = std::map<std::pair<std::string, std::string>, std::vector<std::string>>;
using Told = std::map<std::string, int>;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream{text};
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Chains iptables_chains(const std::string& dump) {
  Chains chains;
  std::string table;
  for (const std::string& line : lines_of(dump)) {
    if (line.starts_with("*")) table = trim(line.substr(1));
    if (line.starts_with("-A ")) chains[{table, line.substr(3, line.find(' ', 3) - 3)}].push_back(line);
  }
  return chains;
}

struct NftChain {
  std::string family;
  std::string table;
  std::string chain;
  std::vector<std::string> rules;
};

/// Of a listing, or of the commands that make a ruleset.
std::vector<NftChain> nft_chains(const std::string& dump) {
  std::vector<NftChain> chains;
  std::string family;
  std::string table;
  bool inside = false;
  for (const std::string& line : lines_of(dump)) {
    std::istringstream words{line};
    std::string first;
    std::string second;
    std::string third;
    words >> first >> second >> third;
    if (first == "add" && second == "rule") {
      std::string chain;
      words >> table >> chain;
      std::string rest;
      std::getline(words, rest);
      chains.push_back({third, table, chain, {std::string{trim(rest)}}});
    } else if (first == "table") {
      family = second;
      table = third;
    } else if (first == "chain") {
      chains.push_back({family, table, second, {}});
      inside = true;
    } else if (first == "}") {
      inside = false;
    } else if (inside && first != "type" && !first.empty()) {
      chains.back().rules.emplace_back(trim(line));
    }
  }
  return chains;
}

bool ends_it(const std::string& rule) {
  return has(rule, "-j DROP") || has(rule, "-j REJECT") || has(" " + rule + " ", " drop ") || has(" " + rule + " ", " reject ");
}

/// Without the hash that is another one in every ruleset.
std::string short_chain(const std::string& chain) {
  for (const std::string head : {"KUBE-POD-FW-", "firewall-"}) {
    if (chain.starts_with(head)) return head + "*";
  }
  return chain;
}

Told told_by_iptables(const std::string& dump) {
  Told told;
  for (const auto& [where, rules] : iptables_chains(dump)) {
    for (const std::string& rule : rules) {
      if (!ends_it(rule)) continue;
      ++told[where.first + " " + short_chain(where.second) + ": " + Ruled::iptables(where.first, rule).in(rules).told()];
    }
  }
  return told;
}

Told told_by_nft(const std::string& dump) {
  Told told;
  for (const NftChain& chain : nft_chains(dump)) {
    for (const std::string& rule : chain.rules) {
      if (!ends_it(rule)) continue;
      ++told[chain.table + " " + short_chain(chain.chain) + ": " +
             Ruled::nft(chain.family, chain.table, chain.chain, rule).in(chain.rules).told()];
    }
  }
  return told;
}

std::string lines(const Told& told) {
  std::string text;
  for (const auto& [what, times] : told) text += std::to_string(times) + " " + what + "\n";
  return text;
}

/// Only dumps that are there can be wrong.
void is(const char* name, const Told& expected) {
  for (const auto& each : dumps(name)) {
    const auto& file = each.first;
    const auto& dump = each.second;
    const bool nft = file.ends_with(".nft") || has(file, "nftables-dump");
    INFO(file);
    CHECK(lines(nft ? told_by_nft(dump) : told_by_iptables(dump)) == lines(expected));
  }
}

}  // namespace

TEST_CASE("kube-proxy's own goldens, with iptables") {
  const Told expected{{"filter KUBE-SERVICES: Service kube-proxy ns6/svc6", 1},
                      {"filter KUBE-EXTERNAL-SERVICES: Service kube-proxy ns2/svc2", 3},
                      {"filter KUBE-PROXY-FIREWALL: Service kube-proxy ns5/svc5", 1},
                      {"filter KUBE-FIREWALL: Firewall kubelet /", 1},
                      {"filter KUBE-FORWARD: Firewall kube-proxy /", 1},
                      {"filter INPUT: -", 1},
                      {"filter FORWARD: -", 1},
                      {"filter OUTPUT: -", 1}};
  is("kube-proxy-golden-restorable.iptables", expected);
  is("kube-proxy-iptables-golden.iptables", expected);
}

TEST_CASE("kube-proxy's own goldens, with nftables") {
  const Told expected{{"kube-proxy cluster-ips-check: Service kube-proxy /", 2},
                      {"kube-proxy reject-chain: Service kube-proxy /", 1},
                      {"kube-proxy firewall-*: Service kube-proxy ns5/svc5", 1}};
  is("kube-proxy-nft-golden-ordered.nft", expected);
  is("kube-proxy-nftables-golden-1.36.nft", expected);
}

TEST_CASE("the elements of kube-proxy's goldens name their services") {
  for (const auto& [file, dump] : dumps("golden")) {
    if (!file.ends_with(".nft")) continue;
    std::map<std::string, std::string> asked_by;
    for (const NftChain& chain : nft_chains(dump)) {
      for (const std::string& rule : chain.rules) {
        for (const std::string map : {"no-endpoint-services", "no-endpoint-nodeports"}) {
          if (has(rule, "vmap @" + map)) asked_by[map] = chain.chain + "\n" + rule;
        }
      }
    }
    REQUIRE(asked_by.size() == 2);
    Told told;
    for (const std::string& line : lines_of(dump)) {
      const std::string head = "add element ip kube-proxy no-endpoint-";
      if (!line.starts_with(head)) continue;
      const std::size_t open = line.find("{ ");
      const std::string map = "no-endpoint-" + line.substr(head.size(), line.find(' ', head.size()) - head.size());
      const std::string element = line.substr(open + 2, line.rfind(" }") - open - 2);
      const std::string& rule = asked_by[map];
      const std::size_t end = rule.find('\n');
      const bool rejects = has(element, "goto reject-chain");
      Ruled ruled = rejects ? Ruled::nft("ip", "kube-proxy", "reject-chain", "reject")
                            : Ruled::nft("ip", "kube-proxy", rule.substr(0, end), rule.substr(end + 1));
      (rejects ? ruled.context.rule.via : ruled.context.rule.element) = element;
      ++told[map + ": " + ruled.told() + (has(ruled.text(), "on this node") ? " local" : "")];
    }
    CHECK(lines(told) == lines({{"no-endpoint-services: Service kube-proxy ns6/svc6", 1},
                                {"no-endpoint-services: Service kube-proxy ns2/svc2 local", 2},
                                {"no-endpoint-nodeports: Service kube-proxy ns2/svc2 local", 1}}));
  }
}

TEST_CASE("k3s: every pod's firewall names its pod, and no policy where none is on it") {
  is("k3s-1.30-kube-router-rpi-0.iptables", {{"filter KUBE-FIREWALL: Firewall kubelet /", 1},
                                             {"filter KUBE-FORWARD: Firewall kube-proxy /", 1},
                                             {"filter KUBE-POD-FW-*: Firewall kube-router /", 11},
                                             {"filter KUBE-POD-FW-*: NetworkPolicy kube-router default/", 7},
                                             {"filter KUBE-POD-FW-*: NetworkPolicy kube-router kube-system/", 4}});
  is("k3s-1.30-kube-router-rpi-1.iptables", {{"filter KUBE-FORWARD: Firewall kube-proxy /", 1}});
  for (const auto& [file, dump] : dumps("k3s-1.30-kube-router-rpi-0")) {
    for (const auto& [where, rules] : iptables_chains(dump)) {
      for (const std::string& rule : rules) {
        const std::size_t at = rule.find("destined for POD name:");
        if (at == std::string::npos) continue;
        const std::string name = rule.substr(at + 22, rule.find(' ', at + 22) - at - 22);
        CHECK(
            has(Ruled::iptables("filter", rule).in(rules).text(), "/" + name + " admits this connection: its firewall runs through none"));
      }
    }
  }
}

TEST_CASE("what a listing shows of iptables' rules has lost their comments and means nothing") {
  for (const auto& [file, dump] : dumps("k3s-1.30-kube-router-nft-list-ruleset")) {
    const Told told = told_by_nft(dump);
    CHECK(told.size() > 2);
    for (const auto& each : told) CHECK_MESSAGE(each.first.ends_with(": -"), each.first);
  }
}

TEST_CASE("Calico's static chains") {
  is("calico-felix-fv-cali-iptables-dump", {{"raw cali-PREROUTING: Firewall calico /", 1},
                                            {"filter cali-INPUT: Firewall calico /", 1},
                                            {"filter cali-from-wl-dispatch: Firewall calico /", 1},
                                            {"filter cali-to-wl-dispatch: Firewall calico /", 1}});
  is("calico-felix-fv-cali-nftables-dump", {{"calico raw-cali-PREROUTING: Firewall calico /", 1},
                                            {"calico filter-cali-INPUT: Firewall calico /", 1},
                                            {"calico filter-cali-from-wl-dispatch: Firewall calico /", 1},
                                            {"calico filter-cali-to-wl-dispatch: Firewall calico /", 1}});
}

TEST_CASE("Docker's goldens: a bridge with a name that anybody could give is nobody's in a table of others") {
  is("docker-iptabler-hairpin-nat", {{"raw PREROUTING: -", 1}, {"filter DOCKER: Firewall docker /", 1}});
  is("docker-iptabler-icc0-nat",
     {{"raw PREROUTING: -", 2}, {"filter DOCKER: Firewall docker /", 1}, {"filter DOCKER-FORWARD: Firewall docker /", 1}});
  is("docker-nftabler-icc0-nat",
     {{"docker-bridges raw-PREROUTING: Firewall docker /", 2}, {"docker-bridges filter-forward-in__br-dummy: Firewall docker /", 2}});
  is("docker-nftabler-nat",
     {{"docker-bridges raw-PREROUTING: Firewall docker /", 1}, {"docker-bridges filter-forward-in__br-dummy: Firewall docker /", 1}});
}

TEST_CASE("Istio's, and engines that drop nothing") {
  is("istio-sidecar-drop-invalid", {{"istio-proxy-mangle istio-drop: Sidecar istio /", 1}});
  is("istio-pod-netns-0", {});
  is("antrea-restore-0", {});
  is("host-nft-save-conntrack-0", {});
  is("kindnet-", {});
  is("kube-network-policies-", {});
}

TEST_CASE("what administrators wrote means nothing") {
  for (const char* name : {"semantics-gopherproxy-ufw", "semantics-tum-net-4900-rules"}) {
    for (const auto& [file, dump] : dumps(name)) {
      int rules = 0;
      for (const auto& each : told_by_iptables(dump)) {
        const auto& what = each.first;
        const auto& times = each.second;
        CHECK_MESSAGE(what.ends_with(": -"), what);
        rules += times;
      }
      CHECK(rules > 200);
    }
  }
}
