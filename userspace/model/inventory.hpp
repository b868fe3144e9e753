// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is known of the machine around an attempt: plain data with the source of each fact, and the gaps.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/address.hpp"
#include "model/devices.hpp"
#include "model/listen.hpp"
#include "model/nat.hpp"
#include "model/place.hpp"
#include "model/rule.hpp"
#include "model/who.hpp"

namespace synfate::model {

/// Something that could not be read, in words: what, and why.
struct Gap {
  std::string code;  ///< stable, for JSON: "netns_unreadable"
  std::string text;
};

struct InterfaceAddress {
  IpAddress address;
  unsigned prefix_length = 0;
};

/// An XDP program on a device.
struct XdpProgram {
  std::uint8_t mode = 0;  ///< XDP_ATTACHED_*: 1 in its driver, 2 generic, 3 in the hardware
  std::uint32_t id = 0;
};

struct Link {
  std::uint32_t ifindex = 0;
  std::string name;  ///< untrusted
  std::string kind;  ///< IFLA_INFO_KIND: "veth", "bridge", ...; empty for a NIC and for lo
  bool up = false;
  bool loopback = false;
  bool physical = false;  ///< has a parent device
  unsigned mtu = 0;
  std::uint32_t master_ifindex = 0;
  std::uint32_t peer_ifindex = 0;     ///< veth: the other end
  std::optional<NetnsId> peer_netns;  ///< veth: its namespace; none when it could not be resolved
  std::array<std::uint8_t, 6> mac{};
  std::optional<BridgePort> bridge_port;
  std::vector<InterfaceAddress> addresses;
  std::optional<bool> carrier;         ///< none: not known, or the device is down
  std::optional<bool> vlan_filtering;  ///< of a bridge
  std::vector<XdpProgram> xdp;
};

/// A filter of tc, or a program of tcx.
struct TcFilter {
  std::string kind;  ///< "tcx", "bpf", "matchall", "flower", ...; untrusted
  std::uint32_t chain = 0;
  std::uint32_t priority = 0;
  std::uint32_t handle = 0;
  std::uint32_t program_id = 0;                ///< 0: not a BPF program
  std::vector<std::string> actions;            ///< "drop", "pass", "mirred", ...; untrusted
  std::vector<std::uint32_t> action_programs;  ///< BPF programs among its actions
  bool drops = false;                          ///< one of its actions is a drop
};

/// All that is asked about packets at one side of a device, in the order of asking.
struct TcSide {
  std::uint32_t ifindex = 0;
  bool ingress = false;
  std::vector<TcFilter> filters;
  std::string gap;  ///< what of it could not be read, and why; empty: that is all
};

/// A BPF program that is loaded; its number is the machine's, not a namespace's.
struct BpfProgram {
  std::uint32_t id = 0;
  std::uint32_t type = 0;         ///< BPF_PROG_TYPE_*
  std::string name;               ///< untrusted; empty where its loader gave none
  std::string tag;                ///< hash of its code, as the kernel prints it
  std::uint32_t uid = 0;          ///< who loaded it
  std::string pinned;             ///< a path of it, or of a link of it, below /sys/fs/bpf; untrusted
  std::uint32_t holder_tgid = 0;  ///< a process that has it, or a link of it, open; 0: none was found
  std::string holder_comm;        ///< untrusted
  bool holders_read = false;      ///< all processes were looked at
};

/// A program of BPF LSM, which may refuse what its hook is asked about.
struct SecurityProgram {
  std::uint32_t id = 0;
  std::string hook;        ///< "socket_sock_rcv_skb", "inet_conn_request"; empty: this kernel does not tell
  bool of_cgroup = false;  ///< holds for the sockets of some cgroup only
  bool attached = true;    ///< a link holds it; else it may be attached to a cgroup, or to nothing
};
struct SecurityPrograms {
  std::vector<SecurityProgram> programs;  ///< without those of hooks that no connection meets
  /// This kernel gives a refusal of a received packet by a security module a reason of its own: SOCKET_FILTER is none.
  bool own_reason = false;
  MonotonicNs time_ns = 0;  ///< when they were listed; 0: not known
};

/// BPF programs about the packets of a cgroup's sockets, those of its ancestors that hold for it too, in the order of their running.
struct CgroupProgram {
  std::uint32_t id = 0;
  std::string path;  ///< of the cgroup that it is attached to; empty: not found. Untrusted
};
struct CgroupPrograms {
  std::string path;  ///< of the cgroup; empty: it has gone, or could not be found. Untrusted
  std::vector<CgroupProgram> ingress;
  std::vector<CgroupProgram> egress;
  std::string gap;  ///< why these are not all; empty: they are
};

/// A policy of IPsec.
struct XfrmPolicy {
  std::uint8_t direction = 0;  ///< XFRM_POLICY_*: 0 in, 1 out, 2 forwarded
  bool block = false;
  bool wants_ipsec = false;  ///< has a template: plain packets do not meet it
  std::uint32_t index = 0;
  std::uint32_t priority = 0;
  IpAddress source;
  unsigned source_length = 0;
  IpAddress destination;
  unsigned destination_length = 0;
  std::uint16_t destination_port = 0;  ///< 0: any
  std::uint8_t protocol = 0;           ///< 0: any
  std::uint16_t destination_port_mask = 0xffff;
  std::uint16_t source_port = 0;
  std::uint16_t source_port_mask = 0;  ///< 0: any port
  std::uint32_t mark = 0;
  std::uint32_t mark_mask = 0;          ///< 0: any mark
  std::uint32_t xfrm_interface_id = 0;  ///< only what passes xfrm interfaces of that if_id; 0: what passes none
  std::uint32_t ifindex = 0;            ///< 0: any device
};

/// A bridge's forwarding entry: behind which port a MAC address is.
struct FdbEntry {
  std::uint32_t bridge_ifindex = 0;
  std::uint32_t port_ifindex = 0;
  std::array<std::uint8_t, 6> mac{};
  bool local = false;
};

/// Connection tracking of a namespace, near a drop.
struct Conntrack {
  std::optional<std::uint64_t> count;  ///< entries
  std::optional<std::uint64_t> max;    ///< above which new ones are refused; 0: never
  bool counters_read = false;          ///< the rest, which the kernel counts since the namespace was made
  std::uint64_t invalid = 0;
  std::uint64_t insert_failed = 0;
  std::uint64_t drop = 0;
  std::uint64_t early_drop = 0;
  std::uint64_t chain_too_long = 0;  ///< 0 also where the kernel has no such counter
};

/// A queue of netfilter that a process listens on.
struct NfQueue {
  std::uint32_t number = 0;
  std::uint32_t peer_portid = 0;  ///< netlink port of its owner: often, not always, the tgid in the owner's own pid namespace
  std::uint64_t waiting = 0;
  std::uint64_t dropped = 0;       ///< it was full
  std::uint64_t user_dropped = 0;  ///< its owner's socket was full
};

/// What one namespace is asked about the way of one packet.
struct RouteQuestion {
  IpAddress destination;
  IpAddress source;              ///< none: not said, the kernel chooses
  std::uint32_t in_ifindex = 0;  ///< as if it came in there; 0: as if it were sent from here
  bool neighbour = false;        ///< and whose link-layer address the next hop has

  bool operator==(const RouteQuestion&) const = default;
};

/// An entry of the neighbour table.
struct Neighbour {
  std::uint16_t state = 0;  ///< NUD_*; 0: there is none
  std::optional<std::array<std::uint8_t, 6>> mac;
};

/// The route that the kernel gave near the event, to a packet without a mark.
struct RouteAnswer {
  RouteQuestion question;
  std::string error;        ///< its word for why there is none; then the rest is empty
  std::uint8_t type = 0;    ///< RTN_*: 1 unicast, 2 local
  std::uint8_t length = 0;  ///< of the prefix that matched
  IpAddress prefix;         ///< none: not known, or everything
  bool matched = false;     ///< prefix, length and table are known
  std::uint32_t table = 0;
  std::uint32_t out_ifindex = 0;
  IpAddress gateway;                   ///< none: on link
  bool several = false;                ///< next hops: this packet's may be another
  std::optional<Neighbour> neighbour;  ///< none: not asked, or not read
  MonotonicNs time_ns = 0;             ///< when it was asked; 0: not known
};

struct Netns {
  NetnsId id = 0;
  std::string name;                ///< "host", a name in /run/netns, or "" ; untrusted
  std::string source;              ///< where the name comes from: "init", "/run/netns/x", "/proc/42/ns/net"
  bool host = false;               ///< the namespace of pid 1 (as synfate sees it)
  std::uint32_t example_tgid = 0;  ///< a process in it; 0: none (held by a mount or a file descriptor only)
  std::string example_comm;        ///< untrusted
  std::vector<Link> links;
  std::vector<FdbEntry> fdb;
  std::vector<BridgeVlans> bridge_vlans;       ///< where a bridge filters by them
  std::optional<Queues> queues;                ///< none: not read
  std::optional<Neighbours> neighbours;        ///< none: not read
  std::map<std::string, std::string> sysctls;  ///< "net.ipv4.ip_forward" -> "0"; only those read
  std::vector<Gap> gaps;
  std::vector<ListenSocket> listeners;
  bool listeners_read = false;                 ///< listeners is complete, as of its reading
  std::vector<ListenReading> listen_readings;  ///< in order of time; only of ports that attempts asked for
  bool details_read = false;                   ///< links, fdb and sysctls were read at least once; gaps names what was missing
  bool gone = false;                           ///< no longer there: all the rest is what was last known
  unsigned refusing_rules_ipv4 = 0;            ///< ip rules that are blackhole, unreachable or prohibit; 0 also when they could not be read
  unsigned refusing_rules_ipv6 = 0;
  /// ip rules beyond the three that every namespace begins with; none: not read.
  std::optional<unsigned> own_rules_ipv4;
  std::optional<unsigned> own_rules_ipv6;
  std::vector<RouteAnswer> routes;     ///< only those that attempts asked for
  std::vector<RuleText> rules;         ///< only those that dropped something; one for each key
  std::optional<Conntrack> conntrack;  ///< none: not there, or not read
  std::vector<TcSide> tc_sides;        ///< only those that dropped something
  std::vector<XfrmPolicy> xfrm_policies;
  bool xfrm_policies_read = false;
  std::map<std::string, std::uint64_t> xfrm_counters;  ///< "XfrmInPolBlock" -> 3, since it was made; none: not there, or not read
  std::vector<Flow> time_wait;                         ///< in SYN direction: connections that asked-for SYNs met in TIME_WAIT
  std::vector<NfQueue> nf_queues;
  bool nf_queues_read = false;        ///< nf_queues is complete, as of its reading
  std::string node;                   ///< the Node that it is, or that its pod runs in; empty: this machine itself, or no node. Untrusted
  std::optional<Pod> pod;             ///< none: not a pod's, or not known whose
  std::vector<ServicePort> services;  ///< by its rules; only those that attempts asked for
  std::string container;              ///< of a container that is no pod's: what its runtime calls it; untrusted
  std::vector<TrackedFlow> tracked;   ///< only those that were asked for

  /// What was read of that rule for a packet of that flow. What names no element is true for every packet.
  const RuleText* rule_text(const RuleKey& key, const Flow& flow) const;

  const Link* link(std::uint32_t ifindex) const;
};

/// What a session observes that is attached to the devices of its scope, and of the ways that attempts in scope take. Of other namespaces
/// it observes single devices, or none.
struct ScopedView {
  std::map<NetnsId, MonotonicNs> whole;  ///< namespaces all of whose devices are observed, and since when
  /// What the scope sends there is received by that namespace itself, and since when that is known.
  std::map<std::pair<NetnsId, Endpoint>, MonotonicNs> ends;
  MonotonicNs everywhere_ns = 0;  ///< since when all devices of the machine are observed after all; 0: they are not

  /// Was every device of that namespace observed at that time?
  bool sees(NetnsId netns, MonotonicNs at) const;
  bool ends_at(NetnsId netns, const Endpoint& to) const { return ends.contains({netns, to}); }
};

struct Inventory {
  std::map<NetnsId, Netns> namespaces;
  std::vector<Gap> gaps;
  NetnsId own_netns = 0;  ///< synfate's own
  std::vector<Node> nodes;
  std::vector<Pod> hosted;  ///< in the network namespaces of their nodes
  /// Processes that attempts were made by, by tgid as synfate sees them; only where their cgroups say more than their namespaces.
  std::map<std::uint32_t, ProcessOwner> owners;
  std::vector<AddressSearch> searches;  ///< the last ones
  std::optional<ScopedView> scoped;     ///< none: every device of every namespace is observed

  /// For that address, on behalf of that device; null: none was made.
  const AddressSearch* search_for(const IpAddress& address, NetnsId netns, std::uint32_t ifindex) const;
  std::map<std::uint32_t, BpfProgram> programs;       ///< only those that may have dropped something, by number
  std::map<std::uint64_t, CgroupPrograms> cgroups;    ///< the same, by cgroup
  std::string security_modules;                       ///< "lockdown,capability,apparmor"; empty: not read
  std::optional<SecurityPrograms> security_programs;  ///< none: not read

  const Netns* find(NetnsId id) const;
  /// The node container's own network namespace; nothing where there is no such node.
  const Node* node_of(NetnsId id) const;
  /// "host", "shop/web-0", "kind-worker", "blue", "4026532511 (python3[42])", "4026532511"; never empty, not cleaned for a terminal.
  std::string label(NetnsId id) const;
};

}  // namespace synfate::model
