// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The judge's vocabulary: kernel numbers and places as short phrases, foreign names made harmless. No sentence here decides anything.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "judge/case.hpp"

namespace synfate::judge {

/// "SYN", "SYN-ACK", "final ACK", "RST", "ICMP error", "packet".
std::string_view packet_word(model::Leg leg);
/// "eth0 in netns blue", "netns blue", "eth0", "an unknown place".
std::string place_words(const Case& kase, const model::Place& place);
/// "netns blue", "netns 4026532511 (python3[42])".
std::string netns_words(const Case& kase, model::NetnsId netns);
/// "nft_do_chain [nf_tables]"; "an unknown function" where the kernel's symbol was not read.
std::string function_words(const model::Drop& drop);
std::string reason_words(const model::Drop& drop);
/// "ECONNREFUSED" and the few others that connect() can meet; "errno 42" for the rest.
std::string errno_word(int error_number);
/// "ICMP port unreachable (3/3)", "ICMPv6 no route (1/0)".
std::string icmp_words(std::uint8_t family, std::uint8_t type, std::uint8_t code);
std::string mac_words(const std::array<std::uint8_t, 6>& mac);
/// "12 ms", "3.0 s".
std::string duration_words(DurationNs duration);
/// "1 SYN", "3 SYNs".
std::string count_words(std::uint64_t count, std::string_view noun);
/// A name from outside, bounded and without control characters.
std::string clean(std::string_view untrusted);

/// That command for that namespace, ready to paste: bare on the host, else through `ip netns exec` or `nsenter`.
std::string in_netns(const Case& kase, model::NetnsId netns, const std::string& command);
/// An untrusted name as one word of a shell command.
std::string shell_word(std::string_view untrusted);
/// "ip" or "ip -6", as the flow needs it.
std::string ip_command(const model::Flow& flow);

}  // namespace synfate::judge
