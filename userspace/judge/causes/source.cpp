// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// rp_filter and martian: the source address was not acceptable on the device by which the packet came in.
#include <algorithm>

#include "base/text.hpp"
#include "judge/cause_table.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;

std::string route_back(const Case& kase, const Event& event) {
  return in_netns(kase, event.place.netns, ip_command(event.flow) + " route get " + to_string(event.flow.src.address));
}

void mention_rp_filter(const Case& kase, const Event& event, Finding& finding) {
  const auto all = kase.sysctl(event.place.netns, "net.ipv4.conf.all.rp_filter");
  const auto own = kase.sysctl(event.place.netns, "net.ipv4.conf." + event.place.device + ".rp_filter");
  if (!all || !own) {
    finding.evidence.push_back("the rp_filter sysctls of that namespace were not read");
    return;
  }
  const auto all_value = parse_number(trim(*all));
  const auto own_value = parse_number(trim(*own));
  std::string text = "rp_filter: conf.all = " + clean(*all) + ", conf." + clean(event.place.device) + " = " + clean(*own);
  if (all_value && own_value) {
    const auto effective = std::max(*all_value, *own_value);
    text += ", effective " + std::to_string(effective);
    if (effective == 1) text += " (strict: the route back must use this device)";
    if (effective == 2) text += " (loose: some route back must exist)";
    if (effective == 0) text += " (off when it was read: it may have been changed since the drop)";
  }
  finding.evidence.push_back(std::move(text));
}

std::string_view martian_word(std::string_view reason) {
  if (reason == "IP_LOCAL_SOURCE") return "its source is an address of this namespace itself";
  if (reason == "IP_INVALID_SOURCE") return "its source is an address that no host may send from";
  if (reason == "IP_LOCALNET") return "its source or destination is a loopback address";
  if (reason == "IP_INVALID_DEST") return "its destination is an address that no packet may carry";
  return "";
}

}  // namespace

std::optional<Finding> match_rp_filter(const Case& kase) {
  if (kase.drop() == nullptr || kase.drop()->reason != "IP_RPFILTER") return std::nullopt;
  const Event& event = *kase.drop_event();
  Finding finding = finding_about_drop(kase, model::Stage::RouteIn);
  finding.summary = "rp_filter on " + (event.place.device.empty() ? std::string("the input device") : clean(event.place.device));
  finding.evidence.push_back("the route back to " + to_string(event.flow.src.address) +
                             " does not lead out of the device that it came in by");
  mention_rp_filter(kase, event, finding);
  finding.next = route_back(kase, event);
  return finding;
}

std::optional<Finding> match_martian(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const Event& event = *kase.drop_event();
  const model::Drop& drop = *kase.drop();
  std::string why(martian_word(drop.reason));
  const bool by_reason = !why.empty();
  if (!by_reason) {
    // Kernels before 6.13 or so give no reason; a source that is local here is refused at this place and no other SYN with one gets
    // through.
    const bool unnamed = drop.reason.empty() || drop.reason == "NOT_SPECIFIED";
    if (!unnamed || drop.symbol.function != "ip_rcv_finish_core") return std::nullopt;
    if (kase.is_local_address(event.place.netns, event.flow.src.address) != true) return std::nullopt;
    why = martian_word("IP_LOCAL_SOURCE");
  }
  Finding finding = finding_about_drop(kase, model::Stage::RouteIn);
  if (!by_reason) finding.ceiling = model::Confidence::Strong;
  const bool destination = drop.reason == "IP_INVALID_DEST";
  const model::IpAddress& culprit = destination ? event.flow.dst.address : event.flow.src.address;
  finding.summary = (destination ? "martian destination " : "martian source ") + to_string(culprit);
  finding.evidence.push_back(why);
  finding.next = destination ? in_netns(kase, event.place.netns, ip_command(event.flow) + " route get " + to_string(culprit))
                             : route_back(kase, event);
  return finding;
}

}  // namespace synfate::judge
