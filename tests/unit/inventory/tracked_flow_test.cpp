// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/tracked_flow.hpp"

#include <doctest/doctest.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <cstring>

#include "fixtures.hpp"
#include "inventory/attributes.hpp"
#include "inventory/reader.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr model::NetnsId kNode = 4026532511;

model::Flow flow(const char* src, std::uint16_t sport, const char* dst, std::uint16_t dport) {
  return {{model::parse_ip(src).value(), sport}, {model::parse_ip(dst).value(), dport}};
}

/// A request for a flow has its tuple as the kernel sends it.
std::string tuple(const model::Flow& of, std::uint16_t as) {
  const std::string body = tracked_request(of).body.substr(sizeof(nfgenmsg));
  std::string bytes;
  append_attribute(bytes, as, std::string_view{body}.substr(sizeof(nlattr)));
  return bytes;
}

std::string entry(const model::Flow& original, const model::Flow& reply) {
  const std::string attributes = tuple(original, CTA_TUPLE_ORIG) + tuple(reply, CTA_TUPLE_REPLY);
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof(nfgenmsg) + attributes.size());
  header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
  return body_of(header) + body_of(nfgenmsg{}) + attributes;
}

}  // namespace

TEST_CASE("an entry of conntrack says where the connection was sent to") {
  for (const bool ipv6 : {false, true}) {
    const auto asked = ipv6 ? flow("fd00::2", 40000, "fd96::7", 80) : flow("10.0.1.2", 40000, "10.96.0.7", 80);
    const auto answers = ipv6 ? flow("fd00::9", 8080, "fd00::2", 40000) : flow("10.0.1.9", 8080, "10.0.1.2", 40000);
    const auto tracked = decode_tracked(entry(asked, answers), asked);
    REQUIRE(tracked);
    CHECK(tracked->sent_to() == answers.src);
    const auto plain = decode_tracked(entry(asked, asked.reversed()), asked);
    REQUIRE(plain);
    CHECK(plain->reply);
    CHECK_FALSE(plain->sent_to());
  }
}

TEST_CASE("an entry that another connection is, or none, is not taken") {
  const auto asked = flow("10.0.1.2", 40000, "10.96.0.7", 80);
  CHECK_FALSE(decode_tracked(entry(flow("10.0.1.3", 40000, "10.96.0.7", 80), asked.reversed()), asked));
  const std::string whole = entry(asked, asked.reversed());
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) CHECK_FALSE(decode_tracked(whole.substr(0, bytes), asked));
}

TEST_CASE("conntrack is asked only where that loads nothing") {
  machine::FakeMachine machine;
  machine.add_process(42, "python3", kNode);
  machine.add_file("/proc/thread-self/mountinfo", "");
  const auto asked = flow("10.0.1.2", 40000, "10.96.0.7", 80);
  const auto request = tracked_request(asked);
  machine.netns(kNode).answers.insert_or_assign({request.protocol, request.type, request.body},
                                                test::reply(entry(asked, flow("10.0.1.9", 8080, "10.0.1.2", 40000))));
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  SUBCASE("it would be loaded") {
    machine.add_file("/proc/modules", "nf_conntrack 1 0 - Live 0x0\n");
    CHECK_FALSE(reader.read_tracked(kNode, asked, 1));
    CHECK(reader.current().find(kNode)->tracked.empty());
  }
  SUBCASE("it is there") {
    machine.add_file("/proc/modules", "nf_conntrack_netlink 1 0 - Live 0x0\n");
    CHECK(reader.read_tracked(kNode, asked, 1));
    CHECK_FALSE(reader.read_tracked(kNode, asked, 1));  // no news
    REQUIRE(reader.current().find(kNode)->tracked.size() == 1);
    CHECK(reader.current().find(kNode)->tracked[0].sent_to());
  }
}
