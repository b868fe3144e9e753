// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The inventory from untrusted JSON; names the field that is wrong.
#include "wire/inventory_json.hpp"
#include "wire/json.hpp"

namespace synfate::wire {
namespace {

std::string read_bridge_port(const Json& json, std::string where, model::BridgePort& port) {
  JsonFields fields(json, std::move(where));
  fields.read("state", port.state);
  fields.read("hairpin", port.hairpin);
  fields.read("isolated", port.isolated);
  return fields.error();
}

std::string read_address(const Json& json, std::string where, model::InterfaceAddress& entry) {
  JsonFields fields(json, std::move(where));
  fields.read("address", entry.address);
  fields.read("prefix_length", entry.prefix_length);
  if (entry.prefix_length > 128) fields.fail("prefix_length", "a prefix length");
  return fields.error();
}

std::string read_fdb(const Json& json, std::string where, model::FdbEntry& entry) {
  JsonFields fields(json, std::move(where));
  fields.read("bridge_ifindex", entry.bridge_ifindex);
  fields.read("port_ifindex", entry.port_ifindex);
  fields.read("mac", entry.mac);
  fields.read("local", entry.local);
  return fields.error();
}

std::string read_listener(const Json& json, std::string where, model::ListenSocket& socket) {
  JsonFields fields(json, std::move(where));
  fields.read("address", socket.local.address);
  fields.read("port", socket.local.port);
  fields.read("queue_length", socket.queue_length);
  fields.read("queue_limit", socket.queue_limit);
  fields.read("inode", socket.inode);
  fields.read("uid", socket.uid);
  return fields.error();
}

/// Reads a list of T by a function that fills one T.
template <class T>
void read_list(JsonFields& fields, const char* name, std::vector<T>& target, std::string (*read_one)(const Json&, std::string, T&)) {
  fields.list(name, [&](const Json& value, std::string where) {
    T element;
    std::string error = read_one(value, std::move(where), element);
    target.push_back(std::move(element));
    return error;
  });
}

std::string read_link(const Json& json, std::string where, model::Link& link) {
  JsonFields fields(json, std::move(where));
  fields.read("ifindex", link.ifindex);
  fields.read("name", link.name);
  fields.read("kind", link.kind);
  fields.read("up", link.up);
  fields.read("loopback", link.loopback);
  fields.read("physical", link.physical);
  fields.read("mtu", link.mtu);
  fields.read("master_ifindex", link.master_ifindex);
  fields.read("peer_ifindex", link.peer_ifindex);
  fields.read("peer_netns", link.peer_netns);
  fields.read("mac", link.mac);
  if (const Json* port = fields.object("bridge_port")) {
    if (const std::string error = read_bridge_port(*port, fields.where("bridge_port"), link.bridge_port.emplace()); !error.empty())
      return error;
  }
  read_list(fields, "addresses", link.addresses, read_address);
  return fields.error();
}

std::string read_span(const Json& json, std::string where, model::TimeSpan& span) {
  JsonFields fields(json, std::move(where));
  fields.read("from_ns", span.from_ns);
  fields.read("until_ns", span.until_ns);
  return fields.error();
}

std::string read_rule(const Json& json, std::string where, model::RuleText& rule) {
  JsonFields fields(json, std::move(where));
  if (const Json* object = fields.object("key")) {
    JsonFields key(*object, fields.where("key"));
    std::uint8_t kind = 0;
    key.read("kind", kind);
    if (kind > static_cast<std::uint8_t>(model::RuleKey::Kind::XtRule)) key.fail("kind", "a kind of rule");
    rule.key.kind = static_cast<model::RuleKey::Kind>(kind);
    key.read("family", rule.key.family);
    key.read("table", rule.key.table);
    key.read("table_handle", rule.key.table_handle);
    key.read("chain", rule.key.chain);
    key.read("chain_handle", rule.key.chain_handle);
    key.read("handle", rule.key.handle);
    key.read("number", rule.key.number);
    key.read("generation", rule.key.generation);
    key.read("offset", rule.key.offset);
    if (!key.error().empty()) return key.error();
  }
  fields.read("backend", rule.backend);
  fields.read("chain", rule.chain);
  fields.read("number", rule.number);
  fields.read("policy", rule.policy);
  fields.read("text", rule.text);
  fields.read("comment", rule.comment);
  fields.read("element", rule.element);
  fields.read("via", rule.via);
  fields.read("ruleset", rule.ruleset);
  if (const Json* object = fields.object("flow")) {
    JsonFields flow(*object, fields.where("flow"));
    flow.read("src", rule.flow.src.address);
    flow.read("sport", rule.flow.src.port);
    flow.read("dst", rule.flow.dst.address);
    flow.read("dport", rule.flow.dst.port);
    if (!flow.error().empty()) return flow.error();
  }
  fields.read("gap", rule.gap);
  fields.read("source", rule.source);
  read_list(fields, "drops", rule.drops, read_span);
  fields.read("chain_rules", rule.chain_rules);
  return fields.error();
}

std::string read_conntrack(const Json& json, std::string where, model::Conntrack& conntrack) {
  JsonFields fields(json, std::move(where));
  fields.read("count", conntrack.count);
  fields.read("max", conntrack.max);
  fields.read("counters_read", conntrack.counters_read);
  fields.read("invalid", conntrack.invalid);
  fields.read("insert_failed", conntrack.insert_failed);
  fields.read("drop", conntrack.drop);
  fields.read("early_drop", conntrack.early_drop);
  fields.read("chain_too_long", conntrack.chain_too_long);
  return fields.error();
}

std::string read_nf_queue(const Json& json, std::string where, model::NfQueue& queue) {
  JsonFields fields(json, std::move(where));
  fields.read("number", queue.number);
  fields.read("peer_portid", queue.peer_portid);
  fields.read("waiting", queue.waiting);
  fields.read("dropped", queue.dropped);
  fields.read("user_dropped", queue.user_dropped);
  return fields.error();
}

std::string read_pod_address(const Json& json, std::string where, model::IpAddress& address) {
  JsonFields fields(json, std::move(where));
  fields.read("address", address);
  return fields.error();
}

std::string read_pod(const Json& json, std::string where, model::Pod& pod) {
  JsonFields fields(json, std::move(where));
  fields.read("namespace", pod.namespace_name);
  fields.read("name", pod.name);
  fields.read("uid", pod.uid);
  fields.read("sandbox_id", pod.sandbox_id);
  fields.read("node", pod.node);
  fields.read("netns", pod.netns);
  fields.read("host_network", pod.host_network);
  read_list(fields, "addresses", pod.addresses, read_pod_address);
  fields.read("host_device", pod.host_device);
  fields.read("source", pod.source);
  fields.read("doubt", pod.doubt);
  return fields.error();
}

std::string read_endpoint(const Json& json, std::string where, model::Endpoint& endpoint) {
  JsonFields fields(json, std::move(where));
  fields.read("address", endpoint.address);
  fields.read("port", endpoint.port);
  return fields.error();
}

std::string read_service(const Json& json, std::string where, model::ServicePort& service) {
  JsonFields fields(json, std::move(where));
  fields.read("namespace", service.namespace_name);
  fields.read("name", service.name);
  fields.read("port_name", service.port_name);
  std::uint8_t kind = 0;
  fields.read("kind", kind);
  if (kind > static_cast<std::uint8_t>(model::ServicePort::Kind::LoadBalancer)) fields.fail("kind", "a kind of address");
  service.kind = static_cast<model::ServicePort::Kind>(kind);
  if (const Json* address = fields.object("address")) {
    if (std::string error = read_endpoint(*address, fields.where("address"), service.address); !error.empty()) return error;
  }
  read_list(fields, "endpoints", service.endpoints, read_endpoint);
  fields.read("source", service.source);
  return fields.error();
}

std::string read_node(const Json& json, std::string where, model::Node& node) {
  JsonFields fields(json, std::move(where));
  fields.read("name", node.name);
  fields.read("cluster", node.cluster);
  fields.read("role", node.role);
  fields.read("container_id", node.container_id);
  fields.read("init_tgid", node.init_tgid);
  fields.read("netns", node.netns);
  fields.read("source", node.source);
  return fields.error();
}

std::string read_netns(const Json& json, std::string where, model::Netns& netns) {
  JsonFields fields(json, std::move(where));
  fields.read("id", netns.id);
  fields.read("name", netns.name);
  fields.read("source", netns.source);
  fields.read("host", netns.host);
  fields.read("example_tgid", netns.example_tgid);
  fields.read("example_comm", netns.example_comm);
  read_list(fields, "links", netns.links, read_link);
  read_list(fields, "fdb", netns.fdb, read_fdb);
  fields.list("sysctls", [&](const Json& pair, const std::string& at) {
    const bool is_pair = pair.is_array() && pair.size() == 2;
    auto key = is_pair ? text_of(pair[0]) : std::nullopt;
    auto value = is_pair ? text_of(pair[1]) : std::nullopt;
    if (!key || !value) return at + " is not a pair of texts";
    netns.sysctls[std::move(*key)] = std::move(*value);
    return std::string();
  });
  fields.read("gaps", netns.gaps);
  read_list(fields, "listeners", netns.listeners, read_listener);
  fields.read("listeners_read", netns.listeners_read);
  fields.read("details_read", netns.details_read);
  fields.read("gone", netns.gone);
  fields.read("refusing_rules_ipv4", netns.refusing_rules_ipv4);
  fields.read("refusing_rules_ipv6", netns.refusing_rules_ipv6);
  read_list(fields, "rules", netns.rules, read_rule);
  if (const Json* conntrack = fields.object("conntrack")) {
    if (std::string error = read_conntrack(*conntrack, fields.where("conntrack"), netns.conntrack.emplace()); !error.empty()) return error;
  }
  read_list(fields, "nf_queues", netns.nf_queues, read_nf_queue);
  fields.read("nf_queues_read", netns.nf_queues_read);
  fields.read("node", netns.node);
  if (const Json* pod = fields.object("pod")) {
    if (std::string error = read_pod(*pod, fields.where("pod"), netns.pod.emplace()); !error.empty()) return error;
  }
  fields.read("container", netns.container);
  read_list(fields, "services", netns.services, read_service);
  return fields.error();
}

}  // namespace

Result<InventorySnapshot> inventory_from_json(std::string_view text) {
  constexpr std::string_view kWhat = "inventory of the recording";
  const auto json = parse_json(text, kWhat);
  if (!json) return json.error();
  InventorySnapshot snapshot;
  JsonFields fields(*json, "");
  fields.read("time_ns", snapshot.time_ns);
  fields.read("own_netns", snapshot.inventory.own_netns);
  fields.list("namespaces", [&](const Json& value, std::string where) {
    model::Netns netns;
    std::string error = read_netns(value, std::move(where), netns);
    snapshot.inventory.namespaces[netns.id] = std::move(netns);
    return error;
  });
  read_list(fields, "nodes", snapshot.inventory.nodes, read_node);
  read_list(fields, "hosted", snapshot.inventory.hosted, read_pod);
  fields.list("owners", [&](const Json& value, std::string where) {
    JsonFields owner(value, std::move(where));
    std::uint32_t tgid = 0;
    model::ProcessOwner read;
    owner.read("tgid", tgid);
    owner.read("pod", read.pod);
    owner.read("container", read.container);
    owner.read("node", read.node);
    snapshot.inventory.owners[tgid] = std::move(read);
    return owner.error();
  });
  fields.read("gaps", snapshot.inventory.gaps);
  if (!fields.error().empty()) return Error{ErrorKind::BadData, "cannot read the " + std::string(kWhat), fields.error(), ""};
  return snapshot;
}

}  // namespace synfate::wire
