// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/probe.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <vector>

// clang-format off: the skeleton's types need the configuration's.
#include <linux/types.h>

#include "config.h"
#include "synfate.skel.h"
// clang-format on
#include "probe/hooks.hpp"
#include "probe/load_log.hpp"
#include "probe/missed_runs.hpp"
#include "probe/permissions.hpp"
#include "probe/rule_programs.hpp"
#include "probe/traced_functions.hpp"
#include "synfate/wire.h"

namespace synfate::probe {
namespace {

static_assert(std::tuple_size_v<Counters> == _WIRE_COUNT_MAX);

config_prefix to_config(const model::Prefix& prefix) {
  config_prefix result{};
  std::memcpy(result.address, prefix.address.bytes.data(), sizeof result.address);
  result.family = prefix.address.family;
  result.bits = prefix.length;
  return result;
}

config make_config(const KernelFeatures& features, const Options& options) {
  config result{};
  const Filter& filter = options.filter;
  result.wire_version = WIRE_VERSION;
  result.pid_namespace = options.pid_namespace;
  result.stream_all = options.stream_all;
  result.has_reason = features.has_drop_reason;
  result.has_stack = !features.without.contains("stack");
  const auto require = [&](bool wanted, std::uint32_t bit) {
    if (wanted) result.required_scope |= bit;
    return wanted;
  };
  if (require(filter.host.has_value(), SCOPE_HOST)) result.host = to_config(*filter.host);
  if (require(filter.source.has_value(), SCOPE_SOURCE)) result.source = to_config(*filter.source);
  if (require(filter.destination.has_value(), SCOPE_DESTINATION)) result.destination = to_config(*filter.destination);
  if (require(filter.port.has_value(), SCOPE_PORT)) result.port = *filter.port;
  if (require(filter.netns.has_value(), SCOPE_NETNS)) result.netns = *filter.netns;
  if (require(filter.tgid.has_value(), SCOPE_PROCESS)) result.process_tgid = *filter.tgid;
  if (require(filter.cgroup.has_value(), SCOPE_CGROUP)) {
    result.cgroup_id = filter.cgroup->id;
    result.cgroup_level = filter.cgroup->level;
  }
  require(filter.tree, SCOPE_TREE);
  require(filter.pod, SCOPE_POD);
  require(filter.node, SCOPE_NODE);
  return result;
}

bool is_wanted(const Hook& hook, const KernelFeatures& features, const Options& options) {
  if (features.without.contains(std::string(hook.feature)) && hook.need != Need::Must) return false;
  if (!hook.tracepoint.empty() && !features.btf.has_tracepoint(hook.tracepoint)) return false;
  if (hook.need == Need::Detail) return options.stream_all;
  if (hook.need == Need::Tree) return options.filter.tree;
  return true;
}

bool is_lesson(std::span<const std::byte> record) {
  wire_header header{};
  if (record.size() < sizeof header) return false;
  std::memcpy(&header, record.data(), sizeof header);
  return header.kind == WIRE_KIND_LESSON;
}

Error locked_down() {
  return {ErrorKind::Unsupported, "cannot load the BPF programs",
          "the kernel is locked down (lockdown=confidentiality): BPF may not read kernel memory",
          "boot with lockdown=integrity or none; nothing can be traced in this mode"};
}

Error load_error(int error, const std::string& log) {
  if (error == EPERM || error == EACCES) {
    if (Status capable = check_capabilities(); !capable) return std::move(capable).error();
    return {ErrorKind::Permission, "cannot load the BPF programs", errno_text(error),
            "a security policy (seccomp, LSM, container) refuses bpf(); run on the host as root"};
  }
  if (refuses_kernel_reads(log)) return locked_down();
  const std::string reason = refusal(log);
  return {ErrorKind::Unsupported, "cannot load the BPF programs", errno_text(error) + (reason.empty() ? "" : ": " + reason),
          "please report it with the output of: synfate doctor"};
}

}  // namespace

/// Owns everything that is in the kernel; what it owns dies with it, and with the process.
struct Probe::Kernel {
  synfate_bpf* skeleton = nullptr;
  std::vector<bpf_link*> links;
  ring_buffer* ring = nullptr;
  std::unique_ptr<RulePrograms> rules;
  std::unique_ptr<TracedFunctions> traced;
  std::unique_ptr<XtCounters> xt_counters;
  std::uint64_t missed_before = 0;  ///< by programs that are not there any more
  bool netfilter_links = false;
  bool fentry = false;
  Frames frames;
  std::optional<Lessons> lessons;
  std::function<void(std::span<const std::byte>)> sink;

  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel() {
    if (skeleton != nullptr && skeleton->bss != nullptr) skeleton->bss->armed = 0;
    traced.reset();
    xt_counters.reset();
    rules.reset();
    ring_buffer__free(ring);
    for (bpf_link* link : links) bpf_link__destroy(link);
    synfate_bpf__destroy(skeleton);
  }

  /// Programs that are about to go take their counts with them.
  template <class Programs>
  void retire(std::unique_ptr<Programs>& programs) {
    if (programs) missed_before += programs->missed();
    programs.reset();
  }

  SharedMaps shared() const {
    return {bpf_map__fd(skeleton->maps.ring), bpf_map__fd(skeleton->maps.counters), bpf_map__fd(skeleton->maps.pending_drops)};
  }

  static int on_record(void* context, void* data, std::size_t size) {
    auto& kernel = *static_cast<Kernel*>(context);
    const std::span<const std::byte> record(static_cast<const std::byte*>(data), size);
    if (is_lesson(record)) {
      if (kernel.lessons) kernel.lessons->add(record);
    } else {
      kernel.sink(record);
    }
    return 0;
  }
};

Probe::Probe(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
Probe::Probe(Probe&&) noexcept = default;
Probe& Probe::operator=(Probe&&) noexcept = default;
Probe::~Probe() = default;

Result<Probe> Probe::start(const KernelFeatures& features, const Options& options) {
  if (read_lockdown() == Lockdown::Confidentiality) return locked_down();
  const LoadLog log;
  auto kernel = std::make_unique<Kernel>();
  kernel->skeleton = synfate_bpf__open();
  if (kernel->skeleton == nullptr) return load_error(errno, log.text());
  const config settings = make_config(features, options);
  std::memcpy(&kernel->skeleton->rodata->cfg, &settings, sizeof settings);

  std::vector<bpf_program*> to_attach;
  for (const Hook& hook : hooks()) {
    bpf_program* program = bpf_object__find_program_by_name(kernel->skeleton->obj, std::string(hook.program).c_str());
    if (program == nullptr)
      return Error{ErrorKind::Unsupported, "the BPF object has no program " + std::string(hook.program), "", "rebuild synfate"};
    const bool wanted = is_wanted(hook, features, options);
    bpf_program__set_autoload(program, wanted);
    if (wanted && !hook.tracepoint.empty()) to_attach.push_back(program);
  }
  if (const int error = synfate_bpf__load(kernel->skeleton); error != 0) return load_error(-error, log.text());

  kernel->ring = ring_buffer__new(bpf_map__fd(kernel->skeleton->maps.ring), Kernel::on_record, kernel.get(), nullptr);
  if (kernel->ring == nullptr) return Error{ErrorKind::Io, "cannot map the ring buffer", errno_text(errno), ""};
  for (bpf_program* program : to_attach) {
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr)
      return Error{ErrorKind::Unsupported, std::string("cannot attach ") + bpf_program__name(program), errno_text(errno),
                   "see: synfate doctor"};
    kernel->links.push_back(link);
  }
  kernel->skeleton->bss->armed = 1;
  return Probe(std::move(kernel));
}

int Probe::ready_fd() const { return ring_buffer__epoll_fd(kernel_->ring); }

void Probe::drain(const std::function<void(std::span<const std::byte>)>& sink) {
  kernel_->sink = sink;
  ring_buffer__consume(kernel_->ring);
  kernel_->sink = nullptr;
}

void Probe::sweep() {
  LIBBPF_OPTS(bpf_test_run_opts, options);
  bpf_prog_test_run_opts(bpf_program__fd(kernel_->skeleton->progs.sweep), &options);
}

void Probe::seed_tree(bool on) {
  __u32 own = 0;
  if (on) {
    LIBBPF_OPTS(bpf_test_run_opts, options);
    if (bpf_prog_test_run_opts(bpf_program__fd(kernel_->skeleton->progs.own_tgid), &options) == 0) own = options.retval;
  }
  kernel_->skeleton->bss->tree_seed_tgid = own;
}

Status Probe::load_rules(const KernelFeatures& features) {
  kernel_->netfilter_links = static_cast<bool>(features.netfilter_links);
  kernel_->fentry = static_cast<bool>(features.fentry);
  return reload_rules();
}

Status Probe::reload_rules() {
  const std::uint32_t pernet_id = kernel_->rules ? kernel_->rules->pernet_id() : 0;
  // They work together through its maps, and in the order in which they were attached.
  kernel_->retire(kernel_->traced);
  kernel_->retire(kernel_->xt_counters);
  kernel_->retire(kernel_->rules);
  auto rules = RulePrograms::start(kernel_->shared(), kernel_->netfilter_links);
  if (!rules) return std::move(rules).error();
  kernel_->rules = std::move(*rules);
  kernel_->rules->set_frames(kernel_->frames);
  kernel_->rules->set_pernet_id(pernet_id);
  return Ok{};
}

std::optional<std::uint64_t> Probe::rule_now(const model::RuleKey& key) const {
  return kernel_->rules ? kernel_->rules->rule_now(key) : std::nullopt;
}

Status Probe::trace_functions(TraceDepth depth) {
  if (!kernel_->rules || !kernel_->fentry) return Ok{};
  if (kernel_->traced) {
    depth = std::max(depth, kernel_->traced->depth());
    if (depth == kernel_->traced->depth() && !kernel_->traced->is_outdated()) return Ok{};
  }
  kernel_->retire(kernel_->traced);
  auto traced = TracedFunctions::start(kernel_->shared(), kernel_->rules->evaluations_fd(), depth);
  if (!traced) return std::move(traced).error();
  kernel_->traced = std::move(*traced);
  return Ok{};
}

Result<std::uint64_t> Probe::watch_table(std::size_t slot, const XtWatch& watch, int netns_fd) {
  if (!kernel_->rules || (!kernel_->fentry && !kernel_->netfilter_links)) {
    return Error{ErrorKind::Unsupported, "cannot watch the counters of a table of iptables-legacy",
                 "this kernel allows neither fentry nor BPF netfilter links (6.4)", ""};
  }
  if (!kernel_->xt_counters) {
    auto counters = XtCounters::start(kernel_->shared(), kernel_->fentry);
    if (!counters) return std::move(counters).error();
    kernel_->xt_counters = std::move(*counters);
  }
  return kernel_->xt_counters->watch(slot, watch, netns_fd);
}

void Probe::unwatch_table(std::size_t slot) {
  if (kernel_->xt_counters) kernel_->xt_counters->unwatch(slot);
}

bool Probe::has_rules() const { return kernel_->rules != nullptr; }

void Probe::begin_lessons(model::NetnsId netns, int netns_fd, std::map<std::uint16_t, Drill> drills) {
  kernel_->skeleton->bss->calibration_netns = netns;
  if (!kernel_->rules) return;
  if (!kernel_->netfilter_links || !kernel_->rules->open_drill(netns_fd)) {
    std::erase_if(drills, [](const auto& drill) { return drill.second.by == Drill::By::Entry; });
  }
  kernel_->lessons.emplace(std::move(drills));
  kernel_->rules->set_lesson_netns(netns);
}

bool Probe::lessons_complete() const { return kernel_->lessons && kernel_->lessons->complete(); }

std::vector<std::uint16_t> Probe::missing_lessons() const {
  return kernel_->lessons ? kernel_->lessons->missing() : std::vector<std::uint16_t>{};
}

Frames Probe::end_lessons() {
  kernel_->skeleton->bss->calibration_netns = 0;
  if (kernel_->lessons) kernel_->frames = kernel_->lessons->frames();
  kernel_->lessons.reset();
  if (kernel_->rules) {
    kernel_->rules->set_lesson_netns(0);
    kernel_->rules->close_drill();
    kernel_->rules->set_frames(kernel_->frames);
  }
  return kernel_->frames;
}

Counters Probe::counters() const {
  Counters sums{};
  const int cpus = libbpf_num_possible_cpus();
  std::vector<std::uint64_t> values(static_cast<std::size_t>(cpus > 0 ? cpus : 1));
  const int fd = bpf_map__fd(kernel_->skeleton->maps.counters);
  for (std::uint32_t which = 0; which < sums.size(); ++which) {
    if (bpf_map_lookup_elem(fd, &which, values.data()) != 0) continue;
    sums[which] = std::accumulate(values.begin(), values.end(), std::uint64_t{0});
  }
  return sums;
}

Status Probe::add_names(const std::vector<ScopeName>& names) {
  const int fd = bpf_map__fd(kernel_->skeleton->maps.named);
  for (const ScopeName& name : names) {
    scope_name key{};
    if (name.netns != 0) {
      std::memcpy(key.value, &name.netns, sizeof name.netns);
    } else {
      key.family = name.address.family;
      std::memcpy(key.value, name.address.bytes.data(), sizeof key.value);
    }
    std::uint32_t scope = 0;
    // A pod's address may be its node's name too.
    (void)bpf_map_lookup_elem(fd, &key, &scope);
    scope |= (name.pod ? SCOPE_POD : 0U) | (name.node ? SCOPE_NODE : 0U);
    if (bpf_map_update_elem(fd, &key, &scope, BPF_ANY) != 0)
      return Error{ErrorKind::Io, "cannot tell the kernel what the filter's name stands for", errno_text(errno), ""};
  }
  return Ok{};
}

std::uint64_t Probe::missed() const {
  // The empty one loses nothing.
  std::uint64_t sum = kernel_->missed_before + missed_runs(kernel_->skeleton->obj, kernel_->skeleton->progs.on_kfree_skb_spill);
  if (kernel_->rules) sum += kernel_->rules->missed();
  if (kernel_->traced) sum += kernel_->traced->missed();
  if (kernel_->xt_counters) sum += kernel_->xt_counters->missed();
  return sum;
}

void Probe::disarm() { kernel_->skeleton->bss->armed = 0; }

}  // namespace synfate::probe
