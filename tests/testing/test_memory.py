"""The pair in memory behaves like a pair of sockets; where asyncio's own transport can be asked, it is the judge."""

from __future__ import annotations

import asyncio

import pytest

from landline.testing import MemoryTransport, connect_in_memory, run_virtual


class Recorder(asyncio.Protocol):
    """Keeps what it was told, in order."""

    def __init__(self, keep_open: bool = True) -> None:
        self.events: list[str] = []
        self.data = b""
        self._keep_open = keep_open

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> bool:
        self.events.append("eof")
        return self._keep_open

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append(f"lost {type(exc).__name__}")


def test_what_follows_may_go_to_another_protocol() -> None:
    async def scenario() -> None:
        _, theirs, ours_end, theirs_end = pair()
        ours_end.write(b"one")
        await asyncio.sleep(0.1)
        other = Recorder()
        theirs_end.set_protocol(other)
        assert theirs_end.get_protocol() is other
        ours_end.write(b"two")
        ours_end.close()
        await asyncio.sleep(0.1)
        assert (theirs.data, theirs.events, other.data, other.events[0]) == (b"one", [], b"two", "eof")
        theirs_end.abort()
        await asyncio.sleep(0.1)

    run_virtual(scenario())


def pair(pipe_bytes: int = 1000, reads: int = 1000) -> tuple[Recorder, Recorder, MemoryTransport, MemoryTransport]:
    ours, theirs = Recorder(), Recorder()
    return ours, theirs, *connect_in_memory(ours, theirs, pipe_bytes=pipe_bytes, reads=reads)


def test_bytes_arrive_whole_in_pieces_of_any_size() -> None:
    async def scenario(reads: int) -> None:
        _, theirs, transport, _ = pair(pipe_bytes=7, reads=reads)
        transport.write(b"a longer message than the pipe")
        transport.write(b"")
        transport.write_eof()
        await asyncio.sleep(1)
        assert theirs.data == b"a longer message than the pipe"
        assert theirs.events == ["eof"]
        assert transport.written == [30]
        with pytest.raises(RuntimeError):
            transport.write(b"more")

    for reads in (1, 3, 1000):
        run_virtual(scenario(reads))


def test_the_writer_is_told_to_stop_and_to_go_on() -> None:
    async def scenario() -> None:
        ours, theirs, transport, other = pair(pipe_bytes=10)
        transport.set_write_buffer_limits(high=100)
        other.pause_reading()
        transport.write(b"x" * 110)
        assert ours.events == []
        transport.write(b"x")
        assert ours.events == ["pause"]
        assert (transport.get_write_buffer_size(), other.is_reading()) == (101, False)
        other.resume_reading()
        await asyncio.sleep(1)
        assert ours.events == ["pause", "resume"]
        assert len(theirs.data) == 111

    run_virtual(scenario())


def test_closing_delivers_first_and_aborting_does_not() -> None:
    async def closing() -> None:
        ours, theirs, transport, _ = pair(pipe_bytes=10)
        transport.write(b"x" * 50)
        transport.close()
        transport.close()
        transport.write(b"too late")
        assert transport.is_closing()
        await asyncio.sleep(1)
        assert (theirs.data, theirs.events, ours.events) == (b"x" * 50, ["eof"], ["lost NoneType"])

    async def aborting() -> None:
        ours, theirs, transport, _ = pair(pipe_bytes=10)
        transport.write(b"x" * 50)
        transport.abort()
        await asyncio.sleep(1)
        assert ours.events == ["lost NoneType"]
        assert theirs.events == ["lost ConnectionResetError"]

    run_virtual(closing())
    run_virtual(aborting())


def test_an_end_may_close_the_other_side_too() -> None:
    async def scenario() -> None:
        ours, theirs = Recorder(), Recorder(keep_open=False)
        transport, _ = connect_in_memory(ours, theirs)
        assert transport.can_write_eof()
        transport.write_eof()
        await asyncio.sleep(1)
        assert theirs.events == ["eof", "lost NoneType"]
        assert ours.events == ["eof"]

    run_virtual(scenario())


def test_what_is_handed_over_at_once_may_change_each_time() -> None:
    class Pieces(Recorder):
        def data_received(self, data: bytes) -> None:
            self.events.append(data.decode())

    async def scenario() -> list[str]:
        sizes = iter([1, 2, 3, 4])
        ours, theirs = Recorder(), Pieces()
        transport, _ = connect_in_memory(ours, theirs, reads=lambda: next(sizes))
        transport.write(b"abcdefg")
        await asyncio.sleep(1)
        return theirs.events

    assert run_virtual(scenario()) == ["a", "bc", "def", "g"]
