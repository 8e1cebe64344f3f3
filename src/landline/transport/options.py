"""Socket options, each with its reason."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios

from landline.limits import Limits

SO_MEMINFO = 55
"""Linux: an array of 32-bit counters of one socket (linux/sock_diag.h)."""
SK_MEMINFO_DROPS = 8
"""Its field that counts what the kernel dropped for want of room."""


def tune_stream(sock: socket.socket, limits: Limits) -> None:
    """Set the options every stream has."""
    if sock.family == socket.AF_UNIX:
        return
    # A reply is one write; waiting for more to send with it (RFC 896) only delays it.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A peer whose machine lost power never says so; without probes its place would be taken for ever.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limits.keepalive_idle_seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, limits.keepalive_interval_seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, limits.keepalive_probes)


def grow_receive_buffer(sock: socket.socket, wanted: int) -> int:
    """Ask for a receive buffer of `wanted` bytes; return the bytes granted.

    Linux doubles what it was asked for, to pay for its own bookkeeping (socket(7)); the half is what data may use.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def kernel_drops(sock: socket.socket) -> int | None:
    """Datagrams the kernel has dropped on this socket since it was opened, or None where it does not tell."""
    try:
        counters = sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 64)
    except OSError:
        return None
    if len(counters) < 4 * (SK_MEMINFO_DROPS + 1):
        return None
    return int(struct.unpack_from("=I", counters, 4 * SK_MEMINFO_DROPS)[0])


def unread_bytes(sock: socket.socket) -> int:
    """Bytes that have arrived and were not read yet."""
    try:
        answer = fcntl.ioctl(sock.fileno(), termios.FIONREAD, b"\0\0\0\0")
    except (OSError, ValueError):  # ValueError: the socket is closed
        return 0
    return int(struct.unpack("=i", answer)[0])
