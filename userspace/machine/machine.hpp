// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The one seam to files, commands, network namespaces and netlink. It fetches bytes within bounds and refuses to interpret them.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
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
};

/// What a command that ran to its end left behind.
struct CommandOutput {
  int exit_status = 0;  ///< as a shell says it: 128 + number for a command that died of a signal
  std::string out;
  std::string err;  ///< its first 64 KiB
};

/// A dump request; the kernel's header is the machine's business.
struct NetlinkRequest {
  int protocol = 0;        ///< NETLINK_ROUTE, ...
  std::uint16_t type = 0;  ///< RTM_GETLINK, ...
  std::string body;        ///< what follows the nlmsghdr
};

struct NetlinkReply {
  std::string messages;    ///< every answer, each with its nlmsghdr, aligned; without NLMSG_DONE
  bool consistent = true;  ///< false: the table changed during each of several reads
};

/// What can be done while a thread stands in a network namespace.
class NetnsVisit {
 public:
  virtual ~NetnsVisit() = default;

  /// For what depends on the reader's namespace: /proc/sys/net/..., /proc/thread-self/net/...
  virtual Result<std::string> read_file(const std::string& path, const ReadOptions& options) = 0;
  /// Unsupported: the kernel has no such table. At most max_bytes of answers, else BadData.
  virtual Result<NetlinkReply> netlink_dump(const NetlinkRequest& request, std::size_t max_bytes) = 0;
  /// The number by which the visited namespace refers to another one (IFLA_LINK_NETNSID); none if it never had to.
  virtual Result<std::optional<std::uint32_t>> nsid_of(const NetnsHandle& other) = 0;
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
  /// Runs visit on a thread of its own that stands in the namespace and is gone before this returns; the caller's thread never moves.
  virtual Status inside(const NetnsHandle& netns, const std::function<void(NetnsVisit&)>& visit) = 0;
  /// No shell, no inherited environment, the program looked up in a fixed list of directories; killed with its children when time or
  /// output runs out, which is an error, as is a program that is not there (Gone).
  virtual Result<CommandOutput> run(const std::vector<std::string>& argv, const RunOptions& options = {}) = 0;
};

}  // namespace synfate::machine
