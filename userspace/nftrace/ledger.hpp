// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What was changed and must be put back, on disk before the change is made: what kill -9 leaves behind, the next start finds here. A file
// that is locked belongs to a synfate that lives, whatever its process id and wherever its process namespace.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace synfate::nftrace {

/// One logger that was replaced: net.netfilter.nf_log.FAMILY of one namespace.
struct LoggerChange {
  std::uint64_t netns = 0;   ///< inode number: how it is found again
  std::uint64_t cookie = 0;  ///< SO_NETNS_COOKIE: never used twice until the machine is booted again
  std::uint8_t family = 0;   ///< NFPROTO_IPV4, NFPROTO_IPV6
  std::string before;

  bool operator==(const LoggerChange&) const = default;
};

/// As one line without its newline, and back; nothing for a line that no synfate wrote.
std::string to_line(const LoggerChange& change);
std::optional<LoggerChange> parse_change(std::string_view line);
/// Names of loggers are the kernel's; one with other signs than letters, digits, '_' and '-' is not written anywhere.
bool is_logger_name(std::string_view name);

/// What is still to be put back, of a whole ledger's text: nothing if it is of another boot or is no ledger.
std::vector<LoggerChange> outstanding(std::string_view ledger, std::string_view boot_id);

class Ledger {
 public:
  /// Nothing is written before the first change.
  explicit Ledger(std::string directory) : directory_(std::move(directory)) {}
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  /// Removes the file if everything was put back.
  ~Ledger();

  /// Call before the change; after an error it must not be made.
  Status about_to_change(const LoggerChange& change);
  void put_back(const LoggerChange& change);

 private:
  Status create();
  Status append(const std::string& line);

  std::string directory_;
  std::string path_;
  UniqueFd file_;
  unsigned outstanding_ = 0;
};

/// Goes through the ledgers that killed synfates left in `directory`. `put_back` undoes one change: true when there is nothing left to do
/// about it (also because the namespace is gone or somebody else has set it since). A ledger with nothing left to do is removed.
struct Mended {
  unsigned put_back = 0;
  unsigned failed = 0;
};
Mended mend(const std::string& directory, const std::function<bool(const LoggerChange&)>& put_back);

}  // namespace synfate::nftrace
