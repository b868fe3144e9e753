// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A machine in memory, for the tests of every room above this one; it touches nothing real and refuses what it was not told of.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "machine/machine.hpp"

namespace synfate::machine {

/// A network namespace of a FakeMachine.
struct FakeNetns {
  std::map<std::string, std::string> files;  ///< paths as a visitor opens them
  std::map<std::string, Error> failures;     ///< of those files
  /// By protocol, type and the first byte of the request's body, which is the address family in every request that synfate makes.
  std::map<std::tuple<int, std::uint16_t, std::uint8_t>, Result<NetlinkReply>> tables;
  /// By protocol, type and the whole body: looked at before `tables`.
  std::map<std::tuple<int, std::uint16_t, std::string>, Result<NetlinkReply>> answers;
  /// Called before each request is answered; may change the answers.
  std::function<void(FakeNetns&, const NetlinkRequest&)> on_request;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> device_programs;  ///< by ifindex and attach type
  std::uint64_t cookie = 0;                                                                       ///< 0: it cannot be asked for
  std::map<std::uint64_t, std::uint32_t> nsids;                                                   ///< by the other namespace's inode
  std::map<std::pair<int, std::string>, Result<XtTableBytes>> xt_tables;  ///< by family and name; Gone if it is not there
  std::optional<Error> entering;                                          ///< why it cannot be entered
  /// If there are any, all that can be run in it; else the machine's.
  std::map<std::pair<std::uint32_t, std::vector<std::string>>, CommandOutput> commands;
};

class FakeMachine final : public Machine {
 public:
  void add_file(const std::string& path, std::string text);
  void add_directory(const std::string& path);
  void add_link(const std::string& path, std::string target);
  /// A mounted namespace; its directory appears with it.
  void add_netns_mount(const std::string& path, std::uint64_t inode);
  /// /proc/TGID with comm and ns/net.
  void add_process(std::uint32_t tgid, const std::string& comm, std::uint64_t netns_inode);
  void add_cgroup(std::uint64_t id, std::string path) { cgroups_[id] = std::move(path); }
  void add_bpf_program(BpfProgramFacts facts) { programs_[facts.id] = std::move(facts); }
  void add_bpf_link(BpfLinkFacts facts) { links_.push_back(facts); }
  /// Why they cannot be listed.
  void fail_bpf_programs(Error error) { programs_unlisted_ = std::move(error); }
  void fail_bpf_links(Error error) { links_unlisted_ = std::move(error); }
  /// Attached to the cgroup at that path itself; effective is what its ancestors have, and then its own.
  void add_cgroup_program(const std::string& path, std::uint32_t attach_type, std::uint32_t id) {
    cgroup_programs_[{path, attach_type}].push_back(id);
  }
  /// Where there is a file of that path too.
  void add_pinned_program(const std::string& path, std::uint32_t id) { pinned_[path] = id; }
  /// Whatever is asked of this very path gets the error.
  void fail(const std::string& path, Error error);
  /// The path and all below it vanish.
  void remove(const std::string& path);
  /// Of the machine itself, or where the process tgid runs. A chain that libnftables lists is {"libnftables", family, table, chain}.
  void add_command(const std::vector<std::string>& argv, CommandOutput output, std::uint32_t tools_of_tgid = 0);
  /// What that server says to that name; every other question meets silence.
  void add_name(const std::string& server, const std::string& name, NameReply reply) { names_[{server, name}] = std::move(reply); }
  /// Server and name of each question.
  const std::vector<std::pair<std::string, std::string>>& asked() const { return asked_; }
  /// What make_netns_with() gives, once for each; else it is Unsupported. What is in it is netns(inode)'s.
  void will_make_netns(std::uint64_t inode) { to_make_.push_back(inode); }
  /// The transactions that make_netns_with() was given.
  const std::vector<std::string>& batches() const { return batches_; }
  FakeNetns& netns(std::uint64_t inode) { return namespaces_[inode]; }
  /// How often a namespace was entered.
  unsigned visits() const { return visits_; }
  /// What was run and was there.
  const std::vector<std::vector<std::string>>& ran() const { return ran_; }

  Result<std::string> read_file(const std::string& path, const ReadOptions& options = {}) override;
  Result<std::vector<std::string>> list_directory(const std::string& path, std::size_t max_entries = 262'144) override;
  Result<std::string> read_link(const std::string& path) override;
  Result<FileIdentity> identify(const std::string& path) override;
  Result<NetnsHandle> open_netns(const std::string& path) override;
  /// Of what was added below /proc/TGID/root; a process that has nothing there sees the machine's own files.
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

 private:
  class Tree;  ///< in fake_tree.cpp; the machine must outlive it
  struct Node {
    enum class Kind { File, Directory, Link, Netns } kind = Kind::File;
    std::string text;         ///< a file's bytes, a link's target
    std::uint64_t inode = 0;  ///< of the namespace, else of the node
  };
  void put(const std::string& path, Node node);
  std::optional<Error> failure(const std::string& path) const;
  /// Follows links; nothing if it leads nowhere.
  const Node* resolve(const std::string& path) const;

  std::map<std::string, Node> nodes_;
  std::map<std::string, Error> failures_;
  std::map<std::uint64_t, std::string> cgroups_;
  std::map<std::uint32_t, BpfProgramFacts> programs_;
  std::vector<BpfLinkFacts> links_;
  std::optional<Error> programs_unlisted_;
  std::optional<Error> links_unlisted_;
  std::map<std::pair<std::string, std::uint32_t>, std::vector<std::uint32_t>> cgroup_programs_;
  std::map<std::string, std::uint32_t> pinned_;
  std::map<std::pair<std::uint32_t, std::vector<std::string>>, CommandOutput> commands_;
  std::vector<std::vector<std::string>> ran_;
  std::map<std::pair<std::string, std::string>, NameReply> names_;
  std::vector<std::pair<std::string, std::string>> asked_;
  std::vector<std::uint64_t> to_make_;
  std::vector<std::string> batches_;
  std::map<std::uint64_t, FakeNetns> namespaces_;
  std::uint64_t next_inode_ = 1;
  unsigned visits_ = 0;
};

}  // namespace synfate::machine
