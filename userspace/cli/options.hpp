// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The command line as plain data; checked as far as it can be without looking at the machine.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "cli/probe_options.hpp"
#include "model/address.hpp"

namespace synfate::cli {

enum class Command { Trace, Run, Probe, Pods, Doctor, Replay, Demo };
enum class ColorWhen { Auto, Always, Never };

/// Conditions as typed; resolved against the machine later (cli/scope.hpp).
struct FilterOptions {
  std::optional<model::Prefix> host;
  std::optional<model::Prefix> source;
  std::optional<model::Prefix> destination;
  std::optional<std::uint16_t> port;
  std::optional<std::string> netns;  ///< a path, a name in /run/netns, or an inode number
  std::optional<std::uint32_t> tgid;
  std::optional<std::string> cgroup;
  std::optional<std::string> pod;  ///< "namespace/name"
  std::optional<std::string> node;

  bool any() const { return host || source || destination || port || netns || tgid || cgroup || pod || node; }
};

struct Options {
  Command command = Command::Trace;
  FilterOptions filter;
  std::optional<DurationNs> duration;
  std::optional<std::uint64_t> count;
  bool all = false;
  bool json = false;
  bool verbose = false;
  ColorWhen color = ColorWhen::Auto;
  std::optional<std::string> record;
  std::optional<int> ready_fd;
  std::set<std::string> without;
  bool nftrace = false;
  ProbeOptions probe;
  std::vector<std::string> argv;          ///< of run's CMD
  std::string file;                       ///< of replay
  std::vector<std::string> command_line;  ///< as typed, for the recording

  /// A child of synfate's is what it watches, whatever becomes of its attempts.
  bool follows_child() const { return command == Command::Run || command == Command::Probe; }
};

/// What main() does next: run with options, or leave with a status after printing `text` (help, version, or the usage error).
struct Leave {
  int status = 0;
  std::string text;
  bool to_stderr = false;
};

std::variant<Options, Leave> parse_options(int argc, const char* const* argv);

}  // namespace synfate::cli
