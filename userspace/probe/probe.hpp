// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Loads, attaches, arms and drains the kernel side. The only room that knows libbpf; it hands out raw wire records and judges nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "model/address.hpp"
#include "model/place.hpp"
#include "probe/features.hpp"

namespace synfate::probe {

/// Conditions, combined with AND, that the kernel side applies.
struct Filter {
  std::optional<model::Prefix> host;
  std::optional<model::Prefix> source;
  std::optional<model::Prefix> destination;
  std::optional<std::uint16_t> port;
  std::optional<model::NetnsId> netns;
  std::optional<std::uint32_t> tgid;  ///< in synfate's own pid namespace
  struct Cgroup {
    std::uint64_t id = 0;     ///< cgroup v2 inode
    std::uint32_t level = 0;  ///< depth below the root of cgroup v2
  };
  std::optional<Cgroup> cgroup;
  bool tree = false;  ///< only the process tree seeded by seed_tree()
};

struct Options {
  Filter filter;
  bool stream_all = false;          ///< send every attempt in scope from its first event
  std::uint32_t pid_namespace = 0;  ///< inode of synfate's own
};

/// Sums over all CPUs of enum wire_counter.
using Counters = std::array<std::uint64_t, 16>;

class Probe {
 public:
  /// Loads and attaches everything and arms last. On failure nothing stays behind.
  static Result<Probe> start(const KernelFeatures& features, const Options& options);

  Probe(Probe&&) noexcept;
  Probe& operator=(Probe&&) noexcept;
  ~Probe();

  /// Readable when records wait. Owned by the probe.
  int ready_fd() const;
  /// Hands every waiting record to `sink`, in order; the bytes are valid during the call only.
  void drain(const std::function<void(std::span<const std::byte>)>& sink);
  /// Submits what went silent; to be called twice a second.
  void sweep();
  /// While on, the next child of this process becomes the root of the followed tree.
  void seed_tree(bool on);
  /// Attempts first seen there are in scope whatever the filter says; 0: none.
  void set_calibration_netns(model::NetnsId netns);
  Counters counters() const;
  /// Times that a program was skipped because it was already running on that CPU: events that were lost.
  std::uint64_t missed() const;
  /// No more records; what is in the ring stays there for a last drain().
  void disarm();

 private:
  struct Kernel;
  explicit Probe(std::unique_ptr<Kernel> kernel);
  std::unique_ptr<Kernel> kernel_;
};

}  // namespace synfate::probe
