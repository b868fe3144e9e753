// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/cgroup_path.hpp"

#include <array>
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "inventory/pod_names.hpp"

namespace synfate::inventory {
namespace {

/// Kernels have fifteen hierarchies, and named ones are few.
constexpr std::size_t kMaxLines = 64;
constexpr std::size_t kMaxPathBytes = 4096;

struct Engine {
  std::string_view prefix;
  std::string_view runtime;
};

/// "crio-conmon-" and "libpod-conmon-" are the monitor's, which stands in the host's namespaces: no digit follows the prefix there.
constexpr std::array<Engine, 5> kEngines{
    {{"cri-containerd-", "containerd"}, {"crio-", "cri-o"}, {"docker-", "docker"}, {"libpod-payload-", "podman"}, {"libpod-", "podman"}}};

struct Container {
  std::string_view id;
  std::string_view runtime;
};

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (text.size() < suffix.size() || text.substr(text.size() - suffix.size()) != suffix) return false;
  text.remove_suffix(suffix.size());
  return true;
}

std::optional<Container> container_in(std::string_view component, std::string_view parent) {
  take_suffix(component, ".scope");
  for (const Engine& engine : kEngines) {
    if (component.substr(0, engine.prefix.size()) == engine.prefix && is_container_id(component.substr(engine.prefix.size()))) {
      return Container{component.substr(engine.prefix.size()), engine.runtime};
    }
  }
  if (!is_container_id(component)) return std::nullopt;
  return Container{component, parent == "docker" ? "docker" : ""};
}

/// "kubelet-kubepods-burstable-pod<uid>.slice", "pod<uid>".
std::string pod_in(std::string_view component) {
  const bool slice = take_suffix(component, ".slice");
  const std::size_t at = component.rfind("pod");
  if (at == std::string_view::npos || (slice ? at == 0 || component[at - 1] != '-' : at != 0)) return {};
  return cgroup_pod_uid(component.substr(at + 3));
}

bool is_monitor(std::string_view component) {
  return component.substr(0, 12) == "crio-conmon-" || component.substr(0, 14) == "libpod-conmon-";
}

/// A runtime that was told systemd's name but keeps its cgroups itself makes one component of "SLICE:PREFIX:ID".
std::vector<std::string> components_of(std::string_view path) {
  std::vector<std::string> components;
  for (const std::string_view component : split(path, '/')) {
    const auto parts = split(component, ':');
    if (parts.size() == 3) {
      components.emplace_back(parts[0]);
      components.push_back(std::string{parts[1]} + "-" + std::string{parts[2]});
    } else if (!component.empty()) {
      components.emplace_back(component);
    }
  }
  return components;
}

int completeness(const CgroupOwner& owner) { return (owner.pod_uid.empty() ? 0 : 2) + (owner.container_id.empty() ? 0 : 1); }

}  // namespace

CgroupOwner parse_cgroup_path(std::string_view path) {
  if (path.size() > kMaxPathBytes) return {};
  take_suffix(path, " (deleted)");
  const auto components = components_of(path);
  CgroupOwner owner;
  std::vector<Container> around;  // outside of the innermost pod, outermost first
  std::vector<Container> within;  // in that pod
  for (std::size_t i = 0; i < components.size(); ++i) {
    if (auto uid = pod_in(components[i]); !uid.empty()) {
      around.insert(around.end(), within.begin(), within.end());
      within.clear();
      owner.pod_uid = std::move(uid);
    } else if (is_monitor(components[i])) {
      owner.pod_uid.clear();
      within.clear();
      break;
    } else if (i + 1 < components.size() && is_container_id(components[i]) && components[i + 1].starts_with("libpod-")) {
      // A pod of podman's own, whose cgroup has the pod's number.
      continue;
    } else if (const auto container = container_in(components[i], i == 0 ? std::string_view{} : components[i - 1])) {
      (owner.pod_uid.empty() ? around : within).push_back(*container);
    }
  }
  if (owner.pod_uid.empty() && !around.empty()) {
    within.push_back(around.back());
    around.pop_back();
  }
  if (!within.empty()) {
    // The outermost: what a pod's container runs inside itself is its own business.
    owner.container_id = within.front().id;
    owner.runtime = within.front().runtime;
  }
  if (!around.empty()) owner.outer_container_id = around.back().id;
  return owner;
}

CgroupOwner parse_cgroup(std::string_view text) {
  CgroupOwner best;
  std::size_t lines = 0;
  for (const std::string_view line : split(text, '\n')) {
    if (++lines > kMaxLines) break;
    const std::size_t controllers = line.find(':');
    const std::size_t path = controllers == std::string_view::npos ? controllers : line.find(':', controllers + 1);
    if (path == std::string_view::npos) continue;
    auto owner = parse_cgroup_path(line.substr(path + 1));
    const int more = completeness(owner) - completeness(best);
    if (more > 0 || (more == 0 && best.outer_container_id.empty())) best = std::move(owner);
  }
  return best;
}

}  // namespace synfate::inventory
