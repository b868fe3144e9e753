/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The socket that TCP dropped a packet for: its state, its filter, the programs of its cgroup. */
#ifndef SYNFATE_BPF_RECEIVER_H
#define SYNFATE_BPF_RECEIVER_H

#include "emit.h"

/* Numbers of the ingress programs that hold for a cgroup. */
static __always_inline void fill_ingress(struct wire_receiver *record, const struct cgroup *cgroup)
{
	struct bpf_prog_array *array;

	/* Without CONFIG_CGROUP_BPF there is none. */
	if (!bpf_core_field_exists(cgroup->bpf))
		return;
	/* CGROUP_INET_INGRESS is 0 in all releases. */
	array = BPF_CORE_READ(cgroup, bpf.effective[0]);
	if (!array)
		return;
	record->flags |= WIRE_RECEIVER_PROGRAMS_READ;
	for (__u32 i = 0; i <= WIRE_RECEIVER_PROGRAMS; i++) {
		struct bpf_prog *program = BPF_CORE_READ(array, items[i].prog);

		if (!program)
			break;
		record->ingress_count = i + 1;
		if (i < WIRE_RECEIVER_PROGRAMS)
			record->ingress_id[i] = BPF_CORE_READ(program, aux, id);
	}
}

SUBPROGRAM int send_receiver(__u64 socket, const struct wire_subject *subject, __u64 now)
{
	const struct sock *sk = (const struct sock *)socket;
	struct wire_receiver *record;
	struct cgroup *cgroup;
	struct sk_filter *filter;

	if (!sk || !subject)
		return 0;
	record = RESERVE(struct wire_receiver, WIRE_KIND_RECEIVER, now);
	if (!record)
		return 0;
	record->subject = *subject;
	record->state = READ(struct sock, sk, __sk_common.skc_state);
	/* These two are no whole sockets. */
	if (record->state != TCP_STATE_TIME_WAIT && record->state != TCP_STATE_NEW_SYN_RECV) {
		record->min_ttl = record->subject.flow.family == 4 ? BPF_CORE_READ((const struct inet_sock *)sk, min_ttl)
								   : BPF_CORE_READ((const struct inet_sock *)sk, pinet6, min_hopcount);
		filter = BPF_CORE_READ(sk, sk_filter);
		if (filter) {
			record->flags |= WIRE_RECEIVER_FILTER;
			record->filter_id = BPF_CORE_READ(filter, prog, aux, id);
		}
		cgroup = BPF_CORE_READ(sk, sk_cgrp_data.cgroup);
		if (cgroup) {
			record->cgroup_id = BPF_CORE_READ(cgroup, kn, id);
			fill_ingress(record, cgroup);
		}
	}
	bpf_ringbuf_submit(record, 0);
	return 0;
}

#endif
