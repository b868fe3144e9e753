// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The kernel's trace messages, nf_tables' and xtables', as steps. Untrusted bytes: lengths are checked, memory is bounded, and a message
// that cannot be understood is no step.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "nftrace/packet.hpp"
#include "nftrace/step.hpp"

namespace synfate::nftrace {

/// What one nf_tables trace message says by itself.
struct NftMessage {
  Step step;
  bool has_headers = false;  ///< only the first message of each base chain does
  std::optional<Packet> packet;
  bool is_final = true;  ///< false: the end of a chain that no rule decided, which is no step
};

/// `body` is what follows the nlmsghdr of an NFT_MSG_TRACE.
std::optional<NftMessage> parse_nft_trace(Bytes body);
/// `body` is what follows the nlmsghdr of an NFULNL_MSG_PACKET: nothing for what is not xtables' TRACE of a SYN.
std::optional<Step> parse_xt_trace(Bytes body);
/// "TRACE: filter:FORWARD:rule:2 " into table, chain, kind and number of `step`.
bool parse_xt_prefix(std::string_view prefix, Step& step);

/// Puts the steps of one namespace together with the packets that they are about.
class NftSteps {
 public:
  /// Steps of this table are the tracer's own and are left out.
  explicit NftSteps(std::string own_table) : own_table_(std::move(own_table)) {}

  /// The step of one message, if it is one about a SYN.
  std::optional<Step> take(NftMessage message);
  /// Messages were lost, headers perhaps: an id that is used again must not find an older packet.
  void forget();

 private:
  struct Seen {
    Packet packet;
    std::uint32_t in_ifindex = 0;
    std::uint32_t out_ifindex = 0;
  };
  void remember(std::uint32_t trace_id, const Seen& seen);

  std::string own_table_;
  std::unordered_map<std::uint32_t, Seen> packets_;  ///< by trace id, as of its latest base chain
  std::deque<std::uint32_t> order_;
};

}  // namespace synfate::nftrace
