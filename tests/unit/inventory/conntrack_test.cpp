// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/conntrack.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "fixtures.hpp"
#include "inventory/reader.hpp"

using namespace synfate;
using namespace synfate::inventory;

namespace {

constexpr model::NetnsId kPod = 4026532511;
constexpr const char* kCounters = "/proc/thread-self/net/stat/nf_conntrack";
constexpr const char* kQueues = "/proc/thread-self/net/netfilter/nfnetlink_queue";

/// Columns as 5.10 has them: one more than today's in another place, and no chains that are too long.
constexpr const char* kOldCounters =
    "entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error  expect_new "
    "expect_create expect_delete search_restart\n"
    "00000007  00000000 00000000 00000000 0000000a 00000001 00000001 00000001 00000001 00000010 000000ff 00000002 00000001  00000001 "
    "00000001 00000001 00000001\n"
    "00000007  00000000 00000000 00000000 00000001 00000001 00000001 00000001 00000001 00000001 00000001 00000001 00000001  00000001 "
    "00000001 00000001 00000001\n";

machine::FakeMachine pod_machine() {
  machine::FakeMachine machine;
  machine.add_process(42, "server", kPod);
  machine.add_file("/proc/thread-self/mountinfo", "");
  return machine;
}

bool has_gap(const model::Netns& netns) {
  return std::any_of(netns.gaps.begin(), netns.gaps.end(), [](const model::Gap& gap) { return gap.code == "netfilter_unreadable"; });
}

}  // namespace

TEST_CASE("counters are summed over the CPUs, by the names in the header") {
  model::Conntrack today;
  REQUIRE(parse_conntrack_counters(test::fixture("proc_nf_conntrack.txt"), today));
  CHECK(today.counters_read);
  CHECK(today.invalid == 4);
  CHECK(today.drop == 0);
  CHECK(today.insert_failed == 0);
  model::Conntrack old;
  old.count = 7;
  REQUIRE(parse_conntrack_counters(kOldCounters, old));
  CHECK(old.invalid == 11);
  CHECK(old.insert_failed == 17);
  CHECK(old.drop == 256);
  CHECK(old.early_drop == 3);
  CHECK(old.chain_too_long == 0);
  CHECK(old.count == 7U);
  model::Conntrack chains;
  REQUIRE(parse_conntrack_counters("insert_failed drop chainlength\n1 2 3\n1 2 3\n", chains));
  CHECK(chains.chain_too_long == 6);
}

TEST_CASE("what is no such table sets nothing") {
  for (const char* text : {"", "\n", "entries drop\n", "entries drop insert_failed\n", "entries drop insert_failed\n1 2\n",
                           "entries drop insert_failed\n1 2 3 4\n", "entries drop insert_failed\n1 2 g\n", "a b c\n1 2 3\n",
                           "drop insert_failed\n1 2\n3\n", "drop insert_failed\n1 11111111111111111\n"}) {
    model::Conntrack conntrack;
    CHECK_MESSAGE(!parse_conntrack_counters(text, conntrack), text);
    CHECK_FALSE(conntrack.counters_read);
    CHECK(conntrack.drop == 0);
  }
}

TEST_CASE("queues as the kernel lists them") {
  // In the kernel's own format "%5u %6u %5u %1u %5u %5u %5u %8u %2d".
  const auto queues =
      parse_nf_queues("  100   4242     3 2 65531     5     6       17  1\n  101 31337     0 2 65531     0     0        0  1\n");
  REQUIRE(queues);
  REQUIRE(queues->size() == 2);
  CHECK(queues->at(0).number == 100);
  CHECK(queues->at(0).peer_portid == 4242);
  CHECK(queues->at(0).waiting == 3);
  CHECK(queues->at(0).dropped == 5);
  CHECK(queues->at(0).user_dropped == 6);
  CHECK(queues->at(1).number == 101);
  CHECK(parse_nf_queues("")->empty());
  for (const char* text :
       {"100 1 2 3 4 5 6 7\n", "100 1 2 3 4 5 6 7 8 9\n", "a 1 2 3 4 5 6 7 1\n", "4294967296 1 2 3 4 5 6 7 1\n", "-1 1 2 3 4 5 6 7 1\n"}) {
    CHECK_MESSAGE(!parse_nf_queues(text), text);
  }
}

TEST_CASE("a namespace is asked only when told so, and without conntrack it has none") {
  machine::FakeMachine machine = pod_machine();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  REQUIRE(reader.read_netfilter(kPod));
  const model::Netns& netns = *reader.current().find(kPod);
  CHECK_FALSE(netns.conntrack);
  CHECK_MESSAGE(netns.nf_queues_read, "no file: no queue, and so no listener");
  CHECK(netns.nf_queues.empty());
  CHECK(netns.gaps.empty());

  auto& files = machine.netns(kPod).files;
  files["/proc/sys/net/netfilter/nf_conntrack_count"] = "17\n";
  files["/proc/sys/net/netfilter/nf_conntrack_max"] = "262144\n";
  files[kCounters] = test::fixture("proc_nf_conntrack.txt");
  files[kQueues] = "  100   4242     0 2 65531     0     0       17  1\n";
  REQUIRE(reader.read_netfilter(kPod));
  REQUIRE(netns.conntrack);
  CHECK(netns.conntrack->count == 17U);
  CHECK(netns.conntrack->max == 262144U);
  CHECK(netns.conntrack->invalid == 4);
  REQUIRE(netns.nf_queues.size() == 1);

  files.erase("/proc/sys/net/netfilter/nf_conntrack_count");
  files.erase("/proc/sys/net/netfilter/nf_conntrack_max");
  files.erase(kCounters);
  REQUIRE(reader.read_netfilter(kPod));
  CHECK_FALSE(netns.conntrack);
}

TEST_CASE("what cannot be read or understood is a gap, once, and never an empty list") {
  machine::FakeMachine machine = pod_machine();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  const auto read = [&]() -> const model::Netns& {
    REQUIRE(reader.read_netfilter(kPod));
    REQUIRE(reader.read_netfilter(kPod));
    return *reader.current().find(kPod);
  };
  auto& netns = machine.netns(kPod);
  SUBCASE("refused") {
    netns.failures.insert_or_assign(kQueues, Error{ErrorKind::Permission, "cannot read it", "EACCES", ""});
    CHECK_FALSE(read().nf_queues_read);
    CHECK(read().gaps.size() == 1);
  }
  SUBCASE("not understood") {
    netns.files[kQueues] = "queue 100\n";
    CHECK_FALSE(read().nf_queues_read);
    CHECK(has_gap(read()));
    netns.files[kQueues] = "";
    CHECK(read().nf_queues_read);
    CHECK(read().gaps.empty());
  }
  SUBCASE("counters not understood leave the count") {
    netns.files["/proc/sys/net/netfilter/nf_conntrack_count"] = "17\n";
    netns.files[kCounters] = "what\n";
    REQUIRE(read().conntrack);
    CHECK(read().conntrack->count == 17U);
    CHECK_FALSE(read().conntrack->counters_read);
    CHECK(has_gap(read()));
  }
  SUBCASE("no number") {
    netns.files["/proc/sys/net/netfilter/nf_conntrack_count"] = "many\n";
    CHECK_FALSE(read().conntrack);
  }
  SUBCASE("longer than such a file can be") {
    netns.files[kQueues] = std::string(300'000, ' ');
    CHECK_FALSE(read().nf_queues_read);
    CHECK(has_gap(read()));
  }
}

TEST_CASE("a namespace that is gone") {
  machine::FakeMachine machine = pod_machine();
  InventoryReader reader{machine};
  REQUIRE(reader.refresh());
  machine.remove("/proc/42");
  const auto done = reader.read_netfilter(kPod);
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::Gone);
}
