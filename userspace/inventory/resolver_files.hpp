// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a process's own resolv.conf and hosts say, as glibc reads them, bounded; refuses to ask anybody. Both are written by whoever owns
// the process: untrusted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "model/address.hpp"

namespace synfate::inventory {

struct ResolverSettings {
  std::vector<std::string> servers;  ///< addresses, an IPv6 one perhaps with "%zone"; at most three
  std::vector<std::string> search;
  unsigned ndots = 1;
  DurationNs timeout = 5 * kSecond;  ///< for one question to one server
  unsigned attempts = 2;             ///< rounds over all servers
};

/// resolv.conf(5). Without a nameserver it is 127.0.0.1, as for glibc.
ResolverSettings parse_resolv_conf(std::string_view text);

/// hosts(5): every address of that name, in the file's order; case does not count.
std::vector<model::IpAddress> addresses_in_hosts(std::string_view text, std::string_view name);

/// A name that can be asked for: letters, digits, "-", "_" and single dots, a last one included.
bool is_host_name(std::string_view name);

}  // namespace synfate::inventory
