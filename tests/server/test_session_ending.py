"""Sessions in callbacks: how they end, and what ends them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from landline.errors import Reason
from landline.limits import Limits
from landline.server.service import Service
from landline.server.session import Session, SessionConnection
from landline.testing import run_virtual, serve_in_memory
from landline.transport.tls import ServerTls
from tests.certs import Files
from tests.connection.line import Peer, settle
from tests.loops import on_both_loops
from tests.server.conftest import BRIEF, call, serving
from tests.server.onesession import ROOM, Call, Notes, calling


@calling()
async def test_end_takes_effect_behind_the_reply(call: Call) -> None:
    await call.say(b"end\n")
    assert call.peer.received == b"reply to end\n"
    assert not call.connection.write(b"too late")
    call.transport.write_eof()
    await settle()
    assert call.said == ["here", "end", "closed, finished"]


@calling()
async def test_abort(call: Call) -> None:
    await call.say(b"abort\nnever heard\n")
    assert call.said[-1] == "closed, aborted"


@calling()
async def test_a_caller_that_resets(call: Call) -> None:
    call.transport.abort()
    await settle()
    assert call.said == ["here", "closed, reset"]


@calling()
async def test_what_received_raises_ends_this_connection(call: Call) -> None:
    other = Peer()
    second = call.memory.connect_raw(other)
    await call.say(b"one\nfail\nnever heard\n")
    assert call.peer.received == b"reply to one\n"
    assert call.peer.ended
    call.transport.write_eof()
    second.write(b"two\n")
    await settle()
    assert sorted(call.said) == ["closed, handler_error", "fail", "here", "here", "one", "two"]
    assert other.received == b"reply to two\n"
    assert len(call.memory.failures) == 1
    second.abort()
    await settle()


@pytest.mark.parametrize("moment", ["factory", "ended", "writable", "drain", "closed"])
def test_what_other_methods_raise(moment: str) -> None:
    """Logged once; the connection ends with it, and nothing else does."""

    class Failing(Session):
        def __init__(self, connection: SessionConnection) -> None:
            self.connection = connection
            self.fail("factory")

        def fail(self, where: str) -> None:
            if where == moment:
                raise ArithmeticError(where)

        def received(self, message: bytes) -> None:
            self.connection.write(b"x" * 5 * ROOM)

        def ended(self) -> bool:
            self.fail("ended")
            return True

        def writable(self) -> None:
            self.fail("writable")

        def drain(self) -> bool:
            self.fail("drain")
            return True

        def closed(self, reason: Reason) -> None:
            reasons.append(reason)
            self.fail("closed")

    reasons: list[Reason] = []
    service = Service("failing", limits=Limits(send_buffer_bytes=ROOM, linger_seconds=1.0))
    service.session(Failing)

    async def scenario() -> None:
        peer = Peer()
        async with serve_in_memory(service, 1.0) as served:
            transport = served.connect_raw(peer, pipe_bytes=ROOM)
            transport.write(b"more\n")
            await settle()
            if moment == "ended":
                transport.write_eof()
                await settle()
            if moment == "closed":
                transport.abort()
                await settle()
        assert [str(error) for error in served.failures] == [moment]
        assert served.running.counts.reasons == {
            Reason.RESET if moment == "closed" else Reason.HANDLER_ERROR: 1,
        }
        transport.abort()
        await settle()
        assert len(peer.lost) == 1
        assert len(reasons) == (moment != "factory")

    run_virtual(scenario())


@calling(keeps_open=True)
async def test_a_session_may_answer_after_the_peer_has_ended(call: Call) -> None:
    await call.say(b"one\n")
    call.transport.write_eof()
    await asyncio.sleep(100)
    assert call.said == ["here", "one", "ended"]
    assert not call.peer.ended
    assert call.connection.write(b"found in the store\n")
    call.connection.end()
    await settle()
    assert call.peer.received == b"reply to one\nfound in the store\n"
    assert call.said[-1] == "closed, peer_closed"


@calling()
async def test_the_end_is_told_behind_all_messages(call: Call) -> None:
    """While the peer does not read, its messages wait, and so does its end."""
    call.transport.pause_reading()
    await call.say(b"m\n" * (ROOM // 4))
    call.transport.write_eof()
    await asyncio.sleep(1)
    assert "ended" not in call.said
    call.transport.resume_reading()
    await settle()
    heard = [one for one in call.said if not one.startswith("writable")]
    assert heard == ["here", *["m"] * (ROOM // 4), "ended", "closed, peer_closed"]
    assert call.peer.received == b"reply to m\n" * (ROOM // 4) + b"last words\n"


@calling()
async def test_half_a_message_at_the_end(call: Call) -> None:
    await call.say(b"one\nhalf")
    call.transport.write_eof()
    await settle()
    assert call.said == ["here", "one", "ended", "closed, truncated"]


@calling(keeps_open=True)
async def test_a_broken_framing_ends_whatever_the_session_wants(call: Call) -> None:
    await call.say(b"one\nhalf")
    call.transport.write_eof()
    await settle()
    assert call.said == ["here", "one", "ended", "closed, truncated"]


@calling()
async def test_a_connection_that_is_ending_is_not_told_of_room(call: Call) -> None:
    call.transport.pause_reading()
    call.connection.write(b"x" * 5 * ROOM)
    call.connection.end()
    call.transport.resume_reading()
    call.transport.write_eof()
    await settle()
    assert len(call.peer.received) == 5 * ROOM
    assert call.said == ["here", "closed, finished"]


@calling(drain_seconds=10.0)
async def test_a_stop_is_told_once(call: Call) -> None:
    await call.say(b"one\nha")
    stopping = asyncio.ensure_future(call.running.drain(10.0))
    await settle()
    assert call.said == ["here", "one", "drain"]
    await call.say(b"lf\n")
    assert call.peer.ended
    call.transport.write_eof()
    await stopping
    assert call.said == ["here", "one", "drain", "half", "closed, draining"]
    assert call.peer.received == b"reply to one\ngoodbye\nreply to half\n"
    assert call.running.counts.cut_off == 0


@calling(keeps_open=True, drain_seconds=10.0)
async def test_a_session_may_end_by_itself_when_the_service_stops(call: Call) -> None:
    stopping = asyncio.ensure_future(call.running.drain(10.0))
    await asyncio.sleep(5)
    assert not call.peer.ended
    call.connection.write(b"stored\n")
    call.connection.end()
    await settle()
    call.transport.write_eof()
    await stopping
    assert call.peer.received == b"stored\n"
    assert call.said == ["here", "drain", "closed, draining"]


@calling(keeps_open=True)
async def test_a_session_that_never_ends_is_cut_off_by_the_stop(call: Call) -> None:
    call.transport.write_eof()
    await settle()
    await call.running.drain(3.0)
    assert call.said == ["here", "ended", "drain", "closed, draining"]
    assert call.running.counts.cut_off == 1


@pytest.mark.parametrize("secure", [False, True], ids=["clear", "tls-or-clear"])
@on_both_loops
async def test_each_session_is_closed_once_however_it_goes(tmp_path: Path, secure: bool) -> None:
    tls = ServerTls(*Files(tmp_path).server()) if secure else None
    service = Service("notes", limits=replace(BRIEF, drain_seconds=0.5), tls=tls, tls_required=False)
    said: list[list[str]] = []

    @service.session
    def begin(connection: SessionConnection) -> Notes:
        said.append([])
        return Notes(connection, said[-1])

    async with serving(service) as server:
        words = [b"one\n", b"end\n", b"abort\n", b"fail\n", b"half"]
        callers = [call(server) for _ in range(8 * len(words))]
        for number, caller in enumerate(callers):
            await caller.send(words[number % len(words)])
        while len(said) < len(callers):
            await asyncio.sleep(0)
        for number, caller in enumerate(callers):
            if number % 3 == 0:
                caller.reset()
            elif number % 3 == 1:
                with contextlib.suppress(OSError):
                    caller.end_sending()
    for caller in callers:
        caller.close()
    (running,) = server._running.values()
    assert running.admission.inside == 0
    assert [sum(one.startswith("closed") for one in heard) for heard in said] == [1] * len(callers)
    assert all(heard[-1].startswith("closed") for heard in said)


def test_a_session_that_ends_at_once() -> None:
    """Its factory may greet, end or abort already."""
    service = Service("brief", limits=BRIEF)
    said: list[str] = []

    @service.session
    class Brief(Notes):
        def __init__(self, connection: SessionConnection) -> None:
            super().__init__(connection, said)
            connection.write(b"welcome, and farewell\n")
            connection.end()

    async def scenario() -> None:
        peer = Peer()
        async with serve_in_memory(service) as served:
            transport = served.connect_raw(peer)
            transport.write(b"hello\n")
            transport.write_eof()
            await settle()
        assert (peer.received, served.failures) == (b"welcome, and farewell\n", [])

    run_virtual(scenario())
    assert said == ["here", "closed, finished"]
