"""What CPython's own test_socketserver asks of handler classes, asked of `Service.from_handler`.

Each test names the case it stands for. The servers of that module differ in their mixins (none, threading, forking);
here there is one server, which behaves like the threading one, so three cases fall together in one test. Cases about
the server classes themselves (their constructors, `serve_forever`, `verify_request`) have no counterpart.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import socket
import socketserver
import threading
from pathlib import Path
from typing import Any

import pytest

from landline.errors import Reason
from landline.server.engine import Server
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import ANY_PORT, BRIEF, Caller, Journal, call, serving

SAID = b"hello world\n"
MUCH = 16 * 1024 * 1024
"""`test.support.SOCK_MAX_SIZE`: more than any socket buffer holds."""


class EchoStream(socketserver.StreamRequestHandler):
    """The handler of every echo case."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.readline())


class EchoDatagram(socketserver.DatagramRequestHandler):
    """The same over datagrams."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.readline())


def service_of(handler_class: type[socketserver.BaseRequestHandler]) -> Service:
    """A service of a handler class that does not linger long."""
    return Service.from_handler(handler_class, limits=BRIEF)


def handler_server(server: Server) -> Any:
    """What the handlers of a running server see as `self.server`."""
    (running,) = server._running.values()
    assert running.threads is not None
    return running.threads.server


async def examine_stream(caller: Caller) -> None:
    await caller.send(SAID)
    assert await caller.read(len(SAID)) == SAID
    assert await caller.rest() == b""


@on_both_loops
async def test_echo_over_tcp() -> None:
    """test_TCPServer, test_ThreadingTCPServer, test_ForkingTCPServer."""
    async with serving(service_of(EchoStream)) as server:
        assert handler_server(server).server_address == handler_server(server).socket.getsockname()
        for _ in range(3):
            with call(server) as caller:
                await examine_stream(caller)


@on_both_loops
async def test_echo_over_a_unix_stream(tmp_path: Path) -> None:
    """test_UnixStreamServer, test_ThreadingUnixStreamServer, test_ForkingUnixStreamServer."""
    async with serving(service_of(EchoStream), f"unix://{tmp_path / 'socket'}") as server:
        assert handler_server(server).server_address == str(tmp_path / "socket")
        for _ in range(3):
            with call(server) as caller:
                await examine_stream(caller)


@on_both_loops
async def test_echo_over_udp() -> None:
    """test_UDPServer, test_ThreadingUDPServer, test_ForkingUDPServer."""
    async with serving(service_of(EchoDatagram), "udp://127.0.0.1:0") as server:
        assert handler_server(server).server_address == handler_server(server).socket.getsockname()
        for _ in range(3):
            with call(server) as caller:
                await caller.send(SAID)
                assert await caller.datagram() == SAID


@on_both_loops
async def test_echo_over_unix_datagrams(tmp_path: Path) -> None:
    """test_UnixDatagramServer, test_ThreadingUnixDatagramServer, test_ForkingUnixDatagramServer: inherited."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "server"))
        number = bound.detach()
    async with serving(service_of(EchoDatagram), f"fd://{number}") as server:
        assert handler_server(server).server_address == str(tmp_path / "server")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as caller:
            caller.bind(str(tmp_path / "caller"))
            caller.setblocking(False)
            for _ in range(3):
                caller.sendto(SAID, str(tmp_path / "server"))
                assert await asyncio.get_running_loop().sock_recv(caller, 100) == SAID


@on_both_loops
async def test_a_stop_always_ends_the_server() -> None:
    """test_shutdown (bpo-2302): twenty servers, stopped as soon as they run."""
    servers = [serving(service_of(EchoStream)) for _ in range(20)]
    for server in servers:
        await server.start()
    await asyncio.gather(*(server.stop() for server in servers))


@on_both_loops
async def test_a_server_that_never_served_closes() -> None:
    """test_close_immediately, test_context_manager."""
    server = serving(service_of(EchoStream))
    async with server:
        inside = handler_server(server)
        assert inside.fileno() >= 0
    assert inside.fileno() == -1


# Handlers that raise.


class Order(socketserver.BaseRequestHandler):
    """Notes its steps and raises in one of them."""

    steps: list[str] = []
    raises_in = "handle"
    error: type[BaseException] = ValueError

    def setup(self) -> None:
        self.step("setup")

    def handle(self) -> None:
        self.step("handle")

    def finish(self) -> None:
        self.step("finish")

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name == self.raises_in:
            raise self.error("Test error")


def raising(error: type[BaseException], where: str) -> type[Order]:
    return type("Raising", (Order,), {"steps": [], "error": error, "raises_in": where})


@on_both_loops
@pytest.mark.parametrize("error", [ValueError, SystemExit])
@pytest.mark.parametrize(
    ("where", "steps"),
    [
        ("setup", ["setup"]),
        ("handle", ["setup", "handle", "finish"]),
        ("finish", ["setup", "handle", "finish"]),
        ("nowhere", ["setup", "handle", "finish"]),
    ],
)
async def test_handler_exceptions(journal: Journal, error: type[BaseException], where: str, steps: list[str]) -> None:
    """test_sync_handled, test_threading_handled, test_forking_handled, and the three `_not_handled`.

    SystemExit ends the thread's conversation in CPython; nothing but that ends here either, and it is told.
    """
    handler_class = raising(error, where)
    async with serving(service_of(handler_class)) as server:
        with call(server) as caller:
            assert await caller.rest() == b""
        await journal.holds("gone")
        with call(server) as caller:
            # The server lives.
            assert await caller.rest() == b""
        await journal.holds("gone", times=2)
    assert handler_class.steps == steps * 2
    failed = [record for record in journal.records if record.exc_info]
    assert len(failed) == (0 if where == "nowhere" else 2)
    assert all(isinstance(record.exc_info[1], error) for record in failed if record.exc_info)
    if where != "nowhere":
        assert server.counts().reasons == {Reason.HANDLER_ERROR: 2}


# SocketWriterTest.


@on_both_loops
async def test_the_writer_is_a_buffered_io_on_the_socket() -> None:
    """SocketWriterTest.test_basics."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            server: Any = self.server
            server.wfile = self.wfile
            server.wfile_fileno = self.wfile.fileno()
            server.request_fileno = self.request.fileno()

    async with serving(service_of(Handler)) as server:
        with call(server) as caller:
            assert await caller.rest() == b""
        seen = handler_server(server)
    assert isinstance(seen.wfile, io.BufferedIOBase)
    assert seen.wfile_fileno == seen.request_fileno


def test_the_writer_sends_at_once_and_never_less() -> None:
    """SocketWriterTest.test_write: signals come in while a large write waits for its reader."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            server: Any = self.server
            server.sent1 = self.wfile.write(b"write data\n")
            server.received = self.rfile.readline()
            server.thread = threading.get_ident()
            server.writing.set()
            server.sent2 = self.wfile.write(bytes(MUCH))

    interrupted = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: interrupted.set())

    async def talk() -> tuple[Any, bytes, int]:
        async with serving(service_of(Handler)) as server:
            seen = handler_server(server)
            seen.writing = threading.Event()
            with call(server) as caller:
                first = await caller.read(11)
                await caller.send(b"client response\n")
                await caller.read(100)
                await asyncio.get_running_loop().run_in_executor(None, seen.writing.wait)
                while not interrupted.is_set():
                    signal.pthread_kill(seen.thread, signal.SIGUSR1)
                    await asyncio.sleep(0)
                return seen, first, len(await caller.rest())

    try:
        seen, first, rest = asyncio.run(talk())
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (first, seen.sent1) == (b"write data\n", 11)
    assert seen.received == b"client response\n"
    assert (seen.sent2, rest) == (MUCH, MUCH - 100)


# The attributes of StreamRequestHandler, and what a client sees of `shutdown_request`.


@on_both_loops
@pytest.mark.parametrize("buffered", [False, True])
async def test_class_attributes(buffered: bool) -> None:
    """`timeout`, `disable_nagle_algorithm`, `rbufsize` and `wbufsize`, as StreamRequestHandler documents them."""
    seen: dict[str, Any] = {}

    class Handler(socketserver.StreamRequestHandler):
        timeout = 5.5
        disable_nagle_algorithm = True
        rbufsize = -1 if buffered else 0
        wbufsize = -1 if buffered else 0

        def handle(self) -> None:
            seen["timeout"] = self.connection.gettimeout()
            seen["nodelay"] = bool(self.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            seen["kinds"] = (isinstance(self.rfile, io.BufferedReader), isinstance(self.wfile, io.BufferedWriter))
            seen["same"] = self.connection is self.request
            self.wfile.write(b"sent by finish, if not before")

    async with serving(service_of(Handler)) as server:
        with call(server) as caller:
            assert await caller.rest() == b"sent by finish, if not before"
    assert seen == {"timeout": 5.5, "nodelay": True, "kinds": (buffered, buffered), "same": True}


@on_both_loops
async def test_the_timeout_of_a_handler(journal: Journal) -> None:
    """A handler that catches its time-out goes on; one that does not has failed, as `handle_error` would be told."""

    class Handler(socketserver.StreamRequestHandler):
        timeout = 0.05

        def handle(self) -> None:
            try:
                self.request.recv(1)
            except TimeoutError:
                self.wfile.write(b"too slow\n")
            self.request.recv(1)

    async with serving(service_of(Handler)) as server:
        with call(server) as caller:
            assert await caller.rest() == b"too slow\n"
        await journal.holds("gone, handler_error")
    assert len([record for record in journal.records if record.exc_info]) == 1


@on_both_loops
async def test_the_end_of_a_request_as_the_client_sees_it() -> None:
    """TCPServer.shutdown_request: our side ends, even where somebody else still holds the socket."""
    held: list[socket.socket] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            held.append(self.request.dup())
            self.request.sendall(b"bye")

    async with serving(service_of(Handler)) as server:
        with call(server) as caller:
            await caller.send(b"not read by the handler" * 1000)
            assert await caller.rest() == b"bye"
    held[0].close()


@on_both_loops
async def test_client_addresses_are_what_accept_gives(tmp_path: Path) -> None:
    """`client_address` for each family."""
    seen: list[Any] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            seen.append(self.client_address)

    addresses = [ANY_PORT, f"unix://{tmp_path / 'socket'}", "udp://127.0.0.1:0"]
    async with serving(service_of(Handler), *addresses) as server:
        expected = []
        with contextlib.ExitStack() as calls:
            for which in range(3):
                caller = calls.enter_context(call(server, which))
                expected.append(caller.sock.getsockname())
                await caller.send(b"x")
                if which < 2:
                    assert await caller.rest() == b""
        while len(seen) < 3:
            await asyncio.sleep(0)
    assert seen == expected


@on_both_loops
async def test_many_clients_at_once() -> None:
    """The threading mixin: no client waits for another."""
    async with serving(service_of(EchoStream)) as server:
        with contextlib.ExitStack() as calls:
            callers = [calls.enter_context(call(server)) for _ in range(100)]
            for caller in reversed(callers):
                await examine_stream(caller)


@on_both_loops
async def test_threads_are_not_kept(journal: Journal) -> None:
    """test_threads_reaped (bpo-37193): ten calls, one after the other, do not leave ten threads."""
    async with serving(service_of(EchoStream)) as server:
        for number in range(10):
            with call(server) as caller:
                await examine_stream(caller)
            await journal.holds("gone", times=number + 1)
        assert len([one for one in threading.enumerate() if one.name.startswith("EchoStream")]) == 1
    assert [one for one in threading.enumerate() if one.name.startswith("EchoStream")] == []
