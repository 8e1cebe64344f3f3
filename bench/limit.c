/* The C limit: a single-threaded epoll server that upper-cases messages.
 *
 * limit length|lines      prints its port on stdout, serves 127.0.0.1 until it is ended.
 *
 * It looks at every header and changes payload bytes only, answers all whole messages of a read with one write,
 * and keeps one buffer a connection. It checks nothing a real server would: no deadlines, no caps, no logs.
 */
#include "common.h"

#define BUFFER_BYTES (256 * 1024)

/* data: [0, written) sent, [written, done) answers to send, [done, filled) the start of a message. */
typedef struct {
    int fd;
    int blocked;
    size_t written, done, filled;
    unsigned char data[BUFFER_BYTES];
} connection;

static int lines;

static void upper(unsigned char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        text[i] ^= (unsigned char)(((unsigned char)(text[i] - 'a') < 26) << 5);
}

/* Upper-cases every whole line that has arrived. */
static void answer_lines(connection *c)
{
    unsigned char *last = memrchr(c->data + c->done, '\n', c->filled - c->done);
    if (!last)
        return;
    size_t end = (size_t)(last - c->data) + 1;
    upper(c->data + c->done, end - c->done);
    c->done = end;
}

/* Upper-cases the payload of every whole length-prefixed message that has arrived. */
static void answer_lengths(connection *c)
{
    while (c->filled - c->done >= HEADER_BYTES) {
        uint32_t size;
        memcpy(&size, c->data + c->done, HEADER_BYTES);
        size = ntohl(size);
        if (c->filled - c->done - HEADER_BYTES < size)
            return;
        upper(c->data + c->done + HEADER_BYTES, size);
        c->done += HEADER_BYTES + size;
    }
}

/* Sends what is ready; 0 when the peer is gone. */
static int flush(int poller, connection *c)
{
    while (c->written < c->done) {
        ssize_t sent = send(c->fd, c->data + c->written, c->done - c->written, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            if (!c->blocked)
                watch(poller, EPOLL_CTL_MOD, c->fd, EPOLLOUT, c);
            c->blocked = 1;
            return 1;
        }
        if (sent < 0)
            return 0;
        c->written += (size_t)sent;
    }
    if (c->blocked)
        watch(poller, EPOLL_CTL_MOD, c->fd, EPOLLIN, c);
    c->blocked = 0;
    memmove(c->data, c->data + c->done, c->filled - c->done);
    c->filled -= c->done;
    c->done = c->written = 0;
    return 1;
}

/* Reads once and answers; 0 when the peer is gone or its message does not fit. */
static int turn(int poller, connection *c)
{
    if (!c->blocked) {
        ssize_t got = recv(c->fd, c->data + c->filled, BUFFER_BYTES - c->filled, 0);
        if (got < 0 && errno == EAGAIN)
            return 1;
        if (got <= 0)
            return 0;
        c->filled += (size_t)got;
        (lines ? answer_lines : answer_lengths)(c);
    }
    return flush(poller, c);
}

static void welcome(int poller, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0)
        return;
    no_delay(fd);
    connection *c = room(1, sizeof *c);
    c->fd = fd;
    watch(poller, EPOLL_CTL_ADD, fd, EPOLLIN, c);
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = loopback(1, 0);
    socklen_t bytes = sizeof address;
    int listener = need(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
    need(bind(listener, (struct sockaddr *)&address, bytes), "bind");
    need(listen(listener, 1024), "listen");
    need(getsockname(listener, (struct sockaddr *)&address, &bytes), "getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **words)
{
    if (count != 2 || (strcmp(words[1], "length") && strcmp(words[1], "lines")))
        fail("usage: limit length|lines");
    lines = !strcmp(words[1], "lines");
    int poller = need(epoll_create1(0), "epoll_create1");
    int listener = listen_anywhere();
    watch(poller, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(poller, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            connection *c = events[i].data.ptr;
            if (!c) {
                welcome(poller, listener);
            } else if (!turn(poller, c)) {
                close(c->fd);
                free(c);
            }
        }
    }
}
