"""A TLS socket for code that polls: where records end, and calls that do not wait."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from landline.connection.polledtls import PolledTlsSocket, RecordCounter
from landline.connection.tlssession import PIECE_BYTES, TlsSession
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files, carried, shake_hands


def record(size: int) -> bytes:
    """A record of so many bytes."""
    return b"\x17\x03\x03" + size.to_bytes(2) + bytes(size)


def test_where_records_end() -> None:
    stream = record(10) + record(0) + record(PIECE_BYTES) + record(1)
    ends = {len(record(10)), len(record(10) + record(0)), len(stream) - len(record(1)), len(stream), 0}
    counter = RecordCounter()
    for at in range(len(stream)):
        assert counter.inside == (at not in ends), at
        counter.feed(stream[at : at + 1])
    assert not counter.inside


def test_where_records_end_however_they_are_cut() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    sizes = [draw.choice((0, 1, 5, 200)) for _ in range(30)]
    stream = b"".join(map(record, sizes))
    ends = {sum(5 + size for size in sizes[:count]) for count in range(len(sizes) + 1)}
    for _ in range(50):
        counter, at = RecordCounter(), 0
        while at < len(stream):
            step = draw.randint(1, 40)
            counter.feed(stream[at : at + step])
            at = min(at + step, len(stream))
            assert counter.inside == (at not in ends)


@contextmanager
def line(folder: Path) -> Iterator[tuple[PolledTlsSocket, socket.socket, TlsSession]]:
    """A polled socket behind its handshake, the socket of its peer, and the TLS of its peer."""
    files = Files(folder)
    ours = TlsSession(ServerTls(*files.server()).context, True)
    theirs = TlsSession(ClientTls(ca=files.ca()).context, False, "127.0.0.1")
    shake_hands(theirs, ours)
    here, there = socket.socketpair()
    with here, there:
        there.settimeout(5)
        polled = PolledTlsSocket(here, ours)
        polled.settimeout(5)
        polled.finish_shaking()
        yield polled, there, theirs


def test_reading(tmp_path: Path) -> None:
    with line(tmp_path) as (polled, there, theirs):
        with pytest.raises(BlockingIOError):
            polled.recv(100)
        data = theirs.encrypt(b"hello")
        there.send(data[:7])
        with pytest.raises(BlockingIOError):
            polled.recv(100)
        assert polled.inside_record and not polled.ready
        there.send(data[7:] + theirs.encrypt(b"world"))
        assert polled.recv(1000) == b"helloworld"
        assert not polled.inside_record
        assert polled.take_read_bytes() == len(data) * 2
        assert polled.take_read_bytes() == 0
        there.send(theirs.end())
        assert polled.recv(100) == b""
        assert polled.ready
        assert polled.recv(100) == b""


def test_the_end_below_tls(tmp_path: Path) -> None:
    with line(tmp_path) as (polled, there, _):
        there.shutdown(socket.SHUT_WR)
        assert polled.recv(100) == b""


def test_hanging_up_is_noticed_and_loses_nothing(tmp_path: Path) -> None:
    with line(tmp_path) as (polled, there, theirs):
        there.send(theirs.encrypt(b"hello"))
        assert not polled.hung_up()
        assert polled.ready
        assert polled.recv(1) == b"hello"
        there.close()
        assert polled.hung_up()


def test_sending_goes_on_where_it_stopped(tmp_path: Path) -> None:
    data = bytearray(random.Random(0).randbytes(1_000_000))
    with line(tmp_path) as (polled, there, theirs):
        waiting, heard = data[:], b""
        while waiting:
            try:
                del waiting[: polled.send(waiting)]
            except BlockingIOError:
                heard += b"".join(theirs.feed(there.recv(1 << 20)))
        with pytest.raises(BlockingIOError):
            while True:
                polled.send(b"x" * PIECE_BYTES)
        # There is no room for a goodbye; it goes when there is, and once.
        with pytest.raises(BlockingIOError):
            polled.shutdown(socket.SHUT_WR)
        while not theirs.ended:
            heard += b"".join(theirs.feed(there.recv(1 << 20)))
            if polled.plain.fileno() >= 0 and not theirs.ended:
                try:
                    polled.shutdown(socket.SHUT_WR)
                except BlockingIOError:
                    continue
        assert heard.startswith(data)
        assert set(heard[len(data) :]) == {ord("x")}
        there.send(theirs.encrypt(b"we still hear"))
        assert polled.recv(100) == b"we still hear"
        polled.close()


def test_junk(tmp_path: Path) -> None:
    """It is told to the peer by an alert, and raised, then and from then on."""
    with line(tmp_path) as (polled, there, theirs):
        there.send(record(40))
        for _ in range(2):
            with pytest.raises(OSError, match=r"(?i)bad.record.mac"):
                polled.recv(100)
        theirs.feed(there.recv(100))
        assert "BAD_RECORD_MAC" in getattr(theirs.error, "reason", "")


def test_the_helper_of_this_test(tmp_path: Path) -> None:
    with line(tmp_path) as (polled, _, theirs):
        assert polled.info.version == "TLSv1.3"
        assert carried(theirs, theirs) == 0
