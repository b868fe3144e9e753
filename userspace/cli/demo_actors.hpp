// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The processes in the lab of `demo`: servers that accept and greet, and the client that connects when it is told. They die with synfate.
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/result.hpp"
#include "base/time.hpp"
#include "base/unique_fd.hpp"
#include "machine/machine.hpp"
#include "model/address.hpp"

namespace synfate::cli {

class DemoActor {
 public:
  /// Listens when this returns.
  static Result<DemoActor> server(machine::Machine& machine, const machine::NetnsHandle& netns, const model::Endpoint& endpoint);
  static Result<DemoActor> client(const machine::NetnsHandle& netns);

  DemoActor(DemoActor&& other) noexcept;
  DemoActor& operator=(DemoActor&&) = delete;
  /// Ends it, and waits for its end.
  ~DemoActor();

  /// To the client: forget the attempt before, begin this one, and keep at it until told otherwise.
  void connect(const model::Endpoint& to) const;

 private:
  DemoActor(pid_t process, UniqueFd orders) : process_(process), orders_(std::move(orders)) {}

  pid_t process_;
  UniqueFd orders_;
};

/// One connection there and back; tries until `patience` is over, since bridges and ARP take their time.
Status demo_reaches(machine::Machine& machine, const machine::NetnsHandle& netns, const model::Endpoint& to, DurationNs patience);

}  // namespace synfate::cli
