// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The machine that synfate runs on.
#pragma once

#include "machine/machine.hpp"

namespace synfate::machine {

class RealMachine final : public Machine {
 public:
  Result<std::string> read_file(const std::string& path, const ReadOptions& options = {}) override;
  Result<std::vector<std::string>> list_directory(const std::string& path, std::size_t max_entries = 262'144) override;
  Result<std::string> read_link(const std::string& path) override;
  Result<FileIdentity> identify(const std::string& path) override;
  Result<NetnsHandle> open_netns(const std::string& path) override;
  Result<std::unique_ptr<FileTree>> tree_of(std::uint32_t tgid) override;
  Result<std::string> cgroup_path(std::uint64_t id) override;
  Result<BpfProgramFacts> bpf_program(std::uint32_t id) override;
  Result<std::vector<BpfProgramFacts>> bpf_programs_of_type(std::uint32_t type, std::size_t max_programs) override;
  Result<std::vector<BpfLinkFacts>> bpf_links(std::size_t max_links) override;
  Result<std::vector<std::uint32_t>> bpf_programs_of_cgroup(const std::string& path, std::uint32_t attach_type, bool effective) override;
  Result<std::uint32_t> bpf_program_pinned_at(const std::string& path) override;
  Status inside(const NetnsHandle& netns, const std::function<void(NetnsVisit&)>& visit) override;
  Result<CommandOutput> run(const std::vector<std::string>& argv, const RunOptions& options = {}) override;
  Result<CommandOutput> list_nft_chain(const NftChainName& name, const RunOptions& options) override;
  Result<NetnsHandle> make_netns_with(const std::string& batch) override;
  Result<NameReply> ask_name_server(const NameQuestion& question, const RunOptions& options) override;
};

}  // namespace synfate::machine
