"""Handlers that outlive their peer, are cancelled from elsewhere, or do not let themselves be cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from landline.connection.stream import StreamConnection
from landline.errors import MessageRejected, Reason
from landline.server import running
from landline.server.engine import Server
from landline.server.running import RunningService
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import BRIEF, Journal, call, serving


def inside(server: Server) -> RunningService:
    """The one service that the server runs."""
    (one,) = server._running.values()
    return one


class Gate:
    """A handler that waits until somebody opens."""

    def __init__(self) -> None:
        self.running, self.most = 0, 0
        self.entered, self.open = asyncio.Event(), asyncio.Event()

    async def answer(self, message: bytes) -> bytes:
        self.running += 1
        self.most = max(self.most, self.running)
        self.entered.set()
        try:
            await self.open.wait()
        finally:
            self.running -= 1
        return message


@on_both_loops
async def test_a_handler_keeps_its_place_when_its_peer_is_gone(journal: Journal) -> None:
    """Else one caller after the other could start a long answer and leave, and any number of them would run."""
    gate = Gate()
    service = Service("gate", limits=replace(BRIEF, max_connections=2))
    service.message(gate.answer)
    async with serving(service) as server:
        for number in range(2):
            with call(server) as caller:
                gate.entered.clear()
                await caller.send(b"a\n")
                await gate.entered.wait()
                caller.reset()
            await journal.holds("gone, reset", times=number + 1)
        assert (gate.running, inside(server).admission.inside) == (2, 2)
        with call(server) as refused:
            assert await refused.rest() == b"busy\n"
        gate.open.set()
        while inside(server).admission.inside:
            await asyncio.sleep(0)
        with call(server) as caller:
            assert await caller.ask(b"b") == b"b"
    assert gate.most == 2
    assert server.counts().reasons[Reason.RESET] == 2


@on_both_loops
async def test_a_stop_lets_a_handler_finish_whose_peer_is_gone(journal: Journal) -> None:
    """What it does besides answering, such as storing, counts too."""
    gate, stored = Gate(), []
    service = Service("store", limits=BRIEF)

    @service.message
    async def store(message: bytes) -> None:
        stored.append(await gate.answer(message))

    server = serving(service)
    await server.start()
    with call(server) as caller:
        await caller.send(b"a\n")
        await gate.entered.wait()
        caller.reset()
    await journal.holds("gone, reset")
    stopping = asyncio.ensure_future(server.stop())
    await asyncio.sleep(0)
    gate.open.set()
    counts = await stopping
    assert stored == [b"a"]
    assert counts.cut_off == 0


@on_both_loops
async def test_a_handler_that_cannot_be_cancelled_does_not_hold_up_a_stop(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LAST_WORDS_SECONDS", 0.05)
    gate = Gate()
    service = Service("deaf", limits=replace(BRIEF, drain_seconds=0.05))

    @service.message
    async def deaf(message: bytes) -> None:
        while not gate.open.is_set():
            try:
                await gate.answer(message)
            except asyncio.CancelledError:
                continue

    server = serving(service)
    await server.start()
    with call(server) as caller:
        await caller.send(b"a\n")
        await gate.entered.wait()
        counts = await server.stop()
        assert counts.cut_off == 1
        assert journal.lines(logging.ERROR) == ["deaf: 1 handlers go on though they were cancelled"]
        gate.open.set()
        while inside(server).connections:
            await asyncio.sleep(0)


def _await_cancelled() -> asyncio.Future[None]:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    return future


async def _awaiting(message: bytes) -> None:
    await _await_cancelled()


def _at_once(message: bytes) -> None:
    _await_cancelled().result()


async def _conversing(connection: StreamConnection) -> None:
    await connection.receive()
    await _await_cancelled()


@on_both_loops
@pytest.mark.parametrize("handler", [_awaiting, _at_once, _conversing])
async def test_a_future_that_was_cancelled_under_a_handler_is_an_error_of_that_handler(
    journal: Journal, handler: Callable[..., Any]
) -> None:
    """CancelledError is no Exception: once it went into the event loop, or ended the connection without a word."""
    service = Service("cancelled", limits=BRIEF)
    declare = service.connection if handler is _conversing else service.message
    declare(handler)
    async with serving(service) as server:
        with call(server) as caller:
            await caller.send(b"a\n")
            assert await caller.rest() == b""
            caller.close()
            await journal.holds("gone, handler_error")
    assert [record.levelname for record in journal.records if record.exc_info] == ["ERROR"]


@on_both_loops
async def test_a_message_in_hand_when_the_connection_breaks_is_handled_without_a_fuss(journal: Journal) -> None:
    """Once, a handler of (message, connection) was not called then, and the nothing in its place was awaited."""
    heard: list[bytes] = []
    service = Service("late", limits=BRIEF)

    @service.message
    async def handle(message: bytes, connection: StreamConnection) -> None:
        heard.append(message)

    async with serving(service) as server:
        with call(server) as caller:
            await caller.send(b"a\n")
            while not heard:
                await asyncio.sleep(0)
            (connection,) = inside(server).connections
            connection.data_received(b"b\nc\n")
            connection.abort()
            await journal.holds("gone, aborted")
    assert heard[:2] == [b"a", b"b"]
    assert journal.lines(logging.WARNING) == []


class Answering:
    """A handler that is an object."""

    async def __call__(self, message: bytes) -> bytes:
        await asyncio.sleep(0)
        return message.upper()


@on_both_loops
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"])
async def test_an_object_that_is_to_be_awaited_is_awaited(address: str) -> None:
    service = Service("object", limits=BRIEF)
    service.message(Answering())
    async with serving(service, address) as server:
        with call(server) as caller:
            await caller.send(b"a\n")
            assert await caller.read(2) == b"A\n"


@on_both_loops
async def test_a_rejection_by_a_conversation_is_told_and_ends_it(journal: Journal) -> None:
    service = Service("parrot", limits=BRIEF)

    @service.connection
    async def refuse(connection: StreamConnection) -> None:
        raise MessageRejected("late", "come tomorrow")

    async with serving(service) as server:
        with call(server) as caller:
            assert await caller.rest() == b"error late: come tomorrow\n"
    counts = server.counts()
    assert (counts.rejected, counts.reasons[Reason.FINISHED], counts.reasons[Reason.HANDLER_ERROR]) == (1, 1, 0)
