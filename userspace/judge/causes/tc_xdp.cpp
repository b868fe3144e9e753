// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// tc_drop and xdp_drop: a filter or program on a device said so. Which program is not read here.
#include "judge/cause_table.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

std::string device_word(const model::Event& event) { return event.place.device.empty() ? "the device" : clean(event.place.device); }

}  // namespace

std::optional<Finding> match_tc_drop(const Case& kase) {
  if (kase.drop() == nullptr || (kase.drop()->reason != "TC_INGRESS" && kase.drop()->reason != "TC_EGRESS")) return std::nullopt;
  const model::Event& event = *kase.drop_event();
  const bool ingress = kase.drop()->reason == "TC_INGRESS";
  const std::string side = ingress ? "ingress" : "egress";
  Finding finding = finding_about_drop(kase, ingress ? model::Stage::TcIngress : model::Stage::TcEgress);
  finding.summary = "by tc on " + device_word(event) + " " + side;
  finding.evidence.push_back("a tc filter or BPF program at " + side + " gave the verdict; which one is not read by this version");
  finding.next = in_netns(kase, event.place.netns, "tc -s filter show dev " + shell_word(event.place.device) + " " + side);
  return finding;
}

std::optional<Finding> match_xdp_drop(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  const model::Event& event = *kase.drop_event();
  const std::string_view function = kase.drop()->symbol.function;
  const bool native = function == "veth_xdp_rcv_skb";
  const bool generic = function == "do_xdp_generic";
  const bool by_reason = kase.drop()->reason == "XDP";
  const bool unnamed = kase.drop()->reason.empty() || kase.drop()->reason == "NOT_SPECIFIED";
  if (!by_reason && !(unnamed && (native || generic))) return std::nullopt;
  Finding finding = finding_about_drop(kase, model::Stage::Xdp);
  finding.summary = "by XDP on " + device_word(event);
  finding.evidence.push_back(by_reason ? "an XDP redirect or transmit failed"
                                       : std::string(native ? "native" : "generic") +
                                             " XDP freed it: the program said drop or aborted; which program is not read by this version");
  finding.next = in_netns(kase, event.place.netns, "ip -d link show dev " + shell_word(event.place.device));
  return finding;
}

}  // namespace synfate::judge
