// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The load of bench/measure.py: connect and reset, over and over, against a server that accepts and closes. Loopback or a lab only: it
// refuses addresses outside 10.0.0.0/8 and 127.0.0.0/8, and ends by itself.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int serve(int port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr*)&at, sizeof at) || listen(listener, 4096)) return 1;
  puts("ready");
  fflush(stdout);
  // Ends with the process that reads this one's output.
  for (;;) {
    int taken = accept(listener, NULL, NULL);
    if (taken >= 0) close(taken);
  }
}

int main(int argc, char** argv) {
  if (argc == 3 && !strcmp(argv[1], "server")) return serve(atoi(argv[2]));
  if (argc != 5 || strcmp(argv[1], "client")) return 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[3]))};
  inet_pton(AF_INET, argv[2], &to.sin_addr);
  const unsigned first = ntohl(to.sin_addr.s_addr) >> 24;
  if (first != 10 && first != 127) return 2;
  const double seconds = atof(argv[4]) < 10 ? atof(argv[4]) : 10, begin = now();
  const struct linger reset = {1, 0};
  long connected = 0, failed = 0;
  while (now() - begin < seconds) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (connect(fd, (struct sockaddr*)&to, sizeof to)) {
      failed++;
    } else {
      connected++;
    }
    close(fd);
  }
  printf("%.0f %ld\n", (double)connected / (now() - begin), failed);
  return 0;
}
