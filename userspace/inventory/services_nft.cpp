// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// kube-proxy's nftables mode: maps of its own table lead from an address to a chain whose name tells the service, and on to endpoints.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.hpp"
#include "inventory/service_parts.hpp"
#include "inventory/sha256.hpp"

namespace synfate::inventory {
namespace {

using Json = nlohmann::json;
using Kind = model::ServicePort::Kind;

constexpr std::string_view kTable = "kube-proxy";
constexpr std::size_t kHashCharacters = 8;
/// kube-proxy cuts longer names, and with them what the hash is of.
constexpr std::size_t kCutLength = 240;
/// An element of a map is at 7, a rule of kube-proxy's at 12.
constexpr std::size_t kMaxDepth = 24;
/// Of one map or rule; ten bytes of text can cost a hundred of memory.
constexpr std::size_t kMaxValues = 1'000'000;

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

const std::string* text_of(const Json& value) { return value.get_ptr<const std::string*>(); }

const Json* field(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string_view text_field(const Json& object, const char* name) {
  const Json* value = field(object, name);
  const std::string* text = value == nullptr ? nullptr : text_of(*value);
  return text == nullptr ? std::string_view{} : std::string_view{*text};
}

std::optional<std::uint16_t> port_of(const Json& value) {
  if (const std::string* text = text_of(value)) return parse_port(*text);
  const auto* number = value.get_ptr<const Json::number_unsigned_t*>();
  return number != nullptr && *number != 0 && *number <= 65'535 ? std::optional{static_cast<std::uint16_t>(*number)} : std::nullopt;
}

bool is_tcp(const Json& value) {
  constexpr Json::number_unsigned_t kTcp = 6;
  if (const std::string* text = text_of(value)) return *text == "tcp";
  const auto* number = value.get_ptr<const Json::number_unsigned_t*>();
  return number != nullptr && *number == kTcp;
}

/// "service-ULMVA6XW-ns1/svc1/tcp/p80" taken apart.
struct ChainName {
  std::string_view kind;  ///< "service"
  std::string_view hash;
  std::string_view rest;

  explicit ChainName(std::string_view chain) {
    for (const std::string_view known : {"service", "local", "external", "firewall", "endpoint"}) {
      const std::size_t begin = known.size() + 1;
      if (!starts_with(chain, known) || chain.size() < begin + kHashCharacters + 2) continue;
      if (chain[known.size()] != '-' || chain[begin + kHashCharacters] != '-') continue;
      kind = known;
      hash = chain.substr(begin, kHashCharacters);
      rest = chain.substr(begin + kHashCharacters + 1);
    }
  }

  /// What was not cut and has the hash of what it says.
  std::optional<ServiceName> service() const {
    const auto parts = split(rest, '/');
    if (kind.empty() || rest.size() > kCutLength || parts.size() != 4 || parts[2] != "tcp") return std::nullopt;
    if (sha256_base32(rest, kHashCharacters) != hash) return std::nullopt;
    return parse_service_name(std::string{parts[0]} + "/" + std::string{parts[1]} + ":" + std::string{parts[3]});
  }

  /// Of an endpoint's chain: "...__10.180.0.1/80"; chains have no colons in their names, so that an IPv6 address has dots.
  std::optional<model::Endpoint> endpoint(bool ipv6) const {
    const std::size_t at = rest.rfind("__");
    const std::size_t slash = rest.rfind('/');
    if (kind != "endpoint" || at == std::string_view::npos || slash == std::string_view::npos || slash < at) return std::nullopt;
    std::string address{rest.substr(at + 2, slash - at - 2)};
    if (ipv6) std::replace(address.begin(), address.end(), '.', ':');
    const auto ip = model::parse_ip(address);
    const auto port = parse_port(rest.substr(slash + 1));
    if (!ip || !port || (ip->family == 6) != ipv6) return std::nullopt;
    return model::Endpoint{*ip, *port};
  }
};

/// An object of the listing, as text.
struct Slice {
  std::string_view text;
  bool excessive = false;
};

/// {"nftables": [{...}, ...]}: each {...}, so that never more than one of them is in memory. False: the text is cut.
bool for_each_object(std::string_view text, const std::function<void(const Slice&)>& take) {
  std::size_t depth = 0;
  std::size_t begin = 0;
  std::size_t values = 0;
  std::size_t deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted) {
      if (c == '\\') ++i;
      continue;
    }
    if (c == ',') ++values;
    if (c == '{' || c == '[') {
      ++values;
      deepest = std::max(deepest, ++depth);
      if (depth != 3) continue;
      begin = i;
      values = 0;
      deepest = depth;
    } else if ((c == '}' || c == ']') && depth > 0 && --depth == 2) {
      take({text.substr(begin, i + 1 - begin), deepest > kMaxDepth || values > kMaxValues});
    }
  }
  return depth == 0 && !quoted;
}

/// The first key, which says what it is: "map".
std::string_view kind_of(std::string_view object) {
  const std::size_t begin = object.find('"');
  if (begin == std::string_view::npos) return {};
  return object.substr(begin + 1, object.find('"', begin + 1) - begin - 1);
}

bool may_lead(std::string_view rule) {
  const auto has = [&](std::string_view word) { return rule.find(word) != std::string_view::npos; };
  return has("\"goto\"") || has("\"dnat\"") || (has("\"jump\"") && !has("\"mark-for-masquerade\""));
}

class Reader {
 public:
  void take(const Slice& slice) {
    const std::string_view kind = kind_of(slice.text);
    // Rules are most of the text, and most of them only mark; a chain says nothing that what leads to it does not say.
    if (kind != "map" && kind != "set" && (kind != "rule" || !may_lead(slice.text))) return;
    const Json whole = slice.excessive ? Json(Json::value_t::discarded) : Json::parse(slice.text, nullptr, false);
    const Json* object = whole.is_object() ? field(whole, std::string{kind}.c_str()) : nullptr;
    if (object == nullptr) {
      ++odd_;
      return;
    }
    if (text_field(*object, "table") != kTable) return;
    const std::string_view family = text_field(*object, "family");
    if (family != "ip" && family != "ip6") return;
    // The family is the text's as a whole, since the maps of two would be mixed up.
    if (family_ == 0) family_ = family == "ip" ? 4 : 6;
    if ((family == "ip6") != ipv6()) {
      ++odd_;
    } else if (kind == "rule") {
      rule(text_field(*object, "chain"), *object);
    } else if (const Json* elements = field(*object, "elem"); elements != nullptr && elements->is_array()) {
      for (const Json& each : *elements) element(text_field(*object, "name"), each);
    }
  }

  ServiceTable finish(bool whole) {
    for (const Entry& each : entries_) add(each);
    for (const Entry& each : refused_) refuse(each);
    ServiceTable table;
    const auto gap = [&](const char* code, std::string why) {
      table.gaps.push_back({code, "nftables, table kube-proxy: " + std::move(why)});
    };
    if (!whole) gap(kServicesPartial, "its text is cut");
    if (odd_ != 0) gap(kServicesPartial, counted(odd_, "object or element is", "objects or elements are") + " not understood");
    if (unnamed_ != 0) {
      gap(kServicesUnnamed, counted(unnamed_, "service port has no name", "service ports have no name") + " that their chain proves");
    }
    if (ports_.excessive() || chains_.excessive()) gap(kServicesPartial, "there are more services or endpoints than are read");
    table.ports = std::move(ports_.ports());
    return table;
  }

 private:
  struct Entry {
    model::Endpoint address;
    bool node_port = false;
    std::string target;   ///< the chain; "drop" where it ends
    std::string comment;  ///< of a refused one
  };

  bool ipv6() const { return family_ == 6; }

  /// [key, verdict] of a map, a bare key of a set; {"elem": {"val": key, "comment": ...}} in the key's place.
  void element(std::string_view set, const Json& whole) {
    const bool pair = whole.is_array() && whole.size() == 2;
    const Json* key = pair ? &whole[0] : &whole;
    std::string_view comment;
    if (const Json* wrapped = field(*key, "elem")) {
      comment = text_field(*wrapped, "comment");
      key = field(*wrapped, "val");
      if (key == nullptr) return odd();
    }
    if (set == "cluster-ips") {
      const std::string* text = text_of(*key);
      const auto address = text == nullptr ? std::nullopt : model::parse_ip(*text);
      return address ? static_cast<void>(cluster_ips_.insert(*address)) : odd();
    }
    const bool node_port = set == "service-nodeports" || set == "no-endpoint-nodeports";
    const bool refused = set == "no-endpoint-services" || set == "no-endpoint-nodeports";
    if (!node_port && !refused && set != "service-ips" && set != "firewall-ips") return;
    const Json* parts = field(*key, "concat");
    if (!pair || parts == nullptr || !parts->is_array() || parts->size() != (node_port ? 2U : 3U)) return odd();
    if (!is_tcp((*parts)[parts->size() - 2])) return;
    const auto port = port_of(parts->back());
    const std::string* host = node_port ? nullptr : text_of(parts->front());
    const auto address = host == nullptr ? std::nullopt : model::parse_ip(*host);
    if (!port || (!node_port && (!address || (address->family == 6) != ipv6()))) return odd();
    Entry entry{node_port ? any_address(family_, *port) : model::Endpoint{*address, *port}, node_port, "drop", std::string{comment}};
    for (const char* way : {"goto", "jump"}) {
      if (const Json* verdict = field(whole[1], way)) entry.target = text_field(*verdict, "target");
    }
    if (set == "firewall-ips") {
      restricted_.insert(entry.address);
    } else {
      (refused ? refused_ : entries_).push_back(std::move(entry));
    }
  }

  void rule(std::string_view chain, const Json& rule) {
    if (ChainName{chain}.kind.empty()) return;
    if (const Json* statements = field(rule, "expr")) statement(chain, *statements);
  }

  /// Verdicts are at any depth, in maps of the rule's own. No deeper than a slice may be.
  void statement(std::string_view chain, const Json& here) {
    if (here.is_object()) {
      for (const char* way : {"goto", "jump"}) {
        const Json* verdict = field(here, way);
        const std::string_view target = verdict == nullptr ? std::string_view{} : text_field(*verdict, "target");
        if (!ChainName{target}.kind.empty()) lead(chain, target);
      }
      if (const Json* nat = field(here, "dnat")) {
        const Json* port = field(*nat, "port");
        const auto number = port == nullptr ? std::nullopt : port_of(*port);
        const auto address = model::parse_ip(text_field(*nat, "addr"));
        if (number && address && (address->family == 6) == ipv6()) chains_.sends(chains_.id(chain), {*address, *number});
      }
    }
    if (!here.is_structured()) return;
    for (const Json& each : here) statement(chain, each);
  }

  void lead(std::string_view from, std::string_view to) {
    const ServiceChains::Id id = chains_.id(to);
    chains_.leads(chains_.id(from), id);
    const ChainName name{to};
    if (name.kind == "endpoint") ends_.insert(std::string{to});
  }

  void add(const Entry& entry) {
    if (!ends_.empty()) {
      // A DNAT that some version of nft prints in another way is told by the chain's name still.
      for (const std::string& end : ends_) {
        const ServiceChains::Id id = chains_.id(end);
        const auto endpoint = chains_.has_endpoint(id) ? std::nullopt : ChainName{end}.endpoint(ipv6());
        if (endpoint) chains_.sends(id, *endpoint);
      }
      ends_.clear();
    }
    const ChainName chain{entry.target};
    const auto place = chain.kind.empty() ? ServicePorts::Place{} : ports_.at(entry.address);
    if (chain.kind.empty()) ++odd_;
    if (!place.is_new) return;
    model::ServicePort& port = *place.port;
    port.kind = kind_of_entry(entry, chain.kind != "external");
    port.source = "nftables, table kube-proxy, " + entry.target;
    port.endpoints = chains_.endpoints(chains_.id(entry.target));
    if (const auto name = chain.service()) {
      set_name(port, *name);
    } else {
      ++unnamed_;
    }
  }

  /// A port that leads nowhere. Its verdict is for all such ports, so that nothing proves the name.
  void refuse(const Entry& entry) {
    const std::string source = std::string{"map no-endpoint-"} + (entry.node_port ? "nodeports: " : "services: ") +
                               (entry.target == "drop" ? "has no local endpoints" : "has no endpoints");
    const auto place = ports_.at(entry.address);
    if (place.port == nullptr) return;
    if (!place.is_new) {
      place.port->source += "; " + source;
      return;
    }
    place.port->kind = kind_of_entry(entry, false);
    place.port->source = "nftables, table kube-proxy, " + source + ", by its comment alone";
    if (const auto name = parse_service_name(entry.comment)) {
      set_name(*place.port, *name);
    } else {
      ++unnamed_;
    }
  }

  Kind kind_of_entry(const Entry& entry, bool internal) const {
    if (entry.node_port) return Kind::NodePort;
    if (internal || cluster_ips_.contains(entry.address.address)) return Kind::ClusterIp;
    return restricted_.contains(entry.address) ? Kind::LoadBalancer : Kind::External;
  }

  void odd() { ++odd_; }

  std::uint8_t family_ = 0;
  std::vector<Entry> entries_;
  std::vector<Entry> refused_;
  std::set<model::IpAddress> cluster_ips_;
  std::set<model::Endpoint> restricted_;  ///< what has a firewall is a load balancer's; not every load balancer's address has one
  std::set<std::string> ends_;
  ServiceChains chains_;
  ServicePorts ports_;
  std::size_t odd_ = 0;
  std::size_t unnamed_ = 0;
};

}  // namespace

ServiceTable parse_nft_services(std::string_view json) {
  if (json.size() > kMaxServicesBytes) {
    return {{}, {{kServicesPartial, "nftables, table kube-proxy: its text is longer than is read"}}};
  }
  Reader reader;
  const bool whole = for_each_object(trim(json), [&](const Slice& slice) { reader.take(slice); });
  return reader.finish(whole);
}

}  // namespace synfate::inventory
