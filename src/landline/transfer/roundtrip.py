"""How far away the other side is, as the kernel has measured it; and what follows from that."""

from __future__ import annotations

import contextlib
import socket
import struct

from landline.transfer.link import Sock

NEAR_SECONDS = 0.002
FAR_STREAMS = 4
"""One connection moves at most a window in each round trip; from afar several move more."""
_RTT_OFFSET = 68
"""Of tcpi_rtt in struct tcp_info: 8 bytes and 15 numbers before it (linux/tcp.h)."""


def round_trip_seconds(sock: Sock) -> float | None:
    """The smoothed round trip time of a TCP connection; None where there is none, as on a Unix socket."""
    with contextlib.suppress(OSError):
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        if len(info) >= _RTT_OFFSET + 4:
            return float(struct.unpack_from("=I", info, _RTT_OFFSET)[0]) / 1e6
    return None


def streams_for(sock: Sock, wished: int | None) -> int:
    """How many data connections to use: what is wished, else one where the other side is near, and four from afar."""
    if wished is not None:
        return wished
    seconds = round_trip_seconds(sock)
    return 1 if seconds is None or seconds < NEAR_SECONDS else FAR_STREAMS
