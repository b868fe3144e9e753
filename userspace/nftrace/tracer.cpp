// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "nftrace/tracer.hpp"

#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string_view>
#include <utility>

#include "machine/errors.hpp"
#include "machine/netns.hpp"
#include "nftrace/loggers.hpp"
#include "nftrace/message.hpp"
#include "nftrace/socket.hpp"

namespace synfate::nftrace {
namespace {

constexpr unsigned kTraceType = NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_TRACE;
constexpr unsigned kTableType = NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_NEWTABLE;
constexpr unsigned kLogType = NFNL_SUBSYS_ULOG << 8U | NFULNL_MSG_PACKET;
/// So that one drain leaves time for the other sources.
constexpr unsigned kDatagramsAtOnce = 2048;
/// Another synfate with the same number in another process namespace may trace here.
constexpr unsigned kNamesToTry = 8;
constexpr std::size_t kMaxTroubles = 256;

/// Asking nf_tables anything loads it. A name in kallsyms says that it is there already, as a module or built in.
bool has_nf_tables() {
  constexpr std::string_view kName = " nft_do_chain";
  const UniqueFd file{::open("/proc/kallsyms", O_RDONLY | O_CLOEXEC)};
  if (!file) return false;
  std::string text;
  std::array<char, 64 * 1024> chunk{};
  while (true) {
    const ssize_t length = ::read(file.get(), chunk.data(), chunk.size());
    if (length <= 0) return false;
    text.append(chunk.data(), static_cast<std::size_t>(length));
    if (text.find(kName) != std::string::npos) return true;
    // A name may lie across two chunks.
    text.erase(0, text.size() - std::min(text.size(), kName.size()));
  }
}

int highest_descriptor() {
  constexpr rlim_t kForOthers = 128;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1U << 20U) return 1 << 20;
  return static_cast<int>(limit.rlim_cur - std::min(limit.rlim_cur, kForOthers));
}

std::string family_name(std::uint8_t family) {
  switch (family) {
    case NFPROTO_INET: return "inet";
    case NFPROTO_IPV4: return "ip";
    case NFPROTO_IPV6: return "ip6";
    case NFPROTO_BRIDGE: return "bridge";
    default: return std::to_string(family);
  }
}

/// On a thread inside.
Status inside(const machine::NetnsHandle& netns, const std::function<Status()>& what) {
  Status result = Ok{};
  if (Status visited = machine::visit_netns(netns, [&](machine::NetnsVisit&) { result = what(); }); !visited) return visited;
  return result;
}

}  // namespace

/// One namespace.
class Tracer::Traced {
 public:
  Traced(model::NetnsId netns, NetfilterSocket socket, std::string table)
      : netns_(netns), socket_(std::move(socket)), table_(std::move(table)), steps_(table_) {}
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;

  /// In its thread.
  static Result<std::unique_ptr<Traced>> start(model::NetnsId netns, const Filter& filter, const std::string& table, Ledger& ledger);
  Status follow_legacy(Ledger& ledger);
  Status arm(const Filter& filter);
  Status arm_family(std::uint8_t family, const Filter& filter);

  int fd() const { return socket_.fd(); }
  int log_fd() const { return xt_ ? xt_->socket().fd() : -1; }
  const std::string& table() const { return table_; }
  const std::set<std::uint8_t>& families() const { return families_; }
  std::vector<LoggerChange> changes() const { return xt_ ? xt_->changes() : std::vector<LoggerChange>{}; }
  /// It has legacy tables that are not followed, or may have.
  bool is_worth_a_visit() const { return !gave_up_legacy_ && (legacy_.is_outdated() || !unfollowed().empty()); }
  void give_up_legacy() { gave_up_legacy_ = true; }

  /// One datagram of each socket; false when there was none.
  bool read(const std::function<void(const Step&)>& take, std::uint64_t& lost);
  void ask_whether_alive();
  bool take_flushed() { return std::exchange(flushed_, false); }

 private:
  void on_message(const Incoming& message, const std::function<void(const Step&)>& take);
  std::vector<std::uint8_t> unfollowed() const;

  model::NetnsId netns_;
  LegacyTables legacy_;
  std::unique_ptr<XtTracing> xt_;
  // Destroyed before xt_: no packet may be marked any more when the loggers are given back.
  NetfilterSocket socket_;
  std::string table_;
  std::set<std::uint8_t> families_;
  NftSteps steps_;
  std::uint32_t question_ = 0;
  unsigned questions_ = 0;
  bool gave_up_legacy_ = false;
  bool flushed_ = false;
};

Result<std::unique_ptr<Tracer::Traced>> Tracer::Traced::start(model::NetnsId netns, const Filter& filter, const std::string& table,
                                                              Ledger& ledger) {
  auto socket = NetfilterSocket::open();
  if (!socket) return std::move(socket).error();
  auto traced = std::make_unique<Traced>(netns, std::move(*socket), table);
  // First the ear, then the voice: a packet that legacy tables trace with nobody listening is told to the kernel's log.
  if (Status followed = traced->follow_legacy(ledger); !followed) return std::move(followed).error();
  if (Status joined = traced->socket_.join(NFNLGRP_NFTRACE); !joined) return std::move(joined).error();
  if (Status armed = traced->arm(filter); !armed) return std::move(armed).error();
  return traced;
}

std::vector<std::uint8_t> Tracer::Traced::unfollowed() const {
  auto families = legacy_.families();
  std::erase_if(families, [&](std::uint8_t family) { return xt_ && xt_->covers(family); });
  return families;
}

Status Tracer::Traced::follow_legacy(Ledger& ledger) {
  if (legacy_.is_outdated()) legacy_ = LegacyTables::open();
  const auto families = unfollowed();
  if (families.empty()) return Ok{};
  if (!xt_) {
    auto started = XtTracing::start(ledger, netns_, socket_.fd(), families);
    if (!started) return std::move(started).error();
    xt_ = std::move(*started);
    return Ok{};
  }
  for (const std::uint8_t family : families) {
    if (Status taken = xt_->take_over(family); !taken) return taken;
  }
  return Ok{};
}

Status Tracer::Traced::arm_family(std::uint8_t family, const Filter& filter) {
  const std::string base = table_;
  for (unsigned i = 0;; ++i) {
    const std::string name = i == 0 ? base : base + "_" + std::to_string(i);
    const std::uint32_t first = socket_.next_sequence(32);
    const Batch batch = tracing_table(name, family, filter, first);
    const Status made = socket_.exchange(batch.bytes, batch.first_sequence, batch.acknowledged);
    const bool taken = !made && made.error().why == errno_text(EEXIST);
    if (taken && i + 1 < kNamesToTry) continue;
    if (!made) return Error{made.error().kind, "cannot add a table for tracing", made.error().why, ""};
    if (name != table_) {
      table_ = name;
      steps_ = NftSteps(name);
    }
    families_.insert(family);
    return Ok{};
  }
}

Status Tracer::Traced::arm(const Filter& filter) {
  families_.clear();
  if (!arm_family(NFPROTO_INET, filter)) {
    // A kernel without the inet family, or a refusal that the others will repeat.
    if (Status made = arm_family(NFPROTO_IPV4, filter); !made) return made;
    (void)arm_family(NFPROTO_IPV6, filter);
  }
  bool has_bridge_tables = false;
  const std::uint32_t sequence = socket_.next_sequence(1);
  (void)socket_.dump(ask_for_tables(NFPROTO_BRIDGE, sequence), sequence,
                     [&](const Incoming& message) { has_bridge_tables |= message.type == kTableType; });
  // A table of a family that nobody uses here would only bring its hooks into being.
  if (has_bridge_tables) (void)arm_family(NFPROTO_BRIDGE, filter);
  return Ok{};
}

bool Tracer::Traced::read(const std::function<void(const Step&)>& take, std::uint64_t& lost) {
  const auto read_from = [&](NetfilterSocket& socket) {
    const auto result = socket.read([&](const Incoming& message) { on_message(message, take); });
    if (result == NetfilterSocket::Read::Overrun) {
      ++lost;
      steps_.forget();
    }
    return result == NetfilterSocket::Read::Some || result == NetfilterSocket::Read::Overrun;
  };
  const bool some = read_from(socket_);
  return (xt_ && read_from(xt_->socket())) || some;
}

void Tracer::Traced::on_message(const Incoming& message, const std::function<void(const Step&)>& take) {
  if (message.type == NLMSG_ERROR) {
    const bool ours = questions_ != 0 && message.sequence - question_ < questions_;
    flushed_ |= ours && message.error == ENOENT;
    return;
  }
  std::optional<Step> step;
  if (message.type == kTraceType) {
    if (auto parsed = parse_nft_trace(message.body)) step = steps_.take(std::move(*parsed));
  } else if (message.type == kLogType) {
    step = parse_xt_trace(message.body);
  }
  if (!step) return;
  step->netns = netns_;
  take(*step);
}

void Tracer::Traced::ask_whether_alive() {
  questions_ = static_cast<unsigned>(families_.size());
  question_ = socket_.next_sequence(questions_);
  std::uint32_t sequence = question_;
  for (const std::uint8_t family : families_) (void)socket_.send(ask_for_table(table_, family, sequence++));
}

Tracer::Tracer(const Filter& filter, const std::string& ledger_directory)
    : filter_(filter), table_("synfate_trace_" + std::to_string(::getpid())), ledger_(ledger_directory) {}

Tracer::~Tracer() {
  while (!traced_.empty()) remove(traced_.begin()->first);
}

Result<std::unique_ptr<Tracer>> Tracer::start(const Filter& filter, const std::string& ledger_directory) {
  if (!has_nf_tables()) {
    return Error{ErrorKind::Unsupported, "--nftrace", "this kernel has no nf_tables now, and synfate does not load it",
                 "without rules of nft or iptables-nft there is nothing to trace with; leave --nftrace out, or: modprobe nf_tables"};
  }
  std::unique_ptr<Tracer> tracer(new Tracer(filter, ledger_directory));
  tracer->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!tracer->epoll_) return machine::errno_error(errno, "cannot watch for rule traces");
  return tracer;
}

Status Tracer::watch(int fd, model::NetnsId netns) {
  if (fd < 0) return Ok{};
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = netns;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0 && errno != EEXIST) {
    return machine::errno_error(errno, "cannot watch for rule traces");
  }
  return Ok{};
}

Status Tracer::add(const machine::NetnsHandle& netns) {
  const auto id = static_cast<model::NetnsId>(netns.inode());
  if (traced_.contains(id)) return Ok{};
  if (traced_.size() >= kMaxNamespaces) {
    return Error{ErrorKind::Unsupported, "cannot trace rules in network namespace " + std::to_string(id),
                 std::to_string(kMaxNamespaces) + " are traced already", "--netns picks one"};
  }
  std::unique_ptr<Traced> traced;
  const Status started = inside(netns, [&]() -> Status {
    auto result = Traced::start(id, filter_, table_, ledger_);
    if (!result) return std::move(result).error();
    traced = std::move(*result);
    return Ok{};
  });
  if (!started) return started;
  // Descriptors are given out from the lowest: the rest of synfate needs some too.
  if (traced->fd() > highest_descriptor()) {
    return Error{ErrorKind::Unsupported, "cannot trace rules in network namespace " + std::to_string(id), "too many files are open",
                 "raise the limit (ulimit -n), or pick one with --netns"};
  }
  if (Status watched = watch(traced->fd(), id); !watched) return watched;
  if (Status watched = watch(traced->log_fd(), id); !watched) return watched;
  traced_.emplace(id, std::move(traced));
  return Ok{};
}

void Tracer::remove(model::NetnsId netns) { traced_.erase(netns); }

std::vector<model::NetnsId> Tracer::namespaces() const {
  std::vector<model::NetnsId> all;
  for (const auto& [id, traced] : traced_) all.push_back(id);
  return all;
}

bool Tracer::drain(const std::function<void(const Step&)>& take) {
  std::array<epoll_event, 64> ready{};
  for (unsigned datagrams = 0; datagrams < kDatagramsAtOnce;) {
    const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
    if (count <= 0) return true;
    for (int i = 0; i < count; ++i) {
      const auto it = traced_.find(static_cast<model::NetnsId>(ready[static_cast<std::size_t>(i)].data.u64));
      if (it == traced_.end()) continue;
      ++datagrams;
      while (it->second->read(take, lost_) && datagrams < kDatagramsAtOnce) ++datagrams;
    }
  }
  return false;
}

void Tracer::look_after(const std::function<Result<machine::NetnsHandle>(model::NetnsId)>& open) {
  for (auto& [id, traced] : traced_) {
    const bool flushed = traced->take_flushed();
    if (flushed || traced->is_worth_a_visit()) {
      auto netns = open(id);
      if (!netns) continue;
      const Status cared = inside(*netns, [this, &one = *traced]() -> Status { return one.follow_legacy(ledger_); });
      if (!cared) {
        traced->give_up_legacy();
        complain("nftrace_legacy", "rules of iptables-legacy are not traced in network namespace " + std::to_string(id) + ": " +
                                       cared.error().what + ": " + cared.error().why +
                                       "; the kernel's log may get lines that begin with TRACE");
      }
      (void)watch(traced->log_fd(), id);
    }
    if (flushed) {
      const Status again = traced->arm(filter_);
      complain("nftrace_flushed", "somebody removed synfate's table in network namespace " + std::to_string(id) + ": rule paths of up to " +
                                      "the last seconds are missing; " + (again ? "it was added again" : again.error().why));
    }
    traced->ask_whether_alive();
  }
}

void Tracer::complain(std::string code, std::string text) {
  if (troubles_.size() < kMaxTroubles) troubles_.push_back({std::move(code), std::move(text)});
}

std::vector<Trouble> Tracer::take_troubles() { return std::exchange(troubles_, {}); }

std::string Tracer::changes() const {
  std::map<std::string, unsigned> tables;
  std::string loggers;
  for (const auto& [id, traced] : traced_) {
    for (const std::uint8_t family : traced->families()) ++tables[family_name(family) + " " + traced->table()];
    for (const LoggerChange& change : traced->changes()) {
      loggers += "; nf_log/" + std::to_string(change.family) + " of network namespace " + std::to_string(id) +
                 ": nfnetlink_log instead of " + change.before;
    }
  }
  std::string text;
  for (const auto& [table, count] : tables) {
    text += (text.empty() ? "added table " : ", table ") + table + " in " + std::to_string(count) +
            (count == 1 ? " network namespace" : " network namespaces");
  }
  return text + loggers;
}

std::vector<Trouble> mend_loggers(const std::function<Result<machine::NetnsHandle>(model::NetnsId)>& open,
                                  const std::string& ledger_directory) {
  std::vector<Trouble> said;
  mend(ledger_directory, [&](const LoggerChange& change) {
    const std::string where = "nf_log/" + std::to_string(change.family) + " of network namespace " + std::to_string(change.netns);
    auto netns = open(static_cast<model::NetnsId>(change.netns));
    if (!netns && netns.error().kind == ErrorKind::Gone) return true;
    bool done = false;
    if (netns) {
      (void)machine::visit_netns(*netns, [&](machine::NetnsVisit&) { done = give_back(change); });
    }
    if (done) {
      said.push_back({"nftrace_mended", "put back what a killed synfate had left: " + where + " is " + change.before + " again"});
    } else {
      said.push_back({"nftrace_not_mended", where + " was left by a killed synfate and could not be put back; it was " + change.before});
    }
    return done;
  });
  return said;
}

}  // namespace synfate::nftrace
