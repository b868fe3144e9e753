// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/nft_facts.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxObjectBytes = 1U << 20U;
/// A hundred thousand chains.
constexpr std::size_t kMaxChainsBytes = 32U << 20U;

struct BuiltinChain {
  std::string_view table;
  std::string_view chain;
  std::string_view type;
  unsigned hook;
  int priority;
};

constexpr std::array<BuiltinChain, 17> kBuiltin{{
    {"filter", "INPUT", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER},
    {"filter", "FORWARD", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER},
    {"filter", "OUTPUT", "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER},
    {"nat", "PREROUTING", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST},
    {"nat", "INPUT", "nat", NF_INET_LOCAL_IN, NF_IP_PRI_NAT_SRC},
    {"nat", "OUTPUT", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST},
    {"nat", "POSTROUTING", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC},
    {"mangle", "PREROUTING", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_MANGLE},
    {"mangle", "INPUT", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_MANGLE},
    {"mangle", "FORWARD", "filter", NF_INET_FORWARD, NF_IP_PRI_MANGLE},
    {"mangle", "OUTPUT", "route", NF_INET_LOCAL_OUT, NF_IP_PRI_MANGLE},
    {"mangle", "POSTROUTING", "filter", NF_INET_POST_ROUTING, NF_IP_PRI_MANGLE},
    {"raw", "PREROUTING", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW},
    {"raw", "OUTPUT", "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_RAW},
    {"security", "INPUT", "filter", NF_INET_LOCAL_IN, NF_IP_PRI_SECURITY},
    {"security", "FORWARD", "filter", NF_INET_FORWARD, NF_IP_PRI_SECURITY},
    {"security", "OUTPUT", "filter", NF_INET_LOCAL_OUT, NF_IP_PRI_SECURITY},
}};

std::string replaced(std::uint64_t handle) {
  return "the rule was removed or replaced between the drop and this reading (handle " + std::to_string(handle) + " is gone)";
}

/// One object; none with a reason in `gone` when there is none.
template <class Object>
std::optional<Object> ask(machine::NetnsVisit& visit, const machine::NetlinkRequest& request,
                          std::optional<Object> (*decode)(std::string_view), const std::string& if_missing, std::string& gone) {
  std::optional<Object> object;
  const auto asked = visit.netlink_each(request, kMaxObjectBytes, [&](std::string_view message) {
    if (auto decoded = decode(message)) object = std::move(decoded);
  });
  if (!asked && asked.error().kind != ErrorKind::Gone)
    gone = to_string(asked.error());
  else if (!object)
    gone = if_missing;
  return object;
}

}  // namespace

NftFacts read_nft_facts(machine::NetnsVisit& visit, const model::RuleKey& key, bool want_bases) {
  NftFacts facts;
  const NftTable table{key.family, key.table};
  const bool policy = key.kind == model::RuleKey::Kind::NftPolicy;
  const std::string missing = policy ? "the chain was removed or replaced between the drop and this reading" : replaced(key.handle);
  const auto table_handle = ask(visit, nft_table_request(table), decode_nft_table, missing, facts.gone);
  if (!table_handle) return facts;
  // A table that was deleted and made again counts its rules from the beginning.
  if (key.table_handle != 0 && *table_handle != key.table_handle) {
    facts.gone = missing;
    return facts;
  }
  auto chain = ask(visit, nft_chain_request(table, key.chain), decode_nft_chain, missing, facts.gone);
  if (!chain) return facts;
  if (key.chain_handle != 0 && chain->handle != key.chain_handle) {
    facts.gone = missing;
    return facts;
  }
  facts.chain = *std::move(chain);
  if (!policy) {
    facts.rule = ask(visit, nft_rule_request(table, key.chain, key.handle), decode_nft_rule, missing, facts.gone);
    if (!facts.rule) return facts;
    if (facts.rule->handle != key.handle) facts.gone = missing;
  }
  if (want_bases) {
    const auto listed = visit.netlink_each(nft_chains_request(table), kMaxChainsBytes, [&](std::string_view message) {
      auto each = decode_nft_chain(message);
      if (each && each->base && each->table == table.name) facts.bases.push_back(*std::move(each));
    });
    if (!listed || !*listed) facts.bases.clear();
  }
  return facts;
}

std::optional<std::uint32_t> read_nft_generation(machine::NetnsVisit& visit) {
  std::string why;
  return ask(visit, nft_generation_request(), decode_nft_generation, "", why);
}

std::optional<std::uint32_t> read_nft_generation(machine::Machine& machine, const machine::NetnsHandle& netns) {
  std::optional<std::uint32_t> generation;
  const auto looked = machine.inside(netns, [&](machine::NetnsVisit& visit) { generation = read_nft_generation(visit); });
  return looked ? generation : std::nullopt;
}

std::optional<NftPosition> read_nft_position(machine::NetnsVisit& visit, const NftTable& table, const std::string& chain,
                                             std::uint64_t handle, std::size_t max_bytes) {
  NftPosition position;
  const auto whole = visit.netlink_each(nft_rules_request(table, chain), max_bytes, [&](std::string_view message) {
    const auto each = decode_nft_rule_handle(message);
    if (!each) return;
    ++position.count;
    if (*each == handle) position.number = position.count;
  });
  return whole && *whole ? std::optional{position} : std::nullopt;
}

bool has_iptables_shape(const model::RuleKey& key, const std::vector<NftChain>& bases) {
  if (key.family != NFPROTO_IPV4 && key.family != NFPROTO_IPV6) return false;
  return !bases.empty() && std::all_of(bases.begin(), bases.end(), [&](const NftChain& base) {
    return std::any_of(kBuiltin.begin(), kBuiltin.end(), [&](const BuiltinChain& each) {
      return each.table == key.table && each.chain == base.name && each.type == base.type && each.hook == base.hook &&
             each.priority == base.priority;
    });
  });
}

std::string nft_family(std::uint8_t family) {
  switch (family) {
    case NFPROTO_INET: return "inet";
    case NFPROTO_IPV4: return "ip";
    case NFPROTO_ARP: return "arp";
    case NFPROTO_NETDEV: return "netdev";
    case NFPROTO_BRIDGE: return "bridge";
    case NFPROTO_IPV6: return "ip6";
    default: return "";
  }
}

}  // namespace synfate::inventory
