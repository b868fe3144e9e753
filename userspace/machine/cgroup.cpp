// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/cgroup.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "machine/errors.hpp"
#include "machine/files.hpp"

namespace synfate::machine {
namespace {

/// FILEID_KERNFS, include/linux/exportfs.h: the number of the node, in host order.
constexpr int kKernfsHandle = 0xfe;
constexpr std::size_t kMaxMountsBytes = 4U << 20U;

}  // namespace

std::optional<std::string> cgroup_mount() {
  const auto mounts = read_regular_file("/proc/self/mounts", {.max_bytes = kMaxMountsBytes, .excess = Excess::Cut});
  if (!mounts) return std::nullopt;
  for (const std::string_view line : split(*mounts, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() > 2 && fields[2] == "cgroup2") return std::string(fields[1]);
  }
  return std::nullopt;
}

Result<std::string> cgroup_path_of(std::uint64_t id) {
  const std::string what = "cannot find cgroup " + std::to_string(id);
  const auto root = cgroup_mount();
  if (!root) return Error{ErrorKind::Unsupported, what, "cgroup v2 is not mounted here", ""};
  const UniqueFd mount{::open(root->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!mount) return errno_error(errno, what);
  union {
    file_handle handle;
    std::array<char, sizeof(file_handle) + sizeof id> bytes;
  } asked{};
  asked.handle.handle_bytes = sizeof id;
  asked.handle.handle_type = kKernfsHandle;
  std::memcpy(asked.bytes.data() + offsetof(file_handle, f_handle), &id, sizeof id);
  const UniqueFd found{::open_by_handle_at(mount.get(), &asked.handle, O_PATH | O_CLOEXEC)};
  if (!found && errno == ESTALE) return Error{ErrorKind::Gone, what, "it has been removed", ""};
  if (!found) return errno_error(errno, what);
  auto path = read_symlink("/proc/self/fd/" + std::to_string(found.get()));
  if (!path) return path;
  if (*path == *root) return std::string("/");
  if (!path->starts_with(*root + "/")) return Error{ErrorKind::Gone, what, "it is not below what is mounted here", ""};
  return path->substr(root->size());
}

}  // namespace synfate::machine
