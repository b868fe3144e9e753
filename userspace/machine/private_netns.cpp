// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/private_netns.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace synfate::machine {
namespace {

bool raise_loopback() {
  const UniqueFd socket_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (!socket_fd || ::ioctl(socket_fd.get(), SIOCGIFFLAGS, &request) != 0) return false;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  return ::ioctl(socket_fd.get(), SIOCSIFFLAGS, &request) == 0;
}

bool load_rules(const std::string& ruleset) {
  if (ruleset.empty()) return true;
  nft_ctx* nft = nft_ctx_new(NFT_CTX_DEFAULT);
  if (nft == nullptr) return false;
  nft_ctx_buffer_error(nft);
  const bool loaded = nft_run_cmd_from_buffer(nft, ruleset.c_str()) == 0;
  nft_ctx_free(nft);
  return loaded;
}

void send_syn(std::uint8_t port) {
  const UniqueFd socket_fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)::connect(socket_fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

[[noreturn]] void be_the_child(const std::string& comm, const std::string& ruleset, int report_fd, int order_fd, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  ::prctl(PR_SET_NAME, comm.c_str());
  struct stat space {};
  if (::unshare(CLONE_NEWNET) != 0 || !raise_loopback() || !load_rules(ruleset) || ::stat("/proc/self/ns/net", &space) != 0) ::_exit(1);
  const auto netns = static_cast<std::uint32_t>(space.st_ino);
  if (::write(report_fd, &netns, sizeof netns) != sizeof netns) ::_exit(1);
  // Until the parent closes its end: the namespace must exist while its events are read.
  std::uint8_t port = 0;
  while (::read(order_fd, &port, 1) == 1) send_syn(port);
  ::_exit(0);
}

}  // namespace

PrivateNetns::PrivateNetns(PrivateNetns&& other) noexcept
    : child_(std::exchange(other.child_, -1)), from_child_(std::move(other.from_child_)), to_child_(std::move(other.to_child_)) {}

PrivateNetns::~PrivateNetns() {
  if (child_ <= 0) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

Result<PrivateNetns> PrivateNetns::start(const std::string& comm, const std::string& ruleset) {
  const auto failed = [] {
    return Error{ErrorKind::Io, "cannot start a process in a network namespace of its own", errno_text(errno), ""};
  };
  int report[2];
  int order[2];
  PrivateNetns made;
  if (::pipe2(report, O_CLOEXEC) != 0) return failed();
  made.from_child_.reset(report[0]);
  const UniqueFd report_end(report[1]);
  if (::pipe2(order, O_CLOEXEC) != 0) return failed();
  made.to_child_.reset(order[1]);
  const UniqueFd order_end(order[0]);
  const pid_t parent = ::getpid();
  made.child_ = ::fork();
  if (made.child_ < 0) return failed();
  if (made.child_ == 0) {
    made.to_child_.reset();
    be_the_child(comm, ruleset, report_end.get(), order_end.get(), parent);
  }
  return made;
}

std::optional<std::uint32_t> PrivateNetns::ready() {
  std::uint32_t netns = 0;
  if (::read(from_child_.get(), &netns, sizeof netns) != sizeof netns) return std::nullopt;
  return netns;
}

UniqueFd PrivateNetns::open_netns() const {
  return UniqueFd(::open(("/proc/" + std::to_string(child_) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
}

Status PrivateNetns::connect_to(const std::vector<std::uint8_t>& ports) {
  const auto size = static_cast<ssize_t>(ports.size());
  if (::write(to_child_.get(), ports.data(), ports.size()) == size) return Ok{};
  return Error{ErrorKind::Io, "cannot reach the process in its network namespace", errno_text(errno), ""};
}

}  // namespace synfate::machine
