// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "machine/bpf_objects.hpp"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>

#include "base/unique_fd.hpp"
#include "machine/cgroup.hpp"
#include "machine/errors.hpp"
#include "machine/files.hpp"

namespace synfate::machine {
namespace {

/// BPF_CGROUP_MAX_PROGS, include/linux/bpf-cgroup.h, and BPF_MPROG_MAX, include/linux/bpf_mprog.h: the kernel attaches no more.
constexpr std::size_t kMaxPrograms = 64;

/// struct bpf_prog_info to its attach_btf_id, which kernels and headers have since Linux 6.0 (commit b79c9fc9551b);
/// older kernels leave it 0.
struct LongProgramInfo {
  alignas(8) std::array<std::byte, 232> bytes{};

  std::uint32_t attach_btf_id() const {
    std::uint32_t id = 0;
    std::memcpy(&id, bytes.data() + 224, sizeof id);
    return id;
  }
  bpf_prog_info front() const {
    bpf_prog_info info{};
    std::memcpy(&info, bytes.data(), std::min(sizeof info, bytes.size()));
    return info;
  }
};

int ask(int command, bpf_attr& attributes) { return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes)); }

Result<std::vector<std::uint32_t>> query(std::uint32_t target, std::uint32_t attach_type, std::uint32_t flags, const std::string& what) {
  std::array<std::uint32_t, kMaxPrograms> ids{};
  bpf_attr attributes{};
  attributes.query.target_fd = target;
  attributes.query.attach_type = attach_type;
  attributes.query.query_flags = flags;
  attributes.query.prog_ids = reinterpret_cast<std::uint64_t>(ids.data());
  attributes.query.prog_cnt = ids.size();
  if (ask(BPF_PROG_QUERY, attributes) != 0) {
    const int error = errno;
    // A kernel that does not know the kind of place says EINVAL; a device where nothing is attached, ENOENT.
    if (error == EINVAL) return Error{ErrorKind::Unsupported, what, "this kernel has no such place for programs", ""};
    if (error == ENOENT) return std::vector<std::uint32_t>{};
    return errno_error(error, what);
  }
  const std::size_t count = std::min<std::size_t>(attributes.query.prog_cnt, ids.size());
  return std::vector<std::uint32_t>(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count));
}

template <class Info>
bool read_info(const UniqueFd& object, Info& info) {
  bpf_attr attributes{};
  attributes.info.bpf_fd = static_cast<std::uint32_t>(object.get());
  attributes.info.info_len = sizeof info;
  attributes.info.info = reinterpret_cast<std::uint64_t>(&info);
  return ask(BPF_OBJ_GET_INFO_BY_FD, attributes) == 0;
}

/// Every number that the kernel gives to command (BPF_*_GET_NEXT_ID). False: there are more than max_objects.
Result<bool> each_id(int command, std::size_t max_objects, const std::string& what, const std::function<void(std::uint32_t)>& take) {
  std::uint32_t id = 0;
  for (std::size_t count = 0; count <= max_objects; ++count) {
    bpf_attr attributes{};
    attributes.start_id = id;
    if (ask(command, attributes) != 0) {
      const int error = errno;
      if (error == ENOENT) return true;
      if (error == EINVAL) return Error{ErrorKind::Unsupported, what, "this kernel does not list them", ""};
      return errno_error(error, what);
    }
    id = attributes.next_id;
    if (count < max_objects) take(id);
  }
  return false;
}

Error too_many(const std::string& what, std::size_t most) {
  return Error{ErrorKind::BadData, what, "there are more than " + std::to_string(most), ""};
}

}  // namespace

Result<BpfProgramFacts> bpf_program_facts(std::uint32_t id) {
  const std::string what = "cannot read BPF program " + std::to_string(id);
  bpf_attr attributes{};
  attributes.prog_id = id;
  const UniqueFd program{ask(BPF_PROG_GET_FD_BY_ID, attributes)};
  if (!program) return errno_error(errno, what);
  LongProgramInfo all;
  if (!read_info(program, all)) return errno_error(errno, what);
  const bpf_prog_info info = all.front();
  BpfProgramFacts facts{info.id, info.type, {}, {}, info.created_by_uid, all.attach_btf_id()};
  std::copy_n(info.tag, facts.tag.size(), facts.tag.begin());
  facts.name.assign(info.name, ::strnlen(info.name, sizeof info.name));
  return facts;
}

Result<std::vector<BpfProgramFacts>> bpf_loaded_programs(std::uint32_t type, std::size_t max_programs) {
  const std::string what = "cannot list the BPF programs";
  std::vector<BpfProgramFacts> programs;
  std::optional<Error> failed;
  const auto all = each_id(BPF_PROG_GET_NEXT_ID, max_programs, what, [&](std::uint32_t id) {
    if (failed) return;
    auto facts = bpf_program_facts(id);
    if (!facts && facts.error().kind != ErrorKind::Gone) failed = facts.error();
    if (facts && facts->type == type) programs.push_back(std::move(*facts));
  });
  if (failed) return *failed;
  if (!all) return all.error();
  if (!*all) return too_many(what, max_programs);
  return programs;
}

Result<std::vector<BpfLinkFacts>> bpf_attached_links(std::size_t max_links) {
  const std::string what = "cannot list the BPF links";
  std::vector<BpfLinkFacts> links;
  std::optional<Error> failed;
  const auto all = each_id(BPF_LINK_GET_NEXT_ID, max_links, what, [&](std::uint32_t id) {
    if (failed) return;
    bpf_attr attributes{};
    attributes.link_id = id;
    const UniqueFd link{ask(BPF_LINK_GET_FD_BY_ID, attributes)};
    bpf_link_info info{};
    if (link && read_info(link, info)) {
      links.push_back({info.prog_id, info.type});
      return;
    }
    const int error = errno;
    if (error != ENOENT && error != EAGAIN) failed = errno_error(error, what);
  });
  if (failed) return *failed;
  if (!all) return all.error();
  if (!*all) return too_many(what, max_links);
  return links;
}

Result<std::vector<std::uint32_t>> bpf_programs_of_cgroup_at(const std::string& path, std::uint32_t attach_type, bool effective) {
  const std::string what = "cannot ask for the BPF programs of cgroup " + path;
  const auto root = cgroup_mount();
  if (!root) return Error{ErrorKind::Unsupported, what, "cgroup v2 is not mounted here", ""};
  const UniqueFd cgroup{::open((*root + path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!cgroup) return errno_error(errno, what);
  return query(static_cast<std::uint32_t>(cgroup.get()), attach_type, effective ? BPF_F_QUERY_EFFECTIVE : 0, what);
}

Result<std::vector<std::uint32_t>> bpf_programs_of_device_here(std::uint32_t ifindex, std::uint32_t attach_type) {
  return query(ifindex, attach_type, 0, "cannot ask for the BPF programs of device " + std::to_string(ifindex));
}

Result<std::uint32_t> bpf_program_pinned(const std::string& path) {
  const std::string what = "cannot open what is pinned at " + path;
  bpf_attr attributes{};
  attributes.pathname = reinterpret_cast<std::uint64_t>(path.c_str());
  const UniqueFd object{ask(BPF_OBJ_GET, attributes)};
  if (!object) return errno_error(errno, what);
  const auto kind = read_symlink("/proc/self/fd/" + std::to_string(object.get()));
  if (!kind) return kind.error();
  if (kind->find("bpf-prog") != std::string::npos) {
    bpf_prog_info info{};
    if (!read_info(object, info)) return errno_error(errno, what);
    return info.id;
  }
  // "bpf_link", and "bpf_iter" for those that are read as files.
  if (kind->find("link") == std::string::npos) return std::uint32_t{0};
  bpf_link_info info{};
  if (!read_info(object, info)) return errno_error(errno, what);
  return info.prog_id;
}

}  // namespace synfate::machine
