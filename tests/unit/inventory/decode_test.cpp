// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <doctest/doctest.h>

#include <algorithm>

#include "fixtures.hpp"
#include "inventory/addresses.hpp"
#include "inventory/fdb.hpp"
#include "inventory/links.hpp"
#include "inventory/rules.hpp"
#include "inventory/sockets.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

const LinkRow& row(const LinkTable& table, const std::string& name) {
  const auto found = std::find_if(table.rows.begin(), table.rows.end(), [&](const LinkRow& each) { return each.link.name == name; });
  REQUIRE_MESSAGE(found != table.rows.end(), name);
  return *found;
}

const model::InterfaceAddress* address_of(const AddressTable& table, const std::string& text) {
  const auto found =
      std::find_if(table.rows.begin(), table.rows.end(), [&](const auto& each) { return to_string(each.second.address) == text; });
  return found == table.rows.end() ? nullptr : &found->second;
}

}  // namespace

TEST_CASE("devices are what the kernel says they are") {
  const LinkTable table = decode_links(test::fixture("links.bin"));
  CHECK(table.malformed == 0);

  const model::Link& lo = row(table, "lo").link;
  CHECK(lo.loopback);
  CHECK(lo.up);
  CHECK(lo.kind.empty());
  CHECK(lo.peer_ifindex == 0);
  CHECK_FALSE(lo.physical);

  const model::Link& bridge = row(table, "br0").link;
  CHECK(bridge.kind == "bridge");
  CHECK(bridge.mac == std::array<std::uint8_t, 6>{2, 0, 0, 0, 0, 0x10});
  CHECK_FALSE(bridge.bridge_port);

  const LinkRow& port = row(table, "port1");
  CHECK(port.link.kind == "veth");
  CHECK(port.link.master_ifindex == bridge.ifindex);
  REQUIRE(port.link.bridge_port);
  CHECK(port.link.bridge_port->hairpin);
  CHECK(port.link.bridge_port->isolated);
  CHECK(port.link.peer_ifindex != 0);
  CHECK(port.peer_nsid.has_value());

  const LinkRow& here = row(table, "here");
  CHECK(here.link.peer_ifindex == row(table, "there").link.ifindex);
  CHECK(row(table, "there").link.peer_ifindex == here.link.ifindex);
  CHECK_FALSE(here.peer_nsid);
  CHECK_FALSE(here.link.up);

  CHECK(row(table, "dots.in.name").link.mtu == 1400);
}

TEST_CASE("a device's settings come with it, whatever dots its name has") {
  const LinkTable table = decode_links(test::fixture("links.bin"));
  for (const char* device : {"lo", "br0", "dots.in.name"}) {
    for (const char* setting : {"rp_filter", "forwarding", "accept_local", "route_localnet", "src_valid_mark"}) {
      const std::string name = std::string{"net.ipv4.conf."} + device + "." + setting;
      CHECK_MESSAGE(table.sysctls.count(name) == 1, name);
    }
    CHECK(table.sysctls.count(std::string{"net.ipv6.conf."} + device + ".forwarding") == 1);
  }
}

TEST_CASE("only rules that refuse by themselves are counted, each for its family") {
  const RefusingRules rules = decode_rules(test::fixture("rules.bin"));
  CHECK(rules.ipv4 == 2);
  CHECK(rules.ipv6 == 1);
  CHECK(rules.malformed == 0);
  const std::string whole = test::fixture("rules.bin");
  CHECK(decode_rules(whole.substr(0, whole.size() - 5)).malformed != 0);
  CHECK(decode_rules("").ipv4 == 0);
}

TEST_CASE("addresses belong to this end of the device") {
  const AddressTable table = decode_addresses(test::fixture("addresses.bin"));
  CHECK(table.malformed == 0);
  REQUIRE(address_of(table, "10.9.0.1") != nullptr);
  CHECK(address_of(table, "10.9.0.1")->prefix_length == 24);
  REQUIRE(address_of(table, "fd09::1") != nullptr);
  CHECK(address_of(table, "fd09::1")->prefix_length == 64);
  CHECK(address_of(table, "192.0.2.1") != nullptr);
  CHECK(address_of(table, "192.0.2.2") == nullptr);
}

TEST_CASE("bridge entries name their port and their bridge") {
  const LinkTable links = decode_links(test::fixture("links.bin"));
  const FdbTable table = decode_fdb(test::fixture("fdb.bin"));
  CHECK(table.malformed == 0);
  const std::array<std::uint8_t, 6> port_mac{2, 0, 0, 0, 0, 1};
  const auto own = std::find_if(table.rows.begin(), table.rows.end(), [&](const auto& entry) { return entry.mac == port_mac; });
  REQUIRE(own != table.rows.end());
  CHECK(own->local);
  CHECK(own->port_ifindex == row(links, "port1").link.ifindex);
  CHECK(own->bridge_ifindex == row(links, "br0").link.ifindex);
}

TEST_CASE("an answer cut anywhere yields whole rows only and says that something is missing") {
  struct Decoder {
    const char* name;
    std::size_t (*rows)(const std::string&);
    bool (*flawed)(const std::string&);
  };
  const Decoder decoders[] = {
      {"links.bin", [](const std::string& bytes) { return decode_links(bytes).rows.size(); },
       [](const std::string& bytes) { return decode_links(bytes).malformed != 0; }},
      {"addresses.bin", [](const std::string& bytes) { return decode_addresses(bytes).rows.size(); },
       [](const std::string& bytes) { return decode_addresses(bytes).malformed != 0; }},
      {"fdb.bin", [](const std::string& bytes) { return decode_fdb(bytes).rows.size(); },
       [](const std::string& bytes) { return decode_fdb(bytes).malformed != 0; }},
      {"diag4.bin", [](const std::string& bytes) { return decode_listeners(bytes).rows.size(); },
       [](const std::string& bytes) { return !decode_listeners(bytes).complete; }},
  };
  for (const Decoder& decoder : decoders) {
    CAPTURE(decoder.name);
    const std::string whole = test::fixture(decoder.name);
    const std::size_t all = decoder.rows(whole);
    REQUIRE(all > 0);
    std::size_t seen = 0;
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const std::string cut = whole.substr(0, length);
      const std::size_t rows = decoder.rows(cut);
      CHECK(rows >= seen);
      CHECK(rows <= all);
      seen = rows;
      nlmsghdr first{};
      whole.copy(reinterpret_cast<char*>(&first), sizeof first);
      if (length > 0 && length < first.nlmsg_len) CHECK(decoder.flawed(cut));
    }
  }
}

TEST_CASE("lengths that lie, and every byte flipped, are survived") {
  for (const char* name : {"links.bin", "addresses.bin", "fdb.bin", "diag4.bin"}) {
    const std::string whole = test::fixture(name);
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const char value : {'\0', '\x7f', '\xff'}) {
        std::string bent = whole;
        bent[at] = value;
        for (const LinkRow& each : decode_links(bent).rows) CHECK(each.link.name.size() < 16);
        for (const auto& [ifindex, address] : decode_addresses(bent).rows) CHECK(address.prefix_length <= 128);
        for (const auto& entry : decode_fdb(bent).rows) CHECK(entry.port_ifindex != 0);
        CHECK(decode_listeners(bent).rows.size() <= 2);
      }
    }
  }
}
