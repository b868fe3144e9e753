// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// --nftrace in a live session: keeps the tracing of rules in step with the namespaces that there are, and turns what it tells into records
// like the kernel side's. All that it changed is put back when it is destroyed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/options.hpp"
#include "cli/surroundings.hpp"
#include "model/verdict.hpp"
#include "nftrace/tracer.hpp"

namespace synfate::cli {

class NftraceSession {
 public:
  using Say = std::function<void(const model::Notice&)>;

  /// Arms every namespace that is known, or only one, and says on stderr what was changed. `surroundings` outlives the session. An error:
  /// nothing can be traced, nothing is changed.
  static Result<std::unique_ptr<NftraceSession>> start(const FilterOptions& filter, std::optional<model::NetnsId> only,
                                                       Surroundings& surroundings, MonotonicNs now, Say say);

  /// Readable when there is something to drain.
  int fd() const { return tracer_->fd(); }
  /// Reads what there is and keeps it: a message says no time, so what is read late looks late. Call it between things that take time.
  void gather();
  /// `take` gets each record; it counts from then on like one of the kernel side's.
  void drain(const std::function<void(std::span<const std::byte>)>& take);
  /// New namespaces, namespaces that are gone, tables that somebody removed. Cheap when called too often.
  void tick(MonotonicNs now);
  std::vector<model::NetnsId> namespaces() const { return tracer_->namespaces(); }
  /// What rule paths do not show, for the summary.
  std::vector<model::Gap> gaps() const;

 private:
  NftraceSession(std::unique_ptr<nftrace::Tracer> tracer, std::optional<model::NetnsId> only, Surroundings& surroundings, Say say,
                 bool has_prefilter)
      : tracer_(std::move(tracer)), only_(only), surroundings_(surroundings), say_(std::move(say)), has_prefilter_(has_prefilter) {}
  void follow();
  /// Of a step that was read now: others of the same packet may be missing.
  bool is_after_loss(MonotonicNs now);
  void say_troubles();

  std::unique_ptr<nftrace::Tracer> tracer_;
  std::optional<model::NetnsId> only_;
  Surroundings& surroundings_;
  Say say_;
  bool has_prefilter_;
  std::set<model::NetnsId> refused_;
  std::string first_refusal_;
  MonotonicNs looked_ns_ = 0;
  std::vector<std::vector<std::byte>> gathered_;
  std::uint64_t known_lost_ = 0;
  MonotonicNs lost_ns_ = 0;  ///< the last time that what was lost may have been missing from what was read
  bool unread_since_loss_ = false;
};

/// Puts back what a synfate that was killed while tracing rules had left; looks for nothing where there is no trace of one.
void mend_after_nftrace(Surroundings& surroundings, MonotonicNs now, const NftraceSession::Say& say);

}  // namespace synfate::cli
