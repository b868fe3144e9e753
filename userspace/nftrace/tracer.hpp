// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Tracing the rules that SYNs meet, in many network namespaces, by the kernel's own means: the only part of synfate that changes the
// machine. Each change belongs to a socket and dies with it, but for the logger of a namespace with legacy tables (loggers.hpp). Loads
// nf_tables nowhere; judges nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "machine/machine.hpp"
#include "nftrace/batch.hpp"
#include "nftrace/ledger.hpp"
#include "nftrace/step.hpp"

namespace synfate::nftrace {

inline constexpr std::size_t kMaxNamespaces = 1024;
inline constexpr const char* kLedgerDirectory = "/run/synfate";

/// Something that a reader of the paths has to know.
struct Trouble {
  std::string code;  ///< stable: "nftrace_refused"
  std::string text;
};

class Tracer {
 public:
  /// Unsupported: this kernel has no nf_tables now. Nothing is changed yet.
  static Result<std::unique_ptr<Tracer>> start(const Filter& filter, const std::string& ledger_directory = kLedgerDirectory);
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  ~Tracer();

  /// Begins in one namespace; it stays alive until remove(). An error changed nothing there.
  Status add(const machine::NetnsHandle& netns);
  /// Ends in one namespace and puts back what was changed.
  void remove(model::NetnsId netns);
  std::vector<model::NetnsId> namespaces() const;

  /// Readable when there are messages.
  int fd() const { return epoll_.get(); }
  /// Hands over what has arrived, a bounded number of messages at once. False: there may be more.
  bool drain(const std::function<void(const Step&)>& take);
  /// Is every table still there? Has a namespace got legacy tables meanwhile? `open` finds a namespace again. Call it every few seconds.
  void look_after(const std::function<Result<machine::NetnsHandle>(model::NetnsId)>& open);

  /// Messages that the kernel had no room for, as far as it says: each stands for one or more.
  std::uint64_t lost() const { return lost_; }
  /// What has come up since the last call.
  std::vector<Trouble> take_troubles();
  /// One line for people: all that is changed on this machine now.
  std::string changes() const;

 private:
  class Traced;

  Tracer(const Filter& filter, const std::string& ledger_directory);
  void complain(std::string code, std::string text);
  Status watch(int fd, model::NetnsId netns);

  Filter filter_;
  std::string table_;
  UniqueFd epoll_;
  Ledger ledger_;
  std::map<model::NetnsId, std::unique_ptr<Traced>> traced_;
  std::vector<Trouble> troubles_;
  std::uint64_t lost_ = 0;
};

/// For the next start: puts back what a killed synfate left. Says what it did, nothing if there was nothing.
std::vector<Trouble> mend_loggers(const std::function<Result<machine::NetnsHandle>(model::NetnsId)>& open,
                                  const std::string& ledger_directory = kLedgerDirectory);

}  // namespace synfate::nftrace
