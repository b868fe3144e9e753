// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/calibration.hpp"

#include <poll.h>

#include <algorithm>
#include <span>

namespace synfate::cli {
namespace {

using probe::Drill;

/// It takes 10 to 20 ms. A verdict is promised within 100 ms of the drop, so judgements do not wait any longer than this: where it takes
/// longer, their rows get a revision.
constexpr DurationNs kHold = 70 * kMillisecond;
/// A lesson that was missed is given again.
constexpr DurationNs kRepeatAfter = 25 * kMillisecond;
/// An emulated machine needs this long.
constexpr DurationNs kPatience = 3 * kSecond;

/// All drop in the output hook, in connect() itself: loopback needs not even deliver. Every shape in which a rule can be reached: in a base
/// chain, after a jump, after a goto, by a verdict map; and policies after other rules, of one base chain of several, after a jump that
/// returned. No expression that is not part of nf_tables itself, or loading the rules would load a module.
constexpr char kRuleset[] =
    "table ip synfate_calibration {\n"
    "  chain r { tcp dport 90 drop; return; }\n"
    "  chain b { tcp dport 91 drop; tcp dport 92 accept; drop; }\n"
    "  chain c { tcp dport 93 drop; ip daddr 10.0.0.0/8 drop; ip protocol tcp drop; }\n"
    "  chain a {\n"
    "    type filter hook output priority 0; policy accept;\n"
    "    tcp dport 1 drop; tcp dport 2 jump b; tcp dport 3 goto c; tcp dport vmap { 4 : drop, 94 : accept };\n"
    "    tcp dport 95 jump r; ip daddr 127.0.0.1 tcp dport 5 drop;\n"
    "  }\n"
    "  chain q { type filter hook output priority 5; policy drop; tcp dport 96 drop; tcp dport != 7 accept; }\n"
    "  chain p { type filter hook output priority 10; policy drop; tcp dport 97 accept; tcp dport 8 jump r; tcp dport 98 accept; }\n"
    "}\n";

const std::map<std::uint16_t, Drill>& nft_drills() {
  static const std::map<std::uint16_t, Drill> drills{
      {1, {Drill::By::Rule, 'a', 1}}, {2, {Drill::By::Rule, 'b', 3}},   {3, {Drill::By::Rule, 'c', 3}},   {4, {Drill::By::Rule, 'a', 4}},
      {5, {Drill::By::Rule, 'a', 6}}, {6, {Drill::By::Policy, 'p', 0}}, {7, {Drill::By::Policy, 'q', 0}}, {8, {Drill::By::Policy, 'p', 0}},
  };
  return drills;
}

/// bpf/config.h's ports: which of the BPF entries drops them.
const std::map<std::uint16_t, Drill>& entry_drills() {
  static const std::map<std::uint16_t, Drill> drills{
      {11, {Drill::By::Entry, 0, 1}}, {12, {Drill::By::Entry, 0, 2}}, {13, {Drill::By::Entry, 0, 3}}};
  return drills;
}

std::map<std::uint16_t, Drill> all_drills(bool with_nft) {
  std::map<std::uint16_t, Drill> drills = entry_drills();
  if (with_nft) drills.insert(nft_drills().begin(), nft_drills().end());
  return drills;
}

/// Sends SYNs to all ports that have taught nothing yet.
Status send_missing(machine::PrivateNetns& lab, const probe::Probe& probe) {
  std::vector<std::uint8_t> ports;
  for (const std::uint16_t port : probe.missing_lessons()) ports.push_back(static_cast<std::uint8_t>(port));
  return lab.connect_to(ports);
}

/// The namespace is ready: its SYNs are observed, and sent.
Status teach(machine::PrivateNetns& lab, model::NetnsId netns, bool with_nft, probe::Probe& probe) {
  const UniqueFd inside = lab.open_netns();
  probe.begin_lessons(netns, inside.get(), all_drills(with_nft));
  return send_missing(lab, probe);
}

}  // namespace

std::optional<machine::PrivateNetns> Calibration::prepare(bool with_nft) {
  auto lab = machine::PrivateNetns::start(kCalibrationComm, with_nft ? kRuleset : "");
  if (!lab) return std::nullopt;
  return std::optional<machine::PrivateNetns>(std::move(*lab));
}

void Calibration::start(MonotonicNs now, bool with_nft, std::optional<machine::PrivateNetns> prepared) {
  ++tries_;
  with_nft_ = with_nft;
  auto fresh = prepared ? std::nullopt : prepare(with_nft);
  if (!prepared && !fresh) {
    state_ = State::Failed;
    failure_ = "a process in a network namespace of its own could not be started";
    return;
  }
  lab_.emplace(std::move(prepared ? *prepared : *fresh));
  give_up_ns_ = now + kPatience;
  hold_ns_ = now + kHold;
  state_ = State::Preparing;
}

void Calibration::proceed(probe::Probe& probe, Engine& engine) {
  if (state_ != State::Preparing) return;
  state_ = State::Measuring;
  const auto netns = lab_->ready();
  if (!netns) {
    give_up_ns_ = 0;
    return;
  }
  calibration_netns_ = *netns;
  engine.ignore_netns(*netns);
  if (!teach(*lab_, *netns, with_nft_, probe)) give_up_ns_ = 0;
  repeat_ns_ = monotonic_now() + kRepeatAfter;
}

MonotonicNs Calibration::deadline() const { return state_ == State::Measuring ? std::min(give_up_ns_, repeat_ns_) : give_up_ns_; }

std::optional<MonotonicNs> Calibration::holds_until(MonotonicNs now) const {
  return is_under_way() && now < hold_ns_ ? std::optional(hold_ns_) : std::nullopt;
}

bool Calibration::settle(MonotonicNs now, probe::Probe& probe, Engine& engine) {
  if (!is_under_way()) return false;
  if (!probe.lessons_complete() && now < give_up_ns_) {
    if (state_ == State::Measuring && now >= repeat_ns_) {
      repeat_ns_ = now + kRepeatAfter;
      if (!send_missing(*lab_, probe)) give_up_ns_ = 0;
    }
    return false;
  }
  const std::size_t missing = probe.missing_lessons().size();
  const bool asked = state_ == State::Measuring && calibration_netns_ != 0;
  frames_ = probe.end_lessons();
  const bool learnt = with_nft_ ? frames_.knows_rules() && frames_.knows_policies() : frames_.knows_entries();
  state_ = learnt ? State::Done : State::Failed;
  failure_ = learnt         ? ""
             : !asked       ? "its network namespace was not ready in time"
             : missing != 0 ? std::to_string(missing) + " of its packets were not seen to die"
                            : "its packets did not agree about where this kernel keeps what";
  if (frames_.rule_site != 0 && frames_.policy_site != 0) {
    engine.set_nft_sites({frames_.rule_site, frames_.policy_site, calibration_netns_}, now);
  }
  // Its sockets close with it, and that is an event of its namespace as well.
  lab_.reset();
  engine.stop_ignoring(monotonic_now());
  return true;
}

probe::Frames learn_frames_now(probe::Probe& probe, bool with_nft) {
  auto lab = machine::PrivateNetns::start(kCalibrationComm, with_nft ? kRuleset : "");
  if (!lab) return {};
  const MonotonicNs deadline = monotonic_now() + kPatience;
  const auto wait_for = [](int fd, DurationNs longest) {
    pollfd waiting{fd, POLLIN, 0};
    (void)::poll(&waiting, 1, static_cast<int>(longest / kMillisecond) + 1);
  };
  wait_for(lab->fd(), kPatience);
  pollfd news{lab->fd(), POLLIN, 0};
  if (::poll(&news, 1, 0) <= 0) return {};
  const auto netns = lab->ready();
  if (!netns) return {};
  if (teach(*lab, *netns, with_nft, probe)) {
    while (!probe.lessons_complete() && monotonic_now() < deadline) {
      wait_for(probe.ready_fd(), kRepeatAfter);
      const auto before = probe.missing_lessons();
      probe.drain([](std::span<const std::byte>) {});
      if (probe.missing_lessons() == before && !send_missing(*lab, probe)) break;
    }
  }
  return probe.end_lessons();
}

}  // namespace synfate::cli
