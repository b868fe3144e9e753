/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kernel side tells the loader while it calibrates, in records of WIRE_KIND_LESSON: between the two of them, never recorded. */
#ifndef SYNFATE_BPF_LESSON_RECORD_H
#define SYNFATE_BPF_LESSON_RECORD_H

#include "synfate/wire.h"

/* What lies where in the frame of a function that dropped a packet on purpose. */
enum wire_lesson_kind {
	WIRE_LESSON_EXPRESSION = 1, /* one that can drop; value: first byte of its chain's name << 32 | the rule's number */
	WIRE_LESSON_CHAIN = 2,      /* a base chain of this hook; value: first byte of its name << 32 */
	WIRE_LESSON_STATE = 3,      /* the nf_hook_state of the traversal */
	WIRE_LESSON_INDEX = 4,      /* value: a number that may be an index of a hook entry */
};
#define WIRE_LESSON_MAX 128
struct wire_finding {
	__s32 slot; /* words from the return address */
	__u32 what; /* enum wire_lesson_kind */
	__u64 value;
};
struct wire_lesson {
	struct wire_header header;
	__u64 location;
	__u32 netns;
	__u32 dport;
	__u32 count;
	__u32 bpf_count;    /* hook entries that are BPF programs */
	__u32 bpf_entry[4]; /* their indices */
	struct wire_finding found[WIRE_LESSON_MAX];
};
WIRE_ASSERT(sizeof(struct wire_lesson) == 16 + 24 + 16 + WIRE_LESSON_MAX * 16, "wire_lesson");

#endif
