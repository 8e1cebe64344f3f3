"""Requests to real services: many at once, cancelled at random, and ends of every kind."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.errors import ConnectionClosed, MalformedMessage, Reason, UsageError, WaitTimeout
from landline.limits import Limits
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.services import script, serving, upper

SECONDS = 10.0


async def called(address: Any, **options: Any) -> StreamConnection:
    connection = await connect(address, **options)
    assert isinstance(connection, StreamConnection)
    return connection


@pytest.mark.parametrize("switchable", [False, True])
@on_both_loops
async def test_thousands_at_once(switchable: bool) -> None:
    limits = Limits(send_buffer_bytes=4096)
    count = 300 if switchable else 3000
    async with serving(upper()) as address, await called(address, switchable=switchable, limits=limits) as connection:
        asked = [b"message %d " % number * 10 for number in range(count)]
        replies = await asyncio.gather(*(connection.request(message, SECONDS) for message in asked))
        assert replies == [message.upper() for message in asked]


@pytest.mark.parametrize("numbered", ["in_order", "numbered"])
@pytest.mark.parametrize("seed", [1, 2, 3])
@on_both_loops
async def test_cancelled_at_random_everybody_else_gets_their_own(numbered: Any, seed: int) -> None:
    random = Random(seed)
    service = Service("upper", replies=numbered)

    @service.message
    async def answer(message: bytes) -> bytes:
        await asyncio.sleep(0)
        return message.upper()

    async with serving(service) as address, await called(address, replies=numbered) as connection:

        async def ask(number: int) -> None:
            for _ in range(random.randrange(5)):
                await asyncio.sleep(0)
            assert await connection.request(b"m%d" % number, SECONDS) == b"M%d" % number

        tasks = [asyncio.create_task(ask(number)) for number in range(300)]
        while not all(task.done() for task in tasks[::3]):
            random.choice(tasks[::3]).cancel()
            await asyncio.sleep(0)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [one for index, one in enumerate(results) if index % 3 and one is not None] == []
        assert await connection.request(b"last", SECONDS) == b"LAST"


@pytest.mark.parametrize(
    ("pieces", "framing", "error", "sentence"),
    [
        ((b"", b"3:ONE,"), "netstring", ConnectionClosed, "is closed (peer_closed)"),
        ((b"", b"3:ONE,junk"), "netstring", MalformedMessage, "malformed message at offset 6"),
    ],
)
@on_both_loops
async def test_the_end_of_a_service_wakes_all(pieces: Any, framing: str, error: type[Exception], sentence: str) -> None:
    async with serving(script(*pieces)) as address, await called(address, framing=framing) as connection:
        tasks = [asyncio.create_task(connection.request(b"one", SECONDS)) for _ in range(5)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[0] == b"ONE"
        assert all(isinstance(one, error) and sentence in str(one) for one in results[1:])


@on_both_loops
async def test_nobody_needs_to_look_at_the_error() -> None:
    """The loops' exception handlers are told of nothing: see tests/loops.py."""
    async with serving(script(b"", b"x\n")) as address, await called(address) as connection:
        tasks = [asyncio.create_task(connection.request(b"one", None)) for _ in range(5)]
        await tasks[0]
        for task in tasks[1:]:
            task.cancel()
        connection.abort()
        await asyncio.wait(tasks)
        with pytest.raises(ConnectionClosed) as caught:
            await connection.request(b"one")
        assert caught.value.reason == Reason.ABORTED


@on_both_loops
async def test_a_service_that_greets_is_heard_first() -> None:
    async with serving(script(b"welcome\n", b"ONE\n", b"TWO\n")) as address, await called(address) as connection:
        assert await connection.receive(SECONDS) == b"welcome"
        assert await connection.request(b"one", SECONDS) == b"ONE"
        assert await connection.request(b"two", SECONDS) == b"TWO"


@on_both_loops
async def test_a_time_out() -> None:
    async with serving(script(b"", b"", b"")) as address, await called(address) as connection:
        with pytest.raises(WaitTimeout) as caught:
            await connection.request(b"one", 0.01)
        assert str(caught.value) == f"waiting for a reply from {address} took longer than 0.01 s"


@pytest.mark.parametrize("seed", range(5))
@on_both_loops
async def test_a_client_switches_whatever_way_the_bytes_come(seed: int) -> None:
    stream = b"READY\n\x00\x03two\x00\x04more5:three,"
    random = Random(seed)
    cuts = sorted({0, len(stream), *(random.randrange(len(stream)) for _ in range(seed * 2))})
    pieces = [stream[start:end] for start, end in zip(cuts, cuts[1:], strict=False)]
    service = Service("switch", framing="raw")

    @service.connection
    async def play(connection: StreamConnection) -> None:
        await connection.receive()
        for piece in pieces:
            await connection.send(piece)
            await asyncio.sleep(0)

    async with serving(service) as address, await called(address, switchable=True) as connection:
        assert await connection.request(b"binary", SECONDS) == b"READY"
        connection.switch_framing("length:u16be")
        assert [await connection.receive(SECONDS) for _ in range(2)] == [b"two", b"more"]
        connection.switch_framing("netstring")
        assert [message async for message in connection] == [b"three"]


@on_both_loops
async def test_msgpack_over_lines_is_refused_before_calling() -> None:
    with pytest.raises(UsageError) as caught:
        await connect("tcp://127.0.0.1:1", payload="msgpack")
    assert str(caught.value) == "msgpack may hold line ends; give another framing than lines, such as length:u32be"
