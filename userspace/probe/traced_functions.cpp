// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/traced_functions.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <vector>

// clang-format off: the skeleton's types need the configuration's.
#include <linux/types.h>

#include "config.h"
#include "synfate_fentry.skel.h"
// clang-format on
#include "probe/kernel_functions.hpp"
#include "probe/load_log.hpp"
#include "probe/missed_runs.hpp"

namespace synfate::probe {
namespace {

constexpr std::string_view kProgramPrefix = "on_";

std::string function_of(const bpf_program* program) {
  std::string name = bpf_program__name(program);
  return name.starts_with(kProgramPrefix) ? name.substr(kProgramPrefix.size()) : name;
}

TraceDepth depth_of(std::string_view function) {
  if (function.ends_with("t_do_table")) return TraceDepth::Tables;
  return function == "nft_do_chain" ? TraceDepth::Chains : TraceDepth::Expressions;
}

}  // namespace

/// Owns everything that is in the kernel; what it owns dies with it, and with the process.
struct TracedFunctions::Kernel {
  synfate_fentry* skeleton = nullptr;
  std::vector<bpf_link*> links;
  std::set<std::string> wanted;
  std::set<std::string> present;
  TraceDepth depth = TraceDepth::Tables;

  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel() {
    for (bpf_link* link : links) bpf_link__destroy(link);
    synfate_fentry__destroy(skeleton);
  }
};

TracedFunctions::TracedFunctions(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
TracedFunctions::~TracedFunctions() = default;

TraceDepth TracedFunctions::depth() const { return kernel_->depth; }

bool TracedFunctions::is_outdated() const { return kernel_functions(kernel_->wanted) != kernel_->present; }

Result<std::unique_ptr<TracedFunctions>> TracedFunctions::start(const SharedMaps& shared, int evaluations_fd, TraceDepth depth) {
  const LoadLog log;
  const auto failed = [&](int error) { return load_error("cannot trace the functions of nf_tables", error, log); };
  auto kernel = std::make_unique<Kernel>();
  kernel->skeleton = synfate_fentry__open();
  if (kernel->skeleton == nullptr) return failed(errno);
  synfate_fentry& skeleton = *kernel->skeleton;
  for (const auto& [map, fd] :
       {std::pair{skeleton.maps.ring, shared.ring}, std::pair{skeleton.maps.counters, shared.counters},
        std::pair{skeleton.maps.pending_drops, shared.pending_drops}, std::pair{skeleton.maps.evaluations, evaluations_fd}}) {
    if (const int error = bpf_map__reuse_fd(map, fd); error != 0) return failed(-error);
  }
  bpf_program* program = nullptr;
  kernel->depth = depth;
  bpf_object__for_each_program(program, skeleton.obj) {
    const std::string function = function_of(program);
    if (depth >= depth_of(function)) kernel->wanted.insert(function);
  }
  kernel->present = kernel_functions(kernel->wanted);
  // Neither nf_tables nor xtables: nothing to trace, and nothing wrong.
  if (kernel->present.empty()) return std::unique_ptr<TracedFunctions>(new TracedFunctions(std::move(kernel)));
  bpf_object__for_each_program(program, skeleton.obj) {
    bpf_program__set_autoload(program, kernel->present.contains(function_of(program)));
  }
  if (const int error = synfate_fentry__load(kernel->skeleton); error != 0) return failed(-error);
  bpf_object__for_each_program(program, skeleton.obj) {
    if (!kernel->present.contains(function_of(program))) continue;
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr) return failed(errno);
    kernel->links.push_back(link);
  }
  return std::unique_ptr<TracedFunctions>(new TracedFunctions(std::move(kernel)));
}

std::uint64_t TracedFunctions::missed() const { return kernel_->skeleton == nullptr ? 0 : missed_runs(kernel_->skeleton->obj); }

}  // namespace synfate::probe
