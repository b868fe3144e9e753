// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What nft prints, or is given to read, as chains and the text of each rule, of any version of nft; refuses to know what a rule means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synfate::inventory {

/// A view into the listing.
struct NftListedRule {
  std::string_view raw;  ///< with its handle; may have line breaks, where nft broke a set
  std::optional<std::uint64_t> handle;
};

struct NftListedChain {
  std::string_view family;  ///< empty where nft prints none
  std::string_view table;
  std::string_view name;
  std::optional<std::uint64_t> handle;
  std::string_view base;  ///< "type filter hook input priority filter; policy drop;"; empty: not a base chain
  std::vector<NftListedRule> rules;
};

struct NftListing {
  std::vector<NftListedChain> chains;
  std::size_t others = 0;     ///< sets, maps, elements, objects, commands that name no rule
  std::size_t odd_lines = 0;  ///< not understood, and left out
  bool complete = true;       ///< it does not end in the middle of something

  const NftListedChain* chain(std::string_view family, std::string_view table, std::string_view name) const;
};

/// The text must outlive the result. Takes any bytes.
NftListing parse_nft_listing(std::string_view text);

/// A rule's text on one line, without its handle.
std::string nft_rule_text(std::string_view raw);
/// What stands between the quotes after the last "comment" of a rule; empty if there is none.
std::string nft_comment(std::string_view raw);

}  // namespace synfate::inventory
