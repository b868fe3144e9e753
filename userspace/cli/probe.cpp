// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/probe.hpp"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.hpp"
#include "cli/exit_status.hpp"
#include "cli/live.hpp"
#include "cli/output.hpp"
#include "cli/probe_client.hpp"
#include "cli/probe_ledger.hpp"
#include "cli/probe_target.hpp"
#include "inventory/name_lookup.hpp"
#include "machine/real.hpp"

namespace synfate::cli {
namespace {

/// Of a name with more addresses the first ones are tried.
constexpr std::size_t kMaxAddresses = 8;

std::string hostname() {
  utsname names{};
  return ::uname(&names) == 0 ? names.nodename : "";
}

Result<inventory::NameLookup> resolve(const std::string& name, const ProbeTarget& target, const NameFiles& files,
                                      machine::Machine& machine) {
  machine::RunOptions there;
  there.netns = &target.netns;
  std::optional<Error> refused;
  const auto settings = inventory::parse_resolv_conf(files.resolv_conf);
  auto lookup = inventory::look_up(name, files.hosts, settings, [&](const machine::NameQuestion& question) {
    auto reply = machine.ask_name_server(question, there);
    if (!reply && reply.error().kind == ErrorKind::Permission) refused = reply.error();
    return reply;
  });
  if (refused) return *refused;
  return lookup;
}

std::string list_of(const std::vector<model::IpAddress>& addresses) {
  std::string list;
  for (const model::IpAddress& address : addresses) list += (list.empty() ? "" : ", ") + model::to_string(address);
  return list;
}

model::Notice unresolved(const std::string& name, const ProbeTarget& target, const NameFiles& files, const inventory::NameLookup& lookup) {
  return {model::NoticeLevel::Warning, "name_unresolved",
          name + " is not resolved in " + target.words + ", so nothing was connected to. Its name servers are from " + files.source + ": " +
              inventory::answers_text(lookup)};
}

model::Notice resolved(const std::string& name, const NameFiles& files, const inventory::NameLookup& lookup) {
  std::string text = name + " is " + list_of(lookup.addresses);
  if (lookup.server.empty()) {
    text += ", by the hosts file beside " + files.source;
  } else {
    text += std::string(", by name server ") + lookup.server + " as " + printable(lookup.name, 260) + ", from " + files.source;
  }
  if (lookup.addresses.size() > kMaxAddresses) text += "; the first " + std::to_string(kMaxAddresses) + " are tried";
  return {model::NoticeLevel::Info, "name_resolved", std::move(text)};
}

/// The connects themselves: `addresses` are known.
int run_probe(const Options& options, const WallClock& clock, render::Sink& sink, OutputQueue& output, const ProbeTarget& target,
              const std::vector<model::IpAddress>& addresses) {
  const ProbeOptions& wanted = options.probe;
  ProbePlan plan{target.netns.fd(), addresses, wanted.to.zone, wanted.to.port, wanted.count, wanted.timeout, ::getpid()};
  std::vector<std::string> words;
  words.reserve(addresses.size());
  for (const model::IpAddress& address : addresses) words.push_back(model::to_string(model::Endpoint{address, plan.port}));
  ProbeLedger ledger(sink, std::move(words));
  int report[2];
  if (::pipe2(report, O_CLOEXEC | O_NONBLOCK) != 0) {
    complain({ErrorKind::Io, "cannot connect", errno_text(errno), ""});
    return kCannotRun;
  }
  UniqueFd reader(report[0]);
  UniqueFd writer(report[1]);
  auto session = LiveSession::start(options, ledger, clock, &output);
  if (!session) {
    complain(session.error());
    return exit_status(session.error());
  }
  const int report_fd = writer.get();
  // Its pipe is never full: it is read as fast as connects are made.
  (void)::fcntl(report_fd, F_SETFL, 0);
  const Error cannot_enter{ErrorKind::Permission, "cannot enter " + target.words, "", "run it as root"};
  const auto work = [&](int failure_fd) { make_connects(plan, report_fd, failure_fd); };
  if (Status prepared = (*session)->prepare_child([&] { return Child::fork_behind_gate(cannot_enter, work); }); !prepared) {
    complain(prepared.error());
    return kCannotRun;
  }
  writer.reset();
  (*session)->watch(reader.get(), [&] {
    ConnectReport one;
    ssize_t length = 0;
    while ((length = ::read(reader.get(), &one, sizeof one)) == static_cast<ssize_t>(sizeof one)) ledger.add(one);
    if (length == 0) (*session)->stop_watching();
  });
  const int ended = (*session)->loop();
  session->reset();
  (void)finish_output(output);
  // Whoever stopped it with a signal sees 128 + number here.
  if (ended == kCannotRun) return kCannotRun;
  return ledger.exit_status(ended > 128);
}

}  // namespace

int probe(const Options& options) {
  machine::RealMachine machine;
  inventory::InventoryReader reader(machine);
  const auto target = find_target(options.probe, hostname(), reader, machine);
  if (!target) {
    complain(target.error());
    return exit_status(target.error());
  }
  const WallClock clock = wall_clock_now();
  OutputQueue output(STDOUT_FILENO);
  const auto sink = make_sink(options, clock, queue_writer(output));
  const Destination& to = options.probe.to;
  if (to.name.empty()) return run_probe(options, clock, *sink, output, *target, {to.address});

  const auto files = read_name_files(*target, machine);
  if (!files) {
    complain(files.error());
    return exit_status(files.error());
  }
  auto lookup = resolve(to.name, *target, *files, machine);
  if (!lookup) {
    complain(lookup.error());
    return exit_status(lookup.error());
  }
  if (lookup->addresses.empty()) {
    (void)sink->notice(unresolved(to.name, *target, *files, *lookup));
    // For a person that was all.
    if (options.json) (void)sink->summary({});
    (void)finish_output(output);
    return kNameUnresolved;
  }
  if (!sink->notice(resolved(to.name, *files, *lookup))) return kDone;
  if (lookup->addresses.size() > kMaxAddresses) lookup->addresses.resize(kMaxAddresses);
  return run_probe(options, clock, *sink, output, *target, lookup->addresses);
}

}  // namespace synfate::cli
