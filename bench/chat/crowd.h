/* Many members of a chat in one thread: how they come, hear, and say. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "dialects.h"
#include "latency.h"

#define BUFFER_BYTES (4 * 1024 * 1024)
#define READ_BYTES (256 * 1024)
#define PER_SOURCE 1000          /* members from one loopback address: below a usual cap per peer */
#define AT_ONCE 8                /* who have called and heard nothing yet: ngircd lets ten wait */
#define MOST_PENDING (1024 * 1024)
#define PATIENCE_NS (10ull * 1000000000u)

typedef struct {
    int fd, room;
    int heard, upgraded, is_late;
    char *kept;                  /* the beginning of a line or frame */
    size_t kept_bytes;
    char *pending;               /* what the kernel did not take */
    size_t pending_bytes;
    uint32_t probe;              /* the last probe that came */
    uint64_t came, trace;        /* messages of this step, and their numbers in order, folded */
    char *token;                 /* storm: who one is */
    long missed;                 /* storm: messages that came after the return, or -1 */
} member;

typedef struct crowd {
    dialect in;
    int port, poller;
    long count;
    member *members;
    uint32_t first, measured;    /* the first number of this step, and the first that is timed */
    uint64_t deliveries;         /* in this window */
    uint64_t busy_ns;            /* spent on what came */
    int spins;                   /* asks the kernel again and again instead of being woken */
    histogram times;
    char *buffer;
    void (*unit)(struct crowd *, member *, const char *, size_t);
} crowd;

/* Sends, and keeps what the kernel does not take. A server that takes nothing for long is a failure. */
static void say(member *m, const char *words, size_t bytes)
{
    ssize_t sent = 0;
    if (!m->pending_bytes) {
        sent = send(m->fd, words, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            fail("send");
        sent = sent < 0 ? 0 : sent;
    }
    size_t rest = bytes - (size_t)sent;
    if (!rest)
        return;
    if (m->pending_bytes + rest > MOST_PENDING)
        fail("the server does not read any more");
    m->pending = realloc(m->pending, m->pending_bytes + rest);
    memcpy(m->pending + m->pending_bytes, words + sent, rest);
    m->pending_bytes += rest;
}

/* Tries again what the kernel did not take. */
static void say_pending(member *m)
{
    ssize_t sent = send(m->fd, m->pending, m->pending_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        fail("send");
    if (sent > 0) {
        m->pending_bytes -= (size_t)sent;
        memmove(m->pending, m->pending + sent, m->pending_bytes);
    }
}

/* One line or frame came, with a stamp or without. */
static void hear(crowd *c, member *m, const char *unit, size_t bytes, uint64_t now)
{
    uint64_t time_ns;
    uint32_t number;
    if (c->unit)
        c->unit(c, m, unit, bytes);
    else if (stamp_in(unit, bytes, &time_ns, &number)) {
        if (!time_ns) {
            m->probe = number;
            return;
        }
        c->deliveries++;
        if (number >= c->first) {
            m->came++;
            m->trace = (m->trace ^ number) * 1099511628211u;
        }
        if (number >= c->measured)
            note(&c->times, now > time_ns ? now - time_ns : 0);
    } else if (c->in == IRC && bytes > 4 && !memcmp(unit, "PING", 4)) {
        char answer[512];
        int length = snprintf(answer, sizeof answer, "PONG%.*s", (int)(bytes < 400 ? bytes - 4 : 400), unit + 4);
        say(m, answer, (size_t)length);
    }
}

/* A frame: a ping is answered, a close is the end, the rest is heard. */
static void hear_frame(crowd *c, member *m, const char *data, size_t bytes, size_t head, uint64_t now)
{
    int opcode = data[0] & 0x0f;
    char answer[256];
    if (opcode == 8)
        fail("the server closed a WebSocket");
    if (opcode == 9 && bytes - head < 126)
        say(m, answer, framed(answer, 10, data + head, bytes - head));
    else if (opcode < 8)
        hear(c, m, data + head, bytes - head, now);
}

/* Says what comes behind the upgrade. Returns the bytes of the server's answer, or 0 if it is not whole. */
static size_t upgrade(crowd *c, member *m, const char *data, size_t bytes)
{
    char words[MOST_WORDS];
    const char *end = memmem(data, bytes, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (bytes < 12 || memcmp(data + 9, "101", 3))
        fail("the server does not speak WebSocket");
    m->upgraded = 1;
    say(m, words, words_to_join(words, WEB, m->room, (int)(m - c->members)));
    return (size_t)(end - data) + 4;
}

/* Reads once, hears every whole line or frame, keeps the rest. Returns 0 at the end of the connection. */
static int listen_to(crowd *c, member *m)
{
    size_t have = m->kept_bytes, at = 0;
    if (have) {
        memcpy(c->buffer, m->kept, have);
        free(m->kept);
        m->kept = NULL;
        m->kept_bytes = 0;
    }
    ssize_t got = recv(m->fd, c->buffer + have, READ_BYTES, MSG_DONTWAIT);
    if (got <= 0 && !(got < 0 && errno == EAGAIN))
        return 0;
    uint64_t now = now_ns();
    have += got > 0 ? (size_t)got : 0;
    m->heard |= got > 0;
    while (at < have) {
        const char *data = c->buffer + at;
        size_t head = 0, bytes;
        if (c->in == WEB && !m->upgraded)
            bytes = upgrade(c, m, data, have - at);
        else
            bytes = c->in == WEB ? frame_bytes(data, have - at, &head) : line_bytes(data, have - at);
        if (!bytes)
            break;
        if (c->in == WEB && head)
            hear_frame(c, m, data, bytes, head, now);
        else if (c->in != WEB)
            hear(c, m, data, bytes, now);
        at += bytes;
    }
    m->kept_bytes = have - at;
    if (m->kept_bytes > BUFFER_BYTES - READ_BYTES)
        fail("a line or frame is too long");
    if (m->kept_bytes) {
        m->kept = room(1, m->kept_bytes);
        memcpy(m->kept, c->buffer + at, m->kept_bytes);
    }
    return 1;
}

/* Hears what comes until the clock says end_ns, or something came and `until_something` is set.
 *
 * Who sleeps must be woken, and on loopback whoever sends pays for that: a fifth of a server's time, which clients on
 * other machines do not cost it. So while it counts, this asks again and again.
 */
static void attend(crowd *c, uint64_t end_ns, int until_something)
{
    struct epoll_event events[64];
    for (;;) {
        uint64_t now = now_ns();
        int wait = c->spins || now >= end_ns ? 0 : (int)((end_ns - now + 999999u) / 1000000u);
        int ready = epoll_wait(c->poller, events, 64, wait);
        uint64_t start = ready > 0 ? now_ns() : 0;
        for (int i = 0; i < ready; i++)
            if (!listen_to(c, events[i].data.ptr))
                fail("the server closed a connection");
        now = now_ns();
        if (ready > 0)
            c->busy_ns += now - start;
        if (now >= end_ns || (until_something && ready > 0))
            return;
    }
}

/* A socket that calls 127.0.0.1:port from one of our addresses. Returns it while it is still calling. */
static int calling(long number, int port)
{
    int fd = need(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket"), on = 1;
    struct sockaddr_in from = loopback(1 + (int)(number / PER_SOURCE), 0), to = loopback(1, port);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    no_delay(fd);
    need(bind(fd, (struct sockaddr *)&from, sizeof from), "bind");
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        fail("connect");
    return fd;
}

/* Waits until a socket has connected; how long, says the alarm. */
static void wait_connected(int fd)
{
    int problem = 0;
    socklen_t bytes = sizeof problem;
    struct sockaddr_in to;
    socklen_t most = sizeof to;
    while (getpeername(fd, (struct sockaddr *)&to, &most) < 0) {
        need(getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &bytes), "getsockopt");
        if (problem) {
            errno = problem;
            fail("connect");
        }
        usleep(200);
    }
}

static long unheard(const crowd *c, long until)
{
    long silent = 0;
    for (long i = until > 64 ? until - 64 : 0; i < until; i++)
        silent += !c->members[i].heard;
    return silent;
}

/* Everybody calls, some at once, and asks to be let into one of the rooms. */
static void gather(crowd *c, long rooms)
{
    char words[MOST_WORDS];
    for (long i = 0; i < c->count; i++) {
        member *m = &c->members[i];
        m->room = (int)(i % rooms);
        m->fd = calling(i, c->port);
        wait_connected(m->fd);
        watch(c->poller, EPOLL_CTL_ADD, m->fd, EPOLLIN, m);
        say(m, words, c->in == WEB ? upgrade_words(words, c->port) : words_to_join(words, c->in, m->room, (int)i));
        while (unheard(c, i + 1) >= AT_ONCE)
            attend(c, now_ns() + PATIENCE_NS, 1);
    }
}

/* Waits until everybody hears what is said in their room: the first member of each says it until all have. */
static void be_together(crowd *c, long rooms, uint64_t patience_ns)
{
    char words[MOST_WORDS];
    uint64_t end_ns = now_ns() + patience_ns;
    long deaf = c->count;
    for (uint32_t probe = 1; deaf; probe++) {
        if (now_ns() > end_ns) {
            fprintf(stderr, "%ld of %ld members hear nothing in their room\n", deaf, c->count);
            exit(1);
        }
        for (long i = 0; i < rooms && i < c->count; i++) {
            c->members[i].probe = probe;
            say(&c->members[i], words, words_to_say(words, c->in, (int)i, 0, probe, STAMP_BYTES));
        }
        attend(c, now_ns() + 500000000u, 0);
        deaf = 0;
        for (long i = 0; i < c->count; i++)
            deaf += !c->members[i].probe;
    }
    attend(c, now_ns() + 500000000u, 0);
}

#endif
