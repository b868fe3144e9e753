// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/calibration.hpp"

namespace synfate::cli {
namespace {

constexpr std::uint8_t kRulePort = 1;
constexpr std::uint8_t kPolicyPort = 2;
/// It takes 10 to 20 ms. A verdict is promised within 100 ms of the drop, so judgements do not wait any longer than this; a machine that is
/// too busy for it gets another try, and its rows a revision.
constexpr DurationNs kPatience = 70 * kMillisecond;

/// Both drop in the output hook, in connect() itself: loopback needs not even deliver.
constexpr char kRuleset[] =
    "table ip synfate_calibration {\n"
    "  chain by_rule {\n    type filter hook output priority 0; policy accept;\n    tcp dport 1 drop\n  }\n"
    "  chain by_policy {\n    type filter hook output priority 1; policy drop;\n  }\n"
    "}\n";

}  // namespace

void Calibration::start(MonotonicNs now) {
  ++tries_;
  auto lab = machine::PrivateNetns::start(kCalibrationComm, kRuleset);
  if (!lab) {
    state_ = State::Failed;
    return;
  }
  lab_.emplace(std::move(*lab));
  deadline_ = now + kPatience;
  state_ = State::Preparing;
}

void Calibration::proceed(probe::Probe& probe, Engine& engine) {
  if (state_ != State::Preparing) return;
  state_ = State::Measuring;
  const auto netns = lab_->ready();
  if (!netns) {
    deadline_ = 0;
    return;
  }
  sites_ = {};
  sites_.calibration_netns = *netns;
  probe.set_calibration_netns(*netns);
  engine.watch_calibration(*netns, [this](const model::Event& event) {
    const auto* drop = event.get<model::Drop>();
    if (drop == nullptr || drop->symbol.function != "nft_do_chain") return;
    if (event.flow.dst.port == kRulePort) sites_.rule = drop->symbol.address;
    if (event.flow.dst.port == kPolicyPort) sites_.policy = drop->symbol.address;
  });
  if (!lab_->connect_to({kRulePort, kPolicyPort})) deadline_ = 0;
}

bool Calibration::settle(MonotonicNs now, probe::Probe& probe, Engine& engine) {
  if (!is_under_way()) return false;
  const bool both = sites_.rule != 0 && sites_.policy != 0;
  if (!both && now < deadline_) return false;
  // One place for both tells nothing.
  state_ = both && sites_.rule != sites_.policy ? State::Done : State::Failed;
  if (state_ == State::Done) engine.set_nft_sites(sites_, now);
  probe.set_calibration_netns(0);
  lab_.reset();
  return true;
}

}  // namespace synfate::cli
