// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/socket.hpp"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "machine/errors.hpp"

namespace synfate::nftrace {
namespace {

/// The kernel answers at once; this only keeps a defect there from hanging the tool.
constexpr int kPatienceMs = 2000;
/// A long path of many SYNs at once; memory is used only while messages wait.
constexpr int kReceiveBytes = 2 << 20;
constexpr std::size_t kDatagramBytes = 64 * 1024;

std::optional<Incoming> to_incoming(const nlmsghdr& header, Bytes body) {
  Incoming message{header.nlmsg_type, header.nlmsg_seq, 0, body};
  if (header.nlmsg_type != NLMSG_ERROR && header.nlmsg_type != NLMSG_DONE) return message;
  if (body.size() >= sizeof message.error) std::memcpy(&message.error, body.data(), sizeof message.error);
  if (message.error < 0) message.error = -message.error;
  return message;
}

}  // namespace

void NetfilterSocket::Close::operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }

Result<NetfilterSocket> NetfilterSocket::open() {
  const std::string what = "cannot open a netfilter socket";
  NetfilterSocket socket{mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (socket.socket_ == nullptr) return machine::errno_error(errno, what);
  if (mnl_socket_bind(socket.socket_.get(), 0, MNL_SOCKET_AUTOPID) != 0) return machine::errno_error(errno, what);
  // Refused in a user namespace; the default buffer loses messages earlier, and says so.
  (void)::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof kReceiveBytes);
  return socket;
}

int NetfilterSocket::fd() const { return mnl_socket_get_fd(socket_.get()); }

std::uint32_t NetfilterSocket::next_sequence(unsigned messages) {
  const std::uint32_t first = sequence_;
  sequence_ += messages;
  return first;
}

Status NetfilterSocket::send(std::span<const std::uint8_t> bytes) {
  if (mnl_socket_sendto(socket_.get(), bytes.data(), bytes.size()) < 0) return machine::errno_error(errno, "cannot send over netlink");
  return Ok{};
}

Status NetfilterSocket::wait_for(const std::function<bool()>& done, const std::function<void(const Incoming&)>& each) {
  while (!done()) {
    pollfd waiting{fd(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, kPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return Error{ErrorKind::Io, "no answer over netlink", ready == 0 ? "the kernel was silent" : errno_text(errno), ""};
    if (read(each) == Read::Failed) return machine::errno_error(errno, "cannot read from netlink");
  }
  return Ok{};
}

Status NetfilterSocket::exchange(std::span<const std::uint8_t> bytes, std::uint32_t first_sequence, unsigned acknowledgements,
                                 const std::function<void(const Incoming&)>& other) {
  if (Status sent = send(bytes); !sent) return sent;
  unsigned answered = 0;
  int refused = 0;
  const Status waited = wait_for([&] { return answered >= acknowledgements || refused != 0; },
                                 [&](const Incoming& message) {
                                   if (message.type != NLMSG_ERROR) {
                                     if (other) other(message);
                                   } else if (message.sequence - first_sequence < acknowledgements + 2) {
                                     ++answered;
                                     if (refused == 0) refused = message.error;
                                   }
                                 });
  if (!waited) return waited;
  if (refused != 0) return machine::errno_error(refused, "the kernel refused");
  return Ok{};
}

Status NetfilterSocket::dump(std::span<const std::uint8_t> bytes, std::uint32_t sequence,
                             const std::function<void(const Incoming&)>& each) {
  if (Status sent = send(bytes); !sent) return sent;
  bool ended = false;
  int refused = 0;
  const Status waited = wait_for([&] { return ended; },
                                 [&](const Incoming& message) {
                                   if (message.sequence != sequence) return;
                                   ended |= message.type == NLMSG_DONE || message.type == NLMSG_ERROR;
                                   if (ended) {
                                     refused = message.error;
                                   } else {
                                     each(message);
                                   }
                                 });
  if (!waited) return waited;
  if (refused != 0) return machine::errno_error(refused, "the kernel refused");
  return Ok{};
}

Status NetfilterSocket::join(unsigned group) {
  const int number = static_cast<int>(group);
  if (::setsockopt(fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &number, sizeof number) != 0) {
    return machine::errno_error(errno, "cannot listen to the kernel's rule traces");
  }
  return Ok{};
}

NetfilterSocket::Read NetfilterSocket::read(const std::function<void(const Incoming&)>& each) {
  static thread_local std::vector<char> datagram(kDatagramBytes);
  sockaddr_nl from{};
  socklen_t from_size = sizeof from;
  const ssize_t received =
      ::recvfrom(fd(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_TRUNC, reinterpret_cast<sockaddr*>(&from), &from_size);
  if (received < 0 && errno == ENOBUFS) return Read::Overrun;
  if (received < 0) return errno == EAGAIN || errno == EINTR ? Read::Empty : Read::Failed;
  if (from.nl_pid != 0) return Read::Some;
  if (static_cast<std::size_t>(received) > datagram.size()) return Read::Overrun;
  int remaining = static_cast<int>(received);
  const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
  for (; mnl_nlmsg_ok(message, remaining); message = mnl_nlmsg_next(message, &remaining)) {
    const auto* body = static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload(message));
    if (const auto incoming = to_incoming(*message, Bytes(body, mnl_nlmsg_get_payload_len(message)))) each(*incoming);
  }
  return Read::Some;
}

}  // namespace synfate::nftrace
