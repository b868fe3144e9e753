// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What this kernel can do for synfate, found by asking it: BTF first, then a trial load; never by its version number.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/inventory.hpp"
#include "probe/kernel_btf.hpp"
#include "probe/support.hpp"

namespace synfate::probe {

struct NamedSupport {
  std::string name;
  Support support;
  std::string consequence;  ///< what is not seen without it
};

/// What may be claimed (DESIGN section 6), and from what.
struct KernelFeatures {
  KernelBtf btf;
  bool has_drop_reason = false;
  Support rules;                    ///< tier 2: rules told from stack frames
  Support fentry;                   ///< tier 2f: functions can be traced
  Support listeners;                ///< tier 2f for listeners: the function that decides about a SYN can be traced
  Support netfilter_links;          ///< tier 3: BPF programs can be entries of a netfilter hook
  Support tcx;                      ///< BPF links to single devices: a scope attaches instead of filtering
  std::vector<NamedSupport> hooks;  ///< one for each feature name of the hook table
  std::set<std::string> without;    ///< switched off by the user
};

/// Enough for an attach plan: BTF and the hook table. Needs no permission but reading /sys/kernel/btf.
Result<KernelFeatures> read_features(const std::set<std::string>& without);

/// Tier 2 and above, for `doctor`.
std::vector<NamedSupport> rule_features(const KernelFeatures& features);
/// The highest tier that this kernel allows: "1", "2", "2f" or "3".
std::string tier_of(const KernelFeatures& features);
/// nf_tables is there, now: its types can be read, and rules of it can be made without loading anything.
bool nf_tables_loaded(const KernelFeatures& features);
/// Is there anything whose frames a calibration can learn now: rules of nf_tables, or entries of a hook that BPF netfilter links make?
bool can_learn_frames(const KernelFeatures& features);

/// Every name that --without takes.
std::set<std::string> feature_names();

/// What will not be seen with these features, as gaps for the summary.
std::vector<model::Gap> gaps_of(const KernelFeatures& features);

}  // namespace synfate::probe
