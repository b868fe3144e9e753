// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/confine.hpp"

#include <linux/bpf.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include "machine/errors.hpp"

namespace synfate::machine {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kLooksForLeaks = true;
#elif defined(__has_feature)
constexpr bool kLooksForLeaks = __has_feature(address_sanitizer);
#else
constexpr bool kLooksForLeaks = false;
#endif

constexpr const char* kWhat = "cannot give up what is not needed any more";

constexpr std::uint64_t bit(unsigned capability) { return std::uint64_t{1} << capability; }

/// New pods, rules and modules want programs loaded and attached, and namespaces entered, long after the start.
constexpr std::uint64_t kWatch = bit(CAP_BPF) | bit(CAP_PERFMON)  // programs that look at kernel memory
                                 | bit(CAP_NET_ADMIN)             // netfilter links, rules over netlink, iptables-legacy's tables
                                 | bit(CAP_NET_RAW)               // iptables-legacy-save asks on a raw socket
                                 | bit(CAP_SYS_ADMIN)             // setns(), programs and BTF of modules by their numbers
                                 | bit(CAP_SYS_CHROOT)            // the mount namespace of a node container, for its tools
                                 | bit(CAP_SYS_PTRACE)            // /proc/PID/ns, root and fd of any user's processes
                                 | bit(CAP_DAC_READ_SEARCH);      // files of any user's pods; a cgroup by its number

/// Nothing here is needed by synfate, by a tool that lists rules, or by a C library. A list of what is allowed would have to know every
/// libc of every node container. Names that libseccomp does not know are of calls that the kernel of its time had not.
constexpr std::array kDenied{
    // The kernel itself.
    "init_module", "finit_module", "delete_module", "create_module", "kexec_load", "kexec_file_load", "reboot", "syslog", "swapon",
    "swapoff", "acct", "quotactl", "quotactl_fd", "settimeofday", "clock_settime", "clock_adjtime", "clock_adjtime64", "clock_settime64",
    "adjtimex", "stime", "sethostname", "setdomainname", "iopl", "ioperm", "modify_ldt", "lookup_dcookie", "perf_event_open", "userfaultfd",
    "_sysctl", "nfsservctl", "vhangup", "bdflush",
    // What is mounted, and who owns which file.
    "mount", "umount", "umount2", "pivot_root", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
    "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "link", "linkat", "symlink",
    "symlinkat", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "fanotify_init",
    // Other processes.
    "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp", "migrate_pages", "move_pages",
    // Keys, and calls that no filter sees.
    "add_key", "request_key", "keyctl", "io_uring_setup", "io_uring_enter", "io_uring_register"};

/// Whoever only reads needs none of these either.
constexpr std::array kDeniedToReaders{
    "execve", "execveat", "fork",   "vfork",    "socket",    "socketpair", "bpf",     "setns", "unshare",  "chroot", "open_by_handle_at",
    "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir",      "mkdirat", "rmdir", "truncate", "creat"};

void drop_from_bounding_set(std::uint64_t kept) {
  // Without CAP_SETPCAP this fails, and no_new_privs alone has to do: under it an exec gains nothing over what is permitted.
  for (unsigned capability = 0; capability <= 63; ++capability) {
    if ((kept & bit(capability)) == 0) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

/// Ambient capabilities that are not inheritable any more go by themselves.
Status drop_capabilities(std::uint64_t kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return errno_error(errno, kWhat);
  for (std::size_t half = 0; half < sets.size(); ++half) {
    const auto mask = static_cast<std::uint32_t>(kept >> (32 * half));
    sets[half].effective &= mask;
    sets[half].permitted &= mask;
    sets[half].inheritable &= mask;
  }
  if (::syscall(SYS_capset, &header, sets.data()) != 0) return errno_error(errno, kWhat);
  return Ok{};
}

struct Release {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};

/// The kernel looks at the lower half of an int only.
scmp_arg_cmp is(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_MASKED_EQ, 0xffffffff, value}; }

Status filter_system_calls(Duty duty) {
  const auto failed = [](int error) { return errno_error(error, "cannot filter the system calls of this process"); };
  const std::unique_ptr<void, Release> filter{::seccomp_init(SCMP_ACT_ALLOW)};
  if (filter == nullptr) return failed(ENOMEM);
  // A program for another architecture has numbers of its own, which nobody has looked at.
  int error = ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  // Kernels before 5.16 slow down whatever has a filter, unless told not to; nothing foreign runs in this process.
  if (error == 0) (void)::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_SSB, 1);
  const auto deny = [&](std::string_view name, const std::array<scmp_arg_cmp, 1>* only = nullptr) {
    const int number = ::seccomp_syscall_resolve_name(std::string{name}.c_str());
    if (error != 0 || number < 0) return;
    error = ::seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(EPERM), number, only == nullptr ? 0 : 1,
                                     only == nullptr ? nullptr : only->data());
  };
  const auto deny_only = [&](std::string_view name, unsigned argument, std::uint64_t value) {
    const std::array<scmp_arg_cmp, 1> only{is(argument, value)};
    deny(name, &only);
  };
  for (const char* name : kDenied) deny(name);
  // LeakSanitizer stops the process that it is in.
  if (!kLooksForLeaks) deny("ptrace");
  if (duty == Duty::Read) {
    for (const char* name : kDeniedToReaders) deny(name);
  } else {
    // Packets with their payload, what would outlive the process, what a tool could type into the user's terminal.
    deny_only("socket", 0, AF_PACKET);
    deny_only("bpf", 0, BPF_OBJ_PIN);
    deny_only("ioctl", 1, TIOCSTI);
    deny_only("ioctl", 1, TIOCLINUX);
  }
  if (error == 0) error = ::seccomp_load(filter.get());
  if (error != 0) return failed(-error);
  return Ok{};
}

}  // namespace

std::uint64_t capabilities_for(Duty duty) {
  switch (duty) {
    case Duty::Watch: return kWatch;
    case Duty::WatchCommand: return kWatch | bit(CAP_KILL);
    case Duty::Read: return bit(CAP_DAC_READ_SEARCH);  // a recording is its maker's alone to read
  }
  return 0;
}

Status confine(Duty duty) {
  const std::uint64_t kept = capabilities_for(duty);
  drop_from_bounding_set(kept);
  const Status dropped = drop_capabilities(kept);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_error(errno, kWhat);
  // A dump of this process would hold addresses of the kernel, and names from other users' pods.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const Status filtered = filter_system_calls(duty);
  return dropped ? filtered : dropped;
}

}  // namespace synfate::machine
