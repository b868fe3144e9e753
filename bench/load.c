// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The load of the benchmarks: a server, and clients that connect and reset, ask and are answered, or write as fast as they are read.
// Labs only: it refuses addresses outside 10.0.0.0/8, and no measurement is longer than ten seconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_BYTES = 64, BLOCK_BYTES = 128 * 1024, LONGEST_SECONDS = 10 };

static char block[BLOCK_BYTES];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// All of the load shares one processor, ahead of everything else there, so that other work of the machine is not measured with it. The rest
// of the machine is for what runs beside the load. The server goes before the client, which would not wait for it to accept.
static void settle(int cpu, int priority) {
  const struct sched_param first = {.sched_priority = priority};
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one);
  if (sched_setscheduler(0, SCHED_FIFO, &first)) setpriority(PRIO_PROCESS, 0, -20);
  prctl(PR_SET_PDEATHSIG, 9);
}

static struct sockaddr_in address_of(const char* host, const char* port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  if (inet_pton(AF_INET, host, &to.sin_addr) != 1 || ntohl(to.sin_addr.s_addr) >> 24 != 10) {
    fprintf(stderr, "load: not an address of a lab: %s\n", host);
    exit(2);
  }
  return to;
}

static int fail(const char* what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  return 1;
}

static void answer(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (ssize_t got; (got = recv(fd, block, sizeof block, 0)) > 0;)
    if (send(fd, block, (size_t)got, MSG_NOSIGNAL) != got) break;
}

static void drain(int fd) {
  while (recv(fd, block, sizeof block, 0) > 0) continue;
}

static int serve(const char* mode, struct sockaddr_in at) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr*)&at, sizeof at) || listen(listener, 4096)) return fail("listen");
  puts("ready");
  fflush(stdout);
  for (;;) {
    const int taken = accept(listener, NULL, NULL);
    if (taken < 0) continue;
    if (!strcmp(mode, "requests")) answer(taken);
    if (!strcmp(mode, "stream")) drain(taken);
    close(taken);
  }
}

// A reset leaves no TIME_WAIT behind, so ports never run out and each second is like the one before.
static int connect_once(const struct sockaddr_in* to) {
  const struct linger reset = {1, 0};
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  const int failed = connect(fd, (const struct sockaddr*)to, sizeof *to);
  close(fd);
  return failed;
}

// A SYN that nothing answers; its socket has gone before it would be sent again.
static int knock_once(const struct sockaddr_in* to) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int failed = connect(fd, (const struct sockaddr*)to, sizeof *to) && errno != EINPROGRESS;
  close(fd);
  return failed;
}

static int ask_once(int fd) {
  char bytes[REQUEST_BYTES] = {0};
  if (send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != sizeof bytes) return -1;
  for (size_t have = 0; have < sizeof bytes;) {
    const ssize_t got = recv(fd, bytes + have, sizeof bytes - have, 0);
    if (got <= 0) return -1;
    have += (size_t)got;
  }
  return 0;
}

// "SECONDS" on stdin, "DONE FAILED SECONDS" on stdout, over and over: connections, SYNs, requests or bytes.
static int ask(const char* mode, struct sockaddr_in to) {
  const int connects = !strcmp(mode, "connect"), knocks = !strcmp(mode, "drops"), requests = !strcmp(mode, "requests"), on = 1;
  int fd = -1;
  if (!connects && !knocks) {
    fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr*)&to, sizeof to)) return fail("connect");
  }
  puts("ready");
  fflush(stdout);
  for (char line[64]; fgets(line, sizeof line, stdin);) {
    const double wanted = atof(line), seconds = wanted < LONGEST_SECONDS ? wanted : LONGEST_SECONDS, begin = now();
    double done = 0;
    long failed = 0;
    while (now() - begin < seconds) {
      if (connects || knocks) {
        if (connects ? connect_once(&to) : knock_once(&to))
          failed++;
        else
          done++;
      } else if (requests) {
        if (ask_once(fd)) return fail("request");
        done++;
      } else {
        const ssize_t sent = send(fd, block, sizeof block, MSG_NOSIGNAL);
        if (sent <= 0) return fail("send");
        done += (double)sent;
      }
    }
    printf("%.0f %ld %.6f\n", done, failed, now() - begin);
    fflush(stdout);
  }
  return 0;
}

// SYNs whose answers nobody waits for: each socket is closed before its SYN would be sent again. "COUNT" on stdin, "COUNT" on stdout.
static int knock(struct sockaddr_in to) {
  puts("ready");
  fflush(stdout);
  for (char line[64]; fgets(line, sizeof line, stdin);) {
    const int wanted = atoi(line), count = wanted < 1000 ? wanted : 1000;
    int held[1000];
    for (int i = 0; i < count; i++) {
      held[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      connect(held[i], (struct sockaddr*)&to, sizeof to);
    }
    for (int i = 0; i < count; i++) close(held[i]);
    printf("%d\n", count);
    fflush(stdout);
  }
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 6) {
    fputs("load server|client connect|requests|stream|drops|syns CPU ADDRESS PORT\n", stderr);
    return 2;
  }
  settle(atoi(argv[3]), strcmp(argv[1], "server") ? 1 : 2);
  const struct sockaddr_in at = address_of(argv[4], argv[5]);
  if (!strcmp(argv[1], "server")) return serve(argv[2], at);
  return strcmp(argv[2], "syns") ? ask(argv[2], at) : knock(at);
}
