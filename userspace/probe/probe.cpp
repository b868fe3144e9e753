// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/probe.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

// clang-format off: the skeleton's types need the configuration's.
#include <linux/types.h>

#include "config.h"
#include "synfate.skel.h"
// clang-format on
#include "probe/crowds.hpp"
#include "probe/device_links.hpp"
#include "probe/hooks.hpp"
#include "probe/listener_programs.hpp"
#include "probe/load_log.hpp"
#include "probe/missed_runs.hpp"
#include "probe/own_records.hpp"
#include "probe/permissions.hpp"
#include "probe/rule_programs.hpp"
#include "probe/rules_ahead.hpp"
#include "probe/traced_functions.hpp"
#include "synfate/wire.h"

namespace synfate::probe {
namespace {

static_assert(std::tuple_size_v<Counters> == _WIRE_COUNT_MAX);
/// Between two failures that are told, in the long run and on the whole machine: as many as are judged in a quarter of the time of one CPU.
constexpr DurationNs kToldInterval = kSecond / 512;
/// Between two turns of the session.
constexpr std::size_t kMaxHeadings = 256;

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
  // (skb, location, reason, rx_sk) since c53795d48ee8 "net: add rx_sk to trace_kfree_skb" (6.11).
  const auto kfree = features.btf.tracepoints.find("kfree_skb");
  result.has_receiver = kfree != features.btf.tracepoints.end() && kfree->second >= 4;
  result.scoped = options.scoped;
  result.has_stack = !features.without.contains("stack");
  result.gate = !features.without.contains("gate");
  (void)!::getrandom(&result.gate_seed, sizeof result.gate_seed, 0);
  result.told_interval_ns = kToldInterval * static_cast<unsigned>(std::max(libbpf_num_possible_cpus(), 1));
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
  if (hook.need == Need::Scope) return options.scoped;
  return true;
}

Error locked_down() {
  return {ErrorKind::Unsupported, "cannot load the BPF programs",
          "the kernel is locked down (lockdown=confidentiality): BPF may not read kernel memory",
          "boot with lockdown=integrity or none; nothing can be traced in this mode"};
}

Error main_error(int error, const LoadLog& log) {
  if (error == EPERM || error == EACCES) {
    if (Status capable = check_capabilities(); !capable) return std::move(capable).error();
    return {ErrorKind::Permission, "cannot load the BPF programs", errno_text(error),
            "a security policy (seccomp, LSM, container) refuses bpf(); run on the host as root"};
  }
  if (refuses_kernel_reads(log.text())) return locked_down();
  Error refused = load_error("cannot load the BPF programs", error, log);
  refused.hint = "please report it with the output of: synfate doctor";
  return refused;
}

}  // namespace

/// Owns everything that is in the kernel; what it owns dies with it, and with the process.
struct Probe::Kernel {
  config settings{};
  std::map<std::uint32_t, std::string> reasons;  ///< of drops
  synfate_bpf* skeleton = nullptr;
  std::vector<bpf_link*> links;
  /// Of the packets' tracepoints, which a scoped probe has not attached.
  std::vector<bpf_program*> held_back;
  std::optional<DeviceLinks> devices;
  std::vector<Heading> headings;
  ring_buffer* ring = nullptr;
  /// Not attached yet.
  std::optional<Result<std::unique_ptr<RulePrograms>>> loaded_rules;
  std::unique_ptr<RulePrograms> rules;
  std::unique_ptr<TracedFunctions> traced;
  std::unique_ptr<XtCounters> xt_counters;
  std::unique_ptr<ListenerPrograms> listeners;
  /// By programs that are not there any more.
  std::uint64_t missed_before = 0;
  std::uint64_t missed_rules_before = 0;
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
    listeners.reset();
    traced.reset();
    xt_counters.reset();
    rules.reset();
    ring_buffer__free(ring);
    for (bpf_link* link : links) bpf_link__destroy(link);
    synfate_bpf__destroy(skeleton);
  }

  /// Programs that are about to go take their counts with them.
  template <class Programs>
  static void retire(std::unique_ptr<Programs>& programs, std::uint64_t& missed) {
    if (programs) missed += programs->missed();
    programs.reset();
  }

  SharedMaps shared() const {
    return {bpf_map__fd(skeleton->maps.ring),     bpf_map__fd(skeleton->maps.counters),     bpf_map__fd(skeleton->maps.pending_drops),
            bpf_map__fd(skeleton->maps.attempts), bpf_map__fd(skeleton->maps.attempt_sets), bpf_map__fd(skeleton->maps.failed_lookups),
            bpf_map__fd(skeleton->maps.gate),     bpf_map__fd(skeleton->maps.told_due),     bpf_map__fd(skeleton->maps.passing),
            bpf_map__fd(skeleton->maps.crowds),   bpf_map__fd(skeleton->maps.other_crowds), bpf_map__fd(skeleton->maps.empty_crowd),
            skeleton->rodata->has_cast != 0};
  }

  static int on_record(void* context, void* data, std::size_t size) {
    auto& kernel = *static_cast<Kernel*>(context);
    const std::span<const std::byte> record(static_cast<const std::byte*>(data), size);
    switch (kind_of(record)) {
      case WIRE_KIND_LESSON:
        if (kernel.lessons) kernel.lessons->add(record);
        break;
      case WIRE_KIND_HEADING:
        if (auto heading = read_heading(record); heading && kernel.headings.size() < kMaxHeadings) kernel.headings.push_back(*heading);
        break;
      default: kernel.sink(record);
    }
    return 0;
  }

  Status attach(bpf_program* program) {
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr) {
      return Error{ErrorKind::Unsupported, std::string("cannot attach ") + bpf_program__name(program), errno_text(errno),
                   "see: synfate doctor"};
    }
    links.push_back(link);
    return Ok{};
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
  if (kernel->skeleton == nullptr) return main_error(errno, log);
  kernel->settings = make_config(features, options);
  kernel->reasons = features.btf.drop_reasons;
  std::memcpy(&kernel->skeleton->rodata->cfg, &kernel->settings, sizeof kernel->settings);
  kernel->skeleton->rodata->has_cast = features.btf.has_cast && !features.without.contains("cast");

  std::vector<bpf_program*> to_attach;
  for (const Hook& hook : hooks()) {
    bpf_program* program = bpf_object__find_program_by_name(kernel->skeleton->obj, std::string(hook.program).c_str());
    if (program == nullptr)
      return Error{ErrorKind::Unsupported, "the BPF object has no program " + std::string(hook.program), "", "rebuild synfate"};
    const bool wanted = is_wanted(hook, features, options);
    bpf_program__set_autoload(program, wanted);
    if (!wanted || hook.tracepoint.empty()) continue;
    // In the place of these are programs at single devices.
    const bool held_back = options.scoped && (hook.feature == "hops" || hook.feature == "netif_rx");
    (held_back ? kernel->held_back : to_attach).push_back(program);
  }
  RulesAhead ahead;
  if (features.rules) {
    const auto& maps = kernel->skeleton->maps;
    Status begun = ahead.begin({maps.ring, maps.counters, maps.pending_drops}, static_cast<bool>(features.netfilter_links));
    if (!begun) return std::move(begun).error();
  }
  if (const int error = synfate_bpf__load(kernel->skeleton); error != 0) return main_error(-error, log);
  // No thread is there any more when privileges are given up and processes are started.
  if (features.rules) kernel->loaded_rules = ahead.take();

  kernel->ring = ring_buffer__new(bpf_map__fd(kernel->skeleton->maps.ring), Kernel::on_record, kernel.get(), nullptr);
  if (kernel->ring == nullptr) return Error{ErrorKind::Io, "cannot map the ring buffer", errno_text(errno), ""};
  for (bpf_program* program : to_attach) {
    if (Status attached = kernel->attach(program); !attached) return std::move(attached).error();
  }
  if (options.scoped) {
    const auto& programs = kernel->skeleton->progs;
    kernel->devices.emplace(bpf_program__fd(programs.synfate_ingress), bpf_program__fd(programs.synfate_egress));
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

Status Probe::watch_devices(model::NetnsId netns, int netns_fd, const std::vector<std::uint32_t>& ifindexes) {
  if (!kernel_->devices) return Ok{};
  return kernel_->devices->attach(netns, netns_fd, ifindexes);
}

void Probe::retain_devices(model::NetnsId netns, const std::set<std::uint32_t>& ifindexes) {
  if (kernel_->devices) kernel_->devices->retain(netns, ifindexes);
}

std::size_t Probe::watched_devices() const { return kernel_->devices ? kernel_->devices->devices() : 0; }

Status Probe::watch_everywhere() {
  // What passes a device just now is told by its program or by the tracepoint, or by neither; never by both.
  kernel_->skeleton->bss->everywhere = 1;
  while (!kernel_->held_back.empty()) {
    if (Status attached = kernel_->attach(kernel_->held_back.back()); !attached) return attached;
    kernel_->held_back.pop_back();
  }
  kernel_->devices.reset();
  return Ok{};
}

std::vector<Heading> Probe::take_headings() { return std::exchange(kernel_->headings, {}); }

Status Probe::trace_listeners(const KernelFeatures& features) {
  auto listeners = ListenerPrograms::start(kernel_->shared(), features.btf, kernel_->settings);
  if (!listeners) return std::move(listeners).error();
  kernel_->listeners = std::move(*listeners);
  return Ok{};
}

Status Probe::load_rules(const KernelFeatures& features) {
  kernel_->netfilter_links = static_cast<bool>(features.netfilter_links);
  kernel_->fentry = static_cast<bool>(features.fentry);
  return reload_rules();
}

Status Probe::reload_rules() {
  const std::uint32_t pernet_id = kernel_->rules ? kernel_->rules->pernet_id() : 0;
  // They work together through its maps, and in the order in which they were attached.
  Kernel::retire(kernel_->traced, kernel_->missed_before);
  Kernel::retire(kernel_->xt_counters, kernel_->missed_before);
  Kernel::retire(kernel_->rules, kernel_->missed_rules_before);
  auto loaded = std::exchange(kernel_->loaded_rules, std::nullopt);
  auto rules = loaded ? std::move(*loaded) : RulePrograms::load(kernel_->shared(), kernel_->netfilter_links);
  if (!rules) return std::move(rules).error();
  if (Status attached = (*rules)->attach(); !attached) return attached;
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
  Kernel::retire(kernel_->traced, kernel_->missed_before);
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

std::vector<model::Crowd> Probe::crowds() const { return read_crowds(kernel_->shared(), kernel_->reasons); }

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
  const auto& programs = kernel_->skeleton->progs;
  // Those that look what the first of their tracepoint was skipped for lose nothing themselves. Counted after it was skipped, so read
  // after.
  std::uint64_t sum = missed_runs(kernel_->skeleton->obj, {programs.on_kfree_skb_nested, programs.on_inet_sock_set_state_nested});
  sum -= std::min(sum, counters()[WIRE_COUNT_SPARED]);
  sum += kernel_->missed_before;
  if (kernel_->traced) sum += kernel_->traced->missed();
  if (kernel_->xt_counters) sum += kernel_->xt_counters->missed();
  if (kernel_->listeners) sum += kernel_->listeners->missed();
  return sum;
}

std::uint64_t Probe::missed_rules() const { return kernel_->missed_rules_before + (kernel_->rules ? kernel_->rules->missed() : 0); }

void Probe::disarm() { kernel_->skeleton->bss->armed = 0; }

}  // namespace synfate::probe
