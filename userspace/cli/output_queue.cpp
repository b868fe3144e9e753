// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/output_queue.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "render/words.hpp"

namespace synfate::cli {
namespace {

/// For what is no row: notices. They are few, but a reader may stay away for days.
constexpr std::size_t kForNotices = 1U << 20;
/// A reader that reads at all reads within this time.
constexpr int kPatienceMs = 250;

/// SIGINT or SIGTERM, which a session blocks, has come again.
bool is_told_to_end() {
  sigset_t waiting;
  return ::sigpending(&waiting) == 0 && (::sigismember(&waiting, SIGINT) == 1 || ::sigismember(&waiting, SIGTERM) == 1);
}

}  // namespace

OutputQueue::OutputQueue(int fd, std::size_t limit) : fd_(fd), limit_(limit) {
  struct stat file {};
  if (::fstat(fd, &file) != 0) return;
  if (S_ISSOCK(file.st_mode)) kind_ = Kind::Socket;
  if (!S_ISFIFO(file.st_mode) && ::isatty(fd) != 1) return;
  // O_NONBLOCK on the descriptor itself would be everybody's who has it, the shell's too.
  own_.reset(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  kind_ = own_ ? Kind::Own : Kind::Shared;
}

bool OutputQueue::put(std::string_view lines) {
  if (broken_) return false;
  if (ending_ || waiting() < limit_ + kForNotices) queue_.append(lines);
  write_some();
  if (waiting() >= limit_) full_ = true;
  return !broken_;
}

short OutputQueue::events() const { return waiting() != 0 ? POLLOUT : 0; }

void OutputQueue::proceed(short found) {
  if ((found & (POLLERR | POLLHUP | POLLNVAL)) != 0) broken_ = true;
  if (!broken_ && (found & POLLOUT) != 0) write_some();
}

void OutputQueue::write_some() {
  while (waiting() != 0 && !broken_) {
    std::size_t size = waiting();
    if (kind_ == Kind::Shared) {
      pollfd writable{fd_, POLLOUT, 0};
      if (::poll(&writable, 1, 0) <= 0 || (writable.revents & POLLOUT) == 0) break;
      size = std::min<std::size_t>(size, PIPE_BUF);
    }
    const char* const data = queue_.data() + begin_;
    const ssize_t written =
        kind_ == Kind::Socket ? ::send(fd_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) : ::write(writing_fd(), data, size);
    if (written > 0) {
      begin_ += static_cast<std::size_t>(written);
    } else if (written < 0 && errno != EINTR) {
      const int error = errno;
      if (error == EAGAIN) break;
      fail(error);
    }
  }
  if (waiting() <= limit_ / 2) full_ = false;
  // Moved seldom, so that a long queue does not cost its length with each write.
  if (begin_ == queue_.size() || begin_ > limit_ / 2) {
    queue_.erase(0, begin_);
    begin_ = 0;
  }
}

void OutputQueue::fail(int error) {
  broken_ = true;
  const bool hung_up = kind_ != Kind::Waits && (error == EIO || error == ENXIO);
  if (error == EPIPE || error == ECONNRESET || hung_up) return;
  failure_ = Error{ErrorKind::Io, "cannot write to standard output", errno_text(error),
                   error == ENOSPC ? "free some space; what it had not written yet is gone" : ""};
}

bool OutputQueue::finish() {
  write_some();
  while (waiting() != 0 && !broken_) {
    pollfd writable{writing_fd(), POLLOUT, 0};
    const int ready = ::poll(&writable, 1, kPatienceMs);
    if (ready > 0) {
      proceed(writable.revents);
    } else if (is_told_to_end()) {
      return false;
    }
    // A descriptor that could be written to when asked, and then was not: another writer was faster.
    if (ready < 0 && errno != EINTR) return false;
  }
  return true;
}

std::string unprinted_text(std::uint64_t attempts) {
  if (attempts == 0) return "";
  return render::count_text(attempts, "attempt") + (attempts == 1 ? " has" : " have") +
         " no row here, or not the last one: standard output was not read as fast as they failed; the summary counts them, and a recording "
         "(--record) has them";
}

}  // namespace synfate::cli
