/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What user space tells the kernel side before it loads: read-only data, so that the verifier removes what is not asked for. */
#ifndef SYNFATE_BPF_CONFIG_H
#define SYNFATE_BPF_CONFIG_H

/* One bit for each condition of the filter; an attempt is in scope when all required bits were met by something that it did. */
#define SCOPE_HOST (1u << 0)
#define SCOPE_SOURCE (1u << 1)
#define SCOPE_DESTINATION (1u << 2)
#define SCOPE_PORT (1u << 3)
#define SCOPE_NETNS (1u << 4)
#define SCOPE_PROCESS (1u << 5)
#define SCOPE_CGROUP (1u << 6)
#define SCOPE_TREE (1u << 7)
#define SCOPE_POD (1u << 8)
#define SCOPE_NODE (1u << 9)
/* Told by user space, which learns what belongs to a name while it runs. */
#define SCOPE_NAMED (SCOPE_POD | SCOPE_NODE)

/* A network namespace or an address that belongs to a name. */
struct scope_name {
	__u32 family;   /* 4 or 6; 0: a namespace, whose inode is the first word of what follows, in host order */
	__u8 value[16]; /* an address is in network order */
};
#define MAX_SCOPE_NAMES 16384

struct config_prefix {
	__u8 address[16]; /* network order */
	__u32 family;     /* 4 or 6 */
	__u32 bits;
};

/* Where a running function's frame keeps something, as distances in words from its return address. All of them must agree. */
#define MAX_SLOTS 4
struct slot_set {
	__u32 count; /* 0: not learnt */
	__s32 slot[MAX_SLOTS];
};

/* Destination ports of a calibration, and what drops them: its ruleset is in userspace/cli/calibration.cpp. */
#define DRILL_PORT_SECOND 11 /* the second BPF entry of the hook */
#define DRILL_PORT_THIRD 12
#define DRILL_PORT_FOURTH 13
/* The name of the process that calibrates, "synfate-calib", as its two words are loaded (x86_64 and arm64 are little-endian). */
#define CALIBRATION_COMM_0 0x2d657461666e7973ull
#define CALIBRATION_COMM_1 0x00000062696c6163ull

/* This kernel's frames, learnt by a calibration. Addresses of code; 0: not learnt. */
struct frames {
	__u64 rule_site;             /* where nft_do_chain() frees for a rule */
	__u64 policy_site;           /* where it frees for a base chain's policy */
	__u64 entry_site;            /* where nf_hook_slow() frees */
	struct slot_set expression;  /* at rule_site: the expression that gave the verdict */
	struct slot_set base_chain;  /* at policy_site: the base chain */
	struct slot_set state;       /* at entry_site: the nf_hook_state */
	struct slot_set entry_index; /* at entry_site: the index of the entry */
	__u32 _pad;
};

/* A table of xtables, in one namespace and hook, whose rules' counters are compared. */
#define MAX_XT_WATCHES 4
#define MAX_XT_RULES 16384
struct xt_watch {
	__u64 table; /* address of the struct xt_table */
	__u64 info;  /* the xt_table_info that the offsets are of: another one has other rules */
	__u32 hook;
	__u32 family; /* 2 or 10 */
	__u32 first;  /* index into the offsets */
	__u32 count;
	__u32 active;
	__u32 traced;   /* 1: by fentry, 0: by an entry in front of it */
	__u32 sequence; /* never the same for two watches */
	__u32 _pad;
};

/* Of a rule of nf_tables, and what it does now. */
struct rule_question {
	__u64 cookie; /* of its namespace */
	__u64 table_handle;
	__u64 chain_handle;
	__u64 handle;
	__u64 proof; /* answer; 0: it is not there */
	__u64 known; /* answer; 0: where it was is not remembered, and nothing can be said */
};

struct xt_question {
	__u64 table;
	__u64 info;
};

/* Of the kernel's counters of TCP, those that tcp_conn_request() moves. */
enum listener_counter {
	LISTENER_OVERFLOWS,
	LISTENER_DROPS,
	LISTENER_SYN_QUEUE_FULL,
	LISTENER_COOKIES_SENT,
	LISTENER_COUNTERS,
};
struct listener_config {
	__u32 counter[LISTENER_COUNTERS]; /* LINUX_MIB_* of the running kernel */
};

/* Destinations of SYNs that are counted and not followed. User space reads them. */
#define MAX_CROWDS 512
#define CROWD_REGISTERS 128
struct crowd_key {
	__u8 address[16]; /* network order */
	__u16 port;
	__u8 family;
	__u8 _pad[5];
};
struct crowd {
	__u64 syns;
	__u64 dropped; /* of them, as far as it was seen */
	__u64 reset;
	__u64 refused; /* by a listener, in silence */
	__u64 first_ns;
	__u64 last_ns;
	__u32 reason;         /* of the first drop */
	__u32 reasons_differ; /* 1: others had others */
	/* How many sources (HyperLogLog): of those whose hash ends in this number, the most zeros that a hash begins with, plus one. */
	__u8 source[CROWD_REGISTERS];
};

struct config {
	__u32 wire_version;
	__u32 required_scope;
	struct config_prefix host;
	struct config_prefix source;
	struct config_prefix destination;
	__u32 port;
	__u32 netns;
	__u32 process_tgid;  /* in the pid namespace below */
	__u32 pid_namespace; /* inode of synfate's own pid namespace */
	__u64 cgroup_id;
	__u32 cgroup_level; /* depth of cgroup_id below the root of cgroup v2 */
	__u8 stream_all;    /* 1: send every attempt in scope from its first event */
	__u8 has_reason;    /* 1: kfree_skb carries a reason (5.17; 5.15.x by backport) */
	__u8 has_stack;     /* 0: do not look for the nf_hook_state on the stack (--without) */
	__u8 has_receiver;  /* 1: kfree_skb says which socket it was for (6.11) */
	__u8 gate;          /* 0: follow and tell whatever comes, as long as there is room */
	__u8 scoped;        /* 1: only devices of the scope are observed, until user space attaches the tracepoints after all */
	__u8 _pad[2];
	__u64 gate_seed;        /* so that nobody can aim at another's bucket */
	__u64 told_interval_ns; /* between two attempts that one CPU tells, in the long run */
};

#endif
