// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/nftrace_session.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "wire/encode.hpp"

namespace synfate::cli {
namespace {

/// A look into /proc; a new pod's first attempts are traced after at most this long.
constexpr DurationNs kLookEvery = 2 * kSecond;

/// No packet takes longer through the rules of one namespace.
constexpr DurationNs kLossFelt = 1 * kSecond;

/// Between two drains.
constexpr std::size_t kMaxGathered = 16'384;

auto opener(Surroundings& surroundings) {
  return [&surroundings](model::NetnsId netns) { return surroundings.open(netns); };
}

/// A notice is one line.
std::string one_line(const Error& error) { return error.what + ": " + error.why + (error.hint.empty() ? "" : "; " + error.hint); }

}  // namespace

Result<std::unique_ptr<NftraceSession>> NftraceSession::start(const FilterOptions& typed, std::optional<model::NetnsId> only,
                                                              Surroundings& surroundings, MonotonicNs now, Say say) {
  const nftrace::Filter filter{typed.host, typed.source, typed.destination, typed.port};
  auto tracer = nftrace::Tracer::start(filter);
  if (!tracer) return std::move(tracer).error();
  const bool has_prefilter = typed.host || typed.source || typed.destination || typed.port;
  std::unique_ptr<NftraceSession> session(new NftraceSession(std::move(*tracer), only, surroundings, std::move(say), has_prefilter));
  surroundings.look_around(now);
  session->looked_ns_ = now;
  session->follow();
  const bool none = session->tracer_->namespaces().empty();
  if (none && !session->refused_.empty()) {
    return Error{ErrorKind::Unsupported, "--nftrace", session->first_refusal_, "without it the rest works as ever"};
  }
  session->say_troubles();
  const std::string changes = none ? "nothing was changed yet: the network namespace is not there" : session->tracer_->changes();
  std::fprintf(stderr, "synfate: --nftrace: %s; all of it goes when synfate ends\n", changes.c_str());
  return session;
}

void NftraceSession::follow() {
  const auto& namespaces = surroundings_.inventory().namespaces;
  for (const model::NetnsId netns : tracer_->namespaces()) {
    // Tracing would keep a namespace alive that all others have left, and its devices with it.
    const auto known = namespaces.find(netns);
    if (known == namespaces.end() || known->second.gone) tracer_->remove(netns);
  }
  const std::size_t refused_before = refused_.size();
  for (const auto& [netns, facts] : namespaces) {
    if (facts.gone || (only_ && netns != *only_) || refused_.contains(netns)) continue;
    auto handle = surroundings_.open(netns);
    if (!handle) continue;
    if (Status added = tracer_->add(*handle); !added) {
      refused_.insert(netns);
      if (first_refusal_.empty()) first_refusal_ = one_line(added.error());
    }
  }
  if (refused_.size() != refused_before) {
    say_({model::NoticeLevel::Warning, "nftrace_refused",
          "rules are not traced in " + std::to_string(refused_.size()) + " network namespaces, such as " +
              std::to_string(*refused_.rbegin()) + ": " + first_refusal_});
  }
}

void NftraceSession::gather() {
  if (gathered_.size() >= kMaxGathered) return;
  const bool all = tracer_->drain([&](const nftrace::Step& step) {
    // It was sent just before.
    const MonotonicNs now = monotonic_now();
    auto record = wire::encode_verdict(nftrace::to_event(step, now, is_after_loss(now)));
    if (record) gathered_.push_back(*std::move(record));
  });
  // What waited when messages were lost is read only now: it counts from here.
  if (is_after_loss(monotonic_now()) && unread_since_loss_) lost_ns_ = monotonic_now();
  if (all) unread_since_loss_ = false;
}

void NftraceSession::drain(const std::function<void(std::span<const std::byte>)>& take) {
  gather();
  for (const auto& record : gathered_) take(record);
  gathered_.clear();
}

bool NftraceSession::is_after_loss(MonotonicNs now) {
  if (tracer_->lost() != known_lost_) {
    known_lost_ = tracer_->lost();
    lost_ns_ = now;
    unread_since_loss_ = true;
  }
  return unread_since_loss_ || (lost_ns_ != 0 && now < lost_ns_ + kLossFelt);
}

void NftraceSession::tick(MonotonicNs now) {
  if (looked_ns_ + kLookEvery > now) return;
  looked_ns_ = now;
  surroundings_.look_around(now);
  follow();
  tracer_->look_after(opener(surroundings_));
  say_troubles();
}

void NftraceSession::say_troubles() {
  for (const nftrace::Trouble& trouble : tracer_->take_troubles()) {
    say_({model::NoticeLevel::Warning, trouble.code, trouble.text});
  }
}

std::vector<model::Gap> NftraceSession::gaps() const {
  std::vector<model::Gap> gaps;
  if (tracer_->lost() != 0) {
    gaps.push_back({"nftrace_lost", "rule traces came faster than they could be read, at least " + std::to_string(tracer_->lost()) +
                                        " times: rule paths may have holes; a filter (--netns, --dst, --port) helps"});
  }
  if (!refused_.empty()) {
    gaps.push_back({"nftrace_refused", "rules are not traced in " + std::to_string(refused_.size()) + " network namespaces"});
  }
  if (has_prefilter_) {
    gaps.push_back({"nftrace_filter",
                    "rules are traced for SYNs that pass the filter where they enter a network namespace: before this "
                    "namespace's own NAT"});
  }
  return gaps;
}

void mend_after_nftrace(Surroundings& surroundings, MonotonicNs now, const NftraceSession::Say& say) {
  if (::access(nftrace::kLedgerDirectory, F_OK) != 0) return;
  surroundings.look_around(now);
  for (const nftrace::Trouble& trouble : nftrace::mend_loggers(opener(surroundings))) {
    const bool done = trouble.code == "nftrace_mended";
    say({done ? model::NoticeLevel::Info : model::NoticeLevel::Warning, trouble.code, trouble.text});
  }
}

}  // namespace synfate::cli
