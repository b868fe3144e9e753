// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Stories that end at a socket, and the programs around it.
#pragma once

#include <algorithm>
#include <initializer_list>

#include "story.hpp"

namespace synfate::judge::test {

inline Story at_server(const char* reason) {
  Story story;
  story.syn_to_server().drop(Leg::Syn, kServerEth, "tcp_v4_rcv", reason);
  return story;
}

/// The socket that the packet dropped last was for: a listener.
inline model::Receiver& receiver(Story& story) {
  auto& events = story.journey.events;
  for (Event& event : events) {
    if (auto* known = std::get_if<model::Receiver>(&event.what)) return *known;
  }
  const auto drop = std::find_if(events.rbegin(), events.rend(), [](const Event& event) { return event.get<Drop>() != nullptr; });
  drop->skb = 0xffff'8881'0000'0000;
  Event event = *drop;
  model::Receiver what;
  what.state = 10;
  what.cgroup_id = 9;
  what.programs_read = true;
  event.what = what;
  events.push_back(event);
  return std::get<model::Receiver>(events.back().what);
}

inline void attach(model::Receiver& receiver, std::initializer_list<std::uint32_t> ids) {
  receiver.ingress_programs = ids;
  receiver.ingress_count = static_cast<unsigned>(ids.size());
}

/// Program 42 is attached to cgroup 9 at ingress, and to its parent at egress; a process holds it.
inline void know_programs(Story& story) {
  story.inventory.programs[42] = {42, 8, "say_no", "0123456789abcdef", 0, "", 7, "agent", true};
  story.inventory.cgroups[9] = {"/shop/web", {{42, "/shop/web"}, {43, "/shop"}}, {{42, "/shop"}}, ""};
}

inline bool says(const Verdict& verdict, const char* words) {
  return std::any_of(verdict.evidence.begin(), verdict.evidence.end(),
                     [&](const std::string& line) { return line.find(words) != std::string::npos; });
}

}  // namespace synfate::judge::test
