"""The first bytes of a caller tell what it speaks."""

from __future__ import annotations

import pytest

from landline.chat.sniffing import MOST_SNIFFED_BYTES, REFUSALS, Protocol, sniff

CASES = [
    (b"GET / HTTP/1.1\r\n", Protocol.HTTP),
    (b"HEAD / HTTP/1.1\r\n", Protocol.HTTP),
    (b"POST /x", Protocol.HTTP),
    (b"PUT /x", Protocol.HTTP),
    (b"DELETE /", Protocol.HTTP),
    (b"OPTIONS *", Protocol.HTTP),
    (b"PATCH /x", Protocol.HTTP),
    (b"CONNECT a:1", Protocol.HTTP),
    (b"TRACE /", Protocol.HTTP),
    (b"PRI * HTTP/2.0\r\n\r\n", Protocol.HTTP),
    (b'{"op":"hello"}\n', Protocol.JSON),
    (b" \r\n\t{", Protocol.JSON),
    (b"SSH-2.0-OpenSSH", Protocol.SSH),
    (b"\x16\x03\x01", Protocol.TLS),
    (b"\xff\xfd\x03", Protocol.TEXT),
    (b"hello", Protocol.TEXT),
    (b"/join lobby\n", Protocol.TEXT),
    (b"GETTING late", Protocol.TEXT),
    (b"Priya here", Protocol.TEXT),
    (b"P\n", Protocol.TEXT),
    (b"get / http/1.1", Protocol.TEXT),
    (b" GET / HTTP/1.1", Protocol.TEXT),
    (b" SSH-", Protocol.TEXT),
    (b"[1]\n", Protocol.TEXT),
    (b"\0", Protocol.TEXT),
    (b" " * MOST_SNIFFED_BYTES, Protocol.TEXT),
    (b"\n" * MOST_SNIFFED_BYTES + b"{", Protocol.TEXT),
]


@pytest.mark.parametrize(("data", "protocol"), CASES)
def test_the_first_bytes_tell(data: bytes, protocol: Protocol) -> None:
    assert sniff(data) is protocol
    assert sniff(data[:MOST_SNIFFED_BYTES]) is protocol


@pytest.mark.parametrize("data", [data for data, _ in CASES])
def test_byte_by_byte_it_is_the_same_and_never_changes(data: bytes) -> None:
    found = [sniff(data[:length]) for length in range(len(data) + 1)]
    assert found[0] is None
    known = [protocol for protocol in found if protocol is not None]
    assert found[-len(known) :] == known == [sniff(data)] * len(known)


def test_nobody_is_waited_for_beyond_the_bound() -> None:
    for byte in range(256):
        assert sniff(bytes([byte]) * MOST_SNIFFED_BYTES) is not None


@pytest.mark.parametrize("data", [b"", b"G", b"GET", b"P", b"PR", b"SSH", b" ", b"\r\n", b"DELET"])
def test_more_bytes_are_needed(data: bytes) -> None:
    assert sniff(data) is None


def test_a_refusal_is_a_line_that_says_what_to_do() -> None:
    for sentence in REFUSALS.values():
        assert sentence.startswith(b"! ") and sentence.endswith(b"\n") and b"come back" in sentence
