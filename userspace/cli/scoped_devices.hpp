// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which devices a scope is attached to: all of its namespaces; their veths' other ends and the uplinks of those namespaces; and, once
// an attempt of the scope was seen to go there, the way to its destination. Where a way cannot be followed it gives up, and all devices of
// the machine are observed: a scope must not cost a verdict.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/surroundings.hpp"
#include "model/journey.hpp"
#include "model/verdict.hpp"
#include "probe/probe.hpp"

namespace synfate::cli {

class ScopedDevices {
 public:
  using Say = std::function<void(const model::Notice&)>;

  /// All of them outlive it.
  ScopedDevices(probe::Probe& probe, Surroundings& surroundings, Say say);

  /// No longer, where all devices are observed.
  bool is_on() const { return view_.everywhere_ns == 0; }
  /// These namespaces are of the scope.
  void include(const std::vector<model::NetnsId>& namespaces, MonotonicNs now);
  /// Attempts of the scope were met there: their ways are observed from now on.
  void follow(const std::vector<probe::Heading>& headings, MonotonicNs now);
  /// What becomes of this attempt is not all seen: follows it further, or gives up. True when more is observed than before.
  bool look_at(const model::Journey& journey, bool wants_all, MonotonicNs now);
  /// Devices that have come or gone; to be called twice a second.
  void tick(MonotonicNs now);
  /// "tcx: 8 devices of 3 network namespaces", for the summary.
  std::string words() const;

 private:
  /// Where a packet that enters a namespace goes.
  enum class Way {
    Ends,    ///< a namespace that receives it, and is observed
    Leaves,  ///< off the machine, by a device that is observed; or nobody answers for its next hop
    Lost,    ///< not known
  };
  struct Step {
    model::Flow flow;    ///< as it enters
    bool onward = true;  ///< else back, to where it came from
    unsigned depth = 0;
  };
  using Devices = std::map<model::NetnsId, std::set<std::uint32_t>>;

  Way walk(model::NetnsId netns, Step step, MonotonicNs now);
  Way cross(model::NetnsId netns, const model::Link& link, const std::optional<model::MacAddress>& next_hop, Step step, MonotonicNs now);
  Way through_bridge(model::NetnsId netns, std::uint32_t bridge, const model::MacAddress& next_hop, Step step, MonotonicNs now);
  Way end(model::NetnsId netns, const model::Flow& flow, bool untranslated, MonotonicNs now);
  const model::Netns* devices_of(model::NetnsId netns, MonotonicNs now, DurationNs fresh);
  void want_uplinks(model::NetnsId netns, MonotonicNs now);
  Devices plan(MonotonicNs now);
  void attach(MonotonicNs now);
  void give_up(const std::string& why, MonotonicNs now);
  void publish() { surroundings_.set_scoped_view(view_); }

  probe::Probe& probe_;
  Surroundings& surroundings_;
  Say say_;
  std::set<model::NetnsId> scope_;
  std::set<model::NetnsId> ends_;      ///< others that are observed as a whole, but for loopback
  std::set<model::NetnsId> passages_;  ///< of which the uplinks are observed
  Devices singles_;                    ///< and these
  Devices attached_;
  std::map<model::NetnsId, MonotonicNs> read_ns_;
  model::ScopedView view_;
  std::set<model::NetnsId> uplinks_;               ///< passages whose uplinks were looked for
  std::map<std::uint64_t, MonotonicNs> followed_;  ///< attempts, and when
  std::string why_everywhere_;
  unsigned ticks_ = 0;
};

}  // namespace synfate::cli
