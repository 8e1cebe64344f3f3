"""Framings by option, spoken by clients that know nothing of Landline: a few lines of `struct` each."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pytest

from tests.integration.rig import LANDLINE, WAIT_SECONDS, run, serving

MESSAGES = [b"bith", b"x", b"a\nb\x00c\xff"]


def length(layout: str, adjustment: int = 0) -> Callable[[bytes], bytes]:
    """A length in front, as `struct` writes it."""
    return lambda message: struct.pack(layout, len(message) + adjustment) + message


def u24be(message: bytes) -> bytes:
    return struct.pack(">I", len(message))[1:] + message


def leb128(message: bytes) -> bytes:
    """Only for lengths below 128: one byte."""
    return bytes([len(message)]) + message


def netstring(message: bytes) -> bytes:
    return b"%d:%s," % (len(message), message)


def slip(message: bytes) -> bytes:
    return message.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


def cobs(message: bytes) -> bytes:
    """Runs without a zero, each behind its length and one (below 254 bytes)."""
    return b"".join(bytes([len(run) + 1]) + run for run in message.split(b"\0")) + b"\0"


FRAMINGS: dict[str, Callable[[bytes], bytes]] = {
    "length:u8": length(">B"),
    "length:u16be": length(">H"),
    "length:u16le": length("<H"),
    "length:u24be": u24be,
    "length:u32be": length(">I"),
    "length:u32le": length("<I"),
    "length:u64be": length(">Q"),
    "length:u32be,adjustment=-4": length(">I", adjustment=4),
    "varint": leb128,
    "netstring": netstring,
    "slip": slip,
    "cobs": cobs,
    "delimited:0d0a2e0d0a": lambda message: message + b"\r\n.\r\n",
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_client_in_plain_python(framing: str) -> None:
    encode = FRAMINGS[framing]
    stream = b"".join(map(encode, MESSAGES))
    answer = b"".join(encode(message.upper()) for message in MESSAGES)
    with (
        serving("upper", "--framing", framing) as server,
        socket.create_connection(("127.0.0.1", server.port), WAIT_SECONDS) as sock,
    ):
        # Once in one piece, and once cut in the middle.
        sock.sendall(stream + stream[: len(stream) // 2])
        assert received(sock, len(stream)) == answer
        sock.sendall(stream[len(stream) // 2 :])
        assert received(sock, len(stream)) == answer


def test_messages_of_one_size() -> None:
    with serving("upper", "--framing", "fixed:4") as server:
        with socket.create_connection(("127.0.0.1", server.port), WAIT_SECONDS) as sock:
            sock.sendall(b"onetwothree!")
            assert received(sock, 12) == b"ONETWOTHREE!"
        assert run(LANDLINE, "call", f"127.0.0.1:{server.port}", "four", "--framing", "fixed:4").stdout == b"FOUR\n"


def test_lines_end_as_the_option_says() -> None:
    with (
        serving("upper", "--framing", "lines:crlf") as server,
        socket.create_connection(("127.0.0.1", server.port), WAIT_SECONDS) as sock,
    ):
        sock.sendall(b"one\ntwo\r\n")
        assert received(sock, 10) == b"ONE\r\nTWO\r\n"


def received(sock: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes, or fewer where the stream ends."""
    data = b""
    while len(data) < size and (piece := sock.recv(size - len(data))):
        data += piece
    return data
