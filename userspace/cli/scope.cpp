// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cli/scope.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace synfate::cli {
namespace {

Error no_netns(const std::string& typed, const std::string& why) {
  return {ErrorKind::Usage, "--netns " + printable(typed, 200), why,
          "give a path such as /proc/4242/ns/net, a name in /run/netns, or an inode number; see: synfate pods"};
}

Result<model::NetnsId> resolve_netns(const std::string& typed, machine::Machine& machine) {
  if (const auto number = parse_number(typed)) {
    if (*number == 0 || *number > 0xffffffffULL) return no_netns(typed, "is no inode number of a namespace");
    return static_cast<model::NetnsId>(*number);
  }
  const bool is_name = typed.find('/') == std::string::npos;
  const std::string path = is_name ? "/run/netns/" + typed : typed;
  auto opened = machine.open_netns(path);
  if (!opened) {
    return no_netns(typed, opened.error().kind == ErrorKind::Gone ? "there is no " + printable(path, 200)
                           : opened.error().why.empty()           ? opened.error().what
                                                                  : opened.error().why);
  }
  return static_cast<model::NetnsId>(opened->inode());
}

/// Where cgroup v2 is mounted, from this process's own mounts.
Result<std::string> cgroup_root(machine::Machine& machine) {
  auto mounts = machine.read_file("/proc/self/mounts", {.max_bytes = 4U << 20U, .excess = machine::Excess::Cut});
  if (!mounts) return mounts.error();
  for (const std::string_view line : split(*mounts, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() > 2 && fields[2] == "cgroup2") return std::string(fields[1]);
  }
  return Error{ErrorKind::Unsupported, "--cgroup", "cgroup v2 is not mounted on this machine", "use --pid or --netns instead"};
}

Result<probe::Filter::Cgroup> resolve_cgroup(const std::string& typed, machine::Machine& machine) {
  auto root = cgroup_root(machine);
  if (!root) return root.error();
  std::string path = typed;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const bool inside_root = path == *root || path.starts_with(*root + "/");
  // As /proc/PID/cgroup prints them: relative to the root, with a leading slash.
  if (!inside_root) path = *root + (path.starts_with("/") ? "" : "/") + (path == "/" ? "" : path);
  auto identity = machine.identify(path);
  auto root_identity = machine.identify(*root);
  if (!identity || !root_identity) {
    return Error{ErrorKind::Usage, "--cgroup " + printable(typed, 200), "there is no " + printable(path, 300),
                 "give a directory below " + *root + ", or a path as in the 0:: line of /proc/PID/cgroup"};
  }
  if (identity->device != root_identity->device) {
    return Error{ErrorKind::Usage, "--cgroup " + printable(typed, 200), "is not a cgroup of version 2", "give a directory below " + *root};
  }
  const std::string below = path.substr(std::min(root->size(), path.size()));
  probe::Filter::Cgroup cgroup;
  cgroup.id = identity->inode;
  for (const std::string_view part : split(below, '/')) cgroup.level += part.empty() ? 0 : 1;
  return cgroup;
}

}  // namespace

Result<probe::Filter> resolve_filter(const FilterOptions& typed, machine::Machine& machine) {
  probe::Filter filter;
  filter.host = typed.host;
  filter.source = typed.source;
  filter.destination = typed.destination;
  filter.port = typed.port;
  filter.tgid = typed.tgid;
  filter.pod = typed.pod.has_value();
  filter.node = typed.node.has_value();
  if (typed.tgid && !machine.identify("/proc/" + std::to_string(*typed.tgid))) {
    return Error{ErrorKind::Usage, "--pid " + std::to_string(*typed.tgid), "there is no such process", ""};
  }
  if (typed.netns) {
    auto netns = resolve_netns(*typed.netns, machine);
    if (!netns) return netns.error();
    filter.netns = *netns;
  }
  if (typed.cgroup) {
    auto cgroup = resolve_cgroup(*typed.cgroup, machine);
    if (!cgroup) return cgroup.error();
    filter.cgroup = *cgroup;
  }
  return filter;
}

}  // namespace synfate::cli
