// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Tables of iptables-legacy made by hand, entry by entry, also such as no iptables would make; and the file format of captured ones.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "machine/machine.hpp"

namespace synfate::test {

constexpr std::int32_t kDrop = -1;
constexpr std::int32_t kAccept = -2;
constexpr std::int32_t kReturn = -5;

class XtBlob {
 public:
  explicit XtBlob(int family = AF_INET) : matched_(family == AF_INET6 ? 136U : 84U) {
    bytes.hook_entry.fill(~0U), bytes.underflow.fill(~0U);
  }

  std::uint32_t here() const { return static_cast<std::uint32_t>(bytes.entries.size()); }
  /// The next entry begins this hook's chain.
  XtBlob& begin(unsigned hook) {
    bytes.valid_hooks |= 1U << hook;
    bytes.hook_entry.at(hook) = here();
    return *this;
  }
  XtBlob& policy(unsigned hook, std::int32_t verdict) {
    bytes.underflow.at(hook) = here();
    return standard(verdict);
  }
  XtBlob& standard(std::int32_t verdict, char flags = 0) {
    entry("", std::string(reinterpret_cast<const char*>(&verdict), sizeof verdict), flags);
    return *this;
  }
  XtBlob& target(const std::string& name) { return entry(name, "", 1); }
  XtBlob& chain(const std::string& name) { return entry("ERROR", name, 0, 30); }
  XtBlob& close() { return chain("ERROR"); }

  machine::XtTableBytes bytes;

 private:
  /// flags, of whatever meaning, make an entry conditional.
  XtBlob& entry(const std::string& target, std::string data, char flags, std::size_t data_size = 4) {
    data.resize(data_size);
    const std::size_t header = matched_ == 84 ? 112 : 168;
    std::string made(header + 32 + (data_size + 7) / 8 * 8, '\0');
    made[matched_ == 84 ? 82 : 131] = flags;
    const auto put = [&](std::size_t at, std::size_t value) {
      const auto two = static_cast<std::uint16_t>(value);
      std::memcpy(made.data() + at, &two, sizeof two);
    };
    put(matched_ + 4, header);
    put(matched_ + 6, made.size());
    put(header, made.size() - header);
    made.replace(header + 2, target.size(), target);
    made.replace(header + 32, data.size(), data);
    bytes.entries += made;
    ++bytes.num_entries;
    return *this;
  }

  std::size_t matched_;
};

/// Two chains of the kernel's and two of the user's, with every kind of entry.
inline machine::XtTableBytes small_xt_table(int family) {
  const char goto_flag = family == AF_INET6 ? 4 : 2;
  XtBlob blob{family};
  blob.begin(1).target("REJECT").target("LOG").standard(static_cast<std::int32_t>(blob.here() + 100000), goto_flag);
  const std::size_t jump = blob.bytes.entries.size() - 8;
  blob.policy(1, kDrop).begin(2).standard(kDrop, 1).policy(2, kAccept).chain("one").target("DNAT").standard(kReturn).chain("two");
  const auto two = static_cast<std::int32_t>(blob.here());
  blob.standard(kReturn).close();
  std::memcpy(blob.bytes.entries.data() + jump, &two, sizeof two);
  return blob.bytes;
}

constexpr std::size_t kXtInfoBytes = 84;

/// struct ipt_getinfo, then the entries: what tests/fixtures/xt_tables holds.
inline std::optional<machine::XtTableBytes> from_xt_file(std::string_view file) {
  if (file.size() < kXtInfoBytes) return std::nullopt;
  machine::XtTableBytes bytes;
  std::memcpy(&bytes.valid_hooks, file.data() + 32, 4);
  std::memcpy(bytes.hook_entry.data(), file.data() + 36, 20);
  std::memcpy(bytes.underflow.data(), file.data() + 56, 20);
  std::memcpy(&bytes.num_entries, file.data() + 76, 4);
  bytes.entries = file.substr(kXtInfoBytes);
  return bytes;
}

inline std::string to_xt_file(const machine::XtTableBytes& bytes) {
  std::string file(kXtInfoBytes, '\0');
  const auto size = static_cast<std::uint32_t>(bytes.entries.size());
  std::memcpy(file.data(), "filter", 6);
  std::memcpy(file.data() + 32, &bytes.valid_hooks, 4);
  std::memcpy(file.data() + 36, bytes.hook_entry.data(), 20);
  std::memcpy(file.data() + 56, bytes.underflow.data(), 20);
  std::memcpy(file.data() + 76, &bytes.num_entries, 4);
  std::memcpy(file.data() + 80, &size, 4);
  return file + bytes.entries;
}

}  // namespace synfate::test
