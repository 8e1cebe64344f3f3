"""Clients that come back, over TLS: what passes, what is final, and certificates that are renewed meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import landline
from landline import Backoff, Reconnect, Server, blocking
from landline.address import TlsAddress
from landline.connection.events import Connected, Event, GaveUp, Lost, Waiting
from landline.errors import ConnectError, IdentityRefused
from landline.limits import Limits
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files, leaf
from tests.loops import on_both_loops
from tests.services import upper
from tests.sockets import plain_listener, port_of, sockets_open

QUICK = Backoff(first_seconds=0.005, most_seconds=0.05)
BRIEF = Limits(linger_seconds=0.05)
WRONG = "sha256:" + "0" * 64

Ask = Callable[[bytes], Awaitable[bytes]]
Story = Callable[[Ask], Awaitable[None]]


async def by_coroutine(story: Story, address: Any, tls: ClientTls, told: list[Event], **policy: Any) -> None:
    """Tell the story to a client of landline.connect."""
    again = Reconnect(**{"backoff": QUICK, "waiting": "resend", "on_event": told.append, **policy})
    async with await landline.connect(address, limits=BRIEF, tls=tls, reconnect=again) as client:
        await story(client.request)


async def by_thread(story: Story, address: Any, tls: ClientTls, told: list[Event], **policy: Any) -> None:
    """The same with a client of blocking.connect."""
    again = Reconnect(**{"backoff": QUICK, "waiting": "resend", "on_event": told.append, **policy})

    async def ask(message: bytes) -> bytes:
        return bytes(await asyncio.to_thread(client.request, message))

    client = await asyncio.to_thread(
        lambda: blocking.connect(address, limits=BRIEF, tls=tls, reconnect=again, timeout_seconds=10.0)
    )
    try:
        await story(ask)
    finally:
        client.close()


both_ways = pytest.mark.parametrize("call", [by_coroutine, by_thread])


async def started(tls: ServerTls, address: Any = "tls://127.0.0.1:0") -> Server:
    """An upper service with TLS that listens."""
    server = Server([(upper(limits=BRIEF).with_options(tls=tls), address)])
    await server.start()
    return server


def given_up(told: list[Event]) -> Exception:
    """Why the client gave up."""
    (event,) = [event for event in told if isinstance(event, GaveUp)]
    return event.error


async def none_of_it(ask: Ask) -> None:
    """No story: the first attempt must fail for good."""
    assert await ask(b"anybody?") == b"nobody"


@both_ways
@on_both_loops
async def test_a_renewed_certificate_of_the_same_ca(tmp_path: Path, call: Any) -> None:
    """The service goes, gets a new certificate, and comes again; and one that is renewed while it runs."""
    files = Files(tmp_path)
    told: list[Event] = []
    server = await started(ServerTls(*files.server()))
    address = server.listening[0].address
    pins: list[str] = []

    async def story(ask: Ask) -> None:
        nonlocal server
        assert await ask(b"one") == b"ONE"
        for renew in ("while it is away", "while it runs"):
            tls = server.listening[0].service.tls
            assert tls is not None
            pins.append(tls.pin)
            leaf.cache_clear()
            files.server()
            if renew == "while it runs":
                server.renewal.reload()
            pins.append(tls.pin)
            await server.stop(0.0)
            server = await started(ServerTls(*files.server()), address)
            assert await ask(renew.encode()) == renew.upper().encode()

    await call(story, address, ClientTls(ca=files.ca()), told)
    await server.stop(0.0)
    assert pins[0] == pins[1] and len(set(pins)) == 3
    assert sum(isinstance(event, Connected) for event in told) == 3
    assert not any(isinstance(event, GaveUp) for event in told)


@both_ways
@on_both_loops
async def test_a_wrong_pin_is_final(tmp_path: Path, call: Any) -> None:
    told: list[Event] = []
    before = sockets_open()
    server = await started(ServerTls(*Files(tmp_path).server()))
    with pytest.raises(IdentityRefused) as caught:
        await call(none_of_it, server.listening[0].address, ClientTls(pin=WRONG), told)
    await server.stop(0.0)
    assert given_up(told) is caught.value
    assert not any(isinstance(event, Waiting) for event in told)
    assert sockets_open() <= before


@both_ways
@on_both_loops
async def test_a_pin_that_fits_no_longer_is_final(tmp_path: Path, call: Any) -> None:
    """Who pins a certificate and renews it must tell the clients; they do not go on with whoever answers."""
    files = Files(tmp_path)
    told: list[Event] = []
    tls = ServerTls(*files.server())
    server = await started(tls)
    address = server.listening[0].address
    assert isinstance(address, TlsAddress)

    async def story(ask: Ask) -> None:
        nonlocal server
        assert await ask(b"one") == b"ONE"
        await server.stop(0.0)
        leaf.cache_clear()
        server = await started(ServerTls(*files.server()), address)
        await ask(b"two")

    pinned = replace(address, pin=tls.pin)
    with pytest.raises(IdentityRefused):
        await call(story, pinned, ClientTls(pin=tls.pin), told)
    await server.stop(0.0)
    assert isinstance(given_up(told), IdentityRefused)
    assert sum(isinstance(event, Connected) for event in told) == 1


@pytest.mark.parametrize("broken", ["end", "reset", "half a word"])
@both_ways
@on_both_loops
async def test_a_broken_handshake_passes(tmp_path: Path, call: Any, broken: str) -> None:
    """A service that goes in the middle of it, or has no place for us, may come back or have one."""
    files = Files(tmp_path)
    told: list[Event] = []
    service = await started(ServerTls(*files.server()))
    loop = asyncio.get_running_loop()
    with plain_listener() as listener:
        listener.setblocking(False)

        async def break_two_and_pass_on() -> None:
            for _ in range(2):
                peer, _ = await loop.sock_accept(listener)
                with peer:
                    if broken != "reset":
                        await loop.sock_recv(peer, 65536)
                    if broken == "half a word":
                        await loop.sock_sendall(peer, b"\x16\x03\x03")
                    if broken == "reset":
                        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer, _ = await loop.sock_accept(listener)
            await relay(peer, port_of(service.listening[0].address))

        async def story(ask: Ask) -> None:
            assert await ask(b"one") == b"ONE"

        relaying = asyncio.ensure_future(break_two_and_pass_on())
        host, port = listener.getsockname()
        await call(story, f"tls://{host}:{port}", ClientTls(ca=files.ca()), told)
        await relaying
    await service.stop(0.0)
    waits = [event for event in told if isinstance(event, Waiting)]
    assert len(waits) == 2
    assert all(isinstance(event.error, ConnectError) and event.error.passing for event in waits)
    assert sum(isinstance(event, Connected) for event in told) == 1


async def relay(peer: socket.socket, port: int) -> None:
    """Carry bytes between an accepted socket and a port until both have ended."""
    loop = asyncio.get_running_loop()
    with peer, socket.socket() as other:
        other.setblocking(False)
        await loop.sock_connect(other, ("127.0.0.1", port))

        async def carry(source: socket.socket, sink: socket.socket) -> None:
            while data := await loop.sock_recv(source, 65536):
                await loop.sock_sendall(sink, data)
            sink.shutdown(socket.SHUT_WR)

        await asyncio.gather(carry(peer, other), carry(other, peer), return_exceptions=True)


@both_ways
@on_both_loops
async def test_who_does_not_speak_tls_is_final(call: Any) -> None:
    told: list[Event] = []
    with plain_listener() as listener:
        listener.setblocking(False)
        loop = asyncio.get_running_loop()

        async def speak_plainly() -> None:
            peer, _ = await loop.sock_accept(listener)
            with peer:
                await loop.sock_sendall(peer, b"220 ready to serve\r\n" * 3)
                while await loop.sock_recv(peer, 65536):
                    pass

        speaking = asyncio.ensure_future(speak_plainly())
        host, port = listener.getsockname()
        with pytest.raises(ConnectError, match="it does not speak TLS"):
            await call(none_of_it, f"tls://{host}:{port}", ClientTls(pin=WRONG), told)
        await speaking
    assert isinstance(given_up(told), ConnectError)
    assert not any(isinstance(event, Waiting) for event in told)


@both_ways
@on_both_loops
async def test_a_certificate_that_the_service_refuses_is_final(tmp_path: Path, call: Any) -> None:
    """TLS 1.3 tells of it when the connection seems to stand already."""
    files = Files(tmp_path)
    told: list[Event] = []
    server = await started(ServerTls(*files.server(), client_ca=files.ca(1)))
    with pytest.raises(IdentityRefused, match="it asks for a certificate, and we have shown none; give one"):
        await call(none_of_it, server.listening[0].address, ClientTls(ca=files.ca()), told)
    await server.stop(0.0)
    assert isinstance(given_up(told), IdentityRefused)
    assert sum(isinstance(event, (Connected, Lost)) for event in told) == 2
