// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/file_tree.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "machine/errors.hpp"
#include "machine/files.hpp"

namespace synfate::machine {
namespace {

/// The kernel gives up on ".." while anything on the machine is being renamed or mounted.
constexpr int kMaxTries = 64;

bool is_below(const std::string& path, std::string_view directory) { return path.compare(0, directory.size(), directory) == 0; }

class RealTree final : public FileTree {
 public:
  explicit RealTree(UniqueFd root) : root_(std::move(root)) {}

  Result<std::string> read_file(const std::string& path, const ReadOptions& options) override {
    const std::string what = "cannot read " + path;
    const auto found = open(path, O_PATH | (options.follow_symlink ? 0U : O_NOFOLLOW), what);
    if (!found) return found.error();
    struct stat status {};
    if (::fstat(found->get(), &status) != 0) return errno_error(errno, what);
    if (!S_ISREG(status.st_mode)) return not_a_regular_file(path);
    if (const auto allowed = refuse_kernel_file(*found, path, what); !allowed) return allowed.error();
    // The very file that was looked at, not what its path leads to by now.
    const std::string again = "/proc/self/fd/" + std::to_string(found->get());
    const UniqueFd fd{::open(again.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (!fd) return errno_error(errno, what);
    return read_open_file(fd, path, options);
  }

  Result<std::vector<std::string>> list_directory(const std::string& path, std::size_t max_entries) override {
    auto directory = open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, "cannot list " + path);
    if (!directory) return directory.error();
    return list_open_directory(std::move(*directory), path, max_entries);
  }

  Result<std::string> read_link(const std::string& path) override {
    const std::string what = "cannot read link " + path;
    const auto link = open(path, O_PATH | O_NOFOLLOW, what);
    if (!link) return link.error();
    struct stat status {};
    if (::fstat(link->get(), &status) != 0) return errno_error(errno, what);
    if (!S_ISLNK(status.st_mode)) return not_a_link(path);
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlinkat(link->get(), "", target.data(), target.size());
    if (length < 0) return errno_error(errno, what);
    return std::string(target.data(), static_cast<std::size_t>(length));
  }

  Result<FileIdentity> identify(const std::string& path) override {
    const std::string what = "cannot look at " + path;
    const auto found = open(path, O_PATH, what);
    if (!found) return found.error();
    struct stat status {};
    if (::fstat(found->get(), &status) != 0) return errno_error(errno, what);
    return FileIdentity{status.st_dev, status.st_ino};
  }

 private:
  Result<UniqueFd> open(const std::string& path, unsigned flags, const std::string& what) {
    if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos) {
      return Error{ErrorKind::BadData, what, "it is not an absolute path", ""};
    }
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    for (int tries = 1;; ++tries) {
      UniqueFd fd{static_cast<int>(::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how))};
      if (fd) return fd;
      if ((errno == EAGAIN || errno == EINTR) && tries < kMaxTries) continue;
      // Somebody moved a directory out of the root while a path went through it.
      if (errno == EXDEV) return Error{ErrorKind::BadData, what, "it leads out of its root", ""};
      return errno_error(errno, what);
    }
  }

  /// Reading some of them acts: kmsg and trace_pipe are used up. Who wants one names it.
  static Status refuse_kernel_file(const UniqueFd& found, const std::string& path, const std::string& what) {
    if (is_below(path, "/proc/") || is_below(path, "/sys/")) return Ok{};
    struct statfs system {};
    if (::fstatfs(found.get(), &system) != 0) return errno_error(errno, what);
    for (const auto kernels : {PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC}) {
      if (system.f_type == kernels) return Error{ErrorKind::BadData, what, "it leads to a file of the kernel's", ""};
    }
    return Ok{};
  }

  UniqueFd root_;
};

}  // namespace

Result<std::unique_ptr<FileTree>> open_tree(const std::string& root) {
  UniqueFd fd{::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!fd) return errno_error(errno, "cannot open " + root);
  return std::unique_ptr<FileTree>{std::make_unique<RealTree>(std::move(fd))};
}

}  // namespace synfate::machine
