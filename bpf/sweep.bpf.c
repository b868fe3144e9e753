// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Twice a second, run by user space: records whose attempt went silent are submitted or removed here, so that the table of healthy
 * attempts is never copied out. */
#include "emit.h"

#define SECOND 1000000000ull
/* A client that has its SYN-ACK and no server here: nothing more will be seen but data. */
#define ESTABLISHED_QUIET_NS (1 * SECOND)
/* Longer than the first two retransmissions of a SYN (1 s and 2 s, or 1 s and 1 s since 6.5): no sender with a timer is this quiet. */
#define STALE_NS (2500 * 1000000ull)
/* A parked SYN is freed three seconds after its client may have given up. */
#define CLOSED_QUIET_NS (5 * SECOND)
/* It has been sent again twice, or is not. */
#define CROWDED_QUIET_NS (5 * SECOND)
/* The longest pause between two SYNs of one attempt is 64 s. */
#define STREAMED_QUIET_NS (140 * SECOND)
#define ROUTELESS_NS (30 * 1000000ull)

static __always_inline void sweep_attempt(struct flight *attempt, __u32 isn, const __u64 *now)
{
	__u64 quiet = *now > attempt->last_ns ? *now - attempt->last_ns : 0;
	__u32 flags = attempt->flags;
	struct packet packet = {};

	if (flags & WIRE_ATTEMPT_STREAMED) {
		__u64 limit = flags & (WIRE_ATTEMPT_CLIENT_CLOSED | WIRE_ATTEMPT_CLIENT_ESTABLISHED) ? CLOSED_QUIET_NS : STREAMED_QUIET_NS;

		if (quiet > limit) {
			if (!(flags & (WIRE_ATTEMPT_CLIENT_CLOSED | WIRE_ATTEMPT_CLIENT_ESTABLISHED)))
				count(WIRE_COUNT_EVICTED);
			close_attempt(attempt, isn);
		}
		return;
	}
	/* Nothing went wrong since the client had its answer, and its ACK went where this machine does not look: into a virtual machine. */
	if (flags & (WIRE_ATTEMPT_CLIENT_ESTABLISHED | WIRE_ATTEMPT_PASSED)) {
		if (quiet > ESTABLISHED_QUIET_NS)
			complete_attempt(attempt, isn);
		return;
	}
	if (flags & WIRE_ATTEMPT_CROWDED) {
		if (quiet > CROWDED_QUIET_NS)
			close_attempt(attempt, isn);
		return;
	}
	if (quiet <= STALE_NS)
		return;
	if (!in_scope(attempt->scope)) {
		if (quiet > STREAMED_QUIET_NS) {
			count(WIRE_COUNT_EVICTED);
			close_attempt(attempt, isn);
		}
		return;
	}
	packet.isn = attempt->isn;
	packet.leg = WIRE_LEG_SYN;
	packet.flow = attempt->faces[0];
	if (submit(attempt, *now))
		emit_socket(attempt, &packet, 0, attempt->netns, WIRE_SOCKET_STALE, 0, 0, 0, false, *now);
	return;
}

static long sweep_set(void *map, __u32 *index, struct ways *set, __u64 *now)
{
	for (__u32 way = 0; way < WAYS; way++) {
		__u64 taken = set->taken[way];
		struct flight *attempt;

		if (!(taken & PLACE_TAKEN))
			continue;
		attempt = flight_at(*index, way);
		if (attempt)
			sweep_attempt(attempt, (__u32)taken, now);
	}
	return 0;
}

static long sweep_routeless(void *map, __u32 *tid, struct routeless *entry, __u64 *now)
{
	if (*now - entry->record.header.ts_ns < ROUTELESS_NS)
		return 0;
	send_routeless(entry);
	if (bpf_map_delete_elem(&routeless_threads, tid) == 0)
		__sync_fetch_and_add(&routeless_count, -1);
	return 0;
}

SEC("syscall")
int sweep(void *ctx)
{
	__u64 now = bpf_ktime_get_ns();

	bpf_for_each_map_elem(&attempt_sets, sweep_set, &now, 0);
	if (*(volatile __u32 *)&routeless_count)
		bpf_for_each_map_elem(&routeless_threads, sweep_routeless, &now, 0);
	return 0;
}
