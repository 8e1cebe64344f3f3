"""Sessions in callbacks: what they hear, what they say, and what they do not go with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.errors import Reason, ServiceError
from landline.server.service import Service
from landline.server.session import Session, SessionConnection
from landline.testing import run_virtual, serve_in_memory
from landline.transport.tls import ClientTls, ServerTls
from tests.certs import Files
from tests.connection.line import Peer, settle
from tests.loops import on_both_loops
from tests.server.conftest import BRIEF, serving
from tests.server.onesession import ROOM, Call, Notes, calling


@calling()
async def test_what_is_said_with_write_leaves_before_the_replies_of_that_read(call: Call) -> None:
    await call.say(b"one\nwrite\n")
    assert call.peer.received == b"at once\nreply to one\nreply to write\n"
    call.transport.write_eof()
    await settle()
    assert call.peer.received.endswith(b"last words\n")
    assert call.said == ["here", "one", "write", "ended", "closed, peer_closed"]
    assert call.running.counts.messages == 2
    assert call.running.counts.bytes_sent == len(call.peer.received)


@calling()
async def test_a_refused_message_is_answered(call: Call) -> None:
    await call.say(b"refuse\none\n")
    assert call.peer.received == b"error NOT_NOW: not now\nreply to one\n"
    assert call.running.counts.rejected == 1


@calling()
async def test_a_slow_reader_is_told_and_nothing_is_heard_of_it(call: Call) -> None:
    call.transport.pause_reading()
    assert call.connection.write(b"a" * ROOM)
    assert call.connection.write(b"b" * ROOM)
    assert call.connection.buffered == ROOM
    assert not call.connection.write(b"c" * ROOM)
    assert not call.connection.write(b"d" * ROOM)
    assert call.connection.buffered == 3 * ROOM
    await call.say(b"not read yet\n")
    assert call.said == ["here"]
    call.transport.resume_reading()
    await settle()
    assert call.said[1].startswith("writable, ")
    assert call.said[2:] == ["not read yet"]
    assert call.peer.received[: 4 * ROOM] == b"a" * ROOM + b"b" * ROOM + b"c" * ROOM + b"d" * ROOM
    assert call.connection.write(b"")


@calling()
async def test_a_session_that_fills_its_buffer_again_waits_again(call: Call) -> None:
    rounds = 5

    def more() -> None:
        nonlocal rounds
        rounds -= 1
        if rounds:
            assert not call.connection.write(b"x" * 3 * ROOM)

    call.session.writable = more  # type: ignore[method-assign]
    assert not call.connection.write(b"x" * 3 * ROOM)
    await settle()
    assert rounds == 0
    assert len(call.peer.received) == 15 * ROOM


@calling()
async def test_a_peer_that_never_reads_is_cut_off(call: Call) -> None:
    call.transport.pause_reading()
    call.connection.write(b"x" * 5 * ROOM)
    await asyncio.sleep(4.9)
    assert call.said == ["here"]
    await asyncio.sleep(0.2)
    assert call.said == ["here", "closed, slow_reader"]


def test_only_connections_with_a_session_have_something_for_it() -> None:
    plain = Service("plain", limits=BRIEF)
    plain.message(bytes.upper)

    async def scenario() -> None:
        async with serve_in_memory(plain) as served:
            transport = served.connect_raw(Peer())
            (connection,) = served.running.connections
            assert not isinstance(connection, SessionConnection)
            transport.abort()
            await settle()

    run_virtual(scenario())
    assert set(SessionConnection.__slots__) == {
        "_drain_told",
        "_end_told",
        "_held_open",
        "_room_untold",
        "_session",
    }


def test_a_broadcast_reaches_sessions() -> None:
    service = Service("notes", limits=BRIEF)
    service.session(lambda connection: Notes(connection, []))

    async def scenario() -> None:
        peer = Peer()
        async with serve_in_memory(service) as served:
            transport = served.connect_raw(peer)
            assert service.broadcast([b"to all"]).sent == 1
            await settle()
            assert peer.received == b"to all\n"
            transport.abort()
            await settle()

    run_virtual(scenario())


class Pouring(Session):
    """Writes a great deal when it is asked to, never more than there is room for, and ends."""

    def __init__(self, connection: SessionConnection) -> None:
        self.connection = connection
        self.most_buffered = 0
        self.left: list[bytes] = []

    def received(self, message: bytes) -> None:
        """Begin."""
        self.left = [bytes([number]) * 50_000 for number in range(int(message))]
        self.pour()

    def pour(self) -> None:
        """Go on until there is no room, or nothing more."""
        while self.left:
            roomy = self.connection.write(self.left.pop())
            self.most_buffered = max(self.most_buffered, self.connection.buffered)
            if not roomy:
                return
        self.connection.end()

    writable = pour


@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls"])
@on_both_loops
async def test_much_for_a_slow_reader_over_sockets(tmp_path: Path, secure: bool) -> None:
    tls = ServerTls(*Files(tmp_path).server()) if secure else None
    service = Service("pouring", framing="raw", limits=BRIEF, tls=tls)
    sessions: list[Pouring] = []

    @service.session
    def begin(connection: SessionConnection) -> Pouring:
        sessions.append(Pouring(connection))
        return sessions[-1]

    async with serving(service) as server:
        address = server.listening[0].address
        async with await connect(
            address, framing="raw", tls=None if tls is None else ClientTls(pin=tls.pin)
        ) as connection:
            assert isinstance(connection, StreamConnection)
            await connection.send(b"200")
            got = b"".join([piece async for piece in connection])
    assert got == b"".join(bytes([number]) * 50_000 for number in reversed(range(200)))
    assert 0 < sessions[0].most_buffered < BRIEF.send_buffer_bytes + 60_000
    assert server.counts().reasons == {Reason.FINISHED: 1}


async def awaited(connection: SessionConnection) -> Any:
    """Cannot make a session."""


@pytest.mark.parametrize("factory", [awaited, lambda: None, lambda one, two: None, 3], ids=["async", "0", "2", "none"])
def test_factories_that_are_refused(factory: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        Service("notes").session(factory)
    assert str(caught.value) == "the session of notes must be a class or a plain `def` and take (connection)"


def test_one_factory_is_enough() -> None:
    service = Service("notes")
    assert service.session(Brief) is Brief
    assert service.with_options("raw").session_factory is Brief
    with pytest.raises(ServiceError, match="notes has a session handler already: Brief; a service has one of each"):
        service.session(Brief)


class Brief(Session):
    """Hears and says nothing."""

    def __init__(self, connection: SessionConnection) -> None:
        """Nothing to do."""

    def received(self, message: bytes) -> None:
        """Not looked at."""


def test_a_session_needs_only_to_receive() -> None:
    session = Brief(None)  # type: ignore[arg-type]
    for method in (session.ended, session.drain, session.writable):
        assert not method()
    session.closed(Reason.FINISHED)


class Login(msgspec.Struct, tag=True):
    """A document."""


async def converse(connection: Any) -> None:
    """A conversation."""


HERS = "notes has sessions, which get every message: leave @service.session out, or the other handlers"


@pytest.mark.parametrize(
    ("declare", "options", "sentence"),
    [
        (lambda service: service.message(bytes.upper), {}, HERS),
        (lambda service: service.on(Login)(lambda message: None), {"payload": "json"}, HERS),
        (lambda service: service.connection(converse), {}, HERS),
        (lambda service: service.blocking(lambda connection: None), {}, HERS),
        (lambda service: None, {"payload": "json"}, "notes has sessions, which get bytes: leave payload json out"),
        (
            lambda service: None,
            {"replies": "numbered"},
            "notes holds conversations, which are not numbered: leave replies='numbered' out",
        ),
        (
            lambda service: service.middleware(lambda message, connection, call_next: None),
            {},
            "notes has middleware and only conversations, which do not pass through it: "
            "let it stand round a message handler, or leave it out",
        ),
    ],
    ids=["message", "route", "connection", "blocking", "payload", "numbered", "middleware"],
)
def test_what_does_not_go_with_a_session(
    declare: Callable[[Service], Any], options: dict[str, Any], sentence: str
) -> None:
    service = Service("notes", **options)
    service.session(Brief)
    declare(service)
    with pytest.raises(ServiceError) as caught:
        service.check(datagram=False)
    assert str(caught.value) == sentence


def test_datagrams_have_no_sessions() -> None:
    service = Service("notes")
    service.session(Brief)
    service.check(datagram=False)
    with pytest.raises(ServiceError, match="notes cannot answer datagrams: it has no handler declared with"):
        service.check(datagram=True)
