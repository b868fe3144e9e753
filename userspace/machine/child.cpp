// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/child.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "machine/errors.hpp"

namespace synfate::machine {
namespace {

constexpr std::size_t kMaxErrBytes = 64U * 1024U;

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "cannot make a pipe");
  return Pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

/// The child and whatever it started; killed and reaped at the end of the scope, whichever way that is left.
class Child {
 public:
  explicit Child(pid_t tgid) : tgid_(tgid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { end(); }

  /// Its wait status.
  int end() {
    if (tgid_ < 0) return status_;
    // The group first, while the unreaped child still keeps its number from being reused.
    siginfo_t state{};
    ::waitid(P_PID, static_cast<id_t>(tgid_), &state, WEXITED | WNOHANG | WNOWAIT);
    if (state.si_pid == 0) ::kill(tgid_, SIGKILL);
    ::kill(-tgid_, SIGKILL);
    while (::waitpid(tgid_, &status_, 0) < 0 && errno == EINTR) {
    }
    tgid_ = -1;
    return status_;
  }

 private:
  pid_t tgid_;
  int status_ = 0;
};

enum class Drained { MoreLater, End, TooMuch };

Drained drain(int fd, std::string& text, std::size_t max_bytes) {
  std::array<char, 16384> chunk{};
  while (true) {
    const ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return Drained::MoreLater;
    if (count <= 0) return Drained::End;
    const std::size_t room = max_bytes - text.size();
    text.append(chunk.data(), std::min(room, static_cast<std::size_t>(count)));
    if (static_cast<std::size_t>(count) > room) return Drained::TooMuch;
  }
}

/// Of a forked child, before its own work.
void begin_child(pid_t parent) {
  // A synfate that is killed must leave nothing running.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  // Also from the user's terminal, which a container's tool could type into.
  ::setsid();
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

void give_up(const ChildEnds& ends, int step) {
  const ChildFailure failure{step, errno};
  // Nobody is left to tell if even this fails; the exit status stays.
  [[maybe_unused]] const ssize_t written = ::write(ends.report, &failure, sizeof failure);
  ::_exit(127);
}

bool keep_network_capabilities_only() {
  constexpr std::uint32_t kKept = (1U << CAP_NET_ADMIN) | (1U << CAP_NET_RAW);
  // Without CAP_SETPCAP this fails, and no_new_privs alone has to do: under it an exec gains nothing over what is kept below.
  for (int capability = 0; capability <= 63; ++capability) {
    if (capability != CAP_NET_ADMIN && capability != CAP_NET_RAW) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> kept{};
  kept[0] = {kKept, kKept, 0};
  return ::syscall(SYS_capset, &header, kept.data()) == 0;
}

Result<CommandOutput> run_child(const std::string& what, const RunOptions& options, const std::function<void(const ChildEnds&)>& body,
                                const std::function<Error(const ChildFailure&)>& explain) {
  auto out = make_pipe();
  auto err = make_pipe();
  auto report = make_pipe();
  if (!out || !err || !report) return Error{ErrorKind::Io, what, "too many open files", ""};

  const pid_t parent = ::getpid();
  const pid_t forked = ::fork();
  if (forked < 0) return errno_error(errno, what);
  if (forked == 0) {
    begin_child(parent);
    body({out->writer.get(), err->writer.get(), report->writer.get()});
    ::_exit(127);
  }
  Child child{forked};
  out->writer.reset();
  err->writer.reset();
  report->writer.reset();

  ChildFailure failure{};
  ssize_t reported = 0;
  do {
    reported = ::read(report->reader.get(), &failure, sizeof failure);
  } while (reported < 0 && errno == EINTR);
  if (reported == static_cast<ssize_t>(sizeof failure)) return explain(failure);
  const UniqueFd exited{static_cast<int>(::syscall(SYS_pidfd_open, forked, 0U))};
  if (!exited) return errno_error(errno, what);
  for (const int fd : {out->reader.get(), err->reader.get()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);

  const MonotonicNs deadline = monotonic_now() + options.timeout;
  CommandOutput output;
  std::array<pollfd, 3> waits{pollfd{out->reader.get(), POLLIN, 0}, pollfd{err->reader.get(), POLLIN, 0}, pollfd{exited.get(), POLLIN, 0}};
  while (true) {
    const MonotonicNs now = monotonic_now();
    const int wait_ms = now >= deadline ? 0 : static_cast<int>(std::min<DurationNs>((deadline - now) / kMillisecond + 1, 3'600'000));
    const int ready = ::poll(waits.data(), waits.size(), wait_ms);
    if (ready < 0 && errno != EINTR) return errno_error(errno, what);
    if (now >= deadline) {
      return Error{ErrorKind::Io, what, "it did not end within " + std::to_string(options.timeout / kMillisecond) + " ms and was stopped",
                   ""};
    }
    const Drained printed = drain(out->reader.get(), output.out, options.max_output_bytes);
    if (printed == Drained::TooMuch) {
      return Error{ErrorKind::BadData, what, "it printed more than " + std::to_string(options.max_output_bytes) + " bytes", ""};
    }
    if (printed == Drained::End) waits[0].fd = -1;
    if (drain(err->reader.get(), output.err, kMaxErrBytes) == Drained::End) waits[1].fd = -1;
    // A child of the command may hold the pipes open for ever: the command's own end is what counts, and all that it wrote is in them by
    // then.
    if ((waits[2].revents & POLLIN) != 0) break;
  }
  const int status = child.end();
  output.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return output;
}

}  // namespace synfate::machine
