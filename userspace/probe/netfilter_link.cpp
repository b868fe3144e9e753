// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/netfilter_link.hpp"

#include <bpf/libbpf.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

namespace synfate::probe {
namespace {

// Outside the enumerations of the header that this is built with.
constexpr int kProgTypeNetfilter = 32;
constexpr int kAttachNetfilter = 45;

/// union bpf_attr of BPF_LINK_CREATE, the part for netfilter (include/uapi/linux/bpf.h, 6.4).
struct LinkCreate {
  std::uint32_t program_fd;
  std::uint32_t target_fd;
  std::uint32_t attach_type;
  std::uint32_t flags;
  std::uint32_t family;
  std::uint32_t hook;
  std::int32_t priority;
  std::uint32_t netfilter_flags;
  std::uint8_t rest[96];  ///< the kernel wants what it does not know to be zero
};

}  // namespace

void make_netfilter_program(bpf_program* program) {
  bpf_prog_type type{};
  std::memcpy(&type, &kProgTypeNetfilter, sizeof type);
  bpf_attach_type attach{};
  std::memcpy(&attach, &kAttachNetfilter, sizeof attach);
  bpf_program__set_type(program, type);
  bpf_program__set_expected_attach_type(program, attach);
}

Result<UniqueFd> attach_netfilter(int program_fd, int netns_fd, const NetfilterPlace& place) {
  LinkCreate request{};
  request.program_fd = static_cast<std::uint32_t>(program_fd);
  request.attach_type = kAttachNetfilter;
  request.family = place.family;
  request.hook = place.hook;
  request.priority = place.priority;
  int fd = -1;
  int error = 0;
  // The kernel takes the namespace of the calling thread, so a thread goes there; signals stay with the session's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread visitor{[&] {
      if (::setns(netns_fd, CLONE_NEWNET) != 0) {
        error = errno;
        return;
      }
      fd = static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &request, sizeof request));
      if (fd < 0) error = errno;
    }};
    visitor.join();
  } catch (const std::system_error& no_thread) {
    error = no_thread.code().value();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (fd < 0) return Error{ErrorKind::Unsupported, "cannot attach a BPF program to a netfilter hook", errno_text(error), ""};
  return UniqueFd(fd);
}

}  // namespace synfate::probe
