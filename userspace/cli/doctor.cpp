// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/doctor.hpp"

#include <signal.h>

#include <set>

#include "cli/calibration.hpp"
#include "cli/exit_status.hpp"
#include "cli/output.hpp"
#include "machine/confine.hpp"
#include "machine/real.hpp"
#include "probe/features.hpp"
#include "probe/permissions.hpp"
#include "probe/probe.hpp"
#include "render/doctor.hpp"

namespace synfate::cli {
namespace {

using render::DoctorLine;

DoctorLine line(std::string name, const probe::Support& support, std::string consequence) {
  DoctorLine result;
  result.name = std::move(name);
  result.why = support.why;
  switch (support.state) {
    case probe::Support::State::Yes: result.state = DoctorLine::State::Yes; break;
    case probe::Support::State::No: result.state = DoctorLine::State::No; break;
    case probe::Support::State::Unknown: result.state = DoctorLine::State::Unknown; break;
  }
  if (result.state != DoctorLine::State::Yes) result.consequence = std::move(consequence);
  return result;
}

std::string text_of(const Error& error) { return error.why.empty() ? error.what : error.what + ": " + error.why; }

DoctorLine lockdown_line() {
  switch (probe::read_lockdown()) {
    case probe::Lockdown::None: return line("lockdown off", probe::Support::yes(), "");
    case probe::Lockdown::Integrity: return line("lockdown off", probe::Support::yes(), "");
    case probe::Lockdown::Confidentiality:
      return line("lockdown off", probe::Support::no("lockdown=confidentiality"), "BPF may not read kernel memory: nothing can be traced");
    case probe::Lockdown::Unknown: break;
  }
  return line("lockdown off", probe::Support::unknown("securityfs is not mounted, or this kernel has no lockdown"),
              "the trial load below decides");
}

/// The tools that the next questions need; absent ones cost names, not verdicts.
DoctorLine tool_line(machine::Machine& machine, const std::string& tool, const std::string& consequence) {
  auto output = machine.run({tool, "--version"});
  if (output || output.error().kind != ErrorKind::Gone) return line(tool, probe::Support::yes(), "");
  return line(tool, probe::Support::no("not installed"), consequence);
}

/// What the calibration learns here; each missing part is a part of tier 2.
void add_frames(render::DoctorReport& report, probe::Probe& probe, const probe::KernelFeatures& features) {
  const bool with_nft = probe::nf_tables_loaded(features);
  const bool allowed = !features.without.contains("calibration");
  const bool possible = allowed && probe::can_learn_frames(features);
  const probe::Frames frames = possible ? learn_frames_now(probe, with_nft) : probe::Frames{};
  const std::string why = allowed ? "the lessons in a namespace of synfate's own did not agree" : "switched off by --without";
  const auto add = [&](const char* name, bool known, const std::string& otherwise, const char* consequence) {
    report.lines.push_back(line(name, known ? probe::Support::yes() : probe::Support::no(otherwise), consequence));
  };
  const std::string no_nft = "nf_tables is not loaded; learnt when a rule of it has dropped";
  add("frames: nft rule", frames.knows_rules(), with_nft ? why : no_nft, "the rule of nf_tables is told only by traced functions");
  add("frames: nft policy", frames.knows_policies(), with_nft ? why : no_nft,
      "the chain whose policy dropped is told only by traced functions");
  add("frames: hook entry", frames.knows_entries(), features.netfilter_links ? why : "it takes BPF netfilter links (6.4) to learn it",
      "which entry of a hook with several dropped is not told");
}

}  // namespace

int doctor(const Options& options) {
  ::signal(SIGPIPE, SIG_IGN);
  // Whatever a session is left with has to do here too.
  const Status confined = machine::confine(machine::Duty::Watch);
  machine::RealMachine machine;
  render::DoctorReport report;
  const Status capable = probe::check_capabilities();
  report.lines.push_back(line("privileges", capable ? probe::Support::yes() : probe::Support::no(capable.error().why),
                              "BPF programs cannot be loaded: run it as root"));
  report.lines.push_back(line("confinement", confined ? probe::Support::yes() : probe::Support::no(text_of(confined.error())),
                              "a session keeps more privileges than it needs"));
  report.lines.push_back(lockdown_line());
  auto features = probe::read_features(options.without);
  report.lines.push_back(line("BTF and tracepoints", features ? probe::Support::yes() : probe::Support::no(text_of(features.error())),
                              "nothing can be traced"));
  bool something_missing = false;
  if (features) {
    std::set<std::string> said;
    for (const probe::NamedSupport& hook : features->hooks) {
      if (!said.insert(hook.name).second && hook.support) continue;
      report.lines.push_back(line(hook.name, hook.support, hook.consequence));
      something_missing |= !hook.support;
    }
    report.lines.push_back(line("drop reasons",
                                features->has_drop_reason ? probe::Support::yes() : probe::Support::no("kfree_skb carries none"),
                                "only the function that dropped is known"));
    something_missing |= !features->has_drop_reason;
  }
  std::string failure = capable ? (features ? "" : text_of(features.error())) : text_of(capable.error());
  if (failure.empty()) {
    // The real thing, with all of its programs: loaded, attached, and gone again.
    auto probe =
        probe::Probe::start(*features, {.filter = {}, .scoped = static_cast<bool>(features->tcx), .stream_all = true, .pid_namespace = 0});
    if (probe && features->tcx) {
      // And the programs that a scoped session keeps for the worst case.
      if (const Status everywhere = probe->watch_everywhere(); !everywhere) probe = everywhere.error();
    }
    if (!probe) failure = text_of(probe.error());
    report.lines.push_back(
        line("trial load of every program", probe ? probe::Support::yes() : probe::Support::no(failure), "nothing can be traced"));
    if (probe && features->rules) {
      if (const Status loaded = probe->load_rules(*features); !loaded) {
        features->rules = probe::Support::no(text_of(loaded.error()));
        something_missing = true;
      }
    }
    report.lines.push_back(line("tcx", features->tcx,
                                "with --pod, --node, --netns and probe, packets of others are looked at too: by tracepoints, as without a "
                                "scope"));
    for (const probe::NamedSupport& type : probe::rule_features(*features))
      report.lines.push_back(line(type.name, type.support, type.consequence));
    if (probe && features->rules) add_frames(report, *probe, *features);
  }
  report.lines.push_back(tool_line(machine, "ip", "synfate demo cannot build its lab"));
  report.lines.push_back(tool_line(machine, "nft", "synfate demo cannot build its lab"));
  report.can_run = failure.empty();
  report.tier = report.can_run ? probe::tier_of(*features) : "";
  report.verdict = !report.can_run     ? "this machine cannot run synfate: " + failure
                   : something_missing ? "this machine can run synfate, with the gaps above"
                                       : "this machine can run synfate";
  const bool written = options.json ? render::write_doctor_json(report, stdout_writer())
                                    : render::write_doctor_text(report, text_style(options), stdout_writer());
  if (!written) return kDone;
  if (!report.can_run) return kCannotRun;
  return something_missing ? kEvidenceLost : kDone;
}

}  // namespace synfate::cli
