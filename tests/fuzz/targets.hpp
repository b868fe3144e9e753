// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What is fuzzed. A target aborts when a promise of the parser is broken; any bytes are allowed to be refused.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace synfate::fuzz {

using Bytes = std::vector<std::byte>;

inline std::string_view text_of(std::span<const std::byte> input) { return {reinterpret_cast<const char*>(input.data()), input.size()}; }

inline Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

struct Target {
  std::string_view name;
  void (*run)(std::span<const std::byte> input);
  /// Valid inputs to begin from, made from the present layouts so that they never grow stale.
  std::vector<Bytes> (*seeds)();
};

void run_decode(std::span<const std::byte> input);
std::vector<Bytes> decode_seeds();
void run_recording(std::span<const std::byte> input);
std::vector<Bytes> recording_seeds();
void run_xt_table(std::span<const std::byte> input);
std::vector<Bytes> xt_table_seeds();
void run_iptables_save(std::span<const std::byte> input);
std::vector<Bytes> iptables_save_seeds();
void run_nft_listing(std::span<const std::byte> input);
std::vector<Bytes> nft_listing_seeds();
void run_nft_objects(std::span<const std::byte> input);
std::vector<Bytes> nft_objects_seeds();
void run_services_iptables(std::span<const std::byte> input);
std::vector<Bytes> services_iptables_seeds();
void run_services_nft(std::span<const std::byte> input);
std::vector<Bytes> services_nft_seeds();
void run_services_ipvs(std::span<const std::byte> input);
std::vector<Bytes> services_ipvs_seeds();
void run_nftrace(std::span<const std::byte> input);
std::vector<Bytes> nftrace_seeds();
void run_containers(std::span<const std::byte> input);
std::vector<Bytes> containers_seeds();
void run_cni(std::span<const std::byte> input);
std::vector<Bytes> cni_seeds();
void run_texts(std::span<const std::byte> input);
std::vector<Bytes> texts_seeds();
void run_netlink(std::span<const std::byte> input);
std::vector<Bytes> netlink_seeds();

inline constexpr Target kTargets[] = {
    {"decode", run_decode, decode_seeds},
    {"nftrace", run_nftrace, nftrace_seeds},
    {"recording", run_recording, recording_seeds},
    {"xt_table", run_xt_table, xt_table_seeds},
    {"iptables_save", run_iptables_save, iptables_save_seeds},
    {"nft_listing", run_nft_listing, nft_listing_seeds},
    {"nft_objects", run_nft_objects, nft_objects_seeds},
    {"services_iptables", run_services_iptables, services_iptables_seeds},
    {"services_nft", run_services_nft, services_nft_seeds},
    {"services_ipvs", run_services_ipvs, services_ipvs_seeds},
    {"containers", run_containers, containers_seeds},
    {"cni", run_cni, cni_seeds},
    {"texts", run_texts, texts_seeds},
    {"netlink", run_netlink, netlink_seeds},
};

/// Nothing if there is no target of that name.
inline const Target* find_target(std::string_view name) {
  for (const Target& target : kTargets) {
    if (target.name == name) return &target;
  }
  return nullptr;
}

/// Says which promise was broken and aborts, in every build type.
void require(bool promise, const char* what);

}  // namespace synfate::fuzz
