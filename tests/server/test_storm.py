"""Many callers at once, most of them rude: nobody else is disturbed, and when all are gone nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import replace
from random import Random

import pytest

from landline.connection.stream import StreamConnection
from landline.errors import Reason
from landline.server.engine import Server
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import ANY_PORT, BRIEF, Caller, Journal, call, upper_service
from tests.sockets import sockets_open

CALLERS = 200
SECONDS = 1.0
"""What a peer may take; polite ones take a fraction of it even on a busy machine."""
LIMITS = replace(
    BRIEF, max_message_bytes=2000, message_seconds=SECONDS, slow_reader_seconds=SECONDS, send_buffer_bytes=5000,
    receive_buffer_bytes=5000, max_connections=CALLERS // 6,
)  # fmt: skip
ENDS = {
    Reason.PEER_CLOSED, Reason.RESET, Reason.TOO_LARGE, Reason.TRUNCATED, Reason.MESSAGE_DEADLINE, Reason.SLOW_READER,
    Reason.REFUSED, Reason.HANDLER_ERROR, Reason.DRAINING,
}  # fmt: skip


def _awaiting() -> Service:
    service = Service("awaiting", limits=LIMITS)

    @service.message
    async def answer(message: bytes) -> bytes:
        await asyncio.sleep(0)
        if message == b"fail":
            raise ArithmeticError
        return message.upper()

    return service


def _conversing() -> Service:
    service = Service("conversing", limits=LIMITS)

    @service.connection
    async def converse(connection: StreamConnection) -> None:
        async for message in connection:
            if message == b"fail":
                raise ArithmeticError
            await connection.send(message.upper())

    return service


async def polite(caller: Caller, random: Random) -> None:
    """Says a few lines in any pieces, ends its side, and expects every answer; or is told `busy`."""
    lines = [bytes(random.choices(b"abc", k=random.choice([1, 10, 500]))) + b"\n" for _ in range(random.randint(1, 20))]
    said, position = b"".join(lines), 0
    with contextlib.suppress(OSError):
        while position < len(said):
            size = random.choice([1, 100, 3000])
            await caller.send(said[position : position + size])
            position += size
            await asyncio.sleep(0)
        caller.end_sending()
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await caller.rest()
    assert answer in (said.upper(), b"busy\n"), (said, answer)


async def resets(caller: Caller, random: Random) -> None:
    await caller.send(b"abc\n" * random.randint(0, 2000))
    for _ in range(random.randint(0, 3)):
        await asyncio.sleep(0)
    caller.reset()


async def leaves_unread(caller: Caller, random: Random) -> None:
    await caller.send(b"abc\n" * random.randint(1, 2000))
    caller.close()


async def stops_in_the_middle(caller: Caller, random: Random) -> None:
    await caller.send(b"abc\nab")
    if random.random() < 0.5:
        await caller.rest()


async def sends_no_end(caller: Caller, random: Random) -> None:
    for _ in range(100):
        await caller.send(b"x" * 5000)


async def never_reads(caller: Caller, random: Random) -> None:
    caller.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(100):
        await caller.send(b"abcdefg\n" * 10_000)


async def breaks_the_handler(caller: Caller, random: Random) -> None:
    await caller.send(b"abc\nfail\nabc\n")
    await caller.rest()


RUDE = [resets, leaves_unread, stops_in_the_middle, sends_no_end, never_reads, breaks_the_handler]


async def one_caller(server: Server, random: Random) -> None:
    for _ in range(random.randint(0, 30)):
        await asyncio.sleep(0)
    manners = random.choice([polite, polite, polite, *RUDE])
    with call(server, random.randrange(3)) as caller:
        if manners is polite:
            await polite(caller, random)
        else:
            with contextlib.suppress(OSError):
                await manners(caller, random)


@on_both_loops
@pytest.mark.parametrize("seed", [1])
async def test_a_storm(journal: Journal, seed: int) -> None:
    before = sockets_open()
    server = Server([(service, ANY_PORT) for service in (upper_service(limits=LIMITS), _awaiting(), _conversing())])
    await server.start()
    callers = [one_caller(server, Random(f"{seed} {number}")) for number in range(CALLERS)]
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    counts = await server.stop(2 * SECONDS)
    assert [outcome for outcome in outcomes if outcome is not None] == []
    for running in server._running.values():
        assert (running.connections, running.admission.inside, running._tasks) == ({}, 0, {})
    assert sum(counts.reasons.values()) == counts.connections + counts.refused
    assert set(counts.reasons) <= ENDS
    assert counts.cut_off == 0
    errors = [record for record in journal.records if record.levelno >= logging.ERROR]
    assert len(errors) == counts.reasons[Reason.HANDLER_ERROR] > 0
    assert sockets_open() == before
