// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/name_server.hpp"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/text.hpp"
#include "machine/child.hpp"
#include "machine/errors.hpp"

namespace synfate::machine {
namespace {

enum Step : int { kStepNetns, kStepCapabilities, kStepLibrary };

/// A name with more addresses than this is no service's.
constexpr int kMaxAddresses = 64;
/// After the library's own time is up: one more question over TCP, where an answer was too long for UDP.
constexpr DurationNs kPatience = 1 * kSecond;

struct Found {
  bool done = false;
  bool unreachable = false;  ///< an ICMP error, or no route
  int status = ARES_ETIMEOUT;
  std::array<char, 16384> text{};
  std::size_t length = 0;
};

void take(void* into, int status, int /*timeouts*/, ares_addrinfo* info) {
  auto& found = *static_cast<Found*>(into);
  found.done = true;
  found.status = status;
  int count = 0;
  for (const ares_addrinfo_node* node = info == nullptr ? nullptr : info->nodes; node != nullptr && count < kMaxAddresses;
       node = node->ai_next) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes = node->ai_family == AF_INET6
                            ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr)
                            : static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr);
    if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
    if (::inet_ntop(node->ai_family, bytes, text.data(), text.size()) == nullptr) continue;
    const int written = std::snprintf(found.text.data() + found.length, found.text.size() - found.length, "%s\n", text.data());
    if (written > 0) found.length = std::min(found.length + static_cast<std::size_t>(written), found.text.size() - 1);
    ++count;
  }
  if (info != nullptr) ares_freeaddrinfo(info);
}

/// One question sees the error that the other's packet met, and the library would go on waiting for that one.
template <class Number>
Number noted(Number result, void* into) {
  if (result < 0 && (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH)) static_cast<Found*>(into)->unreachable = true;
  return result;
}

constexpr ares_socket_functions kSockets{
    [](int family, int type, int protocol, void*) -> ares_socket_t {
      return ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    },
    [](ares_socket_t fd, void*) { return ::close(fd); },
    [](ares_socket_t fd, const sockaddr* to, ares_socklen_t length, void* into) { return noted(::connect(fd, to, length), into); },
    [](ares_socket_t fd, void* buffer, std::size_t size, int flags, sockaddr* from, ares_socklen_t* length, void* into) -> ares_ssize_t {
      return noted(::recvfrom(fd, buffer, size, flags, from, length), into);
    },
    [](ares_socket_t fd, const iovec* parts, int count, void* into) -> ares_ssize_t {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(parts);
      message.msg_iovlen = static_cast<std::size_t>(count);
      return noted(::sendmsg(fd, &message, MSG_NOSIGNAL), into);
    },
};

ares_channel open_channel(const NameQuestion& question) {
  // Nothing of what the library would read by itself counts here: not its files, not the environment.
  for (const char* name : {"LOCALDOMAIN", "RES_OPTIONS", "HOSTALIASES", "CARES_HOSTS"}) ::unsetenv(name);
  ares_channel channel = nullptr;
  ares_options options{};
  std::array<char, 2> dns_only{'b', '\0'};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP;
  options.timeout = static_cast<int>(question.timeout / kMillisecond);
  options.tries = 1;
  options.lookups = dns_only.data();
  constexpr int kSet =
      ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SORTLIST;
  if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS || ares_init_options(&channel, &options, kSet) != ARES_SUCCESS) return nullptr;
  return ares_set_servers_csv(channel, question.server.c_str()) == ARES_SUCCESS ? channel : nullptr;
}

void turn(ares_channel channel) {
  std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
  const int wanted = ares_getsock(channel, sockets.data(), static_cast<int>(sockets.size()));
  std::array<pollfd, ARES_GETSOCK_MAXNUM> waits{};
  nfds_t count = 0;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    const auto position = static_cast<int>(i);
    const short events = static_cast<short>((ARES_GETSOCK_READABLE(wanted, position) ? POLLIN : 0) |
                                            (ARES_GETSOCK_WRITABLE(wanted, position) ? POLLOUT : 0));
    if (events != 0) waits[count++] = pollfd{sockets[i], events, 0};
  }
  timeval left{};
  const timeval* until = ares_timeout(channel, nullptr, &left);
  const int wait_ms = until == nullptr ? 100 : static_cast<int>(until->tv_sec * 1000 + until->tv_usec / 1000 + 1);
  (void)::poll(waits.data(), count, wait_ms);
  for (nfds_t i = 0; i < count; ++i) {
    const bool failed = (waits[i].revents & (POLLERR | POLLHUP)) != 0;
    const bool readable = failed || (waits[i].revents & POLLIN) != 0;
    const bool writable = (waits[i].revents & POLLOUT) != 0;
    ares_process_fd(channel, readable ? waits[i].fd : ARES_SOCKET_BAD, writable ? waits[i].fd : ARES_SOCKET_BAD);
  }
  ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

[[noreturn]] void be_the_child(const NameQuestion& question, const RunOptions& options, const ChildEnds& ends) {
  if (options.netns != nullptr && ::setns(options.netns->fd(), CLONE_NEWNET) != 0) give_up(ends, kStepNetns);
  if (!keep_network_capabilities_only()) give_up(ends, kStepCapabilities);
  ares_channel channel = open_channel(question);
  if (channel == nullptr) {
    errno = EINVAL;
    give_up(ends, kStepLibrary);
  }
  ::close(ends.report);
  static Found found;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_set_socket_functions(channel, &kSockets, &found);
  ares_getaddrinfo(channel, question.name.c_str(), nullptr, &hints, take, &found);
  while (!found.done) {
    if (found.unreachable) {
      ares_cancel(channel);
    } else {
      turn(channel);
    }
  }
  if (found.status == ARES_ECANCELLED) found.status = ARES_ECONNREFUSED;
  std::array<char, 16> status{};
  const int length = std::snprintf(status.data(), status.size(), "%d\n", found.status);
  const bool told = ::write(ends.out, status.data(), static_cast<std::size_t>(length)) == length &&
                    ::write(ends.out, found.text.data(), found.length) == static_cast<ssize_t>(found.length);
  ::_exit(told ? 0 : 1);
}

NameReply::Kind kind_of(int status) {
  switch (status) {
    case ARES_SUCCESS: return NameReply::Kind::Addresses;
    case ARES_ENOTFOUND: return NameReply::Kind::NoSuchName;
    case ARES_ENODATA: return NameReply::Kind::NoAddress;
    case ARES_ESERVFAIL:
    case ARES_ENOTIMP: return NameReply::Kind::Failed;
    case ARES_EREFUSED: return NameReply::Kind::Refused;
    case ARES_ETIMEOUT: return NameReply::Kind::Silent;
    case ARES_ECONNREFUSED: return NameReply::Kind::Unreachable;
    default: return NameReply::Kind::Unusable;
  }
}

}  // namespace

Result<NameReply> ask_name_server(const NameQuestion& question, const RunOptions& options) {
  const std::string what = "cannot ask name server " + printable(question.server, 80);
  RunOptions bounded = options;
  bounded.timeout = 2 * question.timeout + kPatience;
  bounded.max_output_bytes = 32U << 10U;
  const auto output = run_child(
      what, bounded, [&](const ChildEnds& ends) { be_the_child(question, options, ends); },
      [&](const ChildFailure& failure) {
        if (failure.step == kStepNetns) return errno_error(failure.error_number, what + " in another network namespace");
        if (failure.step == kStepLibrary) return Error{ErrorKind::BadData, what, "it is no address that can be asked", ""};
        return errno_error(failure.error_number, what);
      });
  if (!output) return output.error();
  const auto lines = split(output->out, '\n');
  const auto status = lines.empty() ? std::nullopt : parse_number(lines.front());
  if (output->exit_status != 0 || !status) {
    return Error{ErrorKind::Io, what, "the process that asked it ended with status " + std::to_string(output->exit_status), ""};
  }
  NameReply reply;
  reply.kind = kind_of(static_cast<int>(*status));
  reply.words = ares_strerror(static_cast<int>(*status));
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (!lines[i].empty()) reply.addresses.emplace_back(lines[i]);
  }
  return reply;
}

}  // namespace synfate::machine
