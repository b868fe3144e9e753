// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every program of the BPF object is taken by the verifier of the running kernel: alone, together, and with each configuration that
// removes or adds code. Prints what the verifier had to look at: arming has 150 ms for all of it.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <linux/types.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

// clang-format off: the skeleton's types need the configuration's.
#include "config.h"
#include "synfate.skel.h"
// clang-format on
#include "base/unique_fd.hpp"
#include "probe/features.hpp"
#include "probe/hooks.hpp"
#include "synfate/wire.h"

using namespace synfate;

namespace {

/// The verifier gives up at a million.
constexpr unsigned kMostInstructions = 1'000'000;

struct Destroy {
  void operator()(synfate_bpf* value) const { synfate_bpf__destroy(value); }
  void operator()(bpf_link* value) const { bpf_link__destroy(value); }
};
using Skeleton = std::unique_ptr<synfate_bpf, Destroy>;
using Link = std::unique_ptr<bpf_link, Destroy>;

int say_warnings(libbpf_print_level level, const char* format, va_list arguments) {
  return level == LIBBPF_WARN ? std::vfprintf(stderr, format, arguments) : 0;
}

const probe::KernelFeatures& kernel() {
  static const auto features = probe::read_features({});
  REQUIRE(features);
  return *features;
}

config usual() {
  config settings{};
  settings.wire_version = WIRE_VERSION;
  settings.has_reason = kernel().has_drop_reason;
  settings.has_stack = 1;
  settings.gate = 1;
  settings.stream_all = 1;
  return settings;
}

bool exists(const probe::Hook& hook) {
  if (hook.need == probe::Need::Scope) return static_cast<bool>(kernel().tcx);
  return hook.tracepoint.empty() || kernel().btf.has_tracepoint(hook.tracepoint);
}

/// An open object in which this kernel's programs, or only one of them, are to be loaded. `cast`: as bpf/object.h has it, where the kernel
/// does.
Skeleton open(const config& settings, std::string_view only = {}, bool cast = true) {
  REQUIRE_MESSAGE(::geteuid() == 0, "the BPF tests need root");
  libbpf_set_print(say_warnings);
  Skeleton skeleton(synfate_bpf__open());
  REQUIRE(skeleton);
  std::memcpy(&skeleton->rodata->cfg, &settings, sizeof settings);
  skeleton->rodata->has_cast = cast && kernel().btf.has_cast;
  for (const probe::Hook& hook : probe::hooks()) {
    bpf_program* program = bpf_object__find_program_by_name(skeleton->obj, std::string(hook.program).c_str());
    REQUIRE(program != nullptr);
    bpf_program__set_autoload(program, exists(hook) && (only.empty() || only == hook.program));
  }
  return skeleton;
}

unsigned verified_instructions(const bpf_program* program) {
  bpf_prog_info info{};
  __u32 size = sizeof info;
  REQUIRE(bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0);
  return info.verified_insns;
}

unsigned print_instructions(const Skeleton& skeleton, const char* title) {
  unsigned sum = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj) {
    if (bpf_program__fd(program) < 0) continue;
    const unsigned count = verified_instructions(program);
    std::printf("%s %-28s %7u instructions verified\n", title, bpf_program__name(program), count);
    CHECK(count < kMostInstructions);
    sum += count;
  }
  return sum;
}

std::uint64_t counted(const Skeleton& skeleton, std::uint32_t which) {
  const int cpus = libbpf_num_possible_cpus();
  REQUIRE(cpus > 0);
  std::vector<std::uint64_t> values(static_cast<std::size_t>(cpus));
  REQUIRE(bpf_map_lookup_elem(bpf_map__fd(skeleton->maps.counters), &which, values.data()) == 0);
  std::uint64_t sum = 0;
  for (const std::uint64_t value : values) sum += value;
  return sum;
}

std::vector<Link> attach_all(const Skeleton& skeleton) {
  std::vector<Link> links;
  for (const probe::Hook& hook : probe::hooks()) {
    bpf_program* program = bpf_object__find_program_by_name(skeleton->obj, std::string(hook.program).c_str());
    if (hook.tracepoint.empty() || bpf_program__fd(program) < 0) continue;
    links.emplace_back(bpf_program__attach(program));
    CAPTURE(hook.program);
    REQUIRE(links.back());
  }
  return links;
}

/// connect() to a port of 127.0.0.1 that is bound and not listened on: a SYN, and a RST for an answer.
void be_refused() {
  const UniqueFd held(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE((held && client));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  REQUIRE(::bind(held.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::getsockname(held.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
  REQUIRE(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), length) != 0);
  REQUIRE(errno == ECONNREFUSED);
}

/// To a port of 127.0.0.1 that nobody has: freed as a drop.
void send_a_datagram() {
  const UniqueFd sender(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(9);
  REQUIRE(::sendto(sender.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&address), sizeof address) == 1);
}

/// Records that be_refused() leaves in the ring.
unsigned records_of_one_refusal(synfate_bpf* skeleton) {
  unsigned records = 0;
  const auto count_one = [](void* context, void*, std::size_t) {
    ++*static_cast<unsigned*>(context);
    return 0;
  };
  ring_buffer* ring = ring_buffer__new(bpf_map__fd(skeleton->maps.ring), count_one, &records, nullptr);
  REQUIRE(ring != nullptr);
  be_refused();
  ring_buffer__consume(ring);
  ring_buffer__free(ring);
  return records;
}

}  // namespace

TEST_CASE("each program alone") {
  for (const probe::Hook& hook : probe::hooks()) {
    if (!exists(hook)) {
      std::printf("alone    %-28s SKIP: this kernel has no %s\n", std::string(hook.program).c_str(),
                  hook.need == probe::Need::Scope ? "TCX" : ("tracepoint " + std::string(hook.tracepoint)).c_str());
      continue;
    }
    CAPTURE(hook.program);
    const Skeleton skeleton = open(usual(), hook.program);
    REQUIRE(synfate_bpf__load(skeleton.get()) == 0);
    CHECK(print_instructions(skeleton, "alone   ") > 0);
  }
}

TEST_CASE("all programs together") {
  const Skeleton skeleton = open(usual());
  REQUIRE(synfate_bpf__load(skeleton.get()) == 0);
  std::printf("together %-28s %7u instructions verified\n", "(sum)", print_instructions(skeleton, "together"));
}

TEST_CASE("all programs, with each configuration") {
  config settings = usual();
  SUBCASE("without the stack") { settings.has_stack = 0; }
  SUBCASE("with the flight recorder instead of streaming") { settings.stream_all = 0; }
  // On a kernel that has reasons this is 5.15's code on another kernel: it must still be accepted.
  SUBCASE("without drop reasons") { settings.has_reason = 0; }
  SUBCASE("with every filter") {
    settings.required_scope = 0xff;
    settings.host = settings.source = settings.destination = {{10, 0, 0, 0}, 4, 8};
    settings.port = 80;
    settings.netns = 4026531840U;
    settings.process_tgid = 1;
    settings.cgroup_id = 1;
    settings.cgroup_level = 1;
  }
  SUBCASE("with programs at single devices") {
    settings.scoped = 1;
    settings.required_scope = SCOPE_NETNS;
    settings.netns = 4026531840U;
  }
  SUBCASE("with an IPv6 prefix") {
    settings.required_scope = SCOPE_HOST;
    settings.host = {{0xfd}, 6, 8};
  }
  for (const bool cast : {true, false}) {
    const Skeleton skeleton = open(settings, {}, cast);
    CHECK(synfate_bpf__load(skeleton.get()) == 0);
  }
}

TEST_CASE("the programs that user space runs itself") {
  const Skeleton skeleton = open(usual());
  REQUIRE(synfate_bpf__load(skeleton.get()) == 0);
  LIBBPF_OPTS(bpf_test_run_opts, own);
  REQUIRE(bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.own_tgid), &own) == 0);
  CHECK(own.retval > 0);
  LIBBPF_OPTS(bpf_test_run_opts, again);
  REQUIRE(bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.own_tgid), &again) == 0);
  CHECK(again.retval == own.retval);
  LIBBPF_OPTS(bpf_test_run_opts, sweep);
  REQUIRE(bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.sweep), &sweep) == 0);
  CHECK(sweep.retval == 0);
}

TEST_CASE("attached and not armed, nothing is looked at; armed, a refused connect() on loopback is") {
  const Skeleton skeleton = open(usual());
  REQUIRE(synfate_bpf__load(skeleton.get()) == 0);
  const auto links = attach_all(skeleton);
  CHECK(records_of_one_refusal(skeleton.get()) == 0);
  CHECK(counted(skeleton, WIRE_COUNT_EVENTS) == 0);
  CHECK(counted(skeleton, WIRE_COUNT_ATTEMPTS) == 0);
  skeleton->bss->armed = 1;
  // The SYN leaves and arrives, its RST does, it is freed as a drop, and the client's socket closes.
  CHECK(records_of_one_refusal(skeleton.get()) >= 4);
  CHECK(counted(skeleton, WIRE_COUNT_ATTEMPTS) >= 1);
  CHECK(counted(skeleton, WIRE_COUNT_RING_FULL) == 0);
  skeleton->bss->armed = 0;
  const std::uint64_t before = counted(skeleton, WIRE_COUNT_EVENTS);
  CHECK(records_of_one_refusal(skeleton.get()) == 0);
  CHECK(counted(skeleton, WIRE_COUNT_EVENTS) == before);
}

TEST_CASE("of what interrupts a program, what has nothing to do with handshakes is no loss") {
  const Skeleton skeleton = open(usual());
  REQUIRE(synfate_bpf__load(skeleton.get()) == 0);
  // Without the first program: the second is told that it is running, which cannot be had without an interrupt.
  const Link link(bpf_program__attach(skeleton->progs.on_kfree_skb_nested));
  REQUIRE(link);
  skeleton->bss->armed = 1;
  send_a_datagram();
  CHECK(counted(skeleton, WIRE_COUNT_SPARED) == 0);
  const int cpus = libbpf_num_possible_cpus();
  REQUIRE(cpus > 0);
  const std::vector<std::uint64_t> everywhere(static_cast<std::size_t>(cpus), 1);
  const __u32 drop = 0;
  REQUIRE(bpf_map_update_elem(bpf_map__fd(skeleton->maps.running_programs), &drop, everywhere.data(), BPF_ANY) == 0);
  send_a_datagram();
  CHECK(counted(skeleton, WIRE_COUNT_SPARED) >= 1);
}

TEST_CASE("the flight recorder is silent about what is out of scope") {
  config settings = usual();
  settings.required_scope = SCOPE_DESTINATION;
  settings.destination = {{192, 0, 2, 0}, 4, 24};
  const Skeleton skeleton = open(settings);
  REQUIRE(synfate_bpf__load(skeleton.get()) == 0);
  const auto links = attach_all(skeleton);
  skeleton->bss->armed = 1;
  CHECK(records_of_one_refusal(skeleton.get()) == 0);
  CHECK(counted(skeleton, WIRE_COUNT_EVENTS) >= 1);
}
