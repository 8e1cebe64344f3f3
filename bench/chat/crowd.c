/* The members of a chat, all in one thread: they talk at a given rate, come back at once, or turn pages.
 *
 * crowd talk PORT irc|text|json|web PID MEMBERS SPEAKERS ROOMS SIZE SEED
 *     lets MEMBERS into ROOMS rooms, prints how many as JSON, and then does what the lines of stdin say:
 *     `talk RATE WARM_UP_MS MEASURE_MS` has the speakers of the first room say RATE messages a second, SIZE bytes each,
 *     each at its own moment of a common period; prints what came, how late, and the CPU time of process PID;
 *     `count` prints how many the server still keeps; `end` ends.
 *     A message is late from the moment at which it was due, also when the generator itself was late.
 * crowd storm PORT MEMBERS MISSED SIZE
 *     lets MEMBERS (of JSON lines) into a room, prints how many; `cut` ends all connections but a speaker's, who says
 *     MISSED messages; `return PORT` has all come back at once, with a resume, and prints who has everything and when.
 * crowd ask PORT ROOM
 *     enters a room in JSON lines and sends each line of stdin as a request, one at a time; prints the times to a page.
 */
#include "crowd.h"

#include <fcntl.h>
#include <sched.h>

#define DRAIN_NS (20ull * 1000000000u)
#define HOLD_SECONDS 1800

/* CPU seconds that a process has used, all threads together (proc(5)). */
static double cpu_seconds_of(long pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    size_t bytes = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[bytes] = 0;
    char *behind = strrchr(text, ')');
    if (!behind || sscanf(behind + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        fail("the server's CPU time cannot be read");
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Whether this process may run where the server may not: else asking again and again would take its time away. */
static int has_own_core(long pid)
{
    cpu_set_t own, other, both;
    need(sched_getaffinity(0, sizeof own, &own), "sched_getaffinity");
    need(sched_getaffinity((pid_t)pid, sizeof other, &other), "sched_getaffinity");
    CPU_AND(&both, &own, &other);
    return CPU_COUNT(&both) < CPU_COUNT(&own);
}

typedef struct {
    crowd *all;
    long speakers, size, pid;
    uint64_t *phases;            /* when in a period each speaker speaks, as a part of 2^32 */
    uint32_t next;               /* the number of the next message */
} talk;

static int by_value(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

/* Says everything that is due until end_ns, and hears. The n-th message is due at a moment the seed has drawn. */
static void speak_until(talk *t, uint64_t start_ns, uint64_t end_ns, double period_ns, uint64_t *said)
{
    crowd *c = t->all;
    char words[MOST_WORDS];
    for (;;) {
        uint64_t round = *said / (uint64_t)t->speakers, who = *said % (uint64_t)t->speakers;
        double part = (double)t->phases[who] / 4294967296.0;
        uint64_t due = start_ns + (uint64_t)(((double)round + part) * period_ns);
        if (due >= end_ns)
            break;
        if (due > now_ns()) {
            attend(c, due, 0);
            for (long i = 0; i < t->speakers; i++)
                if (c->members[i].pending_bytes)
                    say_pending(&c->members[i]);
        }
        say(&c->members[who], words, words_to_say(words, c->in, 0, due, t->next++, (size_t)t->size));
        ++*said;
        // Between messages that are late there is time to hear what waits.
        if (*said % 8 == 0)
            attend(c, 0, 0);
    }
    attend(c, end_ns, 0);
}

/* Messages that listeners lack, and listeners who heard another order than the first of them. */
static uint64_t lacking(const talk *t, uint64_t said, long *disordered)
{
    uint64_t lost = 0;
    const crowd *c = t->all;
    *disordered = 0;
    for (long i = t->speakers; i < c->count; i++) {
        lost += said > c->members[i].came ? said - c->members[i].came : 0;
        *disordered += c->members[i].trace != c->members[t->speakers].trace;
    }
    return lost;
}

static void talk_at(talk *t, double rate, long warm_up_ms, long measure_ms)
{
    crowd *c = t->all;
    for (long i = 0; i < c->count; i++)
        c->members[i].came = c->members[i].trace = 0;
    double period_ns = (double)t->speakers / rate * 1e9;
    uint64_t start = now_ns(), middle = start + (uint64_t)warm_up_ms * 1000000u, said = 0;
    uint64_t end = middle + (uint64_t)measure_ms * 1000000u;
    c->first = t->next;
    c->measured = UINT32_MAX;
    memset(&c->times, 0, sizeof c->times);
    c->spins = has_own_core(t->pid);
    speak_until(t, start, middle, period_ns, &said);
    c->measured = t->next;
    c->deliveries = 0;
    uint64_t before = said;
    double server = cpu_seconds_of(t->pid);
    c->busy_ns = 0;
    uint64_t from = now_ns();
    speak_until(t, start, end, period_ns, &said);
    double seconds = (double)(now_ns() - from) / 1e9;
    server = cpu_seconds_of(t->pid) - server;
    double busy = (double)c->busy_ns / 1e9 / seconds;
    c->spins = 0;
    uint64_t deliveries = c->deliveries, patience = now_ns() + DRAIN_NS, lost;
    long disordered;
    while ((lost = lacking(t, said, &disordered)) && now_ns() < patience) {
        for (long i = 0; i < t->speakers; i++)
            if (c->members[i].pending_bytes)
                say_pending(&c->members[i]);
        attend(c, now_ns() + 100000000u, 0);
    }
    printf("{\"rate\": %.1f, \"seconds\": %.4f, \"said\": %llu, \"deliveries\": %llu, \"deliveries_per_second\": %.1f, "
           "\"server_cpu_seconds\": %.2f, \"generator_busy\": %.3f, \"lost\": %llu, \"disordered\": %ld",
           rate, seconds, (unsigned long long)(said - before), (unsigned long long)deliveries,
           (double)deliveries / seconds, server, busy, (unsigned long long)lost, disordered);
    print_times(&c->times);
    puts("}");
    fflush(stdout);
}

/* A number drawn from the seed (splitmix64). */
static uint64_t drawn(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Members the server has neither closed nor reset. */
static long still_open(const crowd *c)
{
    long open = 0;
    for (long i = 0; i < c->count; i++) {
        char byte;
        ssize_t got = recv(c->members[i].fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
        open += got > 0 || (got < 0 && errno == EAGAIN);
    }
    return open;
}

/* Hears, with nothing to say, until a line stands on stdin; returns it, or NULL at the end. */
static char *next_order(crowd *c, char *line, int most)
{
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    for (int at = 0; at < most - 1;) {
        ssize_t got = read(0, line + at, 1);
        if (got == 0)
            return NULL;
        if (got < 0)
            attend(c, now_ns() + 20000000u, 0);
        else if (line[at++] == '\n') {
            line[at] = 0;
            return line;
        }
    }
    return NULL;
}

static crowd new_crowd(const char *in, const char *port, const char *count)
{
    crowd c = {.in = dialect_named(in), .port = (int)whole(port, 1, 65535, "PORT")};
    c.count = whole(count, 1, 60000, "MEMBERS");
    c.members = room((size_t)c.count, sizeof *c.members);
    c.buffer = room(1, BUFFER_BYTES);
    c.poller = need(epoll_create1(0), "epoll_create1");
    c.first = c.measured = UINT32_MAX;
    alarm(HOLD_SECONDS);
    return c;
}

static void do_talk(char **words)
{
    crowd c = new_crowd(words[1], words[0], words[3]);
    long rooms = whole(words[5], 1, c.count, "ROOMS");
    talk t = {.all = &c, .next = 1u << 16, .pid = whole(words[2], 1, INT32_MAX, "PID")};
    t.speakers = whole(words[4], 1, c.count, "SPEAKERS");
    t.size = whole(words[6], STAMP_BYTES, 400, "SIZE");
    uint64_t seed = (uint64_t)whole(words[7], 0, INT32_MAX, "SEED");
    t.phases = room((size_t)t.speakers, sizeof *t.phases);
    for (long i = 0; i < t.speakers; i++)
        t.phases[i] = drawn(&seed) >> 32;
    qsort(t.phases, (size_t)t.speakers, sizeof *t.phases, by_value);
    gather(&c, rooms);
    be_together(&c, rooms, 60ull * 1000000000u);
    printf("{\"members\": %ld}\n", c.count);
    fflush(stdout);
    char line[256];
    while (next_order(&c, line, sizeof line) && strcmp(line, "end\n")) {
        double rate;
        long warm_up_ms, measure_ms;
        if (sscanf(line, "talk %lf %ld %ld", &rate, &warm_up_ms, &measure_ms) == 3)
            talk_at(&t, rate, warm_up_ms, measure_ms);
        else
            printf("{\"still_open\": %ld}\n", still_open(&c));
        fflush(stdout);
    }
}

#include "storm.h"

int main(int count, char **words)
{
    if (count == 10 && !strcmp(words[1], "talk"))
        do_talk(words + 2);
    else if (count == 6 && !strcmp(words[1], "storm"))
        do_storm(words + 2);
    else if (count == 4 && !strcmp(words[1], "ask"))
        do_ask(words + 2);
    else
        fail("usage: crowd talk|storm|ask PORT ... (see the top of crowd.c)");
    return 0;
}
