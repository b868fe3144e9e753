// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Standard output that nobody reads: pipes, sockets, the kernel's own full device, a file. Nothing here waits for a time.
#include "cli/output_queue.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

using namespace synfate;
using namespace synfate::cli;

namespace {

constexpr std::size_t kLimit = 1U << 20;

struct Ends {
  UniqueFd reader;
  UniqueFd writer;
};

Ends ends_of(bool as_socket) {
  ::signal(SIGPIPE, SIG_IGN);
  int fds[2];
  REQUIRE((as_socket ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) : ::pipe2(fds, O_CLOEXEC)) == 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

/// As much as is there.
std::size_t read_from(const UniqueFd& reader, std::size_t most = SIZE_MAX) {
  std::size_t total = 0;
  char buffer[65536];
  pollfd readable{reader.get(), POLLIN, 0};
  while (total<most&& ::poll(&readable, 1, 0)> 0 && (readable.revents & POLLIN) != 0) {
    const ssize_t count = ::read(reader.get(), buffer, sizeof buffer);
    if (count <= 0) break;
    total += static_cast<std::size_t>(count);
  }
  return total;
}

void proceed(OutputQueue& queue) {
  pollfd writable{queue.fd(), queue.events(), 0};
  if (::poll(&writable, 1, 0) > 0) queue.proceed(writable.revents);
}

const std::string kLine = std::string(999, 'x') + "\n";

}  // namespace

TEST_CASE("what nobody reads waits, up to a limit; who reads half of it makes room") {
  for (const bool as_socket : {false, true}) {
    CAPTURE(as_socket);
    const Ends ends = ends_of(as_socket);
    OutputQueue queue(ends.writer.get(), kLimit);
    std::size_t put = 0;
    for (; queue.has_room() && put < 4 * kLimit; put += kLine.size()) REQUIRE(queue.put(kLine));
    CHECK_FALSE(queue.has_room());
    CHECK(queue.waiting() >= kLimit);
    CHECK(queue.events() == POLLOUT);
    // The descriptor is others' as well.
    CHECK((::fcntl(ends.writer.get(), F_GETFL) & O_NONBLOCK) == 0);
    std::size_t read = read_from(ends.reader);
    proceed(queue);
    CHECK_FALSE(queue.has_room());
    while (queue.waiting() > kLimit / 2) {
      read += read_from(ends.reader);
      proceed(queue);
    }
    CHECK(queue.has_room());
    while (queue.waiting() != 0) {
      read += read_from(ends.reader);
      proceed(queue);
    }
    read += read_from(ends.reader);
    CHECK(read == put);
    CHECK(queue.events() == 0);
    CHECK(queue.finish());
  }
}

TEST_CASE("notices have room where rows have none, but not for ever; the end always has") {
  const Ends ends = ends_of(false);
  OutputQueue queue(ends.writer.get(), kLimit);
  while (queue.has_room()) REQUIRE(queue.put(kLine));
  const std::size_t full = queue.waiting();
  REQUIRE(queue.put(kLine));
  CHECK(queue.waiting() == full + kLine.size());
  for (int i = 0; i < 4000; ++i) REQUIRE(queue.put(kLine));
  const std::size_t most = queue.waiting();
  CHECK(most < 3 * kLimit);
  queue.begin_end();
  REQUIRE(queue.put("the end\n"));
  CHECK(queue.waiting() == most + 8);
}

TEST_CASE("a reader that went is no failure, and is known without anything to write") {
  for (const bool as_socket : {false, true}) {
    CAPTURE(as_socket);
    Ends ends = ends_of(as_socket);
    OutputQueue queue(ends.writer.get(), kLimit);
    SUBCASE("nothing to write") {
      CHECK(queue.events() == 0);
      ends.reader.reset();
      proceed(queue);
    }
    SUBCASE("found out by writing") {
      ends.reader.reset();
      CHECK_FALSE(queue.put(kLine));
      CHECK_FALSE(queue.put(kLine));
    }
    CHECK(queue.is_broken());
    CHECK_FALSE(queue.failure());
    CHECK(queue.fd() == -1);
    CHECK(queue.finish());
  }
}

TEST_CASE("a full disk and a closed descriptor are failures") {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full);
  OutputQueue queue(full.get(), kLimit);
  CHECK_FALSE(queue.put(kLine));
  REQUIRE(queue.failure());
  CHECK(queue.failure()->why.find("No space") != std::string::npos);
  const UniqueFd unwritable(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  OutputQueue closed(unwritable.get(), kLimit);
  CHECK_FALSE(closed.put(kLine));
  CHECK(closed.failure());
}

TEST_CASE("what was not printed is said, and nothing where all was") {
  CHECK(unprinted_text(0).empty());
  CHECK(unprinted_text(1).starts_with("1 attempt has no row here"));
  CHECK(unprinted_text(2000).starts_with("2000 attempts have no row here"));
}
