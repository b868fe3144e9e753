// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a listener does with a SYN, from tcp_conn_request() itself: no drop event tells (tcp_rcv_state_process() consumes the packet
 * whatever came of it), and its return value is 0 in any case. What tells is by how much this CPU's counters of the namespace moved while
 * it ran: nothing else moves them meanwhile, since it runs with softirqs off. Says so only of SYNs that were refused or answered with a
 * cookie. */
#include "emit.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Numbers of the kernel's LINUX_MIB_*: they differ between releases, and their enumeration has no name for CO-RE to find. */
const volatile struct listener_config listener_cfg = {};

/* The SYN that this CPU's tcp_conn_request() looks at. */
struct conn_request {
	__u64 skb; /* 0: none */
	__u64 since_ns;
	__u64 moved[LISTENER_COUNTERS]; /* this CPU's counters, when it began */
	__s32 security_error;
	__u32 queue_length; /* when it began, as the two below */
	__u32 half_open;
	__u32 _pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct conn_request);
} requests SEC(".maps");

/* What to add to a per-CPU pointer of the kernel to get this CPU's object: learnt from this map's own, whose value's address and per-CPU
 * pointer are both known. Symbols that would tell are hidden on many kernels, or have other names on other machines. */
static __always_inline __u64 offset_of_this_cpu(const struct conn_request *request)
{
	struct bpf_array *array = (struct bpf_array *)as_number(&requests);
	__u64 pointer = 0;

	bpf_core_read(&pointer, sizeof(pointer), &array->pptrs[0]);
	return as_number(request) - pointer;
}

static __always_inline void read_counters(__u64 *counts, const struct conn_request *request, const struct sock *sk)
{
	__u64 statistics = (__u64)BPF_CORE_READ(sk, __sk_common.skc_net.net, mib.net_statistics);
	const unsigned long *mibs = ((const struct linux_mib *)(statistics + offset_of_this_cpu(request)))->mibs;

	for (int i = 0; i < LISTENER_COUNTERS; i++) {
		counts[i] = 0;
		if (statistics)
			bpf_probe_read_kernel(&counts[i], sizeof(unsigned long), &mibs[listener_cfg.counter[i]]);
	}
}

SEC("fentry/tcp_conn_request")
int BPF_PROG(on_request, struct request_sock_ops *ops, const struct tcp_request_sock_ops *af_ops, struct sock *sk, struct sk_buff *skb)
{
	__u32 zero = 0;
	struct conn_request *request = bpf_map_lookup_elem(&requests, &zero);

	if (!request)
		return 0;
	request->skb = as_number(skb);
	request->since_ns = bpf_ktime_get_ns();
	request->security_error = 0;
	request->queue_length = BPF_CORE_READ(sk, sk_ack_backlog);
	request->half_open = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_accept_queue.qlen.counter);
	read_counters(request->moved, request, sk);
	return 0;
}

SEC("fexit/security_inet_conn_request")
int BPF_PROG(on_security, const struct sock *sk, struct sk_buff *skb, struct request_sock *req, int error)
{
	__u32 zero = 0;
	struct conn_request *request;

	if (!error)
		return 0;
	request = bpf_map_lookup_elem(&requests, &zero);
	if (request && request->skb == as_number(skb))
		request->security_error = error;
	return 0;
}

/* Of this CPU's last IPv4 look-up that failed, if it was for the client just now. */
static __always_inline __s32 lookup_error(const struct conn_request *request, const struct packet *packet)
{
	__u32 zero = 0;
	const struct failed_lookup *lookup = bpf_map_lookup_elem(&failed_lookups, &zero);

	if (!lookup || packet->flow.family != 4 || lookup->ts_ns < request->since_ns || lookup->daddr_be != *(__be32 *)packet->flow.saddr)
		return 0;
	return lookup->error;
}

SUBPROGRAM int send_decision(const struct flight *attempt, const struct packet *packet, const struct conn_request *request, __u64 socket,
			     __u32 ifindex)
{
	const struct sock *sk = (const struct sock *)socket;
	struct wire_decision *record;
	struct socket *file;
	__u32 half_open;

	if (!attempt || !packet || !request)
		return 0;
	record = RESERVE(struct wire_decision, WIRE_KIND_DECISION, request->since_ns);
	if (!record)
		return 0;
	fill_subject(&record->subject, attempt, packet);
	record->subject.place.netns = socket_netns(sk);
	record->subject.place.ifindex = ifindex;
	record->socket = socket;
	file = BPF_CORE_READ(sk, sk_socket);
	if (file)
		record->inode = BPF_CORE_READ((const struct socket_alloc *)file, vfs_inode.i_ino);
	/* Others may have taken from the queues, or added to them, since it looked at them: the fuller of before and after. */
	record->queue_length = BPF_CORE_READ(sk, sk_ack_backlog);
	if (request->queue_length > record->queue_length)
		record->queue_length = request->queue_length;
	record->queue_limit = BPF_CORE_READ(sk, sk_max_ack_backlog);
	half_open = BPF_CORE_READ((const struct inet_connection_sock *)sk, icsk_accept_queue.qlen.counter);
	record->half_open = request->half_open > half_open ? request->half_open : half_open;
	record->overflows = request->moved[LISTENER_OVERFLOWS];
	record->drops = request->moved[LISTENER_DROPS];
	record->syn_queue_full = request->moved[LISTENER_SYN_QUEUE_FULL];
	record->cookies_sent = request->moved[LISTENER_COOKIES_SENT];
	record->security_error = request->security_error;
	record->lookup_error = lookup_error(request, packet);
	bpf_ringbuf_submit(record, 0);
	return 0;
}

SEC("fexit/tcp_conn_request")
int BPF_PROG(on_request_done, struct request_sock_ops *ops, const struct tcp_request_sock_ops *af_ops, struct sock *sk, struct sk_buff *skb)
{
	__u64 after[LISTENER_COUNTERS], now;
	__u32 zero = 0, face = 0;
	struct conn_request *request = bpf_map_lookup_elem(&requests, &zero);
	struct packet packet = {};
	struct flight *attempt;

	if (!request || request->skb != as_number(skb))
		return 0;
	request->skb = 0;
	read_counters(after, request, sk);
	for (int i = 0; i < LISTENER_COUNTERS; i++)
		request->moved[i] = after[i] - request->moved[i];
	if (!request->moved[LISTENER_DROPS] && !request->moved[LISTENER_COOKIES_SENT])
		return 0;
	if (!read_ip(&packet, skb, skb->network_header) || packet.leg != WIRE_LEG_SYN)
		return 0;
	packet.netns = socket_netns(sk);
	attempt = find_attempt(&packet, 0, &face);
	now = bpf_ktime_get_ns();
	if (!attempt) {
		if (request->moved[LISTENER_DROPS] && (is_passing(&packet, scope_of_flow(&packet.flow), now) & PASSED_COUNTED))
			end_in_crowd(&packet.flow, CROWD_REFUSED, 0);
		return 0;
	}
	if (!in_scope(attempt->scope))
		return 0;
	/* A cookie is a detail of attempts that are told of for another reason. */
	if (!request->moved[LISTENER_DROPS] && !streamed(attempt))
		return 0;
	count(WIRE_COUNT_EVENTS);
	attempt->last_ns = now;
	if (submit_end(attempt, now, CROWD_REFUSED, 0))
		/* TCP has taken the device out of the packet by now (tcp_v4_rcv). */
		send_decision(attempt, &packet, request, as_number(sk), BPF_CORE_READ(skb, skb_iif));
	return 0;
}
