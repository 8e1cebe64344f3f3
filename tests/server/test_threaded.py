"""Handlers that block: conversations in threads, with the limits and reason codes of all the others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from landline.connection.blocking import BlockingConnection
from landline.errors import LandlineError, Reason, ServiceError, WaitTimeout
from landline.limits import Limits
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import ANY_PORT, BRIEF, Journal, call, serving
from tests.sockets import sockets_open

Handler = Callable[[BlockingConnection], None]


def blocking_service(handler: Handler | None = None, limits: Limits = BRIEF, framing: str = "lines") -> Service:
    """A service named `slow`, in threads; without a handler it answers in upper case."""
    service = Service("slow", framing=framing, limits=limits)
    service.blocking(handler or in_upper_case)
    return service


def in_upper_case(connection: BlockingConnection) -> None:
    """Answer in upper case; fail on `fail`, hang up on `exit`."""
    for message in connection:
        if message == b"fail":
            raise ArithmeticError("a secret of the handler")
        if message == b"exit":
            return
        connection.send(message.upper())


def own_threads() -> list[str]:
    """The names of the threads that belong to the service."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("slow"))


class Gate:
    """A handler that answers when somebody opens; `entered` can be awaited."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, connection: BlockingConnection) -> None:
        for message in connection:
            self.enter()
            connection.send(message.upper())

    def enter(self) -> None:
        self._loop.call_soon_threadsafe(self.entered.set)
        self.open.wait()


@on_both_loops
async def test_a_conversation(journal: Journal) -> None:
    seen: list[str] = []

    def converse(connection: BlockingConnection) -> None:
        seen.append(threading.current_thread().name)
        in_upper_case(connection)
        seen.append(str(connection.peer))

    async with serving(blocking_service(converse)) as server:
        with call(server) as caller:
            assert await caller.ask(b"one") == b"ONE"
            await caller.send(b"two\nthree\nexit\nfour\n")
            assert await caller.rest() == b"TWO\nTHREE\n"
        await journal.holds("gone")
        counts = server.counts()
    assert seen == [f"slow {seen[1]}", seen[1]]
    assert str(counts) == "1 connection served, 5 messages, 24 B in, 14 B out, 0 cut off, finished 1"
    assert journal.lines() == [f"slow: {seen[1]} gone, finished, 5 messages"]
    assert own_threads() == []


@on_both_loops
async def test_a_peer_that_leaves(journal: Journal) -> None:
    async with serving(blocking_service()) as server:
        with call(server) as caller:
            await caller.send(b"a\nb\n")
            caller.end_sending()
            assert await caller.rest() == b"A\nB\n"
        await journal.holds("gone, peer_closed, 2 messages")
        with call(server) as caller:
            assert await caller.ask(b"a") == b"A"
            caller.reset()
        await journal.holds("gone, reset, 1 message")
        with call(server) as caller:
            await caller.send(b"a\nhal")
            caller.end_sending()
            assert await caller.rest() == b"A\n"
        await journal.holds("gone, truncated, 1 message")
    assert server.counts().reasons == {Reason.PEER_CLOSED: 1, Reason.RESET: 1, Reason.TRUNCATED: 1}
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_a_handler_that_fails_ends_its_connection_only(journal: Journal) -> None:
    async with serving(blocking_service()) as server:
        with call(server) as other, call(server) as caller:
            assert await other.ask(b"a") == b"A"
            await caller.send(b"b\nfail\nc\n")
            assert await caller.rest() == b"B\n"
            assert await other.ask(b"d") == b"D"
        await journal.holds("gone", times=2)
    assert server.counts().reasons == {Reason.HANDLER_ERROR: 1, Reason.PEER_CLOSED: 1}
    (told,) = [record for record in journal.records if record.levelno >= logging.WARNING]
    assert told.getMessage().startswith("slow: the handler failed on the connection of tcp://127.0.0.1:")
    assert told.exc_info is not None and isinstance(told.exc_info[1], ArithmeticError)


@on_both_loops
async def test_system_exit_ends_the_conversation_and_not_the_server(journal: Journal) -> None:
    def leave(connection: BlockingConnection) -> None:
        raise SystemExit(3)

    async with serving(blocking_service(leave)) as server:
        for number in range(2):
            with call(server) as caller:
                assert await caller.rest() == b""
            await journal.holds("gone, handler_error", times=number + 1)
    assert server.counts().reasons == {Reason.HANDLER_ERROR: 2}


@on_both_loops
async def test_threads_are_used_again() -> None:
    idents: set[int] = set()

    def note(connection: BlockingConnection) -> None:
        idents.add(threading.get_ident())

    async with serving(blocking_service(note)) as server:
        for _ in range(20):
            with call(server) as caller:
                assert await caller.rest() == b""
            while server.counts().reasons.total() < server.counts().connections:
                await asyncio.sleep(0)
        assert own_threads() == ["slow idle"]
    assert len(idents) == 1
    assert own_threads() == []


@on_both_loops
async def test_a_newcomer_beyond_max_threads_is_told_busy(journal: Journal) -> None:
    service = blocking_service(limits=replace(BRIEF, max_threads=2))
    async with serving(service) as server:
        with call(server) as one, call(server) as two:
            assert [await one.ask(b"a"), await two.ask(b"b")] == [b"A", b"B"]
            with call(server) as third:
                assert await third.rest() == b"busy\n"
            await one.send(b"exit\n")
            assert await one.rest() == b""
            one.close()
            await journal.holds("gone, finished")
            with call(server) as fourth:
                assert await fourth.ask(b"c") == b"C"
    assert server.counts().reasons[Reason.REFUSED] == 1
    (told,) = journal.lines(logging.WARNING)
    assert told.endswith(": all 2 threads are busy (max_threads) (1 since last told)")


@on_both_loops
async def test_max_connections_holds_too() -> None:
    async with serving(blocking_service(limits=replace(BRIEF, max_connections=1))) as server:
        with call(server) as one, call(server) as two:
            assert await one.ask(b"a") == b"A"
            assert await two.rest() == b"busy\n"


@on_both_loops
async def test_no_thread_left_is_a_refusal(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with serving(blocking_service()) as server:
        with monkeypatch.context() as patch, call(server) as caller:
            patch.setattr(threading.Thread, "start", none_left)
            assert await caller.rest() == b"busy\n"
        with call(server) as caller:
            assert await caller.ask(b"a") == b"A"
    (told,) = journal.lines(logging.WARNING)
    assert "the system gives no further thread (can't start new thread); raise `ulimit -u`" in told
    assert (server.counts().refused, server.counts().connections) == (1, 1)


@on_both_loops
async def test_two_hundred_conversations_at_once() -> None:
    before = sockets_open()
    async with serving(blocking_service()) as server:
        with contextlib.ExitStack() as calls:
            callers = [calls.enter_context(call(server)) for _ in range(200)]
            for turn in range(3):
                words = [f"w{turn}n{number}".encode() for number in range(200)]
                answers = await asyncio.gather(*(caller.ask(word) for caller, word in zip(callers, words, strict=True)))
                assert answers == [word.upper() for word in words]
            assert len(own_threads()) == 200
    counts = server.counts()
    assert (counts.connections, counts.messages, counts.cut_off) == (200, 600, 0)
    assert own_threads() == []
    assert sockets_open() <= before


# Limits.


@on_both_loops
async def test_a_message_that_is_too_large() -> None:
    async with serving(blocking_service(limits=replace(BRIEF, max_message_bytes=10))) as server:
        with call(server) as caller:
            await caller.send(b"a\n" + b"x" * 100)
            assert await caller.rest() == b"A\n"
    assert server.counts().reasons == {Reason.TOO_LARGE: 1}


@on_both_loops
async def test_a_byte_now_and_then_buys_no_time(journal: Journal) -> None:
    async with serving(blocking_service(limits=replace(BRIEF, message_seconds=0.2))) as server:
        with call(server) as caller:
            assert await caller.ask(b"a") == b"A"
            ended = asyncio.ensure_future(caller.rest())
            with contextlib.suppress(ConnectionError):
                while not ended.done():
                    await caller.send(b"x")
                    await asyncio.wait([ended], timeout=0.02)
            with contextlib.suppress(ConnectionError):
                assert await ended == b""
        await journal.holds("gone, message_deadline, 1 message")
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_receiving_in_small_steps_keeps_the_deadline(journal: Journal) -> None:
    def in_steps(connection: BlockingConnection) -> None:
        while True:
            with contextlib.suppress(WaitTimeout):
                connection.receive(0.01)

    async with serving(blocking_service(in_steps, replace(BRIEF, message_seconds=0.2))) as server:
        with call(server) as caller:
            await caller.send(b"hal")
            assert await caller.rest() == b""
        await journal.holds("gone, message_deadline, 0 messages")
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_the_time_of_a_message_stands_still_while_the_handler_works() -> None:
    gate = Gate()
    async with serving(blocking_service(gate, replace(BRIEF, message_seconds=0.2))) as server:
        with call(server) as caller:
            await caller.send(b"one\nhal")
            await gate.entered.wait()
            await asyncio.get_running_loop().run_in_executor(None, threading.Event().wait, 0.3)
            gate.open.set()
            assert await caller.read(4) == b"ONE\n"
            await caller.send(b"f\n")
            assert await caller.read(5) == b"HALF\n"


@on_both_loops
async def test_a_peer_that_does_not_read_is_cut_off(journal: Journal) -> None:
    def flood(connection: BlockingConnection) -> None:
        while True:
            connection.send(bytes(1 << 20))

    service = blocking_service(flood, replace(BRIEF, slow_reader_seconds=0.2), "length:u32be")
    async with serving(service) as server:
        with call(server):
            await journal.holds("gone, slow_reader, 0 messages")
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_nobody_is_hurried_between_messages() -> None:
    async with serving(blocking_service(limits=replace(BRIEF, message_seconds=0.05))) as server:
        with call(server) as caller:
            assert await caller.ask(b"a") == b"A"
            await asyncio.get_running_loop().run_in_executor(None, threading.Event().wait, 0.2)
            assert await caller.ask(b"b") == b"B"


@on_both_loops
async def test_a_handler_may_say_how_long_it_waits(journal: Journal) -> None:
    def ask_twice(connection: BlockingConnection) -> None:
        try:
            connection.receive(0.05)
        except WaitTimeout as error:
            connection.send(str(error).partition(" from")[0].encode())
        connection.send(connection.receive())

    async with serving(blocking_service(ask_twice)) as server:
        with call(server) as caller:
            assert await caller.read(22) == b"waiting for a message\n"
            await caller.send(b"here\n")
            assert await caller.rest() == b"here\n"
        await journal.holds("gone, finished")


@on_both_loops
async def test_sockets_are_kept_alive() -> None:
    options: list[int] = []

    def look(connection: BlockingConnection) -> None:
        assert isinstance(connection._sock, socket.socket)
        options.append(connection._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        options.append(connection._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))

    async with serving(blocking_service(look, replace(BRIEF, keepalive_idle_seconds=77))) as server:
        with call(server) as caller:
            assert await caller.rest() == b""
    assert options == [1, 77]


# Ends.


@on_both_loops
async def test_no_reset_overtakes_the_last_word() -> None:
    def goodbye(connection: BlockingConnection) -> None:
        connection.receive()
        connection.send(b"goodbye")

    async with serving(blocking_service(goodbye, Limits())) as server:
        with call(server) as caller:
            # All of it arrives behind what the handler reads, and nobody reads it but the lingering close.
            await caller.send(b"go\n" + b"x" * 100_000)
            await caller.send(b"y" * 10_000)
            assert await caller.rest() == b"goodbye\n"
    assert server.counts().reasons == {Reason.FINISHED: 1}


@on_both_loops
async def test_a_handler_may_close_and_go_on() -> None:
    said: list[str] = []

    def hang_up(connection: BlockingConnection) -> None:
        with connection:
            connection.send(b"bye")
        connection.close()
        for use in (lambda: connection.send(b"more"), connection.receive, connection.end_sending):
            try:
                use()
            except LandlineError as error:
                said.append(type(error).__name__)

    async with serving(blocking_service(hang_up)) as server:
        with call(server) as caller:
            assert await caller.rest() == b"bye\n"
    assert said == ["ConnectionClosed", "ConnectionClosed"]
    assert server.counts().reasons == {Reason.FINISHED: 1}


@on_both_loops
async def test_half_a_close_by_the_handler(journal: Journal) -> None:
    heard: list[bytes] = []

    def listen_on(connection: BlockingConnection) -> None:
        connection.send(b"go on")
        connection.end_sending()
        heard.extend(connection)

    async with serving(blocking_service(listen_on)) as server:
        with call(server) as caller:
            assert await caller.rest() == b"go on\n"
            await caller.send(b"one\ntwo\n")
            caller.end_sending()
            await journal.holds("gone, peer_closed, 2 messages")
    assert heard == [b"one", b"two"]
    assert server.counts().reasons == {Reason.PEER_CLOSED: 1}


# Where, and with what.


@on_both_loops
async def test_over_a_unix_socket_and_beside_a_message_handler_for_datagrams(tmp_path: Path) -> None:
    service = blocking_service()
    service.message(bytes.lower)
    async with serving(service, f"unix://{tmp_path / 'socket'}", "udp://127.0.0.1:0", ANY_PORT) as server:
        with call(server, 0) as unix, call(server, 1) as udp, call(server, 2) as tcp:
            assert await unix.ask(b"One") == b"ONE"
            assert await tcp.ask(b"One") == b"ONE"
            await udp.send(b"One")
            assert await udp.datagram() == b"one"


@on_both_loops
async def test_callers_that_come_and_go_leave_nothing() -> None:
    before = sockets_open()
    async with serving(blocking_service()) as server:
        for turn in range(30):
            with call(server) as caller:
                if turn % 3 == 1:
                    await caller.send(b"a\nb")
                if turn % 3 == 2:
                    caller.reset()
        while server.counts().connections < 30:
            await asyncio.sleep(0)
    assert server.counts().reasons.total() == 30
    assert own_threads() == []
    assert sockets_open() <= before


def test_only_plain_functions_of_one_argument() -> None:
    async def asynchronous(connection: BlockingConnection) -> None: ...

    service = Service("slow")
    for wrong in (asynchronous, lambda: None, lambda one, two: None):
        with pytest.raises(ServiceError) as caught:
            service.blocking(wrong)  # type: ignore[arg-type]
        assert str(caught.value) == "the blocking handler of slow must be a plain `def` and take (connection)"
    assert service.blocking(in_upper_case) is in_upper_case
    assert service.with_options("netstring").blocking_handler is in_upper_case


def test_one_handler_of_connections_is_enough() -> None:
    service = blocking_service()

    @service.connection
    async def converse(connection: object) -> None: ...

    with pytest.raises(ServiceError) as caught:
        service.check(datagram=False)
    assert str(caught.value) == (
        "slow has more than one handler of connections; "
        "keep one of @service.connection, @service.blocking and the handler class"
    )
