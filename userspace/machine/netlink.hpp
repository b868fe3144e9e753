// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A netlink socket of the calling thread's namespace, for reading tables; refuses anything that would change them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "machine/machine.hpp"

struct mnl_socket;

namespace synfate::machine {

class NetlinkSocket {
 public:
  static Result<NetlinkSocket> open(int protocol);

  /// See NetnsVisit. After a dump that failed the socket is of no more use.
  Result<NetlinkReply> dump(const NetlinkRequest& request, std::size_t max_bytes);
  /// See NetnsVisit::netlink_each.
  Result<bool> each(const NetlinkRequest& request, std::size_t max_bytes, const std::function<void(std::string_view)>& take);
  Result<std::optional<std::uint32_t>> nsid_of(int netns_fd);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const noexcept;
  };
  explicit NetlinkSocket(mnl_socket* socket) : socket_(socket) {}
  Result<NetlinkReply> dump_once(const NetlinkRequest& request, std::size_t max_bytes);
  Status send(std::uint16_t type, std::uint16_t flags, const std::string& body);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace synfate::machine
