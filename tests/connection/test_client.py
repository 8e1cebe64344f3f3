"""The asyncio client against a real server in the same process."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

import landline
from landline import Limits, StreamConnection, blocking, connect
from landline.address import TcpAddress, UdpAddress
from landline.connection.client import accept_one
from landline.connection.datagram import DatagramConnection
from landline.connection.statistics import Statistics
from landline.errors import (
    AddressError,
    ConnectError,
    ConnectionClosed,
    FramingError,
    FramingSpecError,
    MalformedMessage,
    MessageTooLarge,
    Reason,
    TruncatedMessage,
    UnframableMessage,
    UsageError,
    WaitTimeout,
)
from landline.framing import parse as parse_framing
from landline.transport.listen import open_listeners
from tests.loops import on_both_loops
from tests.services import script, serving, upper
from tests.sockets import free_port, needs_ipv6, plain_listener, port_of, sockets_open
from tests.steps import expect_no_socket_left

LINES = parse_framing("lines")
NO_LINGER = Limits(linger_seconds=0.0)


async def call(address: str | landline.address.Address, **options: object) -> StreamConnection:
    """Connect to a stream address."""
    connection = await landline.connect(address, **options)  # type: ignore[call-overload]
    assert isinstance(connection, StreamConnection)
    return connection


@pytest.mark.parametrize(
    "listen",
    [
        "tcp://127.0.0.1:0",
        pytest.param("tcp://[::1]:0", marks=needs_ipv6),
        pytest.param(f"unix://@landline-client-{os.getpid()}", id="unix://@"),
    ],
)
@pytest.mark.parametrize("framing", ["lines", "length:u32be", "netstring"])
@on_both_loops
async def test_a_conversation(listen: str, framing: str) -> None:
    async with serving(upper(framing), listen) as address:
        async with await call(str(address), framing=framing) as connection:
            assert connection.peer == address
            await connection.send(b"one")
            assert await connection.receive() == b"ONE"
            await connection.send_all([b"two", b"three"])
            assert [await connection.receive(), await connection.receive(10.0)] == [b"TWO", b"THREE"]
            assert connection.reason is None
        assert connection.reason is Reason.FINISHED


@on_both_loops
async def test_a_unix_path(tmp_path: Path) -> None:
    async with serving(upper(), f"unix://{tmp_path}/s") as address, await call(address) as connection:
        await connection.send(b"hi")
        assert await connection.receive() == b"HI"


@on_both_loops
async def test_every_answer_comes_after_a_half_close() -> None:
    async with serving(upper()) as address, await call(address) as connection:
        await connection.send_all([b"a", b"b", b"c"])
        connection.end_sending()
        connection.end_sending()
        assert [message async for message in connection] == [b"A", b"B", b"C"]
        with pytest.raises(ConnectionClosed, match="it cannot send any more"):
            await connection.send(b"d")
        with pytest.raises(ConnectionClosed) as caught:
            await connection.receive()
        assert caught.value.reason is Reason.PEER_CLOSED
        await connection.close()
        assert connection.statistics() == Statistics(3, 3, 6, 6, Reason.PEER_CLOSED)


@on_both_loops
async def test_closing_twice_does_no_harm_and_nothing_works_after() -> None:
    async with serving(upper()) as address:
        connection = await call(address)
        await connection.close()
        await connection.close()
        assert connection.statistics().reason is Reason.FINISHED
        with pytest.raises(ConnectionClosed):
            await connection.send(b"late")
        with pytest.raises(ConnectionClosed):
            await connection.receive()
        assert [message async for message in connection] == []


@on_both_loops
async def test_a_wait_that_times_out_loses_nothing() -> None:
    async with serving(script(b"whole\nha", b"lf\n")) as address, await call(address) as connection:
        assert await connection.receive() == b"whole"
        with pytest.raises(WaitTimeout) as caught:
            await connection.receive(0.01)
        assert str(caught.value) == f"waiting for a message from {address} took longer than 0.01 s"
        await connection.send(b"go on")
        assert await connection.receive() == b"half"


@on_both_loops
async def test_a_cancelled_wait_loses_nothing() -> None:
    async with serving(upper()) as address, await call(address) as connection:
        waiting = asyncio.create_task(connection.receive())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        await connection.send(b"hi")
        assert await connection.receive() == b"HI"


@on_both_loops
async def test_two_receivers_are_a_mistake() -> None:
    async with serving(upper()) as address, await call(address) as connection:
        waiting = asyncio.create_task(connection.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks receive from one connection"):
            await connection.receive()
        await connection.send(b"hi")
        assert await waiting == b"HI"


BROKEN: list[tuple[str, bytes, type[FramingError], Reason]] = [
    ("netstring", b"2:ok,2:no;", MalformedMessage, Reason.MALFORMED),
    ("netstring", b"2:ok,5:cut", TruncatedMessage, Reason.TRUNCATED),
    ("netstring", b"2:ok,17:", MessageTooLarge, Reason.TOO_LARGE),
    ("lines", b"ok\n" + b"x" * 18, MessageTooLarge, Reason.TOO_LARGE),
    ("length:u32be", b"\0\0\0\2ok\0\0\0\3ab", TruncatedMessage, Reason.TRUNCATED),
]


@pytest.mark.parametrize(("framing", "sent", "error", "reason"), BROKEN)
@on_both_loops
async def test_what_came_before_a_broken_message_is_received(
    framing: str, sent: bytes, error: type[FramingError], reason: Reason
) -> None:
    async with serving(script(sent)) as address:
        connection = await call(address, framing=framing, limits=Limits(max_message_bytes=16))
        assert await connection.receive() == b"ok"
        for _ in range(2):
            with pytest.raises(error):
                await connection.receive()
        await connection.close()
        assert connection.reason is reason
        assert connection.statistics().messages_received == 1


@on_both_loops
async def test_a_message_that_cannot_be_framed_is_not_sent() -> None:
    async with serving(upper()) as address, await call(address) as connection:
        with pytest.raises(UnframableMessage):
            await connection.send_all([b"good", b"two\nlines"])
        await connection.send(b"hi")
        assert await connection.receive() == b"HI"
        assert connection.statistics().messages_sent == 1


@on_both_loops
async def test_a_half_message_held_back_ends_the_call_at_its_deadline() -> None:
    async with serving(script(b"hal", b"f\n")) as address:
        connection = await call(address, limits=Limits(message_seconds=0.02, linger_seconds=0.0))
        with pytest.raises(ConnectionClosed) as caught:
            await connection.receive()
        assert caught.value.reason is Reason.MESSAGE_DEADLINE
        await connection.close()


def reset(sock: socket.socket) -> None:
    """Close with a reset (SO_LINGER of 0 seconds, socket(7))."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@on_both_loops
async def test_a_reset_is_not_a_clean_end() -> None:
    with plain_listener() as listener:
        connection = await call(TcpAddress(*listener.getsockname()))
        reset(listener.accept()[0])
        with pytest.raises(ConnectionClosed) as caught:
            async for _ in connection:
                pass
        assert caught.value.reason is Reason.RESET
        await connection.close()
        assert connection.reason is Reason.RESET


@on_both_loops
async def test_an_answering_function_that_fails_is_logged_and_closes(caplog: pytest.LogCaptureFixture) -> None:
    def fail(message: bytes) -> bytes:
        raise LookupError(message)

    async with serving(script(b"welcome\n", b"hi\n")) as address:
        connection = await call(address, limits=NO_LINGER)
        assert await connection.receive() == b"welcome"
        await connection.send(b"go on")
        with caplog.at_level(logging.ERROR, "landline.client"):
            connection.push_to(fail)
            with pytest.raises(ConnectionClosed) as caught:
                await connection.receive()
        await connection.close()
        assert caught.value.reason is Reason.HANDLER_ERROR
        (record,) = caplog.records
        assert record.exc_info is not None and record.exc_info[0] is LookupError


@on_both_loops
async def test_what_cannot_be_is_said_before_anything_is_opened() -> None:
    before = sockets_open()
    with pytest.raises(AddressError):
        await landline.connect("tcp://x")
    with pytest.raises(FramingSpecError):
        await landline.connect("tcp://127.0.0.1:1", framing="lanes")
    with pytest.raises(FramingSpecError):
        await landline.connect("tcp://127.0.0.1:1", framing="fixed:32", limits=Limits(max_message_bytes=16))
    with free_port() as port, pytest.raises(ConnectError, match="nothing listens there"):
        await landline.connect(f"127.0.0.1:{port}")
    assert sockets_open() == before


@pytest.mark.parametrize(
    "listen",
    ["tcp://127.0.0.1:0", pytest.param(f"unix://@landline-accept-{os.getpid()}", id="unix://@")],
)
@on_both_loops
async def test_accept_one_takes_one_call_and_listens_no_more(listen: str) -> None:
    listeners = [*open_listeners(landline.parse_address(listen)), *open_listeners(TcpAddress("127.0.0.1", 0))]
    waiting = asyncio.create_task(accept_one(listeners, LINES, NO_LINGER))
    async with await call(listeners[0].address) as caller, await waiting as connection:
        assert isinstance(connection, StreamConnection)
        await caller.send(b"hi")
        assert await connection.receive() == b"hi"
        await connection.send(b"there")
        assert await caller.receive() == b"there"
        for listener in listeners:
            with pytest.raises(ConnectError):
                await landline.connect(listener.address)


@on_both_loops
async def test_accept_one_talks_with_the_first_sender_alone() -> None:
    listeners = [*open_listeners(UdpAddress("127.0.0.1", 0)), *open_listeners(TcpAddress("127.0.0.1", 0))]
    where = ("127.0.0.1", port_of(listeners[0].address))
    with socket.socket(type=socket.SOCK_DGRAM) as first, socket.socket(type=socket.SOCK_DGRAM) as stranger:
        first.bind(("127.0.0.1", 0))
        first.sendto(b"one", where)
        stranger.sendto(b"listen to me", where)
        first.sendto(b"two", where)
        async with await accept_one(listeners, LINES, NO_LINGER) as connection:
            assert isinstance(connection, DatagramConnection)
            assert connection.peer == UdpAddress(*first.getsockname())
            assert [await connection.receive(), await connection.receive()] == [b"one", b"two"]
            await connection.send(b"three")
            assert first.recv(10) == b"three"


@on_both_loops
async def test_a_call_over_tcp_closes_the_datagram_listeners_too() -> None:
    before = sockets_open()
    listeners = [*open_listeners(TcpAddress("127.0.0.1", 0)), *open_listeners(UdpAddress("127.0.0.1", 0))]
    async with await call(listeners[0].address), await accept_one(listeners, LINES, NO_LINGER):
        assert all(listener.sock.fileno() < 0 for listener in listeners)
        assert len(sockets_open() - before) == 2


@on_both_loops
async def test_a_cancelled_accept_one_closes_its_listeners() -> None:
    before = sockets_open()
    listeners = [*open_listeners(TcpAddress("127.0.0.1", 0)), *open_listeners(UdpAddress("127.0.0.1", 0))]
    waiting = asyncio.create_task(accept_one(listeners, LINES, NO_LINGER))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert sockets_open() == before


@on_both_loops
async def test_a_call_cancelled_at_any_step_leaves_no_socket() -> None:
    with plain_listener(backlog=100) as listener:
        where = TcpAddress(*listener.getsockname())
        assert await expect_no_socket_left(lambda: call(where), StreamConnection.abort) > 3


@on_both_loops
@pytest.mark.parametrize("kind", [TcpAddress, UdpAddress])
async def test_accept_one_cancelled_at_any_step_leaves_no_socket(kind: type[TcpAddress] | type[UdpAddress]) -> None:
    async def accept() -> StreamConnection | DatagramConnection:
        listeners = open_listeners(kind("127.0.0.1", 0))
        what = socket.SOCK_DGRAM if kind is UdpAddress else socket.SOCK_STREAM
        with socket.socket(type=what) as caller:
            caller.connect(("127.0.0.1", port_of(listeners[0].address)))
            caller.send(b"hi\n")
            return await accept_one(listeners, LINES, NO_LINGER)

    assert await expect_no_socket_left(accept, lambda connection: connection.abort()) > 1


@on_both_loops
async def test_of_two_that_call_at_once_one_is_turned_away() -> None:
    before = sockets_open()
    listeners = [*open_listeners(TcpAddress("127.0.0.1", 0)), *open_listeners(TcpAddress("127.0.0.1", 0))]
    with socket.socket() as one, socket.socket() as other:
        for caller, listener in zip((one, other), listeners, strict=True):
            caller.connect(("127.0.0.1", port_of(listener.address)))
        connection = await accept_one(listeners, LINES, NO_LINGER)
        assert len(sockets_open() - before) == 3
        await connection.close()
    assert sockets_open() == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"reconnect": True}, "reconnect cannot be True; it must be a Reconnect, for example Reconnect()"),
        ({"tls": True}, "tls cannot be True; it must be a ClientTls, for example ClientTls(ca='ca.pem')"),
        ({"limits": 3}, "limits cannot be 3; it must be a Limits, for example Limits(max_message_bytes=1000)"),
        ({"framing": 3}, "framing '3': it is int, and must be a text such as lines, or a Framing"),
        ({"framing": "raw", "replies": "numbered"},
         "raw bytes have no messages to number; give another framing, such as lines"),
        ({"address": 9000}, "the kind of '9000' is int and not text; write for example tcp://127.0.0.1:8101"),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be(options: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"address": "127.0.0.1:1", **options}
    with pytest.raises(UsageError) as caught:
        asyncio.run(connect(**given))
    assert str(caught.value) == sentence
    with pytest.raises(UsageError) as caught:
        blocking.connect(**given)
    assert str(caught.value) == sentence
