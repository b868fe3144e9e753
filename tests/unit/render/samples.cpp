// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Invented attempts and namespaces, each with one thing to show.
#include "samples.hpp"

#include <utility>

namespace synfate::render::testing {
namespace {

using model::HopKind;
using model::Leg;

constexpr std::int64_t kStartWallNs = 1'795'185'631'204'113'000;

model::Attempt attempt(std::uint64_t id) {
  model::Attempt attempt;
  attempt.id = id;
  attempt.journey.id = id;
  attempt.journey.isn = 2885681011;
  attempt.journey.first_ns = kStart;
  attempt.journey.last_ns = kStart;
  attempt.journey.syns = 1;
  attempt.journey.local_client = true;
  attempt.netns_names = {{kHost, "host"}, {kClientNetns, "red"}, {kServerNetns, "blue"}};
  attempt.client.netns = kClientNetns;
  attempt.client.netns_name = "red";
  attempt.client.process = {4242, 4242, 0, "curl"};
  return attempt;
}

void add_way_through_host(model::Journey& journey, MonotonicNs after_ns) {
  journey.events.push_back(hop(after_ns, Leg::Syn, HopKind::Xmit, kClientNetns, 2, "eth0"));
  journey.events.push_back(hop(after_ns + 5'000, Leg::Syn, HopKind::Receive, kHost, 7, "veth5c2a"));
  journey.events.push_back(hop(after_ns + 6'000, Leg::Syn, HopKind::Receive, kHost, 5, "cni0"));
}

}  // namespace

WallClock clock() { return {kStartWallNs - static_cast<std::int64_t>(kStart)}; }

Writer Paper::writer() {
  return [this](std::string_view lines) {
    if (writes_left == 0) {
      ++refused;
      return false;
    }
    --writes_left;
    text += lines;
    writes.emplace_back(lines);
    return true;
  };
}

model::Endpoint endpoint(std::string_view address, std::uint16_t port) { return {model::parse_ip(address).value(), port}; }

model::Event hop(MonotonicNs after_ns, Leg leg, HopKind kind, model::NetnsId netns, std::uint32_t ifindex, std::string device) {
  model::Event event;
  event.time_ns = kStart + after_ns;
  event.leg = leg;
  event.flow = {endpoint("10.42.0.17", 43210), endpoint("10.43.96.7", 4317)};
  event.place = {netns, ifindex, model::DeviceKind::Veth, std::move(device)};
  event.what = model::Hop{kind, 0, 0};
  return event;
}

model::Attempt dropped_by_a_rule() {
  model::Attempt row = attempt(7);
  model::Journey& journey = row.journey;
  journey.faces = {{endpoint("10.42.0.17", 43210), endpoint("10.43.96.7", 4317)},
                   {endpoint("10.42.0.17", 43210), endpoint("10.42.0.9", 4317)}};
  journey.syns = 3;
  journey.last_ns = kStart + 3'015'757'000;
  for (const MonotonicNs after_ns : {0UL, 1'010'000'000UL, 3'015'700'000UL}) add_way_through_host(journey, after_ns);
  model::Event drop = hop(3'015'757'000, Leg::Syn, HopKind::Receive, kHost, 5, "cni0");
  drop.what = model::Drop{};
  journey.events.push_back(drop);
  row.netns_names[kClientNetns] = "testbed/simulator";
  row.netns_names[kHost] = "k3d-server-0";
  row.client.netns_name = "testbed/simulator";
  row.client.pod = "testbed/simulator";
  row.client.node = "k3d-server-0";
  row.server = {kServerNetns,
                "observability/otel-collector",
                "k3d-server-0",
                "observability/otel-collector",
                "",
                "observability/otel-collector:otlp",
                {}};
  row.gives_up_after_s = 131;
  model::Verdict& verdict = row.verdict;
  verdict.fate = model::Fate::Dropped;
  verdict.cause = "netfilter_drop";
  verdict.summary = "by a rule";
  verdict.packet = Leg::Syn;
  verdict.where = {kHost, "k3d-server-0", "", "veth5c2a", model::Stage::Forward, "nft_do_chain", "nf_tables", "NETFILTER_DROP", {}, ""};
  model::RuleRef rule;
  rule.backend = "iptables-nft";
  rule.family = "ip";
  rule.table = "filter";
  rule.chain = "KUBE-POD-FW-4BDGZEWEU32YM75H";
  rule.number = 9;
  rule.handle = 41;
  rule.policy = false;
  rule.text = R"(-A KUBE-POD-FW-4BDGZEWEU32YM75H -m comment --comment "rule to drop traffic destined for POD name:otel-collector" -j DROP)";
  rule.comment = "rule to drop traffic destined for POD name:otel-collector";
  rule.how = "stack";
  verdict.where.rule = rule;
  verdict.means = model::Means{"NetworkPolicy", "kube-router", "observability", "default-deny", "no policy admits this source"};
  verdict.confidence = model::Confidence::Exact;
  verdict.evidence = {"the kernel's own verdict (stack)", "0 events lost"};
  verdict.next = "kubectl -n observability describe networkpolicy default-deny";
  return row;
}

model::Attempt lost_syn_ack() {
  model::Attempt row = attempt(8);
  model::Journey& journey = row.journey;
  journey.faces = {{endpoint("10.42.0.17", 43210), endpoint("10.42.0.9", 80)}};
  add_way_through_host(journey, 0);
  journey.events.push_back(hop(9'000, Leg::Syn, HopKind::Receive, kServerNetns, 2, "eth0"));
  journey.events.push_back(hop(12'000, Leg::SynAck, HopKind::Xmit, kServerNetns, 2, "eth0"));
  journey.events.push_back(hop(14'000, Leg::SynAck, HopKind::Receive, kHost, 8, "veth77"));
  row.server.netns = kServerNetns;
  row.server.netns_name = "blue";
  row.revision = 2;
  row.gives_up_after_s = 131;
  model::Verdict& verdict = row.verdict;
  verdict.fate = model::Fate::Dropped;
  verdict.cause = "netfilter_drop";
  verdict.summary = "by a netfilter rule or policy";
  verdict.packet = Leg::SynAck;
  verdict.where = {kHost, "", "", "veth77", model::Stage::Forward, "nft_do_chain", "nf_tables", "NETFILTER_DROP", {}, ""};
  model::RuleRef rule;
  rule.family = "ip";
  verdict.where.rule = rule;
  verdict.where.rule_gap = "the two call sites of nft_do_chain were not told apart";
  verdict.confidence = model::Confidence::Partial;
  verdict.evidence = {"3 events lost while it was under way"};
  verdict.notes = {"SYN cookies were in use", "a duplicate SYN was answered again"};
  verdict.next = "nft list ruleset";
  return row;
}

model::Attempt no_route() {
  model::Attempt row = attempt(9);
  row.journey.sent_a_syn = false;
  row.journey.syns = 0;
  row.journey.faces = {{endpoint("0.0.0.0", 0), endpoint("10.9.9.9", 80)}};
  model::Event event = hop(0, Leg::None, HopKind::Xmit, kClientNetns, 0, "");
  event.flow = row.journey.faces.front();
  event.what = model::RouteFailure{-101, 254};
  row.journey.events = {event};
  row.verdict.fate = model::Fate::Refused;
  row.verdict.cause = "no_route";
  row.verdict.summary = "no route to 10.9.9.9";
  row.verdict.where.netns = kClientNetns;
  row.verdict.where.stage = model::Stage::LocalOut;
  row.verdict.confidence = model::Confidence::Exact;
  row.verdict.next = "ip netns exec red ip route get 10.9.9.9";
  return row;
}

model::Attempt unanswered() {
  model::Attempt row = attempt(10);
  model::Journey& journey = row.journey;
  journey.faces = {{endpoint("fd00::17", 40000), endpoint("2001:db8::1", 443)},
                   {endpoint("2001:db8::abcd", 61000), endpoint("2001:db8::1", 443)}};
  journey.syns = 2;
  add_way_through_host(journey, 0);
  journey.events.push_back(hop(9'000, Leg::Syn, HopKind::Xmit, kHost, 2, "eth0"));
  journey.events.push_back(hop(1'020'000'000, Leg::Syn, HopKind::Xmit, kHost, 2, "eth0"));
  journey.last_ns = kStart + 1'020'000'000;
  row.verdict.fate = model::Fate::Unanswered;
  row.verdict.cause = "left_node";
  row.verdict.summary = "left by eth0";
  row.verdict.packet = Leg::Syn;
  row.verdict.where.netns = kHost;
  row.verdict.where.device = "eth0";
  row.verdict.where.stage = model::Stage::Beyond;
  row.verdict.confidence = model::Confidence::Strong;
  row.verdict.evidence = {"2 SYNs left, no answer came back"};
  row.gives_up_after_s = 127;
  return row;
}

model::Attempt established() {
  model::Attempt row = attempt(11);
  row.journey.faces = {{endpoint("10.42.0.17", 43210), endpoint("10.42.0.9", 80)}};
  add_way_through_host(row.journey, 0);
  row.verdict.fate = model::Fate::Established;
  row.verdict.cause = "established";
  row.verdict.confidence = model::Confidence::Exact;
  row.gives_up_after_s = 131;
  return row;
}

model::Inventory two_namespaces() {
  const auto link = [](std::uint32_t ifindex, std::string name, std::string kind) {
    model::Link made;
    made.ifindex = ifindex;
    made.name = std::move(name);
    made.kind = std::move(kind);
    made.up = true;
    made.mtu = 1500;
    return made;
  };
  const auto address = [](std::string_view text, unsigned length) {
    return model::InterfaceAddress{model::parse_ip(text).value(), length};
  };

  model::Netns host;
  host.id = kHost;
  host.name = "host";
  host.source = "init";
  host.host = true;
  host.example_tgid = 1;
  host.example_comm = "systemd";
  model::Link lo = link(1, "lo", "");
  lo.loopback = true;
  lo.addresses = {address("127.0.0.1", 8), address("::1", 128)};
  model::Link veth = link(7, "veth5c2a", "veth");
  veth.peer_ifindex = 2;
  veth.peer_netns = kServerNetns;
  veth.master_ifindex = 5;
  veth.mac = {2, 0, 0, 0, 0xab, 1};
  veth.bridge_port = model::BridgePort{3, true, false};
  host.links = {lo, link(5, "cni0", "bridge"), veth};

  model::Netns blue;
  blue.id = kServerNetns;
  blue.name = "blue";
  blue.source = "/run/netns/blue";
  model::Link eth0 = link(2, "eth0", "veth");
  eth0.peer_ifindex = 7;
  eth0.peer_netns = kHost;
  eth0.addresses = {address("10.42.0.9", 24)};
  model::Link orphan = link(3, "eth1", "veth");
  orphan.peer_ifindex = 9;
  orphan.up = false;
  blue.links = {eth0, orphan};
  blue.gaps = {{"fdb_unreadable", "bridge forwarding table: permission denied"}};

  model::Inventory inventory;
  inventory.namespaces = {{kHost, host}, {kServerNetns, blue}};
  inventory.gaps = {{"netns_unreadable", "namespace of process 77: it has vanished"}};
  return inventory;
}

}  // namespace synfate::render::testing
