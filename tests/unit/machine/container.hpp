// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A process like a container's first: process 1 of a pid namespace, in a mount namespace of its own; it ends with the test.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace synfate::test {

class Container {
 public:
  /// Runs setup with a shell inside of the mount namespace first. netns: a path, or nothing for the test's own.
  explicit Container(const std::string& setup, const std::string& netns = "") {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    const int netns_fd = netns.empty() ? -1 : ::open(netns.c_str(), O_RDONLY | O_CLOEXEC);
    outer_ = ::fork();
    if (outer_ == 0) become(setup, netns_fd, ends[1]);
    if (netns_fd >= 0) ::close(netns_fd);
    ::close(ends[1]);
    std::uint32_t tgid = 0;
    if (::read(ends[0], &tgid, sizeof tgid) == sizeof tgid) tgid_ = tgid;
    ::close(ends[0]);
  }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  ~Container() {
    if (outer_ <= 0) return;
    // What it forked dies with it.
    ::kill(outer_, SIGKILL);
    ::waitpid(outer_, nullptr, 0);
  }

  /// 0: it could not be made.
  std::uint32_t tgid() const { return tgid_; }

 private:
  [[noreturn]] static void become(const std::string& setup, int netns_fd, int report) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (netns_fd >= 0 && ::setns(netns_fd, CLONE_NEWNET) != 0) ::_exit(1);
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(1);
    if (!setup.empty() && std::system(setup.c_str()) != 0) ::_exit(1);
    // Nobody hears of the child before it is sure to go with this process.
    std::array<int, 2> bound{};
    if (::unshare(CLONE_NEWPID) != 0 || ::pipe2(bound.data(), O_CLOEXEC) != 0) ::_exit(1);
    const pid_t first = ::fork();
    if (first == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::write(bound[1], "", 1) != 1) ::_exit(1);
      while (true) ::pause();
    }
    ::close(bound[1]);
    char word = 0;
    const auto tgid = static_cast<std::uint32_t>(first);
    if (first < 0 || ::read(bound[0], &word, 1) != 1 || ::write(report, &tgid, sizeof tgid) != sizeof tgid) ::_exit(1);
    while (true) ::pause();
  }

  pid_t outer_ = -1;
  std::uint32_t tgid_ = 0;
};

}  // namespace synfate::test
