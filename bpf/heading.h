/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where an attempt of the scope comes from and goes to, in records of WIRE_KIND_HEADING: between the programs at single devices and the
 * loader, which sees to it that the way there is observed too. Never recorded. */
#ifndef SYNFATE_BPF_HEADING_H
#define SYNFATE_BPF_HEADING_H

#include "synfate/wire.h"

struct heading {
	struct wire_header header;
	struct wire_flow flow; /* in SYN direction, as it was there */
	__u32 netns;
	__u32 ifindex;
};
WIRE_ASSERT(sizeof(struct heading) == 16 + 40 + 8, "heading");

#endif
