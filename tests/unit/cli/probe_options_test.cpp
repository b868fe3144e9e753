// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// --from and --to of `probe`.
#include "cli/probe_options.hpp"

#include <doctest/doctest.h>

using namespace synfate;
using namespace synfate::cli;

TEST_CASE("whom a probe is made from") {
  CHECK(*parse_who("host") == Who{});
  CHECK(*parse_who("pod:shop/web-0") == Who{Who::Kind::Pod, "shop/web-0", 0});
  CHECK(*parse_who("node:kind-worker") == Who{Who::Kind::Node, "kind-worker", 0});
  CHECK(*parse_who("netns:/proc/42/ns/net") == Who{Who::Kind::Netns, "/proc/42/ns/net", 0});
  CHECK(*parse_who("netns:4026532511") == Who{Who::Kind::Netns, "4026532511", 0});
  CHECK(*parse_who("pid:42") == Who{Who::Kind::Process, "", 42});
  for (const char* who : {"host", "pod:shop/web-0", "node:x", "netns:x:y", "pid:1"}) CHECK(to_string(*parse_who(who)) == who);
  for (const char* wrong : {"", "x", "host:", "pod:web-0", "pod:a/b/c", "pod:A/b", "pod:", "node:", "node:a b", "netns:", "pid:0", "pid:x",
                            "pid:4194305", "hosts"}) {
    const auto parsed = parse_who(wrong);
    REQUIRE_FALSE_MESSAGE(parsed, wrong);
    CHECK(parsed.error().kind == ErrorKind::Usage);
  }
}

TEST_CASE("where a probe goes to") {
  const auto address = [](const char* text, std::uint16_t port) { return Destination{"", *model::parse_ip(text), "", port}; };
  CHECK(*parse_destination("10.0.0.1:80") == address("10.0.0.1", 80));
  CHECK(*parse_destination("[fd00::1]:65535") == address("fd00::1", 65535));
  CHECK(*parse_destination("[fe80::1%eth0]:80") == Destination{"", *model::parse_ip("fe80::1"), "eth0", 80});
  CHECK(*parse_destination("db.shop:5432") == Destination{"db.shop", {}, "", 5432});
  CHECK(*parse_destination("db.shop.:5432") == Destination{"db.shop.", {}, "", 5432});
  for (const char* wrong : {"",
                            ":",
                            "db",
                            "db:",
                            "db:0",
                            "db:65536",
                            "db:http",
                            ":80",
                            "fd00::1:80",
                            "[fd00::1]",
                            "[10.0.0.1]:80",
                            "[db]:80",
                            "[]:80",
                            "10.0.0.256:80",
                            "1:80",
                            "d b:80",
                            "a..b:80",
                            "[fe80::1%]:80",
                            "[fe80::1%abcdefghijklmnop]:80",
                            "db:+80"}) {
    const auto parsed = parse_destination(wrong);
    REQUIRE_FALSE_MESSAGE(parsed, wrong);
    CHECK(parsed.error().kind == ErrorKind::Usage);
  }
}
