// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// /proc/net/ip_vs in the form that net/netfilter/ipvs/ip_vs_ctl.c (ip_vs_info_seq_show) gives it; written by hand, since the machine that
// this was made on has no IPVS.
#include <doctest/doctest.h>

#include "inventory/service_parts.hpp"
#include "service_tables.hpp"

using namespace synfate;
using namespace synfate::inventory;
using test::described;
using test::gaps_with;

namespace {

const std::string kHead =
    "IP Virtual Server version 1.2.1 (size=4096)\n"
    "Prot LocalAddress:Port Scheduler Flags\n"
    "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n";

}  // namespace

TEST_CASE("virtual servers have addresses and endpoints, and no names") {
  const ServiceTable table =
      parse_ipvs_services(kHead +
                          "TCP  0A600001:01BB rr persistent 10800\n"
                          "  -> AC120002:192B      Masq    1      3          0         \n"
                          "UDP  0A60000A:0035 rr \n"
                          "  -> 0AF40002:0035      Masq    1      0          7         \n"
                          "FWM  00000001 wlc \n"
                          "  -> 0AF40009:0035      Masq    1      0          7         \n"
                          "TCP  0A60000A:0035 rr \n"
                          "  -> 0AF40003:0035      Masq    1      0          0         \n"
                          "  -> 0AF40002:0035      Masq    1      0          0         \n"
                          "  -> 0AF40004:0035      Masq    0      1          0         \n"
                          "TCP  AC120003:7580 rr \n"
                          "TCP  [fd00:0010:0096:0000:0000:0000:0007:0008]:0050 rr \n"
                          "  -> [fd00:0010:0244:0000:0000:0000:0000:0005]:1F90      Masq    1      0          0         \n");
  CHECK(described(table) == std::set<std::string>{
                                "? cluster 10.96.0.1:443 > 172.18.0.2:6443",
                                "? cluster 10.96.0.10:53 > 10.244.0.3:53 10.244.0.2:53",
                                "? cluster 172.18.0.3:30080 >",
                                "? cluster [fd00:10:96::7:8]:80 > [fd00:10:244::5]:8080",
                            });
  CHECK(table.ports[0].source.find("neither name nor kind") != std::string::npos);
  CHECK(table.gaps.size() == 1);
  CHECK(gaps_with(table, kServicesUnnamed) == 1);
}

TEST_CASE("none, cut, foreign and hostile text") {
  CHECK(parse_ipvs_services("").gaps.empty());
  CHECK(parse_ipvs_services(kHead).gaps.empty());
  CHECK(parse_ipvs_services(kHead).ports.empty());
  const std::string server = "TCP  0A600001:01BB rr \n";
  for (std::size_t size = 1; size < server.size(); ++size) {
    const ServiceTable cut = parse_ipvs_services(kHead + server.substr(0, size));
    CHECK(cut.ports.empty());
    CHECK(gaps_with(cut, kServicesPartial) == 1);
  }
  for (const char* bad : {"TCP\n", "TCP  0A600001 rr\n", "TCP  0A600001:0000 rr\n", "TCP  0A60001:01BB rr\n", "TCP  0A600001:1BB rr\n",
                          "TCP  zA600001:01BB\n", "TCP  [fd00::1:01BB rr\n", "TCP  [10.0.0.1]:01BB rr\n", "TCP  -A600001:01BB rr\n",
                          "\x1b[2J 0A600001:01BB rr\n"}) {
    INFO(bad);
    const ServiceTable table = parse_ipvs_services(kHead + bad + "  -> 0AF40002:0035      Masq    1      0          0         \n");
    CHECK(table.ports.empty());
    CHECK(gaps_with(table, kServicesPartial) == 1);
  }
  const ServiceTable bad_end = parse_ipvs_services(kHead + server + "  -> 0AF40002\n  -> 0AF40002:0035\n");
  CHECK(bad_end.ports.size() == 1);
  CHECK(bad_end.ports[0].endpoints.empty());
  CHECK(gaps_with(bad_end, kServicesPartial) == 1);
  CHECK(gaps_with(parse_ipvs_services(std::string(kMaxServicesBytes + 1, '\n')), kServicesPartial) == 1);
}

TEST_CASE("many servers and endpoints are bounded") {
  std::string text = kHead;
  for (unsigned i = 0; i < 70'000; ++i) {
    char line[64];
    std::snprintf(line, sizeof line, "TCP  %08X:0050 rr \n", 0x0a000000U + i);
    text += line;
    for (unsigned end = 0; end < 4; ++end) text += "  -> 0AF40002:0035      Masq    1      0          0         \n";
  }
  ServiceTable table;
  const DurationNs took = test::cpu_time_of([&] { table = parse_ipvs_services(text); });
  MESSAGE("70,000 virtual servers, " << text.size() / 1024 << " KiB: " << took / 1000 << " us of CPU");
  CHECK(table.ports.size() == 65'536);
  CHECK(gaps_with(table, kServicesPartial) == 1);
}
