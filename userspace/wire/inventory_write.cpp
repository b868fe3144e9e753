// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The inventory to JSON. Cuts what the reader would refuse, and says so in the gaps.
#include "wire/inventory_json.hpp"
#include "wire/inventory_programs.hpp"
#include "wire/inventory_scoped.hpp"
#include "wire/json.hpp"

namespace synfate::wire {
namespace {

// Writers take a struct apart by structured binding: a field that is added to the model does not compile here until it is recorded.

Json to_json(const model::BridgePort& port) {
  const auto& [state, hairpin, isolated, locked, flood] = port;
  return {
      {"state", state}, {"hairpin", hairpin}, {"isolated", isolated}, {"locked", locked}, {"flood", flood ? Json(*flood) : Json(nullptr)}};
}

Json to_json(const model::InterfaceAddress& entry) {
  const auto& [address, prefix_length] = entry;
  return {{"address", address_json(address)}, {"prefix_length", prefix_length}};
}

Json to_json(const model::FdbEntry& entry) {
  const auto& [bridge_ifindex, port_ifindex, mac, local] = entry;
  return {{"bridge_ifindex", bridge_ifindex}, {"port_ifindex", port_ifindex}, {"mac", mac_json(mac)}, {"local", local}};
}

Json to_json(const model::ListenSocket& socket) {
  const auto& [local, queue_length, queue_limit, inode, uid, bound_ifindex, only_ipv6, owner_tgid, owner_comm, half_open, cgroup_id,
               md5_peers, drops] = socket;
  Json peers = Json::array();
  for (const auto& [address, length] : md5_peers) peers.push_back({{"address", address_json(address)}, {"prefix_length", length}});
  return {{"address", address_json(local.address)},
          {"port", local.port},
          {"queue_length", queue_length},
          {"queue_limit", queue_limit ? Json(*queue_limit) : Json(nullptr)},
          {"inode", inode},
          {"uid", uid},
          {"bound_ifindex", bound_ifindex},
          {"only_ipv6", only_ipv6 ? Json(*only_ipv6) : Json(nullptr)},
          {"owner_tgid", owner_tgid},
          {"owner_comm", text_json(owner_comm)},
          {"half_open", half_open ? Json(*half_open) : Json(nullptr)},
          {"cgroup_id", cgroup_id},
          {"md5_peers", std::move(peers)},
          {"drops", drops ? Json(*drops) : Json(nullptr)}};
}

Json to_json(const model::ListenCounters& counters) {
  const auto& [read, overflows, drops, syn_queue_full, syn_queue_cookies, cookies_sent] = counters;
  return {{"read", read},
          {"overflows", overflows},
          {"drops", drops},
          {"syn_queue_full", syn_queue_full},
          {"syn_queue_cookies", syn_queue_cookies},
          {"cookies_sent", cookies_sent}};
}

/// A list that is cut to what the reader takes; the cut is added to the gaps.
template <class List, class ToJson>
Json list_json(const List& list, const char* name, std::vector<model::Gap>& gaps, ToJson to_json_of) {
  Json result = Json::array();
  for (const auto& element : list) {
    if (result.size() == kMaxListed) {
      gaps.push_back({"recording_cut", std::to_string(list.size() - kMaxListed) + " more " + name + " were not recorded"});
      break;
    }
    result.push_back(to_json_of(element));
  }
  return result;
}

Json to_json(const model::ListenReading& reading, std::vector<model::Gap>& gaps) {
  const auto& [time_ns, port, counters, sockets, complete, ended_ns] = reading;
  return {{"time_ns", time_ns},
          {"port", port},
          {"counters", to_json(counters)},
          {"sockets", list_json(sockets, "listening sockets", gaps, [](const auto& socket) { return to_json(socket); })},
          {"complete", complete},
          {"ended_ns", ended_ns}};
}

Json to_json(const model::Link& link, std::vector<model::Gap>& gaps) {
  const auto& [ifindex, name, kind, up, loopback, physical, mtu, master_ifindex, peer_ifindex, peer_netns, mac, bridge_port, addresses,
               carrier, vlan_filtering, xdp] = link;
  return {{"ifindex", ifindex},
          {"name", text_json(name)},
          {"kind", text_json(kind)},
          {"up", up},
          {"loopback", loopback},
          {"physical", physical},
          {"mtu", mtu},
          {"master_ifindex", master_ifindex},
          {"peer_ifindex", peer_ifindex},
          {"peer_netns", peer_netns ? Json(*peer_netns) : Json(nullptr)},
          {"mac", mac_json(mac)},
          {"bridge_port", bridge_port ? to_json(*bridge_port) : Json(nullptr)},
          {"carrier", carrier ? Json(*carrier) : Json(nullptr)},
          {"vlan_filtering", vlan_filtering ? Json(*vlan_filtering) : Json(nullptr)},
          {"addresses", list_json(addresses, "addresses", gaps, [](const auto& entry) { return to_json(entry); })},
          {"xdp", list_json(xdp, "XDP programs", gaps, [](const model::XdpProgram& program) {
             return Json{{"mode", program.mode}, {"id", program.id}};
           })}};
}

Json to_json(const model::RuleKey& key) {
  const auto& [kind, family, table, table_handle, chain, chain_handle, handle, number, generation, offset] = key;
  return {{"kind", static_cast<unsigned>(kind)},
          {"family", family},
          {"table", text_json(table)},
          {"table_handle", table_handle},
          {"chain", text_json(chain)},
          {"chain_handle", chain_handle},
          {"handle", handle},
          {"number", number},
          {"generation", generation},
          {"offset", offset}};
}

Json to_json(const model::RuleText& rule) {
  const auto& [key, backend, chain, number, policy, text, comment, element, via, flow, ruleset, gap, source, drops, chain_rules] = rule;
  Json lines = Json::array();
  for (const std::string& line : chain_rules) lines.push_back(text_json(line));
  Json spans = Json::array();
  for (const auto& [from_ns, until_ns] : drops) spans.push_back({{"from_ns", from_ns}, {"until_ns", until_ns}});
  return {{"key", to_json(key)},
          {"backend", text_json(backend)},
          {"chain", text_json(chain)},
          {"number", number ? Json(*number) : Json(nullptr)},
          {"policy", policy},
          {"text", text_json(text)},
          {"comment", text_json(comment)},
          {"element", text_json(element)},
          {"via", text_json(via)},
          {"flow",
           {{"src", address_json(flow.src.address)},
            {"sport", flow.src.port},
            {"dst", address_json(flow.dst.address)},
            {"dport", flow.dst.port}}},
          {"ruleset", ruleset},
          {"gap", text_json(gap)},
          {"source", text_json(source)},
          {"drops", std::move(spans)},
          {"chain_rules", std::move(lines)}};
}

Json to_json(const model::Conntrack& conntrack) {
  const auto& [count, max, counters_read, invalid, insert_failed, drop, early_drop, chain_too_long] = conntrack;
  return {{"count", count ? Json(*count) : Json(nullptr)},
          {"max", max ? Json(*max) : Json(nullptr)},
          {"counters_read", counters_read},
          {"invalid", invalid},
          {"insert_failed", insert_failed},
          {"drop", drop},
          {"early_drop", early_drop},
          {"chain_too_long", chain_too_long}};
}

Json to_json(const model::NfQueue& queue) {
  const auto& [number, peer_portid, waiting, dropped, user_dropped] = queue;
  return {{"number", number}, {"peer_portid", peer_portid}, {"waiting", waiting}, {"dropped", dropped}, {"user_dropped", user_dropped}};
}

Json to_json(const model::Pod& pod) {
  const auto& [namespace_name, name, uid, sandbox_id, node, netns, host_network, addresses, host_device, source, doubt] = pod;
  Json all = Json::array();
  for (const model::IpAddress& address : addresses) all.push_back({{"address", address_json(address)}});
  return {{"namespace", text_json(namespace_name)},
          {"name", text_json(name)},
          {"uid", text_json(uid)},
          {"sandbox_id", text_json(sandbox_id)},
          {"node", text_json(node)},
          {"netns", netns},
          {"host_network", host_network},
          {"addresses", all},
          {"host_device", text_json(host_device)},
          {"source", text_json(source)},
          {"doubt", text_json(doubt)}};
}

Json to_json(const model::RouteAnswer& route) {
  const auto& [question, error, type, length, prefix, matched, table, out_ifindex, gateway, several, neighbour, time_ns] = route;
  const auto& [destination, source, in_ifindex, asks_neighbour] = question;
  Json entry = nullptr;
  if (neighbour) {
    const auto& [state, mac] = *neighbour;
    entry = {{"state", state}, {"mac", mac ? mac_json(*mac) : Json(nullptr)}};
  }
  return {{"destination", address_json(destination)},
          {"source", address_json(source)},
          {"in_ifindex", in_ifindex},
          {"asks_neighbour", asks_neighbour},
          {"error", text_json(error)},
          {"type", type},
          {"length", length},
          {"prefix", address_json(prefix)},
          {"matched", matched},
          {"table", table},
          {"out_ifindex", out_ifindex},
          {"gateway", address_json(gateway)},
          {"time_ns", time_ns},
          {"several", several},
          {"neighbour", entry}};
}

Json endpoint_json(const model::Endpoint& endpoint) { return {{"address", address_json(endpoint.address)}, {"port", endpoint.port}}; }

Json to_json(const model::ServicePort& service) {
  const auto& [namespace_name, name, port_name, kind, address, endpoints, source, read_ns] = service;
  Json all = Json::array();
  for (const model::Endpoint& endpoint : endpoints) {
    if (all.size() < kMaxListed) all.push_back(endpoint_json(endpoint));
  }
  return {{"namespace", text_json(namespace_name)},
          {"name", text_json(name)},
          {"port_name", text_json(port_name)},
          {"kind", static_cast<unsigned>(kind)},
          {"address", endpoint_json(address)},
          {"endpoints", std::move(all)},
          {"source", text_json(source)},
          {"read_ns", read_ns}};
}

Json to_json(const model::TrackedFlow& flow) {
  const auto& [original, reply] = flow;
  Json json = {{"src", endpoint_json(original.src)}, {"dst", endpoint_json(original.dst)}};
  if (reply) json["reply"] = {{"src", endpoint_json(reply->src)}, {"dst", endpoint_json(reply->dst)}};
  return json;
}

Json to_json(const model::AddressSearch& search) {
  const auto& [address, netns, ifindex, owners, namespaces, gap, beyond] = search;
  Json all = Json::array();
  for (const model::NetnsId owner : owners) {
    if (all.size() < kMaxListed) all.push_back({{"netns", owner}});
  }
  return {{"address", address_json(address)}, {"netns", netns},        {"ifindex", ifindex},         {"owners", std::move(all)},
          {"namespaces", namespaces},         {"gap", text_json(gap)}, {"beyond", text_json(beyond)}};
}

Json to_json(const model::Node& node) {
  const auto& [name, cluster, role, container_id, init_tgid, netns, source] = node;
  return {{"name", text_json(name)},    {"cluster", text_json(cluster)},
          {"role", text_json(role)},    {"container_id", text_json(container_id)},
          {"init_tgid", init_tgid},     {"netns", netns},
          {"source", text_json(source)}};
}

Json to_json(const model::BridgeVlans& port, std::vector<model::Gap>& gaps) {
  const auto& [ifindex, vlans] = port;
  return {{"ifindex", ifindex}, {"vlans", list_json(vlans, "VLANs", gaps, [](const auto& range) {
                                   const auto& [first, last, pvid] = range;
                                   return Json{{"first", first}, {"last", last}, {"pvid", pvid}};
                                 })}};
}

Json to_json(const model::Queues& queues, std::vector<model::Gap>& gaps) {
  const auto& [qdiscs, qdiscs_read, input, time_ns] = queues;
  return {{"qdiscs", list_json(qdiscs, "queueing disciplines", gaps,
                               [](const auto& qdisc) {
                                 const auto& [ifindex, kind, handle, parent, drops, waiting] = qdisc;
                                 return Json{{"ifindex", ifindex}, {"kind", text_json(kind)}, {"handle", handle},
                                             {"parent", parent},   {"drops", drops},          {"waiting", waiting}};
                               })},
          {"qdiscs_read", qdiscs_read},
          {"time_ns", time_ns},
          {"input", list_json(input, "input queues", gaps, [](const auto& queue) {
             const auto& [cpu, dropped, flow_limited] = queue;
             return Json{{"cpu", cpu}, {"dropped", dropped}, {"flow_limited", flow_limited}};
           })}};
}

Json to_json(const model::Neighbours& neighbours, std::vector<model::Gap>& gaps) {
  const auto& [tables, queues, entries, entries_read] = neighbours;
  return {{"tables", list_json(tables, "neighbour tables", gaps,
                               [](const auto& table) {
                                 const auto& [family, size, limit, times_full] = table;
                                 return Json{{"family", family}, {"entries", size}, {"limit", limit}, {"times_full", times_full}};
                               })},
          {"queues", list_json(queues, "neighbour queues", gaps,
                               [](const auto& queue) {
                                 const auto& [family, ifindex, limit_bytes] = queue;
                                 return Json{{"family", family}, {"ifindex", ifindex}, {"limit_bytes", limit_bytes}};
                               })},
          {"entries",
           list_json(entries, "neighbour entries", gaps,
                     [](const auto& entry) {
                       const auto& [ifindex, state, address, mac] = entry;
                       return Json{{"ifindex", ifindex}, {"state", state}, {"address", address_json(address)}, {"mac", mac_json(mac)}};
                     })},
          {"entries_read", entries_read}};
}

Json to_json(const model::Netns& netns) {
  const auto& [id, name, source, host, example_tgid, example_comm, links, fdb, bridge_vlans, queues, neighbours, sysctls, gaps, listeners,
               listeners_read, listen_readings, details_read, gone, refusing_rules_ipv4, refusing_rules_ipv6, own_rules_ipv4,
               own_rules_ipv6, routes, rules, conntrack, tc_sides, xfrm_policies, xfrm_policies_read, xfrm_counters, time_wait, nf_queues,
               nf_queues_read, node, pod, services, container, tracked] = netns;
  std::vector<model::Gap> all_gaps = gaps;
  Json json = {{"id", id},
               {"name", text_json(name)},
               {"source", text_json(source)},
               {"host", host},
               {"example_tgid", example_tgid},
               {"example_comm", text_json(example_comm)},
               {"listeners_read", listeners_read},
               {"details_read", details_read},
               {"gone", gone},
               {"refusing_rules_ipv4", refusing_rules_ipv4},
               {"refusing_rules_ipv6", refusing_rules_ipv6},
               {"own_rules_ipv4", own_rules_ipv4 ? Json(*own_rules_ipv4) : Json(nullptr)},
               {"own_rules_ipv6", own_rules_ipv6 ? Json(*own_rules_ipv6) : Json(nullptr)},
               {"conntrack", conntrack ? to_json(*conntrack) : Json(nullptr)},
               {"nf_queues_read", nf_queues_read},
               {"node", text_json(node)},
               {"pod", pod ? to_json(*pod) : Json(nullptr)},
               {"container", text_json(container)}};
  json["links"] = list_json(links, "links", all_gaps, [&](const auto& link) { return to_json(link, all_gaps); });
  json["fdb"] = list_json(fdb, "forwarding entries", all_gaps, [](const auto& entry) { return to_json(entry); });
  // Pairs, not an object: a sysctl's key holds a device name, which may be no JSON key.
  json["sysctls"] = list_json(sysctls, "sysctls", all_gaps, [](const auto& entry) {
    return Json::array({text_json(entry.first), text_json(entry.second)});
  });
  json["listeners"] = list_json(listeners, "listening sockets", all_gaps, [](const auto& socket) { return to_json(socket); });
  json["listen_readings"] =
      list_json(listen_readings, "readings of listeners", all_gaps, [&](const auto& reading) { return to_json(reading, all_gaps); });
  json["rules"] = list_json(rules, "rules", all_gaps, [](const auto& rule) { return to_json(rule); });
  json["routes"] = list_json(routes, "routes", all_gaps, [](const auto& route) { return to_json(route); });
  json["tc_sides"] = list_json(tc_sides, "sides of devices", all_gaps, [](const auto& side) { return tc_side_json(side); });
  json["xfrm_policies"] = list_json(xfrm_policies, "IPsec policies", all_gaps, [](const auto& policy) { return xfrm_policy_json(policy); });
  json["xfrm_policies_read"] = xfrm_policies_read;
  json["xfrm_counters"] = list_json(xfrm_counters, "IPsec counters", all_gaps, [](const auto& entry) {
    return Json::array({text_json(entry.first), entry.second});
  });
  json["time_wait"] = list_json(time_wait, "connections", all_gaps, [](const auto& flow) { return flow_json(flow); });
  json["nf_queues"] = list_json(nf_queues, "netfilter queues", all_gaps, [](const auto& queue) { return to_json(queue); });
  json["services"] = list_json(services, "services", all_gaps, [](const auto& port) { return to_json(port); });
  json["tracked"] = list_json(tracked, "tracked connections", all_gaps, [](const auto& flow) { return to_json(flow); });
  json["bridge_vlans"] = list_json(bridge_vlans, "bridge VLANs", all_gaps, [&](const auto& port) { return to_json(port, all_gaps); });
  json["queues"] = queues ? to_json(*queues, all_gaps) : Json(nullptr);
  json["neighbours"] = neighbours ? to_json(*neighbours, all_gaps) : Json(nullptr);
  json["gaps"] = gaps_json(all_gaps);
  return json;
}

}  // namespace

std::string inventory_to_json(MonotonicNs time_ns, const model::Inventory& inventory) {
  const auto& [namespaces, gaps, own_netns, nodes, hosted, owners, searches, scoped, programs, cgroups, security_modules,
               security_programs] = inventory;
  std::vector<model::Gap> all_gaps = gaps;
  Json json = {{"time_ns", time_ns}, {"own_netns", own_netns}};
  json["namespaces"] = list_json(namespaces, "namespaces", all_gaps, [](const auto& entry) { return to_json(entry.second); });
  json["nodes"] = list_json(nodes, "nodes", all_gaps, [](const auto& node) { return to_json(node); });
  json["hosted"] = list_json(hosted, "pods", all_gaps, [](const auto& pod) { return to_json(pod); });
  json["owners"] = list_json(owners, "owners of processes", all_gaps, [](const auto& entry) {
    const auto& [pod, container, node] = entry.second;
    return Json{{"tgid", entry.first}, {"pod", text_json(pod)}, {"container", text_json(container)}, {"node", text_json(node)}};
  });
  json["searches"] = list_json(searches, "searches for addresses", all_gaps, [](const auto& search) { return to_json(search); });
  json["scoped"] = scoped ? scoped_json(*scoped) : Json(nullptr);
  json["programs"] = list_json(programs, "BPF programs", all_gaps, [](const auto& entry) { return bpf_program_json(entry.second); });
  json["cgroups"] = list_json(cgroups, "cgroups", all_gaps, [](const auto& entry) { return cgroup_json(entry.first, entry.second); });
  json["security_modules"] = text_json(security_modules);
  json["security_programs"] = security_programs ? security_programs_json(*security_programs) : Json(nullptr);
  json["gaps"] = gaps_json(all_gaps);
  return dump(json);
}

}  // namespace synfate::wire
