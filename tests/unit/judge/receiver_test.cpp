// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What TCP and IPsec refuse: tcp_auth, tcp_minttl, time_wait, xfrm; and what programs and filters of sockets do: socket_filter, cgroup_bpf.
#include "receiver_story.hpp"

using namespace synfate::judge::test;
namespace model = synfate::model;

TEST_CASE("tcp_auth says what the listener misses, and the address that it is about") {
  const Verdict verdict = at_server("TCP_MD5NOTFOUND").judged();
  CHECK(verdict.cause == "tcp_auth");
  CHECK(verdict.fate == Fate::Dropped);
  CHECK(verdict.confidence == Confidence::Exact);
  CHECK(verdict.where.stage == Stage::Socket);
  CHECK(verdict.summary == "the listener wants a TCP-MD5 signature");
  CHECK(says(verdict, "the packet is not signed; the address is 10.0.1.2"));
  CHECK(verdict.next == "ip netns exec server ss -Hltnpie 'sport = :80'");
  CHECK(at_server("TCP_AOFAILURE").judged().summary == "the listener found a wrong TCP-AO signature");
}

TEST_CASE("tcp_minttl") {
  Story story = at_server("TCP_MINTTL");
  story.last_drop().ttl = 63;
  CHECK(story.judged().cause == "tcp_minttl");
  CHECK(story.judged().confidence == Confidence::Exact);
  CHECK(says(story.judged(), "its TTL was 63"));
  receiver(story).min_ttl = 255;
  CHECK(says(story.judged(), "its TTL was 63, and the listener asks for 255 at least"));
}

TEST_CASE("time_wait") {
  Story story = at_server("NOT_SPECIFIED");
  SUBCASE("as the kernel tells") {
    receiver(story).state = 6;
    CHECK(story.judged().cause == "time_wait");
    CHECK(story.judged().confidence == Confidence::Exact);
    CHECK(story.judged().next == "ip netns exec server ss -Htano state time-wait 'sport = :80 and dport = :40000'");
  }
  SUBCASE("as inet_diag tells, just after") {
    story.inventory.namespaces[kServer].time_wait.push_back(story.journey.faces.front());
    CHECK(story.judged().cause == "time_wait");
    CHECK(story.judged().confidence == Confidence::Strong);
  }
  SUBCASE("another socket met it") {
    story.inventory.namespaces[kServer].time_wait.push_back(story.journey.faces.front());
    receiver(story).state = 10;
    CHECK(story.judged().cause == "other");
  }
  SUBCASE("another connection is in TIME_WAIT") {
    model::Flow other = story.journey.faces.front();
    other.src.port = 40001;
    story.inventory.namespaces[kServer].time_wait.push_back(other);
    CHECK(story.judged().cause == "other");
  }
  SUBCASE("not read") { CHECK(story.judged().cause == "other"); }
}

TEST_CASE("time_wait by its own reason") { CHECK(at_server("TCP_RFC7323_TW_PAWS").judged().cause == "time_wait"); }

TEST_CASE("a duplicate SYN that was answered is nobody's TIME_WAIT") {
  Story story;
  story.syn_to_server().synack_to_client().drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "NOT_SPECIFIED");
  story.inventory.namespaces[kServer].time_wait.push_back(story.journey.faces.front());
  CHECK(story.judged().cause != "time_wait");
}

TEST_CASE("xfrm names the first policy that matches, where it explains the drop") {
  Story story = at_server("XFRM_POLICY");
  story.last_drop().symbol.function = "tcp_v4_rcv";
  model::Netns& server = story.inventory.namespaces[kServer];
  const auto policy = [&](unsigned priority, bool block, const char* source, unsigned length) {
    model::XfrmPolicy one;
    one.block = block;
    one.priority = priority;
    one.source = ip(source);
    one.source_length = length;
    one.destination = ip("10.0.2.2");
    one.destination_length = 32;
    server.xfrm_policies.push_back(one);
  };
  Confidence confidence = Confidence::Strong;
  SUBCASE("not read") {
    CHECK(story.judged().summary == "by an IPsec policy");
    confidence = Confidence::Exact;
  }
  SUBCASE("read") {
    server.xfrm_policies_read = true;
    server.xfrm_counters["XfrmInPolBlock"] = 3;
    policy(9, false, "10.0.1.0", 24);
    policy(7, true, "10.0.1.0", 24);
    policy(1, true, "10.9.9.0", 24);
    CHECK(story.judged().summary == "an IPsec policy blocks it");
    CHECK(says(story.judged(), "src 10.0.1.0/24 dst 10.0.2.2/32 dir in action block priority 7"));
    CHECK(says(story.judged(), "XfrmInPolBlock 3"));
  }
  SUBCASE("the first that matches lets it pass: it was changed meanwhile") {
    server.xfrm_policies_read = true;
    policy(1, false, "10.0.1.0", 24);
    policy(7, true, "10.0.1.0", 24);
    CHECK(says(story.judged(), "no policy that was there when they were read explains it"));
  }
  SUBCASE("it applies to more than addresses tell") {
    server.xfrm_policies_read = true;
    policy(7, true, "10.0.1.0", 24);
    server.xfrm_policies[0].mark = 1;
    server.xfrm_policies[0].mark_mask = 0xff;
    server.xfrm_policies[0].xfrm_interface_id = 9;
    server.xfrm_policies[0].ifindex = 2;
    CHECK(says(story.judged(), "that policy applies only to mark 0x1/0xff, xfrm interfaces of if_id 0x9 and interface eth0"));
    confidence = Confidence::Partial;
  }
  SUBCASE("another one before it lets pass what has a mark") {
    server.xfrm_policies_read = true;
    policy(1, false, "10.0.1.0", 24);
    server.xfrm_policies[0].mark_mask = 1;
    policy(7, true, "10.0.1.0", 24);
    CHECK(story.judged().summary == "an IPsec policy blocks it");
    CHECK(says(story.judged(), "a policy before it lets pass what it applies to, mark 0x0/0x1"));
    confidence = Confidence::Partial;
  }
  SUBCASE("it is for another source port") {
    server.xfrm_policies_read = true;
    policy(7, true, "10.0.1.0", 24);
    server.xfrm_policies[0].source_port = 40001;
    server.xfrm_policies[0].source_port_mask = 0xffff;
    CHECK(says(story.judged(), "no policy that was there when they were read explains it"));
    server.xfrm_policies[0].source_port = 40000;
    CHECK(says(story.judged(), "sport 40000 dir in action block"));
  }
  CHECK(story.judged().cause == "xfrm");
  CHECK(story.judged().confidence == confidence);
}

TEST_CASE("xfrm of what is forwarded: policies of two directions have one reason") {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_forward", "XFRM_POLICY");
  model::Netns& host = story.inventory.namespaces[kHost];
  host.xfrm_policies_read = true;
  model::XfrmPolicy forward;
  forward.direction = 2;
  forward.wants_ipsec = true;
  model::XfrmPolicy out;
  out.direction = 1;
  out.block = true;
  SUBCASE("either may have refused it") {
    host.xfrm_policies = {forward, out};
    CHECK(story.judged().summary == "by an IPsec policy");
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(says(story.judged(), "which of these refused it is not told"));
    CHECK(says(story.judged(), "dir fwd"));
    CHECK(says(story.judged(), "dir out action block"));
  }
  SUBCASE("one that blocks is the first to be asked") {
    forward.block = true;
    host.xfrm_policies = {out, forward};
    CHECK(story.judged().summary == "an IPsec policy blocks it");
    CHECK(story.judged().confidence == Confidence::Strong);
    CHECK(says(story.judged(), "dir fwd action block"));
  }
  SUBCASE("on its way out") {
    host.xfrm_policies = {out};
    CHECK(story.judged().summary == "an IPsec policy blocks it on its way out");
    host.xfrm_policies[0].block = false;
    host.xfrm_policies[0].wants_ipsec = true;
    CHECK(story.judged().summary == "an IPsec policy wants it to leave by IPsec, which failed");
  }
}

TEST_CASE("socket_filter and cgroup_bpf have one reason, and are told apart by the socket") {
  Story story = at_server("SOCKET_FILTER");
  know_programs(story);
  SUBCASE("the kernel does not tell the socket") {
    CHECK(story.judged().cause == "socket_filter");
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(story.judged().summary == "by a filter of the socket or a BPF program of its cgroup");
    CHECK_FALSE(says(story.judged(), "it was for the listener"));
    model::ListenSocket listener;
    listener.local = {ip("0.0.0.0"), 80};
    listener.cgroup_id = 9;
    auto& listeners = story.inventory.namespaces.at(kServer).listeners;
    listeners = {listener};
    CHECK(says(story.judged(), "it was for the listener at 0.0.0.0:80"));
    CHECK(says(story.judged(), "programs at ingress of cgroup /shop/web, as read afterwards: BPF program say_no (id 42"));
    // Of two that share the port it is not known which.
    listeners.push_back(listener);
    CHECK_FALSE(says(story.judged(), "it was for the listener"));
  }
  SUBCASE("a classic filter, and no program") {
    receiver(story).has_filter = true;
    CHECK(story.judged().cause == "socket_filter");
    CHECK(story.judged().confidence == Confidence::Exact);
    CHECK(says(story.judged(), "classic filter"));
    CHECK(story.judged().summary == "by a socket filter of the listening socket");
    story.inventory.security_modules = "capability,selinux";
    CHECK(story.judged().confidence == Confidence::Partial);
  }
  SUBCASE("a BPF filter") {
    receiver(story).has_filter = true;
    receiver(story).filter_id = 42;
    CHECK(story.judged().summary == "by BPF program say_no (id 42), the filter of the listening socket");
    CHECK(says(story.judged(), "held by agent[7]"));
  }
  SUBCASE("one program, and no filter") {
    attach(receiver(story), {42});
    CHECK(story.judged().cause == "cgroup_bpf");
    CHECK(story.judged().confidence == Confidence::Exact);
    CHECK(story.judged().summary == "by BPF program say_no (id 42) at ingress of cgroup /shop/web");
    CHECK(story.judged().next == "bpftool prog show id 42");
  }
  SUBCASE("two programs") {
    attach(receiver(story), {42, 43});
    CHECK(story.judged().cause == "cgroup_bpf");
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(says(story.judged(), "2 programs hold for it"));
    CHECK(story.judged().next == "bpftool cgroup show /sys/fs/cgroup/shop/web effective");
  }
  SUBCASE("a program and a filter") {
    attach(receiver(story), {42});
    receiver(story).has_filter = true;
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(says(story.judged(), "programs of its cgroup ran before that filter"));
  }
  SUBCASE("neither: something else refused it") {
    receiver(story);
    CHECK(story.judged().cause == "other");
  }
}

TEST_CASE("cgroup_bpf at egress of the client's cgroup") {
  Story story;
  story.drop(Leg::Syn, {kPod, 0, DeviceKind::Unknown, ""}, "ip_finish_output", "BPF_CGROUP_EGRESS");
  CHECK(story.judged().cause == "cgroup_bpf");
  CHECK(story.judged().next == "bpftool cgroup tree");
  know_programs(story);
  story.journey.client.cgroup_id = 9;
  CHECK(story.judged().summary == "by BPF program say_no (id 42) at egress of cgroup /shop");
  CHECK(story.judged().confidence == Confidence::Partial);
  CHECK(says(story.judged(), "that cgroup is the process's at connect()"));
  story.inventory.programs.at(42).name = "sd_fw_egress";
  CHECK(says(story.judged(), "IPAddressDeny="));
}
