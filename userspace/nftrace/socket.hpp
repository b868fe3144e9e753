// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A socket to the netfilter subsystems of the calling thread's network namespace: sends changes and waits for their answers, and reads
// what comes later without ever blocking. Takes messages from the kernel only.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "nftrace/packet.hpp"

struct mnl_socket;

namespace synfate::nftrace {

/// One netlink message.
struct Incoming {
  unsigned type = 0;  ///< subsystem << 8 | message, or NLMSG_ERROR
  std::uint32_t sequence = 0;
  int error = 0;  ///< NLMSG_ERROR: positive errno, 0 is an acknowledgement
  Bytes body;     ///< what follows the nlmsghdr
};

class NetfilterSocket {
 public:
  static Result<NetfilterSocket> open();

  int fd() const;
  std::uint32_t next_sequence(unsigned messages);
  Status send(std::span<const std::uint8_t> bytes);
  /// Sends, and waits for `acknowledgements` of messages from `first_sequence` on; the first refusal is the error. `other` gets what else
  /// arrives meanwhile.
  Status exchange(std::span<const std::uint8_t> bytes, std::uint32_t first_sequence, unsigned acknowledgements,
                  const std::function<void(const Incoming&)>& other = {});
  /// A dump to its end.
  Status dump(std::span<const std::uint8_t> bytes, std::uint32_t sequence, const std::function<void(const Incoming&)>& each);
  Status join(unsigned group);

  enum class Read { Some, Empty, Overrun, Failed };
  /// One datagram, if there is one. Overrun: messages were lost.
  Read read(const std::function<void(const Incoming&)>& each);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const noexcept;
  };
  explicit NetfilterSocket(mnl_socket* socket) : socket_(socket) {}
  Status wait_for(const std::function<bool()>& done, const std::function<void(const Incoming&)>& each);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint32_t sequence_ = 1;
};

}  // namespace synfate::nftrace
