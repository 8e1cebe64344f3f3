"""How far away the other side is, as the kernel has measured it; and what follows from that."""

from __future__ import annotations

import contextlib
import socket
import struct

from landline.transfer.link import Sock

NEAR_SECONDS = 0.002
FAR_STREAMS = 4
"""One connection moves at most a window in each round trip; from afar several move more."""
_UNACKNOWLEDGED_OFFSET, _WINDOW_OFFSET, _LEAST_RTT_OFFSET = 24, 80, 148
"""Of tcpi_unacked, tcpi_snd_cwnd and tcpi_min_rtt in struct tcp_info (linux/tcp.h). The smoothed time holds delayed
acknowledgements, of 40 ms each."""


def round_trip_seconds(sock: Sock) -> float | None:
    """The least round trip time that a TCP connection has seen; None where there is none, as on a Unix socket."""
    info = _tcp_info(sock)
    return None if info is None else _number(info, _LEAST_RTT_OFFSET) / 1e6


def window_share(sock: Sock) -> float:
    """How much of its congestion window a TCP connection uses, from 0 to 1; 0 where the other side is near.

    A full window is what holds up a connection over a long way: more bytes may not be under way at once.
    """
    info = _tcp_info(sock)
    if info is None or _number(info, _LEAST_RTT_OFFSET) < NEAR_SECONDS * 1e6:
        return 0.0
    window = _number(info, _WINDOW_OFFSET)
    return min(1.0, _number(info, _UNACKNOWLEDGED_OFFSET) / window) if window else 0.0


def _tcp_info(sock: Sock) -> bytes | None:
    with contextlib.suppress(OSError):
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LEAST_RTT_OFFSET + 4)
        if len(info) >= _LEAST_RTT_OFFSET + 4:
            return info
    return None


def _number(info: bytes, offset: int) -> int:
    return int(struct.unpack_from("=I", info, offset)[0])


def streams_for(sock: Sock, wished: int | None) -> int:
    """How many data connections to use: what is wished, else one where the other side is near, and four from afar."""
    if wished is not None:
        return wished
    seconds = round_trip_seconds(sock)
    return 1 if seconds is None or seconds < NEAR_SECONDS else FAR_STREAMS
