/* Clients that come back, and one that turns pages: both speak JSON lines. */
#ifndef BENCH_STORM_H
#define BENCH_STORM_H

#include "crowd.h"

static char epoch[64];
static long seq_of_all, answered_says;

/* Copies the text of a member of a JSON object. Returns whether it is there. */
static int text_of(const char *unit, size_t bytes, const char *name, char *out, size_t most)
{
    const char *at = memmem(unit, bytes, name, strlen(name));
    if (!at)
        return 0;
    at += strlen(name);
    const char *end = memchr(at, '"', (size_t)(unit + bytes - at));
    if (!end || (size_t)(end - at) >= most)
        return 0;
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = 0;
    return 1;
}

static int has(const char *unit, size_t bytes, const char *words)
{
    return memmem(unit, bytes, words, strlen(words)) != NULL;
}

static void refuse_errors(const char *unit, size_t bytes)
{
    if (has(unit, bytes < 40 ? bytes : 40, "\"type\":\"error\"")) {
        fprintf(stderr, "the server refused: %.*s\n", (int)(bytes < 200 ? bytes : 200), unit);
        exit(1);
    }
}

/* Who one is, where the room stands, whether all came back, and every message. */
static void storm_unit(crowd *c, member *m, const char *unit, size_t bytes)
{
    char text[512];
    (void)c;
    refuse_errors(unit, bytes);
    size_t head = bytes < 40 ? bytes : 40;
    if (has(unit, head, "\"type\":\"welcome\"")) {
        if (!m->token && text_of(unit, bytes, "\"token\":\"", text, sizeof text))
            m->token = strdup(text);
    } else if (has(unit, head, "\"type\":\"joined\"")) {
        const char *seq = memmem(unit, bytes, "\"seq\":", 6);
        text_of(unit, bytes, "\"epoch\":\"", epoch, sizeof epoch);
        if (m->missed < 0) {
            seq_of_all = seq ? strtol(seq + 6, NULL, 10) : 0;
            m->missed = 0;
            m->probe = 1;
        } else if (!has(unit, bytes, "\"recovered\":true")) {
            fprintf(stderr, "not recovered: %.*s\n", (int)(bytes < 200 ? bytes : 200), unit);
            m->is_late = 1;
        }
    } else if (has(unit, head, "\"type\":\"ack\"")) {
        answered_says++;
    } else {
        const char *end = unit + bytes;
        for (const char *at = unit; (at = memchr(at, MARK, (size_t)(end - at))); at++)
            m->came++;
    }
}

/* Everybody calls at the same time; each asks for what it missed. Prints how many have all of it, and when. */
static void come_back(crowd *c, int port, long missed)
{
    char words[MOST_WORDS];
    struct epoll_event events[256];
    uint64_t *done = room((size_t)c->count, sizeof *done), start = now_ns();
    histogram times = {0};
    long back = 0;
    for (long i = 0; i < c->count; i++) {
        member *m = &c->members[i];
        m->came = 0;
        m->heard = 0;
        m->fd = calling(i, port);
        watch(c->poller, EPOLL_CTL_ADD, m->fd, EPOLLOUT, m);
    }
    while (back < c->count && now_ns() - start < 30ull * 1000000000u) {
        int ready = epoll_wait(c->poller, events, 256, 100);
        for (int i = 0; i < ready; i++) {
            member *m = events[i].data.ptr;
            if (events[i].events & (EPOLLERR | EPOLLHUP))
                fail("a connection of those who came back was refused");
            if (events[i].events & EPOLLOUT) {
                int bytes = snprintf(words, sizeof words,
                                     "{\"op\":\"hello\",\"token\":\"%s\"}\n"
                                     "{\"op\":\"resume\",\"room\":\"bench0\",\"epoch\":\"%s\",\"seq\":%ld}\n",
                                     m->token, epoch, seq_of_all);
                watch(c->poller, EPOLL_CTL_MOD, m->fd, EPOLLIN, m);
                say(m, words, (size_t)bytes);
            } else if (!listen_to(c, m)) {
                fail("the server closed a connection of those who came back");
            }
            if (!done[m - c->members] && m->came >= (uint64_t)missed && !m->is_late) {
                done[m - c->members] = now_ns() - start;
                note(&times, now_ns() - start);
                back++;
            }
        }
    }
    long exact = 0;
    for (long i = 0; i < c->count; i++)
        exact += c->members[i].came == (uint64_t)missed && !c->members[i].is_late;
    printf("{\"members\": %ld, \"recovered\": %ld, \"exact\": %ld, \"seconds\": %.4f", c->count, back, exact,
           (double)times.longest_ns / 1e9);
    print_times(&times);
    puts("}");
    fflush(stdout);
}

/* Ends all connections, and has a speaker say what they miss. */
static void cut(crowd *c, long missed, long size)
{
    char words[MOST_WORDS];
    for (long i = 1; i < c->count; i++)
        close(c->members[i].fd);
    for (long i = 0; i < missed; i++)
        say(&c->members[0], words, words_to_say(words, JSON, 0, now_ns(), (uint32_t)i + 1, (size_t)size));
    uint64_t end = now_ns() + PATIENCE_NS;
    while (answered_says < missed && now_ns() < end)
        attend(c, now_ns() + 50000000u, 1);
    if (answered_says < missed)
        fail("the messages that are to be missed were not acknowledged");
    close(c->members[0].fd);
    for (long i = 0; i < c->count; i++) {
        free(c->members[i].kept);
        c->members[i].kept = NULL;
        c->members[i].kept_bytes = 0;
    }
}

static void do_storm(char **words)
{
    crowd c = new_crowd("json", words[0], words[1]);
    long missed = whole(words[2], 1, 5000, "MISSED"), size = whole(words[3], STAMP_BYTES, 400, "SIZE"), here = 0;
    char line[256];
    c.unit = storm_unit;
    for (long i = 0; i < c.count; i++)
        c.members[i].missed = -1;
    gather(&c, 1);
    for (uint64_t end = now_ns() + PATIENCE_NS; here < c.count && now_ns() < end;) {
        attend(&c, now_ns() + 50000000u, 0);
        here = 0;
        for (long i = 0; i < c.count; i++)
            here += c.members[i].probe && c.members[i].token;
    }
    if (here < c.count)
        fail("not everybody came into the room");
    printf("{\"members\": %ld}\n", here);
    fflush(stdout);
    if (!next_order(&c, line, sizeof line))
        return;
    cut(&c, missed, size);
    printf("{\"missed\": %ld}\n", missed);
    fflush(stdout);
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) & ~O_NONBLOCK);
    int port;
    if (fgets(line, sizeof line, stdin) && sscanf(line, "return %d", &port) == 1)
        come_back(&c, port, missed);
}

/* Reads lines until one has the type, or refuses. Returns its bytes; the line is at the buffer's start. */
static size_t await_type(int fd, char *buffer, size_t *have, const char *type)
{
    size_t seen = 0;
    for (;;) {
        char *end = memchr(buffer + seen, '\n', *have - seen);
        if (!end) {
            seen = *have;
            ssize_t got = *have < BUFFER_BYTES ? recv(fd, buffer + *have, BUFFER_BYTES - *have, 0) : 0;
            if (got <= 0)
                fail("the server closed the connection of who asks, or was silent");
            *have += (size_t)got;
            continue;
        }
        size_t bytes = (size_t)(end - buffer) + 1;
        refuse_errors(buffer, bytes);
        if (has(buffer, bytes < 40 ? bytes : 40, type))
            return bytes;
        memmove(buffer, buffer + bytes, *have -= bytes);
        seen = 0;
    }
}

static void do_ask(char **words)
{
    char line[4096], *buffer = room(1, BUFFER_BYTES);
    histogram times = {0};
    size_t have = 0, bytes;
    uint64_t messages = 0, asked = 0;
    int fd = calling(0, (int)whole(words[0], 1, 65535, "PORT"));
    struct timeval patience = {.tv_sec = 60};
    wait_connected(fd);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int length = snprintf(line, sizeof line, "{\"op\":\"hello\"}\n{\"op\":\"join\",\"room\":\"%s\"}\n", words[1]);
    need((int)send(fd, line, (size_t)length, MSG_NOSIGNAL), "send");
    bytes = await_type(fd, buffer, &have, "\"type\":\"joined\"");
    memmove(buffer, buffer + bytes, have -= bytes);
    while (fgets(line, sizeof line, stdin)) {
        uint64_t start = now_ns();
        need((int)send(fd, line, strlen(line), MSG_NOSIGNAL), "send");
        bytes = await_type(fd, buffer, &have, "\"type\":\"page\"");
        note(&times, now_ns() - start);
        for (char *at = buffer; (at = memmem(at, (size_t)(buffer + bytes - at), "\"seq\":", 6)); at++)
            messages++;
        memmove(buffer, buffer + bytes, have -= bytes);
        asked++;
    }
    printf("{\"asked\": %llu, \"messages_each\": %.1f", (unsigned long long)asked,
           asked ? (double)messages / (double)asked : 0.0);
    print_times(&times);
    puts("}");
}

#endif
