// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Handshake packets freed as drops: where in the kernel, for what reason, in which netfilter traversal, with what route. */
#include "emit.h"
#include "netfilter.h"
#include "receiver.h"

#define DST_METADATA 0x80
#define RTF_GATEWAY 0x2
/* The look-up, the ICMP error and the drop are one softirq, which an emulated machine may stretch. */
#define LOOKUP_FRESH_NS 10000000

static __always_inline bool is_netfilter_drop(__u32 reason)
{
	if (!cfg.has_reason)
		return true;
	return bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_NETFILTER_DROP) &&
	       reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NETFILTER_DROP);
}

static __always_inline bool is_no_drop(__u32 reason)
{
	if (!cfg.has_reason)
		return false;
	/* SKB_CONSUMED came with 6.5 (commit "net: skb: introduce SKB_CONSUMED"); before, only 0 was not a drop. */
	if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_CONSUMED) &&
	    reason == bpf_core_enum_value(enum skb_drop_reason, SKB_CONSUMED))
		return true;
	return bpf_core_enum_value_exists(enum skb_drop_reason, SKB_NOT_DROPPED_YET) &&
	       reason == bpf_core_enum_value(enum skb_drop_reason, SKB_NOT_DROPPED_YET);
}

/* The address of the packet's route, 0 if it has none. */
static __always_inline __u64 route_of(const struct sk_buff *skb)
{
	struct dst_entry *dst = (struct dst_entry *)(skb->_skb_refdst & ~1ul);

	if (!dst || (READ(struct dst_entry, dst, flags) & DST_METADATA))
		return 0;
	return (__u64)dst;
}

SUBPROGRAM int fill_route(struct wire_drop *record, __u64 route_address)
{
	struct dst_entry *dst = (struct dst_entry *)route_address;
	__u32 zero = 0;
	struct failed_lookup *lookup = bpf_map_lookup_elem(&failed_lookups, &zero);

	if (!record)
		return 0;
	if (lookup && record->header.ts_ns - lookup->ts_ns < LOOKUP_FRESH_NS && record->subject.flow.family == 4 &&
	    lookup->daddr_be == *(__be32 *)record->subject.flow.daddr) {
		record->lookup_error = lookup->error;
		record->lookup_table = lookup->table;
	}
	if (!dst)
		return 0;
	record->route_error = (__s16)READ(struct dst_entry, dst, error);
	if (record->subject.flow.family == 4) {
		struct rtable *route = (struct rtable *)dst;
		__u8 family = READ(struct rtable, route, rt_gw_family);

		if (family == 2) {
			record->gateway_family = 4;
			*(__be32 *)record->gateway = READ(struct rtable, route, rt_gw4);
		} else if (family == 10) {
			record->gateway_family = 6;
			BPF_CORE_READ_INTO((struct in6_addr *)record->gateway, route, rt_gw6);
		}
	} else {
		struct rt6_info *route = (struct rt6_info *)dst;

		if (READ(struct rt6_info, route, rt6i_flags) & RTF_GATEWAY) {
			record->gateway_family = 6;
			BPF_CORE_READ_INTO((struct in6_addr *)record->gateway, route, rt6i_gateway);
		}
	}
	return 0;
}

/* For the rule programs, which are called next for the same packet. */
SUBPROGRAM int leave_note(const struct wire_drop *record, const struct traversal *traversal)
{
	struct pending_drop *note;
	__u32 slot;

	if (!record || !traversal)
		return 0;
	slot = skb_slot(record->subject.skb);
	note = bpf_map_lookup_elem(&pending_drops, &slot);
	if (!note)
		return 0;
	note->ts_ns = record->header.ts_ns;
	note->location = record->location;
	note->anchor = traversal->anchor;
	note->state = traversal->state;
	note->net = traversal->net;
	note->in = traversal->in;
	note->out = traversal->out;
	note->hook = traversal->hook;
	note->family = traversal->family;
	note->subject = record->subject;
	note->skb = record->subject.skb;
	return 0;
}

SUBPROGRAM int fill_traversal(struct wire_drop *record, __u64 stack)
{
	struct traversal traversal = {};
	__u64 net;

	if (!record)
		return 0;
	if (!find_traversal(&traversal, stack, record->location, record->subject.skb)) {
		leave_note(record, &traversal);
		return 0;
	}
	net = traversal.net;
	record->hook = traversal.hook;
	record->hook_family = traversal.family;
	if (traversal.in) {
		struct net_device *in = (struct net_device *)traversal.in;

		record->in_ifindex = READ(struct net_device, in, ifindex);
		bpf_probe_read_kernel_str(record->in_device, sizeof(record->in_device), &in->name);
	}
	if (traversal.out) {
		struct net_device *out = (struct net_device *)traversal.out;

		record->out_ifindex = READ(struct net_device, out, ifindex);
		bpf_probe_read_kernel_str(record->out_device, sizeof(record->out_device), &out->name);
	}
	/* The traversal knows its namespace even where the packet has no device yet. */
	record->subject.place.netns = READ(struct net, net, ns.inum);
	leave_note(record, &traversal);
	return 0;
}

/* Of an sk_buff and its route, both addresses. */
SUBPROGRAM int fill_drop_place(struct wire_place *place, __u64 skb_address, __u64 route_address)
{
	const struct sk_buff *skb = (const struct sk_buff *)skb_address;
	const struct dst_entry *dst = (const struct dst_entry *)route_address;
	__u64 device = READ_ADDRESS(struct sk_buff, skb, dev);
	__u32 in_ifindex = READ(struct sk_buff, skb, skb_iif);
	struct sock *sk;

	if (!place)
		return 0;
	if (!device && dst && !in_ifindex)
		device = READ_ADDRESS(struct dst_entry, dst, dev);
	if (device) {
		fill_place(place, device);
		return 0;
	}
	/* TCP takes the device off a packet that it gives to a socket; the input interface stays. */
	place->ifindex = in_ifindex;
	if (dst)
		place->netns = device_netns((const struct net_device *)READ(struct dst_entry, dst, dev));
	else if ((sk = (struct sock *)READ_ADDRESS(struct sk_buff, skb, sk)))
		place->netns = socket_netns(sk);
	return 0;
}

static __always_inline void fill_headers(struct wire_drop *record, const struct sk_buff *skb, const struct packet *packet, __u32 offset)
{
	__u16 mac = skb->mac_header;

	record->ttl = packet->ttl;
	record->packet_type = BPF_CORE_READ_BITFIELD(skb, pkt_type);
	record->length = skb->tail - offset + skb->data_len;
	if (mac != 0xffff && mac + 14u <= offset) {
		__u8 addresses[12];

		if (bpf_probe_read_kernel(addresses, sizeof(addresses), skb->head + mac) == 0) {
			__builtin_memcpy(record->mac_destination, addresses, 6);
			__builtin_memcpy(record->mac_source, addresses + 6, 6);
		}
	}
}

/* Reads the packet that is freed, from where its network header is, or is to be; 0: it is of no handshake, or was not dropped. */
static __always_inline int read_dropped(struct packet *packet, const struct sk_buff *skb, __u32 reason, __u32 *offset)
{
	if (!armed || is_no_drop(reason) || !is_ip(skb))
		return 0;
	*offset = transmit_offset(skb);
	if (read_ip(packet, skb, *offset))
		return 1;
	/* Dropped before the network header was set. Behind it is a payload: what an ICMP error quotes is no packet that died here, and up
	 * to 6.1 at least icmpv6_rcv() frees all errors that it has handled as drops. */
	*offset = receive_offset(skb);
	if (skb->network_header && *offset > skb->network_header)
		return 0;
	__builtin_memset(packet, 0, sizeof(*packet));
	return read_ip(packet, skb, *offset);
}

/* Of a SYN without a record: the drop alone may say enough, where the record did not fit. */
static __always_inline bool is_worth_telling(const struct packet *packet, __u32 reason, __u64 now)
{
	if (packet->passed & PASSED_NO_ROOM)
		return may_tell(place_in_gate(&packet->flow, 0), now);
	if (packet->passed & PASSED_COUNTED)
		end_in_crowd(&packet->flow, CROWD_DROPPED, reason);
	return false;
}

static __always_inline void on_drop(void *ctx, struct sk_buff *skb, __u64 location, __u32 reason, __u64 receiver)
{
	struct packet packet = {};
	struct flight *attempt;
	struct wire_drop *record;
	__u64 route;
	struct sock *sk = 0;
	__u32 face = 0, origin_netns = 0, offset, tid;
	__u64 now;

	if (!read_dropped(&packet, skb, reason, &offset))
		return;
	now = bpf_ktime_get_ns();
	count(WIRE_COUNT_EVENTS);
	if (packet.leg == WIRE_LEG_SYN) {
		sk = connecting_socket(READ_ADDRESS(struct sk_buff, skb, sk));
		if (sk)
			origin_netns = socket_netns(sk);
		packet.from_client = sk != 0;
	}
	route = route_of(skb);
	packet.device = READ_ADDRESS(struct sk_buff, skb, dev);
	attempt = find_attempt(&packet, origin_netns, &face);
	if (!attempt) {
		struct wire_place place = {};

		if (packet.leg != WIRE_LEG_SYN)
			return;
		fill_drop_place(&place, as_number(skb), route);
		/* Others' drops are nothing that a scope's devices have room for. */
		if (cfg.scoped && !everywhere &&
		    !may_be_in_scope(scope_of_flow(&packet.flow) | scope_of_netns(place.netns) | scope_of_netns(origin_netns)) &&
		    place.netns != *(volatile __u32 *)&calibration_netns)
			return;
		packet.passed = is_passing(&packet, scope_of_flow(&packet.flow), now);
		if (!packet.passed)
			attempt = open_attempt(&packet, sk, origin_netns ? origin_netns : place.netns, now);
		if (packet.passed && !is_worth_telling(&packet, reason, now))
			return;
	}
	if (attempt) {
		attempt->last_ns = now;
		/* The next packet may get its memory. */
		if (attempt->last_skb == packet.skb)
			attempt->last_skb = 0;
		if (attempt->syn_skb == packet.skb)
			attempt->syn_skb = 0;
		if (packet.leg == WIRE_LEG_SYN && attempt->hop_count == 0 && attempt->syns < 0xffff)
			attempt->syns++;
		if (!submit_end(attempt, now, packet.leg == WIRE_LEG_SYN ? CROWD_DROPPED : CROWD_NOTHING, reason))
			return;
	} else if (!in_scope(scope_of_flow(&packet.flow))) {
		return;
	}
	record = RESERVE(struct wire_drop, WIRE_KIND_DROP, now);
	if (!record)
		return;
	fill_subject(&record->subject, attempt, &packet);
	record->subject.local_client = sk != 0;
	fill_drop_place(&record->subject.place, as_number(skb), route);
	record->location = location;
	record->reason = cfg.has_reason ? reason : ~0u;
	record->hook = WIRE_HOOK_NONE;
	fill_route(record, route);
	fill_headers(record, skb, &packet, offset);
	if (cfg.has_stack && is_netfilter_drop(reason))
		fill_traversal(record, as_number(ctx));
	/* The running kernel names its own code, modules included, whenever they were loaded. */
	BPF_SNPRINTF(record->symbol, sizeof(record->symbol), "%pB", location);
	visible_ids(&record->context_tgid, &tid);
	bpf_get_current_comm(record->context_comm, sizeof(record->context_comm));
	if (receiver)
		send_receiver(receiver, &record->subject, now);
	bpf_ringbuf_submit(record, 0);
}

/* A note about an earlier packet at the same address, which the rule programs were kept from taking. */
static __always_inline void forget_note(__u64 skb)
{
	__u32 slot = skb_slot(skb);
	struct pending_drop *note = bpf_map_lookup_elem(&pending_drops, &slot);

	if (!note)
		return;
	if (note->skb == skb)
		note->skb = 0;
	if (note->policy == skb)
		note->policy = 0;
	if (note->later == skb)
		note->later = 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(on_kfree_skb, struct sk_buff *skb, void *location)
{
	set_running(RUNNING_DROP, 1);
	forget_note(as_number(skb));
	on_drop(ctx, skb, (__u64)location, cfg.has_reason ? (__u32)ctx[2] : ~0u, cfg.has_receiver ? as_number((void *)ctx[3]) : 0);
	set_running(RUNNING_DROP, 0);
	return 0;
}

/* Called after the first for every packet: with a second program the tracepoint is called through an iterator, whose prologue spills the
 * registers that may hold the address of the nf_hook_state. Tells, too, which packets the first was not called for without a loss. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(on_kfree_skb_nested, struct sk_buff *skb)
{
	struct packet packet = {};
	__u32 offset = 0;

	if (is_running(RUNNING_DROP) && !read_dropped(&packet, skb, cfg.has_reason ? (__u32)ctx[2] : ~0u, &offset))
		count(WIRE_COUNT_SPARED);
	return 0;
}

/* The hook takes only the packet that is being answered; ICMPv6 errors have no such tracepoint and are seen as packets. */
SEC("tp_btf/icmp_send")
int BPF_PROG(on_icmp_send, struct sk_buff *skb, int type, int code)
{
	struct packet packet = {};
	struct flight *attempt;
	struct wire_icmp *record;
	__u32 face = 0;
	__u64 now;

	/* A redirect is advice: the packet that it is about goes on. The errors are those that read_ip() knows as packets. */
	if (type != 3 && type != 11 && type != 12)
		return 0;
	if (!armed || !is_ip(skb) || !read_ip(&packet, skb, skb->network_header))
		return 0;
	count(WIRE_COUNT_EVENTS);
	attempt = find_attempt(&packet, 0, &face);
	if (!attempt)
		return 0;
	now = bpf_ktime_get_ns();
	attempt->last_ns = now;
	if (!submit(attempt, now))
		return 0;
	record = RESERVE(struct wire_icmp, WIRE_KIND_ICMP, now);
	if (!record)
		return 0;
	fill_subject(&record->subject, attempt, &packet);
	fill_drop_place(&record->subject.place, as_number(skb), route_of(skb));
	record->type = type;
	record->code = code;
	bpf_ringbuf_submit(record, 0);
	return 0;
}
