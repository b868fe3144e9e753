// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The programs that tell which rule dropped (bpf/rules.bpf.c): loaded after the rest, sharing its ring, and again when nf_tables appears.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "model/rule.hpp"
#include "probe/frames.hpp"
#include "probe/kernel_btf.hpp"

struct bpf_map;

namespace synfate::probe {

/// Descriptors of the maps that all objects share; owned by whoever made them.
struct SharedMaps {
  int ring = -1;
  int counters = -1;
  int pending_drops = -1;
  int attempts = -1;
  int attempt_sets = -1;
  int failed_lookups = -1;
  int gate = -1;
  int told_due = -1;
  int passing = -1;
  int crowds = -1;
  int other_crowds = -1;
  int empty_crowd = -1;
  bool has_cast = false;  ///< see bpf/object.h
};

class RulePrograms {
 public:
  /// Of `shared` the ring, the counters and the pending drops. On failure nothing stays behind.
  static Result<std::unique_ptr<RulePrograms>> load(const SharedMaps& shared, bool netfilter_links);
  /// After the main programs: each drop is told to them first.
  Status attach();
  ~RulePrograms();
  RulePrograms(const RulePrograms&) = delete;
  RulePrograms& operator=(const RulePrograms&) = delete;

  void set_frames(const Frames& frames);
  /// Drops in this namespace are lessons; 0: none.
  void set_lesson_netns(std::uint32_t netns);
  /// Puts entries of known index on the output hook of that namespace, which must be synfate's own; they go with close_drill().
  Status open_drill(int netns_fd);
  void close_drill();
  /// What the rule of nf_tables of that name does now, in the number that its verdict had (wire_verdict.proof); 0: it is not there any
  /// more. None: so many others have dropped since that nothing is remembered of it.
  std::optional<std::uint64_t> rule_now(const model::RuleKey& key) const;
  /// What its calibration has learnt of where nf_tables keeps its generation; for the next ones, which are not calibrated. 0: nothing.
  std::uint32_t pernet_id() const;
  void set_pernet_id(std::uint32_t id);
  /// Of the map that fexit programs write to.
  int evaluations_fd() const;
  /// Events that its programs were kept from seeing, since it was started.
  std::uint64_t missed() const;

 private:
  struct Kernel;
  explicit RulePrograms(std::unique_ptr<Kernel> kernel);
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace synfate::probe
