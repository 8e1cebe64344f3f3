"""Standard input, in chunks."""

from __future__ import annotations

import os
import tempfile

import pytest

from landline.transfer import streamsource
from landline.transfer.streamsource import StreamSource


def test_chunks_are_whole_and_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamsource, "LEAST_CHUNK", 4)
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.seek(0)
        stream = StreamSource(file.fileno(), keep=2)
        pieces = []
        while stream.fill(1.0) and stream.waiting:
            pieces.append(stream.take())
    assert pieces == [b"0123", b"4567", b"89"]
    assert dict(stream.recent) == {1: b"4567", 2: b"89"}
    stream.close()
    assert not stream.recent


def test_what_was_read_waits_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamsource, "LEAST_CHUNK", 4)
    reading, writing = os.pipe()
    stream = StreamSource(reading)
    os.write(writing, b"ab")
    assert not stream.fill(0.0)
    assert stream.waiting == 2
    os.write(writing, b"cdef")
    assert stream.fill(1.0)
    assert stream.take() == b"abcd"
    os.close(writing)
    assert stream.fill(1.0)
    assert stream.take() == b"ef"
    assert stream.fill(1.0) and not stream.waiting
    os.close(reading)
