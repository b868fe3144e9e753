// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/fake.hpp"

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "machine/errors.hpp"

namespace synfate::machine {
namespace {

constexpr int kMaxLinks = 8;

Result<std::string> bounded(const std::string& path, const std::string& text, const ReadOptions& options) {
  if (text.size() <= options.max_bytes) return text;
  if (options.excess == Excess::Cut) return text.substr(0, options.max_bytes);
  return Error{ErrorKind::BadData, "cannot read " + path, "it is longer than " + std::to_string(options.max_bytes) + " bytes", ""};
}

class FakeVisit final : public NetnsVisit {
 public:
  explicit FakeVisit(FakeNetns& netns) : netns_(netns) {}

  Result<std::string> read_file(const std::string& path, const ReadOptions& options) override {
    if (const auto failing = netns_.failures.find(path); failing != netns_.failures.end()) return failing->second;
    const auto file = netns_.files.find(path);
    if (file == netns_.files.end()) return errno_error(ENOENT, "cannot read " + path);
    return bounded(path, file->second, options);
  }

  Result<NetlinkReply> netlink_dump(const NetlinkRequest& request, std::size_t max_bytes) override {
    if (netns_.on_request) netns_.on_request(netns_, request);
    if (const auto exact = netns_.answers.find({request.protocol, request.type, request.body}); exact != netns_.answers.end()) {
      if (exact->second && exact->second->messages.size() > max_bytes) return Error{ErrorKind::BadData, "netlink", "too long", ""};
      return exact->second;
    }
    const auto family = request.body.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(request.body.front());
    const auto table = netns_.tables.find({request.protocol, request.type, family});
    if (table == netns_.tables.end()) return errno_error(EOPNOTSUPP, "cannot read netlink table " + std::to_string(request.type));
    if (table->second && table->second->messages.size() > max_bytes) return Error{ErrorKind::BadData, "netlink", "too long", ""};
    return table->second;
  }

  Result<bool> netlink_each(const NetlinkRequest& request, std::size_t max_bytes,
                            const std::function<void(std::string_view)>& take) override {
    const auto reply = netlink_dump(request, max_bytes);
    if (!reply) return reply.error();
    for (std::string_view left{reply->messages}; left.size() >= sizeof(nlmsghdr);) {
      nlmsghdr header{};
      std::memcpy(&header, left.data(), sizeof header);
      const std::size_t size = std::clamp<std::size_t>(header.nlmsg_len, sizeof header, left.size());
      take(left.substr(0, size));
      left.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(size), left.size()));
    }
    return reply->consistent;
  }

  Result<std::optional<std::uint32_t>> nsid_of(const NetnsHandle& other) override {
    const auto known = netns_.nsids.find(other.inode());
    return known == netns_.nsids.end() ? std::optional<std::uint32_t>{} : std::optional{known->second};
  }

  Result<std::vector<std::uint32_t>> bpf_programs_of_device(std::uint32_t ifindex, std::uint32_t attach_type) override {
    const auto known = netns_.device_programs.find({ifindex, attach_type});
    return known == netns_.device_programs.end() ? std::vector<std::uint32_t>{} : known->second;
  }

  Result<std::uint64_t> cookie() override {
    if (netns_.cookie == 0) return Error{ErrorKind::Unsupported, "no cookie", "", ""};
    return netns_.cookie;
  }

  Result<XtTableBytes> xt_table(int family, const std::string& table, std::size_t max_bytes) override {
    const auto known = netns_.xt_tables.find({family, table});
    if (known == netns_.xt_tables.end()) return errno_error(ENOENT, "cannot read the table " + table);
    if (known->second && known->second->entries.size() > max_bytes) return Error{ErrorKind::BadData, "table " + table, "too long", ""};
    return known->second;
  }

 private:
  FakeNetns& netns_;
};

}  // namespace

void FakeMachine::put(const std::string& path, Node node) {
  if (node.inode == 0) node.inode = next_inode_++;
  nodes_[path] = std::move(node);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return;
  const std::string parent = path.substr(0, slash);
  if (nodes_.count(parent) == 0) put(parent, {Node::Kind::Directory, "", 0});
}

void FakeMachine::add_file(const std::string& path, std::string text) { put(path, {Node::Kind::File, std::move(text), 0}); }

void FakeMachine::add_directory(const std::string& path) { put(path, {Node::Kind::Directory, "", 0}); }

void FakeMachine::add_link(const std::string& path, std::string target) { put(path, {Node::Kind::Link, std::move(target), 0}); }

void FakeMachine::add_netns_mount(const std::string& path, std::uint64_t inode) {
  namespaces_[inode];
  put(path, {Node::Kind::Netns, "", inode});
}

void FakeMachine::add_process(std::uint32_t tgid, const std::string& comm, std::uint64_t netns_inode) {
  namespaces_[netns_inode];
  const std::string base = "/proc/" + std::to_string(tgid);
  add_file(base + "/comm", comm + "\n");
  add_link(base + "/ns/net", "net:[" + std::to_string(netns_inode) + "]");
}

void FakeMachine::fail(const std::string& path, Error error) { failures_.insert_or_assign(path, std::move(error)); }

void FakeMachine::remove(const std::string& path) {
  nodes_.erase(path);
  const std::string below = path + "/";
  for (auto it = nodes_.lower_bound(below); it != nodes_.end() && it->first.compare(0, below.size(), below) == 0;) it = nodes_.erase(it);
}

void FakeMachine::add_command(const std::vector<std::string>& argv, CommandOutput output, std::uint32_t tools_of_tgid) {
  commands_[{tools_of_tgid, argv}] = std::move(output);
}

std::optional<Error> FakeMachine::failure(const std::string& path) const {
  const auto found = failures_.find(path);
  return found == failures_.end() ? std::nullopt : std::optional{found->second};
}

const FakeMachine::Node* FakeMachine::resolve(const std::string& path) const {
  auto node = nodes_.find(path);
  for (int links = 0; node != nodes_.end() && node->second.kind == Node::Kind::Link && links < kMaxLinks; ++links) {
    node = nodes_.find(node->second.text);
  }
  return node == nodes_.end() || node->second.kind == Node::Kind::Link ? nullptr : &node->second;
}

Result<std::string> FakeMachine::read_file(const std::string& path, const ReadOptions& options) {
  if (auto error = failure(path)) return *error;
  const auto here = nodes_.find(path);
  const bool refused = here != nodes_.end() && here->second.kind == Node::Kind::Link && !options.follow_symlink;
  const Node* node = resolve(path);
  if (refused || (node != nullptr && node->kind != Node::Kind::File)) {
    return Error{ErrorKind::BadData, "cannot read " + path, "it is not a regular file", ""};
  }
  if (node == nullptr) return errno_error(ENOENT, "cannot read " + path);
  return bounded(path, node->text, options);
}

Result<std::vector<std::string>> FakeMachine::list_directory(const std::string& path, std::size_t max_entries) {
  if (auto error = failure(path)) return *error;
  const Node* node = resolve(path);
  if (node == nullptr || node->kind != Node::Kind::Directory) {
    return errno_error(node == nullptr ? ENOENT : ENOTDIR, "cannot list " + path);
  }
  std::vector<std::string> names;
  const std::string below = path + "/";
  for (auto it = nodes_.lower_bound(below); it != nodes_.end() && it->first.compare(0, below.size(), below) == 0; ++it) {
    const std::string name = it->first.substr(below.size());
    if (name.find('/') == std::string::npos) names.push_back(name);
  }
  if (names.size() > max_entries) return Error{ErrorKind::BadData, "cannot list " + path, "it has too many entries", ""};
  return names;
}

Result<std::string> FakeMachine::read_link(const std::string& path) {
  if (auto error = failure(path)) return *error;
  const auto node = nodes_.find(path);
  if (node == nodes_.end()) return errno_error(ENOENT, "cannot read link " + path);
  if (node->second.kind != Node::Kind::Link) {
    return Error{ErrorKind::BadData, "cannot read link " + path, "it is not a symbolic link", ""};
  }
  return node->second.text;
}

Result<FileIdentity> FakeMachine::identify(const std::string& path) {
  if (auto error = failure(path)) return *error;
  const Node* node = resolve(path);
  if (node == nullptr) return errno_error(ENOENT, "cannot look at " + path);
  return FileIdentity{1, node->inode};
}

Result<NetnsHandle> FakeMachine::open_netns(const std::string& path) {
  if (auto error = failure(path)) return *error;
  const std::string what = "cannot open network namespace " + path;
  std::string at = path;
  for (int links = 0; links < kMaxLinks; ++links) {
    const auto node = nodes_.find(at);
    if (node == nodes_.end()) return errno_error(ENOENT, what);
    if (node->second.kind == Node::Kind::Netns) return NetnsHandle{UniqueFd{}, node->second.inode};
    const std::string& target = node->second.text;
    if (node->second.kind == Node::Kind::Link && target.rfind("net:[", 0) == 0 && target.back() == ']') {
      if (const auto inode = parse_number(std::string_view{target}.substr(5, target.size() - 6))) return NetnsHandle{UniqueFd{}, *inode};
    }
    if (node->second.kind != Node::Kind::Link) break;
    at = target;
  }
  return Error{ErrorKind::BadData, what, "it is not a network namespace", ""};
}

Result<std::string> FakeMachine::cgroup_path(std::uint64_t id) {
  const auto found = cgroups_.find(id);
  if (found == cgroups_.end()) return Error{ErrorKind::Gone, "no such cgroup", "", ""};
  return found->second;
}

Result<BpfProgramFacts> FakeMachine::bpf_program(std::uint32_t id) {
  const auto found = programs_.find(id);
  if (found == programs_.end()) return Error{ErrorKind::Gone, "no such program", "", ""};
  return found->second;
}

Result<std::vector<BpfProgramFacts>> FakeMachine::bpf_programs_of_type(std::uint32_t type, std::size_t max_programs) {
  if (programs_unlisted_) return *programs_unlisted_;
  if (programs_.size() > max_programs) return Error{ErrorKind::BadData, "too many programs", "", ""};
  std::vector<BpfProgramFacts> found;
  for (const auto& [id, facts] : programs_) {
    if (facts.type == type) found.push_back(facts);
  }
  return found;
}

Result<std::vector<BpfLinkFacts>> FakeMachine::bpf_links(std::size_t max_links) {
  if (links_unlisted_) return *links_unlisted_;
  if (links_.size() > max_links) return Error{ErrorKind::BadData, "too many links", "", ""};
  return links_;
}

Result<std::vector<std::uint32_t>> FakeMachine::bpf_programs_of_cgroup(const std::string& path, std::uint32_t attach_type, bool effective) {
  std::vector<std::uint32_t> ids;
  for (const auto& [at, attached] : cgroup_programs_) {
    const bool holds = at.first == path || (effective && (at.first == "/" || path.starts_with(at.first + "/")));
    if (holds && at.second == attach_type) ids.insert(ids.end(), attached.begin(), attached.end());
  }
  return ids;
}

Result<std::uint32_t> FakeMachine::bpf_program_pinned_at(const std::string& path) {
  const auto found = pinned_.find(path);
  return found == pinned_.end() ? 0 : found->second;
}

Status FakeMachine::inside(const NetnsHandle& netns, const std::function<void(NetnsVisit&)>& visit) {
  FakeNetns& visited = namespaces_[netns.inode()];
  if (visited.entering) return *visited.entering;
  ++visits_;
  FakeVisit there{visited};
  visit(there);
  return Ok{};
}

Result<CommandOutput> FakeMachine::run(const std::vector<std::string>& argv, const RunOptions& options) {
  const auto there = options.netns == nullptr ? namespaces_.end() : namespaces_.find(options.netns->inode());
  const auto& commands = there == namespaces_.end() || there->second.commands.empty() ? commands_ : there->second.commands;
  const auto command = commands.find({options.tools_of_tgid, argv});
  if (command == commands.end()) return errno_error(ENOENT, "cannot run " + (argv.empty() ? std::string{} : argv.front()));
  if (command->second.out.size() > options.max_output_bytes)
    return Error{ErrorKind::BadData, "cannot run " + argv.front(), "it printed too much", ""};
  ran_.push_back(argv);
  return command->second;
}

Result<CommandOutput> FakeMachine::list_nft_chain(const NftChainName& name, const RunOptions& options) {
  return run({"libnftables", name.family, name.table, name.chain}, options);
}

Result<NameReply> FakeMachine::ask_name_server(const NameQuestion& question, const RunOptions&) {
  asked_.emplace_back(question.server, question.name);
  const auto known = names_.find({question.server, question.name});
  if (known != names_.end()) return known->second;
  return NameReply{NameReply::Kind::Silent, {}, "Timeout while contacting DNS servers"};
}

Result<NetnsHandle> FakeMachine::make_netns_with(const std::string& batch) {
  batches_.push_back(batch);
  if (to_make_.empty()) return errno_error(EOPNOTSUPP, "cannot make a network namespace");
  const std::uint64_t inode = to_make_.front();
  to_make_.erase(to_make_.begin());
  return NetnsHandle{UniqueFd{}, inode};
}

}  // namespace synfate::machine
