// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A program for the lab in lsm.py: refuses what TCP sockets at 10.131.1.3:8131 receive, and nothing else of the machine, whose packets all
// pass here. It needs no header, so that any clang with a BPF target builds it.
#define ADDRESS __builtin_bswap32(0x0a830103)
#define PORT 8131
#define TCP 6

struct sock_common {
  unsigned int skc_rcv_saddr;
  unsigned short skc_num;
} __attribute__((preserve_access_index));

struct sock {
  struct sock_common __sk_common;
  unsigned short sk_protocol;
} __attribute__((preserve_access_index));

char license_text[] __attribute__((section("license"), used)) = "Dual BSD/GPL";

__attribute__((section("lsm/socket_sock_rcv_skb"), used)) int refuse_port(unsigned long long* arguments) {
  const struct sock* receiver = (const struct sock*)arguments[0];
  if (receiver->sk_protocol != TCP || receiver->__sk_common.skc_num != PORT || receiver->__sk_common.skc_rcv_saddr != ADDRESS) return 0;
  return -1;  // EPERM
}
