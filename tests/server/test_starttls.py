"""STARTTLS: a conversation that begins in the clear and goes on over TLS, without a byte lost or smuggled."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.errors import ConnectionClosed, IdentityRefused, Reason, ServiceError, WaitTimeout
from landline.server.engine import Server
from landline.server.service import Service
from landline.testing import ways_to_cut
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files
from tests.loops import on_both_loops
from tests.peers import require_peer
from tests.server.conftest import BRIEF, Journal, serving


@pytest.fixture
def tls(tmp_path: Path) -> ServerTls:
    return ServerTls(*Files(tmp_path).server())


def starting(tls: ServerTls) -> Service:
    """Answers in upper case and says whether it is secure; STARTTLS starts TLS behind its answer."""
    service = Service("starting", limits=replace(BRIEF, handshake_seconds=5.0), switchable=True)

    @service.connection
    async def converse(connection: StreamConnection) -> None:
        async for message in connection:
            if message == b"STARTTLS":
                await connection.send(b"go")
                await connection.start_tls(tls)
            else:
                await connection.send(message.upper() + (b" in secret" if connection.tls else b" in the clear"))

    return service


async def caller_of(server: Server, **options: bool) -> StreamConnection:
    connection = await connect(server.listening[0].address, switchable=True)
    assert isinstance(connection, StreamConnection)
    return connection


async def ask(connection: StreamConnection, message: bytes) -> bytes:
    await connection.send(message)
    return bytes(await connection.receive(5))


@on_both_loops
async def test_a_conversation_goes_on_over_tls(tls: ServerTls) -> None:
    async with serving(starting(tls)) as server, await caller_of(server) as caller:
        assert await ask(caller, b"hello") == b"HELLO in the clear"
        assert caller.tls is None
        assert await ask(caller, b"STARTTLS") == b"go"
        await caller.start_tls(ClientTls(pin=tls.pin))
        assert caller.tls is not None and caller.tls.version == "TLSv1.3"
        big = b"x" * 300_000
        for message in (b"hello", big, b"again"):
            assert await ask(caller, message) == message.upper() + b" in secret"
        with pytest.raises(ServiceError, match="speaks TLS already"):
            await caller.start_tls(ClientTls(pin=tls.pin))


class HandmadeClient:
    """A TLS client whose bytes the test sends as it likes."""

    def __init__(self, server: Server) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing)
        address = server.listening[0].address
        self.sock = socket.create_connection(("127.0.0.1", address.port), 5)  # type: ignore[union-attr]
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def hello(self) -> bytes:
        """The first bytes of a handshake."""
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        return self._outgoing.read()

    def read_line(self) -> bytes:
        """The next line in the clear, read byte by byte, as what follows is not ours to read."""
        line = b""
        while not line.endswith(b"\n"):
            line += self.sock.recv(1)
        return line

    def finish(self, last: bytes) -> bytes:
        """Finish the handshake and send `last` in the same write as its end. Returns the first answer."""
        self._wait(self._tls.do_handshake)
        self._tls.write(last)
        self.sock.sendall(self._outgoing.read())
        answer: bytes = self._wait(lambda: self._tls.read(1000))
        return answer

    def _wait(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.sock.sendall(self._outgoing.read())
                self._incoming.write(self.sock.recv(65536))


def _speak(server: Server, seed: int) -> list[bytes]:
    """The same conversation in every way of cutting: command and hello in one segment, byte by byte, at random."""
    answers = []
    for way in range(len(list(ways_to_cut(b"some bytes", seed)))):
        client = HandmadeClient(server)
        with client.sock:
            first = b"STARTTLS\n" + client.hello()
            for piece in list(ways_to_cut(first, seed))[way][1]:
                client.sock.sendall(piece)
            assert client.read_line() == b"go\n"
            answers.append(client.finish(b"one\n"))
    return answers


@on_both_loops
async def test_the_command_and_what_follows_may_come_in_one_segment(tls: ServerTls) -> None:
    async with serving(starting(tls)) as server:
        answers = await asyncio.to_thread(_speak, server, 11)
        assert len(answers) > 3
        assert set(answers) == {b"ONE in secret\n"}


@on_both_loops
async def test_commands_smuggled_in_before_tls_are_never_obeyed(tls: ServerTls, journal: Journal) -> None:
    """The hole of many mail servers (CVE-2011-0411): what came in the clear behind STARTTLS ran as if secret."""
    async with serving(starting(tls)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.listening[0].address.port)  # type: ignore[union-attr]
        writer.write(b"STARTTLS\nhello\nhello\n")
        heard = await reader.read()
        assert heard.startswith(b"go\n") and b"HELLO" not in heard
        writer.close()
        await journal.holds("gone, handshake")
        assert server.counts().reasons[Reason.HANDSHAKE] == 1


@on_both_loops
async def test_a_wrong_pin_ends_the_connection_on_both_sides(tls: ServerTls, journal: Journal) -> None:
    async with serving(starting(tls)) as server:
        caller = await caller_of(server)
        assert await ask(caller, b"STARTTLS") == b"go"
        with pytest.raises(IdentityRefused, match="it has|has the pin"):
            await caller.start_tls(ClientTls(pin="sha256:" + "0" * 64))
        assert caller.reason is Reason.HANDSHAKE
        with pytest.raises(ConnectionClosed):
            await caller.send(b"after")
        await journal.holds("gone, handshake")


@on_both_loops
async def test_a_peer_that_never_begins_is_given_up(tls: ServerTls) -> None:
    silent = Service("silent", limits=replace(BRIEF, drain_seconds=0.0))

    @silent.connection
    async def say_go_and_nothing_more(connection: StreamConnection) -> None:
        await connection.receive()
        await connection.send(b"go")
        await asyncio.Event().wait()

    async with serving(silent) as server:
        address = server.listening[0].address
        caller = await connect(address, switchable=True, limits=replace(BRIEF, handshake_seconds=0.05))
        assert isinstance(caller, StreamConnection)
        assert await ask(caller, b"STARTTLS") == b"go"
        with pytest.raises(WaitTimeout, match="TLS handshake"):
            await caller.start_tls(ClientTls(pin=tls.pin))


@on_both_loops
async def test_only_a_switchable_connection_can_start_tls(tls: ServerTls) -> None:
    async with serving(starting(tls)) as server, await connect(server.listening[0].address) as caller:
        assert isinstance(caller, StreamConnection)
        with pytest.raises(ServiceError, match="switchable=True"):
            await caller.start_tls(ClientTls(pin=tls.pin))


def mail(tls: ServerTls) -> Service:
    """As much of SMTP (RFC 3207) as STARTTLS takes."""
    service = Service("mail", framing="lines:crlf", limits=BRIEF, switchable=True)

    @service.connection
    async def converse(connection: StreamConnection) -> None:
        await connection.send(b"220 mail.example ESMTP")
        async for message in connection:
            match message.split()[0].upper():
                case b"EHLO":
                    await connection.send_all([b"250-mail.example", b"250 STARTTLS"])
                case b"STARTTLS":
                    await connection.send(b"220 go ahead")
                    await connection.start_tls(tls)
                case b"QUIT":
                    await connection.send(b"221 bye")
                    return
                case _:
                    await connection.send(b"500 what?")

    return service


@on_both_loops
async def test_openssl_starts_tls(tls: ServerTls) -> None:
    openssl = require_peer("openssl")
    async with serving(mail(tls)) as server:
        port = server.listening[0].address.port  # type: ignore[union-attr]
        command = [openssl, "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{port}", "-quiet", "-crlf"]
        done = await asyncio.to_thread(
            subprocess.run, command, input=b"NOOP\nQUIT\n", capture_output=True, timeout=20, check=False
        )
        assert b"500 what?\r\n221 bye\r\n" in done.stdout
