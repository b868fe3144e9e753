/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which record of the flight recorder a packet belongs to. Opens none. */
#ifndef SYNFATE_BPF_FIND_H
#define SYNFATE_BPF_FIND_H

#include "place.h"
#include "places.h"

static __always_inline bool same_flow(const struct wire_flow *a, const struct wire_flow *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3] && x[4] == y[4];
}

static __always_inline bool same_end(const __u8 *a, __u16 a_port, const __u8 *b, __u16 b_port)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return a_port == b_port && x[0] == y[0] && x[1] == y[1];
}

/* Index of the face that equals this flow, or WIRE_MAX_FACES. */
SUBPROGRAM int find_face(const struct flight *attempt, const struct wire_flow *flow)
{
	if (!attempt || !flow)
		return WIRE_MAX_FACES;
	for (__u32 i = 0; i < WIRE_MAX_FACES; i++) {
		if (i >= attempt->face_count)
			break;
		if (same_flow(&attempt->faces[i], flow))
			return i;
	}
	return WIRE_MAX_FACES;
}

/* Does an answer in this flow come from, or go to, an end that the attempt has shown? An answer whose other end was translated on its
 * way is still an answer to it. */
static __always_inline bool shares_an_end(const struct flight *attempt, const struct wire_flow *flow)
{
	for (__u32 i = 0; i < WIRE_MAX_FACES; i++) {
		const struct wire_flow *face = &attempt->faces[i];

		if (i >= attempt->face_count)
			break;
		if (same_end(face->saddr, face->sport, flow->saddr, flow->sport) ||
		    same_end(face->daddr, face->dport, flow->daddr, flow->dport))
			return true;
	}
	return false;
}

/* Where only some devices are observed, a SYN may have been seen first where nothing of its socket was left, and translated: the ISN and an
 * end tell that it is the socket's. */
static __always_inline bool may_be_adopted(const struct flight *attempt, const struct packet *packet)
{
	return cfg.scoped && packet->from_client && !(attempt->flags & WIRE_ATTEMPT_LOCAL_CLIENT) && shares_an_end(attempt, &packet->flow);
}

/* Is this a packet that enters where the attempt's first SYN did? */
static __always_inline bool comes_in_afresh(const struct flight *attempt, const struct packet *packet)
{
	return packet->event && attempt->hop_count && attempt->hops[0].event == packet->event && attempt->hops[0].device == packet->device;
}

/* Is it the very sk_buff that was seen last? An answer, made while a SYN is still held, does not take the SYN's place. */
static __always_inline bool is_last_seen(const struct flight *attempt, const struct packet *packet)
{
	return packet->skb && packet->skb == (packet->leg == WIRE_LEG_SYN ? attempt->syn_skb : attempt->last_skb);
}

/* Is this packet of that attempt? Its flow is known there, or it is the very sk_buff that was seen last (NAT rewrites in place), or it
 * answers one of its ends. `origin_netns` is set for packets that are made here: two namespaces may use the same addresses. Returns
 * the face, WIRE_MAX_FACES if the flow is none of them, -1 if the packet is another attempt's. */
SUBPROGRAM int face_if_belongs(const struct flight *attempt, const struct packet *packet, __u32 origin_netns)
{
	__u32 face;

	if (!attempt || !packet)
		return -1;
	if (origin_netns && packet->leg == WIRE_LEG_SYN && attempt->netns != origin_netns && !may_be_adopted(attempt, packet))
		return -1;
	face = find_face(attempt, &packet->flow);
	if (face < WIRE_MAX_FACES)
		return face;
	/* A sender that uses one ISN for all its flows may get the memory that its last packet had: NAT rewrites a SYN on its way only. */
	if (is_last_seen(attempt, packet) && !comes_in_afresh(attempt, packet))
		return WIRE_MAX_FACES;
	/* Where a translation was not observed, both ISNs together are the connection's and nobody else's. */
	if (cfg.scoped && packet->server_isn && packet->server_isn == attempt->server_isn)
		return WIRE_MAX_FACES;
	if (origin_netns && may_be_adopted(attempt, packet))
		return WIRE_MAX_FACES;
	/* The ISN of a socket of this machine is nobody else's: a SYN that was translated, and waited while its retransmit came by. */
	if (packet->leg == WIRE_LEG_SYN && !(attempt->flags & WIRE_ATTEMPT_LOCAL_CLIENT))
		return -1;
	return shares_an_end(attempt, &packet->flow) ? WIRE_MAX_FACES : -1;
}

/* The attempts with one ISN may have one flow as well, each in namespaces of its own. Which of those is a packet's? The one whose very
 * sk_buff it is, else the one whose SYN had come to where it is now. More is more alike. */
SUBPROGRAM int likeness(const struct flight *attempt, const struct packet *packet)
{
	__u32 netns;

	if (!attempt || !packet)
		return 0;
	if (is_last_seen(attempt, packet))
		return 3;
	netns = packet->netns;
	if (!netns && packet->device)
		netns = device_netns((struct net_device *)packet->device);
	if (!netns)
		return 1;
	if (!attempt->far_device)
		return netns == attempt->netns ? 2 : 1;
	return netns == device_netns((struct net_device *)attempt->far_device) ? 2 : 1;
}

/* Several attempts may carry one ISN: scanners and raw senders use constants. The way of the one that is the packet's, -1 if none is. */
SUBPROGRAM int way_among(const struct packet *packet, __u32 origin_netns, __u32 *face)
{
	const struct ways *set;
	__u32 index, way;
	int found, liked, like = 0, best = -1;

	if (!packet || !face)
		return -1;
	index = set_of(packet->isn);
	set = bpf_map_lookup_elem(&attempt_sets, &index);
	if (!set)
		return -1;
	for (way = 0; way < WAYS; way++) {
		const struct flight *attempt;

		if (set->taken[way] != (PLACE_TAKEN | packet->isn))
			continue;
		attempt = flight_at(index, way);
		found = face_if_belongs(attempt, packet, origin_netns);
		if (found < 0)
			continue;
		/* A flow that the attempt has shown says more than an address in memory. */
		liked = likeness(attempt, packet) + (found < WIRE_MAX_FACES ? 4 : 0);
		if (liked > like) {
			like = liked;
			*face = found;
			best = way;
		}
	}
	return best;
}

/* The packet's record, or nothing. */
static __always_inline struct flight *find_attempt(const struct packet *packet, __u32 origin_netns, __u32 *face)
{
	__u32 index = set_of(packet->isn), way;
	struct ways *set = bpf_map_lookup_elem(&attempt_sets, &index);
	struct flight *attempt;
	int found;

	if (!set)
		return 0;
	way = way_of(set, PLACE_TAKEN | packet->isn);
	if (way & SEVERAL) {
		found = way_among(packet, origin_netns, face);
		return found < 0 ? 0 : flight_at(index, found);
	}
	if (way >= WAYS)
		return 0;
	attempt = flight_at(index, way);
	found = face_if_belongs(attempt, packet, origin_netns);
	if (found < 0)
		return 0;
	*face = found;
	return attempt;
}

#endif
