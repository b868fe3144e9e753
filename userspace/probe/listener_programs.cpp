// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/listener_programs.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

// clang-format off: the skeleton's types need the configuration's.
#include <linux/types.h>

#include "config.h"
#include "synfate_listeners.skel.h"
// clang-format on
#include "probe/load_log.hpp"
#include "probe/missed_runs.hpp"

namespace synfate::probe {
namespace {

/// By enum listener_counter.
constexpr std::array<std::string_view, LISTENER_COUNTERS> kCounters{"LISTENOVERFLOWS", "LISTENDROPS", "TCPREQQFULLDROP", "SYNCOOKIESSENT"};

}  // namespace

/// Owns everything that is in the kernel; what it owns dies with it, and with the process.
struct ListenerPrograms::Kernel {
  synfate_listeners* skeleton = nullptr;
  std::vector<bpf_link*> links;

  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel() {
    for (bpf_link* link : links) bpf_link__destroy(link);
    synfate_listeners__destroy(skeleton);
  }
};

ListenerPrograms::ListenerPrograms(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
ListenerPrograms::~ListenerPrograms() = default;

bool knows_listeners(const KernelBtf& btf) {
  if (!btf.has_conn_request) return false;
  for (const std::string_view name : kCounters) {
    if (btf.tcp_counters.find(name) == btf.tcp_counters.end()) return false;
  }
  return true;
}

Result<std::unique_ptr<ListenerPrograms>> ListenerPrograms::start(const SharedMaps& shared, const KernelBtf& btf, const config& settings) {
  const LoadLog log;
  const auto failed = [&](int error) { return load_error("cannot trace what listeners do with SYNs", error, log); };
  auto kernel = std::make_unique<Kernel>();
  kernel->skeleton = synfate_listeners__open();
  if (kernel->skeleton == nullptr) return failed(errno);
  synfate_listeners& skeleton = *kernel->skeleton;
  skeleton.rodata->has_cast = shared.has_cast;
  for (std::size_t i = 0; i < kCounters.size(); ++i) {
    const auto found = btf.tcp_counters.find(kCounters[i]);
    if (found == btf.tcp_counters.end()) return failed(ENOENT);
    skeleton.rodata->listener_cfg.counter[i] = found->second;
  }
  std::memcpy(&skeleton.rodata->cfg, &settings, sizeof settings);
  const std::array<std::pair<bpf_map*, int>, 11> reused{{{skeleton.maps.ring, shared.ring},
                                                         {skeleton.maps.counters, shared.counters},
                                                         {skeleton.maps.attempts, shared.attempts},
                                                         {skeleton.maps.attempt_sets, shared.attempt_sets},
                                                         {skeleton.maps.failed_lookups, shared.failed_lookups},
                                                         {skeleton.maps.gate, shared.gate},
                                                         {skeleton.maps.told_due, shared.told_due},
                                                         {skeleton.maps.passing, shared.passing},
                                                         {skeleton.maps.crowds, shared.crowds},
                                                         {skeleton.maps.other_crowds, shared.other_crowds},
                                                         {skeleton.maps.empty_crowd, shared.empty_crowd}}};
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton.obj) {
    int fd = -1;
    for (const auto& one : reused) {
      if (one.first == map) fd = one.second;
    }
    if (fd >= 0) {
      if (const int error = bpf_map__reuse_fd(map, fd); error != 0) return failed(-error);
    } else if (!bpf_map__is_internal(map) && map != skeleton.maps.requests) {
      // Of the main object, and used by none of these programs.
      bpf_map__set_autocreate(map, false);
    }
  }
  // Without CONFIG_SECURITY_NETWORK nothing may refuse there.
  bpf_program__set_autoload(skeleton.progs.on_security, btf.has_conn_request_security);
  if (const int error = synfate_listeners__load(kernel->skeleton); error != 0) return failed(-error);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton.obj) {
    if (!bpf_program__autoload(program)) continue;
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr) return failed(errno);
    kernel->links.push_back(link);
  }
  return std::unique_ptr<ListenerPrograms>(new ListenerPrograms(std::move(kernel)));
}

std::uint64_t ListenerPrograms::missed() const { return missed_runs(kernel_->skeleton->obj); }

}  // namespace synfate::probe
