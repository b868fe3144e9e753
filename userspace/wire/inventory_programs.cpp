// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/inventory_programs.hpp"

#include <utility>

namespace synfate::wire {
namespace {

Json tc_filter_json(const model::TcFilter& filter) {
  const auto& [kind, chain, priority, handle, program_id, actions, action_programs, drops] = filter;
  Json words = Json::array();
  for (const std::string& action : actions) words.push_back(text_json(action));
  return {{"kind", text_json(kind)},
          {"chain", chain},
          {"priority", priority},
          {"handle", handle},
          {"program_id", program_id},
          {"actions", std::move(words)},
          {"action_programs", action_programs},
          {"drops", drops}};
}

std::string read_program_id(const Json& value, const std::string& where, std::uint32_t& id) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 0xffff'ffffU) return where + " is not the number of a program";
  id = value.get<std::uint32_t>();
  return "";
}

std::string read_tc_filter(const Json& json, std::string where, model::TcFilter& filter) {
  JsonFields fields(json, std::move(where));
  fields.read("kind", filter.kind);
  fields.read("chain", filter.chain);
  fields.read("priority", filter.priority);
  fields.read("handle", filter.handle);
  fields.read("program_id", filter.program_id);
  fields.read("actions", filter.actions);
  fields.list("action_programs",
              [&](const Json& value, const std::string& at) { return read_program_id(value, at, filter.action_programs.emplace_back()); });
  fields.read("drops", filter.drops);
  return fields.error();
}

Json cgroup_programs_json(const std::vector<model::CgroupProgram>& programs) {
  Json all = Json::array();
  for (const auto& [id, path] : programs) {
    if (all.size() < kMaxListed) all.push_back({{"id", id}, {"path", text_json(path)}});
  }
  return all;
}

std::string read_cgroup_program(const Json& json, std::string where, model::CgroupProgram& program) {
  JsonFields fields(json, std::move(where));
  fields.read("id", program.id);
  fields.read("path", program.path);
  return fields.error();
}

}  // namespace

Json flow_json(const model::Flow& flow) {
  return {
      {"src", address_json(flow.src.address)}, {"sport", flow.src.port}, {"dst", address_json(flow.dst.address)}, {"dport", flow.dst.port}};
}

std::string read_flow(const Json& json, std::string where, model::Flow& flow) {
  JsonFields fields(json, std::move(where));
  fields.read("src", flow.src.address);
  fields.read("sport", flow.src.port);
  fields.read("dst", flow.dst.address);
  fields.read("dport", flow.dst.port);
  return fields.error();
}

std::string read_xdp(const Json& json, std::string where, model::XdpProgram& program) {
  JsonFields fields(json, std::move(where));
  fields.read("mode", program.mode);
  fields.read("id", program.id);
  return fields.error();
}

Json tc_side_json(const model::TcSide& side) {
  const auto& [ifindex, ingress, filters, gap] = side;
  Json all = Json::array();
  for (const model::TcFilter& filter : filters) {
    if (all.size() < kMaxListed) all.push_back(tc_filter_json(filter));
  }
  return {{"ifindex", ifindex}, {"ingress", ingress}, {"filters", std::move(all)}, {"gap", text_json(gap)}};
}

std::string read_tc_side(const Json& json, std::string where, model::TcSide& side) {
  JsonFields fields(json, std::move(where));
  fields.read("ifindex", side.ifindex);
  fields.read("ingress", side.ingress);
  fields.list("filters",
              [&](const Json& value, std::string at) { return read_tc_filter(value, std::move(at), side.filters.emplace_back()); });
  fields.read("gap", side.gap);
  return fields.error();
}

Json xfrm_policy_json(const model::XfrmPolicy& policy) {
  const auto& [direction, block, wants_ipsec, index, priority, source, source_length, destination, destination_length, destination_port,
               protocol, destination_port_mask, source_port, source_port_mask, mark, mark_mask, xfrm_interface_id, ifindex] = policy;
  return {{"direction", direction},
          {"block", block},
          {"wants_ipsec", wants_ipsec},
          {"index", index},
          {"priority", priority},
          {"source", address_json(source)},
          {"source_length", source_length},
          {"destination", address_json(destination)},
          {"destination_length", destination_length},
          {"destination_port", destination_port},
          {"protocol", protocol},
          {"destination_port_mask", destination_port_mask},
          {"source_port", source_port},
          {"source_port_mask", source_port_mask},
          {"mark", mark},
          {"mark_mask", mark_mask},
          {"xfrm_interface_id", xfrm_interface_id},
          {"ifindex", ifindex}};
}

std::string read_xfrm_policy(const Json& json, std::string where, model::XfrmPolicy& policy) {
  JsonFields fields(json, std::move(where));
  fields.read("direction", policy.direction);
  fields.read("block", policy.block);
  fields.read("wants_ipsec", policy.wants_ipsec);
  fields.read("index", policy.index);
  fields.read("priority", policy.priority);
  fields.read("source", policy.source);
  fields.read("source_length", policy.source_length);
  fields.read("destination", policy.destination);
  fields.read("destination_length", policy.destination_length);
  fields.read("destination_port", policy.destination_port);
  fields.read("protocol", policy.protocol);
  fields.read("destination_port_mask", policy.destination_port_mask);
  fields.read("source_port", policy.source_port);
  fields.read("source_port_mask", policy.source_port_mask);
  fields.read("mark", policy.mark);
  fields.read("mark_mask", policy.mark_mask);
  fields.read("xfrm_interface_id", policy.xfrm_interface_id);
  fields.read("ifindex", policy.ifindex);
  if (policy.source_length > 128 || policy.destination_length > 128) fields.fail("source_length", "a prefix length");
  return fields.error();
}

Json bpf_program_json(const model::BpfProgram& program) {
  const auto& [id, type, name, tag, uid, pinned, holder_tgid, holder_comm, holders_read] = program;
  return {{"id", id},
          {"type", type},
          {"name", text_json(name)},
          {"tag", text_json(tag)},
          {"uid", uid},
          {"pinned", text_json(pinned)},
          {"holder_tgid", holder_tgid},
          {"holder_comm", text_json(holder_comm)},
          {"holders_read", holders_read}};
}

std::string read_bpf_program(const Json& json, std::string where, model::BpfProgram& program) {
  JsonFields fields(json, std::move(where));
  fields.read("id", program.id);
  fields.read("type", program.type);
  fields.read("name", program.name);
  fields.read("tag", program.tag);
  fields.read("uid", program.uid);
  fields.read("pinned", program.pinned);
  fields.read("holder_tgid", program.holder_tgid);
  fields.read("holder_comm", program.holder_comm);
  fields.read("holders_read", program.holders_read);
  return fields.error();
}

Json security_programs_json(const model::SecurityPrograms& security) {
  const auto& [programs, own_reason, time_ns] = security;
  Json all = Json::array();
  for (const auto& [id, hook, of_cgroup, attached] : programs) {
    if (all.size() < kMaxListed) all.push_back({{"id", id}, {"hook", text_json(hook)}, {"of_cgroup", of_cgroup}, {"attached", attached}});
  }
  return {{"programs", std::move(all)}, {"own_reason", own_reason}, {"time_ns", time_ns}};
}

std::string read_security_programs(const Json& json, std::string where, model::SecurityPrograms& security) {
  JsonFields fields(json, std::move(where));
  fields.list("programs", [&](const Json& value, std::string at) {
    JsonFields program(value, std::move(at));
    model::SecurityProgram& read = security.programs.emplace_back();
    program.read("id", read.id);
    program.read("hook", read.hook);
    program.read("of_cgroup", read.of_cgroup);
    program.read("attached", read.attached);
    return program.error();
  });
  fields.read("own_reason", security.own_reason);
  fields.read("time_ns", security.time_ns);
  return fields.error();
}

Json cgroup_json(std::uint64_t id, const model::CgroupPrograms& cgroup) {
  const auto& [path, ingress, egress, gap] = cgroup;
  return {{"id", id},
          {"path", text_json(path)},
          {"ingress", cgroup_programs_json(ingress)},
          {"egress", cgroup_programs_json(egress)},
          {"gap", text_json(gap)}};
}

std::string read_cgroup(const Json& json, std::string where, std::uint64_t& id, model::CgroupPrograms& cgroup) {
  JsonFields fields(json, std::move(where));
  fields.read("id", id);
  fields.read("path", cgroup.path);
  for (const auto& side : {std::pair{"ingress", &cgroup.ingress}, std::pair{"egress", &cgroup.egress}}) {
    const char* const name = side.first;
    auto* const programs = side.second;
    fields.list(name,
                [&](const Json& value, std::string at) { return read_cgroup_program(value, std::move(at), programs->emplace_back()); });
  }
  fields.read("gap", cgroup.gap);
  return fields.error();
}

}  // namespace synfate::wire
