"""Conversations over UDP: the asyncio client against a real server, and against plain sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import landline
from landline import Limits, Service
from landline.address import Address, UdpAddress
from landline.connection.datagram import MOST_DATAGRAM_BYTES, DatagramConnection, DatagramReader, check_datagram
from landline.connection.statistics import Statistics
from landline.errors import ConnectError, ConnectionClosed, MessageTooLarge, Reason, UnframableMessage, WaitTimeout
from tests.loops import on_both_loops
from tests.services import serving, upper
from tests.sockets import free_port, needs_ipv6, sockets_open

ANYWHERE = "udp://127.0.0.1:0"


async def call(address: Address, limits: Limits | None = None) -> DatagramConnection:
    """Connect to a datagram address."""
    connection = await landline.connect(address, limits=limits)
    assert isinstance(connection, DatagramConnection)
    return connection


@contextmanager
def plain_socket() -> Iterator[tuple[socket.socket, UdpAddress]]:
    """A bound UDP socket and its address."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock, UdpAddress(*sock.getsockname())


@pytest.mark.parametrize("where", [ANYWHERE, pytest.param("udp://[::1]:0", marks=needs_ipv6)])
@on_both_loops
async def test_a_conversation(where: str) -> None:
    async with serving(upper(), where) as address:
        async with await call(address) as connection:
            assert connection.peer == address
            for message in (b"one", b"two\nlines", b"", b"x" * 1000):
                await connection.send(message)
                assert await connection.receive(10.0) == message.upper()
            connection.end_sending()
            assert connection.statistics() == Statistics(4, 4, 1012, 1012, None)
        assert connection.statistics().reason is Reason.FINISHED


@on_both_loops
async def test_the_largest_datagram_makes_the_round_trip_and_one_byte_more_is_not_sent() -> None:
    async with serving(upper(), ANYWHERE) as address, await call(address) as connection:
        await connection.send(b"a" * MOST_DATAGRAM_BYTES)
        assert await connection.receive() == b"A" * MOST_DATAGRAM_BYTES
        with pytest.raises(UnframableMessage) as caught:
            await connection.send(b"a" * (MOST_DATAGRAM_BYTES + 1))
        assert caught.value.problem == "it has 65508 bytes and one datagram carries at most 65507"
        assert connection.statistics().messages_sent == 1


@on_both_loops
async def test_a_cut_datagram_is_an_error_and_not_a_shorter_message() -> None:
    with plain_socket() as (sock, address):
        async with await call(address, Limits(max_message_bytes=8)) as connection:
            await connection.send(b"hello")
            _, caller = sock.recvfrom(100)
            for message in (b"12345678", b"123456789", b"fits"):
                sock.sendto(message, caller)
            assert await connection.receive() == b"12345678"
            with pytest.raises(MessageTooLarge) as caught:
                await connection.receive()
            assert (caught.value.size, caught.value.limit, caught.value.exact) == (9, 8, False)
            assert caught.value.head == b"12345678"
            assert await connection.receive() == b"fits"


@on_both_loops
async def test_nobody_listens() -> None:
    with free_port(socket.SOCK_DGRAM) as port:
        async with await call(UdpAddress("127.0.0.1", port)) as connection:
            await connection.send(b"anybody?")
            with pytest.raises(ConnectError) as caught:
                await connection.receive(10.0)
            assert str(caught.value) == (
                f"cannot connect to udp://127.0.0.1:{port}: nothing listens there (connection refused)"
            )


@on_both_loops
async def test_a_wait_that_times_out_or_is_cancelled_loses_nothing() -> None:
    with plain_socket() as (sock, address):
        async with await call(address) as connection:
            await connection.send(b"hello")
            _, caller = sock.recvfrom(100)
            with pytest.raises(WaitTimeout) as caught:
                await connection.receive(0.01)
            assert str(caught.value) == f"waiting for a datagram from {address} took longer than 0.01 s"
            waiting = asyncio.create_task(connection.receive())
            await asyncio.sleep(0)
            sock.sendto(b"late", caller)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled()
            assert await connection.receive() == b"late"


@on_both_loops
async def test_two_receivers_are_a_mistake() -> None:
    async with serving(upper(), ANYWHERE) as address, await call(address) as connection:
        waiting = asyncio.create_task(connection.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks receive from one connection"):
            await connection.receive()
        await connection.send(b"hi")
        assert await waiting == b"HI"


@on_both_loops
async def test_iterating_goes_on_until_somebody_closes() -> None:
    async with serving(upper(), ANYWHERE) as address:
        connection = await call(address)
        seen = []
        await connection.send(b"a")
        async for message in connection:
            seen.append(message)
            if len(seen) == 3:
                asyncio.get_running_loop().call_soon(asyncio.ensure_future, connection.close())
            else:
                await connection.send(b"b")
        assert seen == [b"A", b"B", b"B"]


@on_both_loops
async def test_closing_twice_does_no_harm_and_nothing_works_after() -> None:
    before = sockets_open()
    with plain_socket() as (_, address):
        connection = await call(address)
        waiting = asyncio.create_task(connection.receive())
        await asyncio.sleep(0)
        await connection.close()
        await connection.close()
        for failing in (waiting, connection.receive(), connection.send(b"late")):
            with pytest.raises(ConnectionClosed) as caught:
                await failing
            assert caught.value.reason is Reason.FINISHED
    assert sockets_open() == before


@on_both_loops
async def test_a_handler_may_stay_silent() -> None:
    service = Service("discard")

    @service.message
    def ignore(message: bytes) -> None:
        pass

    async with serving(service, ANYWHERE) as address, await call(address) as connection:
        await connection.send(b"hi")
        with pytest.raises(WaitTimeout):
            await connection.receive(0.02)


def test_a_reader_gives_datagrams_one_by_one() -> None:
    with plain_socket() as (sock, address), plain_socket() as (sender, _):
        sock.setblocking(False)
        reader = DatagramReader(sock, Limits(max_message_bytes=4))
        assert reader.room == 4
        with pytest.raises(BlockingIOError):
            reader.read()
        for message in (b"1234", b"12345", b""):
            sender.sendto(message, (address.host, address.port))
        read = [reader.read() for _ in range(3)]
        assert [(one.data, one.cut) for one in read] == [(b"1234", False), (b"1234", True), (b"", False)]
        assert {one.sender for one in read} == {sender.getsockname()}


def test_the_most_a_datagram_carries() -> None:
    check_datagram(bytes(MOST_DATAGRAM_BYTES))
    with pytest.raises(UnframableMessage):
        check_datagram(bytes(MOST_DATAGRAM_BYTES + 1))
