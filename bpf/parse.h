/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From an sk_buff to a handshake packet. Reads headers only, never payload; says nothing about what the packet means. */
#ifndef SYNFATE_BPF_PARSE_H
#define SYNFATE_BPF_PARSE_H

#include "maps.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define PROTOCOL_TCP 6
#define PROTOCOL_ICMP 1
#define PROTOCOL_ICMPV6 58
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define TCP_STATE_ESTABLISHED 1
#define TCP_STATE_SYN_SENT 2
#define TCP_STATE_SYN_RECV 3
#define TCP_STATE_FIN_WAIT1 4
#define TCP_STATE_TIME_WAIT 6
#define TCP_STATE_CLOSE 7
#define TCP_STATE_CLOSE_WAIT 8
#define TCP_STATE_NEW_SYN_RECV 12

/* A packet that may belong to a handshake. */
struct packet {
	struct wire_flow flow; /* in SYN direction, whatever the packet's own direction is */
	__u64 skb;             /* address, an identity only; 0: not seen as an sk_buff */
	__u32 isn;             /* client's */
	__u32 server_isn;      /* legs SYN-ACK and ACK */
	__u8 leg;              /* enum wire_leg; 0: not of a handshake */
	__u8 icmp_type;
	__u8 icmp_code;
	__u8 ttl;
	/* Where it is now, as far as the caller knows it: 0 is not known. */
	__u64 device; /* address of the net_device */
	__u32 netns;
	__u32 event;       /* enum wire_packet_event; 0: not at a device */
	__u32 passed;      /* PASSED_*: it has no record and gets none */
	__u32 from_client; /* 1: known to be of a socket that is connecting, and so of one that chose its ISN by chance */
};

/* Both IP headers and the TCP header behind them fit: 40 + 20 bytes. */
#define HEAD_BYTES 64
union head {
	__u8 byte[HEAD_BYTES];
	__be32 word[HEAD_BYTES / 4];
	__be16 half[HEAD_BYTES / 2];
};

static __always_inline void swap_flow(struct wire_flow *flow)
{
	__u8 address[16];
	__u16 port = flow->sport;

	__builtin_memcpy(address, flow->saddr, 16);
	__builtin_memcpy(flow->saddr, flow->daddr, 16);
	__builtin_memcpy(flow->daddr, address, 16);
	flow->sport = flow->dport;
	flow->dport = port;
}

static __always_inline bool nobody_waits_for(__u32 isn)
{
	return *(volatile __u32 *)in_flight_bucket(isn) == 0;
}

/* The first bytes of a packet, and where the rest of its linear part is. */
struct headers {
	union head head;
	__u64 base;   /* skb->head, as a number */
	__u32 tail;   /* of the linear part, from base */
	__u32 offset; /* of the IP header, from base */
	__u32 length; /* bytes in head */
	__u32 _pad;
};

/* Reads what the linear part has at `offset` into head; returns how many bytes, 0 on a fault or nothing there. */
static __always_inline __u32 read_more(struct headers *headers, __u32 offset)
{
	__u32 length = headers->tail - offset;

	if (offset >= headers->tail)
		return 0;
	if (length > HEAD_BYTES)
		length = HEAD_BYTES;
	/* The verifier of 5.15 forgets the bound above once the register is spilled. */
	asm volatile("" : "+r"(length));
	if (length == 0 || length > HEAD_BYTES)
		return 0;
	if (bpf_probe_read_kernel(&headers->head, length, (void *)(headers->base + offset)))
		return 0;
	return length;
}

/* The TCP fields that decide: tcp points at the header's first word. Fills leg, isn, ports; the flow's direction is made that of the
 * SYN. Returns 0 for a packet of no handshake. */
static __always_inline int classify_tcp(struct packet *packet, __u32 ports_be, __u32 seq_be, __u32 ack_be, __u8 flags)
{
	__u32 seq = bpf_ntohl(seq_be), ack = bpf_ntohl(ack_be);

	packet->flow.sport = bpf_ntohs((__u16)(ports_be & 0xffff));
	packet->flow.dport = bpf_ntohs((__u16)(ports_be >> 16));
	if (flags & TCP_SYN) {
		if (flags & TCP_RST)
			return 0;
		if (!(flags & TCP_ACK)) {
			packet->leg = WIRE_LEG_SYN;
			packet->isn = seq;
			return 1;
		}
		packet->leg = WIRE_LEG_SYNACK;
		packet->isn = ack - 1;
		packet->server_isn = seq;
		swap_flow(&packet->flow);
		return 1;
	}
	if (flags & TCP_RST) {
		if ((flags & TCP_ACK) && !nobody_waits_for(ack - 1)) {
			packet->leg = WIRE_LEG_RESET;
			packet->isn = ack - 1;
			swap_flow(&packet->flow);
			return 1;
		}
		if (nobody_waits_for(seq - 1))
			return 0;
		packet->leg = WIRE_LEG_CLIENT_RESET;
		packet->isn = seq - 1;
		return 1;
	}
	if (!(flags & TCP_ACK) || nobody_waits_for(seq - 1))
		return 0;
	packet->leg = WIRE_LEG_ACK;
	packet->isn = seq - 1;
	packet->server_isn = ack - 1;
	return 1;
}

/* The packet that an ICMP error quotes starts at `offset`; only a SYN of an attempt under way is of interest. */
static __always_inline int read_quoted(struct packet *packet, struct headers *headers, __u32 offset, bool v6)
{
	__u32 length = read_more(headers, offset);
	const union head *quoted = &headers->head;
	__u32 seq;

	if (v6) {
		if (length < 48 || quoted->byte[6] != PROTOCOL_TCP)
			return 0;
		__builtin_memcpy(packet->flow.saddr, &quoted->byte[8], 16);
		__builtin_memcpy(packet->flow.daddr, &quoted->byte[24], 16);
		packet->flow.sport = bpf_ntohs(quoted->half[20]);
		packet->flow.dport = bpf_ntohs(quoted->half[21]);
		seq = bpf_ntohl(quoted->word[11]);
	} else {
		/* Options in a quoted SYN are too rare to pay for a second read. */
		if (length < 28 || quoted->byte[0] != 0x45 || quoted->byte[9] != PROTOCOL_TCP)
			return 0;
		__builtin_memset(packet->flow.saddr, 0, 32);
		*(__be32 *)packet->flow.saddr = quoted->word[3];
		*(__be32 *)packet->flow.daddr = quoted->word[4];
		packet->flow.sport = bpf_ntohs(quoted->half[10]);
		packet->flow.dport = bpf_ntohs(quoted->half[11]);
		seq = bpf_ntohl(quoted->word[6]);
	}
	if (nobody_waits_for(seq))
		return 0;
	packet->leg = WIRE_LEG_ICMP;
	packet->isn = seq;
	return 1;
}

static __always_inline int read_ipv4(struct packet *packet, struct headers *headers)
{
	union head *head = &headers->head;
	__u32 header = (head->byte[0] & 0xf) * 4;
	__u8 protocol = head->byte[9];

	/* A later fragment has no TCP header. */
	if (header < 20 || (head->half[3] & bpf_htons(0x1fff)))
		return 0;
	packet->ttl = head->byte[8];
	packet->flow.family = 4;
	*(__be32 *)packet->flow.saddr = head->word[3];
	*(__be32 *)packet->flow.daddr = head->word[4];
	if (protocol == PROTOCOL_TCP && header == 20 && headers->length >= 40)
		return classify_tcp(packet, head->word[5], head->word[6], head->word[7], head->byte[33]);
	if (protocol == PROTOCOL_TCP) {
		if (read_more(headers, headers->offset + header) < 20) {
			count(WIRE_COUNT_UNREADABLE);
			return 0;
		}
		return classify_tcp(packet, head->word[0], head->word[1], head->word[2], head->byte[13]);
	}
	if (protocol == PROTOCOL_ICMP && header == 20 && headers->length >= 28) {
		__u8 type = head->byte[20];

		/* Destination unreachable, time exceeded, parameter problem quote the offending packet. */
		if (type != 3 && type != 11 && type != 12)
			return 0;
		packet->icmp_type = type;
		packet->icmp_code = head->byte[21];
		return read_quoted(packet, headers, headers->offset + 28, false);
	}
	return 0;
}

static __always_inline int read_ipv6(struct packet *packet, struct headers *headers)
{
	union head *head = &headers->head;
	__u8 protocol = head->byte[6];
	__u32 at = headers->offset + 40;

	packet->ttl = head->byte[7];
	packet->flow.family = 6;
	__builtin_memcpy(packet->flow.saddr, &head->byte[8], 16);
	__builtin_memcpy(packet->flow.daddr, &head->byte[24], 16);
	if (protocol == PROTOCOL_TCP && headers->length >= 60)
		return classify_tcp(packet, head->word[10], head->word[11], head->word[12], head->byte[53]);
	if (protocol == PROTOCOL_ICMPV6 && headers->length >= 48) {
		__u8 type = head->byte[40];

		if (type < 1 || type > 4)
			return 0;
		packet->icmp_type = type;
		packet->icmp_code = head->byte[41];
		return read_quoted(packet, headers, headers->offset + 48, true);
	}
	/* Hop-by-hop, routing and destination options before TCP: at most three in practice. */
	for (int i = 0; i < 3; i++) {
		if (protocol != 0 && protocol != 43 && protocol != 60)
			break;
		if (read_more(headers, at) < 8)
			return 0;
		protocol = head->byte[0];
		at += ((__u32)head->byte[1] + 1) * 8;
	}
	if (protocol != PROTOCOL_TCP)
		return 0;
	if (read_more(headers, at) < 20) {
		count(WIRE_COUNT_UNREADABLE);
		return 0;
	}
	return classify_tcp(packet, head->word[0], head->word[1], head->word[2], head->byte[13]);
}

/* The whole reading, for packets that got past the quick look. */
SUBPROGRAM int read_headers(struct packet *packet, struct headers *headers)
{
	if (!packet || !headers)
		return 0;
	if ((headers->head.byte[0] >> 4) == 4)
		return read_ipv4(packet, headers);
	return read_ipv6(packet, headers);
}

/* Nearly every packet is of no handshake: a look at the protocol, the flags and, for an ACK, one table of counters tells. */
static __always_inline bool is_ordinary(const union head *head, __u32 length)
{
	__u8 version = head->byte[0] >> 4;

	if (version == 4) {
		if (head->byte[9] == PROTOCOL_ICMP)
			return head->byte[20] == 0 || head->byte[20] == 8;
		if (head->byte[9] != PROTOCOL_TCP)
			return true;
		return head->byte[0] == 0x45 && length >= 40 && !(head->byte[33] & (TCP_SYN | TCP_RST)) &&
		       nobody_waits_for(bpf_ntohl(head->word[6]) - 1);
	}
	if (version == 6) {
		if (head->byte[6] == PROTOCOL_TCP)
			return length >= 60 && !(head->byte[53] & (TCP_SYN | TCP_RST)) && nobody_waits_for(bpf_ntohl(head->word[11]) - 1);
		return head->byte[6] == 17;
	}
	return true;
}

/* A packet's headers where they are: an object of the kernel's that is longer than they are and has no pointers in front, whose bytes may
 * be loaded in words. Only where has_cast. */
static __always_inline const union head *head_in_place(__u64 address)
{
	return (const union head *)OBJECT(struct __kernel_sockaddr_storage, address);
}

/* TCP right behind an IP header without options or extensions, as nearly all is: read where it is. */
static __always_inline bool is_plain(const union head *head, __u32 length)
{
	if (head->byte[0] == 0x45)
		return length >= 40 && head->byte[9] == PROTOCOL_TCP && !(head->half[3] & bpf_htons(0x1fff));
	return (head->byte[0] >> 4) == 6 && length >= 60 && head->byte[6] == PROTOCOL_TCP;
}

static __always_inline int read_plain(struct packet *packet, const union head *head)
{
	if (head->byte[0] == 0x45) {
		packet->ttl = head->byte[8];
		packet->flow.family = 4;
		*(__be32 *)packet->flow.saddr = head->word[3];
		*(__be32 *)packet->flow.daddr = head->word[4];
		return classify_tcp(packet, head->word[5], head->word[6], head->word[7], head->byte[33]);
	}
	packet->ttl = head->byte[7];
	packet->flow.family = 6;
	__builtin_memcpy(packet->flow.saddr, &head->word[2], 16);
	__builtin_memcpy(packet->flow.daddr, &head->word[6], 16);
	return classify_tcp(packet, head->word[10], head->word[11], head->word[12], head->byte[53]);
}

/* Reads the IP packet that starts at `offset` from skb->head; 0: it is of no handshake. The packet must be zeroed. */
static __always_inline int read_ip(struct packet *packet, const struct sk_buff *skb, __u32 offset)
{
	struct headers headers;
	unsigned char *base = skb->head;
	__u32 tail = skb->tail, length = tail - offset;

	if (offset >= tail)
		return 0;
	if (has_cast) {
		const union head *head = head_in_place((__u64)base + offset);

		if (length < 28 || is_ordinary(head, length))
			return 0;
		if (is_plain(head, length)) {
			packet->skb = as_number(skb);
			return read_plain(packet, head);
		}
	}
	if (length > HEAD_BYTES)
		length = HEAD_BYTES;
	asm volatile("" : "+r"(length));
	if (length < 28 || length > HEAD_BYTES)
		return 0;
	if (bpf_probe_read_kernel(&headers.head, length, base + offset) || is_ordinary(&headers.head, length))
		return 0;
	packet->skb = (__u64)skb;
	headers.base = (__u64)base;
	headers.tail = tail;
	headers.offset = offset;
	headers.length = length;
	headers._pad = 0;
	return read_headers(packet, &headers);
}

/* Where the packet's IP header is. On the way in, netif_receive_skb fires before the network header is set, but data points at it
 * (__netif_receive_skb_core, all releases); on the way out data is at the link header. */
static __always_inline __u32 receive_offset(const struct sk_buff *skb)
{
	return (__u32)((__u64)skb->data - (__u64)skb->head);
}

static __always_inline __u32 transmit_offset(const struct sk_buff *skb)
{
	/* A tunnel's own headers are in front of the handshake that it carries. */
	if (BPF_CORE_READ_BITFIELD(skb, encapsulation) && skb->inner_network_header)
		return skb->inner_network_header;
	return skb->network_header;
}

static __always_inline bool is_ip(const struct sk_buff *skb)
{
	__be16 protocol = skb->protocol;

	/* A VLAN tag that the device does not take by itself replaces the protocol, and the IP header stays where it was. */
	return protocol == bpf_htons(ETHERTYPE_IPV4) || protocol == bpf_htons(ETHERTYPE_IPV6) || protocol == bpf_htons(0x8100) ||
	       protocol == bpf_htons(0x88a8);
}

#endif
