// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/live.hpp"

#include <fcntl.h>
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
#include "probe/permissions.hpp"
#include "render/counting.hpp"

namespace synfate::cli {
namespace {

constexpr DurationNs kTick = 500 * kMillisecond;
/// After the command has ended: its last packets are still on their way through softirqs and the settling time.
constexpr DurationNs kLinger = 60 * kMillisecond;
constexpr DurationNs kSayLossesEvery = 1 * kSecond;

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

LiveSession::LiveSession(const Options& options, render::Sink& sink, const WallClock& clock, probe::KernelFeatures features,
                         probe::Probe probe)
    : options_(options),
      clock_(clock),
      features_(std::move(features)),
      surroundings_(machine_),
      engine_(sink, {features_.btf.drop_reasons, kernel_release()},
              {.print_all = options.all || options.command == Command::Run, .count = options.count, .tier = tier()}),
      probe_(std::move(probe)),
      rule_watch_(probe_, surroundings_, [this](const model::Notice& notice) { engine_.print(notice); }),
      named_scope_(options.filter, hostname()) {}

Result<std::unique_ptr<LiveSession>> LiveSession::start(const Options& options, render::Sink& sink, const WallClock& clock) {
  if (options.ready_fd && ::fcntl(*options.ready_fd, F_GETFD) < 0) {
    return Error{ErrorKind::Usage, "--ready-fd " + std::to_string(*options.ready_fd), "is not an open descriptor",
                 "open it first, as in: synfate trace --ready-fd 3 3>pipe"};
  }
  machine::RealMachine machine;
  auto filter = resolve_filter(options.filter, machine);
  if (!filter) return filter.error();
  filter->tree = options.command == Command::Run;
  if (Status capable = probe::check_capabilities(); !capable) return capable.error();
  auto features = probe::read_features(options.without);
  if (!features) return features.error();
  probe::Options probing;
  probing.filter = *filter;
  probing.stream_all = options.all || options.command == Command::Run;
  probing.pid_namespace = own_pid_namespace();
  std::optional<machine::PrivateNetns> prepared;
  if (features->rules && !features->without.contains("calibration") && probe::can_learn_frames(*features)) {
    if (auto lab = Calibration::prepare(probe::nf_tables_loaded(*features))) prepared.emplace(std::move(*lab));
  }
  auto probe = probe::Probe::start(*features, probing);
  if (!probe) return probe.error();
  std::unique_ptr<LiveSession> session(new LiveSession(options, sink, clock, std::move(*features), std::move(*probe)));
  if (prepared) session->prepared_.emplace(std::move(*prepared));
  session->started_ns_ = monotonic_now();
  session->netns_filter_ = filter->netns;
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
  ::sigprocmask(SIG_BLOCK, &ours, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
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

Status LiveSession::prepare_child(const std::vector<std::string>& argv) {
  probe_.seed_tree(true);
  auto child = Child::fork_behind_gate(argv);
  probe_.seed_tree(false);
  if (!child) return child.error();
  child_.emplace(std::move(*child));
  return Ok{};
}

void LiveSession::write_ready() const {
  if (options_.ready_fd) (void)!::write(*options_.ready_fd, "\n", 1);
}

int LiveSession::loop(const std::function<void()>& armed) {
  engine_.set_before_judge([this](const model::Journey& journey) {
    const MonotonicNs now = monotonic_now();
    const bool around = surroundings_.look_at(journey, now);
    if (nftrace_) nftrace_->gather();
    const bool rules = rule_watch_.look_at(journey, now);
    if (nftrace_) nftrace_->gather();
    if (!around && !rules) return;
    engine_.set_inventory(surroundings_.inventory());
    if (recorder_.is_on()) recorder_.inventory(now, surroundings_.touched());
  });
  next_tick_ns_ = monotonic_now() + kTick;
  if (named_scope_.is_on()) {
    // Before anyone is told that all is armed.
    surroundings_.look_around(monotonic_now());
    surroundings_.list_hosted();
    name_scope();
    engine_.set_admission([this](const model::Attempt& row) { return named_scope_.admits(row, surroundings_.inventory()); });
    if (const std::string words = named_scope_.complaint(surroundings_.inventory()); !words.empty())
      engine_.print(model::Notice{model::NoticeLevel::Warning, "name_unknown", words});
  }
  learn_frames();
  if (options_.duration) end_ns_ = monotonic_now() + *options_.duration;
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

  while (!ending_ && !engine_.is_done()) {
    const MonotonicNs before = monotonic_now();
    std::array<pollfd, 6> fds{{{probe_.ready_fd(), POLLIN, 0},
                               {signals_.get(), POLLIN, 0},
                               {child_ && !linger_until_ns_ ? child_->fd() : -1, POLLIN, 0},
                               {calibration_.fd(), POLLIN, 0},
                               {watched_fd_, POLLIN, 0},
                               {nftrace_ ? nftrace_->fd() : -1, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), timeout_ms(before)) < 0 && errno != EINTR) break;
    const MonotonicNs now = monotonic_now();
    if (fds[1].revents != 0) take_signal();
    if (fds[2].revents != 0) linger_until_ns_ = now + kLinger;
    if (fds[3].revents != 0) calibration_.proceed(probe_, engine_);
    if (fds[4].revents != 0) on_watched_();
    turn(now);
    if ((end_ns_ && now >= *end_ns_) || (linger_until_ns_ && now >= *linger_until_ns_)) ending_ = true;
  }
  return finish(monotonic_now());
}

void LiveSession::turn(MonotonicNs now) {
  drain();
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

bool LiveSession::may_calibrate() const { return probe_.has_rules() && !features_.without.contains("calibration"); }

void LiveSession::load_rules() {
  if (!features_.rules) return;
  if (Status loaded = probe_.load_rules(features_); !loaded) {
    engine_.print(model::Notice{model::NoticeLevel::Warning, "rules_unavailable",
                                to_string(loaded.error()) + "; drops by netfilter are told without their rule"});
    // The tier and the gaps of the summary are of what is there.
    features_.rules = probe::Support::no(to_string(loaded.error()));
  }
}

void LiveSession::learn_frames() {
  load_rules();
  calibrate_first();
  // Without the frames, only traced functions tell the rule, or the table, of a first drop. Where not even entries are known, as
  // before 6.4, some policies are not told from the frames either.
  const bool nft = probe::nf_tables_loaded(features_);
  const probe::Frames& frames = calibration_.frames();
  if (nft && !frames.knows_rules()) {
    rule_watch_.trace_functions(probe::TraceDepth::Expressions);
  } else if (!frames.knows_entries()) {
    rule_watch_.trace_functions(nft ? probe::TraceDepth::Chains : probe::TraceDepth::Tables);
  }
}

void LiveSession::calibrate_first() {
  if (!may_calibrate() || !probe::can_learn_frames(features_)) return;
  calibration_.start(monotonic_now(), probe::nf_tables_loaded(features_), std::move(prepared_));
  prepared_.reset();
  while (calibration_.is_under_way()) {
    std::array<pollfd, 2> fds{{{probe_.ready_fd(), POLLIN, 0}, {calibration_.fd(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), timeout_ms(monotonic_now())) < 0 && errno != EINTR) break;
    if (fds[1].revents != 0) calibration_.proceed(probe_, engine_);
    drain();
    (void)calibration_.settle(monotonic_now(), probe_, engine_);
  }
  if (calibration_.state() == Calibration::State::Done) recorder_.nft_sites(monotonic_now(), engine_.nft_sites());
}

std::string LiveSession::calibration_failure() const {
  return "calibration: " + calibration_.failure() + "; rules of nf_tables are told only by traced functions, where the kernel allows it";
}

void LiveSession::drain() {
  const auto take = [this](std::span<const std::byte> record) {
    if (engine_.feed(record)) recorder_.record(record);
  };
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
  note_losses(now);
  next_tick_ns_ = now + kTick;
}

void LiveSession::name_scope() {
  if (!named_scope_.is_on()) return;
  for (const model::NetnsId netns : named_scope_.unread(surroundings_.inventory())) surroundings_.read_details(netns);
  if (Status told = probe_.add_names(named_scope_.news(surroundings_.inventory())); !told)
    engine_.print(model::Notice{model::NoticeLevel::Warning, "name_scope", to_string(told.error())});
}

void LiveSession::judge_due(MonotonicNs now) {
  const auto due = engine_.next_due();
  if (!due || *due > now || calibration_.holds_until(now)) return;
  note_losses(now);
  engine_.advance(now);
  recorder_.judged(now);
}

probe::Counters LiveSession::counters() const {
  probe::Counters counters = probe_.counters();
  // Either way the event was not told.
  counters[WIRE_COUNT_RING_FULL] += probe_.missed();
  return counters;
}

std::string LiveSession::untracked_text() const {
  const std::uint64_t packets = probe_.counters()[WIRE_COUNT_TABLE_FULL];
  const std::uint64_t forgotten = engine_.forgotten();
  std::string text;
  if (packets != 0) text = std::to_string(packets) + " packets belong to attempts that had no room in the flight recorder";
  if (forgotten != 0) text += (text.empty() ? "" : "; ") + std::to_string(forgotten) + " open attempts were forgotten for newer ones";
  return text + ": more were under way at once than synfate follows";
}

void LiveSession::note_losses(MonotonicNs now) {
  const probe::Counters counters = this->counters();
  const std::uint64_t lost = counters[WIRE_COUNT_RING_FULL];
  const std::uint64_t untracked = counters[WIRE_COUNT_TABLE_FULL] + engine_.forgotten();
  if (lost == known_lost_ && untracked == known_untracked_) return;
  engine_.lose(static_cast<unsigned>(std::min<std::uint64_t>(lost - known_lost_, 1U << 20)));
  known_lost_ = lost;
  known_untracked_ = untracked;
  recorder_.lost(now, counters);
  if (said_lost_ns_ != 0 && said_lost_ns_ + kSayLossesEvery > now) return;
  said_lost_ns_ = now;
  if (lost != 0) {
    engine_.print(model::Notice{
        model::NoticeLevel::Warning, "events_lost",
        std::to_string(lost) + " events lost so far: they came faster than they could be read; a filter (--netns, --dst, --port) helps"});
  }
  if (untracked != 0) engine_.print(model::Notice{model::NoticeLevel::Warning, "attempts_untracked", untracked_text()});
}

void LiveSession::take_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (!child_ || linger_until_ns_) {
      ending_ = true;
    } else if (info.ssi_signo == SIGTERM) {
      child_->forward(SIGTERM);
    }
    // SIGINT reaches the command from the terminal by itself; its end is the session's.
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
  summary.attempts[model::Fate::Established] += counters[WIRE_COUNT_ESTABLISHED];
  summary.events_seen = counters[WIRE_COUNT_EVENTS];
  summary.events_lost = counters[WIRE_COUNT_RING_FULL];
  summary.tier = tier();
  summary.gaps = probe::gaps_of(features_);
  if (!calibration_.failure().empty()) summary.gaps.push_back({"calibration_failed", calibration_failure()});
  for (const model::Gap& gap : surroundings_.inventory().gaps) summary.gaps.push_back(gap);
  for (const model::Gap& gap : nftrace_gaps) summary.gaps.push_back(gap);
  if (known_untracked_ != 0) summary.gaps.push_back({"attempts_untracked", untracked_text()});
  summary.duration_ns = now - started_ns_;
  if (summary.attempts[model::Fate::Established] == 0) summary.attempts.erase(model::Fate::Established);
  recorder_.end(now, counters);
  engine_.print(summary);
  if (child_) return child_->wait();
  // Nobody reads any more: whatever was lost, nobody was told the rest either.
  if (engine_.is_broken()) return kDone;
  const bool lost = summary.events_lost != 0 || known_untracked_ != 0 || engine_.undecodable() != 0 || recorder_.has_failed();
  return lost ? kEvidenceLost : kDone;
}

int run_live(const Options& options) {
  const WallClock clock = wall_clock_now();
  const auto sink = make_sink(options, clock);
  auto session = LiveSession::start(options, *sink, clock);
  if (!session) {
    complain(session.error());
    return exit_status(session.error());
  }
  if (options.command == Command::Run) {
    if (Status prepared = (*session)->prepare_child(options.argv); !prepared) {
      complain(prepared.error());
      return kCannotRun;
    }
  }
  return (*session)->loop([&] {
    if (options.command == Command::Trace && ::isatty(STDERR_FILENO) == 1) {
      std::fputs("synfate: watching this machine for connection attempts that fail; Ctrl-C ends with a summary\n", stderr);
    }
  });
}

}  // namespace synfate::cli
