// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "story.hpp"

#include <algorithm>
#include <variant>

namespace synfate::judge::test {
namespace {

constexpr MonotonicNs kStart = 1'000 * kSecond;
constexpr double kStepMs = 0.05;

model::Link link(std::uint32_t ifindex, const char* name, const char* kind, const char* address, unsigned length) {
  model::Link one;
  one.ifindex = ifindex;
  one.name = name;
  one.kind = kind;
  one.up = true;
  one.physical = *kind == '\0';
  if (address != nullptr) one.addresses.push_back({ip(address), length});
  return one;
}

model::Netns netns(model::NetnsId id, const char* name, const char* source, std::vector<model::Link> links) {
  model::Netns one;
  one.id = id;
  one.name = name;
  one.source = source;
  one.host = id == kHost;
  one.links = std::move(links);
  return one;
}

void join(model::Link& end, std::uint32_t peer, model::NetnsId peer_netns) {
  end.peer_ifindex = peer;
  end.peer_netns = peer_netns;
}

bool is_answer(Leg leg) { return leg == Leg::SynAck || leg == Leg::Reset; }

}  // namespace

model::IpAddress ip(const char* text) { return model::parse_ip(text).value(); }

model::Inventory small_machine() {
  model::Inventory inventory;
  auto pod = netns(kPod, "pod", "/run/netns/pod", {link(2, "eth0", "veth", "10.0.1.2", 24)});
  join(pod.links[0], 5, kHost);
  auto host = netns(
      kHost, "host", "init",
      {link(2, "eth0", "", "198.51.100.1", 24), link(5, "vethpod", "veth", "10.0.1.1", 24), link(6, "vethsrv", "veth", "10.0.2.1", 24)});
  join(host.links[1], 2, kPod);
  join(host.links[2], 2, kServer);
  auto server = netns(kServer, "server", "/run/netns/server", {link(2, "eth0", "veth", "10.0.2.2", 24)});
  join(server.links[0], 6, kHost);
  inventory.namespaces = {{kPod, pod}, {kHost, host}, {kServer, server}};
  return inventory;
}

std::string described(const Verdict& verdict) {
  std::string text(to_string(verdict.fate));
  text += " " + verdict.cause + " (" + std::string(to_string(verdict.confidence)) + "): " + verdict.summary;
  for (const std::string& line : verdict.evidence) text += "\n    " + line;
  return text;
}

Story::Story() {
  journey.id = 1;
  journey.isn = 7;
  journey.local_client = true;
  journey.origin_netns = kPod;
  journey.first_ns = kStart;
  journey.last_ns = kStart;
  journey.syns = 1;
  flow_ = {{ip("10.0.1.2"), 40000}, {ip("10.0.2.2"), 80}};
  journey.faces = {flow_};
}

Story& Story::from(const char* source) {
  flow_.src.address = ip(source);
  journey.faces = {flow_};
  return *this;
}

Story& Story::to(const char* destination, unsigned port) {
  flow_.dst = {ip(destination), static_cast<std::uint16_t>(port)};
  journey.faces = {flow_};
  return *this;
}

Story& Story::dnat(const char* destination, unsigned port) {
  flow_.dst = {ip(destination), static_cast<std::uint16_t>(port)};
  journey.faces.push_back(flow_);
  return *this;
}

Story& Story::not_local() {
  journey.local_client = false;
  journey.origin_netns = kHost;
  return *this;
}

Story& Story::at(double milliseconds) {
  clock_ms_ = milliseconds;
  journey.last_ns = std::max(journey.last_ns, kStart + static_cast<MonotonicNs>(milliseconds * 1e6));
  return *this;
}

Event& Story::add(Leg leg, const Place& place) {
  Event event;
  event.time_ns = kStart + static_cast<MonotonicNs>(clock_ms_ * 1e6);
  event.leg = leg;
  event.place = place;
  event.flow = is_answer(leg) ? flow_.reversed() : flow_;
  clock_ms_ += kStepMs;
  journey.last_ns = std::max(journey.last_ns, event.time_ns);
  journey.events.push_back(event);
  return journey.events.back();
}

model::Decision& Story::refused() {
  Place place = kServerEth;
  place.device.clear();
  place.kind = DeviceKind::Unknown;
  model::Decision decision;
  decision.inode = 77;
  decision.queue_limit = 128;
  decision.drops = 1;
  Event& event = add(Leg::Syn, place);
  event.what = decision;
  return std::get<model::Decision>(event.what);
}

Story& Story::hop(Leg leg, HopKind kind, const Place& place) {
  add(leg, place).what = model::Hop{kind, 0, 0};
  return *this;
}

Story& Story::icmp_hop(HopKind kind, const Place& place, unsigned type, unsigned code) {
  Event& event = add(Leg::IcmpError, place);
  event.what = model::Hop{kind, static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code)};
  event.flow = flow_.reversed();
  return *this;
}

Story& Story::drop(Leg leg, const Place& place, const char* function, const char* reason) {
  Drop drop;
  drop.reason = reason;
  drop.symbol.function = function;
  add(leg, place).what = drop;
  return *this;
}

Drop& Story::last_drop() {
  const auto it =
      std::find_if(journey.events.rbegin(), journey.events.rend(), [](const Event& event) { return event.get<Drop>() != nullptr; });
  REQUIRE(it != journey.events.rend());
  return std::get<Drop>(it->what);
}

model::HookVerdict& Story::verdict(model::HookVerdict::How how) {
  const auto drop =
      std::find_if(journey.events.rbegin(), journey.events.rend(), [](const Event& event) { return event.get<Drop>() != nullptr; });
  REQUIRE(drop != journey.events.rend());
  if (drop->skb == 0) drop->skb = ++last_skb_;
  Event event = *drop;
  event.what = model::HookVerdict{};
  journey.events.push_back(event);
  auto& verdict = std::get<model::HookVerdict>(journey.events.back().what);
  verdict.how = how;
  return verdict;
}

Story& Story::hook(unsigned family, unsigned number, const char* in_device, const char* out_device) {
  Drop& drop = last_drop();
  drop.has_hook = true;
  drop.hook.family = static_cast<std::uint8_t>(family);
  drop.hook.hook = static_cast<std::uint8_t>(number);
  drop.hook.in_device = in_device;
  drop.hook.out_device = out_device;
  return *this;
}

Story& Story::icmp_sent(const Place& place, unsigned type, unsigned code, Leg about) {
  Event& event = add(about, place);
  event.what = model::IcmpSent{static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(code)};
  return *this;
}

Story& Story::socket(SocketEventKind kind, model::NetnsId netns, bool at_server, int error) {
  Event& event = add(Leg::None, Place{netns, 0, DeviceKind::Unknown, ""});
  model::SocketEvent what;
  what.kind = kind;
  what.at_server = at_server;
  what.error = error;
  event.what = what;
  return *this;
}

Story& Story::route_failure(int error) {
  journey.sent_a_syn = false;
  journey.syns = 0;
  add(Leg::None, Place{kPod, 0, DeviceKind::Unknown, ""}).what = model::RouteFailure{error, 254};
  return *this;
}

Story& Story::neighbour(const Place& place, const char* address, bool failed) {
  model::NeighbourEvent one;
  one.time_ns = kStart + static_cast<MonotonicNs>(clock_ms_ * 1e6);
  one.place = place;
  one.address = ip(address);
  one.failed = failed;
  journey.neighbours.push_back(one);
  return *this;
}

Story& Story::syn_to_node() { return xmit(Leg::Syn, kPodEth).receive(Leg::Syn, kNodeVeth); }
Story& Story::syn_to_server() { return syn_to_node().xmit(Leg::Syn, kNodeServerVeth).receive(Leg::Syn, kServerEth); }
Story& Story::syn_to_nic() { return syn_to_node().xmit(Leg::Syn, kNodeEth); }

Story& Story::synack_to_client() {
  return xmit(Leg::SynAck, kServerEth).receive(Leg::SynAck, kNodeServerVeth).xmit(Leg::SynAck, kNodeVeth).receive(Leg::SynAck, kPodEth);
}

Story& Story::retransmit() {
  ++journey.syns;
  return socket(SocketEventKind::Retransmit, kPod, false);
}

Verdict Story::judged() const {
  Verdict verdict = judge(journey, inventory, {journey.last_ns, "1"});
  INFO(described(verdict));
  return verdict;
}

}  // namespace synfate::judge::test
