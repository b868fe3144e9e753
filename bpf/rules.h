/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the rule programs keep between each other, and what user space tells them of this kernel's stack frames. */
#ifndef SYNFATE_BPF_RULES_H
#define SYNFATE_BPF_RULES_H

#include "common.h"
#include "lesson_record.h"

/* The window around the return address that a lesson looks at, in words: what callees saved is below it, the frame itself above. */
#define FIRST_SLOT (-48)
#define FRAME_WORDS 160
/* Lessons are given in a namespace of synfate's own, with fewer chains than this on its hook. */
#define LESSON_ENTRIES 8

struct frame_words {
	__u64 word[FRAME_WORDS];
	__u32 first; /* the words before could not be read */
	__u32 count; /* the words from here on could not be read */
};

/* The evaluation and the drop that it leads to are a microsecond apart; an emulated machine may be stopped between. That it is of this
 * packet does not rest on this: whatever is freed takes its note with it. */
#define EVALUATION_FRESH_NS 50000000
struct evaluated {
	__u64 skb;        /* 0: none */
	__u64 expression; /* of nf_tables; 0: a table of xtables gave the verdict */
	__u64 table;      /* address of the struct xt_table; 0: an expression gave the verdict */
	__u64 ts_ns;
};

struct hunt;
struct lesson {
	struct frame_words *words;
	struct hunt *hunt;
	struct wire_lesson *record;
	__u64 state;
	__u64 net;
};

static __always_inline bool knows_xt(void)
{
	return bpf_core_type_exists(struct xt_table);
}

/* nft_do_chain() or what the compiler made of it. */
static __always_inline bool is_nft_function(__u64 location)
{
	char name[16] = {};

	BPF_SNPRINTF(name, sizeof(name), "%pB", location);
	return name[0] == 'n' && name[1] == 'f' && name[2] == 't' && name[3] == '_' && name[4] == 'd' && name[5] == 'o' && name[6] == '_';
}

#endif
