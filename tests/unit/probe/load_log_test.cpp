// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The logs are what Debian's kernels 6.1.192 and 6.12.117 say, locked down for confidentiality, shortened in the middle.
#include "probe/load_log.hpp"

#include <bpf/libbpf.h>
#include <doctest/doctest.h>

using namespace synfate::probe;

namespace {

constexpr const char* kLockedDown61 =
    "libbpf: prog 'on_net_dev_start_xmit': BPF program load failed: Invalid argument\n"
    "libbpf: prog 'on_net_dev_start_xmit': -- BEGIN PROG LOAD LOG --\n"
    "1430: (bc) w2 = w9                    ; R2_w=64 R9_w=64\n"
    "1431: (85) call bpf_probe_read#4\n"
    "unknown func bpf_probe_read#4\n"
    "processed 263 insns (limit 1000000) max_states_per_insn 1 total_states 12 peak_states 12 mark_read 4\n"
    "-- END PROG LOAD LOG --\n"
    "libbpf: prog 'on_net_dev_start_xmit': failed to load: -22\n"
    "libbpf: failed to load object 'synfate_bpf'\n"
    "libbpf: failed to load BPF skeleton 'synfate_bpf': -22\n";

constexpr const char* kLockedDown612 =
    "73: (85) call bpf_probe_read#4\n"
    "program of this type cannot use helper bpf_probe_read#4\n"
    "processed 60 insns (limit 1000000) max_states_per_insn 0 total_states 4 peak_states 4 mark_read 4\n"
    "-- END PROG LOAD LOG --\n"
    "libbpf: prog 'on_net_dev_start_xmit': failed to load: -22\n"
    "libbpf: failed to load object 'synfate_bpf'\n"
    "libbpf: failed to load BPF skeleton 'synfate_bpf': -22\n";

}  // namespace

TEST_CASE("the verifier's reason is told, with the program") {
  CHECK(refusal(kLockedDown61) == "unknown func bpf_probe_read#4 (on_net_dev_start_xmit)");
  CHECK(refusal(kLockedDown612) == "program of this type cannot use helper bpf_probe_read#4 (on_net_dev_start_xmit)");
}

TEST_CASE("without the verifier, what libbpf said last") {
  CHECK(refusal("libbpf: map 'ring': failed to create: Operation not permitted(-1)\nlibbpf: failed to load object 'x'\n") ==
        "libbpf: map 'ring': failed to create: Operation not permitted(-1)");
  CHECK(refusal("").empty());
  CHECK(refusal("\n\n").empty());
  CHECK(refusal("libbpf: failed to load object 'x'\n").empty());
  CHECK(refusal("-- END PROG LOAD LOG --").empty());
}

TEST_CASE("only a refused read of kernel memory is taken for lockdown") {
  CHECK(refuses_kernel_reads(kLockedDown61));
  CHECK(refuses_kernel_reads(kLockedDown612));
  CHECK_FALSE(refuses_kernel_reads("unknown func bpf_loop#181\n-- END PROG LOAD LOG --\n"));
  CHECK_FALSE(refuses_kernel_reads("R1 type=scalar expected=fp in call bpf_probe_read_kernel#113\n-- END PROG LOAD LOG --\n"));
  CHECK_FALSE(refuses_kernel_reads(""));
}

TEST_CASE("libbpf is heard while the log lives, and not after") {
  LoadLog log;
  CHECK(log.text().empty());
  CHECK(bpf_object__open("/nonexistent/synfate.bpf.o") == nullptr);
  CHECK(log.text().find("/nonexistent/synfate.bpf.o") != std::string::npos);
  {
    LoadLog inner;
    CHECK(bpf_object__open("/nonexistent/inner.bpf.o") == nullptr);
    CHECK_FALSE(inner.text().empty());
  }
  const std::string before = log.text();
  CHECK(bpf_object__open("/nonexistent/after.bpf.o") == nullptr);
  CHECK(log.text() == before);
}
