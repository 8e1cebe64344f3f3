"""Lines of a stream, and the bound of what is held."""

from __future__ import annotations

import pytest

from landline.chat.splitting import Splitter
from tests.chat.cutting import pieces


@pytest.mark.parametrize(
    ("data", "lines", "rest", "is_over"),
    [
        (b"", [], b"", False),
        (b"a\nbc\r\n\nd", [b"a", b"bc", b""], b"d", False),
        (b"a\rb\r\r\n", [b"a\rb\r"], b"", False),
        (b"x\r", [], b"x", False),
        (b"12345678\n12345678\r\n12345678\r", [b"12345678", b"12345678"], b"12345678", False),
        (b"a\n123456789\nb\n", [b"a"], b"", True),
        (b"a\n123456789", [b"a"], b"", True),
        (b"12345678\rx", [], b"", True),
    ],
)
def test_lines(data: bytes, lines: list[bytes], rest: bytes, is_over: bool) -> None:
    for cut in pieces(data):
        splitter = Splitter(8)
        found = [line for piece in cut for line in splitter.feed(piece)]
        assert (found, splitter.is_over) == (lines, is_over)
        assert len(splitter.held) <= 9
        assert splitter.rest() == rest
        assert splitter.rest() == b""
