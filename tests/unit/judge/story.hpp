// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Tells the judge a story: one attempt, event by event, on a small machine. It holds no expectation of its own.
//
//   pod (100)               host (1)                                server (200)
//   10.0.1.2 eth0 ─ vethpod 10.0.1.1 · 10.0.2.1 vethsrv ─ eth0 10.0.2.2
//                           eth0 (a NIC) 198.51.100.1 ─ beyond: 192.0.2.9
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "judge/judge.hpp"

namespace synfate::judge::test {

using model::Confidence;
using model::DeviceKind;
using model::Drop;
using model::Event;
using model::Fate;
using model::HopKind;
using model::Leg;
using model::Place;
using model::SocketEventKind;
using model::Stage;
using model::Verdict;

inline constexpr model::NetnsId kHost = 1;
inline constexpr model::NetnsId kPod = 100;
inline constexpr model::NetnsId kServer = 200;

inline const Place kPodEth{kPod, 2, DeviceKind::Veth, "eth0"};
inline const Place kNodeVeth{kHost, 5, DeviceKind::Veth, "vethpod"};
inline const Place kNodeServerVeth{kHost, 6, DeviceKind::Veth, "vethsrv"};
inline const Place kNodeEth{kHost, 2, DeviceKind::Physical, "eth0"};
inline const Place kServerEth{kServer, 2, DeviceKind::Veth, "eth0"};
/// Tells doctest's output from a table of causes.
std::string described(const Verdict& verdict);

model::IpAddress ip(const char* text);
model::Inventory small_machine();

class Story {
 public:
  Story();

  model::Journey journey;
  model::Inventory inventory = small_machine();

  Story& from(const char* source);
  Story& to(const char* destination, unsigned port = 80);
  /// From the next event on NAT has changed the destination.
  Story& dnat(const char* destination, unsigned port);
  Story& not_local();
  /// Moves the clock to that time since the first event.
  Story& at(double milliseconds);

  Story& xmit(Leg leg, const Place& place) { return hop(leg, HopKind::Xmit, place); }
  Story& receive(Leg leg, const Place& place) { return hop(leg, HopKind::Receive, place); }
  /// An ICMP error that quotes the SYN, at a device.
  Story& icmp_hop(HopKind kind, const Place& place, unsigned type, unsigned code);
  Story& drop(Leg leg, const Place& place, const char* function, const char* reason);
  /// The drop told last, to fill in what it carries.
  Drop& last_drop();
  /// What a source saw of the verdict on the packet dropped last: at its time, with its identity. The reference lives until the next event.
  model::HookVerdict& verdict(model::HookVerdict::How how);
  /// The server's listener refused the last SYN, for no reason that is told yet. The reference lives until the next event.
  model::Decision& refused();
  Story& hook(unsigned family, unsigned number, const char* in_device, const char* out_device);
  Story& icmp_sent(const Place& place, unsigned type, unsigned code, Leg about = Leg::Syn);
  Story& socket(SocketEventKind kind, model::NetnsId netns, bool at_server, int error = 0);
  Story& route_failure(int error);
  Story& neighbour(const Place& place, const char* address, bool failed);

  /// One SYN from the pod to the server's namespace, and the hops of the SYN-ACK and the final ACK.
  Story& syn_to_node();
  Story& syn_to_server();
  Story& syn_to_nic();
  Story& synack_to_client();
  Story& retransmit();

  Verdict judged() const;

 private:
  Story& hop(Leg leg, HopKind kind, const Place& place);
  Event& add(Leg leg, const Place& place);
  model::Flow flow_;
  double clock_ms_ = 0;
  std::uint64_t last_skb_ = 0xffff'8880'0000'0000;
};

}  // namespace synfate::judge::test
