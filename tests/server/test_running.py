"""One service while it runs: who comes in, what its handlers do, how connections go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from landline.connection.stream import StreamConnection
from landline.errors import ConnectionClosed, Reason, WaitTimeout
from landline.limits import Limits
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import ANY_PORT, BRIEF, Caller, Journal, call, serving, upper_service

SECRET = "a secret of the handler"


# Coming in.


@on_both_loops
async def test_at_the_cap_a_newcomer_is_told_and_closed_at_once(journal: Journal) -> None:
    service = upper_service(limits=replace(BRIEF, max_connections=3))
    async with serving(service) as server, contextlib.AsyncExitStack() as calls:
        inside = [calls.enter_context(call(server)) for _ in range(3)]
        assert [await caller.ask(b"a") for caller in inside] == [b"A"] * 3
        for _ in range(5):
            with call(server) as newcomer:
                assert await newcomer.rest() == b"busy\n"
        assert [await caller.ask(b"b") for caller in inside] == [b"B"] * 3
        inside[0].close()
        await journal.holds("gone, peer_closed")
        with call(server) as newcomer, call(server) as too_many:
            assert await newcomer.ask(b"c") == b"C"
            assert await too_many.rest() == b"busy\n"
    counts = server.counts()
    assert (counts.connections, counts.refused, counts.reasons[Reason.REFUSED]) == (4, 6, 6)
    warnings = [line for line in journal.lines(logging.WARNING) if "all 3 places are taken (max_connections)" in line]
    assert len(warnings) == 1, "a flood of newcomers is told once a second"


@on_both_loops
async def test_places_are_exact_when_many_call_at_once() -> None:
    async with serving(upper_service(limits=replace(BRIEF, max_connections=7))) as server:
        with contextlib.ExitStack() as calls:
            callers = [calls.enter_context(call(server)) for _ in range(50)]
            for caller in callers:
                caller.sock.send(b"a\n")
                caller.end_sending()
            answers = [await caller.read(5) for caller in callers]
        assert answers == [b"A\n"] * 7 + [b"busy\n"] * 43


@on_both_loops
async def test_one_peer_does_not_take_all_places(tmp_path: Path) -> None:
    service = upper_service(limits=replace(BRIEF, max_connections=10, max_connections_per_peer=2))
    async with serving(service, ANY_PORT, "tcp://[::]:0", f"unix://{tmp_path / 'socket'}") as server:
        with contextlib.ExitStack() as calls:
            for which in (0, 0, 1, 1, 2, 2, 2, 2):
                assert await calls.enter_context(call(server, which)).ask(b"a") == b"A"
            for which in (0, 1):
                assert await calls.enter_context(call(server, which)).rest() == b"busy\n"
            assert await calls.enter_context(call(server, 2)).ask(b"a") == b"A"
    assert server.counts().refused == 2


@on_both_loops
@pytest.mark.parametrize("framing", ["raw", "length:u32be", "netstring", "slip", "cobs", "fixed:4", "delimited:00"])
async def test_other_framings_get_no_word(framing: str) -> None:
    async with serving(upper_service(framing, replace(BRIEF, max_connections=1))) as server:
        with call(server), call(server) as newcomer:
            assert await newcomer.rest() == b""
        assert server.counts().refused == 1


@on_both_loops
async def test_a_newcomer_who_talks_at_once_hears_the_word_too() -> None:
    async with serving(upper_service(limits=replace(BRIEF, max_connections=1))) as server:
        with call(server) as inside:
            assert await inside.ask(b"a") == b"A"
            with call(server) as newcomer:
                newcomer.sock.send(b"x" * 10_000 + b"\n")
                assert await newcomer.rest() == b"busy\n"


# Handlers that fail.


@on_both_loops
async def test_a_handler_error_ends_that_connection_and_no_other(journal: Journal) -> None:
    async with serving(upper_service()) as server:
        with call(server) as other, call(server) as caller:
            assert await other.ask(b"a") == b"A"
            await caller.send(b"one\nfail\ntwo\n")
            assert await caller.rest() == b"ONE\n"
            assert await other.ask(b"b") == b"B"
            caller.close()
            await journal.holds("gone, handler_error")
    _expect_logged_once(journal, "ArithmeticError")
    assert server.counts().reasons[Reason.HANDLER_ERROR] == 1


def _expect_logged_once(journal: Journal, kind: str) -> None:
    """A handler error is in the log once, with its traceback."""
    errors = [record for record in journal.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "the handler failed on a message of tcp://127.0.0.1:" in errors[0].getMessage()
    assert errors[0].exc_info is not None
    text = logging.Formatter().format(errors[0])
    assert "Traceback" in text and kind in text


async def _answer(message: bytes) -> bytes:
    if message == b"fail":
        raise ArithmeticError(SECRET)
    return message.upper()


async def _converse(connection: StreamConnection) -> None:
    async for message in connection:
        await connection.send(await _answer(message))


def _awaiting() -> Service:
    service = Service("awaiting", limits=BRIEF)
    service.message(_answer)
    return service


def _conversing() -> Service:
    service = Service("conversing", limits=BRIEF)
    service.connection(_converse)
    return service


@on_both_loops
@pytest.mark.parametrize("make", [_awaiting, _conversing])
async def test_an_error_in_a_handler_that_awaits(journal: Journal, make: Callable[[], Service]) -> None:
    async with serving(make()) as server:
        with call(server) as other, call(server) as caller:
            assert await other.ask(b"a") == b"A"
            await caller.send(b"one\nfail\ntwo\n")
            assert await caller.rest() == b"ONE\n"
            assert await other.ask(b"b") == b"B"
            caller.close()
            await journal.holds("gone, handler_error")
    _expect_logged_once(journal, "ArithmeticError")


@on_both_loops
async def test_a_reply_that_cannot_be_framed_is_a_handler_error(journal: Journal) -> None:
    service = Service("two-lines", limits=BRIEF)
    service.message(lambda message: message.replace(b"|", b"\n"))
    async with serving(service) as server:
        with call(server) as caller:
            await caller.send(b"one\ntwo|three\nfour\n")
            assert await caller.rest() == b"one\n"
            caller.close()
            await journal.holds("gone, handler_error")
    _expect_logged_once(journal, "UnframableMessage")


@on_both_loops
async def test_an_error_of_another_connection_is_a_handler_error(journal: Journal) -> None:
    service = Service("relay", limits=BRIEF)
    met: list[StreamConnection] = []

    @service.connection
    async def relay(connection: StreamConnection) -> None:
        met.append(connection)
        async for message in connection:
            await met[0].send(message)

    async with serving(service) as server:
        with call(server) as first:
            assert await first.ask(b"a") == b"a"
        await journal.holds("gone, peer_closed")
        with call(server) as second:
            await second.send(b"b\n")
            assert await second.rest() == b""
            second.close()
            await journal.holds("gone, handler_error")
    _expect_logged_once(journal, "ConnectionClosed")


@on_both_loops
async def test_a_wait_that_times_out_is_an_error_of_the_handler(journal: Journal) -> None:
    service = Service("impatient", limits=BRIEF)

    @service.connection
    async def converse(connection: StreamConnection) -> None:
        with contextlib.suppress(WaitTimeout):
            await connection.receive(0.01)
        await connection.send(b"well?")
        await connection.receive(0.01)

    async with serving(service) as server:
        with call(server) as caller:
            assert await caller.rest() == b"well?\n"
            caller.close()
            await journal.holds("gone, handler_error")
    _expect_logged_once(journal, "WaitTimeout")


# Connections that end.


def _leave(caller: Caller) -> None:
    caller.close()


def _end_sending(caller: Caller) -> None:
    caller.end_sending()


def _reset(caller: Caller) -> None:
    caller.reset()


@on_both_loops
@pytest.mark.parametrize("make", [upper_service, _awaiting, _conversing])
@pytest.mark.parametrize(
    ("last", "leave", "reason"),
    [
        (b"", _leave, Reason.PEER_CLOSED),
        (b"", _end_sending, Reason.PEER_CLOSED),
        (b"", _reset, Reason.RESET),
        (b"half a mess", _reset, Reason.RESET),
        (b"half a mess", _leave, Reason.TRUNCATED),
        (b"half a mess", _end_sending, Reason.TRUNCATED),
    ],
)
async def test_an_ordinary_end_is_one_quiet_line(
    journal: Journal, make: Callable[[], Service], last: bytes, leave: Callable[[Caller], None], reason: Reason
) -> None:
    service = make()
    async with serving(service) as server:
        with call(server) as caller:
            name = "tcp://{}:{}".format(*caller.sock.getsockname())
            assert await caller.ask(b"a") == b"A"
            if last:
                await caller.send(last)
            leave(caller)
            await journal.holds(" gone, ")
    assert journal.lines() == [f"{service.name}: {name} gone, {reason.value}, 1 message"]
    assert server.counts().reasons == {reason: 1}


@on_both_loops
@pytest.mark.parametrize(
    ("framing", "wire", "reason"),
    [
        ("lines", b"x" * 20, Reason.TOO_LARGE),
        ("length:u32be", b"\xff" * 4, Reason.TOO_LARGE),
        ("netstring", b"nonsense", Reason.MALFORMED),
        ("lines", b"half", Reason.MESSAGE_DEADLINE),
    ],
)
@pytest.mark.parametrize("make", [upper_service, _conversing])
async def test_a_peer_that_breaks_the_rules_is_one_quiet_line_too(
    journal: Journal, make: Callable[[], Service], framing: str, wire: bytes, reason: Reason
) -> None:
    limits = replace(BRIEF, max_message_bytes=10, message_seconds=0.05)
    async with serving(make().with_options(framing, limits)) as server, serving(upper_service()) as undisturbed:
        with call(server) as caller, call(undisturbed) as other:
            await caller.send(wire)
            assert await caller.rest() == b""
            assert await other.ask(b"a") == b"A"
            caller.close()
            await journal.holds(f" gone, {reason.value}, 0 messages")
    assert [line for line in journal.lines() if reason.value in line] == journal.lines()[:1]
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_counts_add_up(journal: Journal) -> None:
    async with serving(upper_service()) as server:
        for number in range(5):
            with call(server) as caller:
                for _ in range(number):
                    assert await caller.ask(b"abc") == b"ABC"
        await journal.holds(" gone, ", times=5)
        counts = server.counts()
    assert (counts.connections, counts.messages, counts.bytes_received, counts.bytes_sent) == (5, 10, 40, 40)
    assert counts.reasons == {Reason.PEER_CLOSED: 5}


# Handlers.


@on_both_loops
async def test_a_handler_without_reply_sends_nothing() -> None:
    async with serving(upper_service()) as server:
        with call(server) as caller:
            await caller.send(b"silence\nsilence\na\n")
            assert await caller.read(2) == b"A\n"


def _count(message: bytes, connection: StreamConnection) -> bytes | None:
    connection.state += 1
    if message == b"end":
        connection.end()
        return b"bye"
    return b"%d %s" % (connection.state, str(connection.peer).encode())


async def _count_awaiting(message: bytes, connection: StreamConnection) -> bytes | None:
    return _count(message, connection)


@on_both_loops
@pytest.mark.parametrize("handler", [_count, _count_awaiting])
async def test_a_handler_may_know_whose_message_it_is_and_end_the_conversation(handler: Callable[..., Any]) -> None:
    service = Service("count", limits=BRIEF, state=int)
    service.message(handler)
    async with serving(service) as server:
        with call(server) as one, call(server) as other:
            for caller in (one, other):
                name = b"tcp://127.0.0.1:%d" % caller.sock.getsockname()[1]
                await caller.send(b"a\na\nend\nbehind\n")
                assert await caller.rest() == b"1 %s\n2 %s\nbye\n" % (name, name)


@on_both_loops
async def test_handlers_that_await_keep_the_order_of_each_connection() -> None:
    service = Service("turns", limits=BRIEF)
    running: set[int] = set()

    @service.message
    async def answer(message: bytes, connection: StreamConnection) -> bytes:
        assert id(connection) not in running, "two messages of one connection at a time"
        running.add(id(connection))
        for _ in range(message[-1] % 3):
            await asyncio.sleep(0)
        running.discard(id(connection))
        return message

    async with serving(service) as server:
        with contextlib.ExitStack() as calls:
            callers = [calls.enter_context(call(server)) for _ in range(8)]
            said = [b"".join(b"%d of %d\n" % (number, which) for number in range(100)) for which in range(8)]
            for start in range(0, 1500, 90):
                for caller, text in zip(callers, said, strict=True):
                    if part := text[start : start + 90]:
                        await caller.send(part)
            for caller, text in zip(callers, said, strict=True):
                caller.end_sending()
                assert await caller.rest() == text


@on_both_loops
async def test_messages_of_other_connections_pass_a_handler_that_waits() -> None:
    service = Service("gate", limits=BRIEF)
    gate = asyncio.Event()

    @service.message
    async def answer(message: bytes) -> bytes:
        if message == b"wait":
            await gate.wait()
        elif message == b"open":
            gate.set()
        return message

    async with serving(service) as server:
        with call(server) as one, call(server) as other:
            await one.send(b"wait\nnext\n")
            assert await other.ask(b"hello") == b"hello"
            assert await other.ask(b"open") == b"open"
            assert await one.read(10) == b"wait\nnext\n"


@on_both_loops
async def test_a_conversation_ends_when_its_handler_returns(journal: Journal) -> None:
    service = Service("hello", limits=BRIEF)

    @service.connection
    async def greet(connection: StreamConnection) -> None:
        await connection.send(b"who are you?")
        await connection.send(b"hello, " + await connection.receive())

    async with serving(service) as server:
        with call(server) as caller:
            await caller.send(b"Ada\n")
            assert await caller.rest() == b"who are you?\nhello, Ada\n"
            caller.close()
        await journal.holds("gone, finished, 1 message")
    assert server.counts().reasons == {Reason.FINISHED: 1}


@on_both_loops
@pytest.mark.parametrize(("leave", "reason"), [(_leave, "peer_closed"), (_reset, "reset")])
async def test_a_handler_that_receives_for_ever_ends_quietly_when_the_peer_leaves(
    journal: Journal, leave: Callable[[Caller], None], reason: str
) -> None:
    service = Service("mirror", limits=BRIEF)
    seen: list[ConnectionClosed] = []

    @service.connection
    async def mirror(connection: StreamConnection) -> None:
        try:
            while True:
                await connection.send(await connection.receive())
        except ConnectionClosed as closed:
            seen.append(closed)
            raise

    async with serving(service) as server:
        with call(server) as caller:
            assert await caller.ask(b"a") == b"a"
            leave(caller)
            await journal.holds(f"gone, {reason}, 1 message")
    assert [closed.reason.value for closed in seen] == [reason]
    assert len(journal.lines()) == 1


# Half-close.


@on_both_loops
@pytest.mark.parametrize("make", [upper_service, _awaiting, _conversing])
@pytest.mark.parametrize("family", ["tcp", "unix"])
async def test_a_caller_that_ends_its_side_gets_every_answer(
    tmp_path: Path, make: Callable[[], Service], family: str
) -> None:
    address = ANY_PORT if family == "tcp" else f"unix://{tmp_path / 'socket'}"
    said = b"".join(b"message %d\n" % number for number in range(20_000))
    async with serving(make(), address) as server:
        with call(server) as caller:
            reading = asyncio.ensure_future(caller.rest())
            await caller.send(said)
            caller.end_sending()
            assert await reading == said.upper()
    counts = server.counts()
    assert (counts.messages, counts.reasons) == (20_000, {Reason.PEER_CLOSED: 1})


@on_both_loops
async def test_every_limit_at_its_maximum_serves() -> None:
    """uvloop takes a mark of at most 2**31 - 1 bytes: with one more every connection failed."""
    most = Limits(**{bound.name: bound.metadata["most"] for bound in fields(Limits)})
    async with serving(upper_service(limits=most)) as server:
        with call(server) as caller:
            assert await caller.ask(b"a") == b"A"
