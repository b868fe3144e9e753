// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What this process may do, and what the machine forbids to everyone, before anything is tried.
#pragma once

#include "base/result.hpp"
#include "probe/support.hpp"

namespace synfate::probe {

enum class Lockdown { None, Integrity, Confidentiality, Unknown };

/// From securityfs; Unknown when it is not mounted or not readable (most kernels without lockdown).
Lockdown read_lockdown();

/// CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, or CAP_SYS_ADMIN, effective; the error names the missing ones.
Status check_capabilities();

}  // namespace synfate::probe
