// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/pod_names.hpp"

#include <algorithm>
#include <array>

namespace synfate::inventory {
namespace {

constexpr std::size_t kContainerIdDigits = 64;
constexpr std::size_t kStaticPodDigits = 32;
constexpr std::size_t kMaxKubernetesNameBytes = 253;
constexpr std::size_t kMaxUidBytes = 64;
/// cri-dockerd's names have those of a pod, its namespace and the container in them.
constexpr std::size_t kMaxEngineNameBytes = 512;
constexpr std::size_t kMaxDeviceNameBytes = 15;
constexpr std::size_t kMaxPathBytes = 1024;
/// Of a UUID.
constexpr std::array<std::size_t, 4> kSeparators{8, 13, 18, 23};
constexpr std::size_t kUuidBytes = 36;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }
bool is_lower_word(char c) { return is_digit(c) || is_lower(c); }
bool is_word(char c) { return is_lower_word(c) || is_upper(c); }

template <class Allowed>
bool consists_of(std::string_view text, std::size_t max_bytes, Allowed allowed) {
  return !text.empty() && text.size() <= max_bytes && std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace

bool is_container_id(std::string_view text) { return text.size() == kContainerIdDigits && consists_of(text, kContainerIdDigits, is_hex); }

bool is_kubernetes_name(std::string_view text) {
  return consists_of(text, kMaxKubernetesNameBytes, [](char c) { return is_lower_word(c) || c == '-' || c == '.'; }) &&
         is_lower_word(text.front()) && is_lower_word(text.back());
}

bool is_pod_uid(std::string_view text) {
  return consists_of(text, kMaxUidBytes, [](char c) { return is_word(c) || c == '-'; });
}

std::string cgroup_pod_uid(std::string_view text) {
  if (text.size() == kStaticPodDigits) return consists_of(text, kStaticPodDigits, is_hex) ? std::string{text} : std::string{};
  if (text.size() != kUuidBytes) return {};
  std::string uid{text};
  for (std::size_t i = 0; i < uid.size(); ++i) {
    const bool separator = std::find(kSeparators.begin(), kSeparators.end(), i) != kSeparators.end();
    if (separator ? uid[i] != '_' && uid[i] != '-' : !is_hex(uid[i])) return {};
    if (separator) uid[i] = '-';
  }
  return uid;
}

bool is_engine_name(std::string_view text) {
  return consists_of(text, kMaxEngineNameBytes, [](char c) { return is_word(c) || c == '-' || c == '.' || c == '_'; }) &&
         is_word(text.front());
}

bool is_device_name(std::string_view text) {
  return consists_of(text, kMaxDeviceNameBytes, [](char c) { return c > ' ' && c <= '~' && c != '/' && c != ':'; });
}

bool is_plain_path(std::string_view text) {
  return consists_of(text, kMaxPathBytes, [](char c) { return c > ' ' && c <= '~'; }) && text.front() == '/';
}

}  // namespace synfate::inventory
