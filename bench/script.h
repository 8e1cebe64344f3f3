/* What every connection says, over and over: a cycle of messages, and the answers a right server gives. */
#ifndef BENCH_SCRIPT_H
#define BENCH_SCRIPT_H

#include "common.h"

#define CYCLE_BYTES (256 * 1024)   /* about: small enough to stay in a core's cache */
#define CYCLE_MESSAGES 4096
#define LEAST_DOCUMENT 64          /* so that its text has 32 bytes or more in MessagePack: one form of header */
#define MOST_DOCUMENT 255

/* What stands between the sockets: messages behind a length, lines, or documents behind a length. */
typedef enum { LENGTH, LINES, JSON, MSGPACK } kind;

static inline kind kind_named(const char *name)
{
    static const char *const names[] = {"length", "lines", "json", "msgpack"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, names[i]))
            return (kind)i;
    fail("a message is length, lines, json or msgpack");
    return LENGTH;
}

/* The cycle stands twice in a row, so that any stretch up to one cycle long is contiguous. */
typedef struct {
    unsigned char *questions, *answers;
    size_t count, bytes;     /* of one cycle */
    size_t *ends;            /* ends[i]: bytes of the first i messages; 2 * count + 2 entries, the last has no end */
} script;

/* Bytes of the first messages of the script. */
static inline size_t ends_at(const script *s, size_t messages)
{
    return s->ends[messages];
}

/* The next of a fixed row of pseudo-random numbers (xorshift64). */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A size of message: always the same, or evenly spread from half to one and a half times it. */
static inline size_t pick_size(size_t size, int mixed, uint64_t *random)
{
    size_t low = size / 2 ? size / 2 : 1;
    return mixed ? low + next_random(random) % (size + 1) : size;
}

/* Writes letters at the one place and the same in upper case at the other. */
static inline void put_text(unsigned char *question, unsigned char *answer, size_t size, uint64_t *random)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789.";
    for (size_t i = 0; i < size; i++) {
        unsigned char letter = (unsigned char)alphabet[next_random(random) % (sizeof alphabet - 1)];
        question[i] = letter;
        answer[i] = letter >= 'a' && letter <= 'z' ? letter - 32 : letter;
    }
}

/* Writes the start of a document of `size` bytes, up to its text; returns how long that is.
 * MessagePack: a map of three, strings below 32 and below 256 bytes, an unsigned number of four bytes. */
static inline size_t put_head(unsigned char *place, kind which, const char *type, uint32_t id, size_t size)
{
    if (which == JSON)
        return (size_t)sprintf((char *)place, "{\"type\":\"%s\",\"id\":%u,\"text\":\"", type, id);
    uint32_t number = htonl(id);
    size_t at = (size_t)sprintf((char *)place, "\x83\xa4type\xa5%s\xa2id\xce", type);
    memcpy(place + at, &number, sizeof number);
    at += sizeof number;
    memcpy(place + at, "\xa4text\xd9", 6);
    at += 6;
    place[at] = (unsigned char)(size - at - 1);
    return at + 1;
}

/* Writes a document {"type": "Shout", "id": ..., "text": ...} and its answer, "Heard" with the text in upper case. */
static inline void put_document(unsigned char *question, unsigned char *answer, size_t size, kind which,
                                uint64_t *random)
{
    uint32_t id = 100000 + (uint32_t)(next_random(random) % 900000);
    size_t at = put_head(question, which, "Shout", id, size);
    size_t tail = which == JSON ? 2 : 0;
    put_head(answer, which, "Heard", id, size);
    put_text(question + at, answer + at, size - at - tail, random);
    memcpy(question + size - tail, "\"}", tail);
    memcpy(answer + size - tail, "\"}", tail);
}

/* Writes one message in its framing at both places; returns its whole length in bytes. */
static inline size_t put_message(unsigned char *question, unsigned char *answer, size_t size, kind which,
                                 uint64_t *random)
{
    if (which == LINES) {
        put_text(question, answer, size, random);
        question[size] = answer[size] = '\n';
        return size + 1;
    }
    uint32_t header = htonl((uint32_t)size);
    memcpy(question, &header, HEADER_BYTES);
    memcpy(answer, &header, HEADER_BYTES);
    if (which == LENGTH)
        put_text(question + HEADER_BYTES, answer + HEADER_BYTES, size, random);
    else
        put_document(question + HEADER_BYTES, answer + HEADER_BYTES, size, which, random);
    return size + HEADER_BYTES;
}

/* Repeats the cycle once, and closes the table of ends. */
static inline void double_script(script *s)
{
    memcpy(s->questions + s->bytes, s->questions, s->bytes);
    memcpy(s->answers + s->bytes, s->answers, s->bytes);
    for (size_t i = 1; i <= s->count; i++)
        s->ends[s->count + i] = s->bytes + s->ends[i];
    s->ends[2 * s->count + 1] = SIZE_MAX;
}

/* A script with at least twice as many messages as are in flight; the same seed gives the same script. */
static inline script make_script(kind which, size_t size, int mixed, size_t in_flight, uint64_t seed)
{
    if (which >= JSON && (mixed || size < LEAST_DOCUMENT || size > MOST_DOCUMENT))
        fail("a document has an equal size from 64 to 255 bytes");
    uint64_t random = seed * 2654435761u + 88172645463325252u;
    size_t largest = size + size / 2 + HEADER_BYTES + 1;
    script s = {.count = CYCLE_BYTES / (size + HEADER_BYTES)};
    s.count = s.count > CYCLE_MESSAGES ? CYCLE_MESSAGES : s.count;
    s.count = s.count < 2 * in_flight ? 2 * in_flight : s.count;
    s.questions = room(2 * s.count, largest);
    s.answers = room(2 * s.count, largest);
    s.ends = room(2 * s.count + 2, sizeof *s.ends);
    for (size_t i = 0; i < s.count; i++) {
        size_t chosen = pick_size(size, mixed, &random);
        s.bytes += put_message(s.questions + s.bytes, s.answers + s.bytes, chosen, which, &random);
        s.ends[i + 1] = s.bytes;
    }
    double_script(&s);
    return s;
}

#endif
