"""What a caller speaks, from the first bytes: one port is for all."""

from __future__ import annotations

import re
from enum import StrEnum

MOST_SNIFFED_BYTES = 16
"""What is looked at before a caller is taken for a person who types."""


class Protocol(StrEnum):
    """What a caller speaks. TLS and SSH are refused: by then TLS is no more, and SSH is not spoken here."""

    TEXT = "text"
    JSON = "json"
    HTTP = "http"
    TLS = "tls"
    SSH = "ssh"


REFUSALS = {
    Protocol.TLS: b"! this port has no TLS: come back without it (nc HOST PORT, or http:// in a browser)\n",
    Protocol.SSH: b"! this is a chat, not SSH: come back with nc HOST PORT, or a browser\n",
}
"""What is said before the conversation ends with those whose protocol is not spoken here."""

_STARTS = {
    **dict.fromkeys(
        (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT ", b"TRACE ", b"PRI * "),
        Protocol.HTTP,
    ),
    b"SSH-": Protocol.SSH,
}
_SPACES = re.compile(rb"[ \t\r\n]*")


def sniff(prefix: bytes) -> Protocol | None:
    """Tell what a caller speaks. `prefix` are its first bytes; at most 16 are looked at.

    Returns None if more bytes are needed. Who says nothing for a while is a person on nc: sniffing cannot know that.
    """
    prefix = prefix[:MOST_SNIFFED_BYTES]
    if prefix[:1] == b"\x16":  # a handshake record, RFC 8446 section 5.1
        return Protocol.TLS
    begun = prefix[len(_SPACES.match(prefix)[0]) :]  # type: ignore[index]  # it matches nothing, too
    if begun:
        return Protocol.JSON if begun[:1] == b"{" else _of_start(prefix)
    return Protocol.TEXT if len(prefix) == MOST_SNIFFED_BYTES else None


def _of_start(prefix: bytes) -> Protocol | None:
    for start, protocol in _STARTS.items():
        if prefix.startswith(start):
            return protocol
        if start.startswith(prefix):
            return None
    return Protocol.TEXT
