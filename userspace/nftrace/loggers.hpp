// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Reads what xtables' TRACE says in one network namespace: takes the namespace's loggers over for that, and gives them back. Refuses where
// somebody else reads them, and changes nothing there.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "model/place.hpp"
#include "nftrace/ledger.hpp"
#include "nftrace/socket.hpp"

namespace synfate::nftrace {

/// Which legacy tables one namespace has. Asks for nothing that would make one.
class LegacyTables {
 public:
  /// In the calling thread's namespace; from then on anywhere.
  static LegacyTables open();
  /// The address families (NFPROTO_IPV4, NFPROTO_IPV6) that have tables now.
  std::vector<std::uint8_t> families() const;
  /// A list that was not there when this was opened, because the module of its family was not, is there now.
  bool is_outdated() const;

 private:
  UniqueFd ipv4_;
  UniqueFd ipv6_;
};

class XtTracing {
 public:
  /// In the calling thread's namespace. `owner` is the socket whose end stops the tracing: closed before the loggers are given back when
  /// the process dies.
  static Result<std::unique_ptr<XtTracing>> start(Ledger& ledger, model::NetnsId netns, int owner,
                                                  const std::vector<std::uint8_t>& families);
  XtTracing(const XtTracing&) = delete;
  XtTracing& operator=(const XtTracing&) = delete;
  ~XtTracing();

  NetfilterSocket& socket() { return socket_; }
  bool covers(std::uint8_t family) const;
  /// Another family of this namespace; in its thread.
  Status take_over(std::uint8_t family);
  /// "nf_log_ipv4" of each that was replaced, with its family.
  std::vector<LoggerChange> changes() const;

 private:
  struct Taken {
    LoggerChange change;
    UniqueFd setting;
    int slot = -1;
    bool is_ours = false;  ///< false: it was nfnetlink_log before
  };

  XtTracing(Ledger& ledger, NetfilterSocket socket, model::NetnsId netns, std::uint64_t cookie, int owner)
      : ledger_(ledger), socket_(std::move(socket)), netns_(netns), cookie_(cookie), owner_(owner) {}
  Status bind_group();

  Ledger& ledger_;
  NetfilterSocket socket_;
  model::NetnsId netns_;
  std::uint64_t cookie_;
  int owner_;
  std::vector<Taken> taken_;
};

/// What the next start does about one line of a ledger, in the namespace's thread.
bool give_back(const LoggerChange& change);

}  // namespace synfate::nftrace
