// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/made_netns.hpp"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <system_error>
#include <thread>

#include "machine/errors.hpp"
#include "machine/netns.hpp"
#include "machine/signals.hpp"

namespace synfate::machine {
namespace {

constexpr const char* kWhat = "cannot make a network namespace with rules in it";
/// The session waits for it, and its packets with it.
constexpr auto kPatience = std::chrono::seconds{1};
constexpr std::size_t kMaxBatchBytes = 16U << 20U;

/// All answers to a transaction wait on the socket when it was sent. The first error counts; without any, one answer must be there.
Status answers_on(int socket_fd) {
  alignas(nlmsghdr) std::array<char, 16384> datagram{};
  bool answered = false;
  while (true) {
    const ssize_t received = ::recv(socket_fd, datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == EAGAIN && answered) return Ok{};
    if (received < 0) return errno_error(errno, kWhat);
    if (received > static_cast<ssize_t>(datagram.size())) return Error{ErrorKind::BadData, kWhat, "the kernel's answer is too long", ""};
    int remaining = static_cast<int>(received);
    const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
    for (; mnl_nlmsg_ok(message, remaining); message = mnl_nlmsg_next(message, &remaining)) {
      if (message->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) continue;
      const auto* answer = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
      if (answer->error != 0) return errno_error(-answer->error, kWhat);
      answered = true;
    }
  }
}

Status send_here(const std::string& batch) {
  const UniqueFd socket_fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)};
  if (!socket_fd) return errno_error(errno, kWhat);
  // A transaction is one datagram, whatever its size.
  const int size = static_cast<int>(batch.size() + 4096);
  (void)::setsockopt(socket_fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  // Refusals without the message that was refused, which may be longer than the buffer for answers.
  const int bare = 1;
  if (::setsockopt(socket_fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &bare, sizeof bare) != 0) return errno_error(errno, kWhat);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = ::sendto(socket_fd.get(), batch.data(), batch.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  if (sent != static_cast<ssize_t>(batch.size())) return errno_error(errno, kWhat);
  return answers_on(socket_fd.get());
}

Result<NetnsHandle> make_here(const std::string& batch) {
  if (::unshare(CLONE_NEWNET) != 0) return errno_error(errno, kWhat);
  auto made = open_netns_at("/proc/thread-self/ns/net");
  if (!made) return made;
  if (auto sent = send_here(batch); !sent) return std::move(sent).error();
  return made;
}

}  // namespace

Result<NetnsHandle> make_netns_with(const std::string& batch) {
  if (batch.size() > kMaxBatchBytes) return Error{ErrorKind::BadData, kWhat, "it would be too large", ""};
  // A thread, since a child would stand in the table of processes with a namespace of its own for everybody to find. One that the kernel
  // holds up is left behind: whatever it still makes ends with its promise.
  static std::atomic<bool> under_way{false};
  if (under_way.exchange(true)) return Error{ErrorKind::Io, kWhat, "the kernel has not made the one before yet", ""};
  auto promise = std::make_shared<std::promise<Result<NetnsHandle>>>();
  auto future = promise->get_future();
  try {
    const SignalsBlocked inherited;
    std::thread{[promise = std::move(promise), batch] {
      auto made = make_here(batch);
      under_way = false;
      promise->set_value(std::move(made));
    }}.detach();
  } catch (const std::system_error& no_thread) {
    under_way = false;
    return errno_error(no_thread.code().value(), kWhat);
  }
  if (future.wait_for(kPatience) != std::future_status::ready) {
    return Error{ErrorKind::Io, kWhat, "the kernel did not do it within " + std::to_string(kPatience.count()) + " s", ""};
  }
  return future.get();
}

}  // namespace synfate::machine
