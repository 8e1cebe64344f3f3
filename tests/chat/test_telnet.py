"""The commands of telnet are no text, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.chat.telnet import MOST_SUBNEGOTIATION_BYTES, Telnet
from tests.chat.cutting import pieces

BEGUN = b"\xff\xf1"  # NOP: from here on it is a telnet

CASES = [
    (b"plain\r\nCR NUL \r\0stays\r\0", b"plain\r\nCR NUL \r\0stays\r\0"),
    (BEGUN + b"a\r\0b\r\nc\0d\r", b"a\r\nb\r\nc\0d\r"),
    (BEGUN + b"\r\r\0\r", b"\r\r\n\r"),
    (b"\xff\xfb\x1f\xff\xfd\x03hello\r\n\xff\xfe\x01\xff\xfc\xff", b"hello\r\n"),
    (b"a\xff\xfa\x1f\x00\x50\x00\x0a\xff\xf0b", b"ab"),
    (b"\xff\xfa\x1f\xff\xff\x0a\xff\xf0b", b"b"),
    (b"a\xff\xffb", b"a\xffb"),
    (b"a\xff\xf6\xff\xf4\xff\xf2\xff\xf0b\xff\xecc\xff\xefd", b"abcd"),
    (b"\xffa\xff\xe9", b"\xffa\xff\xe9"),
    (b"\xff\r\0", b"\xff\r\n"),
    (b"\r\xff\xf1\0x", b"\r\0x"),
    (BEGUN + b"\r\xff\xf1\0x", b"\r\0x"),
    (b"\xff\xfa" + b"x" * MOST_SUBNEGOTIATION_BYTES + b"yhello", b"hello"),
    (b"\xff\xfa" + b"x" * (MOST_SUBNEGOTIATION_BYTES - 1) + b"\xffyhello", b"hello"),
    (b"\xff", b""),
    (b"", b""),
]


@pytest.mark.parametrize(("data", "text"), CASES, ids=range(len(CASES)))
def test_commands_are_taken_out(data: bytes, text: bytes) -> None:
    for cut in pieces(data):
        telnet = Telnet()
        assert b"".join(map(telnet.feed, cut)) == text
        assert telnet.is_active == (b"\xff" in data)


@given(st.lists(st.sampled_from([bytes([byte]) for byte in b"\xff\xfa\xf0\xfb\xfe\xec\r\0\na"]), max_size=40))
def test_the_cuts_make_no_difference(parts: list[bytes]) -> None:
    data = b"".join(parts)
    whole = Telnet().feed(data)
    for cut in pieces(data):
        telnet = Telnet()
        assert b"".join(map(telnet.feed, cut)) == whole
    assert len(whole) <= len(data)


@given(st.binary(max_size=60))
def test_text_behind_a_command_comes_through(text: bytes) -> None:
    quoted = text.replace(b"\xff", b"\xff\xff").replace(b"\r", b"")
    assert Telnet().feed(BEGUN + quoted) == text.replace(b"\r", b"")
