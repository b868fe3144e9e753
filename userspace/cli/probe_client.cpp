// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/probe_client.hpp"

#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.hpp"
#include "cli/exit_status.hpp"
#include "machine/child.hpp"

namespace synfate::cli {
namespace {

/// What a server says first, or that it hangs up at once, comes within this time: then it belongs to the attempt.
constexpr DurationNs kCourtesy = 50 * kMillisecond;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

SocketAddress socket_address(const model::IpAddress& address, const ProbePlan& plan) {
  SocketAddress to;
  if (address.family == 4) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&to.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(plan.port);
    std::memcpy(&v4->sin_addr, address.bytes.data(), sizeof v4->sin_addr);
    to.length = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&to.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(plan.port);
    std::memcpy(&v6->sin6_addr, address.bytes.data(), sizeof v6->sin6_addr);
    v6->sin6_scope_id = plan.zone.empty() ? 0 : ::if_nametoindex(plan.zone.c_str());
    to.length = sizeof *v6;
  }
  return to;
}

/// Whether one of these events came in time.
bool wait_for(int fd, short events, DurationNs timeout) {
  const MonotonicNs until = monotonic_now() + timeout;
  while (true) {
    const MonotonicNs now = monotonic_now();
    if (now >= until) return false;
    pollfd wait{fd, events, 0};
    const auto wait_ms = static_cast<int>(std::min<DurationNs>((until - now) / kMillisecond + 1, 3'600'000));
    const int ready = ::poll(&wait, 1, wait_ms);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

/// What was not read would make close() send a RST.
void read_all(int fd) {
  std::array<char, 4096> buffer{};
  for (int i = 0; i < 16 && ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT) > 0; ++i) {
  }
}

void connect_once(const SocketAddress& to, const ProbePlan& plan, ConnectReport& report) {
  const UniqueFd socket_fd(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  report.outcome = ConnectReport::Failed;
  if (!socket_fd) {
    report.error = errno;
    return;
  }
  if (::connect(socket_fd.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.length) != 0) {
    report.error = errno;
    if (errno != EINPROGRESS) return;
    if (!wait_for(socket_fd.get(), POLLOUT, plan.timeout)) {
      report.outcome = ConnectReport::TimedOut;
      report.error = ETIMEDOUT;
      return;
    }
    socklen_t length = sizeof report.error;
    if (::getsockopt(socket_fd.get(), SOL_SOCKET, SO_ERROR, &report.error, &length) != 0) report.error = errno;
    if (report.error != 0) return;
  }
  report.error = 0;
  report.outcome = ConnectReport::Connected;
  if (wait_for(socket_fd.get(), POLLIN, kCourtesy)) read_all(socket_fd.get());
}

}  // namespace

void make_connects(const ProbePlan& plan, int report_fd, int failure_fd) {
  ::prctl(PR_SET_NAME, kProbeComm);
  // Nothing is connected to on behalf of a synfate that was killed.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(kCannotRun);
  // From here on it listens to servers that nobody vouches for.
  if (::setns(plan.netns_fd, CLONE_NEWNET) != 0 || !machine::keep_network_capabilities_only()) {
    const int error = errno;
    (void)!::write(failure_fd, &error, sizeof error);
    ::_exit(kCannotRun);
  }
  ::close(failure_fd);
  for (std::uint64_t round = 0; round < plan.rounds; ++round) {
    for (std::size_t i = 0; i < plan.addresses.size(); ++i) {
      ConnectReport report;
      report.round = static_cast<std::uint32_t>(round);
      report.address = static_cast<std::uint32_t>(i);
      report.begin_ns = monotonic_now();
      connect_once(socket_address(plan.addresses[i], plan), plan, report);
      report.end_ns = monotonic_now();
      if (::write(report_fd, &report, sizeof report) != sizeof report) ::_exit(kCannotRun);
    }
  }
  ::_exit(kDone);
}

}  // namespace synfate::cli
