// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The inventory from untrusted JSON; names the field that is wrong.
#include "wire/devices_read.hpp"
#include "wire/inventory_json.hpp"
#include "wire/inventory_programs.hpp"
#include "wire/inventory_scoped.hpp"
#include "wire/json.hpp"

namespace synfate::wire {
namespace {

std::string read_bridge_port(const Json& json, std::string where, model::BridgePort& port) {
  JsonFields fields(json, std::move(where));
  fields.read("state", port.state);
  fields.read("hairpin", port.hairpin);
  fields.read("isolated", port.isolated);
  fields.read("locked", port.locked);
  fields.read("flood", port.flood);
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

std::string read_prefix(const Json& json, std::string where, model::Prefix& prefix) {
  JsonFields fields(json, std::move(where));
  fields.read("address", prefix.address);
  fields.read("prefix_length", prefix.length);
  if (prefix.length > 128) fields.fail("prefix_length", "a prefix length");
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
  fields.read("bound_ifindex", socket.bound_ifindex);
  // Null is not told, and a bool has no reader that knows so.
  bool only_ipv6 = false;
  if (json.is_object() && json.contains("only_ipv6") && !json["only_ipv6"].is_null()) {
    fields.read("only_ipv6", only_ipv6);
    socket.only_ipv6 = only_ipv6;
  }
  fields.read("owner_tgid", socket.owner_tgid);
  fields.read("owner_comm", socket.owner_comm);
  fields.read("half_open", socket.half_open);
  fields.read("cgroup_id", socket.cgroup_id);
  read_list(fields, "md5_peers", socket.md5_peers, read_prefix);
  fields.read("drops", socket.drops);
  return fields.error();
}

std::string read_listen_reading(const Json& json, std::string where, model::ListenReading& reading) {
  JsonFields fields(json, std::move(where));
  fields.read("time_ns", reading.time_ns);
  fields.read("port", reading.port);
  if (const Json* object = fields.object("counters")) {
    JsonFields counters(*object, fields.where("counters"));
    counters.read("read", reading.counters.read);
    counters.read("overflows", reading.counters.overflows);
    counters.read("drops", reading.counters.drops);
    counters.read("syn_queue_full", reading.counters.syn_queue_full);
    counters.read("syn_queue_cookies", reading.counters.syn_queue_cookies);
    counters.read("cookies_sent", reading.counters.cookies_sent);
    if (!counters.error().empty()) return counters.error();
  }
  read_list(fields, "sockets", reading.sockets, read_listener);
  fields.read("complete", reading.complete);
  fields.read("ended_ns", reading.ended_ns);
  return fields.error();
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
  fields.read("carrier", link.carrier);
  fields.read("vlan_filtering", link.vlan_filtering);
  read_list(fields, "xdp", link.xdp, read_xdp);
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
  fields.read("read_ns", service.read_ns);
  return fields.error();
}

std::string read_ends(JsonFields& fields, model::Flow& flow) {
  for (auto& [name, end] : {std::pair{"src", &flow.src}, std::pair{"dst", &flow.dst}}) {
    const Json* object = fields.object(name);
    if (object == nullptr) continue;
    if (std::string error = read_endpoint(*object, fields.where(name), *end); !error.empty()) return error;
  }
  return fields.error();
}

std::string read_tracked(const Json& json, std::string where, model::TrackedFlow& flow) {
  JsonFields fields(json, std::move(where));
  if (std::string error = read_ends(fields, flow.original); !error.empty()) return error;
  const Json* reply = fields.object("reply");
  if (reply == nullptr) return fields.error();
  JsonFields of_reply(*reply, fields.where("reply"));
  return read_ends(of_reply, flow.reply.emplace());
}

std::string read_owner(const Json& json, std::string where, model::NetnsId& owner) {
  JsonFields fields(json, std::move(where));
  fields.read("netns", owner);
  return fields.error();
}

std::string read_search(const Json& json, std::string where, model::AddressSearch& search) {
  JsonFields fields(json, std::move(where));
  fields.read("address", search.address);
  fields.read("netns", search.netns);
  fields.read("ifindex", search.ifindex);
  read_list(fields, "owners", search.owners, read_owner);
  fields.read("namespaces", search.namespaces);
  fields.read("gap", search.gap);
  fields.read("beyond", search.beyond);
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

std::string read_neighbour(const Json& json, std::string where, model::Neighbour& neighbour) {
  JsonFields fields(json, std::move(where));
  fields.read("state", neighbour.state);
  fields.read("mac", neighbour.mac);
  return fields.error();
}

std::string read_route(const Json& json, std::string where, model::RouteAnswer& route) {
  JsonFields fields(json, std::move(where));
  fields.read("destination", route.question.destination);
  fields.read("source", route.question.source);
  fields.read("in_ifindex", route.question.in_ifindex);
  fields.read("asks_neighbour", route.question.neighbour);
  fields.read("error", route.error);
  fields.read("type", route.type);
  fields.read("length", route.length);
  if (route.length > 128) fields.fail("length", "a prefix length");
  fields.read("prefix", route.prefix);
  fields.read("matched", route.matched);
  fields.read("table", route.table);
  fields.read("out_ifindex", route.out_ifindex);
  fields.read("gateway", route.gateway);
  fields.read("several", route.several);
  fields.read("time_ns", route.time_ns);
  if (const Json* entry = fields.object("neighbour")) {
    if (std::string error = read_neighbour(*entry, fields.where("neighbour"), route.neighbour.emplace()); !error.empty()) return error;
  }
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
  if (std::string error = read_devices(fields, netns); !error.empty()) return error;
  fields.read("gaps", netns.gaps);
  read_list(fields, "listeners", netns.listeners, read_listener);
  fields.read("listeners_read", netns.listeners_read);
  read_list(fields, "listen_readings", netns.listen_readings, read_listen_reading);
  fields.read("details_read", netns.details_read);
  fields.read("gone", netns.gone);
  fields.read("refusing_rules_ipv4", netns.refusing_rules_ipv4);
  fields.read("refusing_rules_ipv6", netns.refusing_rules_ipv6);
  fields.read("own_rules_ipv4", netns.own_rules_ipv4);
  fields.read("own_rules_ipv6", netns.own_rules_ipv6);
  read_list(fields, "routes", netns.routes, read_route);
  read_list(fields, "rules", netns.rules, read_rule);
  if (const Json* conntrack = fields.object("conntrack")) {
    if (std::string error = read_conntrack(*conntrack, fields.where("conntrack"), netns.conntrack.emplace()); !error.empty()) return error;
  }
  read_list(fields, "tc_sides", netns.tc_sides, read_tc_side);
  read_list(fields, "xfrm_policies", netns.xfrm_policies, read_xfrm_policy);
  fields.read("xfrm_policies_read", netns.xfrm_policies_read);
  fields.list("xfrm_counters", [&](const Json& pair, const std::string& at) {
    const bool is_pair = pair.is_array() && pair.size() == 2;
    auto key = is_pair ? text_of(pair[0]) : std::nullopt;
    if (!key || !pair[1].is_number_unsigned()) return at + " is not a counter";
    netns.xfrm_counters[std::move(*key)] = pair[1].get<std::uint64_t>();
    return std::string();
  });
  read_list(fields, "time_wait", netns.time_wait, read_flow);
  read_list(fields, "nf_queues", netns.nf_queues, read_nf_queue);
  fields.read("nf_queues_read", netns.nf_queues_read);
  fields.read("node", netns.node);
  if (const Json* pod = fields.object("pod")) {
    if (std::string error = read_pod(*pod, fields.where("pod"), netns.pod.emplace()); !error.empty()) return error;
  }
  fields.read("container", netns.container);
  read_list(fields, "services", netns.services, read_service);
  read_list(fields, "tracked", netns.tracked, read_tracked);
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
  read_list(fields, "searches", snapshot.inventory.searches, read_search);
  if (const Json* scoped = fields.object("scoped")) {
    const std::string error = read_scoped(*scoped, snapshot.inventory.scoped.emplace());
    if (!error.empty()) return Error{ErrorKind::BadData, "cannot read the " + std::string(kWhat), error, ""};
  }
  fields.list("programs", [&](const Json& value, std::string where) {
    model::BpfProgram program;
    std::string error = read_bpf_program(value, std::move(where), program);
    snapshot.inventory.programs[program.id] = std::move(program);
    return error;
  });
  fields.list("cgroups", [&](const Json& value, std::string where) {
    std::uint64_t id = 0;
    model::CgroupPrograms cgroup;
    std::string error = read_cgroup(value, std::move(where), id, cgroup);
    snapshot.inventory.cgroups[id] = std::move(cgroup);
    return error;
  });
  fields.read("security_modules", snapshot.inventory.security_modules);
  if (const Json* programs = fields.object("security_programs")) {
    const std::string error = read_security_programs(*programs, "security_programs", snapshot.inventory.security_programs.emplace());
    if (!error.empty()) return Error{ErrorKind::BadData, "cannot read the " + std::string(kWhat), error, ""};
  }
  fields.read("gaps", snapshot.inventory.gaps);
  if (!fields.error().empty()) return Error{ErrorKind::BadData, "cannot read the " + std::string(kWhat), fields.error(), ""};
  return snapshot;
}

}  // namespace synfate::wire
