"""Saying and showing at the same time, until it is over."""

import asyncio
import io
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from landline.address import TcpAddress, UdpAddress
from landline.cli.conversation import Outcome, Screen, check_for, converse, given
from landline.connection.client import connect
from landline.connection.stream import StreamConnection
from landline.errors import ConnectionClosed, MalformedMessage, Reason, TruncatedMessage, UnframableMessage
from landline.framing import parse as parse_framing
from landline.limits import Limits
from landline.server.engine import Server
from landline.server.service import Service

Conversation = Callable[[StreamConnection], Awaitable[None]]
QUIET_SECONDS = 0.4


class Terminal(io.TextIOWrapper):
    """An output that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, write_through=True)

    def isatty(self) -> bool:
        return True

    @property
    def written(self) -> bytes:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue()


def talk(
    peer: Conversation, messages: AsyncIterator[bytes], framing: str = "lines", seconds: float | None = 10.0
) -> Outcome:
    """Converse with a service whose conversation is `peer`."""
    service = Service("peer", framing=framing, limits=Limits(drain_seconds=0))
    service.connection(peer)

    async def run() -> Outcome:
        async with (
            asyncio.timeout(20),
            Server([(service, "tcp://127.0.0.1:0")]) as server,
            await connect(server.listening[0].address, framing=framing, limits=Limits(linger_seconds=0)) as connection,
        ):
            return await converse(connection, messages, Screen(raw=False), seconds)

    return asyncio.run(run())


async def never() -> AsyncIterator[bytes]:
    """Somebody who says nothing, for ever."""
    await asyncio.Event().wait()
    yield b""


async def answer_all(connection: StreamConnection) -> None:
    async for message in connection:
        await connection.send(message.upper())


def test_all_is_said_and_all_is_shown(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    outcome = talk(answer_all, given([b"one", b"", b"t\xffo\x1b"]))
    assert capsysbinary.readouterr().out == b"ONE\n\nT\xffO\x1b\n"
    assert outcome.closed is not None and outcome.closed.reason is Reason.PEER_CLOSED
    assert (outcome.all_said, outcome.refused, outcome.lost) == (True, False, False)


def test_a_peer_that_closes_first_ends_it(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    async def hello(connection: StreamConnection) -> None:
        await connection.send(b"hello world")

    outcome = talk(hello, never())
    assert capsysbinary.readouterr().out == b"hello world\n"
    assert outcome.closed is not None
    assert (outcome.all_said, outcome.refused, outcome.lost) == (False, False, False)


def test_answers_show_while_more_is_still_to_be_said(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    answered = asyncio.Event()

    async def peer(connection: StreamConnection) -> None:
        await connection.send(await connection.receive())
        answered.set()
        async for message in connection:
            await connection.send(message)

    async def messages() -> AsyncIterator[bytes]:
        yield b"first"
        await answered.wait()
        while not capsysbinary.readouterr().out:
            await asyncio.sleep(0)
        yield b"second"

    assert talk(peer, messages()).all_said
    assert capsysbinary.readouterr().out == b"second\n"


def test_silence_ends_it_only_when_all_is_said(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """The time-out once ran from the last message that came, so an answer to what was just said could be missed."""

    async def slow(connection: StreamConnection) -> None:
        async for message in connection:
            await asyncio.sleep(QUIET_SECONDS / 2)
            await connection.send(message)
        await asyncio.Event().wait()

    async def messages() -> AsyncIterator[bytes]:
        await asyncio.sleep(QUIET_SECONDS * 0.9)
        yield b"late"

    outcome = talk(slow, messages(), seconds=QUIET_SECONDS)
    assert outcome.closed is None
    assert (outcome.all_said, outcome.refused, outcome.lost) == (True, False, False)
    assert capsysbinary.readouterr().out == b"late\n"


@pytest.mark.parametrize(
    ("messages", "answers", "refused"),
    [
        ([], [b"busy"], True),
        ([b"hello"], [b"busy"], True),
        # The same word as an answer is one.
        ([b"busy"], [b"busy"], False),
        ([], [b"busy", b"busy"], False),
        ([], [b"Welcome!"], False),
        ([], [], False),
    ],
)
def test_a_refusal_is_told_from_an_answer(
    capsysbinary: pytest.CaptureFixture[bytes], messages: list[bytes], answers: list[bytes], refused: bool
) -> None:
    async def peer(connection: StreamConnection) -> None:
        await connection.send_all(answers)

    assert talk(peer, given(messages)).refused is refused


def test_a_connection_that_breaks_is_lost() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        # Lingering for no time makes a close a reset (socket(7)).
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async def run() -> Outcome:
        async with await asyncio.start_server(reset, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()
            async with await connect(TcpAddress(host, port)) as connection:
                return await converse(connection, given([b"hello"]), Screen(raw=False), None)

    outcome = asyncio.run(run())
    assert outcome.lost
    assert outcome.closed is not None and outcome.closed.reason is Reason.RESET


def test_saying_to_a_peer_that_is_gone_shows_what_it_said(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    async def peer(connection: StreamConnection) -> None:
        await connection.send(b"goodbye")

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0)

    outcome = talk(peer, endless())
    assert capsysbinary.readouterr().out == b"goodbye\n"
    assert not outcome.all_said


@pytest.mark.parametrize(
    ("sent", "error"), [(b"3:abcX", MalformedMessage), (b"5:abc", TruncatedMessage)], ids=["malformed", "truncated"]
)
def test_what_breaks_the_framing_is_raised(sent: bytes, error: type[Exception]) -> None:
    async def run() -> None:
        service = Service("peer", framing="raw")

        @service.connection
        async def speak(connection: StreamConnection) -> None:
            await connection.send(sent)

        async with (
            Server([(service, "tcp://127.0.0.1:0")]) as server,
            await connect(server.listening[0].address, framing="netstring") as connection,
        ):
            await converse(connection, never(), Screen(raw=False), None)

    with pytest.raises(error):
        asyncio.run(run())


def test_a_message_that_cannot_be_sent_is_raised() -> None:
    with pytest.raises(UnframableMessage):
        talk(answer_all, given([b"two\nlines"]))


@pytest.mark.parametrize(
    ("raw", "encoding", "shown"),
    [
        (False, "utf-8", "caf\\xe9 \\x1b[2J\n☎ 1\n".encode()),
        (False, "ascii", b"caf\\xe9 \\x1b[2J\n\\u260e 1\n"),
        (True, "utf-8", "caf\\xe9 \\x1b[2J\n☎ 1\n".encode()),
    ],
)
def test_a_terminal_gets_it_escaped(monkeypatch: pytest.MonkeyPatch, raw: bool, encoding: str, shown: bytes) -> None:
    terminal = Terminal(encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    screen = Screen(raw)
    for message in (b"caf\xe9 \x1b[2J", "☎ 1".encode()):
        screen.show(message)
    assert terminal.written == shown


def test_a_pipe_gets_it_exact(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    for raw in (False, True):
        screen = Screen(raw)
        for message in (b"caf\xe9 \x1b[2J", b"", b"\x00"):
            screen.show(message)
    assert capsysbinary.readouterr().out == b"caf\xe9 \x1b[2J\n\n\x00\n" + b"caf\xe9 \x1b[2J\x00"


def test_what_is_sent_is_checked_for_where_it_goes() -> None:
    lines = parse_framing("lines")
    with pytest.raises(UnframableMessage):
        check_for(TcpAddress("127.0.0.1", 1), lines)(b"two\nlines")
    check_for(UdpAddress("127.0.0.1", 1), lines)(b"two\nlines")
    with pytest.raises(UnframableMessage):
        check_for(UdpAddress("127.0.0.1", 1), lines)(bytes(65508))


def test_an_outcome_is_lost_only_for_reasons_that_are_errors() -> None:
    lost = {reason for reason in Reason if Outcome(ConnectionClosed("peer", reason), True, False).lost}
    assert set(Reason) - lost == {Reason.PEER_CLOSED, Reason.FINISHED, Reason.DRAINING}
    assert not Outcome(None, True, False).lost
