// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/nat.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"
#include "judge/meaning.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Endpoint;
using model::ServicePort;
using model::TrackedFlow;

/// Those of a SYN that went where nobody took it, or nobody answered.
constexpr std::array<std::string_view, 13> kConcerned{
    "left_node",       "peer_reset",        "icmp_from_peer", "neighbour_failed", "neighbour_unresolved", "no_route",
    "route_blackhole", "route_unreachable", "route_prohibit", "forwarding_off",   "no_listener",          "other",
    "unknown"};
constexpr std::size_t kMaxNamed = 3;
constexpr std::size_t kMaxGap = 400;

/// A service's port, and in whose rules it is.
struct Known {
  const ServicePort* port = nullptr;
  model::NetnsId netns = 0;
  bool passed = false;  ///< the SYN was there

  explicit operator bool() const { return port != nullptr; }
  std::string name() const { return "service " + clean(port->full_name()); }
};

/// A node, or a pod of one.
bool passed_a_node(const Case& kase, const NatQuestions& nat) {
  return std::any_of(nat.flows.begin(), nat.flows.end(), [&](const auto& each) {
    const model::Netns* netns = kase.netns(each.first);
    return netns != nullptr && !netns->node.empty();
  });
}

bool was_in(const NatQuestions& nat, model::NetnsId netns) {
  return std::any_of(nat.flows.begin(), nat.flows.end(), [&](const auto& each) { return each.first == netns; });
}

/// By rules on the way first. `matches` says which ports.
template <class Matches>
Known find_service(const Case& kase, const NatQuestions& nat, Matches matches) {
  Known found;
  for (const auto& [id, netns] : kase.inventory().namespaces) {
    const bool passed = was_in(nat, id);
    if (found.passed || (found && !passed)) continue;
    const auto port = std::find_if(netns.services.begin(), netns.services.end(), [&](const ServicePort& each) {
      return !each.name.empty() && each.kind != ServicePort::Kind::NodePort && matches(each);
    });
    if (port != netns.services.end()) found = {&*port, id, passed};
  }
  return found;
}

Known asked_for(const Case& kase, const NatQuestions& nat) {
  if (const ServicePort* port = asked_service(kase.journey(), kase.inventory())) {
    for (const auto& [id, netns] : kase.inventory().namespaces) {
      const bool its = std::any_of(netns.services.begin(), netns.services.end(), [&](const ServicePort& each) { return &each == port; });
      if (its) return {port, id, was_in(nat, id)};
    }
  }
  const Endpoint& asked = kase.journey().faces.front().dst;
  return find_service(kase, nat, [&](const ServicePort& port) { return port.address == asked; });
}

const TrackedFlow* tracked_in(const Case& kase, const NatQuestions& nat, model::NetnsId id) {
  const model::Netns* netns = kase.netns(id);
  const auto flow = std::find_if(nat.flows.begin(), nat.flows.end(), [&](const auto& each) { return each.first == id; });
  if (netns == nullptr || flow == nat.flows.end()) return nullptr;
  const auto entry =
      std::find_if(netns->tracked.begin(), netns->tracked.end(), [&](const TrackedFlow& each) { return each.original == flow->second; });
  return entry == netns->tracked.end() ? nullptr : &*entry;
}

std::string endpoint_words(const ServicePort& port) {
  if (port.endpoints.empty()) return "none";
  std::string words;
  for (std::size_t i = 0; i < port.endpoints.size() && i < kMaxNamed; ++i) words += (i == 0 ? "" : ", ") + to_string(port.endpoints[i]);
  const std::size_t more = port.endpoints.size() - std::min(port.endpoints.size(), kMaxNamed);
  return words + (more == 0 ? "" : " and " + std::to_string(more) + " more");
}

std::string kind_words(ServicePort::Kind kind) {
  switch (kind) {
    case ServicePort::Kind::External: return "an external IP";
    case ServicePort::Kind::LoadBalancer: return "the load balancer's address";
    default: return "the cluster IP";
  }
}

/// What was read of the services there lacks nothing.
bool is_whole(const Case& kase, model::NetnsId id) {
  const model::Netns* netns = kase.netns(id);
  return netns != nullptr &&
         std::none_of(netns->gaps.begin(), netns->gaps.end(), [](const model::Gap& gap) { return gap.code.starts_with("services_"); });
}

std::string show_endpoints(const ServicePort& port) {
  return "kubectl -n " + shell_word(port.namespace_name) + " get endpointslices -l kubernetes.io/service-name=" + shell_word(port.name);
}

std::string show_entry(const Case& kase, const NatQuestions& nat, model::NetnsId id) {
  const auto flow = std::find_if(nat.flows.begin(), nat.flows.end(), [&](const auto& each) { return each.first == id; });
  const model::Flow& asked = flow == nat.flows.end() ? kase.journey().faces.front() : flow->second;
  return in_netns(kase, id,
                  "conntrack -L " + std::string(asked.family() == 6 ? "-f ipv6 " : "") + "-p tcp -s " + to_string(asked.src.address) +
                      " --sport " + std::to_string(asked.src.port) + " -d " + to_string(asked.dst.address));
}

/// An absence on the way is worth what was seen of the way.
std::string as_far(const Case& kase) {
  const model::Journey& journey = kase.journey();
  return journey.events_lost + journey.hops_lost != 0 || journey.untracked ? ", as far as was seen" : "";
}

/// ", though it is in the subnet of eth0 in netns x (10.0.1.2/24)": of a device on the way that packets leave for neighbours by.
std::string subnet_words(const Case& kase, const NatQuestions& nat) {
  for (const auto& [id, flow] : nat.flows) {
    const model::Netns* netns = kase.netns(id);
    if (netns == nullptr) continue;
    for (const model::Link& link : netns->links) {
      if (link.loopback || link.physical || link.kind == "tun") continue;
      for (const model::InterfaceAddress& own : link.addresses) {
        const bool one = own.prefix_length == 0 || own.prefix_length >= (own.address.family == 6 ? 128U : 32U);
        if (one || !model::Prefix{own.address, own.prefix_length}.contains(nat.wanted)) continue;
        return ", though it is in the subnet of " + clean(link.name) + " in " + netns_words(kase, id) + " (" + to_string(own.address) +
               "/" + std::to_string(own.prefix_length) + ")";
      }
    }
  }
  return "";
}

/// True: nobody has the address.
bool tell_owner(const Case& kase, const NatQuestions& nat, Finding& finding) {
  if (!nat.wanted) return false;
  const model::AddressSearch* search = kase.inventory().search_for(nat.wanted, nat.by.netns, nat.by.ifindex);
  if (search == nullptr) return false;
  const std::string address = to_string(nat.wanted);
  if (!search->owners.empty()) {
    std::string words;
    for (std::size_t i = 0; i < search->owners.size() && i < kMaxNamed; ++i) {
      words += (i == 0 ? "" : " and of ") + netns_words(kase, search->owners[i]);
    }
    finding.evidence.push_back(address + " is an address of " + words);
    return false;
  }
  if (search->ifindex != 0 && search->beyond.empty()) {
    // Whatever else there is on this machine, that device does not lead there.
    const std::string device = clean(nat.by.device);
    finding.evidence.push_back("behind " + place_words(kase, nat.by) +
                               " are only network namespaces that were read, and none of them has the address " + address +
                               ": nobody there has it");
    finding.summary += ", which nobody behind " + device + " has";
    return true;
  }
  const std::string subnet = subnet_words(kase, nat);
  // What leaves for other machines is as a rule theirs.
  if (is_edge(nat.by) && subnet.empty()) return false;
  const std::string which = search->gap.empty()
                                ? "none of the " + count_words(search->namespaces, "network namespace") + " of this machine has"
                                : "no network namespace that could be read has";
  finding.evidence.push_back(which + " the address " + address + subnet +
                             (search->gap.empty() ? "" : "; not all could be read: " + printable(search->gap, kMaxGap)) +
                             (search->beyond.empty() ? "" : "; another machine may have it, behind " + clean(search->beyond)));
  return false;
}

void tell_translation(const Case& kase, const NatQuestions& nat, Finding& finding) {
  Known service = asked_for(kase, nat);
  // What another cluster of this machine calls that address has no part in it.
  if (!service.passed) service = {};
  const std::string where = nat.translator == 0 ? "" : " in " + netns_words(kase, nat.translator);
  std::string words = (nat.concluded ? "as far as can be concluded, DNAT" : "DNAT") + where + " sent it to " + to_string(*nat.sent_to);
  bool stale = false;
  if (service) {
    const auto& endpoints = service.port->endpoints;
    const bool listed = std::find(endpoints.begin(), endpoints.end(), *nat.sent_to) != endpoints.end();
    // Rules that were read before the SYN was sent may have been others by then.
    const bool read_since = service.port->read_ns >= kase.journey().first_ns;
    stale = !listed && read_since && is_whole(kase, service.netns);
    if (listed || stale)
      words += listed ? ", an endpoint of " + service.name() + " by the rules of " + netns_words(kase, service.netns)
                      : ", which is no endpoint of " + service.name() + " by the rules of " + netns_words(kase, service.netns) +
                            " as they are now (" + endpoint_words(*service.port) + ")";
  }
  finding.evidence.push_back(words);
  const TrackedFlow* entry = tracked_in(kase, nat, nat.translator);
  if (stale) {
    finding.elsewhere.clear();
    const bool kept = entry != nullptr && entry->sent_to() == nat.sent_to;
    finding.evidence.push_back(
        kept ? "conntrack of " + netns_words(kase, nat.translator) +
                   " keeps that translation for this connection, whatever the rules are now: they were changed after its first SYN, or "
                   "another rule "
                   "than kube-proxy's made it"
             : std::string("the rules were changed after its first SYN, or another rule than kube-proxy's translates it"));
    if (kept) finding.next = show_entry(kase, nat, nat.translator);
  }
  if (!tell_owner(kase, nat, finding)) return;
  finding.elsewhere.clear();
  if (service && !stale) {
    finding.next = show_endpoints(*service.port);
  } else {
    finding.next = show_entry(kase, nat, nat.translator != 0 ? nat.translator : kase.journey().origin_netns);
  }
}

/// The SYN left with a service's address on it.
void tell_untranslated(const Case& kase, const NatQuestions& nat, Finding& finding) {
  const Endpoint& asked = kase.journey().faces.front().dst;
  const Known service = asked_for(kase, nat);
  if (service && service.port->kind == ServicePort::Kind::NodePort) return;
  if (service) {
    // What another cluster of this machine calls that address is none of this SYN's business.
    if (!service.passed && passed_a_node(kase, nat)) return;
    const std::string rules = service.name() + " by the rules of " + netns_words(kase, service.netns);
    std::string words = to_string(asked) + " is " + kind_words(service.port->kind) + " of " + rules;
    if (!service.passed) {
      // It may be somebody else's address as well, out there.
      finding.evidence.push_back(words + ", which the SYN did not pass" + as_far(kase) + ": no rule on its way translated it");
      return;
    }
    const TrackedFlow* entry = tracked_in(kase, nat, service.netns);
    if (service.port->endpoints.empty()) {
      words += ", which has no endpoint there: nothing translated it";
      finding.next = show_endpoints(*service.port);
    } else if (entry != nullptr && entry->reply && !entry->sent_to()) {
      words += " (endpoints " + endpoint_words(*service.port) +
               "), but conntrack there has this connection without a translation, and keeps it so: "
               "the rule came after its first SYN, or does not apply to it";
      finding.next = show_entry(kase, nat, service.netns);
    } else {
      words += " (endpoints " + endpoint_words(*service.port) + "), and nothing translated it; why is not determined";
      finding.next = show_entry(kase, nat, service.netns);
    }
    finding.summary += ", untranslated";
    finding.elsewhere.clear();
    finding.evidence.push_back(std::move(words));
    return;
  }
  const Known other = find_service(kase, nat, [&](const ServicePort& port) {
    return port.kind == ServicePort::Kind::ClusterIp && port.address.address == asked.address;
  });
  if (!other || !other.passed) return;
  std::string ports;
  unsigned count = 0;
  for (const ServicePort& port : kase.netns(other.netns)->services) {
    if (port.address.address != asked.address || ++count > kMaxNamed) continue;
    ports += (ports.empty() ? "" : ", ") + std::to_string(port.address.port);
  }
  finding.evidence.push_back(to_string(asked.address) + " is " + kind_words(other.port->kind) + " of service " +
                             clean(other.port->namespace_name + "/" + other.port->name) + " by the rules of " +
                             netns_words(kase, other.netns) + ", which know of TCP port " + ports +
                             (count > kMaxNamed ? " and others" : "") + " and not of " + std::to_string(asked.port) +
                             ": nothing translated it");
  finding.summary += ", untranslated";
  finding.elsewhere.clear();
  finding.next = "kubectl -n " + shell_word(other.port->namespace_name) + " get service " + shell_word(other.port->name);
}

}  // namespace

void tell_nat(const Case& kase, std::string_view cause, Finding& finding) {
  if (finding.packet != model::Leg::Syn || std::find(kConcerned.begin(), kConcerned.end(), cause) == kConcerned.end()) return;
  const NatQuestions nat = questions_about_nat(kase.journey(), kase.inventory());
  if (nat.flows.empty()) return;
  if (nat.sent_to) {
    tell_translation(kase, nat, finding);
  } else if (cause == "no_listener") {
    return;
  } else if (nat.wanted) {
    (void)tell_owner(kase, nat, finding);
  } else if (nat.left_as_asked) {
    tell_untranslated(kase, nat, finding);
  }
}

}  // namespace synfate::judge
