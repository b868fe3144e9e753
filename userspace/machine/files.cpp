// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>

#include "machine/errors.hpp"

namespace synfate::machine {
namespace {

constexpr std::size_t kFirstReadBytes = 4096;

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

}  // namespace

Error not_a_regular_file(const std::string& path) { return {ErrorKind::BadData, "cannot read " + path, "it is not a regular file", ""}; }

Error not_a_link(const std::string& path) { return {ErrorKind::BadData, "cannot read link " + path, "it is not a symbolic link", ""}; }

Result<std::string> read_regular_file(const std::string& path, const ReadOptions& options) {
  // Looking before opening: merely opening a device or the reading end of a FIFO has effects of its own.
  struct stat found {};
  if (::fstatat(AT_FDCWD, path.c_str(), &found, options.follow_symlink ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
    return errno_error(errno, "cannot read " + path);
  }
  if (!S_ISREG(found.st_mode)) return not_a_regular_file(path);
  const int no_follow = options.follow_symlink ? 0 : O_NOFOLLOW;
  const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | no_follow)};
  if (!fd) return errno_error(errno, "cannot read " + path);
  return read_open_file(fd, path, options);
}

Result<std::string> read_open_file(const UniqueFd& fd, const std::string& path, const ReadOptions& options) {
  struct stat opened {};
  if (::fstat(fd.get(), &opened) != 0) return errno_error(errno, "cannot read " + path);
  if (!S_ISREG(opened.st_mode)) return not_a_regular_file(path);

  // One byte beyond the bound tells "exactly that long" from "longer".
  const std::size_t limit = options.max_bytes + 1;
  std::string text;
  std::size_t used = 0;
  // Files below /proc and /sys say that they are empty, and a file may grow.
  const std::size_t announced = opened.st_size > 0 ? static_cast<std::size_t>(opened.st_size) + 1 : 0;
  while (used < limit) {
    if (used == text.size()) text.resize(std::min(limit, std::max({kFirstReadBytes, announced, text.size() * 2})));
    const ssize_t count = ::read(fd.get(), text.data() + used, text.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error(errno, "cannot read " + path);
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
  }
  if (used > options.max_bytes) {
    if (options.excess == Excess::Refuse) {
      return Error{ErrorKind::BadData, "cannot read " + path, "it is longer than " + std::to_string(options.max_bytes) + " bytes", ""};
    }
    used = options.max_bytes;
  }
  text.resize(used);
  return text;
}

Result<std::vector<std::string>> list_directory_names(const std::string& path, std::size_t max_entries) {
  UniqueFd fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK)};
  if (!fd) return errno_error(errno, "cannot list " + path);
  return list_open_directory(std::move(fd), path, max_entries);
}

Result<std::vector<std::string>> list_open_directory(UniqueFd fd, const std::string& path, std::size_t max_entries) {
  const std::unique_ptr<DIR, CloseDirectory> directory{::fdopendir(fd.get())};
  if (directory == nullptr) return errno_error(errno, "cannot list " + path);
  fd.release();
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name{&entry->d_name[0]};
    if (name == "." || name == "..") continue;
    if (names.size() == max_entries) {
      return Error{ErrorKind::BadData, "cannot list " + path, "it has more than " + std::to_string(max_entries) + " entries", ""};
    }
    names.emplace_back(name);
  }
  if (errno != 0) return errno_error(errno, "cannot list " + path);
  return names;
}

Result<std::string> read_symlink(const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  // EINVAL is the kernel's word for "not a symbolic link".
  if (length < 0 && errno == EINVAL) return not_a_link(path);
  if (length < 0) return errno_error(errno, "cannot read link " + path);
  return std::string(target.data(), static_cast<std::size_t>(length));
}

Result<FileIdentity> identify_file(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return errno_error(errno, "cannot look at " + path);
  return FileIdentity{found.st_dev, found.st_ino};
}

}  // namespace synfate::machine
