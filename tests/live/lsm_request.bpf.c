// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A program for the lab in lsm.py: lets the listener at 10.131.1.3:8131 answer nobody, and no other of the machine, all of which ask here.
// It needs no header, so that any clang with a BPF target builds it.
#define ADDRESS __builtin_bswap32(0x0a830103)
#define PORT 8131

struct sock_common {
  unsigned int skc_rcv_saddr;
  unsigned short skc_num;
} __attribute__((preserve_access_index));

struct sock {
  struct sock_common __sk_common;
} __attribute__((preserve_access_index));

char license_text[] __attribute__((section("license"), used)) = "Dual BSD/GPL";

__attribute__((section("lsm/inet_conn_request"), used)) int refuse_request(unsigned long long* arguments) {
  const struct sock* listener = (const struct sock*)arguments[0];
  if (listener->__sk_common.skc_num != PORT || listener->__sk_common.skc_rcv_saddr != ADDRESS) return 0;
  return -1;  // EPERM
}
