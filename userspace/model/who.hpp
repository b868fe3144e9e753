// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Whose a network namespace, a process or an address is, in Kubernetes' words: plain data read from the node's own files and rules, each
// with its source. Every string in it is untrusted: clean it before a terminal sees it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "model/address.hpp"
#include "model/place.hpp"

namespace synfate::model {

/// A pod, as far as the node's files name it.
struct Pod {
  std::string namespace_name;
  std::string name;
  std::string uid;         ///< as Kubernetes writes it, with "-"; a static pod's is 32 hexadecimal digits; empty: not known
  std::string sandbox_id;  ///< of its pause container; empty: not known
  std::string node;        ///< the name of the Node below whose files told of it; empty: this machine's own
  NetnsId netns = 0;       ///< 0: not known
  bool host_network = false;
  std::vector<IpAddress> addresses;
  std::string host_device;  ///< the node's end of its veth
  std::string source;       ///< "containerd: /run/containerd/.../config.json"
  std::string doubt;        ///< sources that contradict this one, or that are stale; empty: none do

  /// "namespace/name".
  std::string full_name() const { return namespace_name + "/" + name; }
};

/// A container that plays a node: kind's, k3d's, or any that runs a kubelet of its own.
struct Node {
  std::string name;             ///< its hostname, which is the node's name in Kubernetes
  std::string cluster;          ///< empty: not labelled
  std::string role;             ///< "control-plane", "worker", "external-load-balancer"; empty: not labelled
  std::string container_id;     ///< 64 hexadecimal digits
  std::uint32_t init_tgid = 0;  ///< its first process, as synfate numbers it
  NetnsId netns = 0;
  std::string source;
};

/// Whose a process is by its cgroup, where its network namespace does not say it: a container of a pod, or a pod in the node's namespace.
struct ProcessOwner {
  std::string pod;        ///< "namespace/name"; empty: no pod's
  std::string container;  ///< its name in the pod, or what the runtime calls it
  std::string node;
};

/// A port of a service, under one of its addresses.
struct ServicePort {
  enum class Kind : std::uint8_t { ClusterIp, NodePort, External, LoadBalancer };

  std::string namespace_name;
  std::string name;
  std::string port_name;  ///< empty: the port has none
  Kind kind = Kind::ClusterIp;
  Endpoint address;                 ///< NodePort: the address is all zero, of the family
  std::vector<Endpoint> endpoints;  ///< where the node's rules send it: of this node and of others
  std::string source;               ///< "iptables-legacy, table nat, KUBE-SVC-..."
  MonotonicNs read_ns = 0;          ///< when the rules were; 0: not known

  bool operator==(const ServicePort&) const = default;
  /// "namespace/name", or "namespace/name:port".
  std::string full_name() const { return namespace_name + "/" + name + (port_name.empty() ? "" : ":" + port_name); }
};

}  // namespace synfate::model
