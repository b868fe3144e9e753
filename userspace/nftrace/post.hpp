// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Writes netlink messages of the netfilter subsystems into a buffer. Knows their envelope, and nothing of what is in them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

struct nlmsghdr;
struct nlattr;

namespace synfate::nftrace {

/// One message at a time; every message ends when the next begins or the bytes are taken.
class Post {
 public:
  explicit Post(std::size_t max_bytes) : buffer_(max_bytes) {}

  /// `subsystem` NFNL_SUBSYS_*; 0 for the messages that begin and end a transaction, whose resource is the subsystem.
  void begin(unsigned subsystem, unsigned type, unsigned flags, std::uint8_t family, std::uint16_t resource, std::uint32_t sequence);
  void text(std::uint16_t type, const std::string& value);
  void big32(std::uint16_t type, std::uint32_t value);
  void big16(std::uint16_t type, std::uint16_t value);
  void byte(std::uint16_t type, std::uint8_t value);
  void raw(std::uint16_t type, std::span<const std::uint8_t> value);
  void open(std::uint16_t type);
  void close();

  std::vector<std::uint8_t> take();

 private:
  void finish();

  std::vector<std::uint8_t> buffer_;
  std::size_t used_ = 0;
  nlmsghdr* message_ = nullptr;
  std::vector<nlattr*> nests_;
};

}  // namespace synfate::nftrace
