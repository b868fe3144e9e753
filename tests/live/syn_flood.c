// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A flood of SYNs of no socket, each an attempt of its own: syn_flood DEVICE MAC SOURCE SOURCES DESTINATION PORT COUNT PER_SECOND.
// SOURCE and the SOURCES - 1 addresses after it take turns. Bounded: COUNT SYNs and a minute at most, and only to 10.0.0.0/8, which in a
// lab is the lab's. PER_SECOND 0: as fast as it can. It has the manners of agent.py: ready, a line on stdin, a report in JSON on stdout.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, MOST = 20 * 1000 * 1000, MOST_SECONDS = 60, FIRST_PORT = 1024, PORTS = 60000 };

struct syn {
  struct iphdr ip;
  struct tcphdr tcp;
} __attribute__((packed));

static uint32_t sum(const void* data, size_t bytes, uint32_t so_far) {
  const uint8_t* byte = data;
  for (size_t i = 0; i + 1 < bytes; i += 2) so_far += (uint32_t)byte[i] << 8 | byte[i + 1];
  return so_far;
}

static uint16_t folded(uint32_t total) {
  while (total >> 16) total = (total & 0xffff) + (total >> 16);
  return htons((uint16_t)~total);
}

static void make(struct syn* packet, uint32_t number, uint32_t source, uint32_t sources, uint32_t destination, uint16_t port) {
  memset(packet, 0, sizeof *packet);
  packet->ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP};
  packet->ip.tot_len = htons(sizeof *packet);
  packet->ip.saddr = htonl(source + number % sources);
  packet->ip.daddr = htonl(destination);
  packet->ip.check = folded(sum(&packet->ip, sizeof packet->ip, 0));
  packet->tcp.source = htons((uint16_t)(FIRST_PORT + number / sources % PORTS));
  packet->tcp.dest = htons(port);
  // Odd, so that no two of them have one ISN.
  packet->tcp.seq = htonl(1 + number * 2654435761U);
  packet->tcp.doff = 5;
  packet->tcp.syn = 1;
  packet->tcp.window = htons(64240);
  packet->tcp.check = folded(sum(&packet->tcp, sizeof packet->tcp, sum(&packet->ip.saddr, 8, IPPROTO_TCP + sizeof packet->tcp)));
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t address(const char* text) {
  struct in_addr parsed;
  if (inet_pton(AF_INET, text, &parsed) != 1) exit(2);
  return ntohl(parsed.s_addr);
}

int main(int argc, char** argv) {
  if (argc != 9) return 2;
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = 6};
  to.sll_ifindex = (int)if_nametoindex(argv[1]);
  if (sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", to.sll_addr, to.sll_addr + 1, to.sll_addr + 2, to.sll_addr + 3, to.sll_addr + 4,
             to.sll_addr + 5) != 6)
    return 2;
  const uint32_t source = address(argv[3]), sources = (uint32_t)atol(argv[4]), destination = address(argv[5]);
  const long count = atol(argv[7]), per_second = atol(argv[8]);
  if (destination >> 24 != 10 || sources == 0 || count < 0 || count > MOST) return 2;
  const int sender = socket(AF_PACKET, SOCK_DGRAM, 0);
  static struct syn packets[BATCH];
  static struct iovec parts[BATCH];
  static struct mmsghdr messages[BATCH];
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){&packets[i], sizeof packets[i]};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &parts[i], .msg_iovlen = 1};
  }
  puts("{\"ready\": true}");
  fflush(stdout);
  if (getchar() == EOF) return 1;
  const double begin = now();
  long sent = 0, refused = 0;
  while (sent < count && now() - begin < MOST_SECONDS) {
    const double due = begin + (double)sent / (double)(per_second ? per_second : 1);
    if (per_second && due > now()) {
      const double wait = due - now();
      const struct timespec pause = {0, wait > 0.0 ? (long)(wait * 1e9) % 1000000000L : 0};
      nanosleep(&pause, NULL);
    }
    const long left = count - sent;
    const unsigned batch = left < BATCH ? (unsigned)left : BATCH;
    for (unsigned i = 0; i < batch; i++) make(&packets[i], (uint32_t)(sent + i), source, sources, destination, (uint16_t)atoi(argv[6]));
    const int taken = sendmmsg(sender, messages, batch, 0);
    if (taken > 0) sent += taken;
    if (taken < 0) {
      refused++;
      if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) return 1;
    }
  }
  // Its own processor time has in it what becomes of the packets: they arrive before sendmmsg() returns.
  printf("{\"sent\": %ld, \"refused\": %ld, \"seconds\": %.3f, \"cpu_seconds\": %.3f}\n", sent, refused, now() - begin,
         (double)clock() / CLOCKS_PER_SEC);
  fflush(stdout);
  getchar();
  return 0;
}
