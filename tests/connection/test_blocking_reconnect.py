"""A blocking client that comes back: against plain sockets in the same thread, and services that are killed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from landline import Backoff, Reconnect, Server, blocking
from landline.address import Address, TcpAddress
from landline.connection.blocking import BlockingConnection
from landline.connection.blocking_reconnect import BlockingReconnectingConnection, Outgoing, unsent
from landline.connection.events import Connected, Connecting, Dropped, GaveUp, Lost, Waiting
from landline.connection.requests import Replies
from landline.errors import (
    ConnectError,
    ConnectionClosed,
    LandlineError,
    MalformedMessage,
    QueueFull,
    Reason,
    UnframableMessage,
    UsageError,
    WaitTimeout,
)
from tests.loops import on_both_loops
from tests.services import serving, upper
from tests.sockets import free_port, plain_listener, sockets_open

QUICK = Backoff(first_seconds=0.001, most_seconds=0.01)


def call(address: str | Address, replies: Replies = "in_order", **policy: Any) -> BlockingReconnectingConnection:
    """Connect with quick attempts and no wait over 10 s."""
    again = Reconnect(**{"backoff": QUICK, **policy})
    return blocking.connect(address, replies=replies, timeout_seconds=10.0, reconnect=again)


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A listener on a Unix path, which is gone behind the block."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        try:
            yield sock
        finally:
            path.unlink()


def test_the_whole_way(tmp_path: Path) -> None:
    where = tmp_path / "s"
    before = sockets_open()
    client = call(f"unix://{where}")
    assert (client.local, client.reason) == (None, None)
    client.send(b"one")
    client.send(b"two")
    with listening(where) as listener:
        client.flush()
        with listener.accept()[0] as peer:
            assert peer.recv(100) == b"one\ntwo\n"
            peer.sendall(b"ONE\nTWO\nlast words\n")
            assert client.receive() == b"ONE"
        client.send(b"three")
        assert [client.receive(), client.receive()] == [b"TWO", b"last words"]
        client.flush()
        with listener.accept()[0] as peer:
            assert peer.recv(100) == b"three\n"
    events = [event for event in client.events() if not isinstance(event, (Connecting, Waiting))]
    address = client.peer
    assert events == [Connected(address), Lost(Reason.PEER_CLOSED), Connected(address)]
    assert list(client.events()) == []
    client.close()
    client.close()
    assert list(client) == []
    for use in (lambda: client.send(b"x"), client.receive, client.flush, lambda: client.request(b"x")):
        with pytest.raises(ConnectionClosed) as caught:
            use()
        assert str(caught.value) == f"the connection with {address} is closed (finished)"
    statistics = client.statistics()
    assert (statistics.messages_sent, statistics.messages_received, statistics.messages_dropped) == (3, 3, 0)
    assert statistics.reason is Reason.FINISHED
    assert sockets_open() <= before


def test_waiting_for_a_service_that_does_not_come() -> None:
    with free_port() as port, call(f"tcp://127.0.0.1:{port}") as client:
        for wait, what in ((client.receive, "a message"), (lambda s: client.request(b"x", s), "a reply")):
            with pytest.raises(WaitTimeout) as caught:
                wait(0.02)
            assert str(caught.value) == f"waiting for {what} from {client.peer} took longer than 0.02 s"
        with pytest.raises(WaitTimeout):
            client.flush(0.02)


def test_attempts_run_out() -> None:
    with free_port() as port:
        client = call(f"tcp://127.0.0.1:{port}", backoff=Backoff(first_seconds=0.001, max_attempts=3))
        with pytest.raises(ConnectError, match="nothing listens there") as caught:
            client.receive()
        for _ in range(2):
            with pytest.raises(ConnectError, match="nothing listens there"):
                client.send(b"x")
        assert list(client.events())[-1] == GaveUp(caught.value)


def test_the_first_must_connect() -> None:
    with free_port() as port, pytest.raises(ConnectError, match="nothing listens there"):
        call(f"tcp://127.0.0.1:{port}", first_must_connect=True)


@pytest.mark.parametrize(
    ("when_full", "kept", "dropped"),
    [("drop_oldest", b"2\n3\n", 1), ("drop_newest", b"1\n2\n", 1), ("fail", b"1\n2\n", 0), ("wait", b"1\n2\n", 0)],
)
def test_a_full_queue(tmp_path: Path, when_full: str, kept: bytes, dropped: int) -> None:
    where = tmp_path / "s"
    with call(f"unix://{where}", when_full=when_full, max_queued_messages=2) as client:
        client.send_all([b"1", b"2"])
        if dropped:
            client.send(b"3")
        else:
            with pytest.raises(QueueFull):
                client.send(b"3", 0.02)
        assert [event for event in client.events() if isinstance(event, Dropped)] == [Dropped(1, 1)] * dropped
        assert client.statistics().messages_dropped == dropped
        with listening(where) as listener:
            client.flush()
            with listener.accept()[0] as peer:
                assert peer.recv(100) == kept


def test_a_full_queue_waits_until_the_service_is_back(tmp_path: Path) -> None:
    where = tmp_path / "s"
    with call(f"unix://{where}", max_queued_messages=2) as client:
        client.send_all([b"1", b"2"])
        with listening(where) as listener:
            client.send_all([b"3", b"4", b"5"])
            with listener.accept()[0] as peer:
                assert peer.recv(100) == b"1\n2\n3\n4\n5\n"


def test_what_still_waits_at_the_end_is_counted(tmp_path: Path) -> None:
    client = call(f"unix://{tmp_path}/s")
    client.send_all([b"1", b"2"])
    client.close()
    assert list(client.events())[-1] == Dropped(2, 2)
    assert client.statistics().messages_dropped == 2


def test_noise_ends_the_client() -> None:
    with plain_listener() as listener:
        client = call(TcpAddress(*listener.getsockname()), replies="numbered")
        with client, listener.accept()[0] as peer:
            peer.sendall(b"0 push\nnoise\n")
            assert client.receive() == b"push"
            for _ in range(2):
                with pytest.raises(MalformedMessage):
                    client.receive()
            assert client.reason is Reason.MALFORMED


def test_a_message_that_cannot_be_sent_is_the_error_of_its_own_call() -> None:
    with free_port() as port, call(f"tcp://127.0.0.1:{port}") as client:
        for use in (client.send, client.request):
            with pytest.raises(UnframableMessage):
                use(b"two\nlines")


@on_both_loops
async def test_a_login_and_a_refused_one() -> None:
    def log_in(connection: BlockingConnection) -> None:
        if connection.request(b"password") != b"welcome":
            raise LandlineError("login refused")

    def come() -> None:
        with pytest.raises(LandlineError, match="login refused"):
            call(address, on_connect=log_in)

    before = sockets_open()
    async with serving(upper()) as address:
        await asyncio.to_thread(come)
    assert sockets_open() <= before


def test_an_interrupted_login_can_be_tried_again() -> None:
    interrupts = [KeyboardInterrupt(), None]

    def log_in(connection: BlockingConnection) -> None:
        interrupt = interrupts.pop()
        if interrupt is not None:
            raise interrupt

    with plain_listener() as listener, call(TcpAddress(*listener.getsockname()), on_connect=log_in) as client:
        listener.accept()[0].close()
        with pytest.raises(KeyboardInterrupt):
            client.flush()
        listener.accept()[0].close()
        interrupts.append(None)
        client.flush()


@pytest.mark.parametrize("waiting", ["fail", "resend"])
@on_both_loops
async def test_every_request_is_answered_once_although_the_service_is_killed_again_and_again(waiting: str) -> None:
    answered: list[bytes] = []
    broken: list[str] = []

    def ask(address: Address) -> None:
        with call(address, waiting=waiting) as client:
            while len(answered) < 300:
                request = b"r-%d" % len(answered)
                try:
                    assert client.request(request) == request.upper()
                except ConnectionClosed as error:
                    assert waiting == "fail"
                    broken.append(str(error))
                else:
                    answered.append(request)

    server = Server([(upper(), "tcp://127.0.0.1:0")])
    await server.start()
    address = server.listening[0].address
    asking = asyncio.create_task(asyncio.to_thread(ask, address))
    for kill in range(1, 6):
        while len(answered) < kill * 40 and not asking.done():
            await asyncio.sleep(0)
        await server.stop(0.0)
        server = Server([(upper(), address)])
        await server.start()
    await asking
    await server.stop(0.0)
    assert len(answered) == len(set(answered)) == 300
    assert all(error.endswith("the request has no answer") for error in broken)


def test_datagrams_have_nothing_to_come_back_to() -> None:
    with pytest.raises(UsageError, match="with reconnect: datagrams have no connection that could break"):
        blocking.connect("udp://127.0.0.1:8101", reconnect=Reconnect())


def test_an_on_event_that_raises_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def raising(event: object) -> None:
        raise ValueError("a mistake of the caller")

    with free_port() as port, call(f"tcp://127.0.0.1:{port}", on_event=raising) as client:
        client.send(b"x")
    assert [record.getMessage() for record in caplog.records][0] == "on_event failed with Connecting(attempt=1)"


def test_a_login_that_is_a_coroutine_is_a_mistake() -> None:
    async def log_in(connection: BlockingConnection) -> None:
        """Would never run."""

    with pytest.raises(UsageError, match="for a blocking client it must be a def"):
        call("tcp://127.0.0.1:1", on_connect=log_in)


@pytest.mark.parametrize(("sent_bytes", "left"), [(0, "abc"), (4, "abc"), (5, "bc"), (9, "bc"), (10, "c"), (15, "")])
def test_what_did_not_leave_whole_is_sent_again(sent_bytes: int, left: str) -> None:
    items = [Outgoing(name, 5) for name in "abc"]
    assert "".join(item.message for item in unsent(items, sent_bytes)) == left


def test_a_message_behind_one_that_cannot_leave_is_kept() -> None:
    big = b"x" * 8_000_000
    with plain_listener() as listener, call(TcpAddress(*listener.getsockname())) as client:
        peer, _ = listener.accept()
        with peer, ThreadPoolExecutor() as pool:
            for message in (big, b"behind it"):
                with pytest.raises(WaitTimeout):
                    client.send(message, 0.02)
            reading = pool.submit(peer.makefile("rb").readlines, 8_000_010)
            client.flush()
            client.close()
            assert reading.result() == [big + b"\n", b"behind it\n"]
        assert client.statistics().messages_dropped == 0
