// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/text.hpp"
#include "machine/real.hpp"

using namespace synfate;
using namespace synfate::machine;

TEST_CASE("a command's status, output and complaints come back") {
  RealMachine machine;
  const auto done = machine.run({"sh", "-c", "printf out; printf err >&2; exit 7"});
  REQUIRE(done);
  CHECK(done->exit_status == 7);
  CHECK(done->out == "out");
  CHECK(done->err == "err");
  const auto killed = machine.run({"sh", "-c", "kill -TERM $$"});
  REQUIRE(killed);
  CHECK(killed->exit_status == 128 + SIGTERM);
}

TEST_CASE("arguments reach the program as they are, without a shell") {
  RealMachine machine;
  const auto done = machine.run({"printf", "%s", "$(id); 'x' \"y\" *"});
  REQUIRE(done);
  CHECK(done->out == "$(id); 'x' \"y\" *");
}

TEST_CASE("nothing of synfate's own environment and signals is passed on") {
  RealMachine machine;
  ::setenv("SYNFATE_SECRET", "leak", 1);
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const auto environment = machine.run({"env"});
  const auto ignored = machine.run({"grep", "SigIgn", "/proc/self/status"});
  std::signal(SIGPIPE, before);
  REQUIRE(environment);
  CHECK(environment->out.find("SYNFATE_SECRET") == std::string::npos);
  CHECK(environment->out.find("LC_ALL=C\n") != std::string::npos);
  REQUIRE(ignored);
  CHECK(ignored->out == "SigIgn:\t0000000000000000\n");
}

TEST_CASE("programs are found in the system's directories only") {
  RealMachine machine;
  for (const char* name : {"no-such-program-anywhere", "./sh", "bin/sh", ""}) {
    const auto missing = machine.run({name});
    REQUIRE_FALSE(missing);
    CHECK(missing.error().kind == ErrorKind::Gone);
  }
  const auto empty = machine.run({});
  REQUIRE_FALSE(empty);
  CHECK(empty.error().kind == ErrorKind::Usage);
}

TEST_CASE("a program that cannot be executed is an error, not an exit status") {
  RealMachine machine;
  const auto directory = machine.run({"/proc"});
  REQUIRE_FALSE(directory);
  CHECK(directory.error().kind == ErrorKind::Permission);
}

TEST_CASE("a command that does not end is stopped with its children") {
  RealMachine machine;
  RunOptions options;
  options.timeout = 100 * kMillisecond;
  const MonotonicNs start = monotonic_now();
  const auto stuck = machine.run({"sh", "-c", "sleep 600 & sleep 600"}, options);
  REQUIRE_FALSE(stuck);
  CHECK(stuck.error().kind == ErrorKind::Io);
  CHECK(monotonic_now() - start < 60 * kSecond);
}

TEST_CASE("a command that talks for ever on either stream is stopped") {
  RealMachine machine;
  RunOptions options;
  options.max_output_bytes = 1000;
  const auto loud = machine.run({"yes"}, options);
  REQUIRE_FALSE(loud);
  CHECK(loud.error().kind == ErrorKind::BadData);
  options.timeout = 100 * kMillisecond;
  const auto complaining = machine.run({"sh", "-c", "yes >&2"}, options);
  REQUIRE_FALSE(complaining);
  CHECK(complaining.error().kind == ErrorKind::Io);
}

TEST_CASE("a child that keeps the pipes open does not keep the command from ending, and ends with it") {
  RealMachine machine;
  const auto done = machine.run({"sh", "-c", "sleep 600 & echo $!"});
  REQUIRE(done);
  CHECK(done->exit_status == 0);
  const auto tgid = parse_number(trim(done->out));
  REQUIRE(tgid);
  const UniqueFd child{static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(*tgid), 0U))};
  if (!child) {
    CHECK(errno == ESRCH);
    return;
  }
  pollfd ended{child.get(), POLLIN, 0};
  CHECK(::poll(&ended, 1, 60'000) == 1);
}
