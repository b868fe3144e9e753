// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// kube-proxy's iptables mode, of any release: KUBE-SERVICES and KUBE-NODEPORTS of table nat jump to a chain for each service port, which
// ends in DNAT; ports that lead nowhere are refused in table filter.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "inventory/iptables_save.hpp"
#include "inventory/service_parts.hpp"
#include "inventory/sha256.hpp"

namespace synfate::inventory {
namespace {

using Kind = model::ServicePort::Kind;

constexpr std::size_t kHashCharacters = 16;
constexpr std::string_view kDispatch = "KUBE-SERVICES";
constexpr std::string_view kNodePorts = "KUBE-NODEPORTS";
constexpr std::string_view kExternal = "KUBE-EXTERNAL-SERVICES";
/// The endings of kube-proxy's comments at a jump of KUBE-SERVICES.
constexpr std::array<std::pair<std::string_view, Kind>, 3> kPhrases{
    {{"cluster IP", Kind::ClusterIp}, {"external IP", Kind::External}, {"loadbalancer IP", Kind::LoadBalancer}}};

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

/// Of a rule, what a service's rules are made of; views into it.
struct Words {
  bool tcp = false;
  bool negated = false;  ///< one of those below says "not"
  std::string_view destination;
  std::string_view port;
  std::string_view target;
  std::string_view to;  ///< the last --to-destination: an extension that is not understood prints an empty one before it
  bool to_local = false;
  std::string_view comments;  ///< all of them with what is between; as little as iptables_comment() has to look at
};

Words words_of(std::string_view rule) {
  Words words;
  bool negation = false;
  for (std::string_view word = iptables_word(rule); !word.empty(); word = iptables_word(rule)) {
    if (word == "!") {
      negation = true;
      continue;
    }
    const bool negated = negation;
    negation = false;
    if (word == "-p") {
      words.tcp = iptables_word(rule) == "tcp" && !negated;
    } else if (word == "-d" || word == "--dport" || word == "--dst-type") {
      words.negated = words.negated || negated;
      const std::string_view value = iptables_word(rule);
      if (word == "-d") words.destination = value;
      if (word == "--dport") words.port = value;
      if (word == "--dst-type") words.to_local = value == "LOCAL";
    } else if (word == "-j" || word == "-g") {
      words.target = iptables_word(rule);
    } else if (word == "--to-destination") {
      words.to = iptables_word(rule);
    } else if (word == "--comment") {
      const char* const begin = words.comments.empty() ? word.data() : words.comments.data();
      iptables_word(rule);
      words.comments = {begin, static_cast<std::size_t>(rule.data() - begin)};
    }
  }
  return words;
}

/// The target where it ends the rule, as it does unless it has options; empty if it does not. No quote follows, so that none encloses it.
std::string_view last_target(std::string_view rule) {
  constexpr std::string_view kJump = " -j";
  const std::size_t at = rule.rfind(' ');
  if (at == std::string_view::npos || !rule.substr(0, at).ends_with(kJump)) return {};
  const std::string_view word = rule.substr(at + 1);
  return word.find_first_of("\"\\\n") == std::string_view::npos ? word : std::string_view{};
}

/// What follows the kind in "KUBE-SVC-NPX46M4PTMTKRN6Y"; empty for any other chain.
std::string_view hash_in(std::string_view chain) {
  for (const std::string_view kind : {"KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-", "KUBE-XLB-"}) {
    if (starts_with(chain, kind) && chain.size() == kind.size() + kHashCharacters) return chain.substr(kind.size());
  }
  return {};
}

/// One address and none else: "10.0.0.1", "10.0.0.1/32", "fd00::1/128".
std::optional<model::IpAddress> one_address(std::string_view text) {
  const auto prefix = model::parse_prefix(text);
  if (!prefix || prefix->length != (prefix->address.family == 4 ? 32U : 128U)) return std::nullopt;
  return prefix->address;
}

class Reader {
 public:
  explicit Reader(const std::string& backend) : backend_(backend), ipv6_(starts_with(backend, "ip6tables")) {}

  void nat(const SavedTable& table) {
    std::vector<Role> roles;
    for (const SavedChain& chain : table.chains) {
      const bool leads = !hash_in(chain.name).empty() || starts_with(chain.name, "KUBE-SEP-");
      const bool dispatches = chain.name == kDispatch || chain.name == kNodePorts;
      roles.push_back({dispatches, leads ? std::optional{chains_.id(chain.name)} : std::nullopt});
    }
    for (const SavedRule& rule : table.rules) {
      const Role& role = roles[rule.chain];
      if (role.dispatches) entry(table.chains[rule.chain].name, rule.text);
      if (role.way) way(*role.way, rule.text);
    }
    for (const Entry& each : entries_) add(each);
  }

  void filter(const SavedTable& table) {
    std::vector<bool> refuses;
    for (const SavedChain& chain : table.chains) refuses.push_back(chain.name == kDispatch || chain.name == kExternal);
    for (const SavedRule& rule : table.rules) {
      if (refuses[rule.chain]) refused(table.chains[rule.chain].name, rule.text);
    }
  }

  ServiceTable finish() {
    ServiceTable table;
    const auto gap = [&](const char* code, std::string text) { table.gaps.push_back({code, backend_ + ": " + std::move(text)}); };
    if (odd_ != 0) {
      gap(kServicesPartial,
          counted(odd_, "rule in kube-proxy's chains is not of its kind", "rules in kube-proxy's chains are not of its kind"));
    }
    if (unreadable_ != 0) {
      gap(kServicesPartial, counted(unreadable_, "DNAT rule tells no endpoint", "DNAT rules tell no endpoint"));
    }
    if (contradicted_ != 0) {
      gap(kServicesContradict, counted(contradicted_, "comment names", "comments name") + " no service, or one that the chain is not of");
    }
    if (unnamed_ != 0) {
      gap(kServicesUnnamed, counted(unnamed_, "service port has no name", "service ports have no name") + " that their chain proves");
    }
    if (ports_.excessive() || chains_.excessive()) gap(kServicesPartial, "there are more services or endpoints than are read");
    table.ports = std::move(ports_.ports());
    return table;
  }

 private:
  struct Role {
    bool dispatches = false;
    std::optional<ServiceChains::Id> way;
  };
  struct Entry {
    Kind kind;
    model::Endpoint address;
    std::string_view target;
  };

  struct Named {
    std::string text;
    ServiceName name;
  };

  /// A jump from where every packet comes by.
  void entry(std::string_view chain, std::string_view rule) {
    const Words words = words_of(rule);
    if (!words.tcp || words.port.empty()) return;
    const bool node_port = chain == kNodePorts;
    const std::string_view hash = hash_in(words.target);
    const auto address = address_of(words, node_port);
    if (hash.empty() || !address) {
      // Old releases mark here what is to be masqueraded; whatever else is here is nobody's that could be named.
      if (words.target != "KUBE-MARK-MASQ" && words.target != kNodePorts) ++odd_;
      return;
    }
    const std::string comment = iptables_comment(words.comments);
    const std::string_view text{comment};
    const std::size_t blank = std::min(text.find(' '), text.size());
    const bool verified = verify(text.substr(0, blank), hash);
    if (!verified && !text.empty()) ++contradicted_;
    Kind kind = Kind::ClusterIp;
    if (node_port) {
      kind = Kind::NodePort;
    } else if (starts_with(words.target, "KUBE-FW-")) {
      kind = Kind::LoadBalancer;
    } else if (starts_with(words.target, "KUBE-EXT-") || starts_with(words.target, "KUBE-XLB-")) {
      kind = Kind::External;
    }
    for (const auto& [phrase, meant] : kPhrases) {
      if (verified && !node_port && blank < text.size() && text.substr(blank + 1) == phrase) kind = meant;
    }
    entries_.push_back({kind, *address, words.target});
  }

  /// A rule of a chain that was jumped to.
  void way(ServiceChains::Id chain, std::string_view rule) {
    std::string_view target = last_target(rule);
    Words words;
    if (target.empty() || target == "DNAT") {
      words = words_of(rule);
      target = words.target;
    }
    if (!hash_in(target).empty() || starts_with(target, "KUBE-SEP-")) {
      chains_.leads(chain, chains_.id(target));
    } else if (target == "DNAT" && words.tcp) {
      const auto endpoint = parse_endpoint(words.to);
      if (endpoint && (endpoint->address.family == 6) == ipv6_) {
        chains_.sends(chain, *endpoint);
      } else {
        ++unreadable_;
      }
    } else if (!starts_with(target, "KUBE-") && iptables_unknown_part(rule)) {
      ++unreadable_;
    }
  }

  /// Remembers the name if the chain's is made of it.
  bool verify(std::string_view name, std::string_view hash) {
    std::optional<Named>& known = proven(hash);
    if (known && known->text == name) return true;
    auto parsed = parse_service_name(name);
    if (!parsed || sha256_base32(std::string{name} + "tcp", kHashCharacters) != hash) return false;
    if (!known) known = Named{std::string{name}, *std::move(parsed)};
    return true;
  }
  std::optional<Named>& proven(std::string_view hash) {
    const NameIndex::Id id = hashes_.id(hash);
    if (id == names_.size()) names_.emplace_back();
    return names_[id];
  }

  std::optional<model::Endpoint> address_of(const Words& words, bool node_port) const {
    const auto port = parse_port(words.port);
    if (!port || words.negated) return std::nullopt;
    if (node_port) return any_address(ipv6_ ? 6 : 4, *port);
    const auto address = one_address(words.destination);
    if (!address || (address->family == 6) != ipv6_) return std::nullopt;
    return model::Endpoint{*address, *port};
  }

  void add(const Entry& entry) {
    const auto place = ports_.at(entry.address);
    // Old releases have up to three jumps for one address, all to the same chain; of two services' the kernel takes the first.
    if (!place.is_new) return;
    place.port->kind = entry.kind;
    place.port->endpoints = chains_.endpoints(chains_.id(entry.target));
    place.port->source = backend_ + ", table nat, " + std::string{entry.target};
    if (const auto& named = proven(hash_in(entry.target))) {
      set_name(*place.port, named->name);
    } else {
      ++unnamed_;
    }
  }

  /// A port that leads nowhere. Its rule jumps to no chain that could prove the name.
  void refused(std::string_view chain, std::string_view rule) {
    const Words words = words_of(rule);
    if (!words.tcp || words.port.empty() || (words.target != "REJECT" && words.target != "DROP")) return;
    const bool node_port = words.destination.empty() && words.to_local;
    const auto address = address_of(words, node_port);
    const std::string comment = iptables_comment(words.comments);
    const std::string_view text{comment};
    const std::size_t blank = std::min(text.find(' '), text.size());
    const std::string_view phrase = text.substr(blank);
    const auto name = parse_service_name(text.substr(0, blank));
    if (!address || !name || (phrase != " has no endpoints" && phrase != " has no local endpoints")) {
      ++odd_;
      return;
    }
    const std::string source = "table filter, " + std::string{chain} + ":" + std::string{phrase};
    const auto place = ports_.at(*address);
    if (place.port == nullptr) return;
    if (!place.is_new) {
      // What is only near is not refused, so that the port may have endpoints too. Of old releases the rule is there twice.
      if (place.port->source.find(source) == std::string::npos) place.port->source += "; " + source;
      return;
    }
    place.port->kind = node_port ? Kind::NodePort : chain == kExternal ? Kind::External : Kind::ClusterIp;
    set_name(*place.port, *name);
    place.port->source = backend_ + ", " + source + ", by its comment alone";
  }

  const std::string& backend_;
  bool ipv6_;
  std::vector<Entry> entries_;
  NameIndex hashes_;
  std::vector<std::optional<Named>> names_;  ///< by hash; a forged or missing comment does not hide a name that another one proves
  ServiceChains chains_;
  ServicePorts ports_;
  std::size_t odd_ = 0;
  std::size_t unreadable_ = 0;
  std::size_t unnamed_ = 0;
  std::size_t contradicted_ = 0;
};

}  // namespace

ServiceTable parse_iptables_services(std::string_view nat, std::string_view filter, const std::string& backend) {
  Reader reader{backend};
  std::vector<model::Gap> gaps;
  const auto partial = [&](std::string text) { gaps.push_back({kServicesPartial, backend + ", " + std::move(text)}); };
  const auto read = [&](std::string_view text, const char* name, void (Reader::*take)(const SavedTable&)) {
    if (text.empty()) return;
    if (text.size() > kMaxServicesBytes) return partial("table " + std::string{name} + ": its text is longer than is read");
    const SavedRules saved = parse_iptables_save(text);
    const SavedTable* table = saved.table(name);
    if (table == nullptr) return partial("table " + std::string{name} + " is not in the text");
    if (!saved.complete) partial("table " + std::string{name} + ": its text is cut, or has lines that are not understood");
    (reader.*take)(*table);
  };
  // The chains' names are views into the text, which outlives the reader; so are those that the tables hold.
  read(nat, "nat", &Reader::nat);
  read(filter, "filter", &Reader::filter);
  ServiceTable table = reader.finish();
  table.gaps.insert(table.gaps.begin(), gaps.begin(), gaps.end());
  return table;
}

}  // namespace synfate::inventory
