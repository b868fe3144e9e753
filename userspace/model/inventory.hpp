// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is known of the machine around an attempt: plain data with the source of each fact, and the gaps.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/address.hpp"
#include "model/place.hpp"
#include "model/rule.hpp"
#include "model/who.hpp"

namespace synfate::model {

/// Something that could not be read, in words: what, and why.
struct Gap {
  std::string code;  ///< stable, for JSON: "netns_unreadable"
  std::string text;
};

struct BridgePort {
  std::uint8_t state = 0;  ///< BR_STATE_*: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking
  bool hairpin = false;
  bool isolated = false;
};

struct InterfaceAddress {
  IpAddress address;
  unsigned prefix_length = 0;
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
};

/// A bridge's forwarding entry: behind which port a MAC address is.
struct FdbEntry {
  std::uint32_t bridge_ifindex = 0;
  std::uint32_t port_ifindex = 0;
  std::array<std::uint8_t, 6> mac{};
  bool local = false;
};

/// A TCP socket that waits for connections.
struct ListenSocket {
  Endpoint local;                       ///< the address is all zero when it is bound to none
  unsigned queue_length = 0;            ///< connections that wait for accept()
  std::optional<unsigned> queue_limit;  ///< none: the source does not say
  std::uint64_t inode = 0;
  std::uint32_t uid = 0;
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

struct Netns {
  NetnsId id = 0;
  std::string name;                ///< "host", a name in /run/netns, or "" ; untrusted
  std::string source;              ///< where the name comes from: "init", "/run/netns/x", "/proc/42/ns/net"
  bool host = false;               ///< the namespace of pid 1 (as synfate sees it)
  std::uint32_t example_tgid = 0;  ///< a process in it; 0: none (held by a mount or a file descriptor only)
  std::string example_comm;        ///< untrusted
  std::vector<Link> links;
  std::vector<FdbEntry> fdb;
  std::map<std::string, std::string> sysctls;  ///< "net.ipv4.ip_forward" -> "0"; only those read
  std::vector<Gap> gaps;
  std::vector<ListenSocket> listeners;
  bool listeners_read = false;       ///< listeners is complete, as of its reading
  bool details_read = false;         ///< links, fdb and sysctls were read at least once; gaps names what was missing
  bool gone = false;                 ///< no longer there: all the rest is what was last known
  unsigned refusing_rules_ipv4 = 0;  ///< ip rules that are blackhole, unreachable or prohibit; 0 also when they could not be read
  unsigned refusing_rules_ipv6 = 0;
  std::vector<RuleText> rules;         ///< only those that dropped something; one for each key
  std::optional<Conntrack> conntrack;  ///< none: not there, or not read
  std::vector<NfQueue> nf_queues;
  bool nf_queues_read = false;        ///< nf_queues is complete, as of its reading
  std::string node;                   ///< the Node that it is, or that its pod runs in; empty: this machine itself, or no node. Untrusted
  std::optional<Pod> pod;             ///< none: not a pod's, or not known whose
  std::vector<ServicePort> services;  ///< by its rules; only those that attempts asked for
  std::string container;              ///< of a container that is no pod's: what its runtime calls it; untrusted

  /// What was read of that rule for a packet of that flow. What names no element is true for every packet.
  const RuleText* rule_text(const RuleKey& key, const Flow& flow) const;

  const Link* link(std::uint32_t ifindex) const;
};

struct Inventory {
  std::map<NetnsId, Netns> namespaces;
  std::vector<Gap> gaps;
  NetnsId own_netns = 0;  ///< synfate's own
  std::vector<Node> nodes;
  std::vector<Pod> hosted;  ///< in the network namespaces of their nodes
  /// Processes that attempts were made by, by tgid as synfate sees them; only where their cgroups say more than their namespaces.
  std::map<std::uint32_t, ProcessOwner> owners;

  const Netns* find(NetnsId id) const;
  /// The node container's own network namespace; nothing where there is no such node.
  const Node* node_of(NetnsId id) const;
  /// "host", "shop/web-0", "kind-worker", "blue", "4026532511 (python3[42])", "4026532511"; never empty, not cleaned for a terminal.
  std::string label(NetnsId id) const;
};

}  // namespace synfate::model
