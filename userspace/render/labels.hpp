// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Names of the things in a row, clean and bounded, as text and JSON both say them. Looks nothing up: what is not in the row has no name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/verdict.hpp"

namespace synfate::render {

/// printable(), with "…" after what had to be cut away.
std::string clean(std::string_view untrusted, std::size_t max_bytes = 4096);

/// The namespace's label, else its inode number, else "".
std::string netns_label(const model::Attempt& attempt, model::NetnsId netns);
/// "curl[4242]", "curl", "tgid 4242", or "".
std::string process_label(const model::Process& process);
/// "testbed/simulator", "curl[4242]@blue", ...; an address when nothing else is known.
std::string client_label(const model::Attempt& attempt);
/// "observability/otel-collector:4317", "10.43.96.7:4317@blue", ...
std::string server_label(const model::Attempt& attempt);
/// "10.0.0.1:80"; "(unbound)" for an endpoint that no SYN ever had.
std::string endpoint_label(const model::Endpoint& endpoint);
/// "ENETUNREACH"
std::string errno_name(int error_number);
/// What connect() returned when it sent no SYN; nothing when that was not observed.
std::optional<int> connect_error(const model::Journey& journey);

/// What NAT has made of the flow: the last face where it differs from the first.
struct Rewrite {
  std::optional<model::Endpoint> src;
  std::optional<model::Endpoint> dst;
};
Rewrite rewrite_of(const model::Journey& journey);

}  // namespace synfate::render
