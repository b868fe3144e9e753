// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which element of a set or map a packet meets, as the kernel compares keys; says none where it cannot be sure of exactly one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "inventory/nft_keys.hpp"
#include "inventory/nft_objects.hpp"
#include "machine/machine.hpp"

namespace synfate::inventory {

struct FoundElement {
  std::string text;  ///< untrusted: `10.96.0.10 . tcp . 53 comment "ns/svc" : drop`
  std::optional<NftVerdict> verdict;
};

/// Is shown every element of one set, keeps none but the one that the key meets.
class ElementSearch {
 public:
  /// The look-up's key must be known.
  ElementSearch(const NftSet& set, const NftLookup& lookup);

  /// The key has another shape than the set's, or is of a kind whose ranges are not understood here.
  bool possible() const { return possible_; }
  void look_at(const NftElement& element);
  std::optional<FoundElement> found() const;

 private:
  bool in_range(const NftElement& element) const;
  std::string text_of(std::string_view from, std::string_view to) const;

  bool possible_ = false;
  bool ordered_ = false;  ///< one part, ranges: begin and end are elements of their own
  std::string key_;
  std::vector<KeyPart> parts_;
  std::optional<NftElement> best_;
  std::optional<NftElement> catch_all_;
  std::string next_key_;  ///< ordered: the smallest key beyond
  std::size_t matches_ = 0;
};

/// The element of a set of this table that the look-up meets. None: no element, more than one, or it cannot be computed.
std::optional<FoundElement> find_element(machine::NetnsVisit& visit, const NftTable& table, const NftLookup& lookup);

/// Of the verdict maps of this table, the only element that leads to that chain and that the packet meets. None also when a rule leads
/// there directly, or when a key cannot be computed.
std::optional<FoundElement> find_way_in(machine::NetnsVisit& visit, const NftTable& table, const std::string& chain,
                                        const NftPacket& packet);

}  // namespace synfate::inventory
