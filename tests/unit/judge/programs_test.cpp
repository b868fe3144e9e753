// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "receiver_story.hpp"

using namespace synfate::judge::test;
namespace model = synfate::model;

namespace {

Story dropped_by(const char* function, const char* reason) {
  Story story;
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, function, reason);
  know_programs(story);
  return story;
}

model::TcFilter filter(const char* kind, std::uint32_t program, std::vector<std::string> actions = {}) {
  model::TcFilter one;
  one.kind = kind;
  one.priority = 49152;
  one.handle = 1;
  one.program_id = program;
  one.drops = std::find(actions.begin(), actions.end(), "drop") != actions.end();
  one.actions = std::move(actions);
  return one;
}

void at_ingress(Story& story, std::vector<model::TcFilter> filters) {
  story.inventory.namespaces[kHost].tc_sides = {{kNodeVeth.ifindex, true, std::move(filters), ""}};
}

}  // namespace

TEST_CASE("tc_drop names the only filter there that drops") {
  Story story = dropped_by("__netif_receive_skb_core", "TC_INGRESS");
  SUBCASE("not read") {
    CHECK(story.judged().summary == "by tc on vethpod ingress");
    CHECK(story.judged().confidence == Confidence::Exact);
  }
  SUBCASE("a program") {
    at_ingress(story, {filter("matchall", 0, {"mirred"}), filter("bpf", 42)});
    // What an action other than a plain verdict does is not known.
    CHECK(story.judged().confidence == Confidence::Partial);
    at_ingress(story, {filter("matchall", 0, {"pass"}), filter("bpf", 42)});
    CHECK(story.judged().summary == "by BPF program say_no (id 42) at tc ingress of vethpod");
    CHECK(story.judged().confidence == Confidence::Strong);
    CHECK(story.judged().next == "bpftool prog show id 42");
  }
  SUBCASE("a filter that is no program") {
    at_ingress(story, {filter("flower", 0, {"drop"})});
    CHECK(story.judged().summary == "by tc filter flower pref 49152 handle 0x1 at tc ingress of vethpod");
    CHECK(story.judged().next == "tc -s filter show dev vethpod ingress");
  }
  SUBCASE("several: all are listed, none is picked") {
    at_ingress(story, {filter("tcx", 42), filter("bpf", 43), filter("u32", 0, {"drop"})});
    CHECK(story.judged().summary == "by tc on vethpod ingress");
    CHECK(story.judged().confidence == Confidence::Partial);
    CHECK(says(story.judged(), "3 may have said so"));
    CHECK(says(story.judged(), "BPF program 43 (no longer loaded, or not read)"));
  }
  SUBCASE("gone meanwhile") {
    at_ingress(story, {});
    CHECK(says(story.judged(), "any more"));
  }
  SUBCASE("another side is not this one's") {
    at_ingress(story, {filter("bpf", 42)});
    story.inventory.namespaces[kHost].tc_sides.front().ingress = false;
    CHECK(story.judged().summary == "by tc on vethpod ingress");
  }
  SUBCASE("not all could be read") {
    at_ingress(story, {filter("bpf", 42)});
    story.inventory.namespaces[kHost].tc_sides.front().gap = "no";
    CHECK(story.judged().confidence == Confidence::Partial);
  }
  CHECK(story.judged().cause == "tc_drop");
}

TEST_CASE("xdp_drop names the program of that mode") {
  Story story = dropped_by("veth_xdp_rcv_skb", "NOT_SPECIFIED");
  model::Link& link = *std::find_if(story.inventory.namespaces[kHost].links.begin(), story.inventory.namespaces[kHost].links.end(),
                                    [](const model::Link& each) { return each.ifindex == kNodeVeth.ifindex; });
  SUBCASE("the driver's") {
    link.xdp = {{2, 43}, {1, 42}};
    CHECK(story.judged().summary == "by XDP BPF program say_no (id 42) on vethpod");
    CHECK(story.judged().confidence == Confidence::Strong);
    story.inventory.programs.at(42).holder_tgid = 0;
    CHECK(says(story.judged(), "held by no process and pinned nowhere"));
    story.inventory.programs.at(42).pinned = "/sys/fs/bpf/guard";
    CHECK(says(story.judged(), "pinned at /sys/fs/bpf/guard"));
  }
  SUBCASE("only one of another mode is left") {
    link.xdp = {{2, 43}};
    CHECK(story.judged().summary == "by XDP on vethpod");
    CHECK(says(story.judged(), "any more"));
  }
  CHECK(story.judged().cause == "xdp_drop");
}
