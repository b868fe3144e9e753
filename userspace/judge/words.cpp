// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "judge/words.hpp"

#include <cstdio>

#include "base/text.hpp"

namespace synfate::judge {
namespace {

constexpr std::size_t kMaxNameBytes = 64;

std::string_view icmp4_word(std::uint8_t type, std::uint8_t code) {
  if (type == 11) return "time exceeded";
  if (type == 12) return "parameter problem";
  if (type != 3) return "error";
  switch (code) {
    case 0: return "network unreachable";
    case 1: return "host unreachable";
    case 2: return "protocol unreachable";
    case 3: return "port unreachable";
    case 4: return "fragmentation needed";
    case 9: return "network prohibited";
    case 10: return "host prohibited";
    case 13: return "administratively prohibited";
    default: return "destination unreachable";
  }
}

std::string_view icmp6_word(std::uint8_t type, std::uint8_t code) {
  if (type == 2) return "packet too big";
  if (type == 3) return "time exceeded";
  if (type == 4) return "parameter problem";
  if (type != 1) return "error";
  switch (code) {
    case 0: return "no route";
    case 1: return "administratively prohibited";
    case 3: return "address unreachable";
    case 4: return "port unreachable";
    case 5: return "source policy failed";
    case 6: return "route rejected";
    default: return "destination unreachable";
  }
}

}  // namespace

std::string clean(std::string_view untrusted) { return printable(untrusted, kMaxNameBytes); }

std::string_view packet_word(model::Leg leg) {
  switch (leg) {
    case model::Leg::Syn: return "SYN";
    case model::Leg::SynAck: return "SYN-ACK";
    case model::Leg::Ack: return "final ACK";
    case model::Leg::Reset:
    case model::Leg::ClientReset: return "RST";
    case model::Leg::IcmpError: return "ICMP error";
    case model::Leg::None: break;
  }
  return "packet";
}

std::string netns_words(const Case& kase, model::NetnsId netns) {
  return netns == 0 ? "an unknown netns" : "netns " + clean(kase.inventory().label(netns));
}

std::string place_words(const Case& kase, const model::Place& place) {
  const std::string device = clean(place.device);
  if (place.netns == 0) return device.empty() ? "an unknown place" : device;
  return device.empty() ? netns_words(kase, place.netns) : device + " in " + netns_words(kase, place.netns);
}

std::string function_words(const model::Drop& drop) {
  if (drop.symbol.function.empty()) return "an unknown function";
  return clean(drop.symbol.function) + (drop.symbol.module.empty() ? "" : " [" + clean(drop.symbol.module) + "]");
}

std::string reason_words(const model::Drop& drop) { return drop.reason.empty() ? "no reason given" : clean(drop.reason); }

std::string errno_word(int error_number) {
  switch (error_number < 0 ? -error_number : error_number) {
    case 1: return "EPERM";
    case 3: return "ESRCH";
    case 11: return "EAGAIN";
    case 13: return "EACCES";
    case 22: return "EINVAL";
    case 101: return "ENETUNREACH";
    case 104: return "ECONNRESET";
    case 110: return "ETIMEDOUT";
    case 111: return "ECONNREFUSED";
    case 113: return "EHOSTUNREACH";
    default: return "errno " + std::to_string(error_number < 0 ? -error_number : error_number);
  }
}

std::string icmp_words(std::uint8_t family, std::uint8_t type, std::uint8_t code) {
  const std::string_view word = family == 6 ? icmp6_word(type, code) : icmp4_word(type, code);
  return std::string(family == 6 ? "ICMPv6 " : "ICMP ") + std::string(word) + " (" + std::to_string(type) + "/" + std::to_string(code) +
         ")";
}

std::string mac_words(const std::array<std::uint8_t, 6>& mac) {
  std::array<char, 18> text{};
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
  return text.data();
}

std::string duration_words(DurationNs duration) {
  if (duration < kSecond) return std::to_string(duration / kMillisecond) + " ms";
  const std::uint64_t tenths = duration / (kSecond / 10);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

std::string count_words(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace synfate::judge
