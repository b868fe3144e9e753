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
/* The longest pause between two SYNs of one attempt is 64 s. */
#define STREAMED_QUIET_NS (140 * SECOND)
#define ROUTELESS_NS (30 * 1000000ull)

static long sweep_attempt(void *map, struct attempt_key *key, struct flight *attempt, __u64 *now)
{
	__u64 quiet = *now > attempt->last_ns ? *now - attempt->last_ns : 0;
	__u32 flags = attempt->flags;
	struct packet packet = {};

	if (flags & WIRE_ATTEMPT_DEAD) {
		if (quiet > STREAMED_QUIET_NS && bpf_map_delete_elem(&attempts, key) == 0)
			__sync_fetch_and_add(in_flight_bucket(key->isn), -1);
		return 0;
	}
	if (flags & WIRE_ATTEMPT_STREAMED) {
		__u64 limit = flags & (WIRE_ATTEMPT_CLIENT_CLOSED | WIRE_ATTEMPT_CLIENT_ESTABLISHED) ? CLOSED_QUIET_NS : STREAMED_QUIET_NS;

		if (quiet > limit) {
			if (!(flags & (WIRE_ATTEMPT_CLIENT_CLOSED | WIRE_ATTEMPT_CLIENT_ESTABLISHED)))
				count(WIRE_COUNT_EVICTED);
			close_attempt(attempt, key->isn);
		}
		return 0;
	}
	/* Nothing went wrong since the client had its answer, and its ACK went where this machine does not look: into a virtual machine. */
	if (flags & (WIRE_ATTEMPT_CLIENT_ESTABLISHED | WIRE_ATTEMPT_PASSED)) {
		if (quiet > ESTABLISHED_QUIET_NS)
			complete_attempt(attempt, key->isn);
		return 0;
	}
	if (quiet <= STALE_NS)
		return 0;
	if (!in_scope(attempt->scope)) {
		if (quiet > STREAMED_QUIET_NS) {
			count(WIRE_COUNT_EVICTED);
			close_attempt(attempt, key->isn);
		}
		return 0;
	}
	packet.isn = attempt->isn;
	packet.leg = WIRE_LEG_SYN;
	packet.flow = attempt->faces[0];
	if (submit(attempt, *now))
		emit_socket(attempt, &packet, 0, attempt->netns, WIRE_SOCKET_STALE, 0, 0, 0, false, *now);
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

	bpf_for_each_map_elem(&attempts, sweep_attempt, &now, 0);
	if (*(volatile __u32 *)&routeless_count)
		bpf_for_each_map_elem(&routeless_threads, sweep_routeless, &now, 0);
	return 0;
}
