"""Datagrams that come faster than they are answered, and a stop meanwhile. Once, that stop never ended."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import BRIEF, Journal, call, serving
from tests.sockets import port_of

DRAIN_SECONDS = 0.3
SLOW_SECONDS = 0.0005
"""What the handler takes: a thread that sends is many times faster."""


@contextlib.contextmanager
def flood(port: int) -> Iterator[None]:
    """Send datagrams to a port of this machine without pause."""
    over = threading.Event()

    def send() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            while not over.is_set():
                for _ in range(20):
                    sock.sendto(b"x", ("127.0.0.1", port))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@on_both_loops
async def test_a_flood_does_not_hold_up_a_stop() -> None:
    heard = 0
    flooded = asyncio.Event()
    service = Service("slow", limits=replace(BRIEF, drain_seconds=DRAIN_SECONDS, udp_receive_buffer_bytes=65536))

    @service.message
    def slow(message: bytes) -> None:
        nonlocal heard
        heard += 1
        time.sleep(SLOW_SECONDS)
        if heard == 500:
            flooded.set()

    server = serving(service, "udp://127.0.0.1:0")
    await server.start()
    with flood(port_of(server.listening[0].address)):
        await flooded.wait()
        start = time.monotonic()
        counts = await server.stop()
        took = time.monotonic() - start
    # One more read of 128 datagrams may run past the deadline; the rest is for a busy machine.
    assert took < DRAIN_SECONDS + 128 * SLOW_SECONDS + 2.0
    assert counts.datagrams == heard
    assert counts.datagrams > 500


@on_both_loops
async def test_a_future_that_was_cancelled_under_a_handler_is_an_error_of_that_handler(journal: Journal) -> None:
    """CancelledError is no Exception: once it went into the event loop, and what waited behind it stayed there."""
    service = Service("cancelled", limits=BRIEF)

    @service.message
    def handle(message: bytes) -> bytes:
        if message == b"cancelled":
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            future.result()
        return message

    async with serving(service, "udp://127.0.0.1:0") as server:
        with call(server) as caller:
            for message in (b"cancelled", b"a"):
                await caller.send(message)
            assert await caller.datagram() == b"a"
    assert server.counts().datagrams_failed == 1
    await journal.holds("the handler failed on a datagram of udp://127.0.0.1:")


@on_both_loops
async def test_a_future_that_was_cancelled_under_a_handler_that_awaits(journal: Journal) -> None:
    service = Service("cancelled", limits=BRIEF)

    @service.message
    async def handle(message: bytes) -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    async with serving(service, "udp://127.0.0.1:0") as server:
        with call(server) as caller:
            await caller.send(b"a")
            await journal.holds("the handler failed on a datagram of udp://127.0.0.1:")
    assert server.counts().datagrams_failed == 1
