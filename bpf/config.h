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

struct config_prefix {
	__u8 address[16]; /* network order */
	__u32 family;     /* 4 or 6 */
	__u32 bits;
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
	__u8 _pad;
};

#endif
