// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/child.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.hpp"

namespace synfate::cli {
namespace {

void wait_at(int gate_fd) {
  char go = 0;
  if (::read(gate_fd, &go, 1) != 1) ::_exit(0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  // The session's own; ignored signals stay so through exec.
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGXFSZ, SIG_DFL);
}

[[noreturn]] void execute(const std::vector<std::string>& argv, int failure_fd) {
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  // The user's own command, found as the user's shell would find it.
  ::execvp(arguments[0], arguments.data());
  const int error = errno;
  (void)!::write(failure_fd, &error, sizeof error);
  ::_exit(error == ENOENT ? 127 : 126);
}

}  // namespace

Child::Child(Child&& other) noexcept
    : process_(std::exchange(other.process_, -1)),
      pidfd_(std::move(other.pidfd_)),
      gate_(std::move(other.gate_)),
      failure_(std::move(other.failure_)),
      cannot_(std::move(other.cannot_)),
      status_(other.status_) {}

Child::~Child() {
  gate_.reset();
  if (process_ > 0 && !status_) wait();
}

Result<Child> Child::fork_behind_gate(const std::vector<std::string>& argv) {
  return fork_behind_gate({ErrorKind::Usage, "cannot run " + printable(argv.front(), 200), "", "is it spelled right, and on PATH?"},
                          [&](int failure_fd) { execute(argv, failure_fd); });
}

Result<Child> Child::fork_behind_gate(Error cannot, const Work& work) {
  int gate[2];
  int failure[2];
  if (::pipe2(gate, O_CLOEXEC) != 0) return Error{ErrorKind::Io, "cannot start a process", errno_text(errno), ""};
  Child child;
  child.gate_.reset(gate[1]);
  const UniqueFd gate_end(gate[0]);
  if (::pipe2(failure, O_CLOEXEC) != 0) return Error{ErrorKind::Io, "cannot start a process", errno_text(errno), ""};
  child.failure_.reset(failure[0]);
  const UniqueFd failure_end(failure[1]);
  child.cannot_ = std::move(cannot);
  child.process_ = ::fork();
  if (child.process_ < 0) return Error{ErrorKind::Io, "cannot start a process", errno_text(errno), ""};
  if (child.process_ == 0) {
    child.gate_.reset();
    wait_at(gate_end.get());
    work(failure_end.get());
    ::_exit(0);
  }
  child.pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, child.process_, 0)));
  if (!child.pidfd_) return Error{ErrorKind::Io, "cannot watch the process that was started", errno_text(errno), ""};
  return child;
}

Status Child::release() {
  const char go = 1;
  (void)!::write(gate_.get(), &go, 1);
  gate_.reset();
  int error = 0;
  // Closed by a successful exec: then there is nothing to read.
  if (::read(failure_.get(), &error, sizeof error) != sizeof error) return Ok{};
  wait();
  Error cannot = cannot_;
  cannot.why = errno_text(error);
  if (error != ENOENT && cannot.kind == ErrorKind::Usage) cannot.hint.clear();
  return cannot;
}

void Child::forward(int signal_number) const {
  if (process_ > 0 && !status_) ::kill(process_, signal_number);
}

int Child::wait() {
  if (status_) return *status_;
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return *status_;
}

}  // namespace synfate::cli
