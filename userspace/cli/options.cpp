// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/options.hpp"

#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "cli/exit_status.hpp"
#include "cli/help.hpp"
#include "probe/features.hpp"

namespace synfate::cli {
namespace {

/// Strings as CLI11 collects them, before they become values.
struct Raw {
  std::string host, source, destination, netns, cgroup, pod, node, duration, color = "auto", record, from, to, timeout;
  std::uint32_t port = 0;
  std::uint64_t tgid = 0;
  std::uint64_t count = 0;
  int ready_fd = -1;
  std::vector<std::string> without;
};

std::string check_prefix(const std::string& text) {
  return model::parse_prefix(text) ? "" : "'" + printable(text, 80) + "' is not an address or CIDR such as 10.42.0.0/16 or fd00::/8";
}

std::string check_pod(const std::string& text) {
  return is_pod_name(text) ? "" : "'" + printable(text, 80) + "' is not a pod's NAMESPACE/NAME; see: synfate pods";
}

std::string check_node(const std::string& text) {
  return is_node_name(text) ? "" : "'" + printable(text, 80) + "' is not a node's name; see: synfate pods";
}

std::string check_duration(const std::string& text) {
  return parse_duration(text) ? "" : "'" + printable(text, 80) + "' is not a duration such as 500ms, 30s, 5m or 1h";
}

template <class T>
std::string words_of(const Result<T>& parsed) {
  return parsed ? std::string() : to_string(parsed.error());
}

std::string check_feature(const std::string& text) {
  const std::set<std::string> names = probe::feature_names();
  if (names.contains(text)) return "";
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return "'" + printable(text, 80) + "' is no feature; features are: " + list;
}

void add_common(CLI::App& app, Options& options, Raw& raw) {
  app.add_flag("--json", options.json, "JSON lines on standard output")->group("Output");
  app.add_option("--color", raw.color, "colours: auto, always or never (NO_COLOR counts as never)")
      ->check(CLI::IsMember({"auto", "always", "never"}).description(""))
      ->type_name("WHEN")
      ->group("Output");
  app.add_flag("-v,--verbose", options.verbose, "more: who, every leg, whole paths, kernel functions")->group("Output");
}

void add_filter(CLI::App& app, Raw& raw) {
  const char* group = "Filter (in the kernel; conditions combine with AND)";
  app.add_option("--netns", raw.netns, "what touches this network namespace: a path, name in /run/netns or inode")
      ->type_name("NETNS")
      ->group(group);
  app.add_option("--pod", raw.pod, "either end is this pod, before or after NAT")->type_name("NS/NAME")->check(check_pod)->group(group);
  app.add_option("--node", raw.node, "what touches this node or its pods: a node container, or this host by name")
      ->type_name("NAME")
      ->check(check_node)
      ->group(group);
  app.add_option("--host", raw.host, "either end, before or after NAT")->type_name("CIDR")->check(check_prefix)->group(group);
  app.add_option("--src", raw.source, "the client's address, before or after NAT")->type_name("CIDR")->check(check_prefix)->group(group);
  app.add_option("--dst", raw.destination, "the server's address, before or after NAT")
      ->type_name("CIDR")
      ->check(check_prefix)
      ->group(group);
  app.add_option("--port", raw.port, "the server's port, before or after NAT")
      ->type_name("N")
      ->check(CLI::Range(1U, 65535U).description(""))
      ->group(group);
  app.add_option("--pid", raw.tgid, "attempts that this process makes")
      ->type_name("N")
      ->check(CLI::Range(1UL, 4194304UL).description(""))
      ->group(group);
  app.add_option("--cgroup", raw.cgroup, "attempts made by processes in this cgroup (v2) or below it")->type_name("PATH")->group(group);
}

void add_live(CLI::App& app, Options& options, Raw& raw) {
  const char* group = "Session";
  app.add_flag("--nftrace", options.nftrace,
               "show the whole rule path; changes the system: adds a table of its own to\n"
               "each network namespace in scope and takes it away again")
      ->group(group);
  app.add_option("--record", raw.record, "also write all evidence to FILE (new, mode 0600), for synfate replay")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--ready-fd", raw.ready_fd, "write one newline to this descriptor when everything is armed")
      ->type_name("N")
      ->check(CLI::Range(0, 1048575).description(""))
      ->group(group);
  app.add_option("--without", raw.without, "do without a kernel feature, as on a lesser kernel; may be repeated")
      ->type_name("FEATURE")
      ->check(check_feature)
      ->allow_extra_args(false)
      ->group(group);
}

void add_probe(CLI::App& app, Options& options, Raw& raw) {
  const char* group = "Connection";
  const auto check_from = [](const std::string& text) { return words_of(parse_who(text)); };
  const auto check_to = [](const std::string& text) { return words_of(parse_destination(text)); };
  app.add_option("--from", raw.from, "whose network it is made from: pod:NS/NAME, node:NAME, pid:N, host or\nnetns:PATH-or-INODE")
      ->required()
      ->type_name("WHO")
      ->check(CLI::Validator(check_from, ""))
      ->group(group);
  app.add_option("--to", raw.to, "an address, or a name as WHO resolves it")
      ->required()
      ->type_name("HOST:PORT")
      ->check(CLI::Validator(check_to, ""))
      ->group(group);
  app.add_option("--count", options.probe.count, "so many times, one after the other")
      ->type_name("N")
      ->check(CLI::Range(1UL, 10000UL).description(""))
      ->group(group);
  app.add_option("--timeout", raw.timeout, "how long each may take (4s)")->type_name("DUR")->check(check_duration)->group(group);
  app.add_option("--node", raw.node, "the node of the pod, where several have its name")
      ->type_name("NAME")
      ->check(check_node)
      ->group(group);
}

/// CLI11 puts two empty lines between groups.
std::string close_up(std::string text) {
  for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) text.erase(at, 1);
  return text;
}

void finish(Options& options, const Raw& raw) {
  if (!raw.host.empty()) options.filter.host = model::parse_prefix(raw.host);
  if (!raw.source.empty()) options.filter.source = model::parse_prefix(raw.source);
  if (!raw.destination.empty()) options.filter.destination = model::parse_prefix(raw.destination);
  if (raw.port != 0) options.filter.port = static_cast<std::uint16_t>(raw.port);
  if (!raw.netns.empty()) options.filter.netns = raw.netns;
  if (raw.tgid != 0) options.filter.tgid = static_cast<std::uint32_t>(raw.tgid);
  if (!raw.cgroup.empty()) options.filter.cgroup = raw.cgroup;
  if (!raw.pod.empty()) options.filter.pod = raw.pod;
  if (!raw.node.empty()) options.filter.node = raw.node;
  if (!raw.duration.empty()) options.duration = parse_duration(raw.duration);
  if (raw.count != 0) options.count = raw.count;
  if (!raw.from.empty()) options.probe.from = *parse_who(raw.from);
  if (!raw.to.empty()) options.probe.to = *parse_destination(raw.to);
  if (!raw.timeout.empty()) options.probe.timeout = *parse_duration(raw.timeout);
  if (!raw.record.empty()) options.record = raw.record;
  if (raw.ready_fd >= 0) options.ready_fd = raw.ready_fd;
  options.without.insert(raw.without.begin(), raw.without.end());
  options.color = raw.color == "always" ? ColorWhen::Always : raw.color == "never" ? ColorWhen::Never : ColorWhen::Auto;
}

}  // namespace

std::variant<Options, Leave> parse_options(int argc, const char* const* argv) {
  Options options;
  Raw raw;
  for (int i = 1; i < argc; ++i) options.command_line.emplace_back(argv[i]);

  CLI::App app{std::string(help::kAbout), "synfate"};
  app.footer(std::string(help::kFooter));
  app.set_help_flag("-h,--help", "print this help");
  app.set_version_flag("--version", "synfate " SYNFATE_VERSION, "print the version");
  app.require_subcommand(1);
  app.get_formatter()->column_width(26);

  CLI::App* trace = app.add_subcommand("trace", std::string(help::kTrace));
  trace->footer(std::string(help::kTraceFooter));
  trace->add_option("--for", raw.duration, "end after this long: 500ms, 30s, 5m, 1h")
      ->type_name("DUR")
      ->check(check_duration)
      ->group("Session");
  trace->add_option("--count", raw.count, "end after this many attempts were printed")
      ->type_name("N")
      ->check(CLI::Range(1UL, 1000000000UL).description(""))
      ->group("Session");
  trace->add_flag("--all", options.all, "print attempts that succeed as well")->group("Session");
  add_live(*trace, options, raw);
  add_filter(*trace, raw);
  add_common(*trace, options, raw);

  CLI::App* run = app.add_subcommand("run", std::string(help::kRun));
  run->footer(std::string(help::kRunFooter));
  run->add_option("CMD", options.argv, "the command and its arguments, after --")->required()->type_name("");
  bool accepted_all = false;
  run->add_flag("--all", accepted_all, "changes nothing: established attempts are printed anyway")->group("Session");
  add_live(*run, options, raw);
  add_filter(*run, raw);
  add_common(*run, options, raw);

  CLI::App* probe = app.add_subcommand("probe", std::string(help::kProbe));
  probe->footer(std::string(help::kProbeFooter));
  add_probe(*probe, options, raw);
  add_live(*probe, options, raw);
  add_common(*probe, options, raw);

  CLI::App* pods = app.add_subcommand("pods", std::string(help::kPods));
  pods->footer(std::string(help::kPodsFooter));
  add_common(*pods, options, raw);

  CLI::App* doctor = app.add_subcommand("doctor", std::string(help::kDoctor));
  doctor->footer(std::string(help::kDoctorFooter));
  add_common(*doctor, options, raw);

  CLI::App* replay = app.add_subcommand("replay", std::string(help::kReplay));
  replay->footer(std::string(help::kReplayFooter));
  replay->add_option("FILE", options.file, "a recording made with --record")->required()->type_name("");
  replay->add_flag("--all", options.all, "print attempts that succeeded as well, as far as they were recorded");
  add_common(*replay, options, raw);

  CLI::App* demo = app.add_subcommand("demo", std::string(help::kDemo));
  demo->footer(std::string(help::kDemoFooter));
  add_common(*demo, options, raw);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success&) {
    for (const CLI::App* command : app.get_subcommands()) {
      if (command->get_help_ptr() != nullptr && *command->get_help_ptr())
        return Leave{kDone, close_up(command->help(app.get_name())), false};
    }
    const bool version = app.get_version_ptr() != nullptr && *app.get_version_ptr();
    return Leave{kDone, version ? "synfate " SYNFATE_VERSION "\n" : close_up(app.help()), false};
  } catch (const CLI::ParseError& error) {
    const auto commands = app.get_subcommands();
    if (commands.empty() && argc > 1 && argv[1][0] != '-') {
      return Leave{kUsage, "synfate: there is no command '" + printable(argv[1], 80) + "'\n  try: synfate --help\n", true};
    }
    const std::string name = commands.empty() ? "" : " " + commands.front()->get_name();
    return Leave{kUsage, "synfate: " + printable(error.what()) + "\n  try: synfate" + name + " --help\n", true};
  }
  finish(options, raw);
  if (trace->parsed()) options.command = Command::Trace;
  if (run->parsed()) options.command = Command::Run;
  if (probe->parsed()) {
    options.command = Command::Probe;
    // Where the pod is, and no filter: what is told is what the connects meet.
    options.probe.node = std::exchange(options.filter.node, std::nullopt);
    options.filter.port = options.probe.to.port;
  }
  if (pods->parsed()) options.command = Command::Pods;
  if (doctor->parsed()) options.command = Command::Doctor;
  if (replay->parsed()) options.command = Command::Replay;
  if (demo->parsed()) options.command = Command::Demo;
  return options;
}

}  // namespace synfate::cli
