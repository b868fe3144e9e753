// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "wire/recording_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "base/text.hpp"

namespace synfate::wire {
namespace {

std::string shown(const std::string& path) { return printable(path, 256); }

/// std::function wants what it holds to be copyable; the descriptor has still one owner.
std::shared_ptr<const UniqueFd> shared(UniqueFd fd) { return std::make_shared<const UniqueFd>(std::move(fd)); }

}  // namespace

ByteSink file_sink(UniqueFd fd, std::string path) {
  return [fd = shared(std::move(fd)), path = std::move(path)](std::span<const std::byte> bytes) -> Status {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd->get(), bytes.data(), bytes.size());
      if (written < 0) {
        const int error = errno;
        if (error == EINTR) continue;
        return Error{ErrorKind::Io, "cannot write the recording " + shown(path), errno_text(error),
                     error == ENOSPC ? "free some space, or record to another file system" : ""};
      }
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return Ok{};
  };
}

ByteSource file_source(UniqueFd fd, std::string path) {
  return [fd = shared(std::move(fd)), path = std::move(path)](std::span<std::byte> space) -> Result<std::size_t> {
    while (true) {
      const ssize_t count = ::read(fd->get(), space.data(), space.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      const int error = errno;
      if (error != EINTR) return Error{ErrorKind::Io, "cannot read the recording " + shown(path), errno_text(error), ""};
    }
  };
}

Result<RecordingWriter> create_recording(const std::string& path, const RecordingHeader& header) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) {
    const int error = errno;
    const std::string what = "cannot create the recording " + shown(path);
    if (error == EEXIST) return Error{ErrorKind::Usage, what, "it exists already", "name a new file: a recording is never overwritten"};
    return Error{error == EACCES || error == EPERM ? ErrorKind::Permission : ErrorKind::Io, what, errno_text(error),
                 "--record wants a directory that exists and can be written"};
  }
  return RecordingWriter::start(file_sink(std::move(fd), path), header);
}

Result<RecordingReader> open_recording(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    const int error = errno;
    return Error{error == EACCES || error == EPERM ? ErrorKind::Permission : ErrorKind::Io, "cannot open the recording " + shown(path),
                 errno_text(error), error == ENOENT ? "record one with: synfate trace --record FILE" : ""};
  }
  auto reader = RecordingReader::open(file_source(std::move(fd), path));
  if (!reader && reader.error().kind == ErrorKind::BadData) {
    Error error = reader.error();
    error.what = "cannot replay " + shown(path);
    return error;
  }
  return reader;
}

}  // namespace synfate::wire
