// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/real.hpp"

#include "machine/bpf_objects.hpp"
#include "machine/cgroup.hpp"
#include "machine/command.hpp"
#include "machine/file_tree.hpp"
#include "machine/files.hpp"
#include "machine/made_netns.hpp"
#include "machine/name_server.hpp"
#include "machine/netns.hpp"
#include "machine/nft_library.hpp"

namespace synfate::machine {

Result<std::string> RealMachine::read_file(const std::string& path, const ReadOptions& options) { return read_regular_file(path, options); }

Result<std::vector<std::string>> RealMachine::list_directory(const std::string& path, std::size_t max_entries) {
  return list_directory_names(path, max_entries);
}

Result<std::string> RealMachine::read_link(const std::string& path) { return read_symlink(path); }

Result<FileIdentity> RealMachine::identify(const std::string& path) { return identify_file(path); }

Result<NetnsHandle> RealMachine::open_netns(const std::string& path) { return open_netns_at(path); }

Result<std::unique_ptr<FileTree>> RealMachine::tree_of(std::uint32_t tgid) {
  return open_tree(tgid == 0 ? std::string{"/"} : "/proc/" + std::to_string(tgid) + "/root");
}

Result<std::string> RealMachine::cgroup_path(std::uint64_t id) { return cgroup_path_of(id); }

Result<BpfProgramFacts> RealMachine::bpf_program(std::uint32_t id) { return bpf_program_facts(id); }

Result<std::vector<BpfProgramFacts>> RealMachine::bpf_programs_of_type(std::uint32_t type, std::size_t max_programs) {
  return bpf_loaded_programs(type, max_programs);
}

Result<std::vector<BpfLinkFacts>> RealMachine::bpf_links(std::size_t max_links) { return bpf_attached_links(max_links); }

Result<std::vector<std::uint32_t>> RealMachine::bpf_programs_of_cgroup(const std::string& path, std::uint32_t attach_type, bool effective) {
  return bpf_programs_of_cgroup_at(path, attach_type, effective);
}

Result<std::uint32_t> RealMachine::bpf_program_pinned_at(const std::string& path) { return bpf_program_pinned(path); }

Status RealMachine::inside(const NetnsHandle& netns, const std::function<void(NetnsVisit&)>& visit) { return visit_netns(netns, visit); }

Result<CommandOutput> RealMachine::run(const std::vector<std::string>& argv, const RunOptions& options) {
  return run_command(argv, options);
}

Result<CommandOutput> RealMachine::list_nft_chain(const NftChainName& name, const RunOptions& options) {
  return machine::list_nft_chain(name, options);
}

Result<NetnsHandle> RealMachine::make_netns_with(const std::string& batch) { return machine::make_netns_with(batch); }

Result<NameReply> RealMachine::ask_name_server(const NameQuestion& question, const RunOptions& options) {
  return machine::ask_name_server(question, options);
}

}  // namespace synfate::machine
