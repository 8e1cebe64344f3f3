"""Switching the framing in mid-conversation, without losing a byte that has arrived."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from landline.connection.stepping import MOST_BYTES_A_TURN
from landline.connection.stream import StreamConnection
from landline.errors import (
    ConnectionClosed,
    FramingSpecError,
    MessageTooLarge,
    Reason,
    ServiceError,
    TruncatedMessage,
    WaitTimeout,
)
from landline.testing import run_virtual
from landline.testing.memory import READ_BYTES
from tests.connection.line import Line, settle

SWITCHES = {b"binary": "length:u16be", b"lines": "lines", b"strings": "netstring", b"raw": "raw"}
SPOKEN = b"one\nbinary\n\x00\x03two\x00\x07strings5:three,5:lines,four\nfive\n"
ANSWERED = b"ONE\nBINARY\n\x00\x03TWO\x00\x07STRINGS5:THREE,5:LINES,FOUR\nFIVE\n"


def answer(message: bytes, connection: StreamConnection) -> bytes:
    if message in SWITCHES:
        connection.switch_framing(SWITCHES[message])
    return message.upper()


def pieces_of(how: str) -> list[bytes]:
    if how == "whole":
        return [SPOKEN]
    if how == "bytes":
        return [SPOKEN[at : at + 1] for at in range(len(SPOKEN))]
    random = Random(how)
    cuts = sorted({0, len(SPOKEN), *(random.randrange(len(SPOKEN)) for _ in range(6))})
    return [SPOKEN[start:end] for start, end in zip(cuts, cuts[1:], strict=False)]


HOW = ["whole", "bytes", "seed 1", "seed 2", "seed 3", "seed 4"]


@pytest.mark.parametrize("how", HOW)
def test_pushed_messages_switch_behind_the_reply(how: str) -> None:
    async def scenario() -> None:
        async with Line(answer=answer, with_connection=True) as line:
            line.connection.step_through()
            for piece in pieces_of(how):
                await line.say(piece)
            assert line.peer.received == ANSWERED
            assert line.failures == []
            assert line.connection.statistics().messages_received == 8

    run_virtual(scenario())


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("waiting", [False, True])
def test_pulled_messages_switch_at_once(how: str, waiting: bool) -> None:
    async def converse(connection: StreamConnection) -> None:
        async for message in connection:
            await connection.send(message.upper())
            if message in SWITCHES:
                connection.switch_framing(SWITCHES[message])

    async def scenario() -> None:
        async with Line() as line:
            line.connection.step_through()
            if not waiting:
                await line.say(SPOKEN)
            task = asyncio.create_task(converse(line.connection))
            for piece in pieces_of(how) if waiting else []:
                await line.say(piece)
            await settle()
            assert line.peer.received == ANSWERED
            line.theirs.write_eof()
            await task

    run_virtual(scenario())


@pytest.mark.parametrize("how", HOW)
def test_a_handler_that_is_awaited_switches_behind_its_reply(how: str) -> None:
    """The switch never came."""

    async def answer_all(connection: StreamConnection) -> None:
        async for message in connection:
            with connection.answering():
                await connection.send(answer(message, connection))

    async def scenario() -> None:
        async with Line() as line:
            line.connection.step_through()
            task = asyncio.create_task(answer_all(line.connection))
            for piece in pieces_of(how):
                await line.say(piece)
            assert line.peer.received == ANSWERED
            line.theirs.write_eof()
            await task

    run_virtual(scenario())


def test_a_switch_inside_a_half_message_begins_it_anew() -> None:
    """What had gone into the old decoder was lost."""

    async def scenario() -> None:
        async with Line(message_seconds=60) as line:
            line.connection.step_through()
            await line.say(b"\x00\x05he")
            with pytest.raises(WaitTimeout):
                await line.connection.receive(1)
            line.connection.switch_framing("length:u16be")
            await line.say(b"llo")
            assert await line.connection.receive() == b"hello"
            await asyncio.sleep(1000)
            assert line.connection.reason is None

    run_virtual(scenario())


def test_to_raw() -> None:
    async def scenario() -> None:
        async with Line(answer=answer, with_connection=True) as line:
            line.connection.step_through()
            await line.say(b"raw\nas it\ncomes")
            assert line.peer.received == b"RAW\nAS IT\nCOMES"

    run_virtual(scenario())


def test_a_fault_in_the_first_message_of_the_new_framing() -> None:
    async def scenario() -> None:
        async with Line(answer=answer, with_connection=True) as line:
            line.connection.step_through()
            await line.say(b"one\nstrings\njunk")
            assert line.peer.received == b"ONE\nSTRINGS\n"
            assert line.connection.reason == Reason.MALFORMED

    run_virtual(scenario())


def test_a_fault_for_who_pulls() -> None:
    async def scenario() -> None:
        async with Line(max_message_bytes=10) as line:
            line.connection.step_through()
            await line.say(b"one\n\x00\x0blong message")
            assert await line.connection.receive() == b"one"
            line.connection.switch_framing("length:u16be")
            for _ in range(2):
                with pytest.raises(MessageTooLarge):
                    await line.connection.receive()

    run_virtual(scenario())


@pytest.mark.parametrize(("rest", "error"), [(b"", ConnectionClosed), (b"\x00", TruncatedMessage)])
def test_the_end_comes_behind_what_was_not_decoded(rest: bytes, error: type[Exception]) -> None:
    async def scenario() -> None:
        async with Line() as line:
            line.connection.step_through()
            await line.say(b"one\n\x00\x03two\x00\x00" + rest)
            line.theirs.write_eof()
            await settle()
            assert await line.connection.receive() == b"one"
            line.connection.switch_framing("length:u16be")
            assert [await line.connection.receive() for _ in range(2)] == [b"two", b""]
            with pytest.raises(error):
                await line.connection.receive()

    run_virtual(scenario())


def test_a_drain_lets_what_was_not_decoded_be_received() -> None:
    async def scenario() -> None:
        async with Line() as line:
            line.connection.step_through()
            await line.say(b"one\n\x00\x03two")
            line.connection.drain()
            assert await line.connection.receive() == b"one"
            line.connection.switch_framing("length:u16be")
            assert await line.connection.receive() == b"two"
            with pytest.raises(ConnectionClosed):
                await line.connection.receive()

    run_virtual(scenario())


def test_a_drain_ends_behind_the_message_that_was_half_here() -> None:
    async def scenario() -> None:
        async with Line(answer=answer, with_connection=True) as line:
            line.connection.step_through()
            await line.say(b"one\ntw")
            line.connection.drain()
            await line.say(b"o\nthree\nfo")
            assert line.peer.received == b"ONE\nTWO\nTHREE\n"
            assert line.peer.ended

    run_virtual(scenario())


def test_what_was_not_decoded_is_bounded() -> None:
    async def scenario() -> None:
        async with Line(receive_buffer_bytes=1000, reads=100, pipe_bytes=1000) as line:
            line.connection.step_through()
            line.theirs.write(b"0123456\n" * (1 << 17))
            await settle()
            assert line.connection.statistics().bytes_received <= 1200
            received = 0
            while received < 1 << 17:
                assert await line.connection.receive() == b"0123456"
                received += 1

    run_virtual(scenario())


def test_a_slow_reader_holds_up_what_is_pushed() -> None:
    async def scenario() -> None:
        async with Line(answer=bytes.upper, send_buffer_bytes=1000, pipe_bytes=1000, slow_reader_seconds=60) as line:
            line.connection.step_through()
            line.theirs.pause_reading()
            line.theirs.write(b"abcdefg\n" * 4000)
            await settle()
            assert line.connection.statistics().messages_sent < 500
            line.theirs.resume_reading()
            await settle(2000)
            assert line.peer.received == b"ABCDEFG\n" * 4000

    run_virtual(scenario())


def test_only_a_switchable_connection_switches() -> None:
    async def scenario() -> None:
        async with Line() as line:
            with pytest.raises(ServiceError) as caught:
                line.connection.switch_framing("raw")
            assert str(caught.value) == (
                "only a connection that is `switchable` can switch its framing: say switchable=True"
            )
            line.connection.step_through()
            with pytest.raises(FramingSpecError):
                line.connection.switch_framing("nonsense")
            await line.say(b"still lines\n")
            assert await line.connection.receive() == b"still lines"

    run_virtual(scenario())


def test_a_long_read_of_small_messages_lets_others_have_their_turn() -> None:
    """A quarter of a mebibyte, decoded byte by byte at one go, held everybody up for a second."""

    async def scenario() -> None:
        async with Line(answer=bytes.upper, send_buffer_bytes=1 << 20, pipe_bytes=1 << 20) as line:
            line.connection.step_through()
            line.connection.data_received(b"a\n" * 10_000)
            assert line.connection.statistics().messages_received == MOST_BYTES_A_TURN // 2
            line.connection.eof_received()
            await settle()
            assert line.peer.received == b"A\n" * 10_000
            assert line.peer.ended

    run_virtual(scenario())


@pytest.mark.parametrize("ended", [False, True])
def test_a_message_that_takes_many_turns(ended: bool) -> None:
    async def scenario() -> None:
        async with Line(receive_buffer_bytes=1000) as line:
            line.connection.step_through()
            line.theirs.write(b"x" * 50_000 + b"\nnext\n")
            if ended:
                line.theirs.write_eof()
                await settle()
            assert await line.connection.receive() == b"x" * 50_000
            assert await line.connection.receive() == b"next"

    run_virtual(scenario())


def test_who_pushes_holds_no_more_undecoded_than_may_be_received() -> None:
    async def scenario() -> None:
        async with Line(answer=bytes.upper, receive_buffer_bytes=10_000, pipe_bytes=1 << 20) as line:
            line.connection.step_through()
            line.theirs.write(b"abcdefg\n" * 20_000)
            most = 0
            while line.connection.statistics().messages_received < 20_000:
                await asyncio.sleep(0)
                most = max(most, line.connection._undecoded)
            assert most <= 10_000 + READ_BYTES
            await settle()
            assert line.peer.received == b"ABCDEFG\n" * 20_000

    run_virtual(scenario())
