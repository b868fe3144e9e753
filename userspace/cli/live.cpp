// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/live.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "cli/exit_status.hpp"
#include "cli/output.hpp"
#include "cli/scope.hpp"
#include "cli/untold.hpp"
#include "judge/judge.hpp"
#include "machine/confine.hpp"
#include "probe/permissions.hpp"
#include "render/counting.hpp"

namespace synfate::cli {
namespace {

constexpr DurationNs kTick = 500 * kMillisecond;
/// Namespaces that come and go leave holes in the heap that the next ones do not fit: beside 9,000 pods a third of it was free, and
/// resident. To give that back takes 2 ms then.
constexpr DurationNs kTrim = 60 * kSecond;
/// After the command has ended: its last packets are still on their way through softirqs and the settling time.
constexpr DurationNs kLinger = 60 * kMillisecond;

std::uint32_t own_pid_namespace() {
  struct stat space {};
  return ::stat("/proc/self/ns/pid", &space) == 0 ? static_cast<std::uint32_t>(space.st_ino) : 0;
}

std::string kernel_release() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "";
}

std::string hostname() {
  utsname names{};
  return ::uname(&names) == 0 ? names.nodename : "";
}

/// Where the recording was first written is of no use to whoever replays it, and may tell more of the machine than was meant.
std::vector<std::string> without_record_path(const std::vector<std::string>& command_line) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < command_line.size() && command_line[i] != "--"; ++i) {
    if (command_line[i] == "--record") {
      ++i;
    } else if (!command_line[i].starts_with("--record=")) {
      kept.push_back(command_line[i]);
    }
  }
  return kept;
}

}  // namespace

LiveSession::LiveSession(const Options& options, render::Sink& sink, const WallClock& clock, OutputQueue* output,
                         probe::KernelFeatures features, probe::Probe probe)
    : options_(options),
      clock_(clock),
      output_(output),
      features_(std::move(features)),
      surroundings_(machine_),
      engine_(sink, {features_.btf.drop_reasons, kernel_release()},
              {.print_all = options.all || options.follows_child(), .count = options.count, .tier = tier()}),
      probe_(std::move(probe)),
      rule_watch_(probe_, surroundings_, [this](const model::Notice& notice) { engine_.print(notice); }),
      said_clock_offset_ns_(clock.offset_ns),
      named_scope_(options.filter, hostname()) {
  if (output_ != nullptr) engine_.set_room([this] { return output_->has_room(); });
  surroundings_.set_security_hooks(features_.btf.security_hooks, features_.btf.security_has_reason);
}

Result<std::unique_ptr<LiveSession>> LiveSession::start(const Options& options, render::Sink& sink, const WallClock& clock,
                                                        OutputQueue* output) {
  if (options.ready_fd && ::fcntl(*options.ready_fd, F_GETFD) < 0) {
    return Error{ErrorKind::Usage, "--ready-fd " + std::to_string(*options.ready_fd), "is not an open descriptor",
                 "open it first, as in: synfate trace --ready-fd 3 3>pipe"};
  }
  machine::RealMachine machine;
  auto filter = resolve_filter(options.filter, machine);
  if (!filter) return filter.error();
  filter->tree = options.follows_child();
  if (Status capable = probe::check_capabilities(); !capable) return capable.error();
  auto features = probe::read_features(options.without);
  if (!features) return features.error();
  probe::Options probing;
  probing.filter = *filter;
  probing.stream_all = options.all || options.follows_child();
  probing.pid_namespace = own_pid_namespace();
  // A probe and a demo are over in seconds, and are asked for the whole way of their first SYN: to spare others' packets for so long is not
  // worth a hop.
  const bool stays = options.command == Command::Trace || options.command == Command::Run;
  const bool wants_scope = stays && (filter->netns || filter->pod || filter->node);
  probing.scoped = features->tcx && wants_scope;
  std::optional<machine::PrivateNetns> prepared;
  if (features->rules && !features->without.contains("calibration") && probe::can_learn_frames(*features)) {
    if (auto lab = Calibration::prepare(probe::nf_tables_loaded(*features))) prepared.emplace(std::move(*lab));
  }
  auto probe = probe::Probe::start(*features, probing);
  if (!probe) return probe.error();
  std::unique_ptr<LiveSession> session(new LiveSession(options, sink, clock, output, std::move(*features), std::move(*probe)));
  if (prepared) session->prepared_.emplace(std::move(*prepared));
  session->started_ns_ = monotonic_now();
  session->netns_filter_ = filter->netns;
  session->wants_scope_ = wants_scope;
  if (probing.scoped) {
    session->scoped_.emplace(session->probe_, session->surroundings_,
                             [raw = session.get()](const model::Notice& notice) { raw->engine_.print(notice); });
  }
  if (Status opened = session->open_recording(); !opened) return opened.error();
  if (Status watching = session->watch_signals(); !watching) return watching.error();
  if (Status tracing = session->start_nftrace(); !tracing) return tracing.error();
  return session;
}

Status LiveSession::open_recording() {
  if (!options_.record) return Ok{};
  wire::RecordingHeader header;
  header.tool_version = SYNFATE_VERSION;
  header.kernel = {features_.btf.drop_reasons, kernel_release()};
  header.clock = clock_;
  header.started_ns = started_ns_;
  header.tier = tier();
  header.gaps = probe::gaps_of(features_);
  header.options = without_record_path(options_.command_line);
  header.pid_namespace = own_pid_namespace();
  auto writer = wire::create_recording(*options_.record, header);
  if (!writer) return writer.error();
  recorder_.start(std::move(*writer), [this](const Error& error) {
    engine_.print(model::Notice{model::NoticeLevel::Warning, "recording_failed", to_string(error) + "; the session goes on without it"});
  });
  return Ok{};
}

Status LiveSession::watch_signals() {
  sigset_t ours;
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  // Whoever was stopped goes on all the same, and learns of it.
  sigaddset(&ours, SIGCONT);
  ::sigprocmask(SIG_BLOCK, &ours, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  // A recording that grows beyond `ulimit -f` fails like one on a full disk.
  ::signal(SIGXFSZ, SIG_IGN);
  signals_.reset(::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return Error{ErrorKind::Io, "cannot watch for signals", errno_text(errno), ""};
  return Ok{};
}

Status LiveSession::start_nftrace() {
  const auto say = [this](const model::Notice& notice) { engine_.print(notice); };
  mend_after_nftrace(surroundings_, monotonic_now(), say);
  if (!options_.nftrace) return Ok{};
  auto session = NftraceSession::start(options_.filter, netns_filter_, surroundings_, monotonic_now(), say);
  if (!session) return session.error();
  nftrace_ = std::move(*session);
  rule_watch_.follow_traced(nftrace_->namespaces());
  return Ok{};
}

std::string LiveSession::tier() const { return options_.nftrace ? "4" : probe::tier_of(features_); }

Status LiveSession::prepare_child(const std::function<Result<Child>()>& fork) {
  probe_.seed_tree(true);
  auto child = fork();
  probe_.seed_tree(false);
  if (!child) return child.error();
  child_.emplace(std::move(*child));
  return Ok{};
}

void LiveSession::give_up_privileges() {
  // The demo has a lab to take down again.
  if (options_.command == Command::Demo || features_.without.contains("confinement")) return;
  const auto duty = options_.command == Command::Run ? machine::Duty::WatchCommand : machine::Duty::Watch;
  if (Status confined = machine::confine(duty); !confined) {
    engine_.print(
        model::Notice{model::NoticeLevel::Warning, "not_confined", to_string(confined.error()) + "; the session goes on with it"});
  }
}

void LiveSession::write_ready() const {
  if (options_.ready_fd) (void)!::write(*options_.ready_fd, "\n", 1);
}

int LiveSession::loop(const std::function<void()>& armed) {
  give_up_privileges();
  engine_.set_before_judge([this](const model::Journey& journey) {
    const MonotonicNs now = monotonic_now();
    const bool around = surroundings_.look_at(journey, now);
    if (nftrace_) nftrace_->gather();
    const bool rules = rule_watch_.look_at(journey, now);
    if (nftrace_) nftrace_->gather();
    const bool more =
        scoped_ &&
        scoped_->look_at(journey, judge::wants_all_devices(journey, surroundings_.inventory(), {.now_ns = now, .tier = tier()}), now);
    if (!around && !rules && !more) return;
    engine_.set_inventory(surroundings_.inventory());
    if (recorder_.is_on()) recorder_.inventory(now, surroundings_.touched());
  });
  next_tick_ns_ = monotonic_now() + kTick;
  // Before anyone is told that all is armed.
  if (named_scope_.is_on() || scoped_) surroundings_.look_around(monotonic_now());
  attach_scope();
  if (named_scope_.is_on()) {
    surroundings_.list_hosted();
    name_scope();
    engine_.set_admission([this](const model::Attempt& row) { return named_scope_.admits(row, surroundings_.inventory()); });
    if (const auto notice = named_scope_.complaint(surroundings_.inventory())) engine_.print(*notice);
  }
  trace_listeners();
  learn_frames();
  wait_for_tables();
  if (options_.duration) end_ns_ = monotonic_now() + *options_.duration;
  // What took long until now delayed no reading.
  drained_ns_ = monotonic_now();
  write_ready();
  if (armed) armed();
  if (child_) {
    if (Status released = child_->release(); !released) {
      complain(released.error());
      linger_until_ns_ = monotonic_now();
    }
  }
  surroundings_.look_around(monotonic_now());
  engine_.set_inventory(surroundings_.inventory());
  if (netns_filter_ && surroundings_.inventory().find(*netns_filter_) == nullptr) {
    engine_.print(model::Notice{
        model::NoticeLevel::Warning, "netns_unknown",
        "no network namespace " + std::to_string(*netns_filter_) + " is known on this machine now; nothing matches until there is one"});
  }
  next_tick_ns_ = monotonic_now() + kTick;
  next_trim_ns_ = monotonic_now() + kTrim;

  while (!ending_ && !engine_.is_done() && !is_unread()) {
    const MonotonicNs before = monotonic_now();
    std::array<pollfd, 7> fds{{{probe_.ready_fd(), POLLIN, 0},
                               {signals_.get(), POLLIN, 0},
                               {child_ && !linger_until_ns_ ? child_->fd() : -1, POLLIN, 0},
                               {calibration_.fd(), POLLIN, 0},
                               {watched_fd_, POLLIN, 0},
                               {nftrace_ ? nftrace_->fd() : -1, POLLIN, 0},
                               // Without anything to write it still tells that nobody reads any more.
                               {output_ != nullptr ? output_->fd() : -1, output_ != nullptr ? output_->events() : short{0}, 0}}};
    const int patience_ms = timeout_ms(before);
    if (::poll(fds.data(), fds.size(), patience_ms) < 0 && errno != EINTR) break;
    const MonotonicNs now = monotonic_now();
    stalled_ |= has_overslept(before, patience_ms, now);
    if (fds[1].revents != 0) take_signal();
    if (fds[2].revents != 0) linger_until_ns_ = now + kLinger;
    if (fds[3].revents != 0) calibration_.proceed(probe_, engine_);
    if (fds[4].revents != 0) on_watched_();
    if (fds[6].revents != 0) output_->proceed(fds[6].revents);
    turn(now);
    if ((end_ns_ && now >= *end_ns_) || (linger_until_ns_ && now >= *linger_until_ns_)) ending_ = true;
  }
  return finish(monotonic_now());
}

void LiveSession::turn(MonotonicNs now) {
  drain();
  if (scoped_) scoped_->follow(probe_.take_headings(), now);
  // Again only after what is due was judged without it.
  const auto due = engine_.next_due();
  const bool waited_for = calibration_.state() != Calibration::State::Failed || !due || *due > now;
  if (engine_.wants_calibration() && calibration_.is_worth_a_try() && waited_for && may_calibrate() && probe::nf_tables_loaded(features_)) {
    // nf_tables came after synfate: its types were not there to be known.
    if (!calibration_.frames().knows_rules()) load_rules();
    calibration_.start(now, true);
  }
  if (calibration_.settle(now, probe_, engine_) && calibration_.state() == Calibration::State::Done) {
    recorder_.nft_sites(now, engine_.nft_sites());
  }
  if (now >= next_tick_ns_) tick(now);
  judge_due(now);
}

void LiveSession::drain() {
  const auto take = [this](std::span<const std::byte> record) {
    if (engine_.feed(record)) recorder_.record(record);
  };
  note_pause();
  probe_.drain(take);
  if (nftrace_) nftrace_->drain(take);
}

void LiveSession::tick(MonotonicNs now) {
  probe_.sweep();
  drain();
  if (nftrace_) {
    nftrace_->tick(now);
    rule_watch_.follow_traced(nftrace_->namespaces());
  }
  rule_watch_.tick(now);
  if (surroundings_.discover()) name_scope();
  if (scoped_) scoped_->tick(now);
  note_losses(now);
  note_clock();
  note_unprinted();
  engine_.tick(now);
  if (now >= next_trim_ns_) {
    ::malloc_trim(0);
    next_trim_ns_ = now + kTrim;
  }
  next_tick_ns_ = now + kTick;
}

void LiveSession::judge_due(MonotonicNs now) {
  const auto due = engine_.next_due();
  if (!due || *due > now || calibration_.holds_until(now)) return;
  note_losses(now);
  engine_.advance(now);
  recorder_.judged(now);
}

void LiveSession::take_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGCONT) {
      stalled_ = true;
    } else if (!child_ || linger_until_ns_) {
      ending_ = true;
    } else if (info.ssi_signo == SIGTERM || options_.command == Command::Probe) {
      child_->forward(static_cast<int>(info.ssi_signo));
    }
    // Of run, SIGINT reaches the command from the terminal by itself; its end is the session's.
  }
}

int LiveSession::timeout_ms(MonotonicNs now) const {
  MonotonicNs until = next_tick_ns_;
  const auto sooner = [&](const std::optional<MonotonicNs>& other) {
    if (other) until = std::min(until, *other);
  };
  if (calibration_.is_under_way()) sooner(calibration_.deadline());
  if (const auto held = calibration_.holds_until(now)) {
    sooner(held);
  } else {
    sooner(engine_.next_due());
  }
  sooner(end_ns_);
  sooner(linger_until_ns_);
  if (until <= now) return 0;
  // Rounded up: waking early means turning for nothing.
  return static_cast<int>((until - now + kMillisecond - 1) / kMillisecond);
}

int LiveSession::finish(MonotonicNs now) {
  // A connect() without a route is known only by the SYN that does not follow: the sweep tells.
  probe_.sweep();
  probe_.disarm();
  drain();
  const std::vector<model::Gap> nftrace_gaps = nftrace_ ? nftrace_->gaps() : std::vector<model::Gap>{};
  // Before anything that takes time: what was changed is put back.
  nftrace_.reset();
  note_losses(now);
  engine_.advance(now);
  engine_.finish(now);
  const probe::Counters counters = this->counters();
  model::Summary summary;
  summary.attempts = engine_.fates();
  summary.attempts[model::Fate::Established] +=
      counters[WIRE_COUNT_ESTABLISHED] - std::min(counters[WIRE_COUNT_ESTABLISHED], engine_.counted_twice());
  summary.events_seen = counters[WIRE_COUNT_EVENTS];
  summary.events_lost = counters[WIRE_COUNT_RING_FULL];
  summary.tier = tier();
  summary.hops = scoped_ ? scoped_->words() : wants_scope_ && !features_.tcx ? "all devices: " + features_.tcx.why : "all devices";
  summary.gaps = probe::gaps_of(features_);
  if (!calibration_.failure().empty()) summary.gaps.push_back({"calibration_failed", calibration_failure()});
  for (const model::Gap& gap : surroundings_.inventory().gaps) summary.gaps.push_back(gap);
  for (const model::Gap& gap : nftrace_gaps) summary.gaps.push_back(gap);
  if (known_untracked_ != 0) summary.gaps.push_back({"attempts_untracked", untracked_text()});
  if (auto untold = rules_untold_gap(probe_.missed_rules())) summary.gaps.push_back(*std::move(untold));
  if (auto untold = untold_gap(counters)) summary.gaps.push_back(*std::move(untold));
  if (engine_.unprinted() != 0) summary.gaps.push_back({"rows_unprinted", unprinted_text(engine_.unprinted())});
  summary.crowded = counters[WIRE_COUNT_CROWDED];
  if (summary.crowded != 0) summary.crowds = probe_.crowds();
  if (auto crowded = crowded_gap(summary)) summary.gaps.push_back(*std::move(crowded));
  summary.duration_ns = now - started_ns_;
  if (summary.attempts[model::Fate::Established] == 0) summary.attempts.erase(model::Fate::Established);
  recorder_.end(now, counters);
  if (output_ != nullptr) output_->begin_end();
  engine_.print(summary);
  if (child_) return child_->wait();
  // Nobody reads any more: whatever was lost, nobody was told the rest either.
  if (is_unread()) return kDone;
  const bool lost = engine_.unprinted() != 0 || summary.events_lost != 0 || known_untracked_ != 0 || summary.crowded != 0 ||
                    counters[WIRE_COUNT_UNTOLD] != 0 || engine_.undecodable() != 0 || recorder_.has_failed();
  return lost ? kEvidenceLost : kDone;
}

}  // namespace synfate::cli
