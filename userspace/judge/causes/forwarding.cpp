// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// forwarding_off: the packet is for another host and this namespace does not forward. The sysctl is evidence; the kernel's record decides.
#include <array>

#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/ways.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Drop;
using model::Event;

struct Setting {
  std::string key;
  std::string value;
};

std::optional<Setting> forwarding_setting(const Case& kase, const Event& event) {
  const std::string protocol = event.flow.family() == 6 ? "net.ipv6." : "net.ipv4.";
  std::vector<std::string> keys;
  if (event.flow.family() == 6) {
    // Per-device IPv6 forwarding concerns router advertisements only; packets are forwarded by "all".
    keys = {protocol + "conf.all.forwarding"};
  } else {
    keys = {protocol + "conf." + event.place.device + ".forwarding", protocol + "ip_forward", protocol + "conf.all.forwarding"};
  }
  for (const std::string& key : keys) {
    if (auto value = kase.sysctl(event.place.netns, key)) return Setting{key, *value};
  }
  return std::nullopt;
}

/// Where forwarding is on in general, the device's own setting is the one to look at.
std::string device_key(const Case& kase, const Event& event) {
  if (event.place.device.empty() || event.place.device.find('.') != std::string::npos) return "";
  const std::string key = "net.ipv4.conf." + event.place.device + ".forwarding";
  const auto general = kase.sysctl(event.place.netns, "net.ipv4.ip_forward");
  return general == "1" && kase.sysctl(event.place.netns, key) == "0" ? " " + shell_word(key) : "";
}

/// ip6_forward gives the same reason to addresses that may never be forwarded.
bool may_be_forwarded(const model::IpAddress& address) {
  const auto& byte = address.bytes;
  const bool link_local = byte[0] == 0xfe && (byte[1] & 0xc0) == 0x80;
  bool low = true;
  for (std::size_t i = 0; i + 1 < byte.size(); ++i) low = low && byte[i] == 0;
  const bool any_or_loopback = low && byte[15] <= 1;
  return !link_local && !any_or_loopback && byte[0] != 0xff;
}

enum class Proof : unsigned char { None, Reason, Elimination };

Proof proof_of(const Case& kase, const std::optional<Setting>& setting) {
  const Drop& drop = *kase.drop();
  const Event& event = *kase.drop_event();
  const std::string_view function = drop.symbol.function;
  if (function == "ip_error") {
    if (drop.reason == "IP_INADDRERRORS") return Proof::Reason;
    // Before 5.17 there is no reason. The route says EHOSTUNREACH although the FIB did not: only a host that does not forward does that.
    const bool unnamed = drop.reason.empty() || drop.reason == "NOT_SPECIFIED";
    const bool unreachable = drop.route_error == 113 || drop.route_error == -113;
    if (!unnamed || !unreachable || icmp_error_at(kase, event)) return Proof::None;
    const int fib = drop.lookup_error < 0 ? -drop.lookup_error : drop.lookup_error;
    if (fib == 11 || fib == 101 || fib == 3) return Proof::Elimination;
    return fib == 0 && setting && setting->value == "0" ? Proof::Elimination : Proof::None;
  }
  if (function != "ip6_forward" || drop.reason != "IP_INADDRERRORS") return Proof::None;
  if (setting) return setting->value == "0" ? Proof::Reason : Proof::None;
  return may_be_forwarded(event.flow.src.address) && may_be_forwarded(event.flow.dst.address) ? Proof::Elimination : Proof::None;
}

}  // namespace

std::optional<Finding> match_forwarding_off(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const Event& event = *kase.drop_event();
  const auto setting = forwarding_setting(kase, event);
  const Proof proof = proof_of(kase, setting);
  if (proof == Proof::None) return std::nullopt;
  const bool six = event.flow.family() == 6;
  Finding finding = finding_about_drop(kase, six ? model::Stage::Forward : model::Stage::RouteIn);
  finding.summary = "forwarding is off in " + netns_words(kase, event.place.netns);
  finding.evidence.push_back(to_string(event.flow.dst.address) + " is not an address of this namespace, so the packet had to be forwarded");
  if (const model::RouteAnswer* on = answer_to(kase, event.place.netns, question_of_way_on(event))) {
    finding.evidence.push_back("the route that it would have taken: " + route_words(kase, event.place.netns, *on) +
                               rules_caveat(kase, event.place.netns, event.flow.family()));
  }
  if (proof == Proof::Elimination) finding.ceiling = model::Confidence::Strong;
  if (!setting) {
    finding.evidence.push_back("the forwarding sysctl of that namespace was not read");
  } else if (setting->value == "0") {
    finding.evidence.push_back(clean(setting->key) + " = 0");
  } else {
    finding.ceiling = model::Confidence::Strong;
    finding.evidence.push_back(clean(setting->key) + " = " + clean(setting->value) +
                               " when it was read: it may have been changed since the drop");
  }
  finding.next =
      in_netns(kase, event.place.netns,
               "sysctl " + (six ? std::string("net.ipv6.conf.all.forwarding") : "net.ipv4.ip_forward" + device_key(kase, event)));
  return finding;
}

}  // namespace synfate::judge
