// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The one test of this room that stands on the real machine: this process's own namespace is readable without root.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "inventory/reader.hpp"
#include "machine/real.hpp"

using namespace synfate;

TEST_CASE("this process's own namespace is found, with lo and a listener of this test's own") {
  const UniqueFd listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  REQUIRE(listener);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 5) == 0);
  socklen_t length = sizeof address;
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);

  machine::RealMachine machine;
  inventory::InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  const auto own = machine.identify("/proc/self/ns/net");
  REQUIRE(own);
  const auto id = static_cast<model::NetnsId>(own->inode);
  REQUIRE(reader.knows(id));
  CHECK(reader.current().own_netns == id);

  REQUIRE(reader.read_details(id));
  const model::Netns& netns = *reader.current().find(id);
  const auto lo = std::find_if(netns.links.begin(), netns.links.end(), [](const model::Link& link) { return link.loopback; });
  REQUIRE(lo != netns.links.end());
  CHECK(lo->name == "lo");
  CHECK(lo->ifindex == 1);
  const auto forward = machine.read_file("/proc/sys/net/ipv4/ip_forward");
  REQUIRE(forward);
  CHECK(netns.sysctls.at("net.ipv4.ip_forward") + "\n" == *forward);
  // Two ways to the same setting: the device table and the file.
  const auto filter = machine.read_file("/proc/sys/net/ipv4/conf/lo/rp_filter");
  REQUIRE(filter);
  CHECK(netns.sysctls.at("net.ipv4.conf.lo.rp_filter") + "\n" == *filter);

  REQUIRE(reader.read_listeners(id));
  CHECK(netns.listeners_read);
  const auto found = std::find_if(netns.listeners.begin(), netns.listeners.end(),
                                  [&](const model::ListenSocket& socket) { return socket.local.port == ntohs(address.sin_port); });
  REQUIRE(found != netns.listeners.end());
  CHECK(to_string(found->local.address) == "127.0.0.1");
  CHECK(found->queue_length == 0);
  if (found->queue_limit) CHECK(*found->queue_limit == 5);
}
