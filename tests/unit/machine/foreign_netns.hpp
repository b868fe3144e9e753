// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A network namespace of the test's own, empty, that ends with it.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <string>
#include <thread>

namespace synfate::test {

/// A namespace that exists while a thread stands in it.
class ForeignNetns {
 public:
  ForeignNetns() {
    std::promise<void> ready;
    auto moved = ready.get_future();
    holder_ = std::thread{[this, &ready, release = release_.get_future()] {
      error_ = ::unshare(CLONE_NEWNET) == 0 ? 0 : errno;
      path_ = "/proc/self/task/" + std::to_string(::gettid()) + "/ns/net";
      ready.set_value();
      release.wait();
    }};
    moved.wait();
  }
  ForeignNetns(const ForeignNetns&) = delete;
  ForeignNetns& operator=(const ForeignNetns&) = delete;
  ~ForeignNetns() { end(); }

  void end() {
    if (!holder_.joinable()) return;
    release_.set_value();
    holder_.join();
  }
  int error() const { return error_; }
  const std::string& path() const { return path_; }

 private:
  std::promise<void> release_;
  std::thread holder_;
  int error_ = 0;
  std::string path_;
};

}  // namespace synfate::test
