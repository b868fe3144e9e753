// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "base/text.hpp"
#include "machine/real.hpp"
#include "temporary.hpp"

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

TEST_CASE("a program has neither synfate's directory nor its terminal, and few of its capabilities") {
  RealMachine machine;
  const auto directory = machine.run({"pwd"});
  REQUIRE(directory);
  CHECK(directory->out == "/\n");
  const auto session = machine.run({"cut", "-d", " ", "-f", "1,6", "/proc/self/stat"});
  REQUIRE(session);
  const auto numbers = split(trim(session->out), ' ');
  REQUIRE(numbers.size() == 2);
  CHECK(numbers[0] == numbers[1]);
  if (::geteuid() != 0) return;
  const auto capabilities = machine.run({"grep", "-E", "CapPrm|CapEff|NoNewPrivs", "/proc/self/status"});
  REQUIRE(capabilities);
  CHECK(capabilities->out == "CapPrm:\t0000000000003000\nCapEff:\t0000000000003000\nNoNewPrivs:\t1\n");
}

TEST_CASE("what others may have written is not run") {
  RealMachine machine;
  const test::TemporaryDirectory directory;
  const std::string program = directory / "tool";
  std::ofstream(program) << "#!/bin/sh\necho ran\n";
  ::chmod(program.c_str(), 0755);
  const auto runs = [&] {
    const auto done = machine.run({program});
    return done && done->out == "ran\n";
  };
  CHECK(runs());
  ::chmod(program.c_str(), 0775);
  CHECK_FALSE(runs());
  ::chmod(program.c_str(), 0755);
  ::chmod((directory / "").c_str(), 01777);
  CHECK_FALSE(runs());
}
