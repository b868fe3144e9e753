// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/xt_table.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
// After the C library's own headers, which know how to share their names with these.
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

constexpr std::array<const char*, NF_INET_NUMHOOKS> kBuiltinNames{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};
constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();

/// Targets that Linux never lets return NF_DROP, 5.15 to 6.18. Missing on purpose, as they drop what they cannot rewrite or look up: DSCP,
/// TOS, TTL, HL, ECN, TCPMSS, TCPOPTSTRIP, SNPT, DNPT, TPROXY, SYNPROXY and all of NAT. NFQUEUE hands the packet over: a drop is later.
constexpr std::array<std::string_view, 19> kNeverDrop{"AUDIT",     "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK", "CT",      "HMARK",
                                                      "IDLETIMER", "LED",      "LOG",      "MARK",     "NFLOG",       "NFQUEUE", "NOTRACK",
                                                      "RATEEST",   "SECMARK",  "SET",      "TEE",      "TRACE"};

/// Where things are in an entry.
struct Layout {
  std::size_t header;
  std::size_t matched;  ///< ipt_ip or ip6t_ip6, at the beginning
  std::size_t target_offset;
  std::size_t next_offset;
  std::size_t flags;
  unsigned goto_flag;
};
constexpr Layout kIpv4{sizeof(ipt_entry),       sizeof(ipt_ip), offsetof(ipt_entry, target_offset), offsetof(ipt_entry, next_offset),
                       offsetof(ipt_ip, flags), IPT_F_GOTO};
constexpr Layout kIpv6{sizeof(ip6t_entry),        sizeof(ip6t_ip6), offsetof(ip6t_entry, target_offset), offsetof(ip6t_entry, next_offset),
                       offsetof(ip6t_ip6, flags), IP6T_F_GOTO};
static_assert(kIpv4.header == 112 && kIpv4.matched == 84 && offsetof(ipt_entry, ip) == 0);
static_assert(kIpv6.header == 168 && kIpv6.matched == 136 && offsetof(ip6t_entry, ipv6) == 0);
constexpr std::size_t kTargetHeader = sizeof(xt_entry_target);
static_assert(kTargetHeader == 32);

template <class T>
T value_at(std::string_view bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

/// As long as a field that need not be terminated.
std::string_view name_in(std::string_view field) { return field.substr(0, field.find('\0')); }

std::uint64_t fnv1a(std::uint64_t hash, std::string_view bytes) {
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  return hash;
}

/// One entry, its sizes proven.
struct Entry {
  std::string_view bytes;
  std::uint32_t offset = 0;
  std::size_t target_at = 0;
  bool unconditional = false;
  std::string_view target;       ///< its name
  std::string_view target_data;  ///< what follows its header
};

class Parser {
 public:
  Parser(int family, const std::string& name, const machine::XtTableBytes& bytes)
      : bytes_(bytes), layout_(family == AF_INET6 ? kIpv6 : kIpv4) {
    table_.family = static_cast<std::uint8_t>(family);
    table_.name = name;
  }

  Result<XtTable> parse() {
    if (!read_entries() || !all_hooks_seen() || !resolve_jumps() || !names_are_unique()) {
      return Error{ErrorKind::BadData, "cannot understand the iptables-legacy table " + printable(table_.name, 64), why_, ""};
    }
    return std::move(table_);
  }

 private:
  bool bad(std::size_t offset, const char* why) {
    why_ = "the entry at byte " + std::to_string(offset) + " " + why;
    return false;
  }

  bool read_entries() {
    const std::string_view all = bytes_.entries;
    if (all.size() >= kNowhere) return bad(0, "is in a table that is too long");
    table_.rules.reserve(std::min<std::size_t>(bytes_.num_entries, all.size() / (layout_.header + kTargetHeader)));
    std::uint32_t entries = 0;
    for (std::size_t offset = 0; offset < all.size();) {
      Entry entry;
      if (!cut_out(all, offset, entry)) return false;
      ++entries;
      offset += entry.bytes.size();
      const bool error_target = entry.target == XT_ERROR_TARGET;
      if (offset == all.size()) {
        if (!error_target) return bad(entry.offset, "is the last one, but does not close the table");
        if (!end_chain(entry.offset)) return false;
      } else if (error_target ? !begin_user_chain(entry) : !add(entry)) {
        return false;
      }
    }
    if (entries == bytes_.num_entries && entries != 0) return true;
    why_ = "it has " + std::to_string(entries) + " entries, not " + std::to_string(bytes_.num_entries);
    return false;
  }

  bool cut_out(std::string_view all, std::size_t offset, Entry& entry) {
    const std::string_view rest = all.substr(offset);
    if (rest.size() < layout_.header + kTargetHeader) return bad(offset, "is cut");
    const std::size_t size = value_at<std::uint16_t>(rest, layout_.next_offset);
    entry.target_at = value_at<std::uint16_t>(rest, layout_.target_offset);
    if (size > rest.size() || size % alignof(_xt_align) != 0) return bad(offset, "has an impossible length");
    if (entry.target_at < layout_.header || entry.target_at + kTargetHeader > size) return bad(offset, "has its target outside");
    const std::size_t target_size = value_at<std::uint16_t>(rest, entry.target_at);
    if (target_size < kTargetHeader || entry.target_at + target_size > size) return bad(offset, "has a target of impossible length");
    entry.bytes = rest.substr(0, size);
    entry.offset = static_cast<std::uint32_t>(offset);
    const std::string_view target = entry.bytes.substr(entry.target_at, target_size);
    entry.target = name_in(target.substr(offsetof(xt_entry_target, u.user.name), XT_EXTENSION_MAXNAMELEN));
    entry.target_data = target.substr(kTargetHeader);
    const std::string_view matched = entry.bytes.substr(0, layout_.matched);
    entry.unconditional = entry.target_at == layout_.header && matched.find_first_not_of('\0') == std::string_view::npos;
    return true;
  }

  XtRule& append(const Entry& entry, XtRole role) {
    XtRule& rule = table_.rules.emplace_back();
    rule.offset = entry.offset;
    rule.chain = static_cast<std::uint32_t>(table_.chains.size() - 1);
    rule.role = role;
    rule.target = entry.target;
    rule.proof = fnv1a(0xcbf29ce484222325U, entry.bytes.substr(0, layout_.matched));
    // The two offsets are neighbours in memory.
    rule.proof = fnv1a(rule.proof, entry.bytes.substr(layout_.target_offset, 4));
    rule.proof = fnv1a(rule.proof, entry.bytes.substr(entry.target_at, 2));
    rule.packets = value_at<std::uint64_t>(entry.bytes, layout_.header - sizeof(xt_counters));
    // nfcache, comefrom and the two counters are what the kernel changes by itself.
    std::string stable{entry.bytes};
    stable.replace(layout_.matched, 4, 4, '\0');
    stable.replace(layout_.next_offset + 2, 4, 4, '\0');
    stable.replace(layout_.header - sizeof(xt_counters), sizeof(xt_counters), sizeof(xt_counters), '\0');
    rule.digest = fnv1a(0xcbf29ce484222325U, stable);
    jumps_.push_back(kNowhere);
    return rule;
  }

  bool begin_user_chain(const Entry& entry) {
    if (!end_chain(entry.offset)) return false;
    const std::string_view field = entry.target_data.substr(0, XT_FUNCTION_MAXNAMELEN);
    const std::string_view name = name_in(field);
    if (name.empty() || name.size() == field.size()) return bad(entry.offset, "begins a chain without a name");
    XtChain& chain = table_.chains.emplace_back();
    chain.name = name;
    append(entry, XtRole::ChainHead);
    chain.first = static_cast<std::uint32_t>(table_.rules.size());
    return true;
  }

  std::optional<unsigned> hook_at(std::uint32_t offset) const {
    for (unsigned hook = 0; hook < NF_INET_NUMHOOKS; ++hook) {
      if (is_valid(hook) && bytes_.hook_entry.at(hook) == offset) return hook;
    }
    return std::nullopt;
  }
  bool is_valid(unsigned hook) const { return (bytes_.valid_hooks & (1U << hook)) != 0; }

  bool add(const Entry& entry) {
    if (const auto hook = hook_at(entry.offset)) {
      if (!end_chain(entry.offset)) return false;
      XtChain& chain = table_.chains.emplace_back();
      chain.name = kBuiltinNames.at(*hook);
      chain.hook = hook;
      chain.first = static_cast<std::uint32_t>(table_.rules.size());
    }
    if (table_.chains.empty()) return bad(entry.offset, "is in no chain");
    XtRule& rule = append(entry, XtRole::Rule);
    rule.number = static_cast<std::uint32_t>(table_.rules.size()) - table_.chains.back().first;
    last_is_unconditional_ = entry.unconditional;
    if (entry.target == XT_STANDARD_TARGET) return read_verdict(entry, rule);
    rule.verdict = XtVerdict::Target;
    const bool never = std::find(kNeverDrop.begin(), kNeverDrop.end(), entry.target) != kNeverDrop.end();
    rule.drops = entry.target == "REJECT" ? XtDrops::Always : never ? XtDrops::Never : XtDrops::Maybe;
    return true;
  }

  bool read_verdict(const Entry& entry, XtRule& rule) {
    if (entry.target_data.size() < sizeof(int)) return bad(entry.offset, "has no verdict");
    const int verdict = value_at<int>(entry.target_data, 0);
    switch (verdict) {
      case -NF_DROP - 1:
        rule.verdict = XtVerdict::Drop;
        rule.drops = XtDrops::Always;
        return true;
      case -NF_ACCEPT - 1: rule.verdict = XtVerdict::Accept; return true;
      case -NF_QUEUE - 1: rule.verdict = XtVerdict::Queue; return true;
      case XT_RETURN: rule.verdict = XtVerdict::Return; return true;
      default: break;
    }
    if (verdict <= 0) return bad(entry.offset, "has an unknown verdict");
    const auto to = static_cast<std::uint32_t>(verdict);
    if (to == entry.offset + entry.bytes.size()) {
      rule.verdict = XtVerdict::Continue;
      return true;
    }
    const auto flags = static_cast<unsigned char>(entry.bytes[layout_.flags]);
    rule.verdict = (flags & layout_.goto_flag) != 0 ? XtVerdict::Goto : XtVerdict::Jump;
    jumps_.back() = to;
    return true;
  }

  /// Before the entry at `offset`: the last entry of a chain is not one of its rules.
  bool end_chain(std::uint32_t offset) {
    if (table_.chains.empty()) return true;
    XtChain& chain = table_.chains.back();
    chain.count = static_cast<std::uint32_t>(table_.rules.size()) - chain.first;
    if (chain.count == 0) return bad(offset, "follows a chain without an end");
    XtRule& last = table_.rules.back();
    const bool is_policy = last.verdict == XtVerdict::Accept || last.verdict == XtVerdict::Drop;
    const bool ends = chain.hook ? is_policy && last.offset == bytes_.underflow.at(*chain.hook) : last.verdict == XtVerdict::Return;
    if (!ends || !last_is_unconditional_) return bad(last.offset, "is the last of its chain, but does not end it");
    last.role = chain.hook ? XtRole::Policy : XtRole::ChainEnd;
    last.number = 0;
    return true;
  }

  bool all_hooks_seen() {
    const auto builtin =
        std::count_if(table_.chains.begin(), table_.chains.end(), [](const XtChain& chain) { return chain.hook.has_value(); });
    unsigned expected = 0;
    for (unsigned hook = 0; hook < NF_INET_NUMHOOKS; ++hook) expected += is_valid(hook) ? 1 : 0;
    if (static_cast<unsigned>(builtin) == expected && bytes_.valid_hooks >> NF_INET_NUMHOOKS == 0) return true;
    why_ = "a hook has no chain of its own";
    return false;
  }

  bool resolve_jumps() {
    for (std::size_t i = 0; i < table_.rules.size(); ++i) {
      if (jumps_[i] == kNowhere) continue;
      XtRule& rule = table_.rules[i];
      const XtRule* to = table_.at(jumps_[i]);
      if (to == nullptr) return bad(rule.offset, "jumps to where no entry begins");
      const XtChain& chain = table_.chains[to->chain];
      if (chain.hook || &table_.rules[chain.first] != to) return bad(rule.offset, "jumps to where no chain begins");
      rule.to_chain = to->chain;
    }
    return true;
  }

  /// Or a rule's text, which is found by the chain's name, could be another rule's.
  bool names_are_unique() {
    std::vector<std::string_view> names;
    for (const XtChain& chain : table_.chains) names.push_back(chain.name);
    std::sort(names.begin(), names.end());
    if (std::adjacent_find(names.begin(), names.end()) == names.end()) return true;
    why_ = "two chains have one name";
    return false;
  }

  const machine::XtTableBytes& bytes_;
  const Layout& layout_;
  XtTable table_;
  std::vector<std::uint32_t> jumps_;  ///< by rule: the offset that it leads to
  bool last_is_unconditional_ = false;
  std::string why_;
};

}  // namespace

bool XtTable::same_rules(const XtTable& other) const {
  return std::equal(rules.begin(), rules.end(), other.rules.begin(), other.rules.end(),
                    [](const XtRule& a, const XtRule& b) { return a.offset == b.offset && a.digest == b.digest; });
}

const XtRule* XtTable::at(std::uint32_t offset) const {
  const auto found =
      std::lower_bound(rules.begin(), rules.end(), offset, [](const XtRule& rule, std::uint32_t wanted) { return rule.offset < wanted; });
  return found == rules.end() || found->offset != offset ? nullptr : &*found;
}

const XtRule* XtTable::traced(const std::string& chain, std::uint32_t number) const {
  for (const XtChain& each : chains) {
    if (each.name == chain) return number == 0 || number > each.count ? nullptr : &rules[each.first + number - 1];
  }
  return nullptr;
}

std::vector<const XtRule*> XtTable::final_rules_from(unsigned hook) const {
  std::vector<bool> reached(chains.size());
  std::vector<std::size_t> waiting;
  const auto reach = [&](std::size_t chain) {
    if (!reached[chain]) waiting.push_back(chain);
    reached[chain] = true;
  };
  for (std::size_t i = 0; i < chains.size(); ++i) {
    if (chains[i].hook == hook) reach(i);
  }
  while (!waiting.empty()) {
    const XtChain& chain = chains[waiting.back()];
    waiting.pop_back();
    for (std::uint32_t i = 0; i < chain.count; ++i) {
      const XtRule& rule = rules[chain.first + i];
      if (rule.verdict == XtVerdict::Jump || rule.verdict == XtVerdict::Goto) reach(rule.to_chain);
    }
  }
  std::vector<const XtRule*> finals;
  for (const XtRule& rule : rules) {
    if (rule.drops != XtDrops::Never && reached[rule.chain]) finals.push_back(&rule);
  }
  return finals;
}

Result<XtTable> parse_xt_table(int family, const std::string& name, const machine::XtTableBytes& bytes) {
  if (family != AF_INET && family != AF_INET6) {
    return Error{ErrorKind::BadData, "cannot understand an iptables-legacy table", "its family is neither IPv4 nor IPv6", ""};
  }
  return Parser{family, name, bytes}.parse();
}

}  // namespace synfate::inventory
