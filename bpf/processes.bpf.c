// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The process tree that `run` follows. */
#include "maps.h"

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_tgid = BPF_CORE_READ(parent, tgid), child_tgid = BPF_CORE_READ(child, tgid);
	__u32 seed = *(volatile __u32 *)&tree_seed_tgid;
	__u8 one = 1;

	if (parent_tgid == child_tgid)
		return 0;
	if ((seed && parent_tgid == seed) || bpf_map_lookup_elem(&tree, &parent_tgid))
		bpf_map_update_elem(&tree, &child_tgid, &one, BPF_ANY);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_sched_process_exit, struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);

	/* Counted down before the tracepoint in do_exit(): zero for the last thread. */
	if (BPF_CORE_READ(task, signal, live.counter) == 0)
		bpf_map_delete_elem(&tree, &tgid);
	return 0;
}

/* Run by user space in its own context: what its tgid is in the initial pid namespace. */
SEC("syscall")
int own_tgid(void *ctx)
{
	return bpf_get_current_pid_tgid() >> 32;
}
