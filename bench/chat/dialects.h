/* What a member of a chat says, and where one unit of what it hears ends: IRC, plain text, JSON lines, WebSocket. */
#ifndef BENCH_DIALECTS_H
#define BENCH_DIALECTS_H

#include "../common.h"

typedef enum { IRC, TEXT, JSON, WEB } dialect;

#define MARK '^'             /* begins a stamp, and stands nowhere else in what is said */
#define STAMP_BYTES 25       /* the mark, a time in nanoseconds, a number, both in hexadecimal digits */
#define MOST_WORDS 8192

static inline dialect dialect_named(const char *name)
{
    static const char *const names[] = {"irc", "text", "json", "web"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, names[i]))
            return (dialect)i;
    fprintf(stderr, "%s is none of irc, text, json, web\n", name);
    exit(2);
}

/* Puts a document into a masked frame (RFC 6455 5.2). The mask is 0: it changes nothing. Returns the bytes. */
static inline size_t framed(char *out, int opcode, const char *document, size_t bytes)
{
    size_t head = 2;
    out[0] = (char)(0x80 | opcode);
    if (bytes < 126) {
        out[1] = (char)(0x80 | bytes);
    } else {
        out[1] = (char)(0x80 | 126);
        out[2] = (char)(bytes >> 8);
        out[3] = (char)bytes;
        head = 4;
    }
    memset(out + head, 0, 4);
    memcpy(out + head + 4, document, bytes);
    return head + 4 + bytes;
}

/* Everything a member says to be in its room. In a WebSocket that is said after the answer to `upgrade_words`. */
static inline size_t words_to_join(char *out, dialect in, int room, int number)
{
    char document[256];
    switch (in) {
    case IRC:
        return (size_t)snprintf(out, MOST_WORDS, "NICK m%05d\r\nUSER m 0 * :m\r\nJOIN #bench%d\r\n", number, room);
    case TEXT:
        return (size_t)snprintf(out, MOST_WORDS, "/join bench%d\n/leave lobby\n", room);
    case JSON:
        return (size_t)snprintf(out, MOST_WORDS, "{\"op\":\"hello\"}\n{\"op\":\"join\",\"room\":\"bench%d\"}\n", room);
    case WEB:
        break;
    }
    size_t at = framed(out, 1, "{\"op\":\"hello\"}", 14);
    int bytes = snprintf(document, sizeof document, "{\"op\":\"join\",\"room\":\"bench%d\"}", room);
    return at + framed(out + at, 1, document, (size_t)bytes);
}

static inline size_t upgrade_words(char *out, int port)
{
    return (size_t)snprintf(out, MOST_WORDS,
                            "GET /chat HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: bGFuZGxpbmUgYmVuY2hlcw==\r\n\r\n", port);
}

/* A message of `size` bytes: its stamp, then letters. Clients that take documents name it, as ours do. */
static inline size_t words_to_say(char *out, dialect in, int room, uint64_t time_ns, uint32_t number, size_t size)
{
    static uint32_t run;
    char body[4097], document[4400];
    if (!run)
        run = (uint32_t)now_ns() | 1;
    snprintf(body, sizeof body, "%c%016llx%08x", MARK, (unsigned long long)time_ns, number);
    for (size_t i = STAMP_BYTES; i < size; i++)
        body[i] = (char)('a' + (number + i) % 26);
    body[size] = 0;
    if (in == IRC)
        return (size_t)snprintf(out, MOST_WORDS, "PRIVMSG #bench%d :%s\r\n", room, body);
    if (in == TEXT)
        return (size_t)snprintf(out, MOST_WORDS, "%s\n", body);
    int bytes = snprintf(document, sizeof document, "{\"op\":\"say\",\"room\":\"bench%d\",\"body\":\"%s\",\"cid\":\"%x-%x\"}",
                         room, body, run, number);
    if (in == WEB)
        return framed(out, 1, document, (size_t)bytes);
    memcpy(out, document, (size_t)bytes);
    out[bytes] = '\n';
    return (size_t)bytes + 1;
}

/* Where a line ends: its bytes with the end, or 0 if it is not whole. */
static inline size_t line_bytes(const char *data, size_t bytes)
{
    const char *end = memchr(data, '\n', bytes);
    return end ? (size_t)(end - data) + 1 : 0;
}

/* Where a frame from a server ends, or 0 if it is not whole; `head` becomes the bytes before what it carries. */
static inline size_t frame_bytes(const char *data, size_t bytes, size_t *head)
{
    const unsigned char *at = (const unsigned char *)data;
    if (bytes < 2)
        return 0;
    size_t length = at[1] & 0x7f;
    *head = length == 126 ? 4 : length == 127 ? 10 : 2;
    if (bytes < *head)
        return 0;
    if (length >= 126) {
        size_t from = *head;
        length = 0;
        for (size_t i = 2; i < from; i++)
            length = length << 8 | at[i];
    }
    return bytes - *head >= length ? *head + length : 0;
}

/* The value of hexadecimal digits, or -1 if one is none. */
static inline int64_t hexadecimal(const char *digits, int count)
{
    int64_t value = 0;
    for (int i = 0; i < count; i++) {
        int c = (unsigned char)digits[i], d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (d < 0)
            return -1;
        value = value << 4 | d;
    }
    return value;
}

/* Reads the stamp at or behind `data`. Returns 1 if there is one. */
static inline int stamp_in(const char *data, size_t bytes, uint64_t *time_ns, uint32_t *number)
{
    const char *end = data + bytes;
    for (const char *at = data; (at = memchr(at, MARK, (size_t)(end - at))); at++) {
        if (end - at < STAMP_BYTES)
            return 0;
        int64_t first = hexadecimal(at + 1, 16), second = hexadecimal(at + 17, 8);
        if (first >= 0 && second >= 0) {
            *time_ns = (uint64_t)first;
            *number = (uint32_t)second;
            return 1;
        }
    }
    return 0;
}

#endif
