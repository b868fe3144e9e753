// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Target "nftrace": one message of the kernel's rule tracing. The first byte says which kind of message it is.
#include "nftrace/message.hpp"
#include "targets.hpp"

namespace synfate::fuzz {
namespace {

constexpr std::size_t kMaxName = 255;

void check_step(const nftrace::Step& step) {
  require(step.table.size() <= kMaxName && step.chain.size() <= kMaxName && step.target.size() <= kMaxName, "names are bounded");
  const auto family = step.flow.family();
  require(family == 4 || family == 6, "a step is about a packet");
  require(step.flow.dst.address.family == family, "both ends are of one family");
  const auto event = nftrace::to_event(step, 1);
  require(event.attempt == 0 && event.event.get<model::HookVerdict>() != nullptr, "a step is a verdict of no known attempt");
}

void put(Bytes& seed, std::uint16_t type, const std::vector<std::uint8_t>& value) {
  const std::size_t length = value.size() + 4;
  for (const std::size_t byte : {length & 0xff, length >> 8, std::size_t{type} & 0xff, std::size_t{type} >> 8})
    seed.push_back(std::byte(byte));
  for (const std::uint8_t byte : value) seed.push_back(std::byte{byte});
  while (seed.size() % 4 != 1) seed.push_back(std::byte{0});
}

const std::vector<std::uint8_t> kNetwork{0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
const std::vector<std::uint8_t> kTransport{0x9c, 0x40, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, 0xa0, 2, 0, 0, 0, 0, 0, 0};

}  // namespace

void run_nftrace(std::span<const std::byte> input) {
  if (input.empty()) return;
  const nftrace::Bytes body(reinterpret_cast<const std::uint8_t*>(input.data()) + 1, input.size() - 1);
  if (input[0] != std::byte{0}) {
    if (const auto step = nftrace::parse_xt_trace(body)) check_step(*step);
    return;
  }
  nftrace::NftSteps steps("own");
  auto message = nftrace::parse_nft_trace(body);
  if (!message) return;
  require(message->is_final || message->step.handle == 0, "what has a handle is a rule");
  if (const auto step = steps.take(std::move(*message))) check_step(*step);
}

std::vector<Bytes> nftrace_seeds() {
  // In the order of the kernel's enums: NFTA_TRACE_* and NFULA_*.
  Bytes nft{std::byte{0}, std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}};
  put(nft, 1, {'f', 'i', 'l', 't', 'e', 'r', 0});
  put(nft, 2, {'I', 'N', 0});
  put(nft, 3, {0, 0, 0, 0, 0, 0, 0, 9});
  put(nft, 4, {0, 0, 0, 3});
  put(nft, 5, {8, 0, 1, 0, 0xff, 0xff, 0xff, 0xfd, 6, 0, 2, 0, 'X', 0, 0, 0});
  put(nft, 6, {1, 2, 3, 4});
  put(nft, 8, kNetwork);
  put(nft, 9, kTransport);
  Bytes xt{std::byte{1}, std::byte{2}, std::byte{0}, std::byte{0}, std::byte{0}};
  std::vector<std::uint8_t> prefix;
  for (const char sign : std::string_view("TRACE: filter:INPUT:rule:2 ")) prefix.push_back(static_cast<std::uint8_t>(sign));
  prefix.push_back(0);
  put(xt, 10, prefix);
  std::vector<std::uint8_t> packet = kNetwork;
  packet.insert(packet.end(), kTransport.begin(), kTransport.end());
  put(xt, 9, packet);
  return {nft, xt};
}

}  // namespace synfate::fuzz
