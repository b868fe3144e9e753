// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What of kube-proxy's a namespace has is asked of the kernel first; only then are its own tools run.
#include <linux/netfilter.h>

#include <optional>

#include "base/text.hpp"
#include "inventory/nft_objects.hpp"
#include "inventory/service_parts.hpp"
#include "inventory/services.hpp"
#include "inventory/tools.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxObjectBytes = 1U << 20U;
constexpr std::size_t kMaxModulesBytes = 1U << 20U;
constexpr const char* kProxyTable = "kube-proxy";

/// What of one family the namespace has.
struct Family {
  bool ipv6 = false;
  bool legacy_nat = false;
  bool legacy_filter = false;
  bool nft_nat = false;  ///< and kube-proxy's chain in it
  bool nft_filter = false;
  bool proxy_table = false;
};

struct Present {
  Family ipv4{false};
  Family ipv6{true};
  std::optional<Result<std::string>> virtual_servers;
  std::optional<Error> nf_tables_refused;
};

/// Asking nf_tables makes a kernel with loadable modules load it, and so does iptables-nft.
bool nf_tables_is_there(machine::Machine& machine) {
  const auto modules = machine.read_file("/proc/modules", {kMaxModulesBytes});
  if (!modules) return modules.error().kind == ErrorKind::Gone;
  for (const std::string_view line : split(*modules, '\n')) {
    if (line.substr(0, line.find(' ')) == "nf_tables") return true;
  }
  const auto release = machine.read_file("/proc/sys/kernel/osrelease");
  if (!release) return false;
  const auto builtin = machine.read_file("/lib/modules/" + std::string{trim(*release)} + "/modules.builtin", {kMaxModulesBytes});
  return builtin && builtin->find("/nf_tables.ko\n") != std::string::npos;
}

void look(machine::NetnsVisit& visit, bool nf_tables, Family& family, std::optional<Error>& refused) {
  const char* const names = family.ipv6 ? "/proc/thread-self/net/ip6_tables_names" : "/proc/thread-self/net/ip_tables_names";
  if (const auto tables = visit.read_file(names, {})) {
    for (const std::string_view table : split(*tables, '\n')) {
      family.legacy_nat = family.legacy_nat || table == "nat";
      family.legacy_filter = family.legacy_filter || table == "filter";
    }
  }
  if (!nf_tables) return;
  const std::uint8_t number = family.ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
  const auto is_there = [&](const machine::NetlinkRequest& request) {
    bool any = false;
    const auto asked = visit.netlink_each(request, kMaxObjectBytes, [&](std::string_view) { any = true; });
    if (!asked && asked.error().kind != ErrorKind::Gone && asked.error().kind != ErrorKind::Unsupported) refused = asked.error();
    return asked && any;
  };
  family.nft_nat = is_there(nft_chain_request({number, "nat"}, "KUBE-SERVICES"));
  family.nft_filter = family.nft_nat && is_there(nft_chain_request({number, "filter"}, "KUBE-SERVICES"));
  family.proxy_table = is_there(nft_table_request({number, kProxyTable}));
}

/// iptables-save of one backend; a plain one may be of either and says which.
Result<ToolAnswer> save(machine::Machine& machine, const machine::NetnsHandle& netns, const std::vector<ToolBox>& boxes,
                        const std::string& backend, const std::string& table) {
  auto answer = ask_tools(machine, netns, boxes, {{backend + "-save", "-t", table}});
  if (answer || answer.error().kind != ErrorKind::Gone) return answer;
  const std::string plain = backend.substr(0, backend.find('-')) + "-save";
  const bool nft = backend.find("-nft") != std::string::npos;
  for (const ToolBox& box : boxes) {
    const auto version = ask_tools(machine, netns, {box}, {{plain, "-V"}});
    if (!version || version->out.find(" v1.") == std::string::npos) continue;
    if ((version->out.find("(nf_tables)") != std::string::npos) == nft) return ask_tools(machine, netns, {box}, {{plain, "-t", table}});
  }
  return answer;
}

class Reading {
 public:
  Reading(machine::Machine& machine, const machine::NetnsHandle& netns, std::uint32_t tgid)
      : machine_(machine), netns_(netns), boxes_(tool_boxes_for(machine, tgid)) {}

  void iptables(const Family& family, bool nft) {
    if (!(nft ? family.nft_nat : family.legacy_nat)) return;
    const std::string backend = std::string{family.ipv6 ? "ip6tables" : "iptables"} + (nft ? "-nft" : "-legacy");
    const auto nat = save(machine_, netns_, boxes_, backend, "nat");
    if (!nat) return unreadable(backend + ", table nat", nat.error());
    // A node without kube-proxy may have long tables of others.
    if (nat->out.find(":KUBE-SERVICES ") == std::string::npos) {
      // The kernel has that chain, but a rule in its table that iptables cannot say keeps iptables from saying anything.
      if (nft)
        unreadable(backend + ", table nat", {ErrorKind::BadData, nat->source + " does not print it", "it may not know its rules", ""});
      return;
    }
    std::string filter;
    if (nft ? family.nft_filter : family.legacy_filter) {
      auto saved = save(machine_, netns_, boxes_, backend, "filter");
      if (saved) {
        filter = std::move(saved->out);
      } else {
        unreadable(backend + ", table filter", saved.error());
      }
    }
    merge_services(table_, parse_iptables_services(nat->out, filter, backend));
  }

  void nftables(const Family& family) {
    if (!family.proxy_table) return;
    const std::string name = family.ipv6 ? "ip6" : "ip";
    const auto listed = ask_tools(machine_, netns_, boxes_, {{"nft", "-j", "list", "table", name, kProxyTable}});
    if (listed) return merge_services(table_, parse_nft_services(listed->out));
    unreadable("nftables, table " + name + " kube-proxy", listed.error());
    // A table of very many services is longer than is read; its maps alone name them, without their endpoints.
    for (const char* map : {"service-ips", "service-nodeports", "no-endpoint-services", "no-endpoint-nodeports"}) {
      const auto part = ask_tools(machine_, netns_, boxes_, {{"nft", "-j", "list", "map", name, kProxyTable, map}});
      if (part) merge_services(table_, parse_nft_services(part->out));
    }
  }

  void ipvs(const Result<std::string>& text) {
    if (text) {
      merge_services(table_, parse_ipvs_services(*text));
    } else if (text.error().kind != ErrorKind::Gone) {
      unreadable("ipvs", text.error());
    }
  }

  void unreadable(const std::string& what, const Error& error) {
    table_.gaps.push_back({kServicesUnreadable, what + ": " + to_string(error)});
  }

  ServiceTable take() { return std::move(table_); }

 private:
  machine::Machine& machine_;
  const machine::NetnsHandle& netns_;
  std::vector<ToolBox> boxes_;
  ServiceTable table_;
};

}  // namespace

Result<ServiceTable> read_services(machine::Machine& machine, const machine::NetnsHandle& netns, std::uint32_t tgid) {
  Present present;
  const bool nf_tables = nf_tables_is_there(machine);
  const auto looked = machine.inside(netns, [&](machine::NetnsVisit& visit) {
    look(visit, nf_tables, present.ipv4, present.nf_tables_refused);
    look(visit, nf_tables, present.ipv6, present.nf_tables_refused);
    present.virtual_servers = visit.read_file("/proc/thread-self/net/ip_vs", {kMaxServicesBytes});
  });
  if (!looked) return looked.error();
  Reading reading{machine, netns, tgid};
  if (present.nf_tables_refused) reading.unreadable("nf_tables", *present.nf_tables_refused);
  for (const Family* family : {&present.ipv4, &present.ipv6}) {
    reading.nftables(*family);
    reading.iptables(*family, true);
    reading.iptables(*family, false);
  }
  if (present.virtual_servers) reading.ipvs(*present.virtual_servers);
  return reading.take();
}

}  // namespace synfate::inventory
