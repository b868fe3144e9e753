// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What TCP itself does: who connects, what is sent again, what is reset, what is established. */
#include "closings.h"

/* Fills `packet` with the identity of a client's attempt; 0 if the socket has no remote end. */
static __always_inline int identify_client(const struct sock *sk, bool acknowledged, struct packet *packet)
{
	packet->isn = client_isn(sk, acknowledged);
	if (!common_flow(&packet->flow, sk))
		return 0;
	/* tcp_set_state() gives the port back before it reports TCP_CLOSE; the copy for the header stays. */
	if (!packet->flow.sport)
		packet->flow.sport = bpf_ntohs(READ(struct inet_sock, sk, inet_sport));
	packet->leg = WIRE_LEG_SYN;
	packet->from_client = 1;
	packet->netns = socket_netns(sk);
	return 1;
}

/* The attempt of a client's socket; `packet` receives its identity. */
static __always_inline struct flight *attempt_of_client(const struct sock *sk, bool acknowledged, struct packet *packet)
{
	__u32 face = 0;
	struct flight *attempt;

	if (nobody_waits_for(client_isn(sk, acknowledged)) || !identify_client(sk, acknowledged, packet))
		return 0;
	attempt = find_attempt(packet, packet->netns, &face);
	if (attempt)
		adopt(attempt, packet, as_number(sk));
	return attempt;
}

/* The same for a socket in SYN_SENT that is in trouble. A SYN that waits for its neighbour's address has been at no device and was not
 * dropped: then this is the first that is heard of it, and a record is opened. */
static __always_inline struct flight *troubled_attempt(const struct sock *sk, struct packet *packet)
{
	__u64 address = as_number(sk);
	__u32 face = 0;
	struct flight *attempt;
	struct owner *owner;

	/* No ISN yet: connect() failed before there was a SYN. */
	if (!identify_client(sk, false, packet) || !packet->isn)
		return 0;
	attempt = find_attempt(packet, packet->netns, &face);
	if (attempt) {
		adopt(attempt, packet, as_number(sk));
		return attempt;
	}
	/* Its connect() was before synfate was armed, and so may its SYNs have been; or a SYN was seen, and got no record. */
	owner = find_owner(address);
	if (!owner || owner->seen)
		return 0;
	attempt = open_attempt(packet, (struct sock *)address, packet->netns, bpf_ktime_get_ns());
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

static __always_inline void fill_owner(struct owner *owner, const struct sock *sk)
{
	__u32 tgid = 0, tid = 0;

	owner->seen = 0;
	owner->since_ns = bpf_ktime_get_ns();
	visible_ids(&tgid, &tid);
	owner->tgid = tgid;
	owner->tid = tid;
	owner->cgroup_id = bpf_get_current_cgroup_id();
	owner->scope = scope_of_current(tgid);
	/* Read here, once for each connect(), and not at each SYN: who sets them does so before. */
	owner->user_timeout_ms = READ(struct inet_connection_sock, sk, icsk_user_timeout);
	owner->syn_retries = READ(struct inet_connection_sock, sk, icsk_syn_retries);
	bpf_get_current_comm(owner->comm, sizeof(owner->comm));
}

static __always_inline void on_connect(const struct sock *sk)
{
	struct owner *owner = place_owner(as_number(sk));
	struct wire_flow flow;

	if (owner) {
		fill_owner(owner, sk);
	} else {
		count(WIRE_COUNT_TABLE_FULL);
	}
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
	remember_young(as_number(sk), attempt, &packet.flow, false);
	if (attempt->flags & WIRE_ATTEMPT_SERVER_ESTABLISHED)
		complete_attempt(attempt, packet.isn);
}

static __always_inline void on_client_closed(const struct sock *sk)
{
	struct packet packet = {};
	struct flight *attempt = troubled_attempt(sk, &packet);

	if (!attempt)
		return;
	__sync_fetch_and_or(&attempt->flags, WIRE_ATTEMPT_CLIENT_CLOSED);
	say(attempt, &packet, sk, WIRE_SOCKET_STATE, READ(struct sock, sk, sk_err), TCP_STATE_SYN_SENT, TCP_STATE_CLOSE, false);
}

static __always_inline void on_server_established(const struct sock *sk)
{
	struct packet packet = {};
	struct flight *attempt;
	__u32 face = 0;

	/* A SYN with data (TCP Fast Open) has been received further than itself. */
	packet.isn = READ(struct tcp_sock, sk, rcv_nxt) - 1 - (__u32)READ(struct tcp_sock, sk, bytes_received);
	if (nobody_waits_for(packet.isn) || !common_flow(&packet.flow, sk))
		return;
	packet.leg = WIRE_LEG_ACK;
	/* Nothing was sent yet but the SYN-ACK. */
	if (cfg.scoped)
		packet.server_isn = READ(struct tcp_sock, sk, snd_una) - 1;
	packet.netns = socket_netns(sk);
	swap_flow(&packet.flow);
	attempt = find_attempt(&packet, 0, &face);
	if (!attempt)
		return;
	__sync_fetch_and_or(&attempt->flags, WIRE_ATTEMPT_SERVER_ESTABLISHED);
	if (streamed(attempt))
		say(attempt, &packet, sk, WIRE_SOCKET_STATE, 0, TCP_STATE_SYN_RECV, TCP_STATE_ESTABLISHED, true);
	remember_young(as_number(sk), attempt, &packet.flow, true);
	complete_attempt(attempt, packet.isn);
}

/* Most changes are none of these, and cost no look at the socket. */
static __always_inline bool is_handshake_change(int old_state, int new_state)
{
	return new_state == TCP_STATE_SYN_SENT || old_state == TCP_STATE_SYN_SENT ||
	       (old_state == TCP_STATE_SYN_RECV && new_state == TCP_STATE_ESTABLISHED);
}

static __always_inline void on_state(const struct sock *sk, int old_state, int new_state)
{
	if (!is_tcp_socket(sk))
		return;
	if (new_state == TCP_STATE_SYN_SENT) {
		on_connect(sk);
	} else if (old_state == TCP_STATE_SYN_SENT) {
		if (new_state == TCP_STATE_ESTABLISHED)
			on_client_established(sk);
		else if (new_state == TCP_STATE_CLOSE)
			on_client_closed(sk);
		forget_owner(as_number(sk));
	} else if (old_state == TCP_STATE_ESTABLISHED) {
		on_leaving_established(sk, new_state);
	} else {
		on_server_established(sk);
	}
}

static __always_inline bool is_event(const struct sock *sk, int old_state, int new_state)
{
	return armed && (is_handshake_change(old_state, new_state) || is_end_without_a_word(sk, old_state));
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_inet_sock_set_state, const struct sock *sk, const int old_state, const int new_state)
{
	if (!is_event(sk, old_state, new_state))
		return 0;
	set_running(RUNNING_STATE, 1);
	on_state(sk, old_state, new_state);
	set_running(RUNNING_STATE, 0);
	return 0;
}

/* As on_kfree_skb_nested. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_inet_sock_set_state_nested, const struct sock *sk, const int old_state, const int new_state)
{
	if (is_running(RUNNING_STATE) && !is_event(sk, old_state, new_state))
		count(WIRE_COUNT_SPARED);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_tcp_retransmit_skb, const struct sock *sk)
{
	struct packet packet = {};
	struct flight *attempt;

	if (!armed || sk->__sk_common.skc_state != TCP_STATE_SYN_SENT)
		return 0;
	attempt = troubled_attempt(sk, &packet);
	if (attempt)
		say(attempt, &packet, sk, WIRE_SOCKET_RETRANSMIT, 0, 0, 0, false);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_tcp_retransmit_synack, const struct sock *sk, const struct request_sock *req)
{
	struct packet packet = {};
	struct flight *attempt;
	__u32 face = 0;

	if (!armed)
		return 0;
	packet.isn = READ(struct tcp_request_sock, req, rcv_isn);
	if (nobody_waits_for(packet.isn) || !common_flow(&packet.flow, req))
		return 0;
	packet.leg = WIRE_LEG_ACK;
	if (cfg.scoped)
		packet.server_isn = READ(struct tcp_request_sock, req, snt_isn);
	packet.netns = socket_netns(sk);
	swap_flow(&packet.flow);
	attempt = find_attempt(&packet, 0, &face);
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
		say(attempt, &packet, sk, WIRE_SOCKET_ERROR, READ(struct sock, sk, sk_err), 0, 0, false);
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
	__u32 face = 0;
	__u64 now, device;

	if (!armed || !skb || !read_ip(&packet, skb, skb->network_header))
		return 0;
	packet.device = READ_ADDRESS(struct sk_buff, skb, dev);
	attempt = find_attempt(&packet, 0, &face);
	now = bpf_ktime_get_ns();
	if (!attempt) {
		if (packet.leg == WIRE_LEG_SYN && (is_passing(&packet, scope_of_flow(&packet.flow), now) & PASSED_COUNTED))
			end_in_crowd(&packet.flow, CROWD_RESET, 0);
		return 0;
	}
	count(WIRE_COUNT_EVENTS);
	attempt->last_ns = now;
	device = READ_ADDRESS(struct sk_buff, skb, dev);
	if (submit_end(attempt, now, packet.leg == WIRE_LEG_SYN ? CROWD_RESET : CROWD_NOTHING, 0))
		emit_socket(attempt, &packet, (__u64)sk, device ? device_netns((struct net_device *)device) : 0, WIRE_SOCKET_RESET_SENT, 0,
			    0, 0, packet.leg == WIRE_LEG_SYN || packet.leg == WIRE_LEG_ACK, now);
	return 0;
}
