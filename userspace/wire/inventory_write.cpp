// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The inventory to JSON. Cuts what the reader would refuse, and says so in the gaps.
#include "wire/inventory_json.hpp"
#include "wire/json.hpp"

namespace synfate::wire {
namespace {

// Writers take a struct apart by structured binding: a field that is added to the model does not compile here until it is recorded.

Json to_json(const model::BridgePort& port) {
  const auto& [state, hairpin, isolated] = port;
  return {{"state", state}, {"hairpin", hairpin}, {"isolated", isolated}};
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
  const auto& [local, queue_length, queue_limit, inode, uid] = socket;
  return {{"address", address_json(local.address)},
          {"port", local.port},
          {"queue_length", queue_length},
          {"queue_limit", queue_limit ? Json(*queue_limit) : Json(nullptr)},
          {"inode", inode},
          {"uid", uid}};
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

Json to_json(const model::Link& link, std::vector<model::Gap>& gaps) {
  const auto& [ifindex, name, kind, up, loopback, physical, mtu, master_ifindex, peer_ifindex, peer_netns, mac, bridge_port, addresses] =
      link;
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
          {"addresses", list_json(addresses, "addresses", gaps, [](const auto& entry) { return to_json(entry); })}};
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

Json endpoint_json(const model::Endpoint& endpoint) { return {{"address", address_json(endpoint.address)}, {"port", endpoint.port}}; }

Json to_json(const model::ServicePort& service) {
  const auto& [namespace_name, name, port_name, kind, address, endpoints, source] = service;
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
          {"source", text_json(source)}};
}

Json to_json(const model::Node& node) {
  const auto& [name, cluster, role, container_id, init_tgid, netns, source] = node;
  return {{"name", text_json(name)},    {"cluster", text_json(cluster)},
          {"role", text_json(role)},    {"container_id", text_json(container_id)},
          {"init_tgid", init_tgid},     {"netns", netns},
          {"source", text_json(source)}};
}

Json to_json(const model::Netns& netns) {
  const auto& [id, name, source, host, example_tgid, example_comm, links, fdb, sysctls, gaps, listeners, listeners_read, details_read, gone,
               refusing_rules_ipv4, refusing_rules_ipv6, rules, conntrack, nf_queues, nf_queues_read, node, pod, services, container] =
      netns;
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
  json["rules"] = list_json(rules, "rules", all_gaps, [](const auto& rule) { return to_json(rule); });
  json["nf_queues"] = list_json(nf_queues, "netfilter queues", all_gaps, [](const auto& queue) { return to_json(queue); });
  json["services"] = list_json(services, "services", all_gaps, [](const auto& port) { return to_json(port); });
  json["gaps"] = gaps_json(all_gaps);
  return json;
}

}  // namespace

std::string inventory_to_json(MonotonicNs time_ns, const model::Inventory& inventory) {
  const auto& [namespaces, gaps, own_netns, nodes, hosted, owners] = inventory;
  std::vector<model::Gap> all_gaps = gaps;
  Json json = {{"time_ns", time_ns}, {"own_netns", own_netns}};
  json["namespaces"] = list_json(namespaces, "namespaces", all_gaps, [](const auto& entry) { return to_json(entry.second); });
  json["nodes"] = list_json(nodes, "nodes", all_gaps, [](const auto& node) { return to_json(node); });
  json["hosted"] = list_json(hosted, "pods", all_gaps, [](const auto& pod) { return to_json(pod); });
  json["owners"] = list_json(owners, "owners of processes", all_gaps, [](const auto& entry) {
    const auto& [pod, container, node] = entry.second;
    return Json{{"tgid", entry.first}, {"pod", text_json(pod)}, {"container", text_json(container)}, {"node", text_json(node)}};
  });
  json["gaps"] = gaps_json(all_gaps);
  return dump(json);
}

}  // namespace synfate::wire
