// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// resolv.conf and hosts as glibc reads them, and who is asked for what.
#include "inventory/name_lookup.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "machine/fake.hpp"

using namespace synfate;
using namespace synfate::inventory;
using Kind = machine::NameReply::Kind;

namespace {

using Words = std::vector<std::string>;

struct Servers {
  machine::FakeMachine machine;

  NameLookup look_up(std::string_view name, std::string_view resolv_conf, std::string_view hosts = "") {
    return inventory::look_up(name, hosts, parse_resolv_conf(resolv_conf),
                              [&](const machine::NameQuestion& question) { return machine.ask_name_server(question, {}); });
  }
  Words names_asked() const {
    Words names;
    for (const auto& [server, name] : machine.asked()) names.push_back(name);
    return names;
  }
};

machine::NameReply found(const std::string& address) { return {Kind::Addresses, {address}, ""}; }
machine::NameReply said(Kind kind) { return {kind, {}, "words"}; }

}  // namespace

TEST_CASE("a resolv.conf of a pod") {
  const auto settings = parse_resolv_conf(
      "# by the kubelet\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n");
  CHECK(settings.servers == Words{"10.96.0.10"});
  CHECK(settings.search == Words{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local"});
  CHECK(settings.ndots == 5);
  CHECK(settings.timeout == 5 * kSecond);
  CHECK(settings.attempts == 2);
}

TEST_CASE("what a resolv.conf may hold besides") {
  CHECK(parse_resolv_conf("").servers == Words{"127.0.0.1"});
  CHECK(parse_resolv_conf("nameserver x\nnameserver\n").servers == Words{"127.0.0.1"});
  const auto many = parse_resolv_conf("nameserver 10.0.0.1\nnameserver fd00::1\nnameserver fe80::1%eth0\nnameserver 10.0.0.4\n");
  CHECK(many.servers == Words{"10.0.0.1", "fd00::1", "fe80::1%eth0"});
  CHECK(parse_resolv_conf("nameserver fe80::1%../../x\n").servers == Words{"127.0.0.1"});
  CHECK(parse_resolv_conf("search a b\ndomain c d\n").search == Words{"c"});
  CHECK(parse_resolv_conf("search . a..b \x1b[31m good.lab\r\n").search == Words{"good.lab"});
  const auto options = parse_resolv_conf("options timeout:0 attempts:0 ndots:99\noptions rotate timeout:x\n");
  CHECK(options.timeout == 1 * kSecond);
  CHECK(options.attempts == 1);
  CHECK(options.ndots == 15);
  std::string long_list = "search";
  for (int i = 0; i < 100; ++i) long_list += " d" + std::to_string(i);
  CHECK(parse_resolv_conf(long_list).search.size() == 32);
}

TEST_CASE("hosts") {
  const std::string_view text =
      "127.0.0.1\tlocalhost\n::1 localhost ip6-localhost\n10.0.0.7 Web web.shop # not.this\nnonsense web\n10.0.0.8 web\n";
  CHECK(addresses_in_hosts(text, "localhost").size() == 2);
  CHECK(addresses_in_hosts(text, "WEB") == std::vector{*model::parse_ip("10.0.0.7"), *model::parse_ip("10.0.0.8")});
  CHECK(addresses_in_hosts(text, "web.shop").size() == 1);
  CHECK(addresses_in_hosts(text, "not.this").empty());
  CHECK(addresses_in_hosts(text, "10.0.0.7").empty());
  CHECK(addresses_in_hosts("", "web").empty());
}

TEST_CASE("names that can be asked for") {
  for (const char* name : {"a", "db.shop", "db.shop.", "_tcp.db", "A-1"}) CHECK_MESSAGE(is_host_name(name), name);
  for (const char* name : {"", ".", "a..b", ".a", "a b", "a\n", "\xc3\xa9", "a/b"}) CHECK_FALSE_MESSAGE(is_host_name(name), name);
  CHECK_FALSE(is_host_name(std::string(64, 'a')));
  CHECK_FALSE(is_host_name(std::string(126, 'a') + "." + std::string(200, 'b')));
}

TEST_CASE("in which order names are asked for") {
  const auto few = parse_resolv_conf("search x y\noptions ndots:2\n");
  CHECK(names_to_ask("db", few) == Words{"db.x", "db.y", "db"});
  CHECK(names_to_ask("db.shop", few) == Words{"db.shop.x", "db.shop.y", "db.shop"});
  CHECK(names_to_ask("db.shop.svc", few) == Words{"db.shop.svc", "db.shop.svc.x", "db.shop.svc.y"});
  CHECK(names_to_ask("db.", few) == Words{"db"});
}

TEST_CASE("the first name that has an address ends the search") {
  Servers servers;
  servers.machine.add_name("10.0.0.1", "db.x", said(Kind::NoSuchName));
  servers.machine.add_name("10.0.0.1", "db.y", found("10.1.2.3"));
  const auto lookup = servers.look_up("db", "nameserver 10.0.0.1\nsearch x y z\n");
  CHECK(lookup.addresses == std::vector{*model::parse_ip("10.1.2.3")});
  CHECK(lookup.name == "db.y");
  CHECK(lookup.server == "10.0.0.1");
  CHECK(servers.names_asked() == Words{"db.x", "db.y"});
}

TEST_CASE("hosts come first, and nobody is asked then") {
  Servers servers;
  const auto lookup = servers.look_up("db", "nameserver 10.0.0.1\n", "10.0.0.7 db\n");
  CHECK(lookup.addresses.size() == 1);
  CHECK(lookup.server.empty());
  CHECK(servers.machine.asked().empty());
}

TEST_CASE("a server that is silent or refuses is followed by the next") {
  Servers servers;
  servers.machine.add_name("10.0.0.2", "db", said(Kind::Refused));
  servers.machine.add_name("10.0.0.3", "db", found("10.1.2.3"));
  const auto lookup = servers.look_up("db", "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n");
  CHECK(lookup.server == "10.0.0.3");
  CHECK(lookup.steps.size() == 3);
}

TEST_CASE("silence is met again, and ends the search; it is bounded") {
  Servers servers;
  const auto lookup = servers.look_up("db", "nameserver 10.0.0.1\nsearch x y\noptions timeout:2 attempts:3\n");
  CHECK(lookup.addresses.empty());
  CHECK(servers.names_asked() == Words{"db.x", "db.x", "db.x"});
  CHECK(answers_text(lookup) == "10.0.0.1 says of db.x: no answer, asked 3 times");
  Servers slow;
  const auto bounded = slow.look_up("db", "nameserver 10.0.0.1\nnameserver 10.0.0.2\noptions timeout:30 attempts:5\n");
  CHECK(bounded.out_of_time);
  CHECK(slow.machine.asked().size() == 1);
}

TEST_CASE("what each server said is remembered") {
  Servers servers;
  servers.machine.add_name("10.0.0.1", "db.x", said(Kind::NoSuchName));
  servers.machine.add_name("10.0.0.1", "db", said(Kind::NoAddress));
  CHECK(answers_text(servers.look_up("db", "nameserver 10.0.0.1\nsearch x\n")) ==
        "10.0.0.1 says of db.x: no such name (NXDOMAIN); 10.0.0.1 says of db: a name without an address (NODATA)");
  Servers broken;
  broken.machine.add_name("10.0.0.1", "db", {Kind::Addresses, {"nonsense"}, ""});
  CHECK(broken.look_up("db", "nameserver 10.0.0.1\n").addresses.empty());
}
