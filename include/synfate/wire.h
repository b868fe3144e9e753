/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The contract between bpf/ (observes) and userspace/ (judges). Compiled as C by clang -target bpf and as C++20 by the host.
 *
 * Plain data only: no pointers, enums, bools or bitfields in fields; padding is written out and zeroed; numbers are append-only and
 * never reused; sizes are multiples of 8 and asserted. Times are bpf_ktime_get_ns() (CLOCK_MONOTONIC, nanoseconds). Numbers are in
 * host order, addresses in network order. Any change to a layout or to a number bumps WIRE_VERSION. */
#ifndef SYNFATE_WIRE_H
#define SYNFATE_WIRE_H

#if defined(__bpf__)
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define WIRE_ASSERT(cond, why) static_assert(cond, why)
#else
#define WIRE_ASSERT(cond, why) _Static_assert(cond, why)
#endif

#define WIRE_VERSION 7

/* A healthy attempt through two kind nodes and the host's bridge makes 24 hops in its three legs. */
#define WIRE_MAX_HOPS 24
/* As the client sent it, after DNAT, after SNAT, and one to spare. */
#define WIRE_MAX_FACES 4
#define WIRE_DEVICE_LEN 16
#define WIRE_COMM_LEN 16
/* "symbol+0x123/0x456 [module]"; the kernel's KSYM names are longer only for generated ones. */
#define WIRE_SYMBOL_LEN 96
/* XT_TABLE_MAXNAMELEN; nf_tables names have up to 255 bytes, of which a table's rarely use 20. */
#define WIRE_XT_TABLE_LEN 32
#define WIRE_TABLE_LEN 128
#define WIRE_CHAIN_LEN 256
#define WIRE_EXPRESSION_LEN 16
/* A hook that was not recovered from the stack. */
#define WIRE_HOOK_NONE 0xff

enum wire_kind {
	WIRE_KIND_INVALID = 0, /* a zeroed record is never valid */
	WIRE_KIND_ATTEMPT = 1, /* struct wire_attempt: a flight record, sent whole when something goes wrong */
	WIRE_KIND_PACKET = 2,  /* struct wire_packet: a handshake packet at a device */
	WIRE_KIND_DROP = 3,    /* struct wire_drop: a handshake packet freed as a drop */
	WIRE_KIND_SOCKET = 4,  /* struct wire_socket: what TCP itself did */
	WIRE_KIND_ICMP = 5,    /* struct wire_icmp: this kernel sends an ICMP error about a handshake packet */
	WIRE_KIND_ROUTE = 6,   /* struct wire_route: a connect() that found no route and so sent no SYN */
	WIRE_KIND_NEIGHBOUR = 7, /* struct wire_neighbour: an unresolved neighbour */
	WIRE_KIND_LESSON = 9, /* of a calibration, between the loader and its programs: bpf/lesson_record.h */
	WIRE_KIND_VERDICT = 8, /* struct wire_verdict: which rule or hook entry gave a netfilter verdict */
	WIRE_KIND_CLOSING = 10, /* struct wire_closing: a connection that ended soon after its handshake, without a byte from its server */
	WIRE_KIND_DECISION = 11, /* struct wire_decision: what a listener did with a SYN */
	WIRE_KIND_HEADING = 16, /* struct heading, between the programs and the loader, which takes it: bpf/heading.h */
	WIRE_KIND_RECEIVER = 15, /* struct wire_receiver: the socket that a dropped packet was for */
};

/* Which packet of the handshake; the direction is implied. */
enum wire_leg {
	WIRE_LEG_NONE = 0,
	WIRE_LEG_SYN = 1,
	WIRE_LEG_SYNACK = 2,
	WIRE_LEG_ACK = 3,          /* client's final ACK, or data that carries it */
	WIRE_LEG_RESET = 4,        /* RST towards the client */
	WIRE_LEG_CLIENT_RESET = 5, /* RST from the client */
	WIRE_LEG_ICMP = 6,         /* an ICMP error that quotes the SYN */
};

enum wire_packet_event {
	WIRE_PACKET_XMIT = 1,    /* net_dev_start_xmit */
	WIRE_PACKET_RECEIVE = 2, /* netif_receive_skb */
	WIRE_PACKET_ENQUEUE = 3, /* netif_rx: into the CPU backlog; streamed attempts only */
	WIRE_PACKET_QUEUE = 4,   /* on its way out, in front of the device's queue or of other programs of tc: not at its driver yet */
};

enum wire_socket_event {
	WIRE_SOCKET_STATE = 1,             /* inet_sock_set_state; old_state, new_state */
	WIRE_SOCKET_RETRANSMIT = 2,        /* tcp_retransmit_skb of a SYN */
	WIRE_SOCKET_SYNACK_RETRANSMIT = 3, /* tcp_retransmit_synack */
	WIRE_SOCKET_ERROR = 4,             /* inet_sk_error_report; error */
	WIRE_SOCKET_RESET_SENT = 5,        /* tcp_send_reset */
	WIRE_SOCKET_RESET_RECEIVED = 6,    /* tcp_receive_reset */
	WIRE_SOCKET_STALE = 7,             /* the sweep found the attempt unfinished and silent */
	WIRE_SOCKET_PASSED = 8,            /* the final ACK left where the SYN had left: complete as far as this machine goes */
};

enum wire_device_kind {
	WIRE_DEVICE_UNKNOWN = 0, /* no device, or a kind without a name here */
	WIRE_DEVICE_PHYSICAL = 1, /* has a parent device: a NIC, or a virtual machine's virtio NIC */
	WIRE_DEVICE_LOOPBACK = 2,
	WIRE_DEVICE_VETH = 3,
	WIRE_DEVICE_BRIDGE = 4,
	WIRE_DEVICE_TUN = 5,
	WIRE_DEVICE_VXLAN = 6,
	WIRE_DEVICE_GENEVE = 7,
	WIRE_DEVICE_IPIP = 8,
	WIRE_DEVICE_GRE = 9,
	WIRE_DEVICE_WIREGUARD = 10,
	WIRE_DEVICE_VLAN = 11,
	WIRE_DEVICE_MACVLAN = 12,
	WIRE_DEVICE_IPVLAN = 13,
	WIRE_DEVICE_DUMMY = 14,
	WIRE_DEVICE_IFB = 15,
	WIRE_DEVICE_VRF = 16,
	WIRE_DEVICE_BOND = 17,
	WIRE_DEVICE_NETKIT = 18,
};

/* wire_attempt.flags */
#define WIRE_ATTEMPT_LOCAL_CLIENT (1u << 0)       /* its first packet was made by a socket of this machine */
#define WIRE_ATTEMPT_CLIENT_ESTABLISHED (1u << 1) /* client's socket reached ESTABLISHED */
#define WIRE_ATTEMPT_SERVER_ESTABLISHED (1u << 2) /* server's socket reached ESTABLISHED */
#define WIRE_ATTEMPT_STREAMED (1u << 3)           /* submitted; its events are sent as they happen */
#define WIRE_ATTEMPT_PASSED (1u << 4)             /* the final ACK was seen, so the client has its answer, by whatever way */
#define WIRE_ATTEMPT_OWNER (1u << 6)              /* tgid, tid, comm and cgroup are known */
#define WIRE_ATTEMPT_CLIENT_CLOSED (1u << 8)      /* client's socket left SYN_SENT without being connected */
#define WIRE_ATTEMPT_CROWDED (1u << 9)            /* more failed at once than are told: counted, and never sent */
#define WIRE_ATTEMPT_ASKED_SHIFT 28 /* two bits: index of the face as the client sent it, where its socket was met later */

struct wire_header {
	__u16 kind; /* enum wire_kind */
	__u16 size; /* bytes of the whole record, header included */
	__u32 cpu;
	__u64 ts_ns;
};
WIRE_ASSERT(sizeof(struct wire_header) == 16, "wire_header");

struct wire_flow {
	__u8 saddr[16]; /* network order; IPv4 in the first four bytes, the rest zero */
	__u8 daddr[16];
	__u16 sport;
	__u16 dport;
	__u8 family; /* 4 or 6; 0: none */
	__u8 _pad[3];
};
WIRE_ASSERT(sizeof(struct wire_flow) == 40, "wire_flow");

struct wire_place {
	__u32 netns;   /* inode number; 0: unknown */
	__u32 ifindex; /* 0: no device */
	__u32 device_kind; /* enum wire_device_kind */
	__u32 _pad;
	char device[WIRE_DEVICE_LEN]; /* not trusted: any byte but NUL and '/' */
};
WIRE_ASSERT(sizeof(struct wire_place) == 32, "wire_place");

struct wire_hop {
	__u64 ts_ns;
	__u32 tag; /* low half of the attempt's id: a hop whose tag differs was written into a reused record */
	__u8 event; /* enum wire_packet_event */
	__u8 leg;   /* enum wire_leg */
	__u8 face;  /* index into wire_attempt.faces of the SYN-direction flow; WIRE_MAX_FACES: none fitted */
	__u8 icmp;  /* leg ICMP: type << 4 | min(code, 15) */
	struct wire_place place;
};
WIRE_ASSERT(sizeof(struct wire_hop) == 48, "wire_hop");

/* The flight record. Of its hops the first hop_count are used, in the order in which they were written; a size that ends after fewer hops
 * is valid. Other CPUs may append while it is copied: hop_count may exceed the hops that are there, and the last of them may be zero. */
struct wire_attempt {
	struct wire_header header; /* filled in when it is submitted */
	__u64 id;                  /* unique while synfate runs; never 0 */
	__u64 first_ns;
	__u64 last_ns;
	__u64 cgroup_id;  /* cgroup v2 inode of the connecting process */
	__u64 last_skb;   /* address, an identity only */
	__u32 isn;        /* client's initial sequence number */
	__u32 server_isn; /* 0 until a SYN-ACK is seen */
	__u32 flags;      /* WIRE_ATTEMPT_* */
	__u32 scope;      /* filter conditions met so far; the kernel side's own */
	__u32 netns;      /* where it was first seen */
	__u32 tgid;       /* in synfate's own pid namespace; 0: not visible there */
	__u32 tid;
	__u32 hop_count;  /* counted; beyond WIRE_MAX_HOPS they are only in hops_lost */
	__u32 hops_lost;
	__u32 far_netns;  /* the farthest point that a SYN reached */
	__u32 far_ifindex;
	__u32 far_event;  /* enum wire_packet_event */
	__u16 syns;       /* SYNs counted at the first point, retransmits included */
	__u16 synacks;
	__u16 face_count;
	__u16 _pad2;
	/* What the client's socket was told before connect(); 0: nothing, or not known. */
	__u32 user_timeout_ms; /* TCP_USER_TIMEOUT */
	__u8 syn_retries;      /* TCP_SYNCNT */
	__u8 _pad[3];
	char comm[WIRE_COMM_LEN]; /* not trusted */
	struct wire_flow faces[WIRE_MAX_FACES]; /* in SYN direction; [0] as the client sent it */
	struct wire_hop hops[WIRE_MAX_HOPS];
};
WIRE_ASSERT(sizeof(struct wire_attempt) == 16 + 40 + 48 + 8 + 8 + 16 + 160 + WIRE_MAX_HOPS * 48, "wire_attempt");

/* What every streamed record says about the packet that it is about. */
struct wire_subject {
	__u64 attempt; /* wire_attempt.id; 0: the attempt has no record (the table was full) */
	__u64 skb;     /* address, an identity only */
	__u32 isn;     /* client's */
	__u8 leg;      /* enum wire_leg */
	__u8 local_client; /* 1: this packet comes from a connecting socket of this machine */
	__u16 _pad;
	struct wire_flow flow; /* the packet's own direction */
	struct wire_place place;
};
WIRE_ASSERT(sizeof(struct wire_subject) == 96, "wire_subject");

struct wire_packet {
	struct wire_header header;
	struct wire_subject subject;
	__u32 event; /* enum wire_packet_event */
	__u8 icmp_type; /* leg ICMP */
	__u8 icmp_code;
	__u16 _pad;
};
WIRE_ASSERT(sizeof(struct wire_packet) == 120, "wire_packet");

struct wire_drop {
	struct wire_header header;
	struct wire_subject subject;
	__u64 location; /* kernel code address that freed it */
	__u32 reason;   /* running kernel's enum skb_drop_reason; ~0 where the kernel has none */
	__s32 route_error; /* dst_entry.error of the packet's route, negative errno; 0: none or no route */
	__s32 lookup_error; /* fib_table_lookup's error for this destination just before, on this CPU; 0: none */
	__u32 lookup_table; /* its routing table */
	__u32 in_ifindex;  /* nf_hook_state of the traversal that dropped it */
	__u32 out_ifindex;
	__u8 hook; /* NF_INET_* number; WIRE_HOOK_NONE: not a netfilter drop, or not recovered */
	__u8 hook_family; /* NFPROTO_* */
	__u8 gateway_family; /* 4, 6; 0: the destination is on link, or no route */
	__u8 packet_type; /* skb->pkt_type: 3 is OTHERHOST */
	__u8 ttl;
	__u8 _pad[3];
	__u8 gateway[16];
	__u8 mac_destination[6]; /* zero where there is no Ethernet header */
	__u8 mac_source[6];
	__u32 length; /* bytes from the network header */
	char in_device[WIRE_DEVICE_LEN];
	char out_device[WIRE_DEVICE_LEN];
	char symbol[WIRE_SYMBOL_LEN]; /* the running kernel's own rendering of location, module included */
	/* Who was running: only where a packet is freed in a process's own context, as by the owner of an nfqueue, is it who did it. */
	__u32 context_tgid; /* in synfate's own pid namespace; 0: not visible there */
	__u32 _pad2;
	char context_comm[WIRE_COMM_LEN]; /* not trusted */
};
WIRE_ASSERT(sizeof(struct wire_drop) == 16 + 96 + 8 + 24 + 8 + 16 + 16 + 32 + WIRE_SYMBOL_LEN + 24, "wire_drop");

enum wire_how {
	WIRE_HOW_STACK = 1,    /* the frames of the functions that were still running */
	WIRE_HOW_FENTRY = 2,   /* the functions that evaluate rules, traced */
	WIRE_HOW_COUNTERS = 3, /* the rules' own counters before and after */
	WIRE_HOW_NFTRACE = 4,  /* made by user space from a message of NFNLGRP_NFTRACE or of NFLOG */
};

enum wire_rule_kind {
	WIRE_RULE_NONE = 0, /* not determined: wire_verdict.doubt */
	WIRE_RULE_NFT = 1,
	WIRE_RULE_NFT_POLICY = 2,
	WIRE_RULE_XT = 3,
};

enum wire_outcome {
	WIRE_OUTCOME_DROP = 0,
	WIRE_OUTCOME_ACCEPT = 1,
	WIRE_OUTCOME_JUMP = 2,
	WIRE_OUTCOME_GOTO = 3,
	WIRE_OUTCOME_RETURN = 4,
	WIRE_OUTCOME_CONTINUE = 5,
	WIRE_OUTCOME_OTHER = 6, /* queue, stolen, repeat */
};

/* Why a rule is not determined. */
enum wire_doubt {
	WIRE_DOUBT_NONE = 0,
	WIRE_DOUBT_NOT_CALIBRATED = 1, /* this kernel's frames have not been learnt */
	WIRE_DOUBT_UNKNOWN_SITE = 2,   /* freed at a place that the calibration never saw */
	WIRE_DOUBT_UNREADABLE = 3,     /* the stack could not be read, or does not have the shape that was learnt */
	WIRE_DOUBT_NO_RULE = 4,        /* what the frame points at is in no rule that is in force: the ruleset was replaced meanwhile */
	WIRE_DOUBT_NOT_FINAL = 5,      /* the expression cannot give such a verdict */
	WIRE_DOUBT_SEVERAL = 6,        /* more than one rule or policy fits */
	WIRE_DOUBT_TOO_MANY = 7,       /* more chains or rules than are searched */
	WIRE_DOUBT_DISAGREE = 8,       /* two ways to tell gave different rules */
	WIRE_DOUBT_NO_COUNTER = 9,     /* no rule's counter moved as it must have */
	WIRE_DOUBT_REPLACED = 10,      /* the table was replaced between the two readings of its counters */
	WIRE_DOUBT_OLD_KERNEL = 11,    /* this kernel's rules have a layout that is not read (before 5.17) */
	WIRE_DOUBT_BUDGET = 12,        /* so many different rules dropped on this CPU just then that this one was not searched for */
};

/* Who gave the verdict for a packet that was dropped: header.ts_ns and subject.skb are those of its wire_drop. With WIRE_HOW_NFTRACE
 * one rule on its way, dropped or not, and only the time is near. */
struct wire_verdict {
	struct wire_header header;
	struct wire_subject subject;
	__u64 table_handle; /* 0: not known */
	__u64 chain_handle;
	__u64 handle;     /* of the rule */
	__u64 generation; /* WIRE_RULE_XT: address of the xt_table_info, an identity only; else the cookie of the namespace */
	__u64 proof;      /* hash of what the rule matches and does, as the kernel holds it */
	__u32 number;     /* from 1 in its chain; 0: a policy, or not known */
	__u32 offset;     /* WIRE_RULE_XT: of the entry in its table, bytes; else half of the proof */
	__s32 priority;   /* of the hook entry */
	__u16 entry_index;
	__u16 entry_count; /* 0: the hook entry is not known */
	__u8 how;          /* enum wire_how */
	__u8 kind;         /* enum wire_rule_kind */
	__u8 family;       /* NFPROTO_* of the table */
	__u8 doubt;        /* enum wire_doubt */
	__u8 outcome;      /* enum wire_outcome */
	__u8 has_priority;
	__u8 _pad[2];
	char expression[WIRE_EXPRESSION_LEN]; /* nf_tables: name of the expression that gave the verdict */
	char xt_table[WIRE_XT_TABLE_LEN];     /* of a hook entry that is a table of xtables */
	char symbol[WIRE_SYMBOL_LEN];         /* of the hook entry's function */
	char table[WIRE_TABLE_LEN];           /* not trusted; a longer name is cut */
	char chain[WIRE_CHAIN_LEN];           /* not trusted */
	char target[WIRE_TABLE_LEN];          /* WIRE_OUTCOME_JUMP, _GOTO: where to; not trusted */
	__u32 ruleset; /* the namespace's generation of nf_tables when the packet was freed, as NFT_MSG_GETGEN tells it; 0: not known */
	__u32 _pad2;
};
WIRE_ASSERT(sizeof(struct wire_verdict) == 16 + 96 + 40 + 16 + 8 + 16 + 32 + WIRE_SYMBOL_LEN + 128 + 256 + 128 + 8, "wire_verdict");

struct wire_socket {
	struct wire_header header;
	struct wire_subject subject;
	__u64 socket; /* address, an identity only */
	__u32 event;  /* enum wire_socket_event */
	__s32 error;  /* sk_err, positive errno */
	__u8 old_state; /* TCP_* */
	__u8 new_state;
	__u8 at_server; /* 1: the server's socket, 0: the client's */
	__u8 _pad[5];
};
WIRE_ASSERT(sizeof(struct wire_socket) == 136, "wire_socket");

struct wire_icmp {
	struct wire_header header;
	struct wire_subject subject; /* the offending packet */
	__u32 type;
	__u32 code;
};
WIRE_ASSERT(sizeof(struct wire_icmp) == 120, "wire_icmp");

struct wire_route {
	struct wire_header header;
	struct wire_flow flow; /* sport 0; saddr zero where the socket was not bound */
	__u64 cgroup_id;
	__u32 netns;
	__u32 tgid;
	__u32 tid;
	__u32 table;
	__s32 error; /* negative errno of the last lookup */
	__u32 _pad;
	char comm[WIRE_COMM_LEN];
};
WIRE_ASSERT(sizeof(struct wire_route) == 104, "wire_route");

struct wire_neighbour {
	struct wire_header header;
	struct wire_place place;
	__u8 address[16];
	__u8 family; /* 4 or 6 */
	__u8 state;  /* NUD_*: 0x01 INCOMPLETE, 0x20 FAILED, ... */
	__u8 _pad[6];
};
WIRE_ASSERT(sizeof(struct wire_neighbour) == 72, "wire_neighbour");

/* The end of a connection whose attempt has no record any more, as one of its two sockets saw it. subject.flow is as the client sent it. */
struct wire_closing {
	struct wire_header header;
	struct wire_subject subject;
	__u64 socket;       /* address, an identity only */
	__u64 handshake_ns; /* when this socket became ESTABLISHED */
	__u64 first_ns;     /* as wire_attempt.first_ns */
	__u64 bytes_sent;   /* by this socket, of the stream */
	__u64 bytes_received;
	__u64 client_cgroup_id; /* of the client's process; 0 also where it is not known */
	__u64 closer_cgroup_id; /* of the process that closed this socket; 0: it was the other end, and nobody's process is known */
	__u32 origin_netns;     /* as wire_attempt.netns */
	__u32 client_tgid;      /* in synfate's own pid namespace; 0: not visible there */
	__u32 client_tid;
	__u32 closer_tgid;
	__s32 error; /* sk_err, positive errno */
	__u8 at_server;
	__u8 new_state; /* TCP_* that it went to from ESTABLISHED */
	__u8 shutdown;  /* sk_shutdown: 1 no more is read, 2 no more is sent */
	__u8 counted;   /* 1: WIRE_COUNT_ESTABLISHED has this attempt in it, and this record is the first about it */
	char client_comm[WIRE_COMM_LEN]; /* not trusted */
	char closer_comm[WIRE_COMM_LEN]; /* not trusted */
	struct wire_flow own;            /* in SYN direction, as this socket has it */
};
WIRE_ASSERT(sizeof(struct wire_closing) == 16 + 96 + 56 + 24 + 32 + 40, "wire_closing");

/* wire_receiver.flags */
#define WIRE_RECEIVER_FILTER (1u << 0)         /* a filter is attached to it */
#define WIRE_RECEIVER_PROGRAMS_READ (1u << 1) /* the programs of its cgroup are known */
#define WIRE_RECEIVER_PROGRAMS 4

/* Sent along with the wire_drop of this header.ts_ns and subject.skb; from kernels that tell which socket it was (6.11). */
struct wire_receiver {
	struct wire_header header;
	struct wire_subject subject;
	__u64 cgroup_id;     /* of the socket; 0: not known */
	__u32 flags;         /* WIRE_RECEIVER_* */
	__u32 filter_id;     /* the filter's number as a BPF program; 0: it has none, as a classic filter */
	__u32 ingress_count; /* ingress programs that hold for its cgroup */
	__u32 ingress_id[WIRE_RECEIVER_PROGRAMS];
	__u8 state; /* TCP_*: 10 LISTEN, 6 TIME_WAIT, 12 NEW_SYN_RECV */
	__u8 min_ttl;
	__u8 _pad[2];
};
WIRE_ASSERT(sizeof(struct wire_receiver) == 16 + 96 + 8 + 32, "wire_receiver");

/* What tcp_conn_request() did with a SYN, from where functions can be traced: by how much the counters of its namespace moved meanwhile.
 * Sent of SYNs that were refused (drops) or answered with a cookie. header.ts_ns is when it began: its own answers come after. */
struct wire_decision {
	struct wire_header header;
	struct wire_subject subject; /* its namespace is the listener's */
	__u64 socket;                /* address, an identity only */
	__u64 inode;                 /* of the listener; 0: not known */
	__u32 queue_length;          /* sk_ack_backlog: connections that wait for accept() */
	__u32 queue_limit;           /* sk_max_ack_backlog: one more is still let in */
	__u32 half_open;             /* connections of its own that wait for the client's ACK */
	__u32 overflows;             /* LINUX_MIB_LISTENOVERFLOWS: the accept queue was full */
	__u32 drops;                 /* LINUX_MIB_LISTENDROPS: it was refused, for whatever reason */
	__u32 syn_queue_full;        /* LINUX_MIB_TCPREQQFULLDROP */
	__u32 cookies_sent;          /* LINUX_MIB_SYNCOOKIESSENT */
	__s32 security_error;        /* of security_inet_conn_request(), negative errno; 0: none, or not traced */
	__s32 lookup_error;          /* of the IPv4 look-up of the route to the client, negative errno; 0: none */
	__u32 _pad;
};
WIRE_ASSERT(sizeof(struct wire_decision) == 16 + 96 + 16 + 40, "wire_decision");

/* Counters that the kernel side keeps, one row per CPU. */
enum wire_counter {
	WIRE_COUNT_EVENTS = 0,      /* handshake packets and socket events looked at */
	WIRE_COUNT_ATTEMPTS = 1,    /* records opened */
	WIRE_COUNT_ESTABLISHED = 2, /* records closed because the handshake was completed, in scope, never sent */
	WIRE_COUNT_RING_FULL = 3,   /* events lost: no room in the ring */
	WIRE_COUNT_TABLE_FULL = 4,  /* attempts that got no record */
	WIRE_COUNT_EVICTED = 5,     /* records removed before their end: silent for longer than any pause between two SYNs */
	WIRE_COUNT_HOPS_LOST = 6,   /* hops that did not fit their record */
	WIRE_COUNT_UNREADABLE = 7,  /* packets whose headers were not in the linear part */
	WIRE_COUNT_SUBMITTED = 8,   /* records sent */
	WIRE_COUNT_SPARED = 9,      /* runs that a program was kept from by its own being interrupted, and that had nothing to tell */
	WIRE_COUNT_UNTOLD = 10,     /* early ends that were not sent: too many at once; up to version 6, decisions of listeners */
	WIRE_COUNT_CROWDED = 11,    /* SYNs of attempts that are counted only: more came at once than are followed, or failed than are told */
	_WIRE_COUNT_MAX = 16,
};

#endif
