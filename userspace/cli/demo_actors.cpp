// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/demo_actors.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace synfate::cli {
namespace {

constexpr int kBacklog = 16;

Error no_actor(const char* who) { return {ErrorKind::Io, std::string("cannot start the demo's ") + who, errno_text(errno), ""}; }

sockaddr_in to_sockaddr(const model::Endpoint& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  std::memcpy(&address.sin_addr, endpoint.address.bytes.data(), sizeof address.sin_addr);
  return address;
}

int connect_to(int socket_fd, const sockaddr_in& to) { return ::connect(socket_fd, reinterpret_cast<const sockaddr*>(&to), sizeof to); }

/// In the child: it dies with its parent, and Ctrl-C is the parent's to answer.
void become(const char* name, int netns_fd, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  ::prctl(PR_SET_NAME, name);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE}) ::signal(number, SIG_IGN);
  if (::setns(netns_fd, CLONE_NEWNET) != 0) ::_exit(1);
}

[[noreturn]] void serve(int listener) {
  while (true) {
    const UniqueFd guest(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (guest) {
      (void)!::write(guest.get(), "hello\n", 6);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      ::_exit(1);
    }
  }
}

[[noreturn]] void obey(int orders) {
  UniqueFd attempt;
  while (true) {
    std::array<pollfd, 2> fds{{{orders, POLLIN, 0}, {attempt.get(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) ::_exit(1);
    if (fds[1].revents != 0) {
      // To the end of what the server says: a close() before that would reset the connection.
      std::array<char, 64> greeting{};
      if (::read(attempt.get(), greeting.data(), greeting.size()) <= 0) attempt.reset();
    }
    if (fds[0].revents == 0) continue;
    sockaddr_in to{};
    if (::read(orders, &to, sizeof to) != static_cast<ssize_t>(sizeof to)) ::_exit(0);
    attempt.reset(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    (void)connect_to(attempt.get(), to);
  }
}

}  // namespace

Result<DemoActor> DemoActor::server(machine::Machine& machine, const machine::NetnsHandle& netns, const model::Endpoint& endpoint) {
  UniqueFd listener;
  int number = 0;
  const auto listen = [&](machine::NetnsVisit&) {
    const sockaddr_in address = to_sockaddr(endpoint);
    listener.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const bool listens = listener && ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                         ::listen(listener.get(), kBacklog) == 0;
    if (!listens) number = errno;
  };
  if (Status visited = machine.inside(netns, listen); !visited) return visited.error();
  errno = number;
  if (number != 0) return no_actor("server");
  const pid_t parent = ::getpid();
  const pid_t process = ::fork();
  if (process < 0) return no_actor("server");
  if (process == 0) {
    become("demo-server", netns.fd(), parent);
    serve(listener.get());
  }
  return DemoActor(process, UniqueFd());
}

Result<DemoActor> DemoActor::client(const machine::NetnsHandle& netns) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return no_actor("client");
  UniqueFd orders(ends[0]);
  const UniqueFd taker(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t process = ::fork();
  if (process < 0) return no_actor("client");
  if (process == 0) {
    orders.reset();
    become("demo-client", netns.fd(), parent);
    obey(taker.get());
  }
  return DemoActor(process, std::move(orders));
}

DemoActor::DemoActor(DemoActor&& other) noexcept : process_(std::exchange(other.process_, -1)), orders_(std::move(other.orders_)) {}

DemoActor::~DemoActor() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void DemoActor::connect(const model::Endpoint& to) const {
  const sockaddr_in order = to_sockaddr(to);
  // A client that has gone makes no attempt, and that is noticed where the attempt is missed.
  (void)::send(orders_.get(), &order, sizeof order, MSG_NOSIGNAL);
}

Status demo_reaches(machine::Machine& machine, const machine::NetnsHandle& netns, const model::Endpoint& to, DurationNs patience) {
  constexpr timeval kOneTry{0, 200'000};
  const MonotonicNs deadline = monotonic_now() + patience;
  int number = 0;
  const auto reach = [&](machine::NetnsVisit&) {
    do {
      const UniqueFd attempt(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      std::array<char, 16> greeting{};
      // Also bounds the connect().
      ::setsockopt(attempt.get(), SOL_SOCKET, SO_SNDTIMEO, &kOneTry, sizeof kOneTry);
      ::setsockopt(attempt.get(), SOL_SOCKET, SO_RCVTIMEO, &kOneTry, sizeof kOneTry);
      errno = 0;
      const bool greeted = connect_to(attempt.get(), to_sockaddr(to)) == 0 && ::read(attempt.get(), greeting.data(), greeting.size()) > 0;
      number = greeted ? 0 : (errno == 0 ? ECONNRESET : errno);
    } while (number != 0 && monotonic_now() < deadline);
  };
  if (Status visited = machine.inside(netns, reach); !visited) return visited.error();
  if (number == 0) return Ok{};
  return Error{ErrorKind::Unsupported, "the demo's lab does not work",
               "its client cannot reach " + model::to_string(to) + ": " + errno_text(number == EINPROGRESS ? ETIMEDOUT : number),
               "a firewall for all namespaces? Nothing was left behind; synfate trace does not need the lab"};
}

}  // namespace synfate::cli
