/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections that end soon after their handshake, without a byte from their server. Most connections end after bytes went both ways: those
 * cost two reads of the socket, and no look-up. */
#ifndef SYNFATE_BPF_CLOSINGS_H
#define SYNFATE_BPF_CLOSINGS_H

#include "emit.h"

/* Later it is a connection that was idle, whatever its protocol. */
#define EARLY_NS 5000000000ull
#define ECONNRESET 104

static __always_inline struct young *young_at(__u32 set, __u32 way)
{
	__u32 place = set * WAYS + way;

	return bpf_map_lookup_elem(&young_sockets, &place);
}

/* `sk` by its address; `flow` in SYN direction, as this socket has it. */
SUBPROGRAM int remember_young(__u64 sk, const struct flight *attempt, const struct wire_flow *flow, __u32 at_server)
{
	__u32 index = socket_set_of(sk, YOUNG_SETS_LOG2), way;
	struct ways *set = bpf_map_lookup_elem(&young_sets, &index);
	struct young *young;

	if (!attempt || !flow || !set || !in_scope(attempt->scope))
		return 0;
	way = way_of(set, sk);
	if (way >= YOUNG_WAYS)
		way = __sync_fetch_and_add(&set->taken[YOUNG_WAYS], 1) % YOUNG_WAYS;
	asm volatile("" : "+r"(way));
	if (way >= YOUNG_WAYS)
		return 0;
	young = young_at(index, way);
	if (!young)
		return 0;
	/* Nobody's while it is written: who reads it looks again whose it is. */
	__sync_lock_test_and_set(way_at(set, way), 0);
	young->attempt = attempt->id;
	young->since_ns = bpf_ktime_get_ns();
	young->first_ns = attempt->first_ns;
	young->isn = attempt->isn;
	young->netns = attempt->netns;
	young->at_server = at_server;
	young->counted = !(attempt->flags & WIRE_ATTEMPT_STREAMED);
	young->place = attempt->place;
	young->local_client = attempt->flags & WIRE_ATTEMPT_LOCAL_CLIENT ? 1 : 0;
	young->cgroup_id = attempt->cgroup_id;
	young->tgid = attempt->tgid;
	young->tid = attempt->tid;
	__builtin_memcpy(young->comm, attempt->comm, sizeof(young->comm));
	young->asked = attempt->faces[0];
	young->own = *flow;
	__sync_lock_test_and_set(way_at(set, way), sk);
	return 0;
}

/* Is the server the one that ended it, before it said anything? At the client's end that is the FIN or the RST that came; tcp_reset() has
 * set sk_err by then, and what the client itself does has not (tcp_disconnect() sets it afterwards). At the server's end its own close, or
 * its shutdown of one direction: the client's end cannot tell these two apart. */
static __always_inline bool server_ended_it(const struct young *young, const struct sock *sk, int new_state, __u64 sent, __u64 received)
{
	int error = READ(struct sock, sk, sk_err);

	if (young->at_server && new_state == TCP_STATE_FIN_WAIT1)
		/* What waits for more to come (TCP_CORK, MSG_MORE) goes out with the FIN, which is made after the state was set and is not
		 * in write_seq yet (tcp_shutdown, tcp_close). */
		return sent == 0 && READ(struct tcp_sock, sk, write_seq) == READ(struct tcp_sock, sk, snd_nxt);
	if (young->at_server)
		return sent == 0 && new_state == TCP_STATE_CLOSE && error == 0;
	/* A FIN is counted as a byte (tcp_rcv_nxt_update). */
	if (new_state == TCP_STATE_CLOSE_WAIT)
		return received <= 1;
	return new_state == TCP_STATE_CLOSE && error == ECONNRESET && received == 0;
}

/* How a connection ends, at one of its sockets. */
struct ending {
	__u64 socket; /* its address */
	__u64 sent;
	__u64 received;
	__u32 new_state;
	__u32 shutdown;
};

SUBPROGRAM int send_closing(const struct young *young, __u64 *place, const struct ending *ending)
{
	const struct sock *sk;
	struct wire_closing *record;
	__u32 tid;
	__u64 now;

	if (!young || !place || !ending)
		return 0;
	sk = (const struct sock *)ending->socket;
	count(WIRE_COUNT_EVENTS);
	now = bpf_ktime_get_ns();
	if (!may_tell_end(young->place, now)) {
		count(WIRE_COUNT_UNTOLD);
		return 0;
	}
	record = RESERVE(struct wire_closing, WIRE_KIND_CLOSING, now);
	if (!record)
		return 0;
	record->subject.attempt = young->attempt;
	record->subject.isn = young->isn;
	record->subject.leg = WIRE_LEG_ACK;
	record->subject.local_client = young->local_client;
	record->subject.flow = young->asked;
	record->subject.place.netns = socket_netns(sk);
	record->socket = ending->socket;
	record->handshake_ns = young->since_ns;
	record->first_ns = young->first_ns;
	record->bytes_sent = ending->sent;
	record->bytes_received = ending->received;
	record->client_cgroup_id = young->cgroup_id;
	record->origin_netns = young->netns;
	record->client_tgid = young->tgid;
	record->client_tid = young->tid;
	__builtin_memcpy(record->client_comm, young->comm, sizeof(record->client_comm));
	record->error = READ(struct sock, sk, sk_err);
	record->at_server = young->at_server;
	record->new_state = ending->new_state;
	record->shutdown = ending->shutdown;
	record->counted = young->counted;
	record->own = young->own;
	/* A close is made in the context of the process that closes, or that dies. */
	if (young->at_server) {
		visible_ids(&record->closer_tgid, &tid);
		record->closer_cgroup_id = bpf_get_current_cgroup_id();
		bpf_get_current_comm(record->closer_comm, sizeof(record->closer_comm));
	}
	/* Crowded out meanwhile: what was read is another's, at least in part. */
	if (__sync_fetch_and_add(place, 0) != ending->socket)
		bpf_ringbuf_discard(record, 0);
	else
		bpf_ringbuf_submit(record, 0);
	return 0;
}

/* Not an ordinary end, after bytes went both ways. */
static __always_inline bool is_end_without_a_word(const struct sock *sk, int old_state)
{
	if (old_state != TCP_STATE_ESTABLISHED || !is_tcp_socket(sk))
		return false;
	return !READ(struct tcp_sock, sk, bytes_sent) || READ(struct tcp_sock, sk, bytes_received) <= 1;
}

/* tcp_set_state() gives the port back before it reports TCP_CLOSE; the copy for the header stays. */
static __always_inline bool is_its_port(const struct young *young, const struct sock *sk)
{
	return bpf_ntohs(READ(struct inet_sock, sk, inet_sport)) == (young->at_server ? young->own.dport : young->own.sport);
}

/* A socket with data of a user of its own (sk_user_data: a sockmap's, or a kernel service's) may have bytes carried past it. */
static __always_inline void on_leaving_established(const struct sock *sk, int new_state)
{
	struct ending ending = {
		.socket = as_number(sk),
		.sent = READ(struct tcp_sock, sk, bytes_sent),
		.received = READ(struct tcp_sock, sk, bytes_received),
		.new_state = new_state,
		.shutdown = READ(struct sock, sk, sk_shutdown),
	};
	__u32 index = socket_set_of(ending.socket, YOUNG_SETS_LOG2), way;
	struct ways *set = bpf_map_lookup_elem(&young_sets, &index);
	struct young *young;
	struct wire_flow flow;

	if (!set)
		return;
	way = way_of(set, ending.socket);
	if (way >= YOUNG_WAYS)
		return;
	young = young_at(index, way);
	if (!young)
		return;
	/* The address may be another socket's by now. */
	if (bpf_ktime_get_ns() - young->since_ns < EARLY_NS && common_flow(&flow, sk) &&
	    (young->at_server ? same_end(flow.daddr, flow.dport, young->own.saddr, young->own.sport)
			      : same_end(flow.daddr, flow.dport, young->own.daddr, young->own.dport)) &&
	    is_its_port(young, sk) && !READ(struct sock, sk, sk_user_data) &&
	    server_ended_it(young, sk, new_state, ending.sent, ending.received)) {
		/* The FIN's own. */
		if (new_state == TCP_STATE_CLOSE_WAIT && ending.received)
			ending.received--;
		send_closing(young, way_at(set, way), &ending);
	}
	__sync_val_compare_and_swap(way_at(set, way), ending.socket, 0);
}

#endif
