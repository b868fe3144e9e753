// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The two ends, and the names of the causes.
#include <algorithm>
#include <set>

#include "story.hpp"

using namespace synfate::judge::test;
using synfate::judge::cause_names;
using synfate::judge::client_party;
using synfate::judge::server_party;

TEST_CASE("the client is named when it is on this node") {
  Story story;
  story.journey.client = {42, 43, 0, "curl"};
  CHECK(client_party(story.journey, story.inventory).netns == kPod);
  CHECK(client_party(story.journey, story.inventory).netns_name == "pod");
  CHECK(client_party(story.journey, story.inventory).process.tgid == 42);
  story.not_local();
  CHECK(client_party(story.journey, story.inventory).netns == 0);
  CHECK(client_party(story.journey, story.inventory).netns_name.empty());
}

TEST_CASE("the server is where TCP acted, not where the SYN was last seen") {
  Story story;
  story.syn_to_server();
  CHECK(server_party(story.journey, story.inventory).netns == 0);
  SUBCASE("no socket") { story.drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "NO_SOCKET"); }
  SUBCASE("a socket") { story.socket(SocketEventKind::State, kServer, true); }
  CHECK(server_party(story.journey, story.inventory).netns == kServer);
  CHECK(server_party(story.journey, story.inventory).netns_name == "server");
}

TEST_CASE("causes have one name each") {
  const auto names = cause_names();
  CHECK(std::set<std::string_view>(names.begin(), names.end()).size() == names.size());
  for (const auto name : names) CHECK_FALSE(name.empty());
  for (const char* name : {"established", "netfilter_drop", "no_listener", "left_node", "qdisc_drop", "other", "unknown"}) {
    CHECK(std::find(names.begin(), names.end(), name) != names.end());
  }
}

TEST_CASE("commands enter the namespace by what is known of it") {
  Story story;
  story.syn_to_server().drop(Leg::Syn, kServerEth, "tcp_v4_rcv", "NO_SOCKET");
  auto& server = story.inventory.namespaces[kServer];
  server.source = "/proc/77/ns/net";
  server.name.clear();
  CHECK(story.judged().next.starts_with("nsenter --net=/proc/77/ns/net ss "));
  server.example_tgid = 77;
  CHECK(story.judged().next.starts_with("nsenter -t 77 -n ss "));
  server.source = "/run/netns/it's";
  CHECK(story.judged().next.starts_with("ip netns exec 'it'\\''s' ss "));
  story.inventory.namespaces.erase(kServer);
  CHECK(story.judged().next.starts_with("in network namespace 200: ss "));
}
