/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is kept of a table of xtables while a SYN is in it. */
#ifndef SYNFATE_BPF_XTABLES_H
#define SYNFATE_BPF_XTABLES_H

#include "rules.h"

/* struct ipt_entry and ip6t_entry (include/uapi/linux/netfilter_ip{v4,v6}): the counters behind what is matched; the same in all releases.
 */
#define IPT_COUNTERS_AT 96
#define IP6T_COUNTERS_AT 152

struct xt_counts {
	__u64 packets[MAX_XT_RULES];
};

/* At 60 to 90 ns a rule, twice: what a flood may cost each CPU. */
#define XT_PERIOD_NS 1000000000ull
#define XT_WALKS_EACH_PERIOD 500

/* The SYN that this CPU's counters were noted for. */
struct xt_mark {
	__u64 skb; /* 0: none */
	__u64 table;
	__u64 info; /* xt_table_info */
	__u64 ts_ns;
	__u64 period_ns;
	__u32 budget;
	__u32 index;
	__u32 compared;
	__u32 replaced;
	__u32 hits;
	__u32 offset;
	__u32 sequence; /* of the watch */
	__u32 _pad;
};

#endif
