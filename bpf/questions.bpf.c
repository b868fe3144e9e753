// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What user space asks once it has read the text of a rule: does the rule still do what it did when it dropped? Changes nothing. */
#include "remember.h"

/* For the question alone, which an interrupt may find under way. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct hunt);
} question_hunt SEC(".maps") __weak;

static long handle_step(__u32 i, struct hunt **at)
{
	struct hunt *hunt = *at;
	__u64 header, length;

	if (hunt->cursor >= hunt->blob_end)
		return 1;
	header = read_word(hunt->cursor);
	if (header & 1)
		return 1;
	length = (header >> 1) & 0xfff;
	if (((header >> 13) & HANDLE_MASK) == hunt->handle) {
		hunt->rule = hunt->cursor;
		hunt->rule_end = hunt->cursor + 8 + length;
		hunt->found = 1;
		return 1;
	}
	hunt->cursor += 8 + length;
	return 0;
}

/* What the rule of that name does now, as record->proof told it; 0: it is not there any more. */
SEC("syscall")
int rule_now(struct rule_question *question)
{
	struct rule_name name = {.cookie = question->cookie,
				 .table_handle = question->table_handle,
				 .chain_handle = question->chain_handle,
				 .handle = question->handle};
	struct rule_place *place = bpf_map_lookup_elem(&rule_places, &name);
	__u32 zero = 0;
	struct hunt *hunt = bpf_map_lookup_elem(&question_hunt, &zero);
	__u64 chain, table, blob;

	question->proof = 0;
	question->known = place && hunt && knows_nft();
	if (!place || !hunt || !knows_nft())
		return 0;
	chain = place->chain;
	if (cookie_of(place->net) != question->cookie || BPF_CORE_READ((struct nft_chain *)chain, handle) != question->chain_handle)
		return 0;
	table = table_of(chain);
	if (BPF_CORE_READ((struct nft_table *)table, handle) != question->table_handle)
		return 0;
	blob = current_blob(place->net, chain);
	hunt->handle = question->handle;
	hunt->chain = chain;
	hunt->found = 0;
	hunt->cursor = blob + 8;
	hunt->blob_end = blob + 8 + read_word(blob);
	bpf_loop(MAX_RULES, handle_step, &hunt, 0);
	if (hunt->found)
		question->proof = proof_of_rule(hunt, cursor_of(place->net));
	return 0;
}
