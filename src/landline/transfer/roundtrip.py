"""How far away the other side is, as the kernel has measured it; and what follows from that."""

from __future__ import annotations

import contextlib
import socket
import struct

from landline.transfer.link import Sock

NEAR_SECONDS = 0.002
FAR_STREAMS = 4
"""One connection moves at most a window in each round trip; from afar several move more."""
_LEAST_RTT_OFFSET = 148
"""Of tcpi_min_rtt in struct tcp_info (linux/tcp.h). The smoothed time holds delayed acknowledgements, of 40 ms each."""


def round_trip_seconds(sock: Sock) -> float | None:
    """The least round trip time that a TCP connection has seen; None where there is none, as on a Unix socket."""
    with contextlib.suppress(OSError):
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LEAST_RTT_OFFSET + 4)
        if len(info) >= _LEAST_RTT_OFFSET + 4:
            return float(struct.unpack_from("=I", info, _LEAST_RTT_OFFSET)[0]) / 1e6
    return None


def streams_for(sock: Sock, wished: int | None) -> int:
    """How many data connections to use: what is wished, else one where the other side is near, and four from afar."""
    if wished is not None:
        return wished
    seconds = round_trip_seconds(sock)
    return 1 if seconds is None or seconds < NEAR_SECONDS else FAR_STREAMS
