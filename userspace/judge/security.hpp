// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Security modules, and programs of BPF LSM among them, as far as they look at packets of connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "judge/case.hpp"
#include "judge/cause_table.hpp"

namespace synfate::judge {

struct SecurityModule {
  std::string_view key;      ///< in the kernel's list of modules, and in front of its functions' names
  std::string_view name;     ///< "SELinux"
  std::string_view command;  ///< that shows what it refused
  bool at_sockets = false;   ///< it looks at what sockets receive
  bool of_requests = false;  ///< it is asked before a listener answers a SYN
};

/// The module whose function that is; null: none that is known.
const SecurityModule* module_of(std::string_view function);

/// A program that may have nothing to do with it.
struct UnsureProgram {
  std::uint32_t id = 0;
  std::string_view why;  ///< "whose hook this kernel does not tell"
};

/// What may refuse at a hook, near the time.
struct Refusers {
  bool programs_read = false;
  std::vector<std::uint32_t> programs;  ///< on the hook in question, for all sockets
  std::vector<UnsureProgram> unsure;
  std::vector<const SecurityModule*> modules;
  std::vector<std::string> strangers;  ///< modules of which it is not known what they look at; untrusted

  std::size_t count() const { return programs.size() + unsure.size() + modules.size() + strangers.size(); }
};

/// Of a packet that a socket received (socket_sock_rcv_skb).
Refusers refusers_at_sockets(const Case& kase);
/// Of a SYN that a listener would answer (inet_conn_request).
Refusers refusers_of_requests(const Case& kase);

std::string unsure_words(const Case& kase, const UnsureProgram& program);

/// Their refusal of a packet has a reason of its own here: SOCKET_FILTER is none.
bool security_has_reason(const Case& kase);

/// Doubts that a drop with the reason SOCKET_FILTER was what the finding says, where such a refusal has that reason too.
void doubt_security(const Case& kase, Finding& finding);

}  // namespace synfate::judge
