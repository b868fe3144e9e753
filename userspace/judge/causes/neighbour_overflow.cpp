// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// neighbour_overflow: too much waits for one neighbour's answer, or the machine's table of neighbours is full.
#include <algorithm>

#include "judge/answers.hpp"
#include "judge/cause_table.hpp"
#include "judge/tunnels.hpp"
#include "judge/words.hpp"

namespace synfate::judge {
namespace {

using model::Event;
using model::IpAddress;

std::string_view protocol_word(std::uint8_t family) { return family == 6 ? "ND" : "ARP"; }
std::string setting(std::uint8_t family, const std::string& rest) {
  return std::string("net.") + (family == 6 ? "ipv6" : "ipv4") + ".neigh." + rest;
}

const model::Neighbours* neighbours_at(const Case& kase, const Event& event) {
  const model::Netns* netns = kase.netns(event.place.netns);
  return netns == nullptr || !netns->neighbours ? nullptr : &*netns->neighbours;
}

/// Who was asked for. Of a tunnel's outer packet neither the destination nor the route is known, only what is being asked for there.
struct Asked {
  std::optional<IpAddress> address;
  const Event* tunnel = nullptr;
};
Asked who_was_asked_for(const Case& kase) {
  const Event& event = *kase.drop_event();
  if (const Event* tunnel = tunnel_before(kase.journey(), event)) return {next_hop_of_outer(kase, event), tunnel};
  return {kase.drop()->gateway ? kase.drop()->gateway : event.flow.dst.address, nullptr};
}

constexpr std::string_view kNotDetermined = "which address is not determined: it is the tunnel's outer packet";

std::optional<Finding> outer_queue_full(const Case& kase, const Event& tunnel) {
  const Event& event = *kase.drop_event();
  Finding finding = finding_about_drop(kase, model::Stage::Neighbour);
  finding.summary = "too many packets wait for the next hop of the outer packet of " + edge_word(tunnel.place);
  finding.doubts.emplace_back(kNotDetermined);
  finding.next = in_netns(kase, event.place.netns,
                          "ip neigh show" + (event.place.device.empty() ? std::string() : " dev " + shell_word(event.place.device)));
  return finding;
}

std::optional<Finding> queue_full(const Case& kase) {
  const Event& event = *kase.drop_event();
  const Asked known_to_be_asked = who_was_asked_for(kase);
  if (!known_to_be_asked.address) return outer_queue_full(kase, *known_to_be_asked.tunnel);
  const IpAddress asked = *known_to_be_asked.address;
  const std::string who = to_string(asked);
  Finding finding = finding_about_drop(kase, model::Stage::Neighbour);
  if (known_to_be_asked.tunnel != nullptr) {
    finding.ceiling = model::Confidence::Strong;
    finding.evidence.push_back("it is the outer packet of " + edge_word(known_to_be_asked.tunnel->place) + ", and " + who +
                               " the only address in question there");
  }
  finding.summary = "too many packets wait for " + std::string(protocol_word(asked.family)) + " from " + who;
  finding.evidence.push_back(who + " is being asked for" + (event.place.device.empty() ? "" : " on " + clean(event.place.device)) +
                             " and has not answered; a later packet for it pushed this one out of the queue");
  const std::string limit = setting(asked.family, clean(event.place.device) + ".unres_qlen_bytes");
  if (const model::Neighbours* known = neighbours_at(kase, event)) {
    const auto queue = std::find_if(known->queues.begin(), known->queues.end(), [&](const model::NeighbourQueue& one) {
      return one.family == asked.family && one.ifindex == event.place.ifindex;
    });
    if (queue != known->queues.end()) finding.evidence.push_back(limit + " is " + std::to_string(queue->limit_bytes));
  }
  finding.next = in_netns(kase, event.place.netns,
                          "ip neigh show " + who + (event.place.device.empty() ? "" : " dev " + shell_word(event.place.device)));
  return finding;
}

/// The family of the outer packet is not known either, unless only one of the two tables was ever full.
std::optional<std::uint8_t> family_of_full_table(const model::Neighbours& known) {
  std::optional<std::uint8_t> family;
  for (const model::NeighbourTable& table : known.tables) {
    if (table.times_full == 0) continue;
    if (family) return std::nullopt;
    family = table.family;
  }
  return family;
}

/// The kernel could not make an entry. It has that reason for other failures too, so the table itself has to show it.
std::optional<Finding> table_full(const Case& kase) {
  const Event& event = *kase.drop_event();
  const Event* tunnel = tunnel_before(kase.journey(), event);
  const IpAddress asked = kase.drop()->gateway ? kase.drop()->gateway : event.flow.dst.address;
  const model::Neighbours* known = neighbours_at(kase, event);
  if (known == nullptr) return std::nullopt;
  const auto family = tunnel == nullptr ? std::optional(asked.family) : family_of_full_table(*known);
  if (!family) return std::nullopt;
  const auto table =
      std::find_if(known->tables.begin(), known->tables.end(), [&](const model::NeighbourTable& one) { return one.family == *family; });
  if (table == known->tables.end() || table->times_full == 0) return std::nullopt;
  const std::string limit = setting(*family, "default.gc_thresh3");
  Finding finding = finding_about_drop(kase, model::Stage::Neighbour);
  finding.ceiling = model::Confidence::Strong;
  finding.summary = "the machine's " + std::string(protocol_word(*family)) + " table is full";
  if (tunnel == nullptr) {
    finding.evidence.push_back("no entry could be made for " + to_string(asked));
  } else {
    // No entry, so that nothing is being asked for.
    finding.doubts.emplace_back(kNotDetermined);
  }
  finding.evidence.push_back("the table has " + std::to_string(table->entries) + " entries of at most " + std::to_string(table->limit) +
                             " (" + limit + "), for all network namespaces together");
  finding.evidence.push_back("it was full " + count_words(table->times_full, "time") + " since the machine was started");
  if (table->entries < table->limit) finding.doubts.emplace_back("it had room again when it was read just after the drop");
  finding.next = "sysctl " + limit + "; " +
                 in_netns(kase, event.place.netns,
                          std::string(*family == 6 ? "ip -6" : "ip") + " neigh show nud all" +
                              (event.place.device.empty() ? "" : " dev " + shell_word(event.place.device)));
  return finding;
}

}  // namespace

std::optional<Finding> match_neighbour_overflow(const Case& kase) {
  if (kase.drop() == nullptr) return std::nullopt;
  if (kase.drop()->reason == "NEIGH_QUEUEFULL") return queue_full(kase);
  if (kase.drop()->reason == "NEIGH_CREATEFAIL") return table_full(kase);
  return std::nullopt;
}

}  // namespace synfate::judge
