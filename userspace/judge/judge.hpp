// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The room's door: from what was observed of one attempt to what it means. Pure: reads no file, asks no clock, remembers nothing, and
// says "not determined, because" rather than name a culprit that the evidence does not prove.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/inventory.hpp"
#include "model/journey.hpp"
#include "model/verdict.hpp"

namespace synfate::judge {

/// The session did not run: what happened meanwhile was seen, but the machine could be looked at only afterwards.
struct Pause {
  MonotonicNs from_ns = 0;
  MonotonicNs until_ns = 0;
};

struct JudgeOptions {
  MonotonicNs now_ns = 0;  ///< the journey's own clock; 0: the time of its last event
  std::string tier;        ///< what the probe can see, in DESIGN's words: "1"
  std::vector<Pause> pauses = {};
};

/// The verdict as far as the events of the journey go. The same arguments give the same verdict. `fate` is Unfinished and `cause` empty
/// while nothing can be said; the next event may change any of it.
model::Verdict judge(const model::Journey& journey, const model::Inventory& inventory, const JudgeOptions& options = {});

/// False for a packet that only passed by: one of another machine for another machine's MAC, seen because a port floods or listens
/// promiscuously. Such a journey deserves no row, not even an unfinished one.
bool concerns_this_node(const model::Journey& journey);

/// In a session that observes the devices of its scope only: this attempt cannot be judged as well as one whose whole way is observed.
bool wants_all_devices(const model::Journey& journey, const model::Inventory& inventory, const JudgeOptions& options);

/// A way that is worth knowing for the verdict, and where to ask for it.
struct WantedRoute {
  model::NetnsId netns = 0;
  model::RouteQuestion question;
};

/// What to read into the inventory before judging; it needs the devices of the namespaces that it is about.
std::vector<WantedRoute> wanted_routes(const model::Journey& journey, const model::Inventory& inventory);

/// When connect() gives up, in whole seconds from the first SYN, from the socket's options and the sysctls of the client's namespace.
/// Nothing when the client is not on this node, sent no SYN, its sysctls were not read, or it keeps another time than they say.
std::optional<unsigned> gives_up_after_s(const model::Journey& journey, const model::Inventory& inventory);

/// When the application closed its socket by itself while it was still waiting, from the first SYN. Nothing when it did not, or did so
/// before the first SYN was due again.
std::optional<DurationNs> gave_up_after(const model::Journey& journey);
/// That, where the fate is one that giving up says something about.
bool tells_of_giving_up(const model::Journey& journey, const model::Verdict& verdict);

/// Every cause that judge() can name, in the order in which they are tried.
std::vector<std::string_view> cause_names();

/// The connecting end; netns is 0 when it is not on this node.
model::Party client_party(const model::Journey& journey, const model::Inventory& inventory);
/// The end whose TCP acted on the SYN; netns is 0 when none on this node did.
model::Party server_party(const model::Journey& journey, const model::Inventory& inventory);

}  // namespace synfate::judge
