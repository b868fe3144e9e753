/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Streamed records. A reservation that fails is counted: the report says how many were lost. */
#ifndef SYNFATE_BPF_EMIT_H
#define SYNFATE_BPF_EMIT_H

#include "attempts.h"

static __always_inline bool towards_client(__u8 leg)
{
	return leg == WIRE_LEG_SYNACK || leg == WIRE_LEG_RESET || leg == WIRE_LEG_ICMP;
}

/* `attempt` may be none. The flow is put back into the packet's own direction; an ICMP error keeps the flow that it quotes, turned
 * round, since it travels towards the client. */
static __always_inline void fill_subject(struct wire_subject *subject, const struct flight *attempt, const struct packet *packet)
{
	subject->attempt = attempt ? attempt->id : 0;
	subject->skb = packet->skb;
	subject->isn = packet->isn;
	subject->leg = packet->leg;
	subject->flow = packet->flow;
	if (towards_client(packet->leg))
		swap_flow(&subject->flow);
}

static __always_inline void emit_socket(struct flight *attempt, const struct packet *packet, __u64 socket, __u32 netns, __u32 event,
					__s32 error, int old_state, int new_state, bool at_server, __u64 now)
{
	struct wire_socket *record = RESERVE(struct wire_socket, WIRE_KIND_SOCKET, now);

	if (!record)
		return;
	fill_subject(&record->subject, attempt, packet);
	record->subject.place.netns = netns;
	record->socket = socket;
	record->event = event;
	record->error = error;
	record->old_state = old_state;
	record->new_state = new_state;
	record->at_server = at_server;
	bpf_ringbuf_submit(record, 0);
}

static __always_inline void send_routeless(struct routeless *entry)
{
	count(WIRE_COUNT_EVENTS);
	if (bpf_ringbuf_output(&ring, &entry->record, sizeof(entry->record), 0))
		count(WIRE_COUNT_RING_FULL);
}

/* The current thread has a route to this destination after all, in a later table or at a later try. */
static __always_inline void forget_routeless(const struct wire_flow *flow)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct routeless *entry;

	if (*(volatile __u32 *)&routeless_count == 0)
		return;
	entry = bpf_map_lookup_elem(&routeless_threads, &tid);
	if (!entry || !same_end(entry->record.flow.daddr, entry->record.flow.dport, flow->daddr, flow->dport))
		return;
	if (bpf_map_delete_elem(&routeless_threads, &tid) == 0)
		__sync_fetch_and_add(&routeless_count, -1);
}

#endif
