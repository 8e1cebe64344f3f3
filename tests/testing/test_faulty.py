"""Faults on lines in memory, under the virtual clock, and in a proxy between real sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.errors import ConnectionClosed, Reason, ServiceError, WaitTimeout
from landline.server.engine import Server
from landline.testing import (
    Faults,
    FaultyProxy,
    connect_in_memory,
    connect_with_faults,
    run_virtual,
    serve_in_memory,
)
from landline.testing.faulty import MOST_HELD_BYTES, _sides
from tests.loops import on_both_loops
from tests.services import serving, upper
from tests.sockets import free_port


class Listening(asyncio.Protocol):
    """Keeps what it got, with the time, and how it ended."""

    def __init__(self) -> None:
        self.got: list[tuple[float, bytes]] = []
        self.paused = False

    def data_received(self, data: bytes) -> None:
        self.got.append((round(asyncio.get_running_loop().time(), 6), data))

    def eof_received(self) -> bool:
        self.data_received(b"<end>")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.data_received(b"<lost>" if exc is None else b"<reset>")

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False

    @property
    def data(self) -> bytes:
        return b"".join(data for _, data in self.got)


async def told(faults: Faults, *pieces: bytes, number: int = 0) -> tuple[Listening, Listening]:
    """What both ends see within an hour when one says pieces and ends."""
    near, far = Listening(), Listening()
    ours, _ = connect_with_faults(near, far, faults, number=number)
    for piece in pieces:
        ours.write(piece)
        await asyncio.sleep(1)
    if not ours.is_closing():
        ours.write_eof()
    await asyncio.sleep(3600)
    return near, far


@pytest.mark.parametrize(
    ("faults", "near", "far"),
    [
        (Faults.NONE, [], [(0.0, b"hello"), (1.0, b" world!"), (2.0, b"<end>")]),
        (Faults(delay_seconds=3), [], [(3.0, b"hello"), (4.0, b" world!"), (5.0, b"<end>")]),
        (Faults.STALLED, [], [(0.0, b"hello"), (1.0, b" worl")]),
        (Faults.HALF_OPEN, [], [(0.0, b"hello"), (1.0, b" worl")]),
        (Faults.LIMITED, [], [(0.0, b"hello"), (1.0, b" worl"), (1.0, b"<end>")]),
        (Faults.RESET, [(1.0, b"<reset>")], [(0.0, b"hello"), (1.0, b" worl"), (1.0, b"<reset>")]),
    ],
    ids=str,
)
def test_what_arrives_in_memory(faults: Faults, near: list[object], far: list[object]) -> None:
    found = run_virtual(told(faults, b"hello", b" world!"))
    assert (found[0].got, found[1].got) == (near, far)


def test_the_same_seed_makes_the_same_faults_and_each_connection_its_own() -> None:
    def once(seed: int, number: int = 0) -> list[tuple[float, bytes]]:
        faults = Faults(jitter_seconds=1, slice_bytes=3, seed=seed)
        return run_virtual(told(faults, b"a message" * 3, number=number))[1].got

    assert once(1) == once(1)
    assert once(1) != once(2)
    assert once(1) != once(1, number=1)


def test_a_narrow_line_delivers_all_and_keeps_its_rate() -> None:
    data = b"x" * 100_000
    _, far = run_virtual(told(Faults(bandwidth_bytes_per_second=1000), data))
    assert far.data == data + b"<end>"
    assert far.got[-1][0] == pytest.approx(100, abs=1)


def test_a_stall_makes_the_sender_wait_and_holds_little() -> None:
    async def scenario() -> None:
        near, far = Listening(), Listening()
        ours, _ = connect_with_faults(near, far, Faults.STALLED)
        ours.write(b"x" * 1_000_000)
        await asyncio.sleep(3600)
        assert near.paused
        # 10 bytes arrived. All else waits with the sender, but for what its pipe and one read hold.
        assert ours.get_write_buffer_size() > 1_000_000 - 3 * MOST_HELD_BYTES
        assert far.data == b"x" * 10

    run_virtual(scenario())


def test_a_receiver_that_does_not_read_makes_the_sender_wait() -> None:
    async def scenario() -> None:
        near, far = Listening(), Listening()
        ours, theirs = connect_with_faults(near, far, Faults(delay_seconds=1))
        theirs.pause_reading()
        ours.write(b"x" * 1_000_000)
        await asyncio.sleep(3600)
        assert near.paused
        theirs.resume_reading()
        await asyncio.sleep(3600)
        assert (near.paused, len(far.data)) == (False, 1_000_000)

    run_virtual(scenario())


def test_both_sides_may_end_and_a_reset_of_one_hits_the_other() -> None:
    async def ending() -> None:
        near, far = Listening(), Listening()
        ours, theirs = connect_with_faults(near, far, Faults(delay_seconds=1))
        ours.write_eof()
        theirs.write_eof()
        await asyncio.sleep(5)
        assert (near.data, far.data) == (b"<end>", b"<end>")

    async def resetting() -> None:
        near, far = Listening(), Listening()
        ours, _ = connect_with_faults(near, far, to_first=Faults(delay_seconds=1))
        ours.abort()
        await asyncio.sleep(5)
        assert (near.data, far.data) == (b"<lost>", b"<reset>")

    run_virtual(ending())
    run_virtual(resetting())


def test_a_service_over_a_slow_line() -> None:
    async def scenario() -> None:
        async with serve_in_memory(upper()) as served:
            faults = Faults(delay_seconds=7)
            line = await served.connect(faults=faults, back=faults)
            await line.send(b"hello")
            assert await line.receive() == b"HELLO"
            assert asyncio.get_running_loop().time() == pytest.approx(14)
            await line.close()

    run_virtual(scenario())


# Real sockets.


async def ask(line: StreamConnection, message: bytes = b"hello") -> bytes:
    await line.send(message)
    reply: bytes = await line.receive(10)
    return reply


async def call(proxy: FaultyProxy) -> StreamConnection:
    line = await connect(proxy.address)
    assert isinstance(line, StreamConnection)
    return line


@on_both_loops
@pytest.mark.parametrize(
    "faults", [Faults.NONE, Faults.SLICED, Faults(delay_seconds=0.01, jitter_seconds=0.01)], ids=str
)
async def test_the_proxy_passes_everything_on(faults: Faults) -> None:
    async with serving(upper()) as address, FaultyProxy(address, faults, faults) as proxy:
        async with await call(proxy) as line:
            assert await ask(line) == b"HELLO"
            assert await ask(line, b"x" * 300) == b"X" * 300
            line.end_sending()
            with pytest.raises(ConnectionClosed, match="peer_closed"):
                await line.receive(10)
        assert proxy.calls == 1


@on_both_loops
async def test_a_megabyte_goes_through_both_ways() -> None:
    async with serving(upper("length:u32be")) as address, FaultyProxy(address, Faults.NONE, Faults.NONE) as proxy:
        line = await connect(proxy.address, framing="length:u32be")
        await line.send(b"x" * 1_000_000)
        assert await line.receive(10) == b"X" * 1_000_000
        await line.close()


@on_both_loops
async def test_a_reset_is_a_real_one_on_both_sides() -> None:
    server = Server([(upper(), "tcp://127.0.0.1:0")])
    async with server, FaultyProxy(server.listening[0].address, Faults.RESET) as proxy:
        line = await call(proxy)
        assert await ask(line) == b"HELLO"
        await line.send(b"reset in the middle")
        with pytest.raises(ConnectionClosed) as caught:
            await line.receive(10)
        assert caught.value.reason is Reason.RESET
        while not server.counts().reasons:
            await asyncio.sleep(0.001)
        assert server.counts().reasons == {Reason.RESET: 1}


@on_both_loops
async def test_silence_is_silence() -> None:
    for faults in (Faults.STALLED, Faults.HALF_OPEN):
        async with serving(upper()) as address, FaultyProxy(address, faults) as proxy:
            line = await call(proxy)
            assert await ask(line) == b"HELLO"
            await line.send(b"lost on the way")
            with pytest.raises(WaitTimeout):
                await line.receive(0.05)
            line.abort()


@on_both_loops
async def test_a_target_that_is_not_there_resets_the_caller() -> None:
    with free_port() as port:
        async with FaultyProxy(f"127.0.0.1:{port}") as proxy:
            line = await call(proxy)
            with pytest.raises(ConnectionClosed):
                await line.receive(10)


@on_both_loops
async def test_unix_on_both_sides(tmp_path: Path) -> None:
    where = f"unix://{tmp_path}/proxy"
    async with serving(upper(), f"unix://{tmp_path}/target") as address, FaultyProxy(address, listen=where) as proxy:
        assert str(proxy.address) == where
        async with await call(proxy) as line:
            assert await ask(line) == b"HELLO"
    assert list(tmp_path.iterdir()) == []


@on_both_loops
async def test_leaving_ends_calls_in_every_state() -> None:
    async with serving(upper()) as address:
        async with FaultyProxy(address) as proxy:
            talking = await call(proxy)
            assert await ask(talking) == b"HELLO"
            fresh = await call(proxy)
        for line in (talking, fresh):
            with pytest.raises(ConnectionClosed):
                await line.receive(10)


@pytest.mark.parametrize(
    ("use", "sentence"),
    [
        (lambda proxy: proxy.address, "the proxy listens only inside `async with`"),
        (
            lambda proxy: asyncio.run(proxy.__aenter__()),
            "the proxy is for streams and cannot listen on udp://127.0.0.1:0",
        ),
    ],
)
def test_misuse_is_told(use: Callable[[FaultyProxy], object], sentence: str) -> None:
    with pytest.raises(ServiceError, match=re.escape(sentence)):
        use(FaultyProxy("127.0.0.1:1", listen="udp://127.0.0.1:0"))


def test_raw_bytes_arrive_in_slices() -> None:
    async def scenario() -> list[int]:
        _, far = await told(Faults(slice_bytes=2, delay_seconds=1, jitter_seconds=0.5), b"x" * 100)
        return [len(data) for _, data in far.got[:-1]]

    sizes = run_virtual(scenario())
    assert (sum(sizes), set(sizes)) == (100, {1, 2, 3})


def test_what_arrives_before_both_sides_are_there_is_kept_and_comes_first() -> None:
    """On uvloop a caller's first bytes may be read before the proxy pauses it; they hit a side without a transport."""

    async def scenario() -> None:
        heard = Listening()
        near, far = _sides(Faults.NONE, Faults.NONE, 0)
        caller, _ = connect_in_memory(Listening(), near)
        caller.write(b"early")
        caller.write_eof()
        await asyncio.sleep(1)
        connect_in_memory(far, heard)
        near.start()
        far.start()
        await asyncio.sleep(1)
        assert heard.data == b"early<end>"

    run_virtual(scenario())
