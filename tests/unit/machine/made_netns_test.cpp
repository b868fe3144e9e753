// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A namespace with a table of nf_tables in it. Needs root.
#include "machine/made_netns.hpp"

#include <doctest/doctest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "machine/real.hpp"

using namespace synfate;
using namespace synfate::machine;

namespace {

std::string name_attribute(std::uint16_t type, const std::string& name) {
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + name.size() + 1), type};
  std::string bytes{reinterpret_cast<const char*>(&header), sizeof header};
  bytes.append(name.c_str(), name.size() + 1);
  bytes.resize(NLMSG_ALIGN(bytes.size()));
  return bytes;
}

std::string body(std::uint8_t family, std::uint16_t resource, const std::string& attributes) {
  const nfgenmsg about{family, NFNETLINK_V0, static_cast<std::uint16_t>(resource << 8U)};
  return std::string{reinterpret_cast<const char*>(&about), sizeof about} + attributes;
}

std::string message(std::uint16_t type, std::uint16_t flags, const std::string& body) {
  static std::uint32_t sequence = 0;
  const nlmsghdr header{static_cast<std::uint32_t>(sizeof header + body.size()), type, static_cast<std::uint16_t>(flags | NLM_F_REQUEST),
                        ++sequence, 0};
  return std::string{reinterpret_cast<const char*>(&header), sizeof header} + body;
}

std::uint16_t nft(int type) { return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type); }

std::string batch(const std::string& changes) {
  return message(NFNL_MSG_BATCH_BEGIN, 0, body(0, NFNL_SUBSYS_NFTABLES, "")) + changes +
         message(NFNL_MSG_BATCH_END, 0, body(0, NFNL_SUBSYS_NFTABLES, ""));
}

std::string table(const std::string& name, std::uint16_t flags) {
  return message(nft(NFT_MSG_NEWTABLE), NLM_F_CREATE | flags, body(NFPROTO_INET, 0, name_attribute(NFTA_TABLE_NAME, name)));
}

std::string chain(const std::string& table, const std::string& name, std::uint16_t flags) {
  return message(nft(NFT_MSG_NEWCHAIN), NLM_F_CREATE | flags,
                 body(NFPROTO_INET, 0, name_attribute(NFTA_CHAIN_TABLE, table) + name_attribute(NFTA_CHAIN_NAME, name)));
}

ino_t own_netns() {
  struct stat status {};
  REQUIRE(::stat("/proc/thread-self/ns/net", &status) == 0);
  return status.st_ino;
}

}  // namespace

TEST_CASE("a made namespace has what the transaction makes, and nothing of it is anywhere else") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: making a network namespace takes CAP_SYS_ADMIN");
    return;
  }
  RealMachine machine;
  const ino_t before = own_netns();
  const std::string name = "synfate_test_" + std::to_string(::getpid());
  const auto made = machine.make_netns_with(batch(table(name, 0) + chain(name, "c", NLM_F_ACK)));
  INFO((made ? "" : to_string(made.error())));
  REQUIRE(made);
  CHECK(made->inode() != before);
  CHECK(own_netns() == before);

  const NetlinkRequest ask{NETLINK_NETFILTER, nft(NFT_MSG_GETTABLE), body(NFPROTO_INET, 0, name_attribute(NFTA_TABLE_NAME, name)), true};
  const auto there = [&](NetnsVisit& visit) { return static_cast<bool>(visit.netlink_dump(ask, 65536)); };
  bool found = false;
  REQUIRE(machine.inside(*made, [&](NetnsVisit& visit) { found = there(visit); }));
  CHECK(found);
  const auto own = machine.open_netns("/proc/thread-self/ns/net");
  REQUIRE(own);
  REQUIRE(machine.inside(*own, [&](NetnsVisit& visit) { found = there(visit); }));
  CHECK_FALSE(found);
}

TEST_CASE("a transaction that the kernel refuses, or does not answer, makes no namespace") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: making a network namespace takes CAP_SYS_ADMIN");
    return;
  }
  const auto refused = make_netns_with(batch(table("t", NLM_F_ACK) + chain("other", "c", NLM_F_ACK)));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::Gone);
  CHECK_FALSE(make_netns_with(batch(table("t", 0))));
  CHECK_FALSE(make_netns_with(""));
  CHECK_FALSE(make_netns_with("not a message"));
  CHECK(make_netns_with(std::string(32U << 20U, '\0')).error().kind == ErrorKind::BadData);
}

TEST_CASE("a large transaction is one datagram all the same") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: making a network namespace takes CAP_SYS_ADMIN");
    return;
  }
  std::string changes = table("t", 0);
  for (int i = 0; i < 20'000; ++i) changes += chain("t", "a-chain-with-quite-a-long-name-" + std::to_string(i), 0);
  const auto made = make_netns_with(batch(changes + chain("t", "last", NLM_F_ACK)));
  INFO((made ? "" : to_string(made.error())));
  CHECK(made);
}
