// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/demo_script.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <utility>

namespace synfate::cli {
namespace {

model::Endpoint endpoint_of(const DemoStep& step) { return {model::parse_ip(step.to).value_or(model::IpAddress{}), step.port}; }

std::string words_about(const std::string& cause, model::Leg packet, model::NetnsId netns, const std::string& name) {
  std::string words = cause.empty() ? "no cause" : cause;
  if (packet != model::Leg::None) words += " of the " + std::string(model::to_string(packet));
  if (netns != 0) words += " in " + (name.empty() ? "network namespace " + std::to_string(netns) : name);
  return words;
}

}  // namespace

const std::vector<DemoStep>& demo_steps() {
  static const std::vector<DemoStep> kSteps{
      {"10.96.0.10", 80, "client connects to the service web, 10.96.0.10:80, and nothing stands in its way:", "established",
       model::Leg::None, ""},
      {"10.42.1.30", 5432, "client connects to db, 10.42.1.30:5432, which a policy on the node forbids:", "netfilter_drop", model::Leg::Syn,
       "node"},
      {"10.96.0.20", 80, "client connects to the service reports, 10.96.0.20:80, which leads to a port where nobody listens:",
       "no_listener", model::Leg::Syn, "web"},
      {"10.42.9.9", 8080, "client connects to 10.42.9.9:8080, a pod of a node that is gone; its network is a blackhole route now:",
       "route_blackhole", model::Leg::Syn, "node"},
      {"10.42.1.40", 6379,
       "client connects to cache, 10.42.1.40:6379. The SYN arrives, but the answer takes the cache's other leg, where the node checks "
       "sources strictly:",
       "rp_filter", model::Leg::SynAck, "node"},
  };
  return kSteps;
}

DemoScript::DemoScript(render::Sink& rows, Stage stage, DurationNs patience)
    : rows_(rows),
      stage_(std::move(stage)),
      patience_(patience),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)),
      answers_(demo_steps().size()) {}

void DemoScript::begin() { perform(); }

void DemoScript::perform() {
  const DemoStep& step = demo_steps()[current_];
  render::Phrase line;
  line.words(std::to_string(current_ + 1) + ".").words(step.words);
  if (!heard(stage_.say("\n" + render::lay_out(line, stage_.style, 0, 3)))) {
    stage_.end();
    return;
  }
  const itimerspec patience{{0, 0}, {static_cast<time_t>(patience_ / kSecond), static_cast<long>(patience_ % kSecond)}};
  ::timerfd_settime(timer_.get(), 0, &patience, nullptr);
  stage_.connect(endpoint_of(step));
}

void DemoScript::next() {
  ++current_;
  if (is_complete()) {
    stage_.end();
  } else {
    perform();
  }
}

void DemoScript::overdue() {
  std::uint64_t times = 0;
  if (::read(timer_.get(), &times, sizeof times) == static_cast<ssize_t>(sizeof times) && !is_complete()) next();
}

bool DemoScript::attempt(const model::Attempt& attempt) {
  if (!heard(rows_.attempt(attempt))) return false;
  if (attempt.journey.faces.empty()) return true;
  const model::Endpoint& asked = attempt.journey.faces.front().dst;
  for (std::size_t i = 0; i < answers_.size(); ++i) {
    if (endpoint_of(demo_steps()[i]) != asked) continue;
    answers_[i] = attempt.verdict;
    // A row that says less may be followed by a revision: that belongs to its own step.
    if (i == current_ && is_as_set_up(i)) next();
    break;
  }
  return !broken_;
}

bool DemoScript::summary(const model::Summary& summary) { return heard(stage_.say("\n")) && heard(rows_.summary(summary)); }

bool DemoScript::heard(bool ok) {
  broken_ = broken_ || !ok;
  return !broken_;
}

bool DemoScript::is_at_its_place(std::size_t step) const {
  const char* netns = demo_steps()[step].netns;
  return *netns == '\0' || answers_[step]->where.netns == stage_.netns(netns);
}

bool DemoScript::is_as_set_up(std::size_t step) const {
  const DemoStep& truth = demo_steps()[step];
  const model::Verdict& said = *answers_[step];
  return said.cause == truth.cause && said.packet == truth.packet && is_at_its_place(step);
}

std::vector<std::string> DemoScript::complaints() const {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < answers_.size(); ++i) {
    const DemoStep& step = demo_steps()[i];
    const model::NetnsId netns = *step.netns == '\0' ? 0 : stage_.netns(step.netns);
    const std::string set_up =
        "step " + std::to_string(i + 1) + " was set up as " + words_about(step.cause, step.packet, netns, step.netns);
    if (!answers_[i]) {
      all.push_back(set_up + ", and no row came");
      continue;
    }
    if (is_as_set_up(i)) continue;
    const model::Verdict& said = *answers_[i];
    const char* place = is_at_its_place(i) ? step.netns : "";
    all.push_back(set_up + ", and the row says " + words_about(said.cause, said.packet, said.where.netns, place));
  }
  return all;
}

}  // namespace synfate::cli
