// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "story.hpp"

using namespace synfate::judge::test;

namespace {

Story route_drop(const char* function, const char* reason, int route_error, int lookup_error) {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, function, reason);
  story.last_drop().route_error = route_error;
  story.last_drop().lookup_error = lookup_error;
  story.last_drop().lookup_table = 254;
  return story;
}

}  // namespace

TEST_CASE("the kind of route comes from its error, whatever sign the kernel gives it") {
  struct {
    const char *function, *reason;
    int route_error, lookup_error;
    const char* cause;
  } const rows[] = {
      {"ip_error", "IP_INNOROUTES", 101, -11, "no_route"},         {"ip_error", "IP_INNOROUTES", 0, 0, "no_route"},
      {"ip_error", "NOT_SPECIFIED", -101, -11, "no_route"},        {"ip_error", "NOT_SPECIFIED", 22, -22, "route_blackhole"},
      {"ip_error", "NOT_SPECIFIED", 0, -22, "route_blackhole"},    {"ip_error", "NOT_SPECIFIED", 113, -113, "route_unreachable"},
      {"ip_error", "NOT_SPECIFIED", -13, -13, "route_prohibit"},   {"dst_discard_out", "NOT_SPECIFIED", -22, 0, "route_blackhole"},
      {"ip6_pkt_discard", "IP_INNOROUTES", -101, 0, "no_route"},   {"ip6_pkt_drop", "IP_INNOROUTES", -113, 0, "route_unreachable"},
      {"ip6_pkt_drop", "IP_INNOROUTES", -13, 0, "route_prohibit"}, {"ip6_pkt_prohibit", "IP_INNOROUTES", 0, 0, "route_prohibit"},
      {"__ip_queue_xmit", "IP_OUTNOROUTES", 0, -11, "no_route"},
  };
  for (const auto& row : rows) {
    const Verdict verdict = route_drop(row.function, row.reason, row.route_error, row.lookup_error).judged();
    CHECK_MESSAGE(verdict.cause == row.cause, described(verdict));
    CHECK(verdict.fate == Fate::Dropped);
    CHECK(verdict.confidence == Confidence::Exact);
  }
}

TEST_CASE("no kind of route is named without its error") {
  struct {
    const char *function, *reason;
    int route_error, lookup_error;
  } const rows[] = {
      {"ip_error", "NOT_SPECIFIED", 0, 0},        {"ip_error", "NOT_SPECIFIED", 5, 0},
      {"dst_discard_out", "NOT_SPECIFIED", 0, 0}, {"dst_discard", "NOT_SPECIFIED", 0, 0},
      {"ip_error", "NOT_SPECIFIED", 113, 0},      {"ip_error", "NOT_SPECIFIED", 0, -11},
      {"tcp_v4_rcv", "NOT_SPECIFIED", 22, -22},   {"ip_rcv_finish_core", "NOT_SPECIFIED", 22, -22},
  };
  for (const auto& row : rows) {
    const Verdict verdict = route_drop(row.function, row.reason, row.route_error, row.lookup_error).judged();
    CHECK_MESSAGE(verdict.cause == "other", described(verdict));
  }
  const Verdict unsure = route_drop("ip6_pkt_discard", "IP_INNOROUTES", 0, 0).judged();
  CHECK(unsure.cause == "no_route");
  CHECK(unsure.confidence == Confidence::Partial);
}

TEST_CASE("where ip rules refuse packets too, only a lookup that met the route proves it") {
  struct {
    int route_error, lookup_error;
    Confidence confidence;
  } const rows[] = {
      {-13, -13, Confidence::Exact}, {-13, 0, Confidence::Partial}, {-13, -11, Confidence::Partial}, {-101, -11, Confidence::Partial}};
  for (const auto& row : rows) {
    Story story = route_drop("ip_error", row.route_error == -101 ? "IP_INNOROUTES" : "NOT_SPECIFIED", row.route_error, row.lookup_error);
    story.inventory.namespaces[kNodeVeth.netns].refusing_rules_ipv4 = 1;
    CHECK(story.judged().confidence == row.confidence);
    story.inventory.namespaces[kNodeVeth.netns].refusing_rules_ipv4 = 0;
    story.inventory.namespaces[kNodeVeth.netns].refusing_rules_ipv6 = 1;
    CHECK(story.judged().confidence == Confidence::Exact);
  }
}

TEST_CASE("an ICMP error about it makes it refused; a blackhole is silent by nature") {
  for (const int error : {101, 113, 13, 22}) {
    Story story = route_drop("ip_error", error == 101 ? "IP_INNOROUTES" : "NOT_SPECIFIED", error, -error);
    story.icmp_sent(kNodeVeth, 3, 1);
    const Verdict verdict = story.judged();
    CHECK(verdict.fate == (error == 22 ? Fate::Dropped : Fate::Refused));
    CHECK(verdict.cause != "netfilter_reject");
  }
  Story six;
  six.from("fd00:1::2").to("fd00:2::2").syn_to_node().drop(Leg::Syn, kNodeVeth, "ip6_pkt_discard", "IP_INNOROUTES");
  six.last_drop().route_error = -101;
  CHECK(six.judged().fate == Fate::Dropped);
  six.icmp_hop(HopKind::Xmit, kNodeVeth, 1, 0);
  CHECK(six.judged().fate == Fate::Refused);
}

TEST_CASE("where and next of a route cause") {
  const Verdict verdict = route_drop("ip_error", "IP_INNOROUTES", 101, -11).judged();
  CHECK(verdict.where.netns == kHost);
  CHECK(verdict.where.device == "vethpod");
  CHECK(verdict.where.stage == Stage::RouteIn);
  CHECK(verdict.summary == "no route to 10.0.2.2");
  CHECK(verdict.next == "ip route get 10.0.2.2 from 10.0.1.2 iif vethpod");
}

TEST_CASE("a connect() that failed before its SYN") {
  struct {
    int error;
    const char* cause;
  } const rows[] = {{-101, "no_route"},          {-11, "no_route"},       {-22, "route_blackhole"},
                    {-113, "route_unreachable"}, {-13, "route_prohibit"}, {-99, "other"}};
  for (const auto& row : rows) {
    Story story;
    story.route_failure(row.error);
    const Verdict verdict = story.judged();
    CHECK(verdict.cause == row.cause);
    CHECK(verdict.fate == Fate::Refused);
    CHECK(verdict.packet == Leg::None);
    CHECK(verdict.where.stage == Stage::LocalOut);
    CHECK(verdict.where.netns == kPod);
    CHECK(verdict.summary.find("no SYN was sent") != std::string::npos);
  }
}

TEST_CASE("a lookup that failed for a connect() that then sent a SYN explains nothing") {
  Story story;
  story.route_failure(-101);
  story.journey.sent_a_syn = true;
  story.journey.syns = 1;
  story.syn_to_node();
  CHECK(story.judged().fate == Fate::Unfinished);
}

TEST_CASE("forwarding_off by the kernel's reason") {
  Story story = route_drop("ip_error", "IP_INADDRERRORS", 113, -11);
  Verdict verdict = story.judged();
  CHECK(verdict.cause == "forwarding_off");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.confidence == Confidence::Exact);
  story.inventory.namespaces[kHost].sysctls["net.ipv4.ip_forward"] = "0";
  verdict = story.judged();
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(described(verdict).find("net.ipv4.ip_forward = 0") != std::string::npos);
  story.inventory.namespaces[kHost].sysctls["net.ipv4.conf.vethpod.forwarding"] = "1";
  CHECK_MESSAGE(story.judged().confidence == Confidence::Strong, "the sysctl contradicts the drop");
}

TEST_CASE("an ip_error without a reason is forwarding_off or route_unreachable only where something tells them apart") {
  Story story = route_drop("ip_error", "NOT_SPECIFIED", 113, 0);
  CHECK(story.judged().cause == "other");
  SUBCASE("sysctl off") {
    story.inventory.namespaces[kHost].sysctls["net.ipv4.ip_forward"] = "0";
    CHECK(story.judged().cause == "forwarding_off");
    CHECK(story.judged().confidence == Confidence::Strong);
  }
  SUBCASE("sysctl on") {
    story.inventory.namespaces[kHost].sysctls["net.ipv4.ip_forward"] = "1";
    CHECK(story.judged().cause == "other");
  }
  SUBCASE("a host that does not forward sends no ICMP error") {
    story.icmp_sent(kNodeVeth, 3, 1);
    CHECK(story.judged().cause == "route_unreachable");
  }
  SUBCASE("the FIB found an unreachable route") {
    story.last_drop().lookup_error = -113;
    story.inventory.namespaces[kHost].sysctls["net.ipv4.ip_forward"] = "0";
    CHECK(story.judged().cause == "route_unreachable");
  }
  SUBCASE("the FIB found nothing, which would be ENETUNREACH if it forwarded") {
    story.last_drop().lookup_error = -11;
    CHECK(story.judged().cause == "forwarding_off");
  }
}

TEST_CASE("ip6_forward's reason means forwarding only for addresses that may be forwarded") {
  Story story;
  story.from("fd00:1::2").to("fd00:2::2").syn_to_node().drop(Leg::Syn, kNodeVeth, "ip6_forward", "IP_INADDRERRORS");
  CHECK(story.judged().cause == "forwarding_off");
  CHECK(story.judged().confidence == Confidence::Strong);
  story.inventory.namespaces[kHost].sysctls["net.ipv6.conf.all.forwarding"] = "0";
  CHECK(story.judged().confidence == Confidence::Exact);
  story.inventory.namespaces[kHost].sysctls["net.ipv6.conf.all.forwarding"] = "1";
  CHECK(story.judged().cause == "other");

  Story local;
  local.from("fe80::2").to("fd00:2::2").syn_to_node().drop(Leg::Syn, kNodeVeth, "ip6_forward", "IP_INADDRERRORS");
  CHECK(local.judged().cause == "other");
}
