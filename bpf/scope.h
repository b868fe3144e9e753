/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The filter, one bit a condition. All of it is decided here, so that what is out of scope never leaves the kernel. */
#ifndef SYNFATE_BPF_SCOPE_H
#define SYNFATE_BPF_SCOPE_H

#include "place.h"

static __always_inline bool prefix_holds(const volatile struct config_prefix *prefix, __u8 family, const __u8 *address)
{
	__u32 bits = prefix->bits;

	if (prefix->family != family)
		return false;
	for (int i = 0; i < 4; i++) {
		__u32 have = bpf_ntohl(*(__be32 *)(address + i * 4));
		__u32 want = bpf_ntohl(*(const volatile __be32 *)(prefix->address + i * 4));

		if (bits == 0)
			return true;
		if (bits < 32)
			return ((have ^ want) >> (32 - bits)) == 0;
		if (have != want)
			return false;
		bits -= 32;
	}
	return true;
}

static __always_inline __u32 scope_of_name(const struct scope_name *name)
{
	__u32 *scope = bpf_map_lookup_elem(&named, name);

	return scope ? *scope : 0;
}

static __always_inline __u32 scope_of_address(__u8 family, const __u8 *address)
{
	struct scope_name name = {.family = family};

	__builtin_memcpy(name.value, address, sizeof(name.value));
	return scope_of_name(&name);
}

/* Which address conditions this face of the attempt meets. */
SUBPROGRAM int scope_of_flow(const struct wire_flow *flow)
{
	__u32 scope = 0;

	if (!flow)
		return 0;
	if (cfg.required_scope & SCOPE_HOST)
		if (prefix_holds(&cfg.host, flow->family, flow->saddr) || prefix_holds(&cfg.host, flow->family, flow->daddr))
			scope |= SCOPE_HOST;
	if (cfg.required_scope & SCOPE_SOURCE)
		if (prefix_holds(&cfg.source, flow->family, flow->saddr))
			scope |= SCOPE_SOURCE;
	if (cfg.required_scope & SCOPE_DESTINATION)
		if (prefix_holds(&cfg.destination, flow->family, flow->daddr))
			scope |= SCOPE_DESTINATION;
	if ((cfg.required_scope & SCOPE_PORT) && flow->dport == cfg.port)
		scope |= SCOPE_PORT;
	if (cfg.required_scope & SCOPE_NAMED)
		scope |= scope_of_address(flow->family, flow->saddr) | scope_of_address(flow->family, flow->daddr);
	return scope;
}

static __always_inline __u32 scope_of_netns(__u32 netns)
{
	__u32 scope = (cfg.required_scope & SCOPE_NETNS) && netns == cfg.netns ? SCOPE_NETNS : 0;

	if (cfg.required_scope & SCOPE_NAMED) {
		struct scope_name name = {};

		__builtin_memcpy(name.value, &netns, sizeof(netns));
		scope |= scope_of_name(&name);
	}
	return scope;
}

static __always_inline bool in_scope(__u32 scope)
{
	return (scope & cfg.required_scope) == cfg.required_scope;
}

/* As far as namespaces and names go. */
static __always_inline bool may_be_in_scope(__u32 scope)
{
	__u32 wanted = cfg.required_scope & (SCOPE_NETNS | SCOPE_NAMED);

	return (scope & wanted) == wanted;
}

/* The task's process and thread numbers in synfate's own pid namespace; 0 where it is not visible. */
struct visible_ids {
	__u32 tgid;
	__u32 tid;
};

SUBPROGRAM int visible_ids_of(struct visible_ids *ids, __u64 task_address)
{
	__u64 thread = READ_ADDRESS(struct task_struct, task_address, thread_pid);
	__u64 process = READ_ADDRESS(struct task_struct, task_address, group_leader, thread_pid);
	unsigned int deepest = READ(struct pid, thread, level);

	if (!ids)
		return 0;
	ids->tgid = 0;
	ids->tid = 0;
	/* The kernel allows 32 levels of pid namespaces. */
	for (unsigned int level = 0; level < 32; level++) {
		__u64 at = bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);

		if (level > deepest)
			break;
		if (READ(struct upid, thread + at, ns, ns.inum) == cfg.pid_namespace) {
			ids->tid = READ(struct upid, thread + at, nr);
			ids->tgid = READ(struct upid, process + at, nr);
			return 1;
		}
	}
	return 0;
}

/* PROC_PID_INIT_INO, include/linux/proc_ns.h, the same in all releases. */
#define INITIAL_PID_NAMESPACE 0xeffffffcu

/* The current task's. */
static __always_inline void visible_ids(__u32 *tgid, __u32 *tid)
{
	struct visible_ids ids = {};
	__u64 ids_at_root;

	if (cfg.pid_namespace == INITIAL_PID_NAMESPACE) {
		ids_at_root = bpf_get_current_pid_tgid();
		*tgid = ids_at_root >> 32;
		*tid = (__u32)ids_at_root;
		return;
	}
	visible_ids_of(&ids, (__u64)bpf_get_current_task());
	*tgid = ids.tgid;
	*tid = ids.tid;
}

/* Which process conditions the current task meets. */
static __always_inline __u32 scope_of_current(__u32 visible_tgid)
{
	__u32 scope = 0;

	if ((cfg.required_scope & SCOPE_PROCESS) && visible_tgid == cfg.process_tgid)
		scope |= SCOPE_PROCESS;
	if ((cfg.required_scope & SCOPE_CGROUP) && bpf_get_current_ancestor_cgroup_id(cfg.cgroup_level) == cfg.cgroup_id)
		scope |= SCOPE_CGROUP;
	if (cfg.required_scope & SCOPE_TREE) {
		__u32 tgid = bpf_get_current_pid_tgid() >> 32;

		if (bpf_map_lookup_elem(&tree, &tgid))
			scope |= SCOPE_TREE;
	}
	return scope;
}

#endif
