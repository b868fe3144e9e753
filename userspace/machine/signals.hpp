// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Keeps signals away from the threads that this room starts; handles none.
#pragma once

#include <pthread.h>

#include <csignal>

namespace synfate::machine {

/// New threads inherit the mask: a signal meant to end the session must reach the session's thread, not a visitor.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace synfate::machine
