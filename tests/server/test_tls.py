"""Services that speak TLS: who comes in, who does not, what is counted and told."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landline.address import TlsAddress, UnixAddress
from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.errors import ConnectError, IdentityRefused, Reason, ServiceError
from landline.limits import Limits
from landline.server.engine import Server
from landline.server.service import Service
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files
from tests.loops import on_both_loops
from tests.server.conftest import BRIEF, Caller, Journal, call, serving, upper_service


def secure_upper(folder: Path, limits: Limits = BRIEF, **options: Any) -> Service:
    """An upper service with a certificate."""
    return upper_service(limits=limits).with_options(tls=ServerTls(*Files(folder).server(), **options))


def trust_in(server: Server, **options: Any) -> ClientTls:
    """What a client needs to trust a server."""
    tls = server.listening[0].service.tls
    assert tls is not None
    return ClientTls(pin=tls.pin, **options)


async def caller_of(server: Server, **options: Any) -> StreamConnection:
    """A client of the first address of a server."""
    address = server.listening[0].address
    connection = await connect(address, tls=trust_in(server, **options))
    assert isinstance(connection, StreamConnection)
    return connection


@on_both_loops
async def test_every_stream_address_is_tls(tmp_path: Path) -> None:
    service = secure_upper(tmp_path)
    async with serving(service, "tls://127.0.0.1:0", "tcp://127.0.0.1:0", f"unix://{tmp_path}/sock") as server:
        kinds = [type(one.address).scheme for one in server.listening]
        assert kinds == ["tls", "tcp", "unix"]
        assert isinstance(server.listening[2].address, UnixAddress)
        for one in server.listening:
            async with await connect(one.address, tls=trust_in(server)) as connection:
                await connection.send(b"hello")
                assert await connection.receive() == b"HELLO"
    assert server.counts().connections == 3
    assert server.counts().reasons == {Reason.PEER_CLOSED: 3}


@on_both_loops
async def test_a_handler_knows_the_other_side(tmp_path: Path) -> None:
    files = Files(tmp_path)
    service = Service("who", limits=BRIEF, tls=ServerTls(*files.server(), client_ca=files.ca(1), alpn=["x"]))

    @service.message
    def who(_: bytes, connection: StreamConnection) -> bytes:
        assert connection.tls is not None
        names = connection.tls.peer_certificate["subjectAltName"]
        return f"{connection.tls.version} {connection.tls.alpn} {names} {connection.tls.peer_pin}".encode()

    certificate, key = files.client(1)
    shown = {"certificate": certificate, "key": key, "alpn": ["x"]}
    async with serving(service, "tls://127.0.0.1:0") as server, await caller_of(server, **shown) as connection:
        await connection.send(b"?")
        told = (await connection.receive()).decode()
    assert told.startswith("TLSv1.3 x (('DNS', 'client.example'),) sha256:")


@on_both_loops
async def test_a_plain_connection_has_no_tls(tmp_path: Path) -> None:
    service = Service("plain", limits=BRIEF)
    seen: list[object] = []
    service.message(lambda message, connection: seen.append(connection.tls))
    async with serving(service) as server:
        with call(server) as caller:
            await caller.send(b"hello\n")
            caller.end_sending()
            assert await caller.rest() == b""
    assert seen == [None]


@on_both_loops
async def test_strangers_are_told_of_once_a_second(tmp_path: Path, journal: Journal) -> None:
    async with serving(secure_upper(tmp_path), "tls://127.0.0.1:0") as server:
        for _ in range(3):
            with call(server) as caller:
                await caller.send(b"GET / HTTP/1.0\r\n\r\n")
                caller.end_sending()
                await caller.rest()
        while server.counts().reasons[Reason.HANDSHAKE] < 3:
            await asyncio.sleep(0)
        lines = [line for line in journal.lines(logging.WARNING) if "no TLS with" in line]
        assert len(lines) < 3
        assert lines[0].startswith("upper: no TLS with tcp://127.0.0.1:")
        assert lines[0].endswith(": it sent a plain HTTP request; it must use TLS (1 since last told)")
    counts = server.counts()
    assert (counts.connections, counts.reasons) == (0, {Reason.HANDSHAKE: 3})
    assert "handshake 3" in str(counts)


@on_both_loops
async def test_a_handshake_takes_a_place_and_gives_it_back(tmp_path: Path) -> None:
    limits = replace(BRIEF, max_connections=1, handshake_seconds=0.05)
    async with serving(secure_upper(tmp_path, limits), "tls://127.0.0.1:0") as server:
        with call(server) as silent:
            # The silent caller is there until it is cut; a second one finds no place.
            await silent.send(b"\x16")
            with call(server) as second:
                assert await second.rest() == b""
            assert server.counts().refused == 1
            assert await silent.rest() == b""
        while server.counts().reasons[Reason.HANDSHAKE] < 1:
            await asyncio.sleep(0)
        async with await caller_of(server) as connection:
            await connection.send(b"hello")
            assert await connection.receive() == b"HELLO"


@on_both_loops
async def test_a_broadcast_leaves_handshakes_out(tmp_path: Path) -> None:
    service = secure_upper(tmp_path)
    async with serving(service, "tls://127.0.0.1:0") as server, await caller_of(server) as connection:
        with call(server) as silent:
            await silent.send(b"\x16")
            await connection.send(b"hello")
            assert await connection.receive() == b"HELLO"
            assert service.broadcast([b"to all"]).sent == 1
            assert await connection.receive() == b"to all"


@pytest.mark.parametrize("seconds", [0.0, 30.0])
@on_both_loops
async def test_a_handshake_does_not_hold_a_drain(tmp_path: Path, seconds: float) -> None:
    server = serving(secure_upper(tmp_path), "tls://127.0.0.1:0")
    await server.start()
    with call(server) as silent, call(server) as junk:
        await silent.send(b"\x16")
        await junk.send(b"hello\n" + bytes(30))
        assert await junk.rest() == b""
        counts = await server.stop(seconds)
    assert counts.reasons == {Reason.HANDSHAKE: 2}


@on_both_loops
async def test_a_drain_answers_what_had_arrived(tmp_path: Path) -> None:
    """What waits in the kernel is ciphertext, and longer than what comes out of it."""
    server = serving(secure_upper(tmp_path), "tls://127.0.0.1:0")
    await server.start()
    connection = await caller_of(server)
    await connection.send(b"first")
    assert await connection.receive() == b"FIRST"
    for number in range(50):
        await connection.send(b"message %d" % number)
    stopping = asyncio.ensure_future(server.stop(10.0))
    assert [message async for message in connection] == [b"MESSAGE %d" % number for number in range(50)]
    await connection.close()
    counts = await stopping
    assert (counts.cut_off, counts.messages) == (0, 51)


@on_both_loops
async def test_a_refused_pin_is_one_line_for_the_server(tmp_path: Path, journal: Journal) -> None:
    async with serving(secure_upper(tmp_path), "tls://127.0.0.1:0") as server:
        with pytest.raises(IdentityRefused):
            await connect(server.listening[0].address, tls=ClientTls(pin="sha256:" + "0" * 64))
        await journal.holds("no TLS with")
        assert server.counts().connections == 0
    (line,) = [line for line in journal.lines(logging.INFO) if "127.0.0.1" in line and "tls://" not in line]
    assert line.endswith("it left when we showed our certificate; it may expect another pin (1 since last told)")


@on_both_loops
async def test_no_place_for_a_caller_with_tls(tmp_path: Path) -> None:
    service = secure_upper(tmp_path, replace(BRIEF, max_connections=1))
    async with serving(service, "tls://127.0.0.1:0") as server, await caller_of(server):
        with pytest.raises(ConnectError) as caught:
            await caller_of(server)
    assert str(caught.value).endswith("it left in the middle of the TLS handshake")


@pytest.mark.parametrize(
    ("address", "secure", "sentence"),
    [
        (
            "tls://127.0.0.1:0",
            False,
            "upper cannot listen on tls://127.0.0.1:0: it has no certificate; give Service(…, tls=ServerTls(…)), "
            "or --certificate FILE",
        ),
        (
            f"tls://127.0.0.1:0?pin=sha256:{'0' * 64}",
            True,
            f"upper cannot listen on tls://127.0.0.1:0?pin=sha256:{'0' * 64}: a pin is for callers; leave it out",
        ),
    ],
)
def test_an_address_that_cannot_be_served(tmp_path: Path, address: str, secure: bool, sentence: str) -> None:
    service = secure_upper(tmp_path) if secure else upper_service()
    with pytest.raises(ServiceError) as caught:
        asyncio.run(serving(service, address).start())
    assert str(caught.value) == sentence


def test_datagrams_have_no_tls(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"upper cannot answer datagrams on udp://127\.0\.0\.1:\d+: it has TLS, "):
        asyncio.run(serving(secure_upper(tmp_path), "udp://127.0.0.1:0").start())


def test_options_keep_tls(tmp_path: Path) -> None:
    service = secure_upper(tmp_path)
    assert service.with_options(framing="varint").tls is service.tls
    other = ServerTls(*Files(tmp_path).server())
    assert service.with_options(tls=other).tls is other


def test_the_listening_address_is_tls(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(secure_upper(tmp_path), "tls://127.0.0.1:0") as server:
            address = server.listening[0].address
            assert isinstance(address, TlsAddress) and address.port
            Caller(address).close()

    asyncio.run(scenario())
