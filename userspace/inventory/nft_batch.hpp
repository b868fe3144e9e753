// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// One table of nf_tables as the bytes of one netlink transaction, for a namespace that holds nothing else. Sends nothing, and makes no base
// chain: what it describes can never see a packet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "inventory/nft_objects.hpp"

namespace synfate::inventory {

class NftBatch {
 public:
  /// Begins with the table.
  explicit NftBatch(const NftTable& table);

  /// Not a base chain.
  void chain(const std::string& name);
  /// attributes: what NFT_MSG_NEWSET takes of a set, without its table and name.
  void set(const std::string& name, std::string_view attributes);
  /// Of a set of this batch; any number of bytes, which go into as many messages as they need.
  void element(const std::string& set, std::string_view attributes);
  /// The last thing of a batch.
  std::string rule(const NftRule& rule);

 private:
  void message(std::uint16_t type, std::uint16_t flags, std::uint8_t family, std::uint16_t resource, std::string_view attributes);
  void change(int type, std::uint16_t flags, std::string_view attributes);
  void end_elements();

  NftTable table_;
  std::string bytes_;
  std::uint32_t sequence_ = 1;
  std::string set_;       ///< whose elements are being collected
  std::string elements_;  ///< of one message
  /// Sets of one transaction are told apart by a number as well.
  std::uint32_t set_number_ = 0;
};

}  // namespace synfate::inventory
