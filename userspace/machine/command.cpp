// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "machine/errors.hpp"

namespace synfate::machine {
namespace {

/// Never PATH from the environment: synfate runs as root and its caller may not be.
constexpr std::array<std::string_view, 6> kProgramDirectories{"/usr/sbin/", "/usr/bin/",        "/sbin/",
                                                              "/bin/",      "/usr/local/sbin/", "/usr/local/bin/"};
constexpr std::size_t kMaxErrBytes = 64U * 1024U;

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

/// In the order in which the child goes through them; sent up when one fails.
enum class Step : int { Netns, Input, Exec };

struct ChildFailure {
  Step step;
  int error_number;
};

std::optional<std::string> find_program(const std::string& name) {
  if (name.empty()) return std::nullopt;
  if (name.front() == '/') return ::access(name.c_str(), X_OK) == 0 ? std::optional{name} : std::nullopt;
  if (name.find('/') != std::string::npos) return std::nullopt;
  for (const std::string_view directory : kProgramDirectories) {
    std::string path{directory};
    path += name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "cannot make a pipe");
  return Pipe{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

/// Between fork and exec: only what is safe after fork in a program with threads.
[[noreturn]] void become(const char* program, char* const* argv, char* const* environment, int netns_fd, int out, int err, int report,
                         pid_t parent) {
  const auto give_up = [&](Step step) {
    const ChildFailure failure{step, errno};
    // Nobody is left to tell if even this fails; the exit status stays.
    [[maybe_unused]] const ssize_t written = ::write(report, &failure, sizeof failure);
    ::_exit(127);
  };
  // A synfate that is killed must leave nothing running.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  ::setpgid(0, 0);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (netns_fd >= 0 && ::setns(netns_fd, CLONE_NEWNET) != 0) give_up(Step::Netns);
  const int input = ::open("/dev/null", O_RDONLY);
  if (input < 0 || ::dup2(input, STDIN_FILENO) < 0 || ::dup2(out, STDOUT_FILENO) < 0 || ::dup2(err, STDERR_FILENO) < 0) {
    give_up(Step::Input);
  }
  // Descriptors that a library opened without O_CLOEXEC must not leak into the child; report is closed by a successful exec.
  ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
  ::execve(program, argv, environment);
  give_up(Step::Exec);
  ::_exit(127);
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

}  // namespace

Result<CommandOutput> run_command(const std::vector<std::string>& argv, const RunOptions& options) {
  if (argv.empty()) return Error{ErrorKind::Usage, "cannot run a command", "it is empty", ""};
  const std::string what = "cannot run " + argv.front();
  const std::optional<std::string> program = find_program(argv.front());
  if (!program) return Error{ErrorKind::Gone, what, "there is no such program on this machine", ""};

  auto out = make_pipe();
  auto err = make_pipe();
  auto report = make_pipe();
  if (!out || !err || !report) return Error{ErrorKind::Io, what, "too many open files", ""};

  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::array<std::string, 2> variables{"PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin", "LC_ALL=C"};
  std::array<char*, 3> environment{variables[0].data(), variables[1].data(), nullptr};

  const pid_t parent = ::getpid();
  const pid_t forked = ::fork();
  if (forked < 0) return errno_error(errno, what);
  if (forked == 0) {
    become(program->c_str(), arguments.data(), environment.data(), options.netns == nullptr ? -1 : options.netns->fd(), out->writer.get(),
           err->writer.get(), report->writer.get(), parent);
  }
  // Both sides set the group, so that it exists for whichever needs it first.
  ::setpgid(forked, forked);
  Child child{forked};
  out->writer.reset();
  err->writer.reset();
  report->writer.reset();

  ChildFailure failure{};
  ssize_t reported = 0;
  do {
    reported = ::read(report->reader.get(), &failure, sizeof failure);
  } while (reported < 0 && errno == EINTR);
  if (reported == static_cast<ssize_t>(sizeof failure)) {
    return errno_error(failure.error_number, failure.step == Step::Netns ? what + " in another network namespace" : what);
  }
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
