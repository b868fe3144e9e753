// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Whether the kernel takes these bytes, and what nft makes of them, is for tests/live/nftrace.py.
#include "nftrace/batch.hpp"

#include <doctest/doctest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

namespace synfate::nftrace {
namespace {

std::vector<nlmsghdr> headers(const Batch& batch) {
  std::vector<nlmsghdr> all;
  for (std::size_t at = 0; at < batch.bytes.size();) {
    nlmsghdr header;
    REQUIRE(at + sizeof header <= batch.bytes.size());
    std::memcpy(&header, batch.bytes.data() + at, sizeof header);
    REQUIRE(header.nlmsg_len >= sizeof header);
    all.push_back(header);
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return all;
}

long rules(const Batch& batch) {
  const auto all = headers(batch);
  return std::count_if(all.begin(), all.end(),
                       [](const nlmsghdr& header) { return header.nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE); });
}

TEST_CASE("one transaction, each change of it acknowledged") {
  const Batch batch = tracing_table("name", NFPROTO_INET, {}, 100);
  const auto all = headers(batch);
  REQUIRE(all.size() == 7);
  CHECK(all.front().nlmsg_type == NFNL_MSG_BATCH_BEGIN);
  CHECK(all.back().nlmsg_type == NFNL_MSG_BATCH_END);
  CHECK(batch.acknowledged == 5);
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(all[i].nlmsg_seq == 100 + i);
    CHECK(((all[i].nlmsg_flags & NLM_F_ACK) != 0) == (i != 0 && i + 1 != all.size()));
  }
}

TEST_CASE("either end takes two rules a hook, and two families at once none") {
  CHECK(rules(tracing_table("name", NFPROTO_INET, {}, 1)) == 2);
  Filter filter;
  filter.port = 80;
  filter.host = model::parse_prefix("10.0.0.0/8");
  CHECK(rules(tracing_table("name", NFPROTO_INET, filter, 1)) == 4);
  filter.source = model::parse_prefix("10.1.0.0/16");
  CHECK(rules(tracing_table("name", NFPROTO_INET, filter, 1)) == 4);
  filter.destination = model::parse_prefix("fd00::/8");
  CHECK(rules(tracing_table("name", NFPROTO_INET, filter, 1)) == 0);
}

TEST_CASE("the longest filter and name fit") {
  Filter filter;
  filter.port = 65535;
  filter.host = model::parse_prefix("fd00::1");
  filter.source = filter.host;
  filter.destination = filter.host;
  CHECK(headers(tracing_table(std::string(255, 'x'), NFPROTO_BRIDGE, filter, 1)).size() == 9);
}

}  // namespace
}  // namespace synfate::nftrace
