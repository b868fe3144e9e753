// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A program for the lab in tc_drop.py: drops every packet. It needs no header, so that any clang with a BPF target builds it.
char license_text[] __attribute__((section("license"), used)) = "Dual BSD/GPL";

__attribute__((section("tc"), used)) int drop_all(void* context) {
  (void)context;
  return 2;  // TC_ACT_SHOT
}

// For the lab in unknown.py: takes every packet, which is no drop.
__attribute__((section("steal"), used)) int steal_all(void* context) {
  (void)context;
  return 4;  // TC_ACT_STOLEN
}

// For the lab in scope_attach.py: lets every packet pass.
__attribute__((section("pass"), used)) int pass_all(void* context) {
  (void)context;
  return 0;  // TC_ACT_OK
}
