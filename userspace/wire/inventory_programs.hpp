// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// BPF programs, filters of tc and policies of IPsec as JSON and back. Private to this room.
#pragma once

#include <cstdint>
#include <string>

#include "model/inventory.hpp"
#include "wire/json.hpp"

namespace synfate::wire {

Json flow_json(const model::Flow& flow);
Json tc_side_json(const model::TcSide& side);
Json xfrm_policy_json(const model::XfrmPolicy& policy);
Json bpf_program_json(const model::BpfProgram& program);
Json security_programs_json(const model::SecurityPrograms& security);
Json cgroup_json(std::uint64_t id, const model::CgroupPrograms& cgroup);

/// Each returns the error's text, empty if all is well.
std::string read_flow(const Json& json, std::string where, model::Flow& flow);
std::string read_xdp(const Json& json, std::string where, model::XdpProgram& program);
std::string read_tc_side(const Json& json, std::string where, model::TcSide& side);
std::string read_xfrm_policy(const Json& json, std::string where, model::XfrmPolicy& policy);
std::string read_bpf_program(const Json& json, std::string where, model::BpfProgram& program);
std::string read_security_programs(const Json& json, std::string where, model::SecurityPrograms& security);
std::string read_cgroup(const Json& json, std::string where, std::uint64_t& id, model::CgroupPrograms& cgroup);

}  // namespace synfate::wire
