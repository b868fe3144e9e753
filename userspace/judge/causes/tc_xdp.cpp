// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// tc_drop and xdp_drop: a filter or program on a device said so. Which one is read just after the drop, so a name is never exact; where
// several may have said it, all are listed and none is picked.
#include <algorithm>

#include "judge/cause_table.hpp"
#include "judge/programs.hpp"
#include "judge/tc_filters.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::TcFilter;

constexpr std::uint8_t kNative = 1;
constexpr std::uint8_t kGeneric = 2;

std::string device_word(const model::Event& event) { return event.place.device.empty() ? "the device" : clean(event.place.device); }

/// An action that is only a verdict, and not the one to drop.
bool lets_go(const std::string& action) {
  return action == "pass" || action == "pipe" || action == "continue" || action == "reclassify" || action == "stolen";
}

/// What it does to a packet that it matches may be to drop it.
bool may_drop(const TcFilter& filter) {
  if (filter.program_id != 0 || !filter.action_programs.empty() || filter.drops) return true;
  return !std::all_of(filter.actions.begin(), filter.actions.end(), lets_go);
}

void name_tc(const Case& kase, const model::TcSide* side, const std::string& where, Finding& finding) {
  if (side == nullptr) {
    finding.evidence.push_back("a tc filter or BPF program gave the verdict; what is attached there was not read");
    return;
  }
  std::vector<const TcFilter*> suspects;
  std::vector<std::string> words;
  for (const TcFilter& filter : side->filters) {
    if (!may_drop(filter)) continue;
    suspects.push_back(&filter);
    words.push_back(filter_words(kase, filter));
  }
  if (!side->gap.empty()) finding.doubts.push_back("not all that is attached there could be read: " + clean(side->gap));
  if (suspects.empty()) {
    finding.evidence.push_back("nothing that drops was attached there any more when it was read");
    return;
  }
  if (suspects.size() > 1) {
    finding.doubts.push_back(std::to_string(suspects.size()) + " may have said so, and which did is not told: " + listed(words));
    return;
  }
  finding.summary = "by " + filter_name(kase, *suspects.front()) + " at tc " + where;
  finding.evidence.push_back("the only one there that drops: " + words.front());
  finding.ceiling = model::Confidence::Strong;
  const auto ids = programs_of(*suspects.front());
  if (ids.size() == 1 && !suspects.front()->drops) finding.next = program_command(ids.front());
}

void name_xdp(const Case& kase, const model::Event& event, std::uint8_t mode, Finding& finding) {
  const model::Link* link = kase.link(event.place);
  if (link == nullptr) {
    finding.evidence.push_back("which program is attached there was not read");
    return;
  }
  const auto program = std::find_if(link->xdp.begin(), link->xdp.end(), [&](const auto& each) { return each.mode == mode; });
  if (program == link->xdp.end()) {
    finding.evidence.push_back("no such program was attached there any more when it was read");
    return;
  }
  // A device has at most one of each mode. One that calls others (a dispatcher) drops for them.
  finding.summary = "by XDP " + program_name(kase, program->id) + " on " + device_word(event);
  finding.evidence.push_back("attached there: " + program_words(kase, program->id));
  finding.ceiling = model::Confidence::Strong;
  finding.next = program_command(program->id);
}

}  // namespace

std::optional<Finding> match_tc_drop(const Case& kase) {
  if (kase.drop() == nullptr || (kase.drop()->reason != "TC_INGRESS" && kase.drop()->reason != "TC_EGRESS")) return std::nullopt;
  const model::Event& event = *kase.drop_event();
  const bool ingress = kase.drop()->reason == "TC_INGRESS";
  const std::string side = ingress ? "ingress" : "egress";
  Finding finding = finding_about_drop(kase, ingress ? model::Stage::TcIngress : model::Stage::TcEgress);
  finding.summary = "by tc on " + device_word(event) + " " + side;
  finding.next = in_netns(kase, event.place.netns, "tc -s filter show dev " + shell_word(event.place.device) + " " + side);
  name_tc(kase, tc_side(kase, event.place, ingress), side + " of " + device_word(event), finding);
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
                                       : std::string(native ? "native" : "generic") + " XDP freed it: the program said drop or aborted");
  finding.next = in_netns(kase, event.place.netns, "ip -d link show dev " + shell_word(event.place.device));
  name_xdp(kase, event, native ? kNative : kGeneric, finding);
  return finding;
}

}  // namespace synfate::judge
