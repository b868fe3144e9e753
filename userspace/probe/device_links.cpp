// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/device_links.hpp"

#include <bpf/bpf.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <thread>

namespace synfate::probe {
namespace {

// include/uapi/linux/bpf.h, 6.6: e420bed02507 "bpf: Add fd-based tcx multi-prog infra with link support".
constexpr std::uint32_t kTcxIngress = 46;
constexpr std::uint32_t kTcxEgress = 47;
constexpr std::uint32_t kBeforeAll = 1U << 3U;  // BPF_F_BEFORE, of none in particular
/// No device has it.
constexpr std::uint32_t kNoDevice = 0x7fffffff;

/// union bpf_attr of BPF_LINK_CREATE, the part for tcx.
struct LinkCreate {
  std::uint32_t program_fd;
  std::uint32_t target_ifindex;
  std::uint32_t attach_type;
  std::uint32_t flags;
  std::uint32_t relative_fd;
  std::uint32_t pad;
  std::uint64_t expected_revision;
  std::uint8_t rest[32];  ///< the kernel wants what it does not know to be zero
};

/// In the namespace of the calling thread. The link, or a negative errno.
int make_link(int program_fd, std::uint32_t ifindex, std::uint32_t type) {
  LinkCreate request{};
  request.program_fd = static_cast<std::uint32_t>(program_fd);
  request.target_ifindex = ifindex;
  request.attach_type = type;
  request.flags = kBeforeAll;
  const long fd = ::syscall(SYS_bpf, BPF_LINK_CREATE, &request, sizeof request);
  return fd < 0 ? -errno : static_cast<int>(fd);
}

/// Runs work on a thread that stands in the namespace; signals stay with the session's thread.
template <class Work>
int inside(int netns_fd, Work work) {
  int error = 0;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread visitor{[&] { error = ::setns(netns_fd, CLONE_NEWNET) != 0 ? errno : work(); }};
    visitor.join();
  } catch (const std::system_error& no_thread) {
    error = no_thread.code().value();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace

Support try_device_links(const KernelBtf& btf) {
  if (!btf.has_context_cast) return Support::no("this kernel has no bpf_cast_to_kern_ctx (6.2)");
  constexpr std::array<bpf_insn, 2> kReturnZero = {bpf_insn{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
                                                   bpf_insn{BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "synfate_try", "GPL", kReturnZero.data(), kReturnZero.size(), nullptr));
  if (!program) return Support::unknown("no program for it can be loaded: " + errno_text(errno));
  const int answer = make_link(program.get(), kNoDevice, kTcxIngress);
  if (answer >= 0) ::close(answer);
  if (answer == -ENODEV) return Support::yes();
  if (answer == -EPERM || answer == -EACCES) return Support::unknown("refused by policy: " + errno_text(-answer));
  return Support::no("this kernel has no TCX links (6.6): " + errno_text(-answer));
}

Status DeviceLinks::attach(model::NetnsId netns, int netns_fd, const std::vector<std::uint32_t>& ifindexes) {
  const int error = inside(netns_fd, [&] {
    for (const std::uint32_t ifindex : ifindexes) {
      if (has(netns, ifindex)) continue;
      const int ingress = make_link(ingress_, ifindex, kTcxIngress);
      if (ingress == -ENODEV) continue;
      if (ingress < 0) return -ingress;
      Both both{UniqueFd(ingress), UniqueFd{}};
      const int egress = make_link(egress_, ifindex, kTcxEgress);
      if (egress == -ENODEV) continue;
      if (egress < 0) return -egress;
      both.egress.reset(egress);
      links_.emplace(std::pair{netns, ifindex}, std::move(both));
    }
    return 0;
  });
  if (error != 0) return Error{ErrorKind::Unsupported, "cannot attach to a device", errno_text(error), ""};
  return Ok{};
}

void DeviceLinks::retain(model::NetnsId netns, const std::set<std::uint32_t>& ifindexes) {
  std::erase_if(links_, [&](const auto& link) { return link.first.first == netns && !ifindexes.contains(link.first.second); });
}

}  // namespace synfate::probe
