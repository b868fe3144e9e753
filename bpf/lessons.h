/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel side of a calibration: of a packet that is known to be dropped by a known rule, policy or hook entry, every word of the frame
 * that could be what tells so. Which of them do is for user space to find out (userspace/probe/lessons.cpp). */
#ifndef SYNFATE_BPF_LESSONS_H
#define SYNFATE_BPF_LESSONS_H

#include "final.h"
#include "generation.h"
#include "rules.h"

/* The first byte of a chain's name, where a lesson wants it. */
static __always_inline __u64 initial_of(__u64 chain)
{
	__u64 name = MODULE_ADDRESS(struct nft_chain, chain, name);

	return (read_word(name) & 0xff) << 32;
}

/* One word of the frame, against everything that a lesson may be about. */
static long lesson_step(__u32 i, struct lesson *lesson)
{
	struct frame_words *words = lesson->words;
	struct hunt *hunt = lesson->hunt;
	struct wire_lesson *record = lesson->record;
	__u32 index = words->first + i, what = 0;
	__u64 word, value = 0;

	if (index >= words->count || index >= FRAME_WORDS)
		return 1;
	word = words->word[index];
	if (word == lesson->state) {
		what = WIRE_LESSON_STATE;
	} else if (word < hunt->entry_count) {
		what = WIRE_LESSON_INDEX;
		value = word;
	} else if ((__s64)word < 0 && word < 0xffffffffffff0000ull && knows_nft()) {
		for (__u32 e = 0; e < LESSON_ENTRIES; e++) {
			if (e >= hunt->entry_count)
				break;
			if (entry_chain(hunt, e) == word) {
				what = WIRE_LESSON_CHAIN;
				value = initial_of(word);
			}
		}
		if (!what && find_rule(hunt, word) && final_name(hunt)) {
			what = WIRE_LESSON_EXPRESSION;
			value = initial_of(hunt->chain) | hunt->number;
		}
	}
	if (what && record->count < WIRE_LESSON_MAX) {
		__u32 at = record->count & (WIRE_LESSON_MAX - 1);

		record->found[at].slot = (__s32)index + FIRST_SLOT;
		record->found[at].what = what;
		record->found[at].value = value;
		record->count++;
	}
	return 0;
}

static long table_of_lesson_step(__u32 i, struct lesson *lesson)
{
	__u64 chain;

	if (i >= lesson->hunt->entry_count)
		return 1;
	chain = entry_chain(lesson->hunt, i);
	if (!chain || !knows_nft())
		return 0;
	learn_pernet_id(lesson->net, table_of(chain));
	return 1;
}

static __always_inline void teach(const struct pending_drop *drop, struct frame_words *words, struct hunt *hunt)
{
	struct lesson lesson = {.words = words, .hunt = hunt, .state = drop->state, .net = drop->net};
	/* Not RESERVE(): too long to be zeroed in one go; what is beyond `count` means nothing. */
	struct wire_lesson *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

	if (!record)
		return;
	lesson.record = record;
	record->header.kind = WIRE_KIND_LESSON;
	record->header.size = sizeof(*record);
	record->header.cpu = bpf_get_smp_processor_id();
	record->header.ts_ns = drop->ts_ns;
	record->location = drop->location;
	record->netns = drop->subject.place.netns;
	record->dport = drop->subject.flow.dport;
	record->count = 0;
	record->bpf_count = 0;
	for (__u32 e = 0; e < LESSON_ENTRIES; e++) {
		__u64 ops = e < hunt->entry_count ? entry_ops(hunt, e) : 0;

		if (!ops || BPF_CORE_READ_BITFIELD_PROBED((struct nf_hook_ops *)ops, hook_ops_type) != NF_BPF_OPS || record->bpf_count >= 4)
			continue;
		record->bpf_entry[record->bpf_count & 3] = e;
		record->bpf_count++;
	}
	bpf_loop(FRAME_WORDS, lesson_step, &lesson, 0);
	if (!nft_pernet_id)
		bpf_loop(LESSON_ENTRIES, table_of_lesson_step, &lesson, 0);
	bpf_ringbuf_submit(record, 0);
}

#endif
