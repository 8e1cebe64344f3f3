/* What the load generator and the C limit share: ending with a reason, numbers, the clock, sockets. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER_BYTES 4

/* Ends the program with one sentence on stderr. */
static inline void fail(const char *what)
{
    fprintf(stderr, "%s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

/* Ends the program when a call gave a negative answer, else hands the answer on. */
static inline int need(int answer, const char *what)
{
    if (answer < 0)
        fail(what);
    return answer;
}

/* Zeroed memory, or the end of the program. */
static inline void *room(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (!memory)
        fail("no memory");
    return memory;
}

/* A whole number from the command line, low to high. */
static inline long whole(const char *text, long low, long high, const char *name)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || *end || end == text || value < low || value > high) {
        fprintf(stderr, "%s is %s, but must be a whole number from %ld to %ld\n", name, text, low, high);
        exit(2);
    }
    return value;
}

/* Nanoseconds on a clock that only goes forward. */
static inline uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* An address on the loopback net: 127.0.0.last. */
static inline struct sockaddr_in loopback(int last, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (uint32_t)last);
    return address;
}

/* Small messages leave at once: no waiting for a full segment. */
static inline void no_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Tells epoll what a socket waits for from now on. */
static inline void watch(int poller, int operation, int fd, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};
    need(epoll_ctl(poller, operation, fd, &event), "epoll_ctl");
}

#endif
