"""The blocking client: against a real server in the same process, and against plain sockets."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from landline import Limits, blocking
from landline.address import Address, TcpAddress, UdpAddress, UnixAddress
from landline.connection.blocking import BlockingConnection, BlockingDatagramConnection
from landline.connection.statistics import Statistics
from landline.connection.wording import Wording
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
    WaitTimeout,
)
from landline.framing import parse as parse_framing
from landline.payload import Bytes
from tests.loops import on_both_loops
from tests.services import serving, upper
from tests.sockets import free_port, needs_ipv6, plain_listener, silent_listener, sockets_open

LINES = Wording(parse_framing("lines"), Bytes(), "in_order")


def call(address: str | Address, framing: str = "lines", limits: Limits | None = None) -> BlockingConnection:
    """Connect to a stream address, with no wait over 10 s."""
    connection = blocking.connect(address, framing=framing, limits=limits, timeout_seconds=10.0)
    assert isinstance(connection, BlockingConnection)
    return connection


def call_datagram(address: str | Address, limits: Limits | None = None) -> BlockingDatagramConnection:
    """Connect to a datagram address, with no wait over 10 s."""
    connection = blocking.connect(address, limits=limits, timeout_seconds=10.0)
    assert isinstance(connection, BlockingDatagramConnection)
    return connection


@contextmanager
def line_to_a_plain_socket(
    framing: str = "lines", limits: Limits | None = None
) -> Iterator[tuple[BlockingConnection, socket.socket]]:
    """A connection, and the plain socket at its other end."""
    with plain_listener() as listener, call(TcpAddress(*listener.getsockname()), framing, limits) as connection:
        peer, _ = listener.accept()
        with peer:
            yield connection, peer


def converse(address: Address, framing: str) -> None:
    with call(str(address), framing) as connection:
        assert connection.peer == address
        connection.send(b"one")
        assert connection.receive() == b"ONE"
        connection.send_all([b"two", b"three"])
        assert [connection.receive(), connection.receive(10.0)] == [b"TWO", b"THREE"]
        connection.send_all([b"four", b"five"])
        connection.end_sending()
        connection.end_sending()
        assert list(connection) == [b"FOUR", b"FIVE"]
        with pytest.raises(ConnectionClosed, match="it cannot send any more"):
            connection.send(b"six")
        with pytest.raises(ConnectionClosed) as caught:
            connection.receive()
        assert caught.value.reason is Reason.PEER_CLOSED
    statistics = connection.statistics()
    assert statistics.reason is Reason.PEER_CLOSED
    assert (statistics.messages_received, statistics.messages_sent) == (5, 5)
    assert statistics.bytes_received == statistics.bytes_sent


@pytest.mark.parametrize(
    "listen",
    [
        "tcp://127.0.0.1:0",
        pytest.param("tcp://[::1]:0", marks=needs_ipv6),
        pytest.param(f"unix://@landline-blocking-{os.getpid()}", id="unix://@"),
    ],
)
@pytest.mark.parametrize("framing", ["lines", "length:u32be", "netstring"])
@on_both_loops
async def test_a_conversation(listen: str, framing: str) -> None:
    async with serving(upper(framing), listen) as address:
        await asyncio.to_thread(converse, address, framing)


def test_a_wait_that_times_out_loses_nothing() -> None:
    with line_to_a_plain_socket() as (connection, peer):
        peer.sendall(b"whole\nha")
        assert connection.receive() == b"whole"
        for _ in range(2):
            with pytest.raises(WaitTimeout) as caught:
                connection.receive(0.01)
        assert str(caught.value) == f"waiting for a message from {connection.peer} took longer than 0.01 s"
        peer.sendall(b"lf\n")
        assert connection.receive() == b"half"


def read_to_the_end(sock: socket.socket, into: bytearray) -> None:
    while data := sock.recv(1 << 20):
        into += data


def test_a_send_that_times_out_goes_on_where_it_stopped() -> None:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    message = bytes(range(1, 256)) * 2000
    framing = parse_framing("length:u32be")
    with (
        theirs,
        BlockingConnection(ours, UnixAddress("@"), Wording(framing, Bytes(), "in_order"), Limits(), 10.0) as connection,
    ):
        with pytest.raises(WaitTimeout) as caught:
            connection.send(message, 0.01)
        assert str(caught.value) == "sending to unix://@ took longer than 0.01 s"
        with pytest.raises(WaitTimeout):
            connection.send(b"second", 0.01)
        with pytest.raises(WaitTimeout):
            connection.flush(0.01)
        assert 0 < connection.statistics().bytes_sent < len(message)
        received = bytearray()
        reader = threading.Thread(target=read_to_the_end, args=(theirs, received))
        reader.start()
        connection.flush()
        connection.send(b"third")
        connection.end_sending()
        reader.join()
        assert bytes(received) == framing.encode_all([message, b"second", b"third"])
        assert connection.statistics() == Statistics(0, 3, 0, len(received), None)


def test_what_was_left_behind_cannot_be_sent_after_a_close() -> None:
    ours, theirs = socket.socketpair()
    connection = BlockingConnection(ours, UnixAddress("@"), LINES, Limits(), 10.0)
    with theirs:
        with pytest.raises(WaitTimeout):
            connection.send(b"x" * 2_000_000, 0.01)
        connection.close()
        for late in (connection.flush, connection.end_sending):
            with pytest.raises(ConnectionClosed) as caught:
                late()
            assert caught.value.reason is Reason.FINISHED


def test_a_message_that_cannot_be_framed_is_not_sent() -> None:
    with line_to_a_plain_socket() as (connection, peer):
        with pytest.raises(UnframableMessage):
            connection.send_all([b"good", b"two\nlines"])
        connection.send(b"hi")
        assert peer.recv(100) == b"hi\n"
        assert connection.statistics().messages_sent == 1


BROKEN: list[tuple[str, bytes, type[FramingError], Reason]] = [
    ("netstring", b"2:ok,2:no;", MalformedMessage, Reason.MALFORMED),
    ("netstring", b"2:ok,17:", MessageTooLarge, Reason.TOO_LARGE),
    ("lines", b"ok\n" + b"x" * 18, MessageTooLarge, Reason.TOO_LARGE),
]


@pytest.mark.parametrize(("framing", "sent", "error", "reason"), BROKEN)
def test_what_came_before_a_broken_message_is_received_and_then_nothing_is_waited_for(
    framing: str, sent: bytes, error: type[FramingError], reason: Reason
) -> None:
    with line_to_a_plain_socket(framing, Limits(max_message_bytes=16)) as (connection, peer):
        peer.sendall(sent)
        assert connection.receive() == b"ok"
        for _ in range(2):
            with pytest.raises(error):
                connection.receive()
        connection.close()
        assert connection.reason is reason
        assert connection.statistics().messages_received == 1


def test_a_stream_that_ends_inside_a_message() -> None:
    with line_to_a_plain_socket("netstring") as (connection, peer):
        peer.sendall(b"2:ok,5:cut")
        peer.shutdown(socket.SHUT_WR)
        messages = iter(connection)
        assert next(messages) == b"ok"
        with pytest.raises(TruncatedMessage):
            next(messages)
        with pytest.raises(TruncatedMessage):
            connection.receive()
        connection.close()
        assert connection.reason is Reason.TRUNCATED


def reset(sock: socket.socket) -> None:
    """Close with a reset (SO_LINGER of 0 seconds, socket(7))."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_a_reset_is_not_a_clean_end() -> None:
    with line_to_a_plain_socket() as (connection, peer):
        reset(peer)
        with pytest.raises(ConnectionClosed) as caught:
            list(connection)
        assert caught.value.reason is Reason.RESET
        with pytest.raises(ConnectionClosed):
            connection.send(b"hi")
        connection.end_sending()
    assert connection.reason is Reason.RESET


def test_what_the_peer_said_before_it_hung_up_is_received_behind_a_send_that_failed() -> None:
    """A server that is full says `busy` and closes; once, whoever spoke first never got to hear it."""
    with line_to_a_plain_socket() as (connection, peer):
        connection.send(b"hi")
        # Closing on bytes that were not read sends a reset.
        peer.sendall(b"busy\nleft over")
        peer.close()
        with pytest.raises(ConnectionClosed) as caught:
            connection.send(b"hi again")
        assert caught.value.reason is Reason.RESET
        with pytest.raises(ConnectionClosed, match="it cannot send any more"):
            connection.send(b"hi once more")
        assert connection.receive() == b"busy"
        with pytest.raises(TruncatedMessage):
            connection.receive()
    assert connection.reason is Reason.RESET


class Unplugged(socket.socket):
    """A socket whose peer's machine has lost its power, as the keep-alive probes have found out."""

    def recv(self, *_: object) -> bytes:
        """What the system says then, once."""
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    def send(self, *_: object) -> int:
        """What the system says then, once."""
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


@pytest.mark.parametrize("what", ["send", "receive"])
def test_a_peer_without_power_is_a_lost_connection_and_no_time_out_to_try_again_after(what: str) -> None:
    """The system's ETIMEDOUT is a TimeoutError as well. Once, it passed for our own, and then for a clean end."""
    unplugged = Unplugged()
    unplugged.bind(("127.0.0.1", 0))
    where = TcpAddress("127.0.0.1", 9)
    with BlockingConnection(unplugged, where, LINES, Limits(), 10.0) as connection:
        for _ in range(2):
            with pytest.raises(ConnectionClosed) as caught:
                connection.receive() if what == "receive" else connection.send(b"hi")
            assert caught.value.reason is Reason.RESET


@pytest.mark.parametrize("what", ["send", "end_sending"])
def test_a_reset_is_noticed_by_whoever_speaks(what: str) -> None:
    with line_to_a_plain_socket() as (connection, peer):
        reset(peer)
        with pytest.raises(ConnectionClosed) as caught:
            connection.end_sending() if what == "end_sending" else connection.send(b"hi")
        assert caught.value.reason is Reason.RESET


def test_closing_twice_does_no_harm_and_nothing_works_after() -> None:
    with line_to_a_plain_socket() as (connection, _):
        connection.close()
        connection.close()
        assert connection.statistics() == Statistics(0, 0, 0, 0, Reason.FINISHED)
        with pytest.raises(ConnectionClosed):
            connection.send(b"late")
        with pytest.raises(ConnectionClosed):
            connection.receive()
        connection.end_sending()
        assert list(connection) == []


def test_what_cannot_be_is_said_before_anything_is_opened() -> None:
    before = sockets_open()
    with pytest.raises(AddressError):
        blocking.connect("tcp://x")
    with pytest.raises(FramingSpecError):
        blocking.connect("tcp://127.0.0.1:1", framing="lanes")
    with pytest.raises(FramingSpecError):
        blocking.connect("tcp://127.0.0.1:1", framing="fixed:32", limits=Limits(max_message_bytes=16))
    with free_port() as port, pytest.raises(ConnectError, match="nothing listens there"):
        blocking.connect(f"127.0.0.1:{port}")
    assert sockets_open() == before


def test_connecting_has_a_deadline() -> None:
    with silent_listener() as port, pytest.raises(WaitTimeout, match="took longer than 0.05 s"):
        blocking.connect(f"127.0.0.1:{port}", timeout_seconds=0.05)


def converse_in_datagrams(address: Address) -> None:
    with call_datagram(address) as connection:
        assert connection.peer == address
        for message in (b"one", b"", b"a" * 65507):
            connection.send(message)
            assert connection.receive() == message.upper()
        with pytest.raises(UnframableMessage):
            connection.send(bytes(65508))
        connection.end_sending()
        connection.send(b"two")
        for message in connection:
            assert message == b"TWO"
            connection.close()
    assert connection.statistics() == Statistics(4, 4, 65513, 65513, Reason.FINISHED)


@pytest.mark.parametrize("listen", ["udp://127.0.0.1:0", pytest.param("udp://[::1]:0", marks=needs_ipv6)])
@on_both_loops
async def test_a_conversation_in_datagrams(listen: str) -> None:
    async with serving(upper(), listen) as address:
        await asyncio.to_thread(converse_in_datagrams, address)


def test_a_cut_datagram_is_an_error_and_not_a_shorter_message() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        with call_datagram(UdpAddress(*peer.getsockname()), Limits(max_message_bytes=8)) as connection:
            connection.send(b"hello")
            _, caller = peer.recvfrom(100)
            for message in (b"12345678", b"123456789", b"fits"):
                peer.sendto(message, caller)
            assert connection.receive() == b"12345678"
            with pytest.raises(MessageTooLarge) as caught:
                connection.receive()
            assert (caught.value.size, caught.value.limit, caught.value.exact) == (9, 8, False)
            assert connection.receive() == b"fits"


def test_a_datagram_nobody_listens_for() -> None:
    with free_port(socket.SOCK_DGRAM) as port, call_datagram(f"udp://127.0.0.1:{port}") as connection:
        connection.send(b"anybody?")
        with pytest.raises(ConnectError) as caught:
            connection.receive()
        assert str(caught.value) == (
            f"cannot connect to udp://127.0.0.1:{port}: nothing listens there (connection refused)"
        )


def test_a_datagram_that_does_not_come() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        connection = call_datagram(UdpAddress(*peer.getsockname()))
        with pytest.raises(WaitTimeout) as caught:
            connection.receive(0.01)
        assert str(caught.value) == f"waiting for a datagram from {connection.peer} took longer than 0.01 s"
        connection.close()
        connection.close()
        with pytest.raises(ConnectionClosed):
            connection.receive()
        with pytest.raises(ConnectionClosed):
            connection.send(b"late")
