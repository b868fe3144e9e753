// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a rule's text costs where there are very many rules; prints its figures. Needs root, nft and both iptables.
#include <doctest/doctest.h>
#include <linux/netfilter.h>
#include <sys/resource.h>

#include <fstream>
#include <functional>
#include <string>

#include "base/text.hpp"
#include "base/time.hpp"
#include "rule_lab.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif
constexpr std::size_t kMaxGrowthKib = 64U << 10U;
constexpr DurationNs kMaxCpu = 2 * kSecond;
/// The goal is 300 ms on a quiet machine; a test machine may be busy with others, so this only catches what is out of all proportion.
constexpr DurationNs kMaxTime = 10 * kSecond;

std::size_t status_kib(const std::string& name) {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(name + ":", 0) != 0) continue;
    const auto value = trim(std::string_view{line}.substr(name.size() + 1));
    return parse_number(value.substr(0, value.find(' '))).value_or(0);
  }
  return 0;
}

/// Of this process and of those that it ran: what a busy machine cannot inflate much.
DurationNs cpu_time() {
  DurationNs sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    for (const timeval& part : {usage.ru_utime, usage.ru_stime}) sum += part.tv_sec * kSecond + part.tv_usec * 1000;
  }
  return sum;
}

/// The slowest of five readings, and how far this process's resident memory went beyond what it was.
void measure(const std::string& what, const std::function<model::RuleText()>& read, const std::string& expected) {
  std::ofstream{"/proc/self/clear_refs"} << "5\n";
  const std::size_t before = status_kib("VmRSS");
  DurationNs slowest = 0;
  DurationNs fastest = kMaxTime;
  const DurationNs cpu_before = cpu_time();
  for (int i = 0; i < 5; ++i) {
    const MonotonicNs start = monotonic_now();
    const auto text = read();
    const DurationNs took = monotonic_now() - start;
    slowest = std::max(slowest, took);
    fastest = std::min(fastest, took);
    CHECK(text.gap == "");
    CHECK(text.text == expected);
  }
  const std::size_t highest = status_kib("VmHWM"), growth = highest > before ? highest - before : 0;
  const DurationNs cpu = (cpu_time() - cpu_before) / 5;
  MESSAGE(what << ": " << cpu / kMillisecond << " ms of CPU, " << fastest / kMillisecond << " to " << slowest / kMillisecond
               << " ms by the clock, " << growth / 1024 << " MiB more resident");
  // AddressSanitizer takes its time, and keeps what was freed.
  if (kSanitized) return;
  CHECK(slowest < kMaxTime);
  CHECK(cpu < kMaxCpu);
  CHECK(growth < kMaxGrowthKib);
}

}  // namespace

TEST_CASE("very many rules of nft and of iptables: in time and within memory") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  lab.sh(R"SH(
awk 'BEGIN { print "table inet big { chain c { type filter hook input priority 0;";
  for (i = 0; i < 20000; i++) printf "ip saddr 10.%d.%d.1 tcp dport %d counter drop comment \"rule %d\"\n", i / 256, i % 256, i + 1, i;
  print "}"; print "}" }' | nft -f -
saved() { awk 'BEGIN { print "*filter"; print ":INPUT ACCEPT"; print ":USER -";
  for (i = 0; i < 15000; i++) printf "-A USER -s 10.%d.%d.1/32 -p tcp -m tcp --dport %d -m comment --comment \"rule %d\" -j DROP\n", i / 256, i % 256, i + 1, i;
  print "COMMIT" }'; }
saved | iptables-nft-restore
saved | iptables-legacy-restore
)SH");
  auto native = lab.nft(NFPROTO_INET, "big", "c", 19999);
  measure(
      "nft, 20,000 rules in one chain", [&] { return lab.read(native); },
      "ip saddr 10.78.30.1 tcp dport 19999 counter packets 0 bytes 0 drop comment \"rule 19998\"");
  const std::string saved = "-A USER -s 10.58.150.1/32 -p tcp -m tcp --dport 14999 -m comment --comment \"rule 14998\" -j DROP";
  const auto paired = lab.nft(NFPROTO_IPV4, "filter", "USER", 14999);
  measure(
      "iptables-nft, 15,000 rules in one chain", [&] { return lab.read(paired); }, saved);
  const auto legacy = lab.legacy(false, "filter", "USER", 14999);
  measure(
      "iptables-legacy, 15,000 rules", [&] { return lab.read(legacy); }, saved);
}

TEST_CASE("a rule among a hundred thousand, and one with a set of forty thousand of its own: in time and within memory") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  lab.sh(R"SH(
awk 'BEGIN { print "table inet big {"; print "chain c {";
  for (i = 0; i < 100000; i++) printf "ip saddr 10.%d.%d.%d tcp dport 80 drop comment \"rule %d\"\n", i / 65536, i / 256 % 256, i % 256, i;
  print "}"; print "chain s {"; printf "ip saddr { 9.0.0.1";
  for (i = 0; i < 40000; i++) printf ", 10.%d.%d.%d", i / 65536, i / 256 % 256, i % 256;
  print " } drop"; print "}"; print "}" }' | nft -f -
)SH");
  const auto one = lab.nft(NFPROTO_INET, "big", "c", 77'777);
  measure(
      "nft, 100,000 rules in one chain", [&] { return lab.read(one); }, "ip saddr 10.1.47.208 tcp dport 80 drop comment \"rule 77776\"");
  const auto set = lab.nft(NFPROTO_INET, "big", "s", 1);
  const std::string expected = lab.read(set).text;
  CHECK(expected.size() > 40'000 * 10);
  measure(
      "nft, a set of 40,000 of the rule's own", [&] { return lab.read(set); }, expected);
}
