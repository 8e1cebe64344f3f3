"""TLS or clear text on one port: who is taken for what, with every way of coming and going."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from landline.address import TcpAddress
from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.connection.tlssession import TlsSession
from landline.connection.watch import Timer
from landline.errors import Reason, ServiceError
from landline.limits import Limits
from landline.server.engine import Server
from landline.server.service import Service
from landline.server.session import Session, SessionConnection
from landline.server.sniffing import SNIFF_SECONDS, Sniffer
from landline.testing import MemoryTransport, connect_in_memory, run_virtual
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files
from tests.connection.line import Peer, settle
from tests.loops import on_both_loops
from tests.server.conftest import BRIEF, Caller, Journal, call, serving, upper_service

# A sniffer alone, with a clock that the test turns.


class Chosen(Peer):
    """What a sniffer may choose. Keeps all that happens to it."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self.made += 1


class Sniffed:
    """A sniffer with a caller in front of it, and what it chose."""

    def __init__(self) -> None:
        self.clear, self.secure, self.peer = Chosen(), Chosen(), Peer()
        self.gone: list[Reason] = []
        self.timer: Timer[Sniffer] = Timer(asyncio.get_running_loop(), SNIFF_SECONDS, Sniffer.silent)
        self.sniffer = Sniffer(self.clear, lambda: self.secure, self.gone.append, self.timer)
        self.caller: MemoryTransport | None = None

    def comes(self, reads: int = 64) -> MemoryTransport:
        """Let the caller come."""
        self.caller, _ = connect_in_memory(self.peer, self.sniffer, reads=reads)
        return self.caller

    @property
    def seen(self) -> tuple[int, bytes, bool, int, bytes, bool]:
        """What each of the two protocols has seen: whether it was chosen, what it read, whether the caller ended."""
        clear, secure = self.clear, self.secure
        return clear.made, clear.received, clear.ended, secure.made, secure.received, secure.ended


def sniffing(scenario: Callable[[Sniffed], object]) -> None:
    """Run a scenario, then let the caller go; the timer must not be left with anybody."""

    async def run() -> None:
        sniffed = Sniffed()
        await scenario(sniffed)  # type: ignore[misc]
        if sniffed.caller is not None:
            sniffed.caller.abort()
        await asyncio.sleep(1)
        assert sniffed.timer._handle is None

    run_virtual(run())


@pytest.mark.parametrize("reads", [1, 64])
@pytest.mark.parametrize(
    ("said", "secure"),
    [(b"hello\n", False), (b"\x16\x03\x01\x02\x00rest", True), (b"\x16", True), (b"h", False), (b"\x17\x16", False)],
    ids=["clear", "tls", "one-byte-of-tls", "one-byte", "another-record"],
)
def test_the_first_byte_tells(said: bytes, secure: bool, reads: int) -> None:
    async def scenario(one: Sniffed) -> None:
        caller = one.comes(reads)
        caller.write(said)
        await settle()
        caller.write_eof()
        await settle()
        expected = (1, said, True)
        assert one.seen == ((0, b"", False, *expected) if secure else (*expected, 0, b"", False))
        caller.abort()
        await settle()
        assert (len((one.secure if secure else one.clear).lost), one.gone) == (1, [])

    sniffing(scenario)


def test_the_silent_are_in_the_clear() -> None:
    async def scenario(one: Sniffed) -> None:
        caller = one.comes()
        await asyncio.sleep(SNIFF_SECONDS - 0.01)
        assert one.seen == (0, b"", False, 0, b"", False)
        await asyncio.sleep(0.02)
        caller.write(b"\x16 too late")
        await settle()
        assert one.seen == (1, b"\x16 too late", False, 0, b"", False)

    sniffing(scenario)


def test_who_has_nothing_to_say_listens_in_the_clear() -> None:
    async def scenario(one: Sniffed) -> None:
        one.comes().write_eof()
        await settle()
        assert one.seen == (1, b"", True, 0, b"", False)
        await asyncio.sleep(1)
        assert (one.clear.made, one.gone) == (1, [])

    sniffing(scenario)


def test_who_leaves_before() -> None:
    async def scenario(one: Sniffed) -> None:
        one.comes().abort()
        await settle()
        assert (one.gone, one.clear.made) == ([Reason.RESET], 0)

    sniffing(scenario)


def test_who_is_cut_off() -> None:
    async def scenario(one: Sniffed) -> None:
        one.comes()
        one.sniffer.abort()
        one.sniffer.abort()
        one.sniffer.data_received(b"too late")
        one.sniffer.silent()
        assert one.sniffer.eof_received() is False
        await asyncio.sleep(1)
        assert (one.gone, one.clear.made, len(one.peer.lost)) == ([Reason.DRAINING], 0, 1)

    sniffing(scenario)


def test_who_is_cut_off_before_the_transport_is_there() -> None:
    async def scenario(one: Sniffed) -> None:
        one.sniffer.abort()
        one.comes()
        await asyncio.sleep(1)
        assert (one.gone, one.clear.made, len(one.peer.lost)) == ([Reason.DRAINING], 0, 1)

    sniffing(scenario)


def test_a_transport_that_closes_without_an_error() -> None:
    async def scenario(one: Sniffed) -> None:
        one.sniffer.connection_lost(None)
        assert one.gone == [Reason.PEER_CLOSED]

    sniffing(scenario)


# The whole of it, over sockets.


def either_upper(folder: Path, limits: Limits = BRIEF) -> Service:
    """An upper service that speaks TLS with who wants it."""
    return upper_service(limits=limits).with_options(tls=ServerTls(*Files(folder).server()), tls_required=False)


def greeting_service(folder: Path) -> Service:
    """A service with sessions that greet, on such a port."""
    service = Service("greeter", limits=BRIEF, tls=ServerTls(*Files(folder).server()), tls_required=False)

    @service.session
    class Greeter(Session):
        def __init__(self, connection: SessionConnection) -> None:
            self.connection = connection
            connection.write(b"TLS\n" if connection.tls else b"clear\n")

        def received(self, message: bytes) -> bytes:
            return message.upper()

        def drain(self) -> None:
            self.connection.write(b"goodbye\n")

    return service


async def secure_caller(server: Server) -> StreamConnection:
    """A client with TLS of the first address of a server."""
    tls = server.listening[0].service.tls
    assert tls is not None
    connection = await connect(server.listening[0].address, tls=ClientTls(pin=tls.pin))
    assert isinstance(connection, StreamConnection)
    return connection


@on_both_loops
async def test_both_on_one_port(tmp_path: Path) -> None:
    async with serving(either_upper(tmp_path)) as server:
        with call(server) as plain:
            assert await plain.ask(b"one") == b"ONE"
            async with await secure_caller(server) as connection:
                await connection.send(b"two")
                assert await connection.receive() == b"TWO"
                assert connection.tls is not None
            assert await plain.ask(b"three") == b"THREE"
            plain.end_sending()
            assert await plain.rest() == b""
    assert (server.counts().connections, server.counts().reasons) == (2, {Reason.PEER_CLOSED: 2})


@on_both_loops
async def test_the_silent_are_greeted(tmp_path: Path) -> None:
    async with serving(greeting_service(tmp_path)) as server:
        with call(server) as silent:
            assert await silent.read(6) == b"clear\n"
            async with await secure_caller(server) as connection:
                assert await connection.receive() == b"TLS"
            assert await silent.ask(b"hello") == b"HELLO"


@on_both_loops
async def test_conversations_and_handlers_that_wait(tmp_path: Path) -> None:
    service = Service("waiting", limits=BRIEF, tls=ServerTls(*Files(tmp_path).server()), tls_required=False)

    @service.connection
    async def converse(connection: StreamConnection) -> None:
        async for message in connection:
            await connection.send(message.upper())

    async with serving(service) as server, await secure_caller(server) as connection:
        with call(server) as plain:
            assert await plain.ask(b"one") == b"ONE"
        await connection.send(b"two")
        assert await connection.receive() == b"TWO"


async def hello_byte_by_byte(caller: Caller, tls: ServerTls) -> bytes:
    """Speak TLS in pieces of one byte, say `hello`, and read the answer."""
    session = TlsSession(ClientTls(pin=tls.pin).context, False, None)
    session.start()
    plain: list[bytes] = []

    async def flush() -> None:
        for byte in session.take():
            await caller.send(bytes([byte]))

    await flush()
    while session.shaking:
        plain += session.feed(await caller.read(1))
        await flush()
    for byte in session.encrypt(b"hello\n"):
        await caller.send(bytes([byte]))
    while b"".join(plain) != b"HELLO\n":
        plain += session.feed(await caller.read(1))
    return b"".join(plain)


@on_both_loops
async def test_everything_one_byte_at_a_time(tmp_path: Path) -> None:
    service = either_upper(tmp_path)
    assert service.tls is not None
    async with serving(service) as server:
        with call(server) as secure, call(server) as plain:
            assert await hello_byte_by_byte(secure, service.tls) == b"HELLO\n"
            for byte in b"hello\n":
                await plain.send(bytes([byte]))
            assert await plain.read(6) == b"HELLO\n"


@on_both_loops
async def test_who_stalls_behind_the_first_byte_has_handshake_seconds(tmp_path: Path, journal: Journal) -> None:
    limits = replace(BRIEF, handshake_seconds=0.05)
    async with serving(either_upper(tmp_path, limits)) as server:
        with call(server) as stalling:
            await stalling.send(b"\x16")
            assert await stalling.rest() == b""
        await journal.holds("no TLS with")
    assert (server.counts().connections, server.counts().reasons) == (0, {Reason.HANDSHAKE: 1})


@on_both_loops
async def test_a_sniffed_caller_has_a_place(tmp_path: Path) -> None:
    async with serving(either_upper(tmp_path, replace(BRIEF, max_connections=1))) as server:
        with call(server) as silent:
            with call(server) as second:
                assert await second.rest() == b""
            assert (server.counts().refused, server.counts().connections) == (1, 0)
            silent.reset()
        while server.counts().reasons[Reason.RESET] < 1:
            await asyncio.sleep(0)
        with call(server) as third:
            assert await third.ask(b"a") == b"A"
    assert server.counts().connections == 1


@pytest.mark.parametrize("seconds", [0.0, 30.0])
@on_both_loops
async def test_a_stop_does_not_wait_for_the_silent(tmp_path: Path, journal: Journal, seconds: float) -> None:
    server = serving(greeting_service(tmp_path))
    await server.start()
    with call(server) as there, call(server) as silent:
        await there.send(b"a\n")
        assert await there.read(8) == b"clear\nA\n"
        (running,) = server._running.values()
        while running._handshakes is None or not running._handshakes._under_way:
            await asyncio.sleep(0)
        stopping = asyncio.ensure_future(server.stop(seconds))
        if seconds:
            assert await there.rest() == b"goodbye\n"
        assert await silent.rest() == b""
        there.close()
        counts = await stopping
    assert counts.reasons == {Reason.DRAINING: 2}
    assert counts.connections == 1
    assert not running._handshakes._under_way
    assert running.admission.inside == 0


@on_both_loops
async def test_openssl_and_netcat_on_one_port(tmp_path: Path) -> None:
    async with serving(greeting_service(tmp_path)) as server:
        address = server.listening[0].address
        assert isinstance(address, TcpAddress)
        port = str(address.port)
        openssl = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet", "-no_ign_eof"]
        for command, greeting in ((openssl, b"TLS\n"), (["nc", "127.0.0.1", port], b"clear\n")):
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                assert await process.stdout.readline() == greeting
                process.stdin.write(b"hello\n")
                assert await process.stdout.readline() == b"HELLO\n"
            finally:
                process.kill()
                await process.communicate()


@on_both_loops
async def test_required_is_what_it_was(tmp_path: Path) -> None:
    service = either_upper(tmp_path).with_options(tls_required=True)
    async with serving(service) as server:
        with call(server) as plain:
            await plain.send(b"hello\n")
            plain.end_sending()
            assert b"HELLO" not in await plain.rest()
        while server.counts().reasons[Reason.HANDSHAKE] < 1:
            await asyncio.sleep(0)


@on_both_loops
async def test_without_tls_it_changes_nothing(tmp_path: Path) -> None:
    async with serving(upper_service().with_options(tls_required=False)) as server:
        with call(server) as plain:
            assert await plain.ask(b"\x16a") == b"\x16A"


def test_options_keep_it(tmp_path: Path) -> None:
    service = either_upper(tmp_path)
    assert not service.with_options("raw").tls_required
    assert service.with_options(tls_required=True).tls_required
    assert Service("plain").tls_required


def test_handlers_that_block_cannot(tmp_path: Path) -> None:
    service = Service("slow", tls=ServerTls(*Files(tmp_path).server()), tls_required=False)
    service.blocking(lambda connection: None)
    with pytest.raises(ServiceError) as caught:
        service.check(datagram=False)
    assert str(caught.value) == (
        "slow blocks in threads, where every caller speaks TLS or none does: leave tls_required out"
    )
    service.with_options(tls_required=True).check(datagram=False)


@on_both_loops
async def test_what_only_begins_like_tls_is_not_answered_as_text(tmp_path: Path) -> None:
    async with serving(either_upper(tmp_path)) as server:
        with call(server) as caller:
            await caller.send(b"\x16GET / HTTP/1.0\r\n\r\n")
            caller.end_sending()
            assert await caller.rest() == b""
        while server.counts().reasons[Reason.HANDSHAKE] < 1:
            await asyncio.sleep(0)
