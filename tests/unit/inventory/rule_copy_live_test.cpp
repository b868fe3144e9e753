// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The text of a rule's copy is the text that the rule has where it is, for every shape of rule that is copied; others are not. Needs root
// and nft. What this kernel or this nft does not know is named and left out.
#include <doctest/doctest.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "inventory/attributes.hpp"
#include "rule_lab.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

/// The real machine, which counts copies and can be told to make none.
class Counting final : public machine::Machine {
 public:
  bool copies = true;
  unsigned made = 0;
  unsigned listed = 0;

  Result<std::string> read_file(const std::string& path, const machine::ReadOptions& options) override {
    return real_.read_file(path, options);
  }
  Result<std::vector<std::string>> list_directory(const std::string& path, std::size_t max_entries) override {
    return real_.list_directory(path, max_entries);
  }
  Result<std::string> read_link(const std::string& path) override { return real_.read_link(path); }
  Result<machine::FileIdentity> identify(const std::string& path) override { return real_.identify(path); }
  Result<machine::NetnsHandle> open_netns(const std::string& path) override { return real_.open_netns(path); }
  Result<std::unique_ptr<machine::FileTree>> tree_of(std::uint32_t tgid) override { return real_.tree_of(tgid); }
  Result<std::string> cgroup_path(std::uint64_t id) override { return real_.cgroup_path(id); }
  Result<machine::BpfProgramFacts> bpf_program(std::uint32_t id) override { return real_.bpf_program(id); }
  Result<std::vector<machine::BpfProgramFacts>> bpf_programs_of_type(std::uint32_t type, std::size_t max_programs) override {
    return real_.bpf_programs_of_type(type, max_programs);
  }
  Result<std::vector<machine::BpfLinkFacts>> bpf_links(std::size_t max_links) override { return real_.bpf_links(max_links); }
  Result<std::vector<std::uint32_t>> bpf_programs_of_cgroup(const std::string& path, std::uint32_t type, bool effective) override {
    return real_.bpf_programs_of_cgroup(path, type, effective);
  }
  Result<std::uint32_t> bpf_program_pinned_at(const std::string& path) override { return real_.bpf_program_pinned_at(path); }
  Status inside(const machine::NetnsHandle& netns, const std::function<void(machine::NetnsVisit&)>& visit) override {
    return real_.inside(netns, visit);
  }
  Result<machine::CommandOutput> run(const std::vector<std::string>& argv, const machine::RunOptions& options) override {
    return real_.run(argv, options);
  }
  Result<machine::CommandOutput> list_nft_chain(const machine::NftChainName& name, const machine::RunOptions& options) override {
    ++listed;
    return real_.list_nft_chain(name, options);
  }
  Result<machine::NameReply> ask_name_server(const machine::NameQuestion& question, const machine::RunOptions& options) override {
    return real_.ask_name_server(question, options);
  }
  Result<machine::NetnsHandle> make_netns_with(const std::string& batch) override {
    if (!copies) return Error{ErrorKind::Unsupported, "no copies", "this test wants none", ""};
    auto made_one = real_.make_netns_with(batch);
    if (made_one) ++made;
    if (!made_one) MESSAGE(to_string(made_one.error()));
    return made_one;
  }

 private:
  machine::RealMachine real_;
};

enum class Read { Copied, Whole };

struct Shape {
  std::string rule;
  Read read = Read::Copied;
};

const std::map<std::string, std::uint8_t> kFamilies{{"inet", NFPROTO_INET},     {"ip", NFPROTO_IPV4},       {"ip6", NFPROTO_IPV6},
                                                    {"bridge", NFPROTO_BRIDGE}, {"netdev", NFPROTO_NETDEV}, {"arp", NFPROTO_ARP}};

class Shapes {
 public:
  explicit Shapes(test::RuleLab& lab) : lab_(lab) {}

  /// A table t with chain c in it, and what a rule may lead to.
  void table(const std::string& family, const std::string& hook, const std::string& more = "") {
    family_ = family;
    lab_.sh("nft -f - <<'E'\ntable " + family + " t {\n" + more + "\n  chain refuse { }\n  chain allow { }\n  chain c { " + hook +
            " }\n}\nE");
    rules_ = 0;
  }

  void check(const Shape& shape) {
    INFO(family_ << ": " << shape.rule);
    const std::string done = lab_.sh("nft -f - 2>&1 <<'E' || echo refused\nadd rule " + family_ + " t c " + shape.rule + "\nE");
    if (done.find("refused") != std::string::npos) {
      MESSAGE("left out, not taken here: " << family_ << " " << shape.rule);
      return;
    }
    const auto question = lab_.nft(kFamilies.at(family_), "t", "c", ++rules_);
    Counting machine;
    const auto copied = read_rule_text(machine, lab_.netns(), 0, question);
    const bool used = machine.made == 1 && machine.listed == 1;
    CHECK(used == (shape.read == Read::Copied));
    machine.copies = false;
    const auto whole = read_rule_text(machine, lab_.netns(), 0, question);
    CHECK(whole.text != "");
    CHECK(copied.text == whole.text);
    CHECK(copied.comment == whole.comment);
    CHECK(copied.number == whole.number);
    CHECK(copied.source == whole.source);
    CHECK(copied.gap == whole.gap);
    ++checked_;
  }
  void check(const std::vector<Shape>& shapes) {
    for (const Shape& shape : shapes) check(shape);
  }
  unsigned checked() const { return checked_; }

 private:
  test::RuleLab& lab_;
  std::string family_;
  std::size_t rules_ = 0;
  unsigned checked_ = 0;
};

constexpr const char* kSets = R"(
  set nets { type ipv4_addr; flags interval; auto-merge; elements = { 10.1.0.0/16 comment "ours", 192.0.2.1 } }
  set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.3.0.0/24 . 80-90 } }
  set six { type ipv6_addr; elements = { fd00::1 } }
  set big { typeof tcp dport; size 65536; }
  set counted { type ipv4_addr; counter; elements = { 10.0.0.1 counter packets 1 bytes 60 } }
  set seen { type ipv4_addr; size 128; flags dynamic,timeout; timeout 1m; }
  set rates { type ipv4_addr . inet_service; size 128; flags dynamic; }
  set names { type ifname; elements = { "eth0" } }
  set indexes { type iface_index; }
  map ways { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 10.9.0.1 . tcp . 80 comment "a" : goto refuse } }
  map where { type inet_service : ipv4_addr; elements = { 80 : 10.0.0.1 } }
  map marks { typeof ip saddr : meta mark; elements = { 10.0.0.1 : 1 } }
)";

const std::vector<Shape> kInet{
    {"tcp dport 80 drop"},
    {"tcp dport 80 counter drop comment \"no web\""},
    {"drop comment \"a  list # handle 7 { of many\""},
    {"ip saddr { 10.0.0.1, 10.0.0.7, 10.0.0.3 } drop"},
    {"ip saddr != { 10.0.0.1, 10.0.0.7 } drop"},
    {"ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0-192.168.3.255, 1.2.3.4 } drop"},
    {"tcp dport { 1-2, 3-4, 5, 7-9, 60000-65535 } drop"},
    {"tcp dport { 0-65535 } drop"},
    {"th dport { 53, 80, 443 } drop"},
    {"meta l4proto { tcp, udp } th dport 53 drop"},
    {"meta l4proto . th dport { tcp . 53, udp . 53 } drop"},
    {"ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.2 . 443 } drop"},
    {"ip saddr . tcp dport { 10.0.0.0/8 . 80-90, 10.0.0.2-10.0.0.9 . 443 } drop"},
    {"ip6 saddr . ip6 daddr . tcp dport { fd00::1 . fd00::2 . 80 } drop"},
    {"ip6 saddr { fd00::/16, fe80::1 } tcp sport { 1-9, 1000-50000 } drop"},
    {"ip saddr @nets drop"},
    {"ip saddr != @nets counter drop"},
    {"ip saddr . tcp dport @pairs drop"},
    {"ip6 saddr @six drop"},
    {"tcp dport @big drop"},
    {"ip saddr @counted drop"},
    {"iifname @names drop"},
    {"ip daddr . meta l4proto . th dport vmap @ways"},
    {"ct state new ip daddr . meta l4proto . th dport vmap @ways"},
    {"meta mark set ip saddr map @marks"},
    {"meta mark set tcp dport map { 80 : 0x1, 443 : 0x2 }"},
    {"tcp dport vmap { 80 : drop, 443 : accept, 444 : jump refuse, 445 : goto allow }"},
    {"ip saddr vmap { 10.0.0.0/24 : jump refuse, 10.0.1.0/24 : drop, 10.0.2.1-10.0.2.9 : accept }"},
    {"ip saddr vmap { 10.7.0.1 comment \"x\" : drop, * : continue }"},
    {"ip saddr . ip daddr vmap { 10.7.0.1 . 10.7.0.2 : drop }"},
    {"ct state vmap { invalid : drop, established : accept, related : accept }"},
    {"ct state invalid drop"},
    {"ct state { new, established } ct direction original drop"},
    {"ct state established,related,new counter accept"},
    {"ct mark and 0xff == 0x1 drop"},
    {"ct mark set 0x12"},
    {"ct mark set meta mark and 0xff or 0x100"},
    {"ct original ip saddr 10.0.0.1 drop"},
    {"ct status dnat accept"},
    {"ct count over 10 drop"},
    {"limit rate 5/second burst 7 packets drop"},
    {"limit rate over 10 mbytes/hour burst 3 mbytes drop"},
    {"quota over 25 mbytes drop"},
    {"last drop"},
    {"reject"},
    {"tcp dport 81 reject with tcp reset"},
    {"reject with icmp type port-unreachable"},
    {"reject with icmpx type admin-prohibited"},
    {"ip6 nexthdr tcp reject with icmpv6 type addr-unreachable"},
    {"log prefix \"gone: \" level warn drop"},
    {"log prefix \"n\" group 3 snaplen 64 drop"},
    {"numgen random mod 3 vmap { 0 : jump refuse, 1 : jump allow, 2 : drop }"},
    {"numgen inc mod 2 offset 1 vmap { 1 : drop, 2 : accept }"},
    {"meta random < 2147483648 drop"},
    {"meta mark set jhash ip saddr . tcp sport mod 4 seed 0xbeef"},
    {"symhash mod 2 vmap { 0 : drop, 1 : accept }"},
    {"iifname \"eth*\" oifname { \"eth1\", \"lo\" } drop"},
    {"iifname . tcp dport vmap { \"lo\" . 80 : drop }"},
    {"iif \"lo\" drop", Read::Whole},
    {"oif { \"lo\" } drop", Read::Whole},
    {"iif . tcp dport { \"lo\" . 80 } drop", Read::Whole},
    {"iif @indexes drop", Read::Whole},
    {"iifgroup default iiftype loopback drop"},
    {"meta skuid 0 meta skgid { 0, 1 } drop"},
    {"meta time \"2026-01-01 10:00:00\"-\"2026-12-31 10:00:00\" meta day { \"Monday\", \"Friday\" } meta hour \"08:00\"-\"17:00\" drop"},
    {"meta pkttype broadcast meta length 40-1500 meta protocol ip drop"},
    {"meta nfproto ipv4 meta l4proto tcp drop"},
    {"meta cgroup 1 meta cpu 0 meta priority 0:1 drop"},
    {"meta nftrace set 1"},
    {"tcp flags & (fin | syn | rst | ack) == syn drop"},
    {"tcp flags syn / fin,syn,rst,ack drop"},
    {"tcp flags { syn, syn | ack } drop"},
    {"tcp option maxseg size 1-500 drop"},
    {"tcp option maxseg size set rt mtu"},
    {"tcp option sack-perm exists drop"},
    {"rt ip nexthop 10.0.0.1 drop"},
    {"ip ttl < 5 ip dscp cs1 ip id 7 drop"},
    {"ip saddr & 0.0.0.255 == 0.0.0.1 drop"},
    {"ip saddr and 255.255.0.255 { 10.1.0.1, 10.2.0.2 } drop"},
    {"ip dscp set cs3 accept"},
    {"ip6 hoplimit 1 ip6 flowlabel 7 drop"},
    {"exthdr frag exists drop"},
    {"icmp type { echo-request, echo-reply } icmp code 0 drop"},
    {"icmpv6 type nd-neighbor-solicit accept"},
    {"@th,16,16 80 @nh,72,8 6 drop"},
    {"udp length > 100 drop"},
    {"ether saddr 00:11:22:33:44:55 drop"},
    {"vlan id 5 drop"},
    {"ip protocol tcp tcp sequence 1-100 tcp window 0 drop"},
    {"jump refuse"},
    {"tcp dport 9 goto allow"},
    {"return"},
    {"tcp dport 9 continue"},
    {"queue flags bypass,fanout num 3-5"},
    {"add @seen { ip saddr } drop"},
    {"update @seen { ip saddr timeout 10s limit rate over 10/minute burst 5 packets } drop"},
    {"update @rates { ip saddr . tcp dport counter } drop"},
    {"update @rates { ip saddr . tcp dport limit rate 10/second } accept"},
    {"delete @seen { ip saddr }"},
    {"socket transparent 1 drop"},
    {"socket mark 0x1 accept"},
    {"tcp dport 80 counter log prefix \"x\" limit rate 1/second jump refuse comment \"all of it\""},
    {"tcp dport 80 jump { ip saddr 10.0.0.1 drop; }", Read::Whole},
    {"fib saddr . iif oif missing drop", Read::Whole},
    {"fib daddr type local drop", Read::Whole},
    {"notrack", Read::Whole},
    {"synproxy mss 1460 wscale 7 timestamp sack-perm", Read::Whole},
    {"counter name \"objects\" drop", Read::Whole},
    {"ct helper \"ftp\" drop"},
    {"ct expiration 1m-2m drop"},
    {"ct label 3 drop"},
    {"ct original bytes > 1000 ct packets > 5 drop"},
    {"ct zone 3 ct id 7 drop"},
};

}  // namespace

TEST_CASE("the text of a copy is the text of the rule, for inet") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  Shapes shapes{lab};
  shapes.table("inet", "type filter hook forward priority 0;", std::string{kSets} + "counter objects { }");
  shapes.check(kInet);
  // nft's number for such keys, which is not part of any interface.
  std::optional<std::uint32_t> type;
  Counting machine;
  REQUIRE(machine.inside(lab.netns(), [&](machine::NetnsVisit& visit) {
    CHECK(visit.netlink_each(nft_set_request({NFPROTO_INET, "t"}, "indexes"), 65536, [&](std::string_view message) {
      if (const auto payload = nft_payload(message, NFT_MSG_NEWSET)) type = Attributes{*payload}.u32(NFTA_SET_KEY_TYPE);
    }));
  }));
  CHECK(type == htobe32(20));
  MESSAGE(shapes.checked() << " rules");
  CHECK(shapes.checked() > 90);
}

TEST_CASE("the text of a copy is the text of the rule, for the other families") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  Shapes shapes{lab};
  shapes.table("ip", "type nat hook prerouting priority -100;", kSets);
  shapes.check({{"tcp dport 80 dnat to 10.0.0.1:8080"},
                {"dnat to tcp dport map { 80 : 10.0.0.1, 81 : 10.0.0.2 }"},
                {"dnat to tcp dport map @where"},
                {"dnat to ip daddr . tcp dport map { 10.0.0.1 . 80 : 10.0.0.5 . 8080 }"},
                {"tcp dport 80 redirect to :8080"},
                {"dnat to numgen random mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 } persistent"},
                {"ip saddr 10.0.0.1 tcp dport { 80, 81 } counter drop comment \"ip\""},
                {"ip saddr vmap { 10.0.0.1 : jump refuse }"},
                {"reject with tcp reset"},
                {"iifname \"eth0\" meta mark 0x1 accept"}});
  lab.sh("nft add chain ip t post '{ type nat hook postrouting priority 100; }'");
  shapes.table("ip6", "type filter hook input priority 0;");
  shapes.check({{"ip6 saddr fd00::/64 tcp dport 80 drop"},
                {"ip6 saddr { fd00::1, fd00::2 } reject with icmpv6 type no-route"},
                {"tcp dport vmap { 1-5 : drop, 7-9 : jump refuse }"},
                {"ct state vmap { new : drop }"},
                {"exthdr hbh exists drop"},
                {"rt type 0 drop"}});
  shapes.table("bridge", "type filter hook forward priority 0;");
  shapes.check({{"ip saddr 10.0.0.1 tcp dport 80 drop comment \"b\""},
                {"ether type { ip, ip6 } meta ibrname \"br0\" drop"},
                {"vlan id { 5, 6 } vlan pcp 1 drop"},
                {"ether saddr . ip saddr { 00:11:22:33:44:55 . 10.0.0.1 } accept"},
                {"reject with tcp reset"},
                {"ct state new drop"},
                {"log prefix \"b\" level info"},
                {"meta obrname \"x\" meta broute set 1"}});
  shapes.table("netdev", "type filter hook ingress device \"lo\" priority 0;");
  shapes.check({{"ip saddr { 10.0.0.0/8, 11.0.0.1 } tcp dport 80 drop"},
                {"ether type ip meta priority set 1:2"},
                {"tcp dport vmap { 80 : goto refuse }"},
                {"iifname \"lo\" counter drop"},
                {"meta iif lo drop", Read::Whole},
                {"fwd to \"lo\"", Read::Whole},
                {"dup to \"lo\"", Read::Whole}});
  shapes.table("arp", "type filter hook input priority 0;");
  shapes.check({{"arp operation { request, reply } drop"}, {"arp saddr ip 10.0.0.1 counter drop comment \"arp\""}});
  lab.sh("nft 'add table ip n; add chain ip n c { type nat hook postrouting priority 100; }'");
  CHECK(shapes.checked() > 25);
}

TEST_CASE("random rules have the same text copied and where they are") {
  test::RuleLab lab;
  if (!lab.usable()) return;
  Shapes shapes{lab};
  shapes.table("inet", "type filter hook forward priority 0;", kSets);
  std::mt19937 random{20261128};
  const auto pick = [&](std::size_t count) { return random() % count; };
  const auto number = [&](unsigned most) { return std::to_string(pick(most)); };
  const auto several = [&](const auto& make) {
    std::string list;
    const std::size_t count = 1 + pick(6);
    for (std::size_t i = 0; i < count; ++i) list += (i == 0 ? "" : ", ") + make(i);
    return "{ " + list + " }";
  };
  const auto net = [&](std::size_t i) {
    const std::string base = "10." + std::to_string(i * 20 + pick(20)) + ".";
    switch (pick(3)) {
      case 0: return base + number(256) + "." + number(256);
      case 1: return base + number(256) + ".0/24";
      default: return base + "0." + number(100) + "-" + base + "3." + number(256);
    }
  };
  const auto ports = [&](std::size_t i) {
    const std::size_t first = i * 1000 + 1 + pick(400);
    return pick(2) == 0 ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(first + 1 + pick(598));
  };
  const auto verdict = [&] {
    const std::vector<std::string> all{"drop", "accept", "jump refuse", "goto allow", "return", "continue"};
    return all[pick(all.size())];
  };
  const std::vector<std::function<std::string()>> matches{
      [&] { return "ip saddr " + several(net); },
      [&] { return "ip daddr != " + net(0); },
      [&] { return "tcp dport " + several(ports); },
      [&] { return "tcp sport != " + several(ports); },
      [&] { return "th dport " + ports(3); },
      [&] { return "ip saddr . tcp dport " + several([&](std::size_t i) { return net(i) + " . " + ports(i); }); },
      [&] {
        return "ip6 daddr " + several([&](std::size_t i) { return "fd00:" + std::to_string(i) + "::/" + std::to_string(48 + pick(81)); });
      },
      [&] { return "meta mark and 0x" + number(1000) + " == 0x" + number(1000); },
      [&] {
        return "meta mark " + several([&](std::size_t i) { return std::to_string(i * 10) + "-" + std::to_string(i * 10 + 1 + pick(8)); });
      },
      [&] { return "iifname " + several([&](std::size_t i) { return "\"eth" + std::to_string(i) + (pick(3) == 0 ? "*\"" : "\""); }); },
      [&] { return std::string{"ct state { new, established }"}; },
      [&] { return std::string{"ct state invalid,untracked"}; },
      [&] { return "ip ttl " + number(255); },
      [&] { return "ip dscp " + number(63); },
      [&] { return std::string{"ip saddr @nets"}; },
      [&] { return std::string{"tcp flags syn / syn,ack"}; },
      [&] { return "limit rate over " + std::to_string(1 + pick(100)) + "/minute burst " + std::to_string(1 + pick(50)) + " packets"; },
      [&] { return std::string{"update @rates { ip saddr . tcp dport }"}; },
      [&] { return "meta length > " + number(1500); }};
  const std::vector<std::function<std::string()>> ends{
      verdict,
      [&] { return "tcp dport vmap " + several([&](std::size_t i) { return ports(i) + " : " + verdict(); }); },
      [&] { return "ip saddr vmap " + several([&](std::size_t i) { return net(i) + " : " + verdict(); }); },
      [&] { return "ip saddr . tcp dport vmap " + several([&](std::size_t i) { return net(i) + " . " + ports(i) + " : " + verdict(); }); },
      [&] { return "meta mark set tcp dport map " + several([&](std::size_t i) { return ports(i) + " : " + number(9); }); },
      [&] { return std::string{"numgen random mod 2 vmap { 0 : drop, 1 : jump refuse }"}; },
      [&] { return std::string{"reject with icmpx type admin-prohibited"}; },
      [&] { return "counter log prefix \"p" + number(99) + "\" drop"; }};
  for (int i = 0; i < 300; ++i) {
    std::string rule;
    for (std::size_t n = pick(4); n > 0; --n) rule += matches[pick(matches.size())]() + " ";
    if (pick(3) == 0) rule += "counter ";
    rule += ends[pick(ends.size())]();
    if (pick(3) == 0) rule += " comment \"c " + number(1000) + " { } # handle 3\"";
    shapes.check({rule});
  }
  MESSAGE(shapes.checked() << " random rules");
  CHECK(shapes.checked() > 150);
}
