// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What --from and --to of `probe` mean, as far as it can be told without looking at the machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/address.hpp"

namespace synfate::cli {

/// Whose network a connect() is made from.
struct Who {
  enum class Kind { Pod, Node, Netns, Process, Host };
  Kind kind = Kind::Host;
  std::string name;        ///< "namespace/name" of a pod, a node's name, what names a network namespace
  std::uint32_t tgid = 0;  ///< Process

  bool operator==(const Who&) const = default;
};

/// Where it goes to: an address, or a name that is to be resolved.
struct Destination {
  std::string name;          ///< empty: an address was given
  model::IpAddress address;  ///< none: a name was given
  std::string zone;          ///< the device that a link-local address is of
  std::uint16_t port = 0;

  bool operator==(const Destination&) const = default;
};

struct ProbeOptions {
  Who from;
  Destination to;
  std::uint64_t count = 1;
  DurationNs timeout = 4 * kSecond;
  std::optional<std::string> node;  ///< of the pod, where several have its name
};

/// Usage errors in the words of the two options.
Result<Who> parse_who(std::string_view text);
Result<Destination> parse_destination(std::string_view text);

/// "namespace/name", each in the letters that Kubernetes allows.
bool is_pod_name(std::string_view text);
bool is_node_name(std::string_view text);

/// As it was typed.
std::string to_string(const Who& who);

}  // namespace synfate::cli
