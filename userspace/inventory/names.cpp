// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/names.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/text.hpp"
#include "inventory/processes.hpp"

namespace synfate::inventory {
namespace {

constexpr std::size_t kMaxMountinfoBytes = 16U << 20U;
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxEntries = 65'536;
/// In the order in which their names are preferred.
constexpr std::array<std::string_view, 3> kNameDirectories{"/run/netns", "/var/run/netns", "/run/docker/netns"};

/// mountinfo writes blank, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
  const auto octal = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

NetnsName named(model::NetnsId netns, std::string path) {
  const std::size_t slash = path.rfind('/');
  std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1, kMaxNameBytes);
  return {netns, std::move(name), std::move(path)};
}

std::size_t preference(const NetnsName& name) {
  const std::string_view directory = std::string_view{name.path}.substr(0, name.path.rfind('/'));
  const auto* found = std::find(kNameDirectories.begin(), kNameDirectories.end(), directory);
  return static_cast<std::size_t>(found - kNameDirectories.begin());
}

/// A link into /proc is how tools that are not iproute2 put a container's namespace where `ip netns` finds it.
void scan_directory(machine::Machine& machine, const std::string& directory, const std::set<std::string>& mounted, NameScan& scan) {
  const auto entries = machine.list_directory(directory, kMaxEntries);
  if (!entries) return;
  for (const std::string& entry : *entries) {
    const std::string path = directory + "/" + entry;
    if (mounted.count(path) != 0) continue;
    std::optional<model::NetnsId> netns;
    if (machine.read_link(path)) {
      if (const auto opened = machine.open_netns(path)) netns = static_cast<model::NetnsId>(opened->inode());
    }
    if (netns) {
      scan.names.push_back(named(*netns, path));
    } else {
      ++scan.stale;
    }
  }
}

}  // namespace

std::vector<NetnsName> parse_mountinfo(std::string_view text) {
  constexpr std::size_t kRootField = 3;
  constexpr std::size_t kMountPointField = 4;
  std::vector<NetnsName> names;
  for (const std::string_view line : split(text, '\n')) {
    if (line.find(" - nsfs ") == std::string_view::npos) continue;
    const auto fields = split(line, ' ');
    if (fields.size() <= kMountPointField) continue;
    if (const auto netns = parse_netns_link(fields[kRootField])) names.push_back(named(*netns, unescape(fields[kMountPointField])));
  }
  return names;
}

NameScan scan_names(machine::Machine& machine) {
  NameScan scan;
  std::set<std::string> mounted;
  if (const auto mountinfo = machine.read_file("/proc/thread-self/mountinfo", {kMaxMountinfoBytes})) {
    scan.names = parse_mountinfo(*mountinfo);
    for (const NetnsName& name : scan.names) mounted.insert(name.path);
  } else {
    scan.unreadable = to_string(mountinfo.error());
  }
  std::set<machine::FileIdentity> seen;
  for (const std::string_view directory : kNameDirectories) {
    // /var/run is a link to /run nearly everywhere.
    const auto identity = machine.identify(std::string{directory});
    if (identity && seen.insert(*identity).second) scan_directory(machine, std::string{directory}, mounted, scan);
  }
  std::sort(scan.names.begin(), scan.names.end(), [](const NetnsName& a, const NetnsName& b) {
    const auto first = preference(a);
    const auto second = preference(b);
    return first != second ? first < second : a.path < b.path;
  });
  return scan;
}

}  // namespace synfate::inventory
