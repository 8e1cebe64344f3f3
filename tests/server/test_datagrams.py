"""A service's message handler over UDP."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from landline.connection.datagram import MOST_DATAGRAM_BYTES
from landline.limits import Limits
from landline.server import datagrams
from landline.server.datagrams import DatagramPeer
from landline.server.engine import Server
from landline.server.service import Service
from tests.loops import on_both_loops
from tests.server.conftest import ANY_PORT, Caller, Journal, call, serving, upper_service
from tests.sockets import needs_ipv6

ANY_UDP = "udp://127.0.0.1:0"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts drops of each socket")


def _service(handler: Callable[..., Any], limits: Limits | None = None) -> Service:
    service = Service("parrot", limits=limits)
    service.message(handler)
    return service


async def _ask(caller: Caller, message: bytes) -> bytes:
    await caller.send(message)
    return await caller.datagram()


def _socket(server: Server) -> datagrams.DatagramSocket:
    (one,) = server._datagrams
    return one


def _upper(message: bytes) -> bytes:
    return message.upper()


async def _upper_awaiting(message: bytes) -> bytes:
    await asyncio.sleep(0)
    return message.upper()


def _upper_to_peer(message: bytes, peer: DatagramPeer) -> bytes:
    return b"%s for %s at %s" % (message.upper(), str(peer.peer).encode(), str(peer.local).encode())


async def _upper_to_peer_awaiting(message: bytes, peer: DatagramPeer) -> bytes:
    return _upper_to_peer(message, peer)


@on_both_loops
@pytest.mark.parametrize("handler", [_upper, _upper_awaiting])
async def test_the_same_message_handler_answers_streams_and_datagrams(handler: Callable[..., Any]) -> None:
    async with serving(_service(handler), ANY_PORT, ANY_UDP) as server:
        with call(server, 0) as stream, call(server, 1) as caller:
            assert await stream.ask(b"abc") == b"ABC"
            stream.close()
            assert await _ask(caller, b"abc") == b"ABC"
            assert await _ask(caller, b"two\nlines\n") == b"TWO\nLINES\n"
    counts = server.counts()
    assert (counts.connections, counts.messages, counts.datagrams) == (1, 1, 2)
    assert (counts.bytes_received, counts.bytes_sent) == (17, 17)


@on_both_loops
@pytest.mark.parametrize("handler", [_upper_to_peer, _upper_to_peer_awaiting])
@pytest.mark.parametrize("address", [ANY_UDP, pytest.param("udp://[::1]:0", marks=needs_ipv6)])
async def test_a_handler_may_know_who_sent_it_and_where_it_arrived(handler: Callable[..., Any], address: str) -> None:
    async with serving(_service(handler), address) as server:
        local = server.listening[0].address
        with call(server) as one, call(server) as other:
            for caller in (one, other):
                host, port = caller.sock.getsockname()[:2]
                name = f"udp://[{host}]:{port}" if ":" in host else f"udp://{host}:{port}"
                assert await _ask(caller, b"a") == f"A for {name} at {local}".encode()


@on_both_loops
@pytest.mark.parametrize("handler", [_upper, _upper_awaiting])
async def test_an_empty_datagram_is_a_message_and_may_be_a_reply(handler: Callable[..., Any]) -> None:
    async with serving(_service(handler), ANY_UDP) as server:
        with call(server) as caller:
            # uvloop's sock_sendall leaves out an empty message.
            caller.sock.send(b"")
            assert await caller.datagram() == b""


@on_both_loops
async def test_no_reply_is_no_datagram() -> None:
    async with serving(upper_service(), ANY_UDP) as server:
        with call(server) as caller:
            await caller.send(b"silence")
            assert await _ask(caller, b"a") == b"A"


@on_both_loops
async def test_the_largest_datagram_goes_both_ways() -> None:
    async with serving(upper_service(), ANY_UDP) as server:
        with call(server) as caller:
            assert await _ask(caller, b"x" * MOST_DATAGRAM_BYTES) == b"X" * MOST_DATAGRAM_BYTES


@on_both_loops
@pytest.mark.parametrize("awaits", [False, True])
async def test_a_reply_over_the_largest_datagram_is_not_sent(journal: Journal, awaits: bool) -> None:
    def grow(message: bytes) -> bytes:
        return message * MOST_DATAGRAM_BYTES

    async def grow_awaiting(message: bytes) -> bytes:
        return grow(message)

    async with serving(_service(grow_awaiting if awaits else grow), ANY_UDP) as server:
        with call(server) as caller:
            await caller.send(b"xx")
            assert await _ask(caller, b"y") == b"y" * MOST_DATAGRAM_BYTES
        counts = server.counts()
    assert (counts.datagrams, counts.datagrams_failed, counts.bytes_sent) == (2, 1, MOST_DATAGRAM_BYTES)
    (record,) = [record for record in journal.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert "it has 131014 bytes and one datagram carries at most 65507" in str(record.exc_info[1])


@on_both_loops
@pytest.mark.parametrize("awaits", [False, True])
async def test_a_handler_error_is_logged_once_and_not_answered(journal: Journal, awaits: bool) -> None:
    def fail(message: bytes) -> bytes:
        if message == b"fail":
            raise ArithmeticError("a secret of the handler")
        return message

    async def fail_awaiting(message: bytes) -> bytes:
        return fail(message)

    async with serving(_service(fail_awaiting if awaits else fail), ANY_UDP) as server:
        with call(server) as caller, call(server) as other:
            await caller.send(b"fail")
            assert await _ask(caller, b"a") == b"a"
            assert await _ask(other, b"b") == b"b"
            name = "udp://{}:{}".format(*caller.sock.getsockname())
        counts = server.counts()
    assert (counts.datagrams, counts.datagrams_failed) == (3, 1)
    (record,) = [record for record in journal.records if record.levelno == logging.ERROR]
    assert record.getMessage() == f"parrot: the handler failed on a datagram of {name}"
    assert "Traceback" in logging.Formatter().format(record)


@on_both_loops
async def test_a_datagram_that_was_cut_is_counted_and_not_answered(journal: Journal) -> None:
    async with serving(upper_service(limits=Limits(max_message_bytes=10)), ANY_UDP) as server:
        with call(server) as caller:
            await caller.send(b"x" * 11)
            await caller.send(b"y" * 1000)
            assert await _ask(caller, b"z" * 10) == b"Z" * 10
            name = "udp://{}:{}".format(*caller.sock.getsockname())
        counts = server.counts()
    assert (counts.datagrams, counts.datagrams_cut) == (3, 2)
    assert journal.lines(logging.WARNING) == [
        f"upper: a datagram from {name} has over 10 bytes, was cut and is not answered (1 since last told)"
    ]


@linux_only
@on_both_loops
async def test_what_the_kernel_drops_is_counted(journal: Journal) -> None:
    async with serving(upper_service(limits=Limits(udp_receive_buffer_bytes=8192)), ANY_UDP) as server:
        with call(server) as caller:
            for _ in range(500):
                # The event loop sees none of this until the burst is over.
                caller.sock.send(b"x" * 1000)
            await journal.holds("the kernel has dropped")
            assert await _until_quiet(caller, _ask(caller, b"still here")) == b"STILL HERE"
        counts = server.counts()
    assert counts.datagrams + counts.kernel_drops == 501
    assert counts.kernel_drops > 400
    assert len(journal.lines(logging.WARNING)) == 1


async def _until_quiet(caller: Caller, asking: Any) -> bytes:
    """The last of several answers."""
    answer: bytes = await asking
    while answer == b"X" * 1000:
        answer = await caller.datagram()
    return answer


@linux_only
@on_both_loops
async def test_drops_up_to_the_very_end_are_counted() -> None:
    server = serving(upper_service(limits=Limits(udp_receive_buffer_bytes=8192)), ANY_UDP)
    await server.start()
    with call(server) as caller:
        for _ in range(500):
            caller.sock.send(b"x" * 1000)
        counts = await server.stop()
    assert counts.datagrams + counts.kernel_drops == 500


@on_both_loops
async def test_the_granted_buffer_is_known_and_told(journal: Journal) -> None:
    async with serving(upper_service(limits=Limits(udp_receive_buffer_bytes=16384)), ANY_UDP) as server:
        assert _socket(server).receive_buffer_bytes == 16384
        assert journal.lines() == []
    async with serving(upper_service(limits=Limits(udp_receive_buffer_bytes=2**31 - 1)), ANY_UDP) as server:
        granted = _socket(server).receive_buffer_bytes
        assert 0 < granted < 2**31 - 1
        assert journal.lines() == [
            f"upper: {server.listening[0].address} has a receive buffer of {granted} bytes "
            "(2147483647 asked for; net.core.rmem_max is the most)"
        ]


@on_both_loops
async def test_a_peer_that_does_not_listen_harms_nobody() -> None:
    async with serving(upper_service(), ANY_UDP) as server:
        for _ in range(5):
            with call(server) as gone:
                gone.sock.send(b"a")
        with call(server) as caller:
            assert await _ask(caller, b"b") == b"B"
            assert await _ask(caller, b"c") == b"C"
        assert server.counts().datagrams == 7


@on_both_loops
async def test_a_reply_that_the_system_refuses_is_counted() -> None:
    async with serving(upper_service(), "udp://0.0.0.0:0") as server:
        one = _socket(server)
        # Nobody may send to the broadcast address without asking for the right to (socket(7), SO_BROADCAST).
        one._reply(b"a", ("255.255.255.255", 9))
        one._reply(b"a", ("255.255.255.255", 9))
        assert (server.counts().replies_dropped, server.counts().bytes_sent) == (2, 0)


# Handlers that await, and the stop.


def _gate() -> tuple[Service, asyncio.Event, asyncio.Event]:
    entered, opened = asyncio.Event(), asyncio.Event()

    async def answer(message: bytes) -> bytes:
        if message == b"wait":
            entered.set()
            await opened.wait()
        return message.upper()

    return _service(answer), entered, opened


@on_both_loops
async def test_a_handler_that_waits_holds_up_nobody() -> None:
    service, entered, opened = _gate()
    async with serving(service, ANY_UDP) as server:
        with call(server) as one, call(server) as other:
            await one.send(b"wait")
            await entered.wait()
            assert await _ask(other, b"a") == b"A"
            opened.set()
            assert await one.datagram() == b"WAIT"


@on_both_loops
async def test_handlers_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "MOST_WAITING_ANSWERS", 2)
    service, entered, opened = _gate()
    async with serving(service, ANY_UDP) as server:
        with call(server) as caller:
            for message in (b"wait", b"wait", b"too many"):
                caller.sock.send(message)
            await entered.wait()
            opened.set()
            assert [await caller.datagram() for _ in range(2)] == [b"WAIT", b"WAIT"]
            assert await _ask(caller, b"a") == b"A"
        counts = server.counts()
    assert (counts.datagrams, counts.datagrams_failed) == (4, 1)


@on_both_loops
async def test_a_stop_answers_what_has_arrived_and_lets_handlers_finish() -> None:
    service, entered, opened = _gate()
    server = serving(service, ANY_UDP)
    await server.start()
    with call(server) as caller:
        await caller.send(b"wait")
        await entered.wait()
        caller.sock.send(b"a")
        asyncio.get_running_loop().call_later(0.05, opened.set)
        counts = await server.stop()
        assert sorted([await caller.datagram(), await caller.datagram()]) == [b"A", b"WAIT"]
    assert (counts.datagrams, counts.cut_off, counts.bytes_sent) == (2, 0, 5)


@on_both_loops
async def test_a_stop_cuts_off_handlers_that_do_not_finish(journal: Journal) -> None:
    service, entered, _ = _gate()
    server = serving(service.with_options(limits=replace(service.limits, drain_seconds=0.05)), ANY_UDP)
    await server.start()
    with call(server) as caller:
        await caller.send(b"wait")
        await entered.wait()
        before = time.monotonic()
        counts = await server.stop()
        assert time.monotonic() - before < 5
    assert (counts.datagrams, counts.cut_off) == (1, 1)
    assert journal.lines(logging.WARNING) == []


@on_both_loops
async def test_many_datagrams_in_one_wake_are_all_answered() -> None:
    async with serving(upper_service(), ANY_UDP) as server:
        with call(server) as caller:
            caller.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            for number in range(300):
                caller.sock.send(b"m%d" % number)
            assert [await caller.datagram() for _ in range(300)] == [b"M%d" % number for number in range(300)]
