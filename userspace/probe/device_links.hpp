// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// TCX links: programs at single devices, in front of whatever else is attached there (Linux 6.6). A link ends with its descriptor, and so
// with this process at the latest. Each takes the kernel some 10 ms, during which nobody else configures a device: few are made.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "model/place.hpp"
#include "probe/kernel_btf.hpp"
#include "probe/support.hpp"

namespace synfate::probe {

/// Tries, without a device to attach to.
Support try_device_links(const KernelBtf& btf);

class DeviceLinks {
 public:
  DeviceLinks(int ingress_program_fd, int egress_program_fd) : ingress_(ingress_program_fd), egress_(egress_program_fd) {}

  /// Both sides of these devices of the namespace that netns_fd is. A device that is gone by then is left out; any other refusal is an
  /// error, and what was attached before it stays.
  Status attach(model::NetnsId netns, int netns_fd, const std::vector<std::uint32_t>& ifindexes);
  /// Devices of that namespace that are not among these have gone.
  void retain(model::NetnsId netns, const std::set<std::uint32_t>& ifindexes);
  bool has(model::NetnsId netns, std::uint32_t ifindex) const { return links_.contains({netns, ifindex}); }
  std::size_t devices() const { return links_.size(); }

 private:
  struct Both {
    UniqueFd ingress;
    UniqueFd egress;
  };
  int ingress_;
  int egress_;
  std::map<std::pair<model::NetnsId, std::uint32_t>, Both> links_;
};

}  // namespace synfate::probe
