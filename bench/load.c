/* The load generator: one thread, one epoll, every answer compared byte for byte.
 *
 * load rate PORT length|lines|json|msgpack|tls CONNECTIONS IN_FLIGHT SIZE equal|mixed SEED WARM_UP_MS MEASURE_MS
 *     keeps IN_FLIGHT messages unanswered on each connection and prints, as JSON, the answers a second,
 *     and with IN_FLIGHT 1 the latency in microseconds. The documents of json and msgpack stand behind a length,
 *     and so do the messages in tls, which needs a load compiled with -DWITH_TLS.
 * load idle PORT length|lines CONNECTIONS SIZE SEED
 *     opens CONNECTIONS one after another, exchanges one message on each, prints how many, holds them until a
 *     line or the end comes on stdin, prints how many the server still keeps open.
 */
#include <sys/resource.h>

#include "common.h"
#include "script.h"
#include "secure.h"

#define BUFFER_BYTES (256 * 1024)
#define MAX_CONNECTIONS 60000
#define MAX_LATENCIES (8 * 1000 * 1000)
#define PER_SOURCE 1000      /* idle connections from one loopback address: below a usual cap per peer */
#define SPARE_SECONDS 30     /* to connect and to end; then the alarm ends a program that hangs */
#define HOLD_SECONDS 300

typedef struct {
    int fd;
    int blocked;             /* the kernel took only a part: waits for EPOLLOUT */
    size_t sent_at;          /* byte of the script to send next */
    size_t due;              /* messages of the script that may be sent, from its start */
    size_t received_at;      /* byte of the script to expect next */
    size_t answered;         /* messages of the script that are answered, from its start */
    uint64_t asked_ns;
    secured *tls;            /* NULL: plain */
} connection;

typedef struct {
    int poller, in_flight;
    script words;
    unsigned long answers;
    uint32_t *latencies;
    size_t latency_count;
} load;

/* A blocking connection to 127.0.0.1:port, from 127.0.0.source. */
static int open_connection(int source, int port)
{
    int fd = need(socket(AF_INET, SOCK_STREAM, 0), "socket"), on = 1;
    struct timeval patience = {.tv_sec = 10};
    struct sockaddr_in from = loopback(source, 0), to = loopback(1, port);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    no_delay(fd);
    need(bind(fd, (struct sockaddr *)&from, sizeof from), "bind");
    need(connect(fd, (struct sockaddr *)&to, sizeof to), "connect");
    return fd;
}

/* Sends what is due, and asks for EPOLLOUT only while the kernel has no room. */
static void send_due(load *l, connection *c)
{
    size_t end = ends_at(&l->words, c->due);
    int blocked = 0;
    while (c->sent_at < end && !blocked) {
        const unsigned char *rest = l->words.questions + c->sent_at;
        ssize_t sent = c->tls ? secured_send(c->tls, rest, end - c->sent_at)
                              : send(c->fd, rest, end - c->sent_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            fail("send");
        blocked = sent < 0;
        c->sent_at += blocked ? 0 : (size_t)sent;
    }
    if (blocked != c->blocked)
        watch(l->poller, EPOLL_CTL_MOD, c->fd, EPOLLIN | (blocked ? EPOLLOUT : 0), c);
    c->blocked = blocked;
    if (c->sent_at >= l->words.bytes) {
        c->sent_at -= l->words.bytes;
        c->due -= l->words.count;
    }
    if (l->in_flight == 1)
        c->asked_ns = now_ns();
}

static void note_latency(load *l, connection *c)
{
    if (l->latency_count < MAX_LATENCIES)
        l->latencies[l->latency_count++] = (uint32_t)(now_ns() - c->asked_ns);
}

/* Reads once, compares with the script, and lets as many messages follow as were answered. */
static void receive(load *l, connection *c)
{
    static unsigned char buffer[BUFFER_BYTES];
    size_t most = l->words.bytes < BUFFER_BYTES ? l->words.bytes : BUFFER_BYTES;
    ssize_t got = c->tls ? secured_receive(c->tls, buffer, most) : recv(c->fd, buffer, most, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        fail(got ? "recv" : "the server closed a connection");
    if (memcmp(buffer, l->words.answers + c->received_at, (size_t)got))
        fail("wrong answer: not what a right server says");
    size_t before = c->answered;
    c->received_at += (size_t)got;
    while (ends_at(&l->words, c->answered + 1) <= c->received_at)
        c->answered++;
    size_t done = c->answered - before;
    if (c->received_at >= l->words.bytes) {
        c->received_at -= l->words.bytes;
        c->answered -= l->words.count;
    }
    if (!done)
        return;
    if (l->in_flight == 1)
        note_latency(l, c);
    l->answers += done;
    c->due += done;
    send_due(l, c);
}

/* Serves events until the clock says end_ns. */
static void run_until(load *l, uint64_t end_ns)
{
    struct epoll_event events[64];
    while (now_ns() < end_ns) {
        int ready = epoll_wait(l->poller, events, 64, 50);
        for (int i = 0; i < ready; i++) {
            connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                send_due(l, c);
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                receive(l, c);
        }
    }
}

static double cpu_seconds(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec)
        + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static int by_size(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

/* Prints the latency below which a part of the answers came, in microseconds. */
static void print_latency(load *l, const char *name, double part)
{
    if (l->latency_count)
        printf(", \"%s\": %.1f", name, l->latencies[(size_t)(part * (double)(l->latency_count - 1))] / 1e3);
}

/* Warms up, measures, prints the result. */
static void measure(load *l, long warm_up_ms, long measure_ms)
{
    run_until(l, now_ns() + (uint64_t)warm_up_ms * 1000000u);
    l->answers = 0;
    l->latency_count = 0;
    double cpu = cpu_seconds();
    uint64_t start = now_ns();
    run_until(l, start + (uint64_t)measure_ms * 1000000u);
    double seconds = (double)(now_ns() - start) / 1e9;
    printf("{\"messages_per_second\": %.1f, \"seconds\": %.4f, \"generator_busy\": %.3f",
           (double)l->answers / seconds, seconds, (cpu_seconds() - cpu) / seconds);
    qsort(l->latencies, l->latency_count, sizeof *l->latencies, by_size);
    print_latency(l, "latency_p50_us", 0.50);
    print_latency(l, "latency_p99_us", 0.99);
    puts("}");
}

static void rate(char **words)
{
    int port = (int)whole(words[0], 1, 65535, "PORT");
    long connections = whole(words[2], 1, 1000, "CONNECTIONS");
    load l = {.in_flight = (int)whole(words[3], 1, 4096, "IN_FLIGHT")};
    long size = whole(words[4], 1, 65536, "SIZE"), seed = whole(words[6], 0, INT32_MAX, "SEED");
    long warm_up_ms = whole(words[7], 0, 60000, "WARM_UP_MS"), measure_ms = whole(words[8], 1, 600000, "MEASURE_MS");
    int tls = !strcmp(words[1], "tls");
    l.words = make_script(tls ? LENGTH : kind_named(words[1]), (size_t)size, !strcmp(words[5], "mixed"),
                          (size_t)l.in_flight, (uint64_t)seed);
    alarm((unsigned)((warm_up_ms + measure_ms) / 1000 + SPARE_SECONDS));
    l.poller = need(epoll_create1(0), "epoll_create1");
    l.latencies = room(l.in_flight == 1 ? MAX_LATENCIES : 1, sizeof *l.latencies);
    connection *all = room((size_t)connections, sizeof *all);
    for (long i = 0; i < connections; i++) {
        all[i].fd = open_connection(1, port);
        all[i].tls = tls ? secure(all[i].fd) : NULL;
        all[i].due = (size_t)l.in_flight;
        watch(l.poller, EPOLL_CTL_ADD, all[i].fd, EPOLLIN, &all[i]);
    }
    for (long i = 0; i < connections; i++)
        send_due(&l, &all[i]);
    measure(&l, warm_up_ms, measure_ms);
}

/* Sends the first message of the script and waits for its whole answer. */
static void exchange(int fd, const script *words)
{
    unsigned char answer[65536 + HEADER_BYTES];
    size_t bytes = ends_at(words, 1);
    if (send(fd, words->questions, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
        fail("send");
    if (recv(fd, answer, bytes, MSG_WAITALL) != (ssize_t)bytes)
        fail("no whole answer");
    if (memcmp(answer, words->answers, bytes))
        fail("wrong answer: not what a right server says");
}

/* Counts the connections the server has neither closed nor reset. */
static long still_open(const int *fds, long connections)
{
    long open = 0;
    for (long i = 0; i < connections; i++) {
        char byte;
        open += recv(fds[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
    }
    return open;
}

static void idle(char **words)
{
    int port = (int)whole(words[0], 1, 65535, "PORT");
    long connections = whole(words[2], 1, MAX_CONNECTIONS, "CONNECTIONS"), size = whole(words[3], 1, 65536, "SIZE");
    script text = make_script(kind_named(words[1]), (size_t)size, 0, 1,
                              (uint64_t)whole(words[4], 0, INT32_MAX, "SEED"));
    int *fds = room((size_t)connections, sizeof *fds);
    alarm(HOLD_SECONDS);
    for (long i = 0; i < connections; i++) {
        fds[i] = open_connection(1 + (int)(i / PER_SOURCE), port);
        exchange(fds[i], &text);
    }
    printf("{\"connections\": %ld}\n", connections);
    fflush(stdout);
    getchar();
    printf("{\"still_open\": %ld}\n", still_open(fds, connections));
}

int main(int count, char **words)
{
    if (count == 11 && !strcmp(words[1], "rate"))
        rate(words + 2);
    else if (count == 7 && !strcmp(words[1], "idle"))
        idle(words + 2);
    else
        fail("usage: load rate|idle PORT length|lines|json|msgpack|tls CONNECTIONS ... (see the top of load.c)");
    return 0;
}
