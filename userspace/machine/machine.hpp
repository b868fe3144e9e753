// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The one seam to files, commands, network namespaces and netlink. It fetches bytes within bounds and refuses to interpret them.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "base/unique_fd.hpp"

namespace synfate::machine {

/// The same file, whatever its path.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;

  auto operator<=>(const FileIdentity&) const = default;
};

enum class Excess { Refuse, Cut };

struct ReadOptions {
  std::size_t max_bytes = 1U << 20U;
  Excess excess = Excess::Refuse;  ///< of a longer file: an error, or its first max_bytes
  bool follow_symlink = false;     ///< in the last component of the path
};

/// An open network namespace. It keeps even a dying namespace alive: hold it for one visit, never longer.
class NetnsHandle {
 public:
  NetnsHandle(UniqueFd fd, std::uint64_t inode) noexcept : fd_(std::move(fd)), inode_(inode) {}

  int fd() const noexcept { return fd_.get(); }
  std::uint64_t inode() const noexcept { return inode_; }

 private:
  UniqueFd fd_;
  std::uint64_t inode_;
};

struct RunOptions {
  const NetnsHandle* netns = nullptr;  ///< none: synfate's own
  DurationNs timeout = 5 * kSecond;
  std::size_t max_output_bytes = 16U << 20U;
  /// The program that this process would find: in its mount namespace, below its root. 0: the machine's own program.
  std::uint32_t tools_of_tgid = 0;
  /// The inode of the mount namespace that tgid must be in, since another process may have got its number. 0: not checked.
  std::uint64_t tools_mount_namespace = 0;
};

/// A chain in nft's words.
struct NftChainName {
  std::string family;  ///< "inet"
  std::string table;
  std::string chain;
};

/// What a command that ran to its end left behind.
struct CommandOutput {
  int exit_status = 0;  ///< as a shell says it: 128 + number for a command that died of a signal
  std::string out;
  std::string err;  ///< its first 64 KiB
};

/// A name as it is sent, without a search list, to one name server.
struct NameQuestion {
  std::string server;  ///< an address
  std::string name;
  DurationNs timeout = 5 * kSecond;
};

struct NameReply {
  enum class Kind {
    Addresses,
    NoSuchName,   ///< NXDOMAIN
    NoAddress,    ///< the name is there and has none
    Failed,       ///< SERVFAIL, or it does not do such a thing
    Refused,      ///< REFUSED
    Silent,       ///< nothing came in time
    Unreachable,  ///< nobody listens there, or no way leads there
    Unusable,     ///< an answer that is none
  };
  Kind kind = Kind::Unusable;
  std::vector<std::string> addresses;  ///< of both families, best first as seen from where it was asked (RFC 6724)
  std::string words;                   ///< the library's
};

/// A dump request; the kernel's header is the machine's business.
struct NetlinkRequest {
  int protocol = 0;        ///< NETLINK_ROUTE, ...
  std::uint16_t type = 0;  ///< RTM_GETLINK, ...
  std::string body;        ///< what follows the nlmsghdr
  bool single = false;     ///< the one object that the body names, not the whole table
};

struct NetlinkReply {
  std::string messages;    ///< every answer, each with its nlmsghdr, aligned; without NLMSG_DONE
  bool consistent = true;  ///< false: the table changed during each of several reads
};

/// A table of ip_tables or ip6_tables: struct ipt_getinfo and what ipt_get_entries gives, both of one moment. Hooks by NF_INET_*.
struct XtTableBytes {
  std::uint32_t valid_hooks = 0;                 ///< a bit each
  std::array<std::uint32_t, 5> hook_entry = {};  ///< where each hook's chain begins in entries; meaningless for hooks that are not valid
  std::array<std::uint32_t, 5> underflow = {};   ///< where its policy is
  std::uint32_t num_entries = 0;
  std::string entries;  ///< struct ipt_entry or ip6t_entry, one after the other
};

/// What the kernel says of a BPF program that is loaded.
struct BpfProgramFacts {
  std::uint32_t id = 0;
  std::uint32_t type = 0;             ///< BPF_PROG_TYPE_*
  std::array<std::uint8_t, 8> tag{};  ///< hash of its code
  std::string name;                   ///< at most 15 bytes; untrusted
  std::uint32_t uid = 0;              ///< who loaded it
  std::uint32_t attach_btf_id = 0;    ///< of the kernel's function that it is made for, in the kernel's own BTF; 0: of none, or not told
};

struct BpfLinkFacts {
  std::uint32_t program_id = 0;
  std::uint32_t type = 0;  ///< BPF_LINK_TYPE_*
};

/// What can be done while a thread stands in a network namespace.
class NetnsVisit {
 public:
  virtual ~NetnsVisit() = default;

  /// For what depends on the reader's namespace: /proc/sys/net/..., /proc/thread-self/net/...
  virtual Result<std::string> read_file(const std::string& path, const ReadOptions& options) = 0;
  /// Unsupported: the kernel has no such table. At most max_bytes of answers, else BadData.
  virtual Result<NetlinkReply> netlink_dump(const NetlinkRequest& request, std::size_t max_bytes) = 0;
  /// The same message by message, each with its nlmsghdr, none of them kept; one attempt. False: the table changed meanwhile.
  virtual Result<bool> netlink_each(const NetlinkRequest& request, std::size_t max_bytes,
                                    const std::function<void(std::string_view message)>& take) = 0;
  /// The number by which the visited namespace refers to another one (IFLA_LINK_NETNSID); none if it never had to.
  virtual Result<std::optional<std::uint32_t>> nsid_of(const NetnsHandle& other) = 0;
  /// Numbers of the BPF programs attached there, in the order of their running. attach_type: BPF_TCX_INGRESS 46 or BPF_TCX_EGRESS 47;
  /// Unsupported on kernels without (before 6.6).
  virtual Result<std::vector<std::uint32_t>> bpf_programs_of_device(std::uint32_t ifindex, std::uint32_t attach_type) = 0;
  /// Never given to two namespaces of one boot, unlike their inodes (SO_NETNS_COOKIE, Linux 5.14).
  virtual Result<std::uint64_t> cookie() = 0;
  /// family: AF_INET or AF_INET6. Gone: the namespace has no such table; none is made by asking. BadData if it is longer than max_bytes.
  virtual Result<XtTableBytes> xt_table(int family, const std::string& table, std::size_t max_bytes) = 0;
};

/// Files as a process sees them: below its root, which no symbolic link leads out of, absolute ones and ".." included (openat2 with
/// RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, Linux 5.6). Paths are absolute. The same errors and bounds as the machine's own.
class FileTree {
 public:
  virtual ~FileTree() = default;

  /// A regular file; never blocks on a FIFO, never opens a device.
  virtual Result<std::string> read_file(const std::string& path, const ReadOptions& options = {}) = 0;
  virtual Result<std::vector<std::string>> list_directory(const std::string& path, std::size_t max_entries = 65'536) = 0;
  virtual Result<std::string> read_link(const std::string& path) = 0;
  /// Follows symbolic links, inside. What a network namespace is mounted on has the namespace's inode. Opens nothing but the path
  /// (O_PATH).
  virtual Result<FileIdentity> identify(const std::string& path) = 0;
};

/// Errors: Gone: there is no such thing, or no longer. Permission, Unsupported, BadData (not the kind of file expected, or beyond a bound),
/// Io.
class Machine {
 public:
  virtual ~Machine() = default;

  /// A regular file (procfs and sysfs count). Never blocks on a FIFO, never opens a device.
  virtual Result<std::string> read_file(const std::string& path, const ReadOptions& options = {}) = 0;
  /// Names without "." and "..", in no order; BadData if there are more than max_entries.
  virtual Result<std::vector<std::string>> list_directory(const std::string& path, std::size_t max_entries = 262'144) = 0;
  virtual Result<std::string> read_link(const std::string& path) = 0;
  /// Follows symbolic links.
  virtual Result<FileIdentity> identify(const std::string& path) = 0;
  /// BadData if path is not a network namespace.
  virtual Result<NetnsHandle> open_netns(const std::string& path) = 0;
  /// What that process sees, in its mount namespace and below its root; 0: synfate itself. Gone when there is no such process. The tree
  /// stays that process's root even when its number is reused: it is held open, and with it the mount namespace; do not keep it.
  virtual Result<std::unique_ptr<FileTree>> tree_of(std::uint32_t tgid) = 0;
  /// Of the cgroup of version 2 with that number (its inode): its path from where that is mounted, as in the "0::" line of
  /// /proc/PID/cgroup. Gone once it has been removed.
  virtual Result<std::string> cgroup_path(std::uint64_t id) = 0;
  /// Gone: no program has that number any more. Holds nothing open.
  virtual Result<BpfProgramFacts> bpf_program(std::uint32_t id) = 0;
  /// Those of that type (BPF_PROG_TYPE_*) among all that are loaded; BadData if more than max_programs are.
  virtual Result<std::vector<BpfProgramFacts>> bpf_programs_of_type(std::uint32_t type, std::size_t max_programs) = 0;
  /// What holds programs where they are attached; BadData if there are more than max_links.
  virtual Result<std::vector<BpfLinkFacts>> bpf_links(std::size_t max_links) = 0;
  /// Numbers of the programs attached to the cgroup at that path (as cgroup_path() gives it), in the order of their running; effective:
  /// those of its ancestors that hold for it too. attach_type: BPF_CGROUP_INET_INGRESS 0, BPF_CGROUP_INET_EGRESS 1.
  virtual Result<std::vector<std::uint32_t>> bpf_programs_of_cgroup(const std::string& path, std::uint32_t attach_type, bool effective) = 0;
  /// The number of the program that is pinned at this path, itself or by a link; 0: something else is.
  virtual Result<std::uint32_t> bpf_program_pinned_at(const std::string& path) = 0;
  /// Runs visit on a thread of its own that stands in the namespace and is gone before this returns; the caller's thread never moves.
  virtual Status inside(const NetnsHandle& netns, const std::function<void(NetnsVisit&)>& visit) = 0;
  /// No shell, no inherited environment, descriptors, directory or terminal; the program looked up in a fixed list of directories that only
  /// root can write to. It runs with no capability but CAP_NET_ADMIN and CAP_NET_RAW, and gains none. Killed with its children when time
  /// or output runs out, which is an error, as is a program that is not there (Gone).
  virtual Result<CommandOutput> run(const std::vector<std::string>& argv, const RunOptions& options = {}) = 0;
  /// What `nft -a list chain` prints, by the libnftables that synfate is linked with, in a child of its own. BadData: nft's language has no
  /// way to say that name.
  virtual Result<CommandOutput> list_nft_chain(const NftChainName& name, const RunOptions& options) = 0;
  /// A network namespace that nothing else is in, with what this one transaction of nfnetlink makes there, all of it or an error; its last
  /// change must ask for an answer. It ends with its handle, and so with this process at the latest.
  virtual Result<NetnsHandle> make_netns_with(const std::string& batch) = 0;
  /// Over UDP, or TCP where the answer is long, from where options.netns is. What it says, silence included, is no error; BadData: a
  /// server that has no address which can be asked.
  virtual Result<NameReply> ask_name_server(const NameQuestion& question, const RunOptions& options) = 0;
};

}  // namespace synfate::machine
