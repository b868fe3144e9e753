// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Hand-made wire records in, rows out: an engine with a sink that keeps what it is given, and no kernel.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cli/engine.hpp"
#include "records.hpp"

namespace synfate::cli::test {

using synfate::test::Bytes;

inline constexpr __u32 kClientNetns = 100;
inline constexpr __u32 kServerNetns = 200;
inline constexpr MonotonicNs kStart = 1000 * kSecond;

inline MonotonicNs at(double milliseconds) { return kStart + static_cast<MonotonicNs>(milliseconds * 1e6); }

/// Keeps everything; refuses from the call on that a test asks it to refuse.
class FakeSink final : public render::Sink {
 public:
  bool attempt(const model::Attempt& row) override { return taken() && (rows.push_back(row), true); }
  bool notice(const model::Notice& notice) override { return taken() && (notices.push_back(notice), true); }
  bool summary(const model::Summary& summary) override { return taken() && (summaries.push_back(summary), true); }

  /// "1.1 dropped netfilter_drop syn": id, revision, fate, cause, packet.
  std::vector<std::string> words() const;

  std::vector<model::Attempt> rows;
  std::vector<model::Notice> notices;
  std::vector<model::Summary> summaries;
  int refuse_after = -1;  ///< calls that are still taken; -1: all

 private:
  bool taken() { return refuse_after < 0 || refuse_after-- > 0; }
};

wire::KernelNames names();

/// One attempt of 10.0.0.17 from the client's namespace to 10.0.0.96 in the server's.
class Script {
 public:
  explicit Script(__u64 attempt, __u16 sport = 40000) : attempt_(attempt), sport_(sport) {}

  /// The flight record: a SYN left the client's eth0 and arrived at the server's.
  Bytes flight(double milliseconds, __u32 flags = WIRE_ATTEMPT_LOCAL_CLIENT | WIRE_ATTEMPT_OWNER | WIRE_ATTEMPT_STREAMED) const;
  /// nft_do_chain frees the SYN in the input hook of the server's namespace.
  Bytes nft_drop(double milliseconds, __u64 location = 0xffffffffc0a413e8) const;
  Bytes hop(double milliseconds, wire_leg leg, wire_packet_event event, __u32 netns) const;
  Bytes socket(double milliseconds, wire_socket_event event, __u32 netns, bool at_server, __u8 before = 0, __u8 after = 0) const;
  Bytes foreign_mac(double milliseconds) const;

  /// Bytes as an engine is fed with, in the order in which they happened.
  std::vector<Bytes> dropped(double milliseconds) const { return {flight(milliseconds), nft_drop(milliseconds + 0.1)}; }
  std::vector<Bytes> established(double milliseconds) const;

 private:
  wire_subject subject(wire_leg leg, __u32 netns) const;

  __u64 attempt_;
  __u16 sport_;
};

bool feed(Engine& engine, const std::vector<Bytes>& records);

}  // namespace synfate::cli::test
