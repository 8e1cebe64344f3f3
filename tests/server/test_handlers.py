"""Handler classes of socketserver: what a server of ours adds to them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from landline.errors import Reason, ServiceError
from landline.limits import Limits
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import ANY_PORT, BRIEF, Journal, call, serving
from tests.server.test_handlers_cpython import EchoDatagram, EchoStream, handler_server, service_of
from tests.server.test_running_stop import _stop
from tests.sockets import sockets_open

UDP = "udp://127.0.0.1:0"


class EchoLines(socketserver.StreamRequestHandler):
    """Answers every line until the peer ends, and says goodbye."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())

    def finish(self) -> None:
        self.wfile.write(b"goodbye\n")
        super().finish()


class Gated(socketserver.BaseRequestHandler):
    """Waits at a gate which the test opens; made for one test by `gated`."""

    open: threading.Event
    entered: asyncio.Event
    loop: asyncio.AbstractEventLoop

    def handle(self) -> None:
        self.loop.call_soon_threadsafe(self.entered.set)
        self.open.wait()


def gated() -> type[Gated]:
    loop = asyncio.get_running_loop()
    return type("Gated", (Gated,), {"open": threading.Event(), "entered": asyncio.Event(), "loop": loop})


def threads_of(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


@on_both_loops
async def test_reason_codes(journal: Journal) -> None:
    async with serving(service_of(EchoLines)) as server:
        with call(server) as caller:
            assert await caller.ask(b"a") == b"A"
            caller.end_sending()
            assert await caller.rest() == b"goodbye\n"
        await journal.holds("gone, peer_closed, 0 messages")
        with call(server) as caller:
            assert await caller.ask(b"a") == b"A"
            caller.reset()
        await journal.holds("gone, reset, 0 messages")
    async with serving(service_of(EchoStream)) as server:
        with call(server) as caller:
            assert await caller.ask(b"a") == b"a"
            assert await caller.rest() == b""
        await journal.holds("EchoStream: tcp://127.0.0.1:")
        await journal.holds("gone, finished, 0 messages")
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_a_handler_may_close_its_socket_itself(journal: Journal) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"bye")
            self.request.close()

    async with serving(service_of(Handler)) as server:
        with call(server) as caller:
            assert await caller.rest() == b"bye"
        await journal.holds("gone, finished")
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_an_error_about_another_connection_is_a_fault_of_the_handler(journal: Journal) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            raise ConnectionResetError(104, "the database is gone")

    async with serving(service_of(Handler)) as server:
        with call(server) as caller:
            assert await caller.rest() == b""
        await journal.holds("gone, handler_error")
    assert len(journal.lines(logging.ERROR)) == 1


@on_both_loops
async def test_handlers_share_attributes_of_the_server() -> None:
    class Handler(socketserver.StreamRequestHandler):
        lock = threading.Lock()

        def handle(self) -> None:
            server: Any = self.server
            with self.lock:
                server.calls = getattr(server, "calls", 0) + 1
                self.wfile.write(b"%d %s" % (server.calls, server.RequestHandlerClass.__name__.encode()))

    async with serving(service_of(Handler), ANY_PORT, ANY_PORT) as server:
        for number in range(4):
            with call(server, number % 2) as caller:
                assert await caller.rest() == b"%d Handler" % (number + 1)
        seen = handler_server(server)
        assert (seen.address_family, seen.socket_type) == (socket.AF_INET, socket.SOCK_STREAM)
        assert seen.server_address == ("127.0.0.1", seen.socket.getsockname()[1])


@on_both_loops
async def test_a_peer_that_does_not_read_is_cut_off(journal: Journal) -> None:
    finished: list[bool] = []

    class Flood(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while True:
                self.wfile.write(bytes(1 << 20))

        def finish(self) -> None:
            finished.append(True)
            super().finish()

    service = Service.from_handler(Flood, limits=replace(BRIEF, slow_reader_seconds=0.2))
    async with serving(service) as server:
        with call(server):
            await journal.holds("gone, slow_reader")
    assert finished == [True]
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_a_newcomer_beyond_max_threads_is_refused(journal: Journal) -> None:
    service = Service.from_handler(EchoLines, limits=replace(BRIEF, max_threads=1))
    async with serving(service) as server:
        with call(server) as one, call(server) as two:
            assert await one.ask(b"a") == b"A"
            # Nobody knows what this handler speaks, so the refusal has no word.
            assert await two.rest() == b""
    assert server.counts().reasons[Reason.REFUSED] == 1
    assert "all 1 threads are busy (max_threads)" in journal.lines(logging.WARNING)[0]


# A stop.


@on_both_loops
async def test_at_a_stop_handlers_see_the_end_and_finish(journal: Journal) -> None:
    server = serving(service_of(EchoLines))
    await server.start()
    callers = [call(server) for _ in range(5)]
    assert [await caller.ask(b"a") for caller in callers] == [b"A"] * 5
    for caller in callers:
        caller.sock.send(b"b\n" * 100)
    counts = await _stop(server, *callers)
    assert [caller.heard for caller in callers] == [b"B\n" * 100 + b"goodbye\n"] * 5
    assert (counts.connections, counts.cut_off, counts.reasons) == (5, 0, {Reason.DRAINING: 5})
    assert journal.lines(logging.WARNING) == []
    assert threads_of("EchoLines") == []


@on_both_loops
async def test_a_handler_that_works_may_finish() -> None:
    handler_class = gated()
    server = serving(service_of(handler_class))
    await server.start()
    with call(server) as caller:
        await handler_class.entered.wait()
        asyncio.get_running_loop().call_later(0.05, handler_class.open.set)
        counts = await _stop(server, caller)
    assert (counts.cut_off, counts.reasons) == (0, {Reason.DRAINING: 1})


@on_both_loops
async def test_a_send_that_waits_is_cut_off(journal: Journal) -> None:
    loop, sending = asyncio.get_running_loop(), asyncio.Event()

    class Flood(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            loop.call_soon_threadsafe(sending.set)
            self.request.sendall(bytes(1 << 26))

    server = serving(service_of(Flood))
    await server.start()
    with call(server):
        await sending.wait()
        counts = await server.stop(0.05)
    assert (counts.cut_off, counts.reasons) == (1, {Reason.DRAINING: 1})
    assert journal.lines(logging.WARNING) == []
    assert threads_of("Flood") == []


@on_both_loops
@pytest.mark.parametrize("address", [ANY_PORT, UDP])
async def test_a_handler_that_never_ends(journal: Journal, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr("landline.server.running.LAST_WORDS_SECONDS", 0.05)
    handler_class = gated()
    before = sockets_open()
    server = serving(service_of(handler_class), address)
    await server.start()
    with call(server) as caller:
        await caller.send(b"x")
        await handler_class.entered.wait()
        counts = await server.stop(0.05)
    assert counts.cut_off == 1
    assert journal.lines(logging.ERROR) == [
        "Gated: 1 handlers go on in their threads though the server has stopped; they end with the process"
    ]
    (left,) = threads_of("Gated")
    handler_class.open.set()
    await asyncio.get_running_loop().run_in_executor(None, left.join)
    assert sockets_open() <= before


# Datagrams.


@on_both_loops
async def test_datagrams_beyond_max_threads_are_dropped_and_counted(journal: Journal) -> None:
    handler_class = gated()
    service = Service.from_handler(handler_class, limits=replace(BRIEF, max_threads=2))
    async with serving(service, UDP) as server:
        with call(server) as caller:
            for _ in range(5):
                await caller.send(b"x")
            await journal.holds("dropped a datagram")
            while server.counts().datagrams < 5:
                await asyncio.sleep(0)
            assert len(threads_of("Gated")) == 2
            handler_class.open.set()
    counts = server.counts()
    assert (counts.datagrams, counts.datagrams_failed, counts.cut_off) == (5, 3, 0)
    (told,) = journal.lines(logging.WARNING)
    assert told.endswith(": all threads are busy (max_threads) (1 since last told)")
    assert threads_of("Gated") == []


@on_both_loops
async def test_connections_and_datagrams_share_the_threads() -> None:
    handler_class = gated()
    service = Service.from_handler(handler_class, limits=replace(BRIEF, max_threads=1))
    async with serving(service, UDP, ANY_PORT) as server:
        with call(server, 0) as datagrams:
            await datagrams.send(b"x")
            await handler_class.entered.wait()
            with call(server, 1) as caller:
                assert await caller.rest() == b""
            handler_class.open.set()
    assert (server.counts().refused, server.counts().connections) == (1, 0)


@on_both_loops
async def test_many_datagrams_at_once() -> None:
    async with serving(service_of(EchoDatagram), UDP) as server:
        with contextlib.ExitStack() as calls:
            callers = [calls.enter_context(call(server)) for _ in range(100)]
            for number, caller in enumerate(callers):
                await caller.send(b"%d\n" % number)
            answers = [await caller.datagram() for caller in callers]
    assert answers == [b"%d\n" % number for number in range(100)]


@on_both_loops
async def test_a_datagram_handler_that_fails(journal: Journal) -> None:
    class Handler(socketserver.DatagramRequestHandler):
        def handle(self) -> None:
            if self.packet == b"fail":
                raise ArithmeticError("a secret of the handler")
            self.wfile.write(self.packet)

    async with serving(service_of(Handler), UDP) as server:
        with call(server) as caller:
            await caller.send(b"fail")
            # `finish` runs, as it does in socketserver, and sends what there is: nothing.
            assert await caller.datagram() == b""
            await caller.send(b"fine")
            assert await caller.datagram() == b"fine"
        await journal.holds("the handler failed on a datagram")
    assert server.counts().datagrams_failed == 1


@on_both_loops
async def test_a_stop_lets_datagram_handlers_finish() -> None:
    handler_class = gated()
    server = serving(service_of(handler_class), UDP)
    await server.start()
    with call(server) as caller:
        await caller.send(b"x")
        await handler_class.entered.wait()
        asyncio.get_running_loop().call_later(0.05, handler_class.open.set)
        counts = await server.stop()
    assert (counts.datagrams, counts.cut_off) == (1, 0)
    assert threads_of("Gated") == []


@on_both_loops
async def test_a_datagram_over_the_limit_is_cut_and_not_handled(journal: Journal) -> None:
    service = Service.from_handler(EchoDatagram, limits=Limits(max_message_bytes=10))
    async with serving(service, UDP) as server:
        with call(server) as caller:
            await caller.send(b"x" * 11)
            await journal.holds("was cut and is not answered")
            await caller.send(b"fits")
            assert await caller.datagram() == b"fits"
    assert server.counts().datagrams_cut == 1


# What fits where.


@pytest.mark.parametrize(
    ("handler_class", "datagram", "sentence"),
    [
        (EchoStream, False, ""),
        (EchoDatagram, True, ""),
        (Gated, False, ""),
        (Gated, True, ""),
        (
            EchoStream,
            True,
            "EchoStream cannot answer datagrams: it is a StreamRequestHandler; serve it on tcp or unix",
        ),
        (
            EchoDatagram,
            False,
            "EchoDatagram cannot hold connections: it is a DatagramRequestHandler; serve it on udp",
        ),
    ],
)
def test_which_addresses_fit(
    handler_class: type[socketserver.BaseRequestHandler], datagram: bool, sentence: str
) -> None:
    service = Service.from_handler(handler_class)
    if not sentence:
        service.check(datagram)
        return
    with pytest.raises(ServiceError) as caught:
        service.check(datagram)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("wrong", "what"), [("text", "a str"), (str, "the class str"), (socketserver.TCPServer, "the class TCPServer")]
)
def test_only_handler_classes(wrong: Any, what: str) -> None:
    with pytest.raises(ServiceError) as caught:
        Service.from_handler(wrong)
    assert str(caught.value) == (
        f"Service.from_handler takes a subclass of socketserver.BaseRequestHandler, and not {what}"
    )


def test_names_and_limits() -> None:
    service = Service.from_handler(EchoStream, name="parrot", limits=BRIEF)
    assert (service.name, service.limits, str(service.framing)) == ("parrot", BRIEF, "raw")
    assert Service.from_handler(EchoStream).name == "EchoStream"
    assert service.with_options(limits=Limits()).handler_class is EchoStream


def test_declarations_that_do_not_go_together() -> None:
    service = Service.from_handler(EchoStream)
    declare: Callable[..., Any] = service.blocking
    declare(lambda connection: None)
    with pytest.raises(ServiceError, match="EchoStream has more than one handler of connections; keep one of"):
        service.check(datagram=False)
