"""A running service that stops: what is in hand finishes, what does not is cut off."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from landline.connection.stream import StreamConnection
from landline.errors import ConnectionClosed, Reason
from landline.server.engine import Server
from landline.server.report import Counts
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import ANY_PORT, BRIEF, Caller, Journal, call, serving, upper_service


def _awaiting() -> Service:
    service = Service("awaiting", limits=BRIEF)

    @service.message
    async def answer(message: bytes) -> bytes:
        await asyncio.sleep(0)
        return message.upper()

    return service


def _conversing() -> Service:
    service = Service("conversing", limits=BRIEF)

    @service.connection
    async def converse(connection: StreamConnection) -> None:
        async for message in connection:
            await connection.send(message.upper())

    return service


class Gate:
    """A service whose handler waits at a gate; `entered` says that it is there."""

    def __init__(self, conversing: bool = False) -> None:
        self.entered, self.open = asyncio.Event(), asyncio.Event()
        self.service = Service("gate", limits=BRIEF)
        if conversing:
            self.service.connection(self.converse)
        else:
            self.service.message(self.answer)

    async def answer(self, message: bytes) -> bytes:
        self.entered.set()
        await self.open.wait()
        return message.upper()

    async def converse(self, connection: StreamConnection) -> None:
        async for message in connection:
            await connection.send(await self.answer(message))


async def _stop(server: Server, *callers: Caller, drain_seconds: float | None = None) -> Counts:
    """Stop a server while the callers listen and leave when it says goodbye, as real ones do."""

    async def leave(caller: Caller) -> None:
        with contextlib.suppress(ConnectionError):
            caller.heard = await caller.rest()
        caller.close()

    leaving = [asyncio.ensure_future(leave(caller)) for caller in callers]
    counts = await server.stop(drain_seconds)
    await asyncio.gather(*leaving)
    return counts


services = pytest.mark.parametrize("make", [upper_service, _awaiting, _conversing])


@on_both_loops
@services
async def test_idle_connections_are_closed_at_once(journal: Journal, make: Callable[[], Service]) -> None:
    service = make()
    service = service.with_options(limits=replace(service.limits, linger_seconds=20.0))
    server = serving(service)
    await server.start()
    callers = [call(server) for _ in range(10)]
    assert [await caller.ask(b"a") for caller in callers] == [b"A"] * 10
    counts = await _stop(server, *callers)
    assert [caller.heard for caller in callers] == [b""] * 10
    assert (counts.connections, counts.messages, counts.cut_off) == (10, 10, 0)
    assert counts.reasons == {Reason.DRAINING: 10}
    assert len(journal.lines()) == 10
    assert all(line.endswith("gone, draining, 1 message") for line in journal.lines())


@on_both_loops
@services
async def test_a_caller_that_stays_on_the_line_is_not_waited_for_long(make: Callable[[], Service]) -> None:
    server = serving(make())
    await server.start()
    with call(server) as caller:
        assert await caller.ask(b"a") == b"A"
        counts = await server.stop()
        assert await caller.rest() == b""
    assert (counts.cut_off, counts.reasons) == (0, {Reason.DRAINING: 1})


@on_both_loops
@services
async def test_messages_that_have_arrived_are_answered(make: Callable[[], Service]) -> None:
    server = serving(make())
    await server.start()
    callers = [call(server) for _ in range(5)]
    assert [await caller.ask(b"a") for caller in callers] == [b"A"] * 5
    for caller in callers:
        # This is in the kernel; the event loop has not seen it when the stop begins.
        caller.sock.send(b"b\n" * 1000)
    counts = await _stop(server, *callers)
    assert [caller.heard for caller in callers] == [b"B\n" * 1000] * 5
    assert (counts.messages, counts.cut_off, counts.reasons) == (5005, 0, {Reason.DRAINING: 5})


@on_both_loops
@services
async def test_half_a_message_may_finish(make: Callable[[], Service]) -> None:
    server = serving(make())
    await server.start()
    with call(server) as caller:
        await caller.send(b"a\nhal")
        assert await caller.read(2) == b"A\n"
        stopping = asyncio.ensure_future(server.stop())
        with pytest.raises(ConnectionRefusedError):
            while True:
                # Refused means that the stop has begun.
                call(server).close()
                await asyncio.sleep(0)
        await caller.send(b"f\n")
        assert await caller.rest() == b"HALF\n"
    counts = await stopping
    assert (counts.messages, counts.cut_off) == (2, 0)


@on_both_loops
@pytest.mark.parametrize("conversing", [False, True])
async def test_handlers_that_run_may_finish(conversing: bool) -> None:
    gate = Gate(conversing)
    server = serving(gate.service)
    await server.start()
    with call(server) as caller:
        await caller.send(b"one\ntwo\n")
        await gate.entered.wait()
        asyncio.get_running_loop().call_later(0.05, gate.open.set)
        counts = await _stop(server, caller)
        assert caller.heard == b"ONE\nTWO\n"
    assert (counts.messages, counts.cut_off, counts.reasons) == (2, 0, {Reason.DRAINING: 1})


@on_both_loops
@pytest.mark.parametrize("conversing", [False, True])
@pytest.mark.parametrize("override", [False, True])
async def test_the_deadline_cuts_off_what_does_not_finish(journal: Journal, conversing: bool, override: bool) -> None:
    gate = Gate(conversing)
    quick = replace(BRIEF, drain_seconds=60.0 if override else 0.05)
    server = serving(gate.service.with_options(limits=quick))
    await server.start()
    with call(server) as caller, call(server) as idle:
        await caller.send(b"one\ntwo\n")
        await gate.entered.wait()
        counts = await _stop(server, caller, idle, drain_seconds=0.05 if override else None)
    assert (counts.connections, counts.cut_off) == (2, 1)
    assert counts.reasons == {Reason.DRAINING: 2}
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_half_a_message_that_never_ends_is_cut_off() -> None:
    server = serving(upper_service())
    await server.start()
    with call(server) as caller:
        await caller.send(b"a\nhal")
        assert await caller.read(2) == b"A\n"
        counts = await server.stop(0.05)
    assert (counts.cut_off, counts.reasons) == (1, {Reason.DRAINING: 1})


@on_both_loops
async def test_answers_that_nobody_reads_are_cut_off(tmp_path: Path) -> None:
    # A Unix socket: the kernel holds a few hundred KiB there, and many MiB on TCP.
    server = serving(upper_service(), f"unix://{tmp_path / 'socket'}")
    await server.start()
    with call(server) as caller:
        assert await caller.ask(b"a") == b"A"
        (running,) = server._running.values()
        (connection,) = running.connections
        while connection._writable:
            with contextlib.suppress(BlockingIOError):
                caller.sock.send(b"x" * 999 + b"\n")
            await asyncio.sleep(0)
        counts = await server.stop(0.05)
    assert (counts.cut_off, counts.reasons) == (1, {Reason.DRAINING: 1})


@on_both_loops
async def test_without_any_time_idle_connections_are_no_loss() -> None:
    server = serving(upper_service())
    await server.start()
    with call(server) as caller:
        assert await caller.ask(b"a") == b"A"
        counts = await server.stop(0.0)
    assert (counts.cut_off, counts.reasons) == (0, {Reason.DRAINING: 1})


@on_both_loops
async def test_a_handler_that_is_cut_off_is_cancelled_and_cleans_up(journal: Journal) -> None:
    service = Service("stubborn", limits=BRIEF)
    left: list[str] = []
    entered = asyncio.Event()

    @service.connection
    async def converse(connection: StreamConnection) -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.append("cleaned up")

    server = serving(service)
    await server.start()
    with call(server):
        await entered.wait()
        counts = await server.stop(0.05)
    assert left == ["cleaned up"]
    assert (counts.cut_off, counts.reasons) == (1, {Reason.DRAINING: 1})
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_a_handler_that_receives_learns_of_the_stop() -> None:
    service = Service("farewell", limits=BRIEF)
    seen: list[Reason] = []

    @service.connection
    async def converse(connection: StreamConnection) -> None:
        await connection.send(b"welcome")
        try:
            await connection.receive()
        except ConnectionClosed as closed:
            seen.append(closed.reason)
            await connection.send(b"farewell")

    server = serving(service)
    await server.start()
    with call(server) as caller:
        assert await caller.read(8) == b"welcome\n"
        counts = await _stop(server, caller)
        assert caller.heard == b"farewell\n"
    assert seen == [Reason.DRAINING]
    assert (counts.cut_off, counts.reasons) == (0, {Reason.DRAINING: 1})


@on_both_loops
async def test_counts_of_all_services_add_up_and_each_has_its_own_time() -> None:
    gate = Gate()
    slow = gate.service.with_options(limits=replace(BRIEF, drain_seconds=0.05))
    server = Server([(slow, ANY_PORT), (upper_service(), ANY_PORT), (upper_service(), ANY_PORT)])
    await server.start()
    with contextlib.ExitStack() as calls:
        callers = [calls.enter_context(call(server, which)) for which in range(3)]
        await callers[0].send(b"a\n")
        await gate.entered.wait()
        assert [await caller.ask(b"a") for caller in callers[1:]] == [b"A", b"A"]
        counts = await _stop(server, *callers)
    assert (counts.connections, counts.messages, counts.cut_off) == (3, 3, 1)
    assert sum(counts.reasons.values()) == counts.connections + counts.refused
    assert str(counts) == "3 connections served, 3 messages, 6 B in, 4 B out, 1 cut off, draining 3"


@on_both_loops
@pytest.mark.parametrize("family", ["tcp", "unix"])
async def test_callers_that_left_unseen_do_not_disturb_the_stop(family: str) -> None:
    server = serving(upper_service(), ANY_PORT if family == "tcp" else "unix://@landline-test-left-unseen")
    await server.start()
    with call(server) as caller, call(server) as stays:
        assert [await caller.ask(b"a"), await stays.ask(b"a")] == [b"A", b"A"]
        # The event loop does not get to see any of this before the stop.
        if family == "tcp":
            caller.reset()
        caller.close()
        counts = await _stop(server, stays)
    assert (counts.connections, counts.cut_off) == (2, 0)
