"""Messages pushed to an answering function."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from landline.connection.flow import MOST_MESSAGES_A_TURN
from landline.connection.stream import StreamConnection
from landline.errors import Reason
from landline.testing import run_virtual
from tests.connection.line import Line, settle


def upper(message: bytes) -> bytes:
    return message.upper()


def test_all_replies_of_a_read_leave_in_one_write() -> None:
    async def scenario() -> None:
        async with Line(answer=upper) as line:
            await line.say(b"one\ntwo\nthr")
            assert line.peer.received == b"ONE\nTWO\n"
            assert line.ours.written == [8]
            await line.say(b"ee\n")
            assert line.peer.received == b"ONE\nTWO\nTHREE\n"
            assert line.connection.statistics().messages_received == 3

    run_virtual(scenario())


def test_none_is_no_reply() -> None:
    async def scenario() -> None:
        async with Line(answer=lambda message: None) as line:
            await line.say(b"one\ntwo\n")
            assert line.peer.received == b""
            assert line.ours.written == []

    run_virtual(scenario())


def test_a_handler_error_ends_the_connection_behind_the_replies_before_it() -> None:
    def fails_on_two(message: bytes) -> bytes:
        if message == b"two":
            raise ValueError("two")
        return upper(message)

    async def scenario() -> None:
        async with Line(answer=fails_on_two) as line:
            await line.say(b"one\ntwo\nthree\n")
            assert line.peer.received == b"ONE\n"
            assert line.peer.ended
            assert [str(error) for error in line.failures] == ["two"]
            await asyncio.sleep(10)
            assert line.gone == [Reason.HANDLER_ERROR]

    run_virtual(scenario())


def test_a_reply_that_cannot_be_framed_counts_as_a_handler_error() -> None:
    async def scenario() -> None:
        async with Line(answer=lambda message: message + b"\n" if message == b"bad" else message) as line:
            await line.say(b"one\nbad\nthree\n")
            assert line.peer.received == b"one\n"
            assert "line feed" in str(line.failures[0])
            assert line.connection.reason == Reason.HANDLER_ERROR

    run_virtual(scenario())


def test_a_reply_that_is_no_bytes_counts_as_a_handler_error() -> None:
    async def scenario() -> None:
        async with Line(answer=lambda message: "text") as line:  # type: ignore[arg-type]
            await line.say(b"one\n")
            assert isinstance(line.failures[0], TypeError)
            assert line.peer.received == b""
            assert line.connection.reason == Reason.HANDLER_ERROR

    run_virtual(scenario())


def test_a_future_that_was_cancelled_under_a_handler_counts_as_a_handler_error() -> None:
    """CancelledError is no Exception: once it went into the event loop, and the connection counted as reset."""

    def waits_for_nothing(message: bytes) -> bytes:
        if message == b"two":
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            future.result()
        return upper(message)

    async def scenario() -> None:
        async with Line(answer=waits_for_nothing) as line:
            await line.say(b"one\ntwo\nthree\n")
            assert line.peer.received == b"ONE\n"
            assert isinstance(line.failures[0], asyncio.CancelledError)
            assert line.connection.reason == Reason.HANDLER_ERROR

    run_virtual(scenario())


def test_a_handler_that_ends_the_conversation_still_replies_and_hears_no_more() -> None:
    heard: list[bytes] = []

    def until_exit(message: bytes, connection: StreamConnection) -> bytes:
        heard.append(message)
        if message == b"exit":
            connection.end()
            return b"bye"
        return message

    async def scenario() -> None:
        async with Line(answer=until_exit, with_connection=True) as line:
            await line.say(b"one\nexit\ntwo\n")
            assert line.peer.received == b"one\nbye\n"
            assert line.peer.ended
            assert heard == [b"one", b"exit"]
            line.theirs.write_eof()
            await settle()
            assert line.gone == [Reason.FINISHED]

    run_virtual(scenario())


def test_a_handler_may_abort() -> None:
    def aborts(message: bytes, connection: StreamConnection) -> bytes:
        connection.abort()
        return b"lost"

    async def scenario() -> None:
        async with Line(answer=aborts, with_connection=True) as line:
            await line.say(b"one\ntwo\n")
            assert line.peer.received == b""
            assert line.gone == [Reason.ABORTED]
            assert isinstance(line.peer.lost[0], ConnectionResetError)

    run_virtual(scenario())


def test_half_close_is_honoured() -> None:
    async def scenario() -> None:
        async with Line(answer=upper) as line:
            line.theirs.write(b"one\ntwo\n")
            line.theirs.write_eof()
            await settle()
            assert line.peer.received == b"ONE\nTWO\n"
            assert line.peer.ended
            assert line.gone == [Reason.PEER_CLOSED]

    run_virtual(scenario())


def test_messages_before_a_fault_are_answered() -> None:
    async def scenario(data: bytes, framing: str, reason: Reason, replies: bytes, eof: bool) -> None:
        async with Line(framing, upper, max_message_bytes=10) as line:
            line.theirs.write(data)
            if eof:
                line.theirs.write_eof()
            await settle()
            assert line.peer.received == replies
            assert line.peer.ended
            await asyncio.sleep(10)
            assert line.gone == [reason]

    run_virtual(scenario(b"one\n" + b"x" * 20, "lines", Reason.TOO_LARGE, b"ONE\n", False))
    run_virtual(scenario(b"3:one,3:two;", "netstring", Reason.MALFORMED, b"3:ONE,", False))
    run_virtual(scenario(b"one\ntw", "lines", Reason.TRUNCATED, b"ONE\n", True))


def test_a_flood_without_an_end_is_cut_and_not_held() -> None:
    async def scenario() -> None:
        async with Line(answer=upper, max_message_bytes=100, receive_buffer_bytes=1000) as line:
            for _ in range(100):
                await line.say(b"x" * 500)
            assert line.gone == [Reason.TOO_LARGE]
            assert line.connection.statistics().bytes_received < 3000

    run_virtual(scenario())


def test_a_half_message_has_a_deadline_that_more_bytes_do_not_move() -> None:
    async def scenario() -> float:
        async with Line(answer=upper, message_seconds=30, linger_seconds=0) as line:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(100)
            await line.say(b"one\nx")
            start = loop.time()
            while not line.gone:
                await asyncio.sleep(0.5)
                line.theirs.write(b"x")
            assert line.peer.received == b"ONE\n"
            assert line.gone == [Reason.MESSAGE_DEADLINE]
            return loop.time() - start

    assert 30 <= run_virtual(scenario()) <= 31


def test_every_message_has_its_own_time() -> None:
    async def scenario() -> None:
        async with Line(answer=upper, message_seconds=30) as line:
            for _ in range(10):
                await line.say(b"x")
                await asyncio.sleep(20)
                await line.say(b"y\nz")
                await asyncio.sleep(20)
                await line.say(b"\n")
            assert line.gone == []

    run_virtual(scenario())


def test_a_message_that_is_whole_has_no_deadline_any_more() -> None:
    async def scenario() -> None:
        async with Line(answer=upper, message_seconds=30) as line:
            await line.say(b"x")
            await asyncio.sleep(20)
            await line.say(b"y\n")
            await asyncio.sleep(1000)
            assert line.gone == []
            assert line.peer.received == b"XY\n"

    run_virtual(scenario())


def test_a_peer_that_reads_again_is_not_cut_off_later() -> None:
    async def scenario() -> None:
        async with Line(answer=upper, pipe_bytes=10, send_buffer_bytes=100, slow_reader_seconds=30) as line:
            line.theirs.pause_reading()
            await line.say(b"message\n" * 50)
            await asyncio.sleep(20)
            line.theirs.resume_reading()
            await asyncio.sleep(1000)
            assert line.gone == []
            assert line.peer.received == b"MESSAGE\n" * 50

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("tail", "drain", "reason"),
    [(b"x" * 20, False, Reason.TOO_LARGE), (b"", True, Reason.DRAINING)],
)
def test_questions_that_wait_for_a_slow_reader_are_answered_before_the_end(
    tail: bytes, drain: bool, reason: Reason
) -> None:
    async def scenario() -> None:
        limits: dict[str, Any] = {"max_message_bytes": 10, "send_buffer_bytes": 100, "linger_seconds": 1}
        async with Line(answer=upper, pipe_bytes=1000, **limits) as line:
            line.theirs.pause_reading()
            await line.say(b"message\n" * 200 + tail)
            if drain:
                line.connection.drain()
            await asyncio.sleep(5)
            assert line.connection.reason is None
            line.theirs.resume_reading()
            await asyncio.sleep(5)
            assert line.peer.received == b"MESSAGE\n" * 200
            assert line.gone == [reason]

    run_virtual(scenario())


def test_a_connection_that_is_gone_leaves_no_deadline_behind() -> None:
    async def scenario() -> None:
        async with Line(answer=upper, pipe_bytes=10, send_buffer_bytes=10) as line:
            await line.say(b"half")
            line.theirs.pause_reading()
            await line.say(b" and whole\n" * 20)
            timers = (line.watch.partial, line.watch.slow_reader, line.watch.lingering)
            assert any(timer._queue.next_due() for timer in timers)
            line.theirs.abort()
            await settle()
            assert line.gone == [Reason.RESET]
            assert not any(timer._queue.next_due() for timer in timers)

    run_virtual(scenario())


def test_a_peer_that_does_not_read_makes_us_hold_the_send_buffer_and_one_reply() -> None:
    async def scenario() -> None:
        answers = 0

        def large(message: bytes) -> bytes:
            nonlocal answers
            answers += 1
            return b"x" * 999

        async with Line(answer=large, pipe_bytes=1000, send_buffer_bytes=5000) as line:
            line.theirs.pause_reading()
            await line.say(b"m\n" * 400)
            assert answers <= 8
            assert line.ours.get_write_buffer_size() <= 5000 + 1000
            assert not line.ours.is_reading()
            line.theirs.resume_reading()
            await asyncio.sleep(1)
            assert answers == 400
            assert len(line.peer.received) == 400_000
            assert line.ours.is_reading()

    run_virtual(scenario())


def test_an_end_from_elsewhere_leaves_the_questions_that_wait_unanswered() -> None:
    async def scenario() -> None:
        asked = 0

        def large(message: bytes) -> bytes:
            nonlocal asked
            asked += 1
            return b"x" * 99

        async with Line(answer=large, pipe_bytes=10, send_buffer_bytes=500) as line:
            line.theirs.pause_reading()
            await line.say(b"m\n" * 5)
            await line.say(b"m\n" * 50)
            line.connection.end()
            before = asked
            line.theirs.resume_reading()
            await settle()
            assert line.peer.received == (b"x" * 99 + b"\n") * before
            assert line.peer.ended
            assert asked == before < 50
            line.theirs.write_eof()
            await settle()
            assert line.gone == [Reason.FINISHED]

    run_virtual(scenario())


def test_half_close_waits_for_a_slow_reader() -> None:
    async def scenario() -> None:
        async with Line(answer=lambda message: b"x" * 999, pipe_bytes=1000, send_buffer_bytes=5000) as line:
            line.theirs.pause_reading()
            line.theirs.write(b"m\n" * 100)
            line.theirs.write_eof()
            await settle()
            line.theirs.resume_reading()
            await asyncio.sleep(1)
            assert len(line.peer.received) == 100_000
            assert line.gone == [Reason.PEER_CLOSED]

    run_virtual(scenario())


def test_a_peer_that_never_reads_is_cut_off() -> None:
    async def scenario() -> None:
        async with Line(answer=upper, pipe_bytes=10, send_buffer_bytes=100, slow_reader_seconds=30) as line:
            line.theirs.pause_reading()
            await line.say(b"message\n" * 50)
            await asyncio.sleep(29)
            assert line.gone == []
            await asyncio.sleep(2)
            assert line.gone == [Reason.SLOW_READER]

    run_virtual(scenario())


def test_the_time_of_a_half_message_stands_still_while_we_do_not_read() -> None:
    async def scenario() -> None:
        limits: dict[str, Any] = {"message_seconds": 10, "slow_reader_seconds": 1000, "send_buffer_bytes": 100}
        async with Line(answer=upper, pipe_bytes=20, **limits) as line:
            line.theirs.pause_reading()
            await line.say(b"message\n" * 50 + b"half")
            await asyncio.sleep(100)
            assert line.gone == []
            line.theirs.resume_reading()
            await asyncio.sleep(5)
            assert line.gone == []
            await asyncio.sleep(10)
            assert line.gone == [Reason.MESSAGE_DEADLINE]

    run_virtual(scenario())


def test_a_reset_is_a_reason_and_no_error() -> None:
    async def scenario() -> None:
        async with Line(answer=upper) as line:
            await line.say(b"one\n")
            line.theirs.abort()
            await settle()
            assert line.gone == [Reason.RESET]

    run_virtual(scenario())


def test_draining_answers_what_came_and_lets_a_half_message_finish() -> None:
    async def scenario() -> None:
        async with Line(answer=upper) as quiet:
            quiet.connection.drain()
            await settle()
            assert quiet.peer.ended
            assert quiet.connection.reason == Reason.DRAINING
        async with Line(answer=upper) as line:
            await line.say(b"one\nha")
            line.connection.drain()
            await settle()
            assert not line.peer.ended
            await line.say(b"lf\n")
            assert line.peer.received == b"ONE\nHALF\n"
            assert line.peer.ended
            line.theirs.write_eof()
            await settle()
            assert line.gone == [Reason.DRAINING]

    run_virtual(scenario())


def test_draining_waits_for_bytes_in_the_kernel() -> None:
    async def scenario() -> None:
        async with Line(answer=upper) as line:
            line._other.send(b"one\n")
            line.connection.drain()
            await settle()
            assert not line.peer.ended
            line.sock.recv(100)
            await line.say(b"one\n")
            assert line.peer.received == b"ONE\n"
            assert line.peer.ended

    run_virtual(scenario())


def test_a_long_read_is_answered_in_turns_so_that_others_have_theirs() -> None:
    async def scenario() -> None:
        seen: list[int] = []
        count = 0

        def counting(message: bytes) -> None:
            nonlocal count
            count += 1

        async with Line(answer=counting, pipe_bytes=10_000, reads=10_000) as line:
            line.theirs.write(b"m\n" * (MOST_MESSAGES_A_TURN * 3))
            while count < MOST_MESSAGES_A_TURN * 3:
                await asyncio.sleep(0)
                seen.append(count)
            assert {MOST_MESSAGES_A_TURN, 2 * MOST_MESSAGES_A_TURN} <= set(seen)

    run_virtual(scenario())
