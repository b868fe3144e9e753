// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/netns.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <thread>

#include "machine/bpf_objects.hpp"
#include "machine/errors.hpp"
#include "machine/files.hpp"
#include "machine/netlink.hpp"
#include "machine/signals.hpp"
#include "machine/xt_tables.hpp"

// The headers of Debian 12 have it only in asm-generic.
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace synfate::machine {
namespace {

/// What the kernel offers to the thread that it runs on.
class RealVisit final : public NetnsVisit {
 public:
  Result<std::string> read_file(const std::string& path, const ReadOptions& options) override { return read_regular_file(path, options); }

  Result<NetlinkReply> netlink_dump(const NetlinkRequest& request, std::size_t max_bytes) override {
    if (request.protocol != NETLINK_ROUTE) {
      auto other = NetlinkSocket::open(request.protocol);
      if (!other) return std::move(other).error();
      return other->dump(request, max_bytes);
    }
    if (auto ready = need_route_socket(); !ready) return std::move(ready).error();
    auto reply = route_->dump(request, max_bytes);
    // The kernel refuses another dump on a socket whose last one was not read to its end.
    if (!reply) route_.reset();
    return reply;
  }

  Result<bool> netlink_each(const NetlinkRequest& request, std::size_t max_bytes,
                            const std::function<void(std::string_view)>& take) override {
    auto socket = NetlinkSocket::open(request.protocol);
    if (!socket) return std::move(socket).error();
    return socket->each(request, max_bytes, take);
  }

  Result<std::optional<std::uint32_t>> nsid_of(const NetnsHandle& other) override {
    if (auto ready = need_route_socket(); !ready) return std::move(ready).error();
    return route_->nsid_of(other.fd());
  }

  Result<std::vector<std::uint32_t>> bpf_programs_of_device(std::uint32_t ifindex, std::uint32_t attach_type) override {
    return bpf_programs_of_device_here(ifindex, attach_type);
  }

  Result<std::uint64_t> cookie() override { return netns_cookie_here(); }

  Result<XtTableBytes> xt_table(int family, const std::string& table, std::size_t max_bytes) override {
    return read_xt_table_here(family, table, max_bytes);
  }

 private:
  Status need_route_socket() {
    if (route_) return Ok{};
    auto opened = NetlinkSocket::open(NETLINK_ROUTE);
    if (!opened) return std::move(opened).error();
    route_.emplace(*std::move(opened));
    return Ok{};
  }

  std::optional<NetlinkSocket> route_;
};

bool is_own_netns(const NetnsHandle& netns) {
  const auto own = identify_file("/proc/thread-self/ns/net");
  return own && own->inode == netns.inode();
}

}  // namespace

Result<NetnsHandle> open_netns_at(const std::string& path) {
  const std::string what = "cannot open network namespace " + path;
  const Error not_a_netns{ErrorKind::BadData, what, "it is not a network namespace", ""};
  // O_PATH first: a path that a user typed may be a FIFO or a device, and only a real open would wake those.
  const UniqueFd found{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  if (!found) return errno_error(errno, what);
  struct statfs filesystem {};
  if (::fstatfs(found.get(), &filesystem) != 0) return errno_error(errno, what);
  if (filesystem.f_type != NSFS_MAGIC) return not_a_netns;
  UniqueFd opened{::open(("/proc/self/fd/" + std::to_string(found.get())).c_str(), O_RDONLY | O_CLOEXEC)};
  if (!opened) return errno_error(errno, what);
  if (::ioctl(opened.get(), NS_GET_NSTYPE) != CLONE_NEWNET) return not_a_netns;
  struct stat status {};
  if (::fstat(opened.get(), &status) != 0) return errno_error(errno, what);
  return NetnsHandle{std::move(opened), status.st_ino};
}

Result<std::uint64_t> netns_cookie_here() {
  const std::string what = "cannot identify the network namespace";
  const UniqueFd socket_fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
  if (!socket_fd) return errno_error(errno, what);
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(socket_fd.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0) return errno_error(errno, what);
  return cookie;
}

Status visit_netns(const NetnsHandle& netns, const std::function<void(NetnsVisit&)>& visit) {
  // Entering even one's own namespace takes CAP_SYS_ADMIN; being there already takes nothing.
  if (is_own_netns(netns)) {
    RealVisit here;
    visit(here);
    return Ok{};
  }
  int entering_failed = 0;
  try {
    const SignalsBlocked inherited;
    std::thread visitor{[&] {
      if (::setns(netns.fd(), CLONE_NEWNET) != 0) {
        entering_failed = errno;
        return;
      }
      RealVisit there;
      visit(there);
    }};
    visitor.join();
  } catch (const std::system_error& no_thread) {
    return errno_error(no_thread.code().value(), "cannot start a thread for network namespace " + std::to_string(netns.inode()));
  }
  if (entering_failed != 0) return errno_error(entering_failed, "cannot enter network namespace " + std::to_string(netns.inode()));
  return Ok{};
}

}  // namespace synfate::machine
