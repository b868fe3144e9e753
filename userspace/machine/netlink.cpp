// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/netlink.hpp"

#include <libmnl/libmnl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "machine/errors.hpp"

namespace synfate::machine {
namespace {

/// The kernel fills at most 32 KiB per datagram of a dump.
constexpr std::size_t kDatagramBytes = 64 * 1024;
constexpr int kDumpAttempts = 3;
/// The kernel answers at once; this only keeps a defect there from hanging the tool.
constexpr timeval kPatience{2, 0};

std::string table_name(const NetlinkRequest& request) {
  return "cannot read netlink table " + std::to_string(request.type) + " of protocol " + std::to_string(request.protocol);
}

int error_code(const nlmsghdr* message) {
  int code = 0;
  if (mnl_nlmsg_get_payload_len(message) >= sizeof code) std::memcpy(&code, mnl_nlmsg_get_payload(message), sizeof code);
  return code < 0 ? -code : code;
}

int take_nsid(const nlattr* attribute, void* nsid) {
  if (mnl_attr_get_type(attribute) == NETNSA_NSID && mnl_attr_get_payload_len(attribute) >= sizeof(std::int32_t)) {
    std::memcpy(nsid, mnl_attr_get_payload(attribute), sizeof(std::int32_t));
  }
  return MNL_CB_OK;
}

template <class Value>
void append(std::string& bytes, const Value& value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

}  // namespace

void NetlinkSocket::Close::operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }

Result<NetlinkSocket> NetlinkSocket::open(int protocol) {
  const std::string what = "cannot open a netlink socket of protocol " + std::to_string(protocol);
  NetlinkSocket socket{mnl_socket_open2(protocol, SOCK_CLOEXEC)};
  if (socket.socket_ == nullptr) return errno_error(errno, what);
  if (mnl_socket_bind(socket.socket_.get(), 0, MNL_SOCKET_AUTOPID) != 0) return errno_error(errno, what);
  if (::setsockopt(mnl_socket_get_fd(socket.socket_.get()), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0) {
    return errno_error(errno, what);
  }
  return socket;
}

Status NetlinkSocket::send(std::uint16_t type, std::uint16_t flags, const std::string& body) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  header.nlmsg_seq = ++sequence_;
  std::string message;
  append(message, header);
  message += body;
  if (mnl_socket_sendto(socket_.get(), message.data(), message.size()) < 0) return errno_error(errno, "cannot ask over netlink");
  return Ok{};
}

Result<NetlinkReply> NetlinkSocket::dump(const NetlinkRequest& request, std::size_t max_bytes) {
  for (int attempt = 1;; ++attempt) {
    auto reply = dump_once(request, max_bytes);
    if (!reply || reply->consistent || attempt == kDumpAttempts) return reply;
  }
}

Result<NetlinkReply> NetlinkSocket::dump_once(const NetlinkRequest& request, std::size_t max_bytes) {
  NetlinkReply reply;
  const auto consistent = each(request, max_bytes, [&](std::string_view message) {
    reply.messages.append(message);
    reply.messages.resize(MNL_ALIGN(reply.messages.size()));
  });
  if (!consistent) return consistent.error();
  reply.consistent = *consistent;
  return reply;
}

Result<bool> NetlinkSocket::each(const NetlinkRequest& request, std::size_t max_bytes, const std::function<void(std::string_view)>& take) {
  // An acknowledgement ends the answer about a single object as NLMSG_DONE ends a dump.
  const std::uint16_t scope = request.single ? NLM_F_ACK : NLM_F_DUMP;
  if (auto sent = send(request.type, NLM_F_REQUEST | scope, request.body); !sent) return std::move(sent).error();
  const std::string what = table_name(request);
  std::vector<char> datagram(kDatagramBytes);
  std::size_t taken = 0;
  bool consistent = true;
  while (true) {
    const ssize_t received = mnl_socket_recvfrom(socket_.get(), datagram.data(), datagram.size());
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return errno_error(errno, what);
    int remaining = static_cast<int>(received);
    const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
    for (; mnl_nlmsg_ok(message, remaining); message = mnl_nlmsg_next(message, &remaining)) {
      if (message->nlmsg_seq != sequence_) continue;
      if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) consistent = false;
      if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
        const int code = error_code(message);
        if (code != 0) return errno_error(code, what);
        return consistent;
      }
      taken += MNL_ALIGN(message->nlmsg_len);
      if (taken > max_bytes) {
        return Error{ErrorKind::BadData, what, "the answer is longer than " + std::to_string(max_bytes) + " bytes", ""};
      }
      take({reinterpret_cast<const char*>(message), message->nlmsg_len});
    }
  }
}

Result<std::optional<std::uint32_t>> NetlinkSocket::nsid_of(int netns_fd) {
  rtgenmsg family{};
  std::string body;
  append(body, family);
  body.resize(MNL_ALIGN(body.size()));
  append(body, nlattr{static_cast<std::uint16_t>(MNL_ATTR_HDRLEN + sizeof netns_fd), NETNSA_FD});
  append(body, netns_fd);
  if (auto sent = send(RTM_GETNSID, NLM_F_REQUEST, body); !sent) return std::move(sent).error();

  const std::string what = "cannot ask for the number of a network namespace";
  std::array<char, 4096> datagram{};
  while (true) {
    const ssize_t received = mnl_socket_recvfrom(socket_.get(), datagram.data(), datagram.size());
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return errno_error(errno, what);
    int remaining = static_cast<int>(received);
    const auto* message = reinterpret_cast<const nlmsghdr*>(datagram.data());
    for (; mnl_nlmsg_ok(message, remaining); message = mnl_nlmsg_next(message, &remaining)) {
      if (message->nlmsg_seq != sequence_) continue;
      if (message->nlmsg_type == NLMSG_ERROR) return errno_error(error_code(message), what);
      std::int32_t nsid = NETNSA_NSID_NOT_ASSIGNED;
      mnl_attr_parse(message, sizeof family, take_nsid, &nsid);
      if (nsid < 0) return std::optional<std::uint32_t>{};
      return std::optional<std::uint32_t>{static_cast<std::uint32_t>(nsid)};
    }
  }
}

}  // namespace synfate::machine
