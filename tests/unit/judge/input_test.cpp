// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// rp_filter, martian, tc_drop, xdp_drop: what a device and the routing of input refuse.
#include "story.hpp"

using namespace synfate::judge::test;

namespace {

Story dropped(const char* function, const char* reason) {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, function, reason);
  return story;
}

}  // namespace

TEST_CASE("rp_filter names the device and the effective value") {
  Story story = dropped("ip_rcv_finish_core", "IP_RPFILTER");
  story.inventory.namespaces[kHost].sysctls = {{"net.ipv4.conf.all.rp_filter", "0"}, {"net.ipv4.conf.vethpod.rp_filter", "1"}};
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "rp_filter");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.where.stage == Stage::RouteIn);
  CHECK(verdict.where.device == "vethpod");
  CHECK(verdict.summary == "rp_filter on vethpod");
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(described(verdict).find("effective 1 (strict") != std::string::npos);
  CHECK(verdict.next == "ip route get 10.0.1.2");
}

TEST_CASE("martian by the kernel's reason") {
  for (const char* reason : {"IP_LOCAL_SOURCE", "IP_INVALID_SOURCE", "IP_LOCALNET", "IP_INVALID_DEST"}) {
    const Verdict verdict = dropped("ip_rcv_finish_core", reason).judged();
    CHECK(verdict.cause == "martian");
    CHECK(verdict.confidence == Confidence::Exact);
  }
}

TEST_CASE("martian without a reason needs a source that is this namespace's own") {
  Story story = dropped("ip_rcv_finish_core", "NOT_SPECIFIED");
  CHECK(story.judged().cause == "other");
  Story own;
  own.from("10.0.2.1").syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_rcv_finish_core", "NOT_SPECIFIED");
  CHECK(own.judged().cause == "martian");
  CHECK(own.judged().confidence == Confidence::Strong);
  own.last_drop().symbol.function = "ip_rcv_core";
  CHECK(own.judged().cause == "other");
  own.last_drop().symbol.function = "ip_rcv_finish_core";
  own.inventory.namespaces.clear();
  CHECK_MESSAGE(own.judged().cause == "other", "addresses were not read");
}

TEST_CASE("tc_drop by side") {
  const Verdict in = dropped("__netif_receive_skb_core", "TC_INGRESS").judged();
  CHECK(in.cause == "tc_drop");
  CHECK(in.where.stage == Stage::TcIngress);
  CHECK(in.next == "tc -s filter show dev vethpod ingress");
  const Verdict out = dropped("__dev_queue_xmit", "TC_EGRESS").judged();
  CHECK(out.cause == "tc_drop");
  CHECK(out.where.stage == Stage::TcEgress);
  CHECK(dropped("__dev_queue_xmit", "NOT_SPECIFIED").judged().cause == "other");
  CHECK(dropped("__netif_receive_skb_core", "UNHANDLED_PROTO").judged().cause == "other");
}

TEST_CASE("xdp_drop by function, native and generic") {
  for (const char* function : {"veth_xdp_rcv_skb", "do_xdp_generic"}) {
    const Verdict verdict = dropped(function, "NOT_SPECIFIED").judged();
    CHECK(verdict.cause == "xdp_drop");
    CHECK(verdict.where.stage == Stage::Xdp);
  }
  CHECK(dropped("xdp_do_generic_redirect", "XDP").judged().cause == "xdp_drop");
  CHECK(dropped("veth_xmit", "NOT_SPECIFIED").judged().cause == "other");
}

TEST_CASE("a device name is one word of the command, whatever it contains") {
  Place hostile = kNodeVeth;
  hostile.device = "a;rm -rf ~'";
  Story story;
  story.syn_to_node().drop(Leg::Syn, hostile, "__netif_receive_skb_core", "TC_INGRESS");
  CHECK(story.judged().next == "tc -s filter show dev 'a;rm -rf ~'\\''' ingress");
  hostile.device = "-x\x1b[2J";
  Story control;
  control.syn_to_node().drop(Leg::Syn, hostile, "__netif_receive_skb_core", "TC_INGRESS");
  CHECK(control.judged().next.find('\x1b') == std::string::npos);
  CHECK(control.judged().next.find("dev '-x") != std::string::npos);
}
