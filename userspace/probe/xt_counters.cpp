// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/xt_counters.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cerrno>
#include <string>

// clang-format off: the skeleton's types need the configuration's.
#include <linux/types.h>

#include "config.h"
#include "synfate_xtables.skel.h"
// clang-format on
#include "probe/kernel_functions.hpp"
#include "probe/load_log.hpp"
#include "probe/missed_runs.hpp"

namespace synfate::probe {
namespace {

static_assert(XtCounters::kMaxWatches == MAX_XT_WATCHES && XtCounters::kMaxRules == MAX_XT_RULES);

/// Another BPF program may have the priority just in front of the table's.
constexpr int kPrioritiesTried = 8;

}  // namespace

/// Owns everything that is in the kernel; what it owns dies with it, and with the process.
struct XtCounters::Kernel {
  synfate_xtables* skeleton = nullptr;
  std::vector<bpf_link*> links;
  std::array<UniqueFd, kMaxWatches> in_front;
  std::array<bpf_program*, kMaxWatches> programs{};
  bool traced = false;
  __u32 sequence = 0;

  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel() {
    for (bpf_link* link : links) bpf_link__destroy(link);
    for (UniqueFd& link : in_front) link.reset();
    synfate_xtables__destroy(skeleton);
  }
};

XtCounters::XtCounters(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
XtCounters::~XtCounters() = default;

bool XtCounters::is_traced() const { return kernel_->traced; }

Result<std::unique_ptr<XtCounters>> XtCounters::start(const SharedMaps& shared, bool traced) {
  const LoadLog log;
  const auto failed = [&](int error) { return load_error("cannot watch the counters of iptables-legacy", error, log); };
  auto kernel = std::make_unique<Kernel>();
  kernel->traced = traced;
  kernel->skeleton = synfate_xtables__open();
  if (kernel->skeleton == nullptr) return failed(errno);
  synfate_xtables& skeleton = *kernel->skeleton;
  kernel->programs = {skeleton.progs.in_front_0, skeleton.progs.in_front_1, skeleton.progs.in_front_2, skeleton.progs.in_front_3};
  for (const auto& [map, fd] : {std::pair{skeleton.maps.ring, shared.ring}, std::pair{skeleton.maps.counters, shared.counters},
                                std::pair{skeleton.maps.pending_drops, shared.pending_drops}}) {
    if (const int error = bpf_map__reuse_fd(map, fd); error != 0) return failed(-error);
  }
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return failed(-cpus);
  bpf_map__set_max_entries(skeleton.maps.counts, static_cast<__u32>(cpus));
  skeleton.bss->single_cpu = cpus == 1;
  for (bpf_program* program : kernel->programs) {
    make_netfilter_program(program);
    bpf_program__set_autoload(program, !traced);
  }
  const auto present = kernel_functions({"ipt_do_table", "ip6t_do_table"});
  std::vector<bpf_program*> to_attach{skeleton.progs.on_kfree_skb_xtables};
  const auto trace = [&](const char* function, bpf_program* before, bpf_program* after) {
    const bool wanted = traced && present.contains(function);
    bpf_program__set_autoload(before, wanted);
    bpf_program__set_autoload(after, wanted);
    if (wanted) to_attach.insert(to_attach.end(), {before, after});
  };
  trace("ipt_do_table", skeleton.progs.on_ipt_do_table, skeleton.progs.after_ipt_do_table);
  trace("ip6t_do_table", skeleton.progs.on_ip6t_do_table, skeleton.progs.after_ip6t_do_table);
  if (const int error = synfate_xtables__load(kernel->skeleton); error != 0) return failed(-error);
  for (bpf_program* program : to_attach) {
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr) return failed(errno);
    kernel->links.push_back(link);
  }
  return std::unique_ptr<XtCounters>(new XtCounters(std::move(kernel)));
}

Result<std::uint64_t> XtCounters::watch(std::size_t slot, const XtWatch& watch, int netns_fd) {
  const std::string what = "cannot watch the counters of a table of iptables-legacy";
  unwatch(slot);
  if (watch.offsets.size() > kMaxRules) {
    return Error{ErrorKind::Unsupported, what,
                 std::to_string(watch.offsets.size()) + " of its rules can drop; at most " + std::to_string(kMaxRules) + " are compared",
                 ""};
  }
  const auto index = static_cast<__u32>(slot);
  const auto first = static_cast<__u32>(slot * kMaxRules);
  const int offsets_fd = bpf_map__fd(kernel_->skeleton->maps.offsets);
  std::vector<__u32> keys;
  for (std::size_t i = 0; i < watch.offsets.size(); ++i) keys.push_back(first + static_cast<__u32>(i));
  auto count = static_cast<__u32>(keys.size());
  if (count != 0 && bpf_map_update_batch(offsets_fd, keys.data(), watch.offsets.data(), &count, nullptr) != 0) {
    return Error{ErrorKind::Io, what, errno_text(errno), ""};
  }
  xt_question question{watch.table, 0};
  LIBBPF_OPTS(bpf_test_run_opts, asking, .ctx_in = &question, .ctx_size_in = sizeof question);
  if (bpf_prog_test_run_opts(bpf_program__fd(kernel_->skeleton->progs.read_info), &asking) != 0 || question.info == 0) {
    return Error{ErrorKind::Io, what, "where the kernel keeps it could not be read", ""};
  }
  xt_watch settings{};
  settings.table = watch.table;
  settings.info = question.info;
  settings.sequence = ++kernel_->sequence;
  settings.hook = watch.hook;
  settings.family = watch.family;
  settings.first = first;
  settings.count = static_cast<__u32>(watch.offsets.size());
  settings.active = 1;
  settings.traced = kernel_->traced;
  if (bpf_map_update_elem(bpf_map__fd(kernel_->skeleton->maps.watches), &index, &settings, BPF_ANY) != 0) {
    return Error{ErrorKind::Io, what, errno_text(errno), ""};
  }
  if (kernel_->traced) return settings.info;
  for (int before = 1;; ++before) {
    auto link = attach_netfilter(bpf_program__fd(kernel_->programs[slot]), netns_fd,
                                 {.family = watch.family, .hook = watch.hook, .priority = watch.priority - before});
    if (link) {
      kernel_->in_front[slot] = std::move(*link);
      return settings.info;
    }
    if (before == kPrioritiesTried) {
      unwatch(slot);
      return std::move(link).error();
    }
  }
}

void XtCounters::unwatch(std::size_t slot) {
  kernel_->in_front[slot].reset();
  const auto index = static_cast<__u32>(slot);
  const xt_watch none{};
  bpf_map_update_elem(bpf_map__fd(kernel_->skeleton->maps.watches), &index, &none, BPF_ANY);
}

std::uint64_t XtCounters::missed() const { return kernel_->skeleton == nullptr ? 0 : missed_runs(kernel_->skeleton->obj); }

}  // namespace synfate::probe
