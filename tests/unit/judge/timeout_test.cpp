// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// When connect() gives up by the kernel's schedule, and when the application did before.
#include "story.hpp"

using namespace synfate::judge::test;
using synfate::kSecond;
using synfate::judge::gave_up_after;
using synfate::judge::gives_up_after_s;

namespace {

/// With these two sysctls in the client's namespace; linear "": the kernel has no such sysctl.
Story with(const char* retries, const char* linear) {
  Story story;
  auto& sysctls = story.inventory.namespaces[kPod].sysctls;
  sysctls["net.ipv4.tcp_syn_retries"] = retries;
  if (*linear != '\0') sysctls["net.ipv4.tcp_syn_linear_timeouts"] = linear;
  return story;
}

std::optional<unsigned> limit(const Story& story) { return gives_up_after_s(story.journey, story.inventory); }

Story& close(Story& story, int error) {
  story.socket(SocketEventKind::State, kPod, false, error);
  auto& state = std::get<synfate::model::SocketEvent>(story.journey.events.back().what);
  state.old_state = 2;
  state.new_state = 7;
  story.journey.ended = true;
  return story;
}

}  // namespace

TEST_CASE("when connect() gives up") {
  Story story;
  CHECK_FALSE(gives_up_after_s(story.journey, story.inventory).has_value());
  auto& sysctls = story.inventory.namespaces[kPod].sysctls;
  sysctls["net.ipv4.tcp_syn_retries"] = "6";
  CHECK(gives_up_after_s(story.journey, story.inventory) == 127U);
  sysctls["net.ipv4.tcp_syn_linear_timeouts"] = "4\n";
  CHECK(gives_up_after_s(story.journey, story.inventory) == 131U);
  sysctls["net.ipv4.tcp_syn_linear_timeouts"] = "0";
  sysctls["net.ipv4.tcp_syn_retries"] = "2";
  CHECK(gives_up_after_s(story.journey, story.inventory) == 7U);
  sysctls["net.ipv4.tcp_syn_retries"] = "8";
  CHECK_MESSAGE(gives_up_after_s(story.journey, story.inventory) == 127U + 120U + 120U, "no timeout is longer than two minutes");
  sysctls["net.ipv4.tcp_rto_max_ms"] = "4000";
  CHECK(gives_up_after_s(story.journey, story.inventory) == 1U + 2U + 7U * 4U);
  for (const char* nonsense : {"", "x", "-1", "0", "99999999999999999999", "4000000000"}) {
    sysctls["net.ipv4.tcp_syn_retries"] = nonsense;
    CHECK_FALSE(gives_up_after_s(story.journey, story.inventory).has_value());
  }
  sysctls["net.ipv4.tcp_syn_retries"] = "6";
  story.journey.sent_a_syn = false;
  CHECK_FALSE(gives_up_after_s(story.journey, story.inventory).has_value());
  story.journey.sent_a_syn = true;
  story.not_local();
  CHECK_FALSE(gives_up_after_s(story.journey, story.inventory).has_value());
}

TEST_CASE("linear timeouts do not make it longer than the retries alone would take") {
  // Measured on Linux 6.18: three seconds, not five.
  CHECK(limit(with("1", "4")) == 3U);
  CHECK(limit(with("2", "4")) == 7U);
  CHECK(limit(with("3", "4")) == 19U);
  CHECK(limit(with("2", "1")) == 8U);
  CHECK(limit(with("6", "")) == 127U);
}

TEST_CASE("what the socket was told comes before the sysctls") {
  Story story = with("6", "4");
  story.journey.limits.syn_retries = 1;
  CHECK(limit(story) == 3U);
  story.journey.limits.syn_retries = 0;
  story.journey.limits.user_timeout_ms = 20'000;
  CHECK(limit(story) == 20U);
  story.journey.limits.user_timeout_ms = 300;
  CHECK_MESSAGE(limit(story) == 1U, "one SYN is always sent again");
  story.journey.limits.user_timeout_ms = 3'600'000;
  CHECK_MESSAGE(limit(story) == 131U, "the retries end it first");
  story.journey.limits = {2, 0};
  story.inventory.namespaces[kPod].sysctls.erase("net.ipv4.tcp_syn_retries");
  CHECK(limit(story) == 7U);
}

TEST_CASE("a first timeout that is no second: not known") {
  Story story = with("6", "4");
  story.journey.client.comm = "curl";
  story.syn_to_nic().at(200).retransmit().socket(SocketEventKind::Retransmit, kPod, false);
  CHECK_FALSE(limit(story));
  Story usual = with("6", "4");
  usual.journey.client.comm = "curl";
  usual.syn_to_nic().at(1010).retransmit().socket(SocketEventKind::Retransmit, kPod, false);
  CHECK(limit(usual) == 131U);
}

TEST_CASE("the application that gives up by itself is told from the kernel that does") {
  Story story = with("6", "4");
  story.to("192.0.2.9", 443).syn_to_nic().at(1000).retransmit().syn_to_nic().at(20'000);
  close(story, 0);
  REQUIRE(gave_up_after(story.journey));
  CHECK(*gave_up_after(story.journey) / kSecond == 20);
  CHECK(described(story.judged()).find("closed its socket after 20.0 s by itself: connect() would have gone on until 131 s") !=
        std::string::npos);
  Story timed_out = with("6", "4");
  timed_out.to("192.0.2.9", 443).syn_to_nic().at(1000).retransmit().syn_to_nic().at(131'000);
  close(timed_out, 110);
  CHECK_FALSE(gave_up_after(timed_out.journey));
  CHECK(described(timed_out.judged()).find("by itself") == std::string::npos);
  Story at_once = with("6", "4");
  at_once.to("192.0.2.9", 443).syn_to_nic().at(300);
  close(at_once, 0);
  CHECK_MESSAGE(!gave_up_after(at_once.journey), "no answer was overdue: another doubt says so");
}

TEST_CASE("a drop does not need to hear that the application gave up") {
  Story story = with("6", "4");
  story.syn_to_node().drop(Leg::Syn, kNodeVeth, "ip_rcv_finish_core", "IP_RPFILTER").at(20'000);
  close(story, 0);
  CHECK(described(story.judged()).find("by itself") == std::string::npos);
}
