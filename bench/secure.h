/* TLS for the load generator, by OpenSSL; without -DWITH_TLS only the sentence that it is missing. */
#ifndef BENCH_SECURE_H
#define BENCH_SECURE_H

#include "common.h"

#ifdef WITH_TLS
#include <fcntl.h>
#include <openssl/ssl.h>

typedef SSL secured;

/* Shakes hands over a connected socket, TLS 1.3 only; the socket does not block from then on. */
static inline secured *secure(int fd)
{
    static SSL_CTX *context;
    if (!context) {
        context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    SSL *tls = SSL_new(context);
    if (!tls || !SSL_set_fd(tls, fd) || SSL_connect(tls) != 1)
        fail("no TLS handshake");
    need(fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl");
    return tls;
}

/* As send(2) and recv(2): -1 with EAGAIN when the kernel has no room, or nothing more. */
static inline ssize_t secured_result(secured *tls, int result)
{
    int why = SSL_get_error(tls, result);
    if (why == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
    return -1;
}

static inline ssize_t secured_send(secured *tls, const void *data, size_t bytes)
{
    int sent = SSL_write(tls, data, (int)bytes);
    return sent > 0 ? sent : secured_result(tls, sent);
}

/* Reads every record that is here, as a plain socket gives everything that is here. */
static inline ssize_t secured_receive(secured *tls, unsigned char *buffer, size_t bytes)
{
    size_t filled = 0;
    while (filled < bytes) {
        int got = SSL_read(tls, buffer + filled, (int)(bytes - filled));
        if (got <= 0)
            return filled ? (ssize_t)filled : secured_result(tls, got);
        filled += (size_t)got;
    }
    return (ssize_t)filled;
}

#else

typedef void secured;

static inline secured *secure(int fd)
{
    (void)fd;
    fail("this load was compiled without TLS");
    return NULL;
}

static inline ssize_t secured_send(secured *tls, const void *data, size_t bytes)
{
    (void)tls, (void)data, (void)bytes;
    return -1;
}

static inline ssize_t secured_receive(secured *tls, unsigned char *buffer, size_t bytes)
{
    (void)tls, (void)buffer, (void)bytes;
    return -1;
}

#endif
#endif
