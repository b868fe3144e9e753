// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What TCP itself does: who connects, what is sent again, what is reset, what is established. */
#include "emit.h"

/* Fills `packet` with the identity of a client's attempt; 0 if the socket has no remote end. */
static __always_inline int identify_client(const struct sock *sk, bool acknowledged, struct packet *packet)
{
	packet->isn = client_isn(sk, acknowledged);
	if (!common_flow(&packet->flow, sk))
		return 0;
	/* tcp_set_state() gives the port back before it reports TCP_CLOSE; the copy for the header stays. */
	if (!packet->flow.sport)
		packet->flow.sport = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
	packet->leg = WIRE_LEG_SYN;
	packet->netns = socket_netns(sk);
	return 1;
}

/* The attempt of a client's socket; `packet` receives its identity. */
static __always_inline struct flight *attempt_of_client(const struct sock *sk, bool acknowledged, struct packet *packet)
{
	__u32 face = 0, salt = 0;

	if (nobody_waits_for(client_isn(sk, acknowledged)) || !identify_client(sk, acknowledged, packet))
		return 0;
	return find_attempt(packet, packet->netns, &face, &salt);
}

/* The same for a socket in SYN_SENT that is in trouble. A SYN that waits for its neighbour's address has been at no device and was not
 * dropped: then this is the first that is heard of it, and a record is opened. */
static __always_inline struct flight *troubled_attempt(const struct sock *sk, struct packet *packet, __u32 slot)
{
	__u64 address = (__u64)sk;
	__u32 face = 0, salt = 0;
	struct flight *attempt;

	/* No ISN yet: connect() failed before there was a SYN. */
	if (!identify_client(sk, false, packet) || !packet->isn)
		return 0;
	attempt = find_attempt(packet, packet->netns, &face, &salt);
	if (attempt)
		return attempt;
	/* Its connect() was before synfate was armed, and so may its SYNs have been. */
	if (!bpf_map_lookup_elem(&connecting, &address))
		return 0;
	attempt = open_attempt(packet, (struct sock *)as_number(sk), packet->netns, salt, slot, bpf_ktime_get_ns());
	if (attempt)
		attempt->syns = 1;
	return attempt;
}

static __always_inline void say(struct flight *attempt, const struct packet *packet, const struct sock *sk, __u32 event, __s32 error,
				int old_state, int new_state, bool at_server)
{
	__u64 now = bpf_ktime_get_ns();

	attempt->last_ns = now;
	count(WIRE_COUNT_EVENTS);
	if (submit(attempt, now))
		emit_socket(attempt, packet, (__u64)sk, socket_netns(sk), event, error, old_state, new_state, at_server, now);
}

static __always_inline void on_connect(const struct sock *sk)
{
	__u64 address = (__u64)sk;
	struct wire_flow flow;
	struct owner owner = {};

	owner.since_ns = bpf_ktime_get_ns();
	visible_ids(&owner.tgid, &owner.tid);
	owner.cgroup_id = bpf_get_current_cgroup_id();
	owner.scope = scope_of_current(owner.tgid);
	bpf_get_current_comm(owner.comm, sizeof(owner.comm));
	bpf_map_update_elem(&connecting, &address, &owner, BPF_ANY);
	/* The destination is in the socket before the state is set (tcp_v4_connect, tcp_v6_connect). */
	if (*(volatile __u32 *)&routeless_count && common_flow(&flow, sk))
		forget_routeless(&flow);
}

static __always_inline void on_client_established(const struct sock *sk)
{
	struct packet packet = {};
	struct flight *attempt = attempt_of_client(sk, true, &packet);

	if (!attempt)
		return;
	__sync_fetch_and_or(&attempt->flags, WIRE_ATTEMPT_CLIENT_ESTABLISHED);
	if (streamed(attempt))
		say(attempt, &packet, sk, WIRE_SOCKET_STATE, 0, TCP_STATE_SYN_SENT, TCP_STATE_ESTABLISHED, false);
	if (attempt->flags & WIRE_ATTEMPT_SERVER_ESTABLISHED)
		complete_attempt(attempt, packet.isn);
}

static __always_inline void on_client_closed(const struct sock *sk)
{
	struct packet packet = {};
	struct flight *attempt = troubled_attempt(sk, &packet, SCRATCH_STATE);

	if (!attempt)
		return;
	__sync_fetch_and_or(&attempt->flags, WIRE_ATTEMPT_CLIENT_CLOSED);
	say(attempt, &packet, sk, WIRE_SOCKET_STATE, BPF_CORE_READ(sk, sk_err), TCP_STATE_SYN_SENT, TCP_STATE_CLOSE, false);
}

static __always_inline void on_server_established(const struct sock *sk)
{
	struct packet packet = {};
	struct flight *attempt;
	__u32 face = 0, salt = 0;

	/* A SYN with data (TCP Fast Open) has been received further than itself. */
	packet.isn =
		BPF_CORE_READ((const struct tcp_sock *)sk, rcv_nxt) - 1 - (__u32)BPF_CORE_READ((const struct tcp_sock *)sk, bytes_received);
	if (nobody_waits_for(packet.isn) || !common_flow(&packet.flow, sk))
		return;
	packet.leg = WIRE_LEG_ACK;
	packet.netns = socket_netns(sk);
	swap_flow(&packet.flow);
	attempt = find_attempt(&packet, 0, &face, &salt);
	if (!attempt)
		return;
	__sync_fetch_and_or(&attempt->flags, WIRE_ATTEMPT_SERVER_ESTABLISHED);
	if (streamed(attempt))
		say(attempt, &packet, sk, WIRE_SOCKET_STATE, 0, TCP_STATE_SYN_RECV, TCP_STATE_ESTABLISHED, true);
	complete_attempt(attempt, packet.isn);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_inet_sock_set_state, const struct sock *sk, const int old_state, const int new_state)
{
	/* Most changes are none of these, and cost no look at the socket. */
	if (!armed || (new_state != TCP_STATE_SYN_SENT && old_state != TCP_STATE_SYN_SENT &&
		       !(old_state == TCP_STATE_SYN_RECV && new_state == TCP_STATE_ESTABLISHED)))
		return 0;
	if (!is_tcp_socket(sk))
		return 0;
	if (new_state == TCP_STATE_SYN_SENT) {
		on_connect(sk);
	} else if (old_state == TCP_STATE_SYN_SENT) {
		__u64 address = (__u64)sk;

		if (new_state == TCP_STATE_ESTABLISHED)
			on_client_established(sk);
		else if (new_state == TCP_STATE_CLOSE)
			on_client_closed(sk);
		bpf_map_delete_elem(&connecting, &address);
	} else if (old_state == TCP_STATE_SYN_RECV && new_state == TCP_STATE_ESTABLISHED) {
		on_server_established(sk);
	}
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_tcp_retransmit_skb, const struct sock *sk)
{
	struct packet packet = {};
	struct flight *attempt;

	if (!armed || sk->__sk_common.skc_state != TCP_STATE_SYN_SENT)
		return 0;
	attempt = troubled_attempt(sk, &packet, SCRATCH_RETRANSMIT);
	if (attempt)
		say(attempt, &packet, sk, WIRE_SOCKET_RETRANSMIT, 0, 0, 0, false);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_tcp_retransmit_synack, const struct sock *sk, const struct request_sock *req)
{
	struct packet packet = {};
	struct flight *attempt;
	__u32 face = 0, salt = 0;

	if (!armed)
		return 0;
	packet.isn = BPF_CORE_READ((const struct tcp_request_sock *)req, rcv_isn);
	if (nobody_waits_for(packet.isn) || !common_flow(&packet.flow, req))
		return 0;
	packet.leg = WIRE_LEG_ACK;
	packet.netns = socket_netns(sk);
	swap_flow(&packet.flow);
	attempt = find_attempt(&packet, 0, &face, &salt);
	if (attempt)
		say(attempt, &packet, sk, WIRE_SOCKET_SYNACK_RETRANSMIT, 0, 0, 0, true);
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(on_inet_sk_error_report, const struct sock *sk)
{
	struct packet packet = {};
	struct flight *attempt;

	if (!armed || !is_tcp_socket(sk) || sk->__sk_common.skc_state != TCP_STATE_SYN_SENT)
		return 0;
	attempt = attempt_of_client(sk, false, &packet);
	if (attempt)
		say(attempt, &packet, sk, WIRE_SOCKET_ERROR, BPF_CORE_READ(sk, sk_err), 0, 0, false);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_tcp_receive_reset, const struct sock *sk)
{
	struct packet packet = {};
	struct flight *attempt;

	if (!armed || sk->__sk_common.skc_state != TCP_STATE_SYN_SENT)
		return 0;
	attempt = attempt_of_client(sk, false, &packet);
	if (attempt)
		say(attempt, &packet, sk, WIRE_SOCKET_RESET_RECEIVED, 0, 0, 0, false);
	return 0;
}

/* skb is the packet that is being answered. It is none when a socket resets on its own (6.12), and the kernels before 6.12 call this
 * for full sockets only. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(on_tcp_send_reset, const struct sock *sk, struct sk_buff *skb)
{
	struct packet packet = {};
	struct flight *attempt;
	__u32 face = 0, salt = 0;
	__u64 now, device;

	if (!armed || !skb || !read_ip(&packet, skb, skb->network_header))
		return 0;
	packet.device = pointer_of(skb, dev);
	attempt = find_attempt(&packet, 0, &face, &salt);
	if (!attempt)
		return 0;
	now = bpf_ktime_get_ns();
	count(WIRE_COUNT_EVENTS);
	attempt->last_ns = now;
	device = pointer_of(skb, dev);
	if (submit(attempt, now))
		emit_socket(attempt, &packet, (__u64)sk, device ? device_netns((struct net_device *)device) : 0, WIRE_SOCKET_RESET_SENT, 0,
			    0, 0, packet.leg == WIRE_LEG_SYN || packet.leg == WIRE_LEG_ACK, now);
	return 0;
}
