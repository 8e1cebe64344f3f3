"""Messages pulled by whoever holds the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from landline.connection.inbox import MOST_TAKEN_A_TURN
from landline.connection.stream import StreamConnection
from landline.errors import (
    ConnectionClosed,
    MalformedMessage,
    MessageTooLarge,
    Reason,
    TruncatedMessage,
    UnframableMessage,
    WaitTimeout,
)
from landline.testing import run_virtual
from tests.connection.line import Line, settle


async def collect(line: Line) -> list[bytes]:
    return [message async for message in line.connection]


def test_messages_are_received_in_order_and_iteration_ends_with_the_peer() -> None:
    async def scenario() -> None:
        async with Line() as line:
            await line.say(b"one\ntwo\nthree\n")
            assert await line.connection.receive() == b"one"
            line.theirs.write_eof()
            assert await collect(line) == [b"two", b"three"]
            with pytest.raises(ConnectionClosed, match=r"192\.0\.2\.7:40000 is closed \(peer_closed\)"):
                await line.connection.receive()
            await line.connection.send(b"after the peer has ended its side")
            await settle()
            assert line.peer.received == b"after the peer has ended its side\n"

    run_virtual(scenario())


def test_a_time_out_and_a_cancelled_receive_lose_nothing() -> None:
    async def scenario() -> None:
        async with Line() as line:
            with pytest.raises(WaitTimeout, match=r"waiting for a message from tcp://192\.0\.2\.7:40000 took longer"):
                await line.connection.receive(timeout_seconds=5)
            waiting = asyncio.create_task(line.connection.receive())
            await settle()
            line.theirs.write(b"one\n")
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert await line.connection.receive(timeout_seconds=5) == b"one"

    run_virtual(scenario())


def test_two_receivers_are_told_so() -> None:
    async def scenario() -> None:
        async with Line() as line:
            first = asyncio.create_task(line.connection.receive())
            await settle()
            with pytest.raises(RuntimeError, match="two tasks receive"):
                await line.connection.receive()
            await line.say(b"one\n")
            assert await first == b"one"

    run_virtual(scenario())


def test_reading_pauses_while_the_reader_lags() -> None:
    async def scenario() -> None:
        async with Line(receive_buffer_bytes=1000, pipe_bytes=500) as line:
            line.theirs.write(b"message\n" * 1000)
            line.theirs.write_eof()
            await asyncio.sleep(1)
            assert not line.ours.is_reading()
            assert line.connection.statistics().bytes_received < 2000
            assert len(await collect(line)) == 1000

    run_virtual(scenario())


def test_sending_waits_for_a_slow_reader_and_goes_on() -> None:
    async def scenario() -> None:
        async with Line(send_buffer_bytes=1000, pipe_bytes=100) as line:
            line.theirs.pause_reading()
            sending = asyncio.create_task(line.connection.send(b"x" * 5000))
            await asyncio.sleep(10)
            assert not sending.done()
            line.theirs.resume_reading()
            await sending
            await line.connection.send(b"y")
            await asyncio.sleep(1)
            assert line.peer.received == b"x" * 5000 + b"\ny\n"

    run_virtual(scenario())


def test_reading_goes_on_while_sending_waits() -> None:
    async def scenario() -> None:
        async with Line(send_buffer_bytes=1000, pipe_bytes=100) as line:
            line.theirs.pause_reading()
            sending = asyncio.create_task(line.connection.send(b"x" * 5000))
            await line.say(b"meanwhile\n")
            assert await line.connection.receive(timeout_seconds=1) == b"meanwhile"
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    run_virtual(scenario())


def test_a_sender_that_waits_learns_of_the_end() -> None:
    async def scenario() -> None:
        async with Line(send_buffer_bytes=1000, pipe_bytes=100) as line:
            line.theirs.pause_reading()
            sending = asyncio.create_task(line.connection.send(b"x" * 5000))
            await settle()
            line.theirs.abort()
            with pytest.raises(ConnectionClosed, match="reset"):
                await sending
            with pytest.raises(ConnectionClosed, match="it cannot send any more"):
                await line.connection.send(b"x")

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("framing", "data", "eof", "error", "reason"),
    [
        ("lines", b"one\n" + b"x" * 20, False, MessageTooLarge, Reason.TOO_LARGE),
        ("netstring", b"3:one,x", False, MalformedMessage, Reason.MALFORMED),
        ("lines", b"one\ntw", True, TruncatedMessage, Reason.TRUNCATED),
    ],
)
def test_messages_before_a_fault_can_be_received_and_answered(
    framing: str, data: bytes, eof: bool, error: type[Exception], reason: Reason
) -> None:
    async def scenario() -> None:
        async with Line(framing, max_message_bytes=10) as line:
            line.theirs.write(data)
            if eof:
                line.theirs.write_eof()
            await settle()
            assert await line.connection.receive() == b"one"
            await line.connection.send(b"ok")
            for _ in range(2):
                with pytest.raises(error):
                    await line.connection.receive()
            line.connection.end()
            assert line.connection.reason == reason
            await settle()
            assert b"ok" in line.peer.received

    run_virtual(scenario())


def test_iteration_tells_a_broken_connection_from_an_ended_one() -> None:
    async def scenario() -> None:
        async with Line() as line:
            await line.say(b"one\n")
            line.theirs.abort()
            got: list[bytes] = []
            with pytest.raises(ConnectionClosed) as caught:
                async for message in line.connection:
                    got.append(message)
            assert got == [b"one"]
            assert caught.value.reason == Reason.RESET

    run_virtual(scenario())


def test_close_delivers_what_was_sent_and_waits_for_the_peer_to_end() -> None:
    async def scenario() -> None:
        async with Line(pipe_bytes=100, linger_seconds=5) as line:
            await line.connection.send(b"x" * 1000)
            closing = asyncio.create_task(line.connection.close())
            await asyncio.sleep(1)
            assert line.peer.received == b"x" * 1000 + b"\n"
            assert line.peer.ended
            assert not closing.done()
            line.theirs.write_eof()
            await closing
            assert line.gone == [Reason.FINISHED]
            await line.connection.close()

    run_virtual(scenario())


def test_lingering_is_bounded_by_time_and_by_bytes() -> None:
    async def by_time() -> float:
        async with Line(linger_seconds=5) as line:
            loop = asyncio.get_running_loop()
            await line.connection.close()
            return loop.time()

    async def by_bytes() -> None:
        async with Line(linger_seconds=5, receive_buffer_bytes=1000) as line:
            line.connection.end()
            for _ in range(5):
                await line.say(b"x" * 400)
            assert line.gone == [Reason.FINISHED]

    assert run_virtual(by_time()) == pytest.approx(5.0)
    run_virtual(by_bytes())


def test_closing_towards_a_peer_that_never_reads_is_bounded() -> None:
    async def scenario() -> None:
        async with Line(pipe_bytes=10, slow_reader_seconds=30, send_buffer_bytes=1000) as line:
            line.theirs.pause_reading()
            await line.connection.send(b"x" * 500)
            await line.connection.close()
            assert 30 <= asyncio.get_running_loop().time() <= 31

    run_virtual(scenario())


def test_draining_ends_the_iteration_behind_what_has_arrived() -> None:
    async def scenario() -> None:
        async with Line() as line:
            receiving = asyncio.create_task(collect(line))
            await line.say(b"one\n")
            line.connection.drain()
            assert await asyncio.wait_for(receiving, 1) == [b"one"]
            line.connection.end()
            assert line.connection.reason == Reason.DRAINING

    run_virtual(scenario())


def test_send_all_is_one_write_and_all_or_nothing() -> None:
    async def scenario() -> None:
        async with Line() as line:
            await line.connection.send_all([b"one", b"two"])
            with pytest.raises(UnframableMessage):
                await line.connection.send_all([b"three", b"fo\nur"])
            await settle()
            assert line.peer.received == b"one\ntwo\n"
            assert line.ours.written == [8]
            statistics = line.connection.statistics()
            assert (statistics.messages_sent, statistics.bytes_sent, statistics.reason) == (2, 8, None)

    run_virtual(scenario())


def test_half_close_by_us() -> None:
    async def scenario() -> None:
        async with Line() as line:
            await line.connection.send(b"question")
            line.connection.end_sending()
            line.connection.end_sending()
            with pytest.raises(ConnectionClosed):
                await line.connection.send(b"more")
            await settle()
            assert line.peer.ended
            await line.say(b"answer\n")
            assert await line.connection.receive(timeout_seconds=1) == b"answer"

    run_virtual(scenario())


def test_messages_may_come_from_a_generator() -> None:
    async def scenario() -> None:
        async with Line() as line:
            await line.connection.send_all(message for message in (b"one", b"two"))
            await settle()
            assert line.peer.received == b"one\ntwo\n"

    run_virtual(scenario())


def test_a_sender_that_waits_is_not_told_of_an_end_behind_its_message() -> None:
    """Once, its message was delivered and it was told that the connection cannot send any more."""

    async def scenario(end: Callable[[StreamConnection], None]) -> None:
        async with Line(send_buffer_bytes=1000, pipe_bytes=100) as line:
            line.theirs.pause_reading()
            sending = asyncio.create_task(line.connection.send(b"x" * 5000))
            await settle()
            end(line.connection)
            line.theirs.resume_reading()
            await sending
            await settle()
            assert line.peer.received == b"x" * 5000 + b"\n"
            assert line.peer.ended

    for end in (StreamConnection.end_sending, StreamConnection.end):
        run_virtual(scenario(end))


@pytest.mark.parametrize(
    ("end", "reason"), [(StreamConnection.end, Reason.FINISHED), (StreamConnection.abort, Reason.ABORTED)]
)
def test_a_receiver_that_waits_learns_of_an_end_by_somebody_else(
    end: Callable[[StreamConnection], None], reason: Reason
) -> None:
    async def scenario() -> None:
        async with Line() as line:
            receiving = asyncio.create_task(line.connection.receive())
            await settle()
            end(line.connection)
            assert line.connection.ending
            with pytest.raises(ConnectionClosed, match="cannot send any more"):
                await line.connection.send(b"late")
            with pytest.raises(ConnectionClosed) as caught:
                await receiving
            assert caught.value.reason == reason
            assert asyncio.get_running_loop().time() == 0.0

    run_virtual(scenario())


def test_a_connection_is_closed_behind_its_block() -> None:
    async def scenario() -> None:
        async with Line(linger_seconds=5) as line:
            async with line.connection as connection:
                await connection.send(b"one")
                assert not connection.delivered
            assert connection.delivered
            assert line.gone == [Reason.FINISHED]
            assert line.peer.received == b"one\n"

    run_virtual(scenario())


def test_ending_again_changes_neither_reason_nor_deadline() -> None:
    async def scenario() -> None:
        async with Line(linger_seconds=5) as line:
            line.connection.end(Reason.REFUSED)
            for _ in range(10):
                await asyncio.sleep(1)
                line.connection.end(Reason.DRAINING)
            assert line.gone == [Reason.REFUSED]
            assert line.peer.lost

    run_virtual(scenario())


def test_what_is_on_its_way_to_a_slow_reader_is_not_delivered_yet() -> None:
    async def scenario() -> None:
        async with Line(pipe_bytes=10) as line:
            line.theirs.pause_reading()
            await line.connection.send(b"x" * 100)
            line.connection.end()
            assert not line.connection.delivered
            line.theirs.resume_reading()
            await settle()
            assert line.connection.delivered
            assert line.gone == []

    run_virtual(scenario())


def test_repr_says_who_with_whom_and_how_it_stands() -> None:
    async def scenario() -> None:
        async with Line() as line:
            whole = "<StreamConnection tcp://127.0.0.1:8101 with tcp://192.0.2.7:40000, lines, open>"
            assert repr(line.connection) == whole
            line.connection.abort()
            assert repr(line.connection).endswith("aborted>")

    run_virtual(scenario())


def test_an_error_is_known_by_the_connection_it_belongs_to() -> None:
    async def scenario() -> None:
        async with Line() as line:
            assert line.connection.caused(ConnectionClosed("tcp://192.0.2.7:40000", Reason.RESET))
            others: list[Any] = [ConnectionClosed("tcp://192.0.2.8:1", Reason.RESET), ValueError()]
            assert not any(line.connection.caused(error) for error in others)

    run_virtual(scenario())


def test_sending_to_a_broken_connection_fails_before_its_loss_is_told() -> None:
    async def scenario() -> None:
        async with Line() as line:
            line.ours.close()
            with pytest.raises(ConnectionClosed, match="reset"):
                await line.connection.send(b"x")

    run_virtual(scenario())


def test_whoever_always_finds_a_message_lets_others_have_their_turn() -> None:
    async def scenario() -> None:
        async with Line(pipe_bytes=10_000, reads=10_000) as line:
            turns = 0

            async def others() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            await line.say(b"m\n" * (MOST_TAKEN_A_TURN * 5))
            other = asyncio.create_task(others())
            for _ in range(MOST_TAKEN_A_TURN * 5):
                await line.connection.receive()
            assert turns >= 4
            other.cancel()

    run_virtual(scenario())


def test_replies_to_messages_that_came_together_leave_together_and_in_order() -> None:
    """One write for each of them was what a conversation cost: at most 100 000 messages a second."""

    async def scenario() -> None:
        async with Line() as line:
            await line.say(b"1\n2\n3\n4\n")
            for _ in range(4):
                await line.connection.send(await line.connection.receive())
            await settle()
            assert line.peer.pieces == [b"1\n2\n3\n4\n"]
            await line.connection.send(b"5")
            assert line.connection.statistics().messages_sent == 5
            await settle()
            assert line.peer.pieces == [b"1\n2\n3\n4\n", b"5\n"]

    run_virtual(scenario())


def test_a_reply_does_not_wait_for_a_handler_that_waits_for_something_else() -> None:
    async def scenario() -> None:
        async with Line() as line:
            await line.say(b"1\n2\n")
            await line.connection.send(await line.connection.receive())
            await settle()
            assert line.peer.received == b"1\n"

    run_virtual(scenario())


@pytest.mark.parametrize("ending", [StreamConnection.end_sending, StreamConnection.end, StreamConnection.abort])
def test_a_reply_that_was_gathered_leaves_before_the_end(ending: Callable[[StreamConnection], None]) -> None:
    async def scenario() -> None:
        async with Line() as line:
            await line.say(b"1\n2\n")
            await line.connection.send(await line.connection.receive())
            ending(line.connection)
            await settle()
            assert line.peer.received == b"1\n"

    run_virtual(scenario())


def test_gathering_holds_no_more_than_the_send_buffer_may() -> None:
    async def scenario() -> None:
        async with Line(send_buffer_bytes=4, pipe_bytes=1) as line:
            line.theirs.pause_reading()
            await line.say(b"1\n2\n3\n4\n5\n")
            while len(line.connection._inbox) < 5:
                await asyncio.sleep(0)
            sender = asyncio.create_task(line.connection.send_all([b"once", b"twice"]))
            await settle()
            assert not sender.done()
            line.theirs.resume_reading()
            await sender
            await settle()
            assert line.peer.received == b"once\ntwice\n"

    run_virtual(scenario())
