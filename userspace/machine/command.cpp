// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/command.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "machine/child.hpp"
#include "machine/errors.hpp"

namespace synfate::machine {
namespace {

/// Never PATH from the environment: synfate runs as root and its caller may not be.
constexpr std::array<std::string_view, 6> kProgramDirectories{"/usr/sbin/", "/usr/bin/",        "/sbin/",
                                                              "/bin/",      "/usr/local/sbin/", "/usr/local/bin/"};

/// In the order in which the child goes through them.
enum Step : int { kStepNetns, kStepTools, kStepCapabilities, kStepInput, kStepExec };

/// Nobody but root, or the user who runs synfate, can have put it there.
bool is_trusted(const std::string& path) {
  const auto only_root_writes = [](const std::string& at) {
    struct stat found {};
    if (::stat(at.c_str(), &found) != 0) return false;
    return (found.st_uid == 0 || found.st_uid == ::geteuid()) && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  };
  return only_root_writes(path) && only_root_writes(path.substr(0, path.rfind('/') + 1));
}

/// Where it may be: nowhere for a name with a directory in it that is not a whole path.
std::vector<std::string> places_of(const std::string& name) {
  if (name.empty()) return {};
  if (name.front() == '/') return {name};
  std::vector<std::string> places;
  if (name.find('/') != std::string::npos) return places;
  for (const std::string_view directory : kProgramDirectories) places.push_back(std::string{directory} + name);
  return places;
}

/// The mount namespace and the root of a process whose tools are wanted.
struct Tools {
  UniqueFd mount_namespace;
  UniqueFd root;
};

std::uint64_t inode_of(int fd) {
  struct stat found {};
  return ::fstat(fd, &found) == 0 ? found.st_ino : 0;
}

Result<Tools> open_tools(const RunOptions& options, const std::string& what) {
  const std::string base = "/proc/" + std::to_string(options.tools_of_tgid);
  const std::string door = base + "/ns/mnt";
  Tools tools{UniqueFd{::open(door.c_str(), O_RDONLY | O_CLOEXEC)},
              UniqueFd{::open((base + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)}};
  if (!tools.mount_namespace || !tools.root) return errno_error(errno, what + " as process " + std::to_string(options.tools_of_tgid));
  // Looked at again after the root was opened: both are of one process, and of the one that was meant.
  const UniqueFd again{::open(door.c_str(), O_RDONLY | O_CLOEXEC)};
  const std::uint64_t inode = again ? inode_of(again.get()) : 0;
  const bool same = inode != 0 && inode == inode_of(tools.mount_namespace.get());
  if (!same || (options.tools_mount_namespace != 0 && inode != options.tools_mount_namespace)) {
    return Error{ErrorKind::Gone, what, "process " + std::to_string(options.tools_of_tgid) + " is not the one that it was", ""};
  }
  return tools;
}

bool enter(const Tools& tools) {
  // A process may have changed its root inside of its mount namespace.
  return ::setns(tools.mount_namespace.get(), CLONE_NEWNS) == 0 && ::fchdir(tools.root.get()) == 0 && ::chroot(".") == 0 &&
         ::chdir("/") == 0;
}

}  // namespace

Result<CommandOutput> run_command(const std::vector<std::string>& argv, const RunOptions& options) {
  if (argv.empty()) return Error{ErrorKind::Usage, "cannot run a command", "it is empty", ""};
  const std::string what = "cannot run " + argv.front();
  const bool elsewhere = options.tools_of_tgid != 0;
  const Error no_program{ErrorKind::Gone, what,
                         elsewhere ? "there is no such program where process " + std::to_string(options.tools_of_tgid) + " runs"
                                   : "there is no such program on this machine",
                         ""};
  std::vector<std::string> programs = places_of(argv.front());
  if (!elsewhere) std::erase_if(programs, [](const std::string& path) { return ::access(path.c_str(), X_OK) != 0 || !is_trusted(path); });
  if (programs.empty()) return no_program;
  Tools tools;
  if (elsewhere) {
    auto opened = open_tools(options, what);
    if (!opened) return std::move(opened).error();
    tools = *std::move(opened);
  }

  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::array<std::string, 2> variables{"PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin", "LC_ALL=C"};
  std::array<char*, 3> environment{variables[0].data(), variables[1].data(), nullptr};

  // Between fork and exec: only what is safe after fork in a program with threads.
  const auto become = [&](const ChildEnds& ends) {
    const int input = ::open("/dev/null", O_RDONLY);
    if (input < 0) give_up(ends, kStepInput);
    if (options.netns != nullptr && ::setns(options.netns->fd(), CLONE_NEWNET) != 0) give_up(ends, kStepNetns);
    if (elsewhere ? !enter(tools) : ::chdir("/") != 0) give_up(ends, kStepTools);
    // Without root's user id, what an exec keeps is what is inheritable.
    if ((elsewhere || ::geteuid() == 0) && !keep_network_capabilities_only()) give_up(ends, kStepCapabilities);
    if (::dup2(input, STDIN_FILENO) < 0 || ::dup2(ends.out, STDOUT_FILENO) < 0 || ::dup2(ends.err, STDERR_FILENO) < 0) {
      give_up(ends, kStepInput);
    }
    // Descriptors that a library opened without O_CLOEXEC must not leak into the child; report is closed by a successful exec.
    ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    for (const std::string& program : programs) {
      ::execve(program.c_str(), arguments.data(), environment.data());
      if (errno != ENOENT && errno != ENOTDIR) break;
    }
    give_up(ends, kStepExec);
  };
  return run_child(what, options, become, [&](const ChildFailure& failure) {
    if (failure.step == kStepExec && elsewhere && (failure.error_number == ENOENT || failure.error_number == ENOTDIR)) return no_program;
    std::string where = what;
    if (failure.step == kStepNetns) where += " in another network namespace";
    if (failure.step == kStepTools && elsewhere) where += " as process " + std::to_string(options.tools_of_tgid) + " would";
    if (failure.step == kStepCapabilities) where += " with fewer capabilities";
    return errno_error(failure.error_number, where);
  });
}

}  // namespace synfate::machine
