// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The rows that people read, to the letter, at the widths that terminals have.
#include "render/text.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/text.hpp"
#include "samples.hpp"

using namespace synfate;
using namespace synfate::render;
using namespace synfate::render::testing;

namespace {

TextStyle columns(unsigned width) { return {width, false, false, false}; }

std::string rendered(const model::Attempt& attempt, const TextStyle& style) {
  Paper paper;
  TextSink sink(paper.writer(), testing::clock(), style);
  CHECK(sink.attempt(attempt));
  CHECK(paper.writes.size() == 1);
  return paper.text;
}

std::string rendered(const model::Summary& summary, const TextStyle& style) {
  Paper paper;
  TextSink sink(paper.writer(), testing::clock(), style);
  CHECK(sink.summary(summary));
  return paper.text;
}

std::string line_with(const std::string& text, std::string_view needle) {
  for (const std::string_view line : split(text, '\n')) {
    if (line.find(needle) != std::string_view::npos) return std::string(line);
  }
  return {};
}

/// What stands to the right of the label's column.
std::string_view without_label(std::string_view line) { return line.starts_with("  ") && line.size() > 9 ? trim(line.substr(9)) : line; }

}  // namespace

TEST_CASE("a drop by a rule, not on a terminal") {
  const std::string whole =
      R"(14:40:31.204  DROPPED  by a rule   testbed/simulator → observability/otel-collector:4317   (#7)
  flow   10.42.0.17:43210 → 10.43.96.7:4317   DNAT → 10.42.0.9:4317   SYN ×3 in 3.0 s, connect() gives up at 131 s
  path   eth0@testbed/simulator ─ veth5c2a@k3d-server-0 ─ cni0 ─ forward ✗
  where  k3d-server-0 · forward · dev veth5c2a · iptables-nft ip filter KUBE-POD-FW-4BDGZEWEU32YM75H rule 9 (handle 41)
         -A KUBE-POD-FW-4BDGZEWEU32YM75H -m comment --comment "rule to drop traffic destined for POD name:otel-collector" -j DROP
  means  NetworkPolicy (kube-router) observability/default-deny: no policy admits this source
  sure   exact: the kernel's own verdict (stack); 0 events lost
  next   kubectl -n observability describe networkpolicy default-deny
)";
  CHECK(rendered(dropped_by_a_rule(), columns(0)) == whole);
  CHECK(rendered(dropped_by_a_rule(), columns(200)) == whole);
}

TEST_CASE("a drop by a rule, 120 columns") {
  CHECK(rendered(dropped_by_a_rule(), columns(120)) ==
        R"(14:40:31.204  DROPPED  by a rule   testbed/simulator → observability/otel-collector:4317   (#7)
  flow   10.42.0.17:43210 → 10.43.96.7:4317   DNAT → 10.42.0.9:4317   SYN ×3 in 3.0 s, connect() gives up at 131 s
  path   eth0@testbed/simulator ─ veth5c2a@k3d-server-0 ─ cni0 ─ forward ✗
  where  k3d-server-0 · forward · dev veth5c2a · iptables-nft ip filter KUBE-POD-FW-4BDGZEWEU32YM75H rule 9 (handle 41)
         -A KUBE-POD-FW-4BDGZEWEU32YM75H -m comment --comment "rule to drop traffic destined for POD
         name:otel-collector" -j DROP
  means  NetworkPolicy (kube-router) observability/default-deny: no policy admits this source
  sure   exact: the kernel's own verdict (stack); 0 events lost
  next   kubectl -n observability describe networkpolicy default-deny
)");
}

TEST_CASE("a drop by a rule, 80 columns") {
  CHECK(rendered(dropped_by_a_rule(), columns(80)) == R"(14:40:31.204  DROPPED  by a rule
  testbed/simulator → observability/otel-collector:4317   (#7)
  flow   10.42.0.17:43210 → 10.43.96.7:4317   DNAT → 10.42.0.9:4317
         SYN ×3 in 3.0 s, connect() gives up at 131 s
  path   eth0@testbed/simulator ─ veth5c2a@k3d-server-0 ─ cni0 ─ forward ✗
  where  k3d-server-0 · forward · dev veth5c2a
         · iptables-nft ip filter KUBE-POD-FW-4BDGZEWEU32YM75H rule 9 (handle
         41)
         -A KUBE-POD-FW-4BDGZEWEU32YM75H -m comment --comment "rule to drop
         traffic destined for POD name:otel-collector" -j DROP
  means  NetworkPolicy (kube-router) observability/default-deny: no policy
         admits this source
  sure   exact: the kernel's own verdict (stack); 0 events lost
  next   kubectl -n observability describe networkpolicy default-deny
)");
}

TEST_CASE("a drop by a rule, 40 columns") {
  CHECK(rendered(dropped_by_a_rule(), columns(40)) == R"(14:40:31.204  DROPPED  by a rule
  testbed/simulator
  → observability/otel-collector:4317
  (#7)
  flow   10.42.0.17:43210
         → 10.43.96.7:4317
         DNAT → 10.42.0.9:4317
         SYN ×3 in 3.0 s, connect()
         gives up at 131 s
  path   eth0@testbed/simulator
         ─ veth5c2a@k3d-server-0 ─ cni0
         ─ forward ✗
  where  k3d-server-0 · forward
         · dev veth5c2a
         · iptables-nft ip filter
         KUBE-POD-FW-4BDGZEWEU32YM75H
         rule 9 (handle 41)
         -A KUBE-POD-FW-4BDGZEWEU32YM75H
         -m comment --comment "rule to
         drop traffic destined for POD
         name:otel-collector" -j DROP
  means  NetworkPolicy (kube-router)
         observability/default-deny: no
         policy admits this source
  sure   exact: the kernel's own verdict
         (stack); 0 events lost
  next   kubectl -n observability
         describe networkpolicy
         default-deny
)");
}

TEST_CASE("a lost SYN-ACK: its leg too, the gap, the notes, the revision") {
  CHECK(rendered(lost_syn_ack(), columns(80)) == R"(14:40:31.204  DROPPED  by a netfilter rule or policy
  curl[4242]@red → 10.42.0.9:80@blue   (revision 2 of #8)
  flow   10.42.0.17:43210 → 10.42.0.9:80   SYN ×1, connect() gives up at 131 s
  path   eth0@red ─ veth5c2a@host ─ cni0 ─ eth0@blue
         SYN-ACK: eth0@blue ─ veth77@host ─ forward ✗
  where  host · forward · dev veth77 · family ip · nft_do_chain [nf_tables]
         · NETFILTER_DROP
  rule   not determined: the two call sites of nft_do_chain were not told apart
  sure   partial: 3 events lost while it was under way
  notes  SYN cookies were in use
         a duplicate SYN was answered again
  next   nft list ruleset
)");
}

TEST_CASE("no SYN was sent") {
  CHECK(rendered(no_route(), columns(0)) == R"(14:40:31.204  REFUSED  no route to 10.9.9.9   curl[4242]@red → 10.9.9.9:80   (#9)
  flow   (unbound) → 10.9.9.9:80   no SYN was sent: connect() failed with ENETUNREACH
  path   local_out@red ✗
  where  red · local_out
  sure   exact
  next   ip netns exec red ip route get 10.9.9.9
)");
}

TEST_CASE("left the node, masqueraded, IPv6") {
  CHECK(rendered(unanswered(), columns(120)) == R"(14:40:31.204  UNANSWERED  left by eth0   curl[4242]@red → [2001:db8::1]:443   (#10)
  flow   [fd00::17]:40000 → [2001:db8::1]:443   SNAT → [2001:db8::abcd]:61000
         SYN ×2 in 1.0 s, connect() gives up at 127 s
  path   eth0@red ─ veth5c2a@host ─ cni0 ─ eth0 ─ beyond this node ?
  where  host · beyond · dev eth0
  sure   strong: 2 SYNs left, no answer came back
)");
}

TEST_CASE("established: no give-up time, no empty labels; ASCII and colour") {
  CHECK(rendered(established(), TextStyle{40, true, true, false}) ==
        "14:40:31.204  \x1b[32mESTABLISHED\x1b[0m\n"
        "  curl[4242]@red -> 10.42.0.9:80   (#11)\n"
        "  flow   10.42.0.17:43210\n"
        "         -> 10.42.0.9:80   SYN x1\n"
        "  path   eth0@red - veth5c2a@host\n"
        "         - cni0 ok\n"
        "  sure   exact\n");
}

TEST_CASE("each fate is coloured by how bad it is, and only the fate") {
  const TextStyle style{0, true, false, false};
  model::Attempt attempt = dropped_by_a_rule();
  const std::string dropped = rendered(attempt, style);
  CHECK(dropped.find("  \x1b[1;31mDROPPED\x1b[0m  by") != std::string::npos);
  CHECK(std::count(dropped.begin(), dropped.end(), '\x1b') == 2);
  attempt.verdict.fate = model::Fate::ClosedEarly;
  CHECK(rendered(attempt, style).find("\x1b[33mCLOSED\x1b[0m \x1b[33mEARLY\x1b[0m  by") != std::string::npos);
  CHECK(rendered(attempt, columns(0)).find('\x1b') == std::string::npos);
}

TEST_CASE("connect() gives up only where it still waits") {
  model::Attempt attempt = dropped_by_a_rule();
  const auto says_so = [&] { return rendered(attempt, columns(0)).find("gives up") != std::string::npos; };
  CHECK(says_so());
  attempt.verdict.fate = model::Fate::Refused;
  CHECK(says_so());
  attempt.journey.syns = 1;
  CHECK_FALSE(says_so());
  attempt.verdict.fate = model::Fate::Parked;
  CHECK(says_so());
  attempt.gives_up_after_s.reset();
  CHECK_FALSE(says_so());
}

TEST_CASE("a SYN that was not seen is not counted as sent") {
  model::Attempt attempt = established();
  attempt.journey.syns = 0;
  CHECK(rendered(attempt, columns(0)).find("no SYN was seen") != std::string::npos);
}

TEST_CASE("a chain's policy, an element, a comment that the text lacks, a rule partly known") {
  model::Attempt attempt = dropped_by_a_rule();
  model::RuleRef& rule = *attempt.verdict.where.rule;
  rule = {"nft", "inet", "filter", "input", {}, {}, true, "", "", "", "stack", ""};
  CHECK(line_with(rendered(attempt, columns(0)), "  where") ==
        "  where  k3d-server-0 · forward · dev veth5c2a · nft inet filter input policy");
  rule = {"nft", "inet", "filter", "input", {}, 12, false, "10.0.0.1 : drop", "ip saddr vmap @m\n\tcounter", "ours", "fentry", "tcp . 80"};
  attempt.verdict.where.rule_gap = "the chain was rewritten meanwhile";
  const std::string text = rendered(attempt, columns(0));
  CHECK(line_with(text, "  where") ==
        "  where  k3d-server-0 · forward · dev veth5c2a · nft inet filter input (handle 12) element 10.0.0.1 : drop · nft_do_chain "
        "[nf_tables] · "
        "NETFILTER_DROP");
  CHECK(text.find("\n         ip saddr vmap @m\n         counter\n         reached by element: tcp . 80\n         comment: ours\n") !=
        std::string::npos);
  CHECK(line_with(text, "  rule") == "  rule   partly determined: the chain was rewritten meanwhile");
  CHECK(text.find("known by") == std::string::npos);
  CHECK(rendered(attempt, {0, false, false, true}).find("\n         known by: fentry\n") != std::string::npos);
}

TEST_CASE("without a rule the function and the reason are the place") {
  model::Attempt attempt = dropped_by_a_rule();
  attempt.verdict.where.rule.reset();
  CHECK(line_with(rendered(attempt, columns(0)), "  where") ==
        "  where  k3d-server-0 · forward · dev veth5c2a · nft_do_chain [nf_tables] · NETFILTER_DROP");
  attempt.verdict.where = {};
  attempt.verdict.where.pod = "ns/pod";
  CHECK(line_with(rendered(attempt, columns(0)), "  where") == "  where  ns/pod");
}

TEST_CASE("verbose says who, every leg, and how the rule is known") {
  TextStyle style;
  style.verbose = true;
  model::Attempt attempt = lost_syn_ack();
  attempt.journey.events.push_back(hop(15'000, model::Leg::Reset, model::HopKind::Xmit, kHost, 7, "veth5c2a"));
  const std::string text = rendered(attempt, style);
  CHECK(line_with(text, "  who") == "  who    client curl[4242], netns 4026532511   server netns 4026532617");
  CHECK(text.find("\n         RST: veth5c2a@host\n") != std::string::npos);
  CHECK(rendered(attempt, columns(0)).find("RST:") == std::string::npos);
  const std::string known = rendered(dropped_by_a_rule(), style);
  CHECK(known.find("\n         known by: stack\n") != std::string::npos);
  CHECK(line_with(known, "  where").ends_with("(handle 41) · nft_do_chain [nf_tables] · NETFILTER_DROP"));
}

TEST_CASE("hostile strings reach the terminal as harmless ones") {
  const std::string evil =
      "\x1b]0;owned\x07\r\n\xff\xfe\xc2\x9b"
      "2J\xe2\x80\xae";
  model::Attempt attempt = lost_syn_ack();
  attempt.client.process.comm = evil;
  attempt.client.netns_name = evil;
  attempt.server.netns_name = evil;
  for (auto& [id, name] : attempt.netns_names) name = evil;
  for (model::Event& event : attempt.journey.events) event.place.device = evil;
  model::Verdict& verdict = attempt.verdict;
  verdict.summary = evil;
  verdict.where = {kHost, evil, evil, evil, model::Stage::Forward, evil, evil, evil, {}, evil};
  verdict.where.rule = model::RuleRef{evil, evil, evil, evil, {}, {}, {}, evil, evil, evil, evil, evil};
  verdict.means = model::Means{evil, evil, evil, evil, evil};
  verdict.evidence = {evil};
  verdict.notes = {evil};
  verdict.next = evil;
  TextStyle style;
  style.verbose = true;
  Paper paper;
  TextSink sink(paper.writer(), testing::clock(), style);
  CHECK(sink.attempt(attempt));
  attempt.client.pod = attempt.server.pod = attempt.server.service = attempt.client.node = attempt.client.container = evil;
  CHECK(sink.attempt(attempt));
  CHECK(sink.notice({model::NoticeLevel::Warning, evil, evil}));
  model::Summary summary;
  summary.tier = evil;
  summary.gaps = {{evil, evil}, {evil, ""}};
  CHECK(sink.summary(summary));
  for (const std::string_view line : split(paper.text, '\n')) CHECK(printable(line, line.size()) == line);
  CHECK(paper.text.find("owned") != std::string::npos);
}

TEST_CASE("no line of any row is wider than the terminal unless one word is") {
  for (const model::Attempt& attempt : {dropped_by_a_rule(), lost_syn_ack(), no_route(), unanswered(), established()}) {
    for (unsigned width = 10; width < 140; ++width) {
      for (const bool verbose : {false, true}) {
        CAPTURE(width);
        const std::string text = rendered(attempt, TextStyle{width, false, false, verbose});
        for (const std::string_view line : split(text, '\n')) {
          const bool one_word = trim(line).find(' ') == std::string_view::npos || without_label(line).find(' ') == std::string_view::npos;
          CHECK((display_width(line) <= width || one_word));
        }
      }
    }
  }
}

TEST_CASE("a journey with twenty thousand devices is still a row") {
  model::Attempt attempt = dropped_by_a_rule();
  for (std::uint32_t i = 100; i < 20'100; ++i) {
    attempt.journey.events.push_back(hop(i, model::Leg::Syn, model::HopKind::Xmit, kHost, i, "d" + std::to_string(i)));
  }
  CHECK(rendered(attempt, columns(80)).size() < 2000);
}

TEST_CASE("notices") {
  Paper paper;
  TextSink sink(paper.writer(), testing::clock(), columns(40));
  CHECK(sink.notice({model::NoticeLevel::Warning, "ring_full", "12 events were lost: the ring was full"}));
  CHECK(sink.notice({model::NoticeLevel::Info, "armed", "armed"}));
  CHECK(paper.text == "WARNING  12 events were lost: the ring\n  was full\nnote  armed\n");
}

TEST_CASE("a session that saw nothing says exactly that, with its numbers") {
  model::Summary summary;
  summary.events_seen = 40;
  CHECK(rendered(summary, columns(0)) == "no failed attempt seen; 40 handshake events, 0 lost\n");
  summary.attempts = {{model::Fate::Established, 12}, {model::Fate::Unfinished, 1}, {model::Fate::Dropped, 0}};
  CHECK(rendered(summary, columns(0)) == "no failed attempt seen; 40 handshake events, 0 lost; 12 established; 1 unfinished\n");
}

TEST_CASE("a session that lost events says so loudly, and lists its gaps") {
  model::Summary summary;
  summary.events_seen = 40;
  summary.events_lost = 3;
  summary.gaps = {{"no_nft", "the nft tool was not found"}, {"only_a_code", ""}};
  CHECK(rendered(summary, columns(0)) == R"(no failed attempt seen; 40 handshake events, 3 LOST
EVIDENCE LOST  3 events did not reach synfate: attempts may be missing, or judged without them
  gap    the nft tool was not found
  gap    only_a_code
)");
  summary.events_lost = 1;
  CHECK(rendered(summary, columns(0)).find("EVIDENCE LOST  1 event did not") != std::string::npos);
}

TEST_CASE("a session with failures counts them by fate") {
  model::Summary summary;
  summary.attempts = {{model::Fate::Established, 2}, {model::Fate::Dropped, 3}, {model::Fate::ClosedEarly, 1}};
  summary.events_seen = 123;
  summary.duration_ns = 30'040 * kMillisecond;
  CHECK(rendered(summary, columns(0)) == "6 attempts in 30.0 s: 3 dropped, 1 closed_early, 2 established; 123 handshake events, 0 lost\n");
  summary.attempts = {{model::Fate::Vanished, 1}};
  summary.tier = "2";
  TextStyle style;
  style.verbose = true;
  CHECK(rendered(summary, style) == "1 attempt in 30.0 s: 1 vanished; 123 handshake events, 0 lost\n  tier   2\n");
}

TEST_CASE("after a broken pipe nothing is written any more") {
  Paper paper;
  paper.writes_left = 1;
  TextSink sink(paper.writer(), testing::clock(), columns(0));
  CHECK(sink.attempt(established()));
  CHECK_FALSE(sink.attempt(established()));
  paper.writes_left = 5;
  CHECK_FALSE(sink.notice({model::NoticeLevel::Info, "a", "b"}));
  CHECK_FALSE(sink.summary({}));
  CHECK(paper.writes.size() == 1);
  CHECK(paper.refused == 1);
}
