// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Routes that are not found and neighbours that do not answer. */
#include "emit.h"

#define NUD_INCOMPLETE 0x01
#define NUD_FAILED 0x20
#define NEIGHBOUR_INTERVAL_NS 1000000000ull
#define EAGAIN 11
#define RTN_UNICAST 1
#define RTN_LOCAL 2

/* A look-up for a connect(): TCP, with a destination port and, unless the socket was bound, no source port. Others (a SYN-ACK, a RST)
 * have both ports. Whether the connect() failed is known only when no later table has the route and no SYN follows. */
static __always_inline void remember_routeless(const struct wire_flow *flow, __u32 table, __s32 error, __u64 now)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct routeless entry = {}, *before;
	__u32 scope, netns;

	netns = READ(struct task_struct, task, nsproxy, net_ns, ns.inum);
	visible_ids(&entry.record.tgid, &entry.record.tid);
	scope = scope_of_current(entry.record.tgid) | scope_of_flow(flow) | scope_of_netns(netns);
	if (!in_scope(scope))
		return;
	entry.key_tid = tid;
	entry.record.header.kind = WIRE_KIND_ROUTE;
	entry.record.header.size = sizeof(entry.record);
	entry.record.header.cpu = bpf_get_smp_processor_id();
	entry.record.header.ts_ns = now;
	entry.record.flow = *flow;
	entry.record.cgroup_id = bpf_get_current_cgroup_id();
	entry.record.netns = netns;
	entry.record.table = table;
	entry.record.error = error;
	bpf_get_current_comm(entry.record.comm, sizeof(entry.record.comm));
	before = bpf_map_lookup_elem(&routeless_threads, &tid);
	if (!before) {
		__sync_fetch_and_add(&routeless_count, 1);
	} else if (!same_end(before->record.flow.daddr, before->record.flow.dport, flow->daddr, flow->dport)) {
		/* The thread goes on to another destination: the one before has failed for good. */
		send_routeless(before);
	}
	bpf_map_update_elem(&routeless_threads, &tid, &entry, BPF_ANY);
}

SEC("tp_btf/fib_table_lookup")
int BPF_PROG(on_fib_table_lookup, u32 table, const struct flowi4 *flow4, const struct fib_nh_common *nexthop, int error)
{
	__u32 zero = 0;
	struct failed_lookup *lookup;
	struct wire_flow flow = {};
	bool tcp;

	if (!armed || (error == 0 && *(volatile __u32 *)&routeless_count == 0))
		return 0;
	/* On the way in the protocol is often not filled in (ip_route_input_slow). A table that misses is then too common to look at; a
	 * route that refuses is not. */
	tcp = READ(struct flowi4, flow4, __fl_common.flowic_proto) == PROTOCOL_TCP;
	if (!tcp && (error == 0 || error == -EAGAIN))
		return 0;
	flow.family = 4;
	*(__be32 *)flow.saddr = READ(struct flowi4, flow4, saddr);
	*(__be32 *)flow.daddr = READ(struct flowi4, flow4, daddr);
	flow.sport = bpf_ntohs(READ(struct flowi4, flow4, uli.ports.sport));
	flow.dport = bpf_ntohs(READ(struct flowi4, flow4, uli.ports.dport));
	if (error == 0) {
		forget_routeless(&flow);
		return 0;
	}
	lookup = bpf_map_lookup_elem(&failed_lookups, &zero);
	if (!lookup)
		return 0;
	lookup->ts_ns = bpf_ktime_get_ns();
	lookup->daddr_be = *(__be32 *)flow.daddr;
	lookup->table = table;
	lookup->error = error;
	if (tcp && flow.sport == 0 && flow.dport != 0)
		remember_routeless(&flow, table, error, lookup->ts_ns);
	return 0;
}

SEC("tp_btf/fib6_table_lookup")
int BPF_PROG(on_fib6_table_lookup, const struct net *net, const struct fib6_result *result, struct fib6_table *table,
	     const struct flowi6 *flow6)
{
	struct wire_flow flow = {};
	struct fib6_info *found;
	__u8 type;

	if (!armed || READ(struct flowi6, flow6, __fl_common.flowic_proto) != PROTOCOL_TCP)
		return 0;
	found = READ(struct fib6_result, result, f6i);
	type = READ(struct fib6_result, result, fib6_type);
	flow.family = 6;
	BPF_CORE_READ_INTO((struct in6_addr *)flow.saddr, flow6, saddr);
	BPF_CORE_READ_INTO((struct in6_addr *)flow.daddr, flow6, daddr);
	flow.sport = bpf_ntohs(READ(struct flowi6, flow6, uli.ports.sport));
	flow.dport = bpf_ntohs(READ(struct flowi6, flow6, uli.ports.dport));
	if (found != READ(struct net, net, ipv6.fib6_null_entry) && (type == RTN_UNICAST || type == RTN_LOCAL)) {
		forget_routeless(&flow);
		return 0;
	}
	if (flow.sport == 0 && flow.dport != 0) {
		/* As ip6_rt_type_to_error() and fib6_null_entry have it. */
		__s32 error = found == READ(struct net, net, ipv6.fib6_null_entry) ? -101 : type == 6 ? -22 : type == 8 ? -13 : -113;

		remember_routeless(&flow, READ(struct fib6_table, table, tb6_id), error, bpf_ktime_get_ns());
	}
	return 0;
}

static __always_inline void say_neighbour(const struct neighbour *neighbour)
{
	struct neighbour_key key = {.neighbour = (__u64)neighbour};
	__u64 now, *said;
	__u8 state = READ(struct neighbour, neighbour, nud_state);
	struct wire_neighbour *record;
	__u32 length;

	if (!(state & (NUD_INCOMPLETE | NUD_FAILED)))
		return;
	now = bpf_ktime_get_ns();
	key.failed = !!(state & NUD_FAILED);
	said = bpf_map_lookup_elem(&neighbours_said, &key);
	if (said && now - *said < NEIGHBOUR_INTERVAL_NS)
		return;
	bpf_map_update_elem(&neighbours_said, &key, &now, BPF_ANY);
	length = READ(struct neighbour, neighbour, tbl, key_len);
	if (length != 4 && length != 16)
		return;
	record = RESERVE(struct wire_neighbour, WIRE_KIND_NEIGHBOUR, now);
	if (!record)
		return;
	fill_place(&record->place, READ_ADDRESS(struct neighbour, neighbour, dev));
	record->state = state;
	record->family = length == 4 ? 4 : 6;
	if (length == 4)
		bpf_probe_read_kernel(record->address, 4, &neighbour->primary_key);
	else
		bpf_probe_read_kernel(record->address, 16, &neighbour->primary_key);
	bpf_ringbuf_submit(record, 0);
}

SEC("tp_btf/neigh_event_send_done")
int BPF_PROG(on_neigh_event_send_done, struct neighbour *neighbour)
{
	if (armed)
		say_neighbour(neighbour);
	return 0;
}

SEC("tp_btf/neigh_timer_handler")
int BPF_PROG(on_neigh_timer_handler, struct neighbour *neighbour)
{
	if (armed)
		say_neighbour(neighbour);
	return 0;
}
