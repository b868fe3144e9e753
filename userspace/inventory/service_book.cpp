// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/service_book.hpp"

#include <linux/netfilter.h>

#include <algorithm>

#include "base/text.hpp"
#include "inventory/modules.hpp"
#include "inventory/nft_facts.hpp"
#include "inventory/nft_objects.hpp"
#include "inventory/ruleset_xt.hpp"
#include "inventory/service_parts.hpp"
#include "inventory/tools.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxObjectBytes = 1U << 20U;
/// What does not tell cheaply that it has changed is taken for unchanged so long, and what could not be read is left alone so long.
constexpr DurationNs kFresh = 30 * kSecond;
/// iptables-nft-save takes a tenth of that for each byte that it prints: however often the rules change, reading them takes no more than a
/// tenth of one processor.
constexpr DurationNs kRestPerByteNs = 1000;
constexpr std::size_t kMaxOthers = 8;
/// Ten thousand services take 80 ms to read.
constexpr DurationNs kDoubtAgain = 2 * kSecond;

bool is_there(machine::NetnsVisit& visit, const machine::NetlinkRequest& request, std::optional<Error>& refused) {
  bool any = false;
  const auto asked = visit.netlink_each(request, kMaxObjectBytes, [&](std::string_view) { any = true; });
  if (!asked && asked.error().kind != ErrorKind::Gone && asked.error().kind != ErrorKind::Unsupported) refused = asked.error();
  return asked && any;
}

}  // namespace

/// What of one backend's the namespace has.
struct ServiceBook::Wanted {
  XtBackend backend = XtBackend::Nft;
  bool ipv6 = false;
  bool due = false;
  bool nat = false;  ///< and kube-proxy's chain in it, where that is told
  bool filter = false;
  std::optional<Error> refused = {};

  void look_at_nft(machine::NetnsVisit& visit) {
    const std::uint8_t family = ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
    nat = is_there(visit, nft_chain_request({family, "nat"}, "KUBE-SERVICES"), refused);
    filter = nat && is_there(visit, nft_chain_request({family, "filter"}, "KUBE-SERVICES"), refused);
  }
  void look_at_legacy(machine::NetnsVisit& visit) {
    const auto tables = visit.read_file(ipv6 ? "/proc/thread-self/net/ip6_tables_names" : "/proc/thread-self/net/ip_tables_names", {});
    if (!tables) return;
    for (const std::string_view table : split(*tables, '\n')) {
      nat = nat || table == "nat";
      filter = filter || table == "filter";
    }
  }
};

bool ServiceBook::Page::is_due(std::optional<std::uint32_t> generation_now, MonotonicNs now) const {
  if (!read_ns) return true;
  if (failed || !generation_now) return *read_ns + kFresh < now;
  return generation != generation_now && *read_ns + static_cast<DurationNs>(bytes) * kRestPerByteNs < now;
}

void ServiceBook::doubt(MonotonicNs now) {
  for (Page* page : {&ipv4_.nft, &ipv4_.legacy, &ipv6_.nft, &ipv6_.legacy, &ipvs_}) {
    if (page->read_ns && *page->read_ns + kDoubtAgain < now) page->read_ns.reset();
  }
}

void ServiceBook::Page::fill(ServiceTable read) {
  read.gaps.insert(read.gaps.begin(), table.gaps.begin(), table.gaps.end());
  table = std::move(read);
  index = ServiceIndex{table.ports};
}

ServiceBook::Page ServiceBook::read_iptables(machine::Machine& machine, const machine::NetnsHandle& netns, std::uint32_t tgid,
                                             const Wanted& wanted) {
  Page page;
  const bool nft = wanted.backend == XtBackend::Nft;
  const std::string backend = std::string{wanted.ipv6 ? "ip6tables" : "iptables"} + (nft ? "-nft" : "-legacy");
  const auto unreadable = [&](const std::string& what, const Error& error) {
    page.table.gaps.push_back({kServicesUnreadable, what + ": " + to_string(error)});
    page.failed = true;
  };
  if (wanted.refused) unreadable("nf_tables", *wanted.refused);
  if (!wanted.nat) return page;
  const auto boxes = tool_boxes_for(machine, tgid);
  const auto save = [&](const std::string& table) { return save_xt_table(machine, netns, boxes, wanted.backend, wanted.ipv6, table); };
  // iptables-nft-save reads all tables, however few it is to print. Of both together there may be more than is read.
  const bool together = nft && wanted.filter;
  auto nat = save(together ? "" : "nat");
  const bool has_both = together && nat;
  if (together && !nat) nat = save("nat");
  if (!nat) {
    unreadable(backend + ", table nat", nat.error());
    return page;
  }
  page.bytes = nat->out.size();
  // A node without kube-proxy may have long tables of others.
  if (nat->out.find(":KUBE-SERVICES ") == std::string::npos) {
    // The kernel has that chain, but a rule in its table that iptables cannot say keeps iptables from saying anything.
    if (nft) {
      unreadable(backend + ", table nat", {ErrorKind::BadData, nat->source + " does not print it", "it may not know its rules", ""});
    }
    return page;
  }
  if (has_both || !wanted.filter) {
    page.fill(parse_iptables_services(nat->out, has_both ? nat->out : "", backend));
    return page;
  }
  const auto filter = save("filter");
  if (!filter) unreadable(backend + ", table filter", filter.error());
  if (filter) page.bytes += filter->out.size();
  page.fill(parse_iptables_services(nat->out, filter ? std::string_view{filter->out} : "", backend));
  return page;
}

void ServiceBook::add(std::optional<model::ServicePort>& found, const Page& page, const model::Endpoint& dialled, bool address_of_node) {
  gaps_.insert(gaps_.end(), page.table.gaps.begin(), page.table.gaps.end());
  const model::ServicePort* const port = page.index.find(dialled, address_of_node);
  if (port == nullptr) return;
  const MonotonicNs read_ns = page.read_ns.value_or(0);
  // An address of its own goes before a NodePort, whichever ruleset has it.
  if (!found || (found->address != port->address && port->address == dialled)) {
    found = *port;
    found->read_ns = read_ns;
  } else if (found->address == port->address && !merge_service(*found, *port)) {
    gaps_.push_back({kServicesContradict, "an address is one service's by one ruleset and another's by another: one is a leftover"});
  } else {
    found->read_ns = std::min(found->read_ns, read_ns);
  }
}

Result<std::optional<model::ServicePort>> ServiceBook::find(machine::Machine& machine, const machine::NetnsHandle& netns,
                                                            std::uint32_t tgid, const model::Endpoint& dialled, bool address_of_node,
                                                            MonotonicNs now) {
  gaps_.clear();
  others_.clear();
  const bool ipv6 = dialled.address.family == 6;
  Family& family = ipv6 ? ipv6_ : ipv4_;
  // Asking nf_tables makes a kernel with loadable modules load it, and so does iptables-nft.
  nf_tables_ = nf_tables_ || asking_loads_nothing(machine, "nf_tables");
  Wanted nft{XtBackend::Nft, ipv6};
  Wanted legacy{XtBackend::Legacy, ipv6, family.legacy.is_due(std::nullopt, now)};
  const bool ipvs = ipvs_.is_due(std::nullopt, now);
  std::optional<std::uint32_t> generation;
  std::optional<Result<std::string>> virtual_servers;
  NftService native;
  const auto looked = machine.inside(netns, [&](machine::NetnsVisit& visit) {
    if (nf_tables_) {
      generation = read_nft_generation(visit);
      native = find_nft_service(visit, dialled, address_of_node);
      nft.due = family.nft.is_due(generation, now);
      if (nft.due) nft.look_at_nft(visit);
    }
    if (legacy.due) legacy.look_at_legacy(visit);
    if (ipvs) virtual_servers = visit.read_file("/proc/thread-self/net/ip_vs", {kMaxServicesBytes});
  });
  if (!looked) return looked.error();
  gaps_ = std::move(native.gaps);
  const auto note = [&](Page& page, Page read) {
    page = std::move(read);
    page.read_ns = now;
    page.generation = generation;
  };
  if (nft.due) note(family.nft, read_iptables(machine, netns, tgid, nft));
  if (legacy.due) note(family.legacy, read_iptables(machine, netns, tgid, legacy));
  if (virtual_servers) {
    Page read;
    if (*virtual_servers) {
      read.fill(parse_ipvs_services(**virtual_servers));
    } else if (virtual_servers->error().kind != ErrorKind::Gone) {
      read.table.gaps.push_back({kServicesUnreadable, "ipvs: " + to_string(virtual_servers->error())});
    }
    note(ipvs_, std::move(read));
  }
  auto found = std::move(native.port);
  if (found) found->read_ns = now;
  for (const Page* page : {&family.nft, &family.legacy, &ipvs_}) add(found, *page, dialled, address_of_node);
  for (const Page* page : {&family.nft, &family.legacy, &ipvs_}) {
    if (!found && others_.empty()) others_ = page->index.of_address(dialled.address, kMaxOthers);
  }
  return found;
}

}  // namespace synfate::inventory
