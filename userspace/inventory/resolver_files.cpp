// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "inventory/resolver_files.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"

namespace synfate::inventory {
namespace {

/// MAXNS, RES_MAXNDOTS, RES_MAXRETRANS and RES_MAXRETRY of glibc's resolv.h.
constexpr std::size_t kMaxServers = 3;
constexpr std::uint64_t kMaxNdots = 15;
constexpr std::uint64_t kMaxTimeoutS = 30;
constexpr std::uint64_t kMaxAttempts = 5;
/// Kubernetes allows as many (dnsConfig.searches).
constexpr std::size_t kMaxSearch = 32;
constexpr std::size_t kMaxNameBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;
constexpr std::size_t kMaxHostsAddresses = 64;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while (at < line.size()) {
    const std::size_t begin = line.find_first_not_of(" \t\r", at);
    if (begin == std::string_view::npos) break;
    const std::size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    at = end;
  }
  return words;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string> server_of(std::string_view word) {
  const std::size_t zone = word.find('%');
  const auto address = model::parse_ip(word.substr(0, zone));
  if (!address) return std::nullopt;
  if (zone == std::string_view::npos) return model::to_string(*address);
  // A device's name has at most 15 bytes.
  const std::string_view device = word.substr(zone + 1);
  const bool plain = !device.empty() && device.size() < 16 && device.find_first_of("/,: ") == std::string_view::npos;
  return plain ? std::optional(model::to_string(*address) + "%" + std::string(device)) : std::nullopt;
}

void take_options(const std::vector<std::string_view>& words, ResolverSettings& settings) {
  const auto number = [](std::string_view word, std::string_view option, std::uint64_t most) -> std::optional<std::uint64_t> {
    if (!word.starts_with(option)) return std::nullopt;
    const auto value = parse_number(word.substr(option.size()));
    return value ? std::optional(std::min(*value, most)) : std::nullopt;
  };
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (const auto ndots = number(words[i], "ndots:", kMaxNdots)) settings.ndots = static_cast<unsigned>(*ndots);
    if (const auto seconds = number(words[i], "timeout:", kMaxTimeoutS)) settings.timeout = std::max<std::uint64_t>(*seconds, 1) * kSecond;
    if (const auto rounds = number(words[i], "attempts:", kMaxAttempts))
      settings.attempts = static_cast<unsigned>(std::max<std::uint64_t>(*rounds, 1));
  }
}

}  // namespace

ResolverSettings parse_resolv_conf(std::string_view text) {
  ResolverSettings settings;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const auto words = words_of(line);
    if (words.size() < 2) continue;
    if (words[0] == "nameserver" && settings.servers.size() < kMaxServers) {
      if (auto server = server_of(words[1])) settings.servers.push_back(*std::move(server));
    } else if (words[0] == "domain" || words[0] == "search") {
      // The last of them counts.
      settings.search.clear();
      const std::size_t end = words[0] == "domain" ? 2 : words.size();
      for (std::size_t i = 1; i < end && settings.search.size() < kMaxSearch; ++i) {
        if (words[i] != "." && is_host_name(words[i])) settings.search.emplace_back(words[i]);
      }
    } else if (words[0] == "options") {
      take_options(words, settings);
    }
  }
  if (settings.servers.empty()) settings.servers.emplace_back("127.0.0.1");
  return settings;
}

std::vector<model::IpAddress> addresses_in_hosts(std::string_view text, std::string_view name) {
  std::vector<model::IpAddress> addresses;
  for (const std::string_view line : split(text, '\n')) {
    const auto words = words_of(line.substr(0, line.find('#')));
    if (words.size() < 2) continue;
    if (!std::any_of(words.begin() + 1, words.end(), [&](std::string_view word) { return same_name(word, name); })) continue;
    const auto address = model::parse_ip(words.front());
    if (!address || addresses.size() >= kMaxHostsAddresses) continue;
    if (std::find(addresses.begin(), addresses.end(), *address) == addresses.end()) addresses.push_back(*address);
  }
  return addresses;
}

bool is_host_name(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  for (const std::string_view label : split(name, '.')) {
    if (label.empty() || label.size() > kMaxLabelBytes) return false;
    const auto fits = [](char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
    if (!std::all_of(label.begin(), label.end(), fits)) return false;
  }
  return true;
}

}  // namespace synfate::inventory
