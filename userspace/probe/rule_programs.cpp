// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/rule_programs.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

// clang-format off: the skeleton's types need the configuration's.
#include <linux/types.h>

#include "config.h"
#include "synfate_rules.skel.h"
// clang-format on
#include "probe/load_log.hpp"
#include "probe/missed_runs.hpp"
#include "probe/netfilter_link.hpp"

namespace synfate::probe {
namespace {

constexpr char kRefused[] = "cannot load the programs that tell which rule dropped";

slot_set to_kernel(const std::vector<std::int32_t>& slots) {
  slot_set set{};
  set.count = static_cast<__u32>(std::min<std::size_t>(slots.size(), MAX_SLOTS));
  std::copy_n(slots.begin(), set.count, set.slot);
  return set;
}

}  // namespace

/// Owns everything that is in the kernel; what it owns dies with it, and with the process.
struct RulePrograms::Kernel {
  synfate_rules* skeleton = nullptr;
  bpf_link* link = nullptr;
  std::vector<UniqueFd> drill;

  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel() {
    bpf_link__destroy(link);
    synfate_rules__destroy(skeleton);
  }
};

RulePrograms::RulePrograms(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
RulePrograms::~RulePrograms() = default;

Result<std::unique_ptr<RulePrograms>> RulePrograms::load(const SharedMaps& shared, bool netfilter_links) {
  const LoadLog log;
  const auto failed = [&](int error) { return load_error(kRefused, error, log); };
  auto kernel = std::make_unique<Kernel>();
  kernel->skeleton = synfate_rules__open();
  if (kernel->skeleton == nullptr) return failed(errno);
  synfate_rules& skeleton = *kernel->skeleton;
  for (const auto& [map, fd] : {std::pair{skeleton.maps.ring, shared.ring}, std::pair{skeleton.maps.counters, shared.counters},
                                std::pair{skeleton.maps.pending_drops, shared.pending_drops}}) {
    if (const int error = bpf_map__reuse_fd(map, fd); error != 0) return failed(-error);
  }
  for (bpf_program* drill :
       {skeleton.progs.drill_first, skeleton.progs.drill_second, skeleton.progs.drill_third, skeleton.progs.drill_fourth}) {
    make_netfilter_program(drill);
    bpf_program__set_autoload(drill, netfilter_links);
  }
  if (const int error = synfate_rules__load(kernel->skeleton); error != 0) return failed(-error);
  return std::unique_ptr<RulePrograms>(new RulePrograms(std::move(kernel)));
}

Status RulePrograms::attach() {
  const LoadLog log;
  kernel_->link = bpf_program__attach(kernel_->skeleton->progs.on_kfree_skb_rule);
  if (kernel_->link == nullptr) return load_error(kRefused, errno, log);
  return Ok{};
}

void RulePrograms::set_frames(const Frames& frames) {
  struct frames learnt {};
  learnt.rule_site = frames.rule_site;
  learnt.policy_site = frames.policy_site;
  learnt.entry_site = frames.entry_site;
  learnt.expression = to_kernel(frames.expression);
  learnt.base_chain = to_kernel(frames.base_chain);
  learnt.state = to_kernel(frames.state);
  learnt.entry_index = to_kernel(frames.entry_index);
  std::memcpy(&kernel_->skeleton->bss->frames, &learnt, sizeof learnt);
}

void RulePrograms::set_lesson_netns(std::uint32_t netns) { kernel_->skeleton->bss->lesson_netns = netns; }

Status RulePrograms::open_drill(int netns_fd) {
  constexpr std::uint32_t kLocalOut = 3;
  // Between the ruleset's chains, at 0, 5 and 10, so that no two indices of the hook are neighbours of the same kind.
  const std::array links{std::pair{kernel_->skeleton->progs.drill_first, -30}, std::pair{kernel_->skeleton->progs.drill_second, -20},
                         std::pair{kernel_->skeleton->progs.drill_third, 1}, std::pair{kernel_->skeleton->progs.drill_fourth, 3}};
  for (const auto& [program, priority] : links) {
    auto link = attach_netfilter(bpf_program__fd(program), netns_fd, {.family = 2, .hook = kLocalOut, .priority = priority});
    if (!link) return std::move(link).error();
    kernel_->drill.push_back(std::move(*link));
  }
  return Ok{};
}

void RulePrograms::close_drill() { kernel_->drill.clear(); }

std::optional<std::uint64_t> RulePrograms::rule_now(const model::RuleKey& key) const {
  rule_question question{key.generation, key.table_handle, key.chain_handle, key.handle, 0, 0};
  LIBBPF_OPTS(bpf_test_run_opts, asking, .ctx_in = &question, .ctx_size_in = sizeof question);
  if (bpf_prog_test_run_opts(bpf_program__fd(kernel_->skeleton->progs.rule_now), &asking) != 0 || question.known == 0) return std::nullopt;
  return question.proof;
}

std::uint32_t RulePrograms::pernet_id() const { return kernel_->skeleton->bss->nft_pernet_id; }
void RulePrograms::set_pernet_id(std::uint32_t id) { kernel_->skeleton->bss->nft_pernet_id = id; }

int RulePrograms::evaluations_fd() const { return bpf_map__fd(kernel_->skeleton->maps.evaluations); }

std::uint64_t RulePrograms::missed() const { return kernel_->skeleton == nullptr ? 0 : missed_runs(kernel_->skeleton->obj); }

}  // namespace synfate::probe
