"""A stop while handlers block: what is in hand finishes, what does not is cut off, and no thread stays."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import replace

import pytest

from landline.connection.blocking import BlockingConnection
from landline.errors import ConnectionClosed, Reason
from tests.loops import on_both_loops
from tests.server.conftest import BRIEF, Journal, call, serving
from tests.server.test_running_stop import _stop
from tests.server.test_threaded import Gate, blocking_service, own_threads


@on_both_loops
async def test_a_stop_ends_conversations_that_wait(journal: Journal) -> None:
    limits = replace(BRIEF, linger_seconds=20.0)
    server = serving(blocking_service(limits=limits))
    await server.start()
    callers = [call(server) for _ in range(10)]
    assert [await caller.ask(b"a") for caller in callers] == [b"A"] * 10
    counts = await _stop(server, *callers)
    assert [caller.heard for caller in callers] == [b""] * 10
    assert (counts.connections, counts.messages, counts.cut_off) == (10, 10, 0)
    assert counts.reasons == {Reason.DRAINING: 10}
    assert len(journal.lines()) == 10
    assert all(line.endswith("gone, draining, 1 message") for line in journal.lines())
    assert own_threads() == []


@on_both_loops
@pytest.mark.parametrize("seconds", [None, 0.0])
async def test_a_caller_that_stays_on_the_line_is_no_loss(seconds: float | None) -> None:
    server = serving(blocking_service())
    await server.start()
    with call(server) as caller:
        assert await caller.ask(b"a") == b"A"
        counts = await server.stop(seconds)
        assert await caller.rest() == b""
    assert (counts.cut_off, counts.reasons) == (0, {Reason.DRAINING: 1})


@on_both_loops
async def test_messages_that_have_arrived_are_answered() -> None:
    server = serving(blocking_service())
    await server.start()
    callers = [call(server) for _ in range(5)]
    assert [await caller.ask(b"a") for caller in callers] == [b"A"] * 5
    for caller in callers:
        caller.sock.send(b"b\n" * 1000)
    counts = await _stop(server, *callers)
    assert [caller.heard for caller in callers] == [b"B\n" * 1000] * 5
    assert (counts.messages, counts.cut_off, counts.reasons) == (5005, 0, {Reason.DRAINING: 5})


@on_both_loops
async def test_half_a_message_may_finish() -> None:
    server = serving(blocking_service())
    await server.start()
    with call(server) as caller:
        await caller.send(b"a\nhal")
        assert await caller.read(2) == b"A\n"
        stopping = asyncio.ensure_future(server.stop())
        with pytest.raises(ConnectionRefusedError):
            while True:
                call(server).close()
                await asyncio.sleep(0)
        await caller.send(b"f\n")
        assert await caller.rest() == b"HALF\n"
    counts = await stopping
    assert (counts.messages, counts.cut_off) == (2, 0)


@on_both_loops
async def test_half_a_message_that_never_ends_is_cut_off(journal: Journal) -> None:
    server = serving(blocking_service())
    await server.start()
    with call(server) as caller:
        await caller.send(b"a\nhal")
        assert await caller.read(2) == b"A\n"
        counts = await server.stop(0.05)
        assert await caller.rest() == b""
    assert (counts.cut_off, counts.reasons) == (1, {Reason.DRAINING: 1})
    assert journal.lines(logging.WARNING) == []
    assert own_threads() == []


@on_both_loops
async def test_a_handler_that_runs_may_finish() -> None:
    gate = Gate()
    server = serving(blocking_service(gate))
    await server.start()
    with call(server) as caller:
        await caller.send(b"one\ntwo\n")
        await gate.entered.wait()
        asyncio.get_running_loop().call_later(0.05, gate.open.set)
        counts = await _stop(server, caller)
        assert caller.heard == b"ONE\nTWO\n"
    assert (counts.messages, counts.cut_off, counts.reasons) == (2, 0, {Reason.DRAINING: 1})


@on_both_loops
async def test_a_handler_that_receives_learns_of_the_stop() -> None:
    seen: list[Reason] = []

    def farewell(connection: BlockingConnection) -> None:
        connection.send(b"welcome")
        try:
            connection.receive()
        except ConnectionClosed as closed:
            seen.append(closed.reason)
            connection.send(b"farewell")

    server = serving(blocking_service(farewell))
    await server.start()
    with call(server) as caller:
        assert await caller.read(8) == b"welcome\n"
        counts = await _stop(server, caller)
        assert caller.heard == b"farewell\n"
    assert seen == [Reason.DRAINING]
    assert (counts.cut_off, counts.reasons) == (0, {Reason.DRAINING: 1})


@on_both_loops
async def test_answers_that_nobody_reads_are_cut_off(journal: Journal) -> None:
    loop, sending = asyncio.get_running_loop(), asyncio.Event()

    def flood(connection: BlockingConnection) -> None:
        loop.call_soon_threadsafe(sending.set)
        while True:
            connection.send(bytes(1 << 20))

    server = serving(blocking_service(flood, framing="length:u32be"))
    await server.start()
    with call(server):
        await sending.wait()
        counts = await server.stop(0.05)
    assert (counts.cut_off, counts.reasons) == (1, {Reason.DRAINING: 1})
    assert journal.lines(logging.WARNING) == []
    assert own_threads() == []


@on_both_loops
async def test_a_handler_that_never_ends_is_told_of_and_left(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.server.running.LAST_WORDS_SECONDS", 0.05)
    gate = Gate()
    server = serving(blocking_service(gate))
    await server.start()
    with call(server) as caller:
        await caller.send(b"a\n")
        await gate.entered.wait()
        counts = await server.stop(0.05)
        assert await caller.rest() == b""
        assert (counts.cut_off, counts.reasons) == (1, {Reason.DRAINING: 1})
        assert journal.lines(logging.WARNING) == [
            "slow: 1 handlers go on in their threads though the server has stopped; they end with the process"
        ]
        (left,) = [thread for thread in threading.enumerate() if thread.name.startswith("slow")]
        assert left.daemon
        gate.open.set()
        await asyncio.get_running_loop().run_in_executor(None, left.join)
    # It is counted once, though it ended after all.
    assert server.counts().reasons == {Reason.DRAINING: 1}


def test_a_handler_that_ends_after_the_loop_has_gone() -> None:
    """The thread has nobody to tell; it must end all the same, and quietly."""
    gates: list[Gate] = []

    async def serve_and_stop() -> None:
        gates.append(Gate())
        server = serving(blocking_service(gates[0]))
        await server.start()
        with call(server) as caller, pytest.MonkeyPatch.context() as patch:
            patch.setattr("landline.server.running.LAST_WORDS_SECONDS", 0.0)
            await caller.send(b"a\n")
            await gates[0].entered.wait()
            await server.stop(0.0)

    asyncio.run(serve_and_stop())
    (left,) = [thread for thread in threading.enumerate() if thread.name.startswith("slow")]
    gates[0].open.set()
    left.join()


def test_a_handler_that_fails_after_the_loop_has_gone(journal: Journal) -> None:
    """Its fault is told in the log all the same."""
    gates: list[Gate] = []

    def fail(connection: BlockingConnection) -> None:
        gates[0].enter()
        raise ArithmeticError("late")

    async def serve_and_stop() -> None:
        gates.append(Gate())
        server = serving(blocking_service(fail))
        await server.start()
        with call(server), pytest.MonkeyPatch.context() as patch:
            patch.setattr("landline.server.running.LAST_WORDS_SECONDS", 0.0)
            await gates[0].entered.wait()
            await server.stop(0.0)

    asyncio.run(serve_and_stop())
    (left,) = [thread for thread in threading.enumerate() if thread.name.startswith("slow")]
    gates[0].open.set()
    left.join()
    assert journal.lines(logging.ERROR)[-1].startswith("slow: the handler failed on the connection of tcp://127.0.0.1:")


@on_both_loops
async def test_a_stop_before_anybody_called() -> None:
    server = serving(blocking_service())
    await server.start()
    assert (await server.stop()).connections == 0


@on_both_loops
async def test_callers_that_still_wait_to_be_accepted_are_answered() -> None:
    server = serving(blocking_service())
    await server.start()
    callers = [call(server) for _ in range(5)]
    for caller in callers:
        caller.sock.send(b"a\n")
    counts = await _stop(server, *callers)
    assert [caller.heard for caller in callers] == [b"A\n"] * 5
    assert (counts.connections, counts.cut_off, counts.reasons) == (5, 0, {Reason.DRAINING: 5})
