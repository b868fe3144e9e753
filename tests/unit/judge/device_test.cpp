// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// device_down, qdisc_drop, cpu_backlog, mtu: what devices and their queues refuse.
#include "story.hpp"

using namespace synfate::judge::test;
using synfate::model::Qdisc;
using synfate::model::Queues;

namespace {

constexpr std::uint32_t kRoot = 0xffff'ffff;

struct AtServerVeth : Story {
  AtServerVeth(const char* function, const char* reason) {
    syn_to_node().drop(Leg::Syn, kNodeServerVeth, function, reason);
    last_drop().length_bytes = 60;
    link().carrier = true;
  }
  synfate::model::Netns& host() { return inventory.namespaces[kHost]; }
  synfate::model::Link& link() { return host().links[2]; }
  synfate::model::Link& peer() { return inventory.namespaces[kServer].links[0]; }
};

bool says(const Verdict& verdict, const char* words) { return described(verdict).find(words) != std::string::npos; }

}  // namespace

TEST_CASE("device_down: a queue's reason at a device without a carrier") {
  AtServerVeth story("__dev_queue_xmit", "QDISC_DROP");
  story.link().carrier = false;
  story.peer().up = false;
  Verdict verdict = story.judged();
  CHECK(verdict.cause == "device_down");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.where.stage == Stage::Device);
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(says(verdict, "vethsrv in netns host has no carrier: its other end, eth0 in netns server, is down"));
  CHECK(verdict.next == "ip netns exec server ip -d link show dev eth0");

  story.inventory.namespaces.erase(kServer);
  verdict = story.judged();
  CHECK_MESSAGE(says(verdict, "up but has no carrier: its other end is down"), "a veth has a carrier exactly while its other end is up");
  CHECK(verdict.next == "ip -d link show dev vethsrv");

  story.host().queues = Queues{{{6, "tbf", 0x10000, kRoot, 3, 0}}, true, {}};
  CHECK_MESSAGE(story.judged().confidence == Confidence::Partial, "its queue drops as well");
}

TEST_CASE("device_down: up again when it was read, but nothing else could have dropped it") {
  AtServerVeth story("__dev_queue_xmit", "QDISC_DROP");
  story.host().queues = Queues{{{5, "tbf", 0x10000, kRoot, 3, 0}}, true, {}};
  CHECK(story.judged().cause == "device_down");
  CHECK(story.judged().confidence == Confidence::Partial);
  SUBCASE("it has a queue") { story.host().queues->qdiscs[0].ifindex = 6; }
  SUBCASE("queues were not read whole") { story.host().queues->qdiscs_read = false; }
  SUBCASE("queues were not read") { story.host().queues.reset(); }
  SUBCASE("the carrier is not known") { story.link().carrier.reset(); }
  CHECK(story.judged().cause == "qdisc_drop");
}

TEST_CASE("device_down: the other end does not take it") {
  AtServerVeth story("__dev_forward_skb", "NOT_SPECIFIED");
  CHECK_MESSAGE(story.judged().cause == "other", "it is up, and the packet is small");
  story.peer().up = false;
  CHECK(story.judged().cause == "device_down");
  CHECK(story.judged().next == "ip netns exec server ip -d link show dev eth0");
  story.last_drop().reason = "NOMEM";
  CHECK(story.judged().cause == "other");
}

TEST_CASE("device_down: the kernel says that it does not run") {
  AtServerVeth story("enqueue_to_backlog", "DEV_READY");
  CHECK(story.judged().cause == "device_down");
  CHECK(story.judged().confidence == Confidence::Exact);
  story.last_drop().symbol.function = "br_netfilter_something";
  CHECK_MESSAGE(story.judged().cause == "other", "that reason is given for a missing route there");
}

TEST_CASE("device_down: a device without a queue that is down") {
  AtServerVeth story("__dev_queue_xmit", "NOT_SPECIFIED");
  CHECK(story.judged().cause == "other");
  story.link().carrier = false;
  CHECK_MESSAGE(story.judged().cause == "other", "only IFF_UP is looked at there");
  story.link().up = false;
  CHECK(story.judged().cause == "device_down");
}

TEST_CASE("qdisc_drop names the one that counts drops") {
  AtServerVeth story("__dev_queue_xmit", "QDISC_DROP");
  story.host().queues = Queues{{{6, "pfifo", 0x70000, kRoot, 3, 1}, {5, "tbf", 0x80000, kRoot, 9, 0}}, true, {}};
  Verdict verdict = story.judged();
  CHECK(verdict.cause == "qdisc_drop");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.where.stage == Stage::Qdisc);
  CHECK_MESSAGE(verdict.confidence == Confidence::Partial, "its counter may have stood still while the device was down");
  CHECK(says(verdict, "its counter is since it was attached; a device that was down at that moment discards by the same reason"));
  story.last_drop().reason = "QDISC_OVERLIMIT";
  CHECK_MESSAGE(story.judged().confidence == Confidence::Strong, "only a queueing discipline has that reason");
  story.last_drop().reason = "QDISC_DROP";
  CHECK(verdict.summary == "by the queueing discipline pfifo 7: (root) of vethsrv");
  CHECK(says(verdict, "has dropped 3 packets since it was attached; 1 wait in it"));
  CHECK(verdict.next == "tc -s qdisc show dev vethsrv");

  story.host().queues->qdiscs = {
      {6, "htb", 0x10000, kRoot, 3, 0}, {6, "pfifo", 0x200000, 0x1'0010, 3, 0}, {6, "pfifo", 0x300000, 0x1'0011, 0, 0}};
  verdict = story.judged();
  CHECK_MESSAGE(verdict.summary == "by the queueing discipline pfifo 20: (below 1:10) of vethsrv", "htb only adds up");

  story.host().queues->qdiscs[2].drops = 1;
  verdict = story.judged();
  CHECK(verdict.summary == "by the queueing discipline of vethsrv");
  CHECK_MESSAGE(verdict.confidence == Confidence::Partial, "two of them drop");

  for (Qdisc& qdisc : story.host().queues->qdiscs) qdisc.drops = 0;
  CHECK_MESSAGE(story.judged().confidence == Confidence::Partial, "none of them has");
  story.host().queues.reset();
  CHECK_MESSAGE(story.judged().confidence == Confidence::Partial, "not read");
  story.last_drop().reason = "FQ_FLOW_LIMIT";
  CHECK(story.judged().cause == "qdisc_drop");
  story.last_drop().reason = "TC_EGRESS";
  CHECK(story.judged().cause == "tc_drop");
}

TEST_CASE("cpu_backlog says the bound and what each CPU has dropped") {
  AtServerVeth story("enqueue_to_backlog", "CPU_BACKLOG");
  Verdict verdict = story.judged();
  CHECK(verdict.cause == "cpu_backlog");
  CHECK(verdict.where.stage == Stage::Device);
  CHECK(verdict.confidence == Confidence::Exact);
  story.host().queues = Queues{{}, true, {{0, 0, 0}, {1, 42, 0}}};
  story.host().sysctls["net.core.netdev_max_backlog"] = "1000";
  verdict = story.judged();
  CHECK(says(verdict, "the queue of CPU 1 has dropped 42 packets"));
  CHECK(says(verdict, "net.core.netdev_max_backlog is 1000"));
  CHECK_FALSE(says(verdict, "CPU 0 has"));
  CHECK(verdict.confidence == Confidence::Exact);
  story.host().queues->input[1].flow_limited = 1;
  CHECK_MESSAGE(story.judged().confidence == Confidence::Partial, "the limit of a flow has the same reason");
}

TEST_CASE("mtu: a router's reason, and the device whose MTU it exceeds") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_forward", "PKT_TOO_BIG");
  story.last_drop().length_bytes = 1400;
  story.inventory.namespaces[kHost].links[2].mtu = 1280;
  Verdict verdict = story.judged();
  CHECK(verdict.cause == "mtu");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.where.stage == Stage::Forward);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.summary == "too large for vethsrv: 1400 bytes, MTU 1280");
  CHECK(verdict.next == "ip route get 10.0.2.2");
  story.inventory.namespaces[kHost].links[2].mtu = 1500;
  CHECK_MESSAGE(says(story.judged(), "was not determined"), "a route's own");
}

TEST_CASE("mtu: an older kernel's drop without a reason, but with the ICMP error") {
  Story story;
  story.syn_to_node();
  SUBCASE("it asks for less") {
    story.icmp_sent(kNodeVeth, 3, 4).drop(Leg::Syn, kNodeVeth, "ip_forward", "NOT_SPECIFIED");
    CHECK(story.judged().cause == "mtu");
  }
  SUBCASE("it says something else") {
    story.icmp_sent(kNodeVeth, 3, 1).drop(Leg::Syn, kNodeVeth, "ip_forward", "NOT_SPECIFIED");
    CHECK(story.judged().cause != "mtu");
  }
}

TEST_CASE("mtu: the other end of a veth takes less") {
  AtServerVeth story("__dev_forward_skb", "NOT_SPECIFIED");
  story.peer().mtu = 1280;
  story.last_drop().length_bytes = 1284;
  CHECK_MESSAGE(story.judged().cause == "other", "as much as a VLAN tag is allowed");
  story.last_drop().length_bytes = 1285;
  const Verdict verdict = story.judged();
  CHECK(verdict.cause == "mtu");
  CHECK(verdict.confidence == Confidence::Strong);
  CHECK(verdict.summary == "too large for eth0 in netns server, the other end of vethsrv: 1285 bytes, MTU 1280");
  CHECK(verdict.next == "ip netns exec server ip -d link show dev eth0");
  story.inventory.namespaces.erase(kServer);
  CHECK(story.judged().cause == "other");
}

TEST_CASE("mtu: a bridge's port takes less") {
  AtServerVeth story("br_dev_queue_push_xmit", "NOT_SPECIFIED");
  story.link().mtu = 1280;
  story.last_drop().length_bytes = 1400;
  CHECK_MESSAGE(story.judged().cause == "other", "it is no port");
  story.link().bridge_port = synfate::model::BridgePort{3, false, false};
  CHECK(story.judged().cause == "mtu");
  CHECK(story.judged().where.stage == Stage::Bridge);
  story.link().mtu = 1400;
  CHECK(story.judged().cause == "other");
}
