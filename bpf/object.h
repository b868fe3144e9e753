/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How the fields of kernel objects are read: by plain loads where the kernel allows them anywhere, else by its reader. Knows no object. */
#ifndef SYNFATE_BPF_OBJECT_H
#define SYNFATE_BPF_OBJECT_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* Makes of an address an object whose fields are loads, each checked for a fault and then 0, as bpf_probe_read_kernel() does it in a call
 * of 25 ns (bench/run). Since 6.2, a35b9af4ec2c "bpf: Add a kfunc for generic type cast". */
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

/* 1: the kernel has it. Set by user space before loading, in the objects whose programs run for packets that are not dropped; the verifier
 * removes the other way. */
const volatile __u8 has_cast __weak = 0;

/* Only where has_cast. The verifier takes what is loaded from it for an untrusted pointer, and does not look in all of the kernel's BTF for
 * what 6.18 wants to know about trusted ones, five times for each load and path: 90 of the 150 ms that arming may take. */
#define OBJECT(type, address) ((type *)bpf_rdonly_cast((const void *)(address), bpf_core_type_id_kernel(type)))

/* The pointer as a number, which a difference of two pointers is to the verifier: the other is at 0. Only where has_cast. The compiler is
 * kept from mixing the difference into what is done with it. */
#define DISTANCE_FROM_ZERO(pointer)                                                                                                        \
	({                                                                                                                                 \
		__u64 _distance = (__u64)(pointer);                                                                                        \
		asm volatile("" : "+r"(_distance));                                                                                        \
		_distance -= (__u64)OBJECT(struct sk_buff, 0);                                                                             \
		asm volatile("" : "+r"(_distance));                                                                                        \
		_distance;                                                                                                                 \
	})

/* A number or a pointer in the object of this type at this address, through any chain of pointers; 0 where one cannot be followed. */
#define READ(type, address, ...)                                                                                                           \
	(has_cast ? ___arrow(OBJECT(type, address), __VA_ARGS__) : BPF_CORE_READ((const type *)(address), __VA_ARGS__))

/* The same for a pointer to an object, as a number. Not for one to bytes, which is a number already up to 6.16 at least. */
#define READ_ADDRESS(type, address, ...)                                                                                                   \
	(has_cast ? DISTANCE_FROM_ZERO(___arrow(OBJECT(type, address), __VA_ARGS__))                                                       \
		  : (__u64)BPF_CORE_READ((const type *)(address), __VA_ARGS__))

/* Of types that modules know: each numbers them as it likes, and libbpf refuses to choose one where several are loaded. */
#define MODULE_ADDRESS(type, address, field) ((__u64)BPF_CORE_READ((const type *)(address), field))

/* The pointer to an object as a number; what the verifier takes for a number already (void *) is not for this. Without the cast: read back
 * as memory, the verifier no longer knows what it was. */
static __always_inline __u64 as_number(const void *pointer)
{
	__u64 slot, number = 0;

	if (has_cast)
		return DISTANCE_FROM_ZERO(pointer);
	slot = (__u64)pointer;
	bpf_probe_read_kernel(&number, sizeof(number), &slot);
	return number;
}

#endif
