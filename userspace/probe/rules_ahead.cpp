// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/rules_ahead.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>

namespace synfate::probe {
namespace {

UniqueFd create(const bpf_map* map) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = bpf_map__map_flags(map));
  return UniqueFd(bpf_map_create(bpf_map__type(map), bpf_map__name(map), bpf_map__key_size(map), bpf_map__value_size(map),
                                 bpf_map__max_entries(map), &options));
}

}  // namespace

Status RulesAhead::begin(const Maps& maps, bool netfilter_links) {
  const auto failed = [](int error) { return Error{ErrorKind::Unsupported, "cannot create a BPF map", errno_text(error), ""}; };
  const std::array wanted{maps.ring, maps.counters, maps.pending_drops};
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    maps_[i] = create(wanted[i]);
    if (!maps_[i]) return failed(errno);
    if (const int error = bpf_map__reuse_fd(wanted[i], maps_[i].get()); error != 0) return failed(-error);
  }
  SharedMaps shared;
  shared.ring = maps_[0].get();
  shared.counters = maps_[1].get();
  shared.pending_drops = maps_[2].get();
  loading_ = std::async(std::launch::async, [shared, netfilter_links] { return RulePrograms::load(shared, netfilter_links); });
  return Ok{};
}

}  // namespace synfate::probe
