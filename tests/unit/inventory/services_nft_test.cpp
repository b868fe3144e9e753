// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <doctest/doctest.h>

#include "inventory/service_parts.hpp"
#include "inventory/sha256.hpp"
#include "service_tables.hpp"

using namespace synfate;
using namespace synfate::inventory;
using test::described;
using test::gaps_with;

namespace {

constexpr DurationNs kMaxTime = 10 * kSecond;

std::string chain_of(const std::string& kind, const std::string& path) { return kind + "-" + sha256_base32(path, 8) + "-" + path; }

std::string map(const std::string& name, const std::string& elements, const std::string& family = "ip") {
  return R"({"map": {"family": ")" + family + R"(", "name": ")" + name + R"(", "table": "kube-proxy", "map": "verdict", "elem": [)" +
         elements + "]}}";
}

std::string element(const std::string& key, const std::string& target) {
  return R"([{"concat": [)" + key + R"(]}, {"goto": {"target": ")" + target + R"("}}])";
}

std::string rule(const std::string& chain, const std::string& expression, const std::string& family = "ip") {
  return R"({"rule": {"family": ")" + family + R"(", "table": "kube-proxy", "chain": ")" + chain + R"(", "handle": 5, "expr": [)" +
         expression + "]}}";
}

std::string listing(const std::string& objects) { return R"({"nftables": [{"metainfo": {"version": "1.0.6"}}, )" + objects + "]}"; }

}  // namespace

TEST_CASE("table kube-proxy as nft 1.0.6 prints it") {
  const ServiceTable table = parse_nft_services(test::service_fixture("table-ip.json"));
  CHECK(described(table) == std::set<std::string>{
                                "default/kubernetes:https cluster 10.96.0.1:443 > 172.18.0.2:6443",
                                "kube-system/kube-dns:dns-tcp cluster 10.96.0.10:53 > 10.244.0.2:53 10.244.0.3:53",
                                "shop/web:http cluster 10.96.7.8:80 > 10.244.0.5:8080 10.244.1.6:8080",
                                "shop/web:http external 192.0.2.33:80 > 10.244.0.5:8080 10.244.1.6:8080",
                                "shop/web:http loadbalancer 198.51.100.7:80 > 10.244.0.5:8080 10.244.1.6:8080",
                                "shop/web:http node 0.0.0.0:30080 > 10.244.0.5:8080 10.244.1.6:8080",
                                "shop/near:http cluster 10.96.7.9:80 > 10.244.1.7:8080",
                                "shop/near:http external 198.51.100.8:80 > 10.244.1.7:8080",
                                "shop/near:http node 0.0.0.0:30081 > 10.244.1.7:8080",
                                "shop/bare cluster 10.96.7.10:5000 > 10.244.0.9:5000",
                                "shop/empty:http cluster 10.96.7.11:80 >",
                                "shop/empty:http node 0.0.0.0:30082 >",
                                "? cluster 10.96.7.12:80 > 10.244.0.12:80",
                            });
  INFO(test::gaps_of(table));
  CHECK(table.gaps.size() == 1);
  CHECK(gaps_with(table, kServicesUnnamed) == 1);
  const auto* near = test::find(table, "198.51.100.8", 80);
  REQUIRE(near != nullptr);
  CHECK(near->source.find("has no local endpoints") != std::string::npos);
}

TEST_CASE("IPv6 as nft 1.0.6 prints it") {
  const ServiceTable table = parse_nft_services(test::service_fixture("table-ip6.json"));
  CHECK(described(table) == std::set<std::string>{
                                "shop/web:http cluster [fd00:10:96::7:8]:80 > [fd00:10:244::5]:8080 [fd00:10:244:1::6]:8080",
                                "shop/web:http node [::]:30080 > [fd00:10:244::5]:8080 [fd00:10:244:1::6]:8080",
                                "shop/empty:http cluster [fd00:10:96::7:11]:80 >",
                            });
  CHECK(test::gaps_of(table) == "");
}

TEST_CASE("other versions: ports as text, protocols as numbers, comments with the elements, DNAT told by the chain's name only") {
  const std::string service = chain_of("service", "shop/web/tcp/http");
  const std::string end = chain_of("endpoint", "shop/web/tcp/http__10.0.0.9/8080");
  const std::string lead =
      rule(service, R"({"vmap": {"key": {"numgen": {"mode": "random", "mod": 1}}, "data": {"set": [[0, {"goto": {"target": ")" + end +
                        R"("}}]]}}})");
  const std::string expected = "shop/web:http cluster 10.96.0.1:80 > 10.0.0.9:8080";
  const std::string target = R"({"goto": {"target": ")" + service + R"("}})";
  for (const std::string& pair :
       {R"([{"concat": ["10.96.0.1", "tcp", 80]}, )" + target + "]", R"([{"concat": ["10.96.0.1", 6, "80"]}, )" + target + "]",
        R"([{"elem": {"val": {"concat": ["10.96.0.1", "tcp", 80]}, "comment": "x/y:z", "counter": {"packets": 0}}}, )" + target + "]",
        R"([{"concat": ["10.96.0.1", "tcp", 80]}, {"jump": {"target": ")" + service + R"("}}])"}) {
    INFO(pair);
    CHECK(described(parse_nft_services(listing(map("service-ips", pair) + "," + lead))) == std::set<std::string>{expected});
  }
  const std::string known = map("service-ips", element(R"("10.96.0.1", "tcp", 80)", service)) + "," + lead + ",";
  const std::string dnat = rule(end, R"({"dnat": {"family": "ip", "addr": "10.0.0.7", "port": 81}})");
  CHECK(described(parse_nft_services(listing(known + dnat))) == std::set<std::string>{"shop/web:http cluster 10.96.0.1:80 > 10.0.0.7:81"});
  // What DNAT there is in no form that is known.
  CHECK(described(parse_nft_services(listing(known + rule(end, R"({"dnat": {"addr": {"map": {}}}})")))) == std::set<std::string>{expected});
  const std::string end6 = chain_of("endpoint", "shop/web/tcp/http__fd00..9/8080");
  const ServiceTable six = parse_nft_services(listing(map("service-ips", element(R"("fd00::1", "tcp", 80)", service), "ip6") + "," +
                                                      rule(service, R"({"goto": {"target": ")" + end6 + R"("}})", "ip6")));
  CHECK(described(six) == std::set<std::string>{"shop/web:http cluster [fd00::1]:80 > [fd00::9]:8080"});
}

TEST_CASE("a chain names a service only if its hash is of that name") {
  for (const std::string& chain : {std::string{"service-AAAAAAAA-bank/vault/tcp/http"}, chain_of("service", "Bank/vault/tcp/http"),
                                   chain_of("service", "bank/vault/udp/http"), chain_of("service", "bank/vault/tcp"),
                                   chain_of("service", "bank/va\x01ult/tcp/http"), chain_of("service", std::string(300, 'a') + "/b/tcp/c"),
                                   ("service-" + sha256_base32("x", 8) + "-" + std::string(228, 'a') + "...")}) {
    std::string escaped = chain;
    if (const auto at = escaped.find('\x01'); at != std::string::npos) escaped.replace(at, 1, "\\u0001");
    INFO(escaped);
    const ServiceTable table = parse_nft_services(listing(map("service-ips", element(R"("10.96.0.1", "tcp", 80)", escaped))));
    REQUIRE(table.ports.size() == 1);
    CHECK(table.ports[0].name == "");
    CHECK(gaps_with(table, kServicesUnnamed) == 1);
  }
  const ServiceTable refused = parse_nft_services(listing(map(
      "no-endpoint-services", R"([{"elem": {"val": {"concat": ["10.96.0.1", "tcp", 80]}, "comment": "bad\u001b/x"}}, {"drop": null}])")));
  REQUIRE(refused.ports.size() == 1);
  CHECK(refused.ports[0].name == "");
}

TEST_CASE("what is no table of kube-proxy's, or no JSON, or cut") {
  for (const char* none : {"", "{}", "[]", "x", "{\"nftables\": []}", "{\"nftables\": [[1, {\"map\": 2}]]}", "]]]]{{{", "\"",
                           "{\"nftables\": [{\"map\": 1}]"}) {
    INFO(none);
    CHECK(parse_nft_services(none).ports.empty());
  }
  const std::string good = map("service-ips", element(R"("10.96.0.1", "tcp", 80)", chain_of("service", "a/b/tcp/c")));
  CHECK(parse_nft_services(listing(good)).ports.size() == 1);
  std::string foreign = good;
  foreign.replace(foreign.find("kube-proxy"), 10, "some-proxy");
  CHECK(parse_nft_services(listing(foreign)).ports.empty());
  for (const char* bad : {R"("10.96.0.1", "tcp")", R"("10.96.0.1", "tcp", 0)", R"("10.96.0.1", "tcp", 65536)", R"("10.96.0.1", "tcp", -1)",
                          R"("nowhere", "tcp", 80)", R"("fd00::1", "tcp", 80)", R"(1, "tcp", 80)", R"("10.96.0.1", "tcp", {})"}) {
    INFO(bad);
    const ServiceTable table = parse_nft_services(listing(map("service-ips", element(bad, chain_of("service", "a/b/tcp/c")))));
    CHECK(table.ports.empty());
    CHECK(gaps_with(table, kServicesPartial) == 1);
  }
  const std::string text = test::service_fixture("table-ip.json");
  const auto last = text.find_last_not_of("\n");
  for (std::size_t size = 0; size < last; size += 61) {
    const ServiceTable cut = parse_nft_services(std::string_view{text}.substr(0, size));
    if (size > 0) CHECK(gaps_with(cut, kServicesPartial) >= 1);
  }
}

TEST_CASE("hostile JSON: deep, wide, not UTF-8, looping") {
  const std::string deep(200'000, '[');
  CHECK(parse_nft_services(listing(R"({"map": )" + deep)).ports.empty());
  CHECK(gaps_with(parse_nft_services(listing(R"({"map": )" + deep + std::string(200'000, ']') + "}")), kServicesPartial) == 1);
  std::string wide = "0";
  for (int i = 0; i < 1'100'000; ++i) wide += ",0";
  CHECK(gaps_with(parse_nft_services(listing(map("service-ips", wide))), kServicesPartial) == 1);
  CHECK(gaps_with(parse_nft_services(listing(map("service-ips", "\"\xff\""))), kServicesPartial) == 1);
  CHECK(gaps_with(parse_nft_services(std::string(kMaxServicesBytes + 1, ' ')), kServicesPartial) == 1);
  const std::string a = chain_of("service", "a/b/tcp/c");
  const std::string b = chain_of("local", "a/b/tcp/c");
  const auto lead = [](const std::string& from, const std::string& to) { return rule(from, R"({"goto": {"target": ")" + to + R"("}})"); };
  const ServiceTable loop =
      parse_nft_services(listing(map("service-ips", element(R"("10.96.0.1", "tcp", 80)", a)) + "," + lead(a, b) + "," + lead(b, a)));
  CHECK(described(loop) == std::set<std::string>{"a/b:c cluster 10.96.0.1:80 >"});
}

TEST_CASE("thousands of services") {
  constexpr int kServices = 10'000;
  std::string elements;
  std::string rules;
  for (int i = 0; i < kServices; ++i) {
    const std::string path = "namespace-" + std::to_string(i % 100) + "/service-" + std::to_string(i) + "/tcp/http";
    const std::string tail = std::to_string(i / 250) + "." + std::to_string(i % 250);
    const std::string service = chain_of("service", path);
    const std::string end = chain_of("endpoint", path + "__10.244." + tail + "/8080");
    elements += (i == 0 ? "" : ", ") + element("\"10.96." + tail + "\", \"tcp\", 80", service);
    for (const std::string& chain : {service, end}) {
      rules += R"(, {"chain": {"family": "ip", "table": "kube-proxy", "name": ")" + chain + R"(", "handle": 12}})";
      rules +=
          ", " + rule(chain,
                      R"({"match": {"op": "!=", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": )"
                      R"("10.244.0.0", "len": 16}}}}, {"jump": {"target": "mark-for-masquerade"}})");
    }
    rules += ", " +
             rule(service,
                  R"({"vmap": {"key": {"numgen": {"mode": "random", "mod": 1, "offset": 0}}, "data": {"set": [[0, {"goto": {"target": ")" +
                      end + R"("}}]]}}})");
    rules +=
        ", " + rule(end, R"({"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}}, {"dnat": {"addr": "10.244.)" +
                             tail + R"(", "port": 8080}})");
  }
  const std::string text = listing(map("service-ips", elements) + rules);
  ServiceTable table;
  const DurationNs took = test::cpu_time_of([&] { table = parse_nft_services(text); });
  MESSAGE("10,000 services, " << text.size() / 1024 << " KiB of nft -j: " << took / 1000 << " us of CPU");
  CHECK(took < kMaxTime);
  CHECK(table.ports.size() == kServices);
  CHECK(table.gaps.empty());
  CHECK(std::all_of(table.ports.begin(), table.ports.end(),
                    [](const auto& port) { return port.endpoints.size() == 1 && !port.name.empty(); }));
}
