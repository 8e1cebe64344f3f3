"""Requests over a blocking connection, against a plain socket that the test plays."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from landline import blocking
from landline.address import TcpAddress
from landline.connection.blocking import BlockingConnection
from landline.connection.requests import Replies
from landline.errors import ConnectionClosed, MalformedMessage, Reason, UnframableMessage, UsageError, WaitTimeout
from tests.sockets import plain_listener


@contextmanager
def line(replies: Replies) -> Iterator[tuple[BlockingConnection, socket.socket]]:
    """A connection, and the plain socket at its other end."""
    with plain_listener() as listener:
        where = TcpAddress(*listener.getsockname())
        connection = blocking.connect(where, timeout_seconds=10.0, replies=replies)
        assert isinstance(connection, BlockingConnection)
        with connection, listener.accept()[0] as peer:
            yield connection, peer


def test_in_order() -> None:
    with line("in_order") as (connection, peer):
        connection.send(b"sent")
        peer.sendall(b"SENT\nASKED\nunasked\n")
        assert connection.request(b"asked") == b"ASKED"
        assert [connection.receive(), connection.receive()] == [b"SENT", b"unasked"]
        assert peer.recv(100) == b"sent\nasked\n"


def test_numbered() -> None:
    with line("numbered") as (connection, peer):
        connection.send(b"sent")
        peer.sendall(b"0 push\n1 ONE\n2 TWO\n")
        assert connection.request(b"one") == b"ONE"
        with pytest.raises(MalformedMessage, match="it answers request 2, and the last request was 1"):
            connection.receive(), connection.receive()
        with pytest.raises(MalformedMessage):
            connection.request(b"two")
        assert peer.recv(100).startswith(b"0 sent\n1 one\n")
    assert connection.reason is Reason.MALFORMED


@pytest.mark.parametrize(("replies", "late", "wanted"), [("in_order", b"SLOW", b"NEXT"), ("numbered", b"1 S", b"2 N")])
def test_a_late_reply_is_dropped_and_counted(replies: Replies, late: bytes, wanted: bytes) -> None:
    with line(replies) as (connection, peer):
        with pytest.raises(WaitTimeout) as caught:
            connection.request(b"slow", 0.01)
        assert str(caught.value) == f"waiting for a reply from {connection.peer} took longer than 0.01 s"
        peer.sendall(late + b"\n" + wanted + b"\n")
        assert connection.request(b"next") == wanted[-4:].removeprefix(b"2 ")
        assert connection.statistics().late_replies == 1


def test_a_request_that_cannot_be_sent_takes_no_place() -> None:
    with line("in_order") as (connection, peer):
        with pytest.raises(UnframableMessage):
            connection.request(b"two\nlines")
        peer.sendall(b"FINE\n")
        assert connection.request(b"fine") == b"FINE"


def test_a_peer_that_leaves_without_a_reply() -> None:
    with line("in_order") as (connection, peer):
        peer.sendall(b"")
        peer.shutdown(socket.SHUT_WR)
        assert not connection.reason
        with pytest.raises(ConnectionClosed) as caught:
            connection.request(b"anybody?")
        assert caught.value.reason is Reason.PEER_CLOSED
        assert connection.hung_up


def test_a_way_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match="replies cannot be 'loud'"):
        blocking.connect("tcp://127.0.0.1:1", replies="loud")  # type: ignore[call-overload]
