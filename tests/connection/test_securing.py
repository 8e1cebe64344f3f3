"""Calling through TLS, from a coroutine and from a thread: the same errors, the same sentences."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from landline.address import Address, TcpAddress, TlsAddress
from landline.connection import blocking
from landline.connection.client import accept_one, connect
from landline.connection.stream import StreamConnection
from landline.connection.trusting import too_late
from landline.errors import ConnectError, ConnectionClosed, IdentityRefused, LandlineError, UsageError, WaitTimeout
from landline.framing import parse
from landline.limits import Limits
from landline.server.engine import Server
from landline.transport.listen import open_listeners
from landline.transport.newcertificates import Pair
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files, expired, leaf
from tests.loops import on_both_loops
from tests.services import upper
from tests.sockets import plain_listener

Calling = Callable[..., Any]


async def call_async(address: Address, *, tls: ClientTls | None = None, **options: Any) -> bytes:
    """Ask once from a coroutine."""
    async with await connect(address, tls=tls, **options) as connection:
        assert isinstance(connection, StreamConnection)
        assert connection.tls is not None and connection.tls.version == "TLSv1.3"
        await connection.send(b"hello")
        reply: bytes = await connection.receive()
        return reply


async def call_blocking(address: Address, *, tls: ClientTls | None = None, **options: Any) -> bytes:
    """The same from a thread."""

    def ask() -> bytes:
        with blocking.connect(address, tls=tls, **options) as connection:
            assert isinstance(connection, blocking.BlockingConnection)
            assert connection.tls is not None and connection.tls.version == "TLSv1.3"
            connection.send(b"hello")
            return bytes(connection.receive())

    return await asyncio.to_thread(ask)


both_ways: Callable[[Callable[..., None]], Callable[..., None]] = pytest.mark.parametrize(
    "call", [call_async, call_blocking]
)


@asynccontextmanager
async def serving(tls: ServerTls, address: str = "tls://127.0.0.1:0") -> AsyncIterator[Any]:
    """An upper service with TLS, stopped at once in the end."""
    server = Server([(upper(limits=Limits(linger_seconds=0.05)).with_options(tls=tls), address)])
    await server.start()
    try:
        yield server.listening[0].address
    finally:
        await server.stop(0.0)


@both_ways
@on_both_loops
async def test_a_pin_alone_is_enough(tmp_path: Path, call: Calling) -> None:
    """Whatever the certificate says of names and dates."""
    for pair in (leaf(), leaf(("other.example",), signed_by=None), expired()):
        tls = ServerTls(*Files(tmp_path).write("one", pair))
        async with serving(tls) as address:
            assert await call(replace(address, pin=tls.pin)) == b"HELLO"
            assert await call(address, tls=ClientTls(pin=tls.pin.upper().replace("SHA", "sha"))) == b"HELLO"


@both_ways
@on_both_loops
async def test_a_ca_and_the_host_name(tmp_path: Path, call: Calling) -> None:
    files = Files(tmp_path)
    tls = ServerTls(*files.server())
    async with serving(tls) as address:
        for host in ("127.0.0.1", "localhost"):
            assert await call(replace(address, host=host), tls=ClientTls(ca=files.ca())) == b"HELLO"
        # Both must hold; a name other than that of the address can be asked for.
        assert await call(address, tls=ClientTls(ca=files.ca(), pin=tls.pin)) == b"HELLO"
        assert await call(address, tls=ClientTls(ca=files.ca(), server_name="localhost")) == b"HELLO"
        # A self-made certificate is its own CA.
    own = files.write("own", leaf(signed_by=None))
    async with serving(ServerTls(*own)) as address:
        assert await call(address, tls=ClientTls(ca=own[0])) == b"HELLO"


WRONG, OTHER = "sha256:" + "0" * 64, "sha256:" + "1" * 64


def test_a_time_out_is_told_as_it_was_given() -> None:
    """What TCP had left of 10 s was told as 9.99866 s."""
    for seconds, said in ((9.99866, "10 s"), (0.05, "0.05 s"), (2.5, "2.5 s")):
        sentence = f"connecting to tls://127.0.0.1:9 (its TLS handshake) took longer than {said}"
        assert str(too_late(TlsAddress("127.0.0.1", 9), seconds)) == sentence


@both_ways
@on_both_loops
async def test_a_peer_that_is_not_who_it_should_be(tmp_path: Path, call: Calling) -> None:
    files = Files(tmp_path)
    by_another = "its certificate is signed by nobody we trust; give its CA, or its pin"
    pin = ServerTls(*files.write("one", leaf())).pin
    wrong_pin = f"its certificate has the pin {pin}, not {WRONG}; ask its owner which one is right"
    own_name = "call it by a name that its certificate has, or give server_name"
    cases: list[tuple[Pair, dict[str, Any], str]] = [
        (leaf(), {"pin": WRONG}, wrong_pin),
        (leaf(), {"pin": WRONG, "ca": files.ca()}, wrong_pin),
        (leaf(), {"pin": pin, "ca": files.ca(1)}, by_another),
        (leaf(), {"ca": files.ca(1)}, by_another),
        (leaf(), {}, by_another),
        (
            leaf(("a.example",)),
            {"ca": files.ca()},
            f"its certificate is for a.example and not for 127.0.0.1; {own_name}",
        ),
        (
            leaf(),
            {"ca": files.ca(), "server_name": "b.example"},
            f"its certificate is for localhost, 127.0.0.1, ::1 and not for b.example; {own_name}",
        ),
        (
            expired(),
            {"ca": files.ca()},
            "its certificate expired on DATE; it must be renewed (or the clock of this machine is wrong)",
        ),
        (
            leaf(start_days=5),
            {"ca": files.ca()},
            "its certificate is not valid before DATE, and here it is DATE; "
            "the clock of one of the two machines is wrong",
        ),
    ]
    for pair, trust, problem in cases:
        async with serving(ServerTls(*files.write("one", pair))) as address:
            with pytest.raises(IdentityRefused) as caught:
                await call(address, tls=ClientTls(**trust))
            said = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "DATE", str(caught.value))
            assert said == f"cannot connect to {address}: {problem}"


@both_ways
@on_both_loops
async def test_mutual_tls(tmp_path: Path, call: Calling) -> None:
    files = Files(tmp_path)
    server = ServerTls(*files.server(), client_ca=files.ca(1))
    async with serving(server) as address:
        assert await call(address, tls=ClientTls(ca=files.ca(), **dict_of(files.client(1)))) == b"HELLO"
        for shown, problem in (
            ({}, "it asks for a certificate, and we have shown none; give one"),
            (dict_of(files.client(0)), "it does not know who signed our certificate"),
        ):
            with pytest.raises(IdentityRefused) as caught:
                await call(address, tls=ClientTls(ca=files.ca(), **shown))
            assert str(caught.value) == f"cannot connect to {address}: {problem}"


def dict_of(pair: tuple[str, str]) -> dict[str, Any]:
    """A pair of paths as arguments."""
    return {"certificate": pair[0], "key": pair[1]}


@both_ways
@on_both_loops
async def test_plain_addresses_speak_tls_when_told(tmp_path: Path, call: Calling) -> None:
    tls = ServerTls(*Files(tmp_path).server())
    for address in ("tcp://127.0.0.1:0", f"unix://{tmp_path}/sock"):
        async with serving(tls, address) as real:
            assert await call(real, tls=ClientTls(pin=tls.pin)) == b"HELLO"


@both_ways
@on_both_loops
async def test_insecure_says_so(tmp_path: Path, call: Calling, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(ServerTls(*Files(tmp_path).write("one", expired()))) as address:
        with caplog.at_level(logging.WARNING, "landline.tls"):
            assert await call(address, tls=ClientTls(insecure=True)) == b"HELLO"
        said = [record.getMessage() for record in caplog.records if record.name == "landline.tls"]
        assert said == [f"insecure: who answers at {address} is not checked, and anybody between may read and change"]


@both_ways
@on_both_loops
async def test_a_peer_without_tls(tmp_path: Path, call: Calling) -> None:
    server = Server([(upper(), "tcp://127.0.0.1:0")])
    await server.start()
    plain = server.listening[0].address
    assert isinstance(plain, TcpAddress)
    address = TlsAddress(plain.host, plain.port)
    with pytest.raises(LandlineError) as caught:
        await call(address, limits=Limits(handshake_seconds=0.2))
    # A service of lines waits for the end of the line, which a handshake may hold or not.
    assert isinstance(caught.value, (ConnectError, WaitTimeout)) and not isinstance(caught.value, IdentityRefused)
    await server.stop(0.0)


@both_ways
@on_both_loops
async def test_a_peer_that_hangs_up_or_says_nothing(call: Calling) -> None:
    with plain_listener() as listener:
        address = TlsAddress("127.0.0.1", listener.getsockname()[1])
        with pytest.raises(WaitTimeout) as late:
            await call(address, tls=ClientTls(pin=WRONG), timeout_seconds=0.05)
        assert re.fullmatch(
            rf"connecting to {address} \(its TLS handshake\) took longer than 0.0\d* s", str(late.value)
        )
        hanging_up = asyncio.get_running_loop().run_in_executor(None, hang_up, listener)
        with pytest.raises(ConnectError) as caught:
            await call(address, tls=ClientTls(pin=WRONG))
        assert str(caught.value).startswith(f"cannot connect to {address}: it ")
        await hanging_up


def hang_up(listener: socket.socket) -> None:
    """Take two calls (the first was given up), read what they say, and end."""
    for _ in range(2):
        sock, _ = listener.accept()
        sock.recv(65536)
        sock.close()


@on_both_loops
async def test_one_call_is_taken_with_tls(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tls = ServerTls(*Files(tmp_path).server())
    listeners = open_listeners(TlsAddress("127.0.0.1", 0))
    address = listeners[0].address
    assert isinstance(address, TlsAddress)
    waiting = asyncio.ensure_future(accept_one(listeners, parse("lines"), Limits(), tls))
    # Somebody who speaks no TLS is not the call that is waited for.
    _, stranger = await asyncio.open_connection(address.host, address.port)
    stranger.write(b"GET / HTTP/1.0\r\n\r\n")
    stranger.close()
    caller = await connect(replace(address, pin=tls.pin))
    taken = await waiting
    assert isinstance(caller, StreamConnection) and isinstance(taken, StreamConnection)
    await caller.send(b"hello")
    assert await taken.receive() == b"hello"
    caller.end_sending()
    with pytest.raises(ConnectionClosed):
        await taken.receive()
    await taken.send(b"still")
    assert await caller.receive() == b"still"
    await asyncio.gather(caller.close(), taken.close())
    assert "it sent a plain HTTP request; it must use TLS" in caplog.text


@pytest.mark.parametrize(
    ("address", "given", "sentence"),
    [
        ("udp://127.0.0.1:9", {"pin": WRONG}, "TLS needs a stream, and udp://127.0.0.1:9 takes datagrams; "
         "call a tls:// or tcp:// address"),
        (f"tls://127.0.0.1:9?pin={WRONG}", {"insecure": True}, f"the address asks for the pin {WRONG}, and the TLS "
         "settings have none; give both the same, or leave it out of the address"),
        (f"tls://127.0.0.1:9?pin={WRONG}", {"pin": OTHER}, f"the address asks for the pin {WRONG}, and the TLS "
         f"settings say {OTHER}; give both the same, or leave it out of the address"),
    ],
)  # fmt: skip
def test_what_cannot_be(address: str, given: dict[str, Any], sentence: str) -> None:
    tls = ClientTls(**given)
    with pytest.raises(UsageError) as caught:
        blocking.connect(address, tls=tls)
    assert str(caught.value) == sentence
    with pytest.raises(UsageError) as caught:
        asyncio.run(connect(address, tls=tls))
    assert str(caught.value) == sentence


@on_both_loops
async def test_a_unix_path_has_no_name_to_check(tmp_path: Path) -> None:
    files = Files(tmp_path)
    async with serving(ServerTls(*files.server()), f"unix://{tmp_path}/sock") as address:
        with pytest.raises(UsageError) as caught:
            await call_async(address, tls=ClientTls(ca=files.ca()))
        assert str(caught.value) == "a peer without a host name cannot be checked by name; give server_name or a pin"
        assert await call_async(address, tls=ClientTls(ca=files.ca(), server_name="localhost")) == b"HELLO"


@on_both_loops
async def test_a_blocking_end_of_sending_leaves_receiving(tmp_path: Path) -> None:
    """ssl.SSLSocket cannot do this. What is large goes through, both ways."""
    tls = ServerTls(*Files(tmp_path).server())
    async with serving(tls) as address:

        def talk() -> list[int]:
            with blocking.connect(replace(address, pin=tls.pin)) as connection:
                assert isinstance(connection, blocking.BlockingConnection)
                connection.send(b"x" * 900_000)
                connection.send_all([b"y" * 100_000, b"z"])
                connection.end_sending()
                return [len(message) for message in connection]

        assert await asyncio.to_thread(talk) == [900_000, 100_000, 1]


@on_both_loops
async def test_a_blocking_send_that_took_too_long_goes_on_where_it_was(tmp_path: Path) -> None:
    tls = ServerTls(*Files(tmp_path).server())
    message = bytes(range(65, 91)) * 100_000

    listeners = open_listeners(TlsAddress("127.0.0.1", 0))
    address = listeners[0].address
    assert isinstance(address, TlsAddress)
    limits = Limits(max_message_bytes=10_000_000, receive_buffer_bytes=1)
    waiting = asyncio.ensure_future(accept_one(listeners, parse("lines"), limits, tls))
    caller = await asyncio.to_thread(blocking.connect, replace(address, pin=tls.pin))
    assert isinstance(caller, blocking.BlockingConnection)
    taken = await waiting
    assert isinstance(taken, StreamConnection)
    # Nobody reads: this very loop is held up meanwhile.
    timeouts = 0
    for _ in range(10):
        try:
            caller.send(message, timeout_seconds=0.05)
        except WaitTimeout:
            timeouts += 1
    assert timeouts
    flushing = asyncio.create_task(asyncio.to_thread(caller.flush, 20))
    for _ in range(10):
        assert await taken.receive() == message
    await flushing
    caller.close()
    await taken.close()


@on_both_loops
async def test_a_blocking_wait_that_timed_out_can_be_made_again(tmp_path: Path) -> None:
    tls = ServerTls(*Files(tmp_path).server())
    async with serving(tls) as address:

        def talk() -> bytes:
            with blocking.connect(replace(address, pin=tls.pin)) as connection:
                with pytest.raises(WaitTimeout):
                    connection.receive(0.02)
                connection.send(b"now")
                return bytes(connection.receive())

        assert await asyncio.to_thread(talk) == b"NOW"


@on_both_loops
async def test_tls_1_2_is_spoken_with_those_who_have_no_more(tmp_path: Path) -> None:
    tls = ServerTls(*Files(tmp_path).server())
    trust = ClientTls(pin=tls.pin)
    trust.context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with serving(tls) as address, await connect(address, tls=trust) as connection:
        assert isinstance(connection, StreamConnection) and connection.tls is not None
        assert connection.tls.version == "TLSv1.2"
        await connection.send(b"hello")
        assert await connection.receive() == b"HELLO"
