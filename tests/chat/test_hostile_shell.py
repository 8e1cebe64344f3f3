"""What a stranger sends to fronts, outboxes and the port itself to hold others up or to speak for somebody else."""

from __future__ import annotations

import asyncio

import pytest

from landline.address import TcpAddress
from landline.chat.fronts import Caller, Finish, Heard
from landline.chat.line import TURN_BYTES, Line
from landline.chat.linefront import LineFront
from landline.chat.notices import Bye, Joined
from landline.chat.outbox import Outbox, Packet
from landline.chat.server import _metrics
from landline.chat.wire import Say
from landline.server.service import Service
from landline.server.session import Session, SessionConnection
from tests.loops import on_both_loops
from tests.services import serving

STRANGER = Caller("192.0.2.1", False, True)


def front() -> LineFront:
    made = LineFront(STRANGER)
    made.begin()
    return made


class TestABrowserThatIsLate:
    """Any page may let a browser open a connection, wait until it was taken for a person's, and send a form there."""

    FORM = (
        b"POST / HTTP/1.1\r\nHost: localhost:8110\r\nContent-Type: text/plain\r\n\r\n/register password1\r\n/join x\r\n"
    )

    @pytest.mark.parametrize("size", [1, 7, 1000])
    def test_what_it_sends_is_no_command(self, size: int) -> None:
        late = front()
        heard: list[Heard] = []
        for start in range(0, len(self.FORM), size):
            heard += late.received(self.FORM[start : start + size])
        assert [type(one) for one in heard] == [Bye, Finish]
        assert late.ended() == []

    @pytest.mark.parametrize(
        "head", [b"GET /x HTTP/1.0", b"post / http/1.1", b"\r\n\r\nPUT /a%20b HTTP/1.1", b"QUERY * HTTP/2"]
    )
    def test_by_whichever_method(self, head: bytes) -> None:
        assert [type(one) for one in front().received(head + b"\r\n/quit\r\n")] == [Bye, Finish]

    def test_a_person_may_speak_of_it(self) -> None:
        person = front()
        person.told(Joined(room="lobby", epoch="e" * 16, seq=0))
        assert person.received(b"I wrote GET / HTTP/1.1\n") == [Say(room="lobby", body="I wrote GET / HTTP/1.1")]
        assert person.received(b"GET / HTTP/1.1\n") == [Say(room="lobby", body="GET / HTTP/1.1")]


def test_an_outbox_counts_what_is_ephemeral() -> None:
    box = Outbox()
    for number in range(6):
        box.put(Packet(b"x" * 10, is_ephemeral=number % 2 == 0), 1000)
    assert box.take(20) == b"x" * 20
    assert not box.put(Packet(b"e" * 10, is_ephemeral=True), 30), "too much waits"
    box.put(Packet(b"y" * 10), 30)
    assert box.take(1000) == b"x" * 20 + b"y" * 10 and not box
    box.put(Packet(b"e", is_ephemeral=True), 0)
    box.put(Packet(b"z"), 0)
    assert box.take(1000) == b"z"


def test_a_token_that_is_no_text_reads_no_counts() -> None:
    headers = {"authorization": "Bearer \udcff\udcfe"}
    assert _metrics(None, "t" * 16, headers, STRANGER) is None  # type: ignore[arg-type]


class Hearing(Session):
    """Notes what is received, and when others have their turn."""

    turn_bytes = 4

    def __init__(self, heard: list[bytes], is_whole: asyncio.Event) -> None:
        self.heard = heard
        self.is_whole = is_whole

    def received(self, message: bytes) -> None:
        self.heard.append(message)
        asyncio.get_running_loop().call_soon(self.others)

    def others(self) -> None:
        self.heard.append(b"-")
        if len(self.heard) == 6:
            self.is_whole.set()


@on_both_loops
async def test_a_flood_is_heard_in_turns() -> None:
    """Whoever sends much at once is heard a part at a time, and everybody else in between."""
    heard: list[bytes] = []
    is_whole = asyncio.Event()
    service = Service("turns", framing="raw")

    @service.session
    def session(connection: SessionConnection) -> Hearing:
        return Hearing(heard, is_whole)

    async with serving(service) as address:
        assert isinstance(address, TcpAddress)
        _, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(b"abcdefghij")
        await asyncio.wait_for(is_whole.wait(), 20)
        assert heard == [b"abcd", b"-", b"efgh", b"-", b"ij", b"-"]
        writer.close()
        await writer.wait_closed()


def test_the_chat_hears_its_sessions_in_turns() -> None:
    assert Line.turn_bytes == TURN_BYTES <= 4096
