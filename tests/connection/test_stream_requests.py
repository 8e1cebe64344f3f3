"""Requests on one connection: whose reply is whose, and what becomes of those that never get one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from landline.connection.requests import Numbered
from landline.connection.wording import Wording
from landline.errors import (
    ConnectionClosed,
    LandlineError,
    MalformedMessage,
    MessageRejected,
    ServiceError,
    TruncatedMessage,
    UnfitMessage,
    UnfitValue,
    UnframableMessage,
    WaitTimeout,
)
from landline.framing import parse as parse_framing
from landline.payload import parse as parse_payload
from landline.testing import run_virtual
from tests.connection.line import Line, settle


def ask(line: Line, *messages: Any, seconds: float | None = None) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(line.connection.request(message, seconds)) for message in messages]


async def outcome(task: asyncio.Task[Any]) -> Any:
    """The reply, or the sentence of the error."""
    try:
        return await task
    except LandlineError as error:
        return str(error)


def test_requests_of_many_tasks_travel_together_and_get_their_own_reply() -> None:
    async def scenario() -> None:
        async with Line() as line:
            tasks = ask(line, *(b"%d" % number for number in range(100)))
            await settle()
            assert line.peer.received == b"".join(b"%d\n" % number for number in range(100))
            await line.say(b"".join(b"r%d\n" % number for number in range(100)))
            assert [await task for task in tasks] == [b"r%d" % number for number in range(100)]

    run_virtual(scenario())


def test_a_late_reply_is_dropped_and_the_others_keep_theirs() -> None:
    async def scenario() -> None:
        async with Line() as line:
            (impatient,) = ask(line, b"one", seconds=5)
            cancelled, patient = ask(line, b"two", b"three")
            await settle()
            cancelled.cancel()
            assert await outcome(impatient) == "waiting for a reply from tcp://192.0.2.7:40000 took longer than 5 s"
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            await line.say(b"ONE\nTWO\nTHREE\n")
            assert await patient == b"THREE"
            with pytest.raises(WaitTimeout):
                await line.connection.receive(1)

    run_virtual(scenario())


def test_a_request_that_cannot_be_sent_takes_no_place() -> None:
    """Its place stayed, and every later request got the reply to the one behind it."""

    async def scenario() -> None:
        async with Line() as line:
            with pytest.raises(UnframableMessage):
                await line.connection.request(b"two\nlines")
            tasks = ask(line, b"one", b"two")
            await line.say(b"ONE\nTWO\n")
            assert [await task for task in tasks] == [b"ONE", b"TWO"]

    run_virtual(scenario())


def test_replies_to_what_was_sent_before_go_to_receive() -> None:
    async def scenario() -> None:
        async with Line() as line:
            await line.connection.send_all([b"one", b"two"])
            await line.say(b"ONE\n")
            (three,) = ask(line, b"three")
            await settle()
            await line.connection.send(b"four")
            (five,) = ask(line, b"five")
            await line.say(b"TWO\nTHREE\nFOUR\nFIVE\n")
            assert (await three, await five) == (b"THREE", b"FIVE")
            assert [await line.connection.receive() for _ in range(3)] == [b"ONE", b"TWO", b"FOUR"]

    run_virtual(scenario())


def test_a_greeting_is_nobodys_reply() -> None:
    """With a message sent behind the greeting, the greeting was taken for its reply."""

    async def scenario() -> None:
        async with Line() as line:
            await line.say(b"welcome\n")
            assert await line.connection.receive() == b"welcome"
            await line.connection.send(b"one")
            (two,) = ask(line, b"two")
            await line.say(b"ONE\nTWO\n")
            assert (await two, await line.connection.receive()) == (b"TWO", b"ONE")

    run_virtual(scenario())


SENTENCES = {
    "end": "the connection with tcp://192.0.2.7:40000 is closed (peer_closed)",
    "reset": "the connection with tcp://192.0.2.7:40000 is closed (reset)",
    "close": "the connection with tcp://192.0.2.7:40000 is closed (finished)",
    "abort": "the connection with tcp://192.0.2.7:40000 is closed (aborted)",
}


@pytest.mark.parametrize("how", SENTENCES)
@pytest.mark.parametrize("numbered", [False, True])
def test_the_end_wakes_everybody(how: str, numbered: bool) -> None:
    async def scenario() -> None:
        async with Line() as line:
            if numbered:
                line.connection.number(Numbered())
            tasks = ask(line, b"one", b"two", b"three")
            await line.say(b"1 ONE\n")
            {
                "end": line.theirs.write_eof,
                "reset": line.theirs.abort,
                "close": line.connection.end,
                "abort": line.connection.abort,
            }[how]()
            assert [await outcome(task) for task in tasks[1:]] == [SENTENCES[how]] * 2
            assert await tasks[0] == (b"ONE" if numbered else b"1 ONE")
            with pytest.raises(ConnectionClosed):
                await line.connection.request(b"four")

    run_virtual(scenario())


def test_a_fault_wakes_everybody_behind_the_replies_before_it() -> None:
    async def scenario() -> None:
        async with Line("netstring") as line:
            tasks = ask(line, b"one", b"two")
            await line.say(b"3:ONE,junk")
            assert await tasks[0] == b"ONE"
            with pytest.raises(MalformedMessage):
                await tasks[1]
            with pytest.raises(MalformedMessage):
                await line.connection.request(b"three")

    run_virtual(scenario())


def test_a_stream_that_ends_inside_a_reply() -> None:
    async def scenario() -> None:
        async with Line("netstring") as line:
            (task,) = ask(line, b"one")
            await line.say(b"3:ON")
            line.theirs.write_eof()
            with pytest.raises(TruncatedMessage):
                await task

    run_virtual(scenario())


def test_requests_wait_for_room_to_send() -> None:
    async def scenario() -> None:
        async with Line(send_buffer_bytes=1024, pipe_bytes=1024) as line:
            line.theirs.pause_reading()
            tasks = ask(line, *(b"%0999d" % number for number in range(50)))
            await settle()
            assert not any(task.done() for task in tasks)
            line.theirs.resume_reading()
            await settle()
            assert len(line.peer.received) == 50_000
            await line.say(b"".join(b"%d\n" % number for number in range(50)))
            assert [await task for task in tasks] == [b"%d" % number for number in range(50)]

    run_virtual(scenario())


def test_a_time_out_while_there_is_no_room_keeps_the_order() -> None:
    async def scenario() -> None:
        async with Line(send_buffer_bytes=1024, pipe_bytes=1024) as line:
            line.theirs.pause_reading()
            impatient, patient = ask(line, b"a" * 5000, seconds=1)[0], ask(line, b"b")[0]
            assert "took longer than 1 s" in await outcome(impatient)
            line.theirs.resume_reading()
            await settle()
            await line.say(b"A\nB\n")
            assert await patient == b"B"

    run_virtual(scenario())


def test_numbered_replies_come_in_any_order_and_pushes_between() -> None:
    async def scenario() -> None:
        async with Line() as line:
            line.connection.number(Numbered())
            tasks = ask(line, b"one", b"two", b"three")
            await settle()
            await line.connection.send(b"by the way")
            await settle()
            assert line.peer.received == b"1 one\n2 two\n3 three\n0 by the way\n"
            await line.say(b"3 THREE\n0 news\n1 ONE\n1 AGAIN\n2 \n")
            assert [await task for task in tasks] == [b"ONE", b"", b"THREE"]
            assert await line.connection.receive() == b"news"

    run_virtual(scenario())


@pytest.mark.parametrize("reply", [b"no number\n", b"07 x\n", b"2 never asked\n", b"-1 x\n"])
def test_a_reply_without_a_right_number_is_a_fault(reply: bytes) -> None:
    async def scenario() -> None:
        async with Line() as line:
            line.connection.number(Numbered())
            (task,) = ask(line, b"one")
            await settle()
            await line.say(b"0 news\n" + reply + b"1 ONE\n")
            with pytest.raises(MalformedMessage):
                await task
            assert await line.connection.receive() == b"news"
            with pytest.raises(MalformedMessage):
                await line.connection.receive()

    run_virtual(scenario())


def speak(line: Line, spec: Any) -> None:
    payload = parse_payload(spec)
    line.connection.speak(payload, partial(payload.decode_from, "tcp://service:1"))


def test_documents_and_what_is_none_of_them() -> None:
    async def scenario() -> None:
        async with Line() as line:
            speak(line, "json")
            tasks = ask(line, {"a": 1}, [2], 3)
            await line.say(b'{"a":2}\n{"type":"error","code":"busy","detail":"later"}\nnonsense\n')
            assert await tasks[0] == {"a": 2}
            with pytest.raises(MessageRejected) as caught:
                await tasks[1]
            assert str(caught.value) == "the message was rejected by tcp://service:1 (busy): later"
            with pytest.raises(UnfitMessage):
                await tasks[2]
            with pytest.raises(UnfitValue):
                await line.connection.request(object())
            (again,) = ask(line, None)
            await line.say(b"4\n")
            assert await again == 4

    run_virtual(scenario())


@pytest.mark.parametrize(("spec", "nothing"), [("json", None), ("text", ""), ("bytes", b"")])
def test_an_empty_numbered_reply(spec: str, nothing: Any) -> None:
    async def scenario() -> None:
        async with Line() as line:
            wording = Wording(parse_framing("lines"), parse_payload(spec), "numbered", "tcp://service:1")
            line.connection.speak(wording.payload, wording.decode)
            line.connection.number(Numbered())
            (task,) = ask(line, b"x" if spec == "bytes" else "x")
            await line.say(b"1 \n")
            assert await task == nothing

    run_virtual(scenario())


@pytest.mark.parametrize("reads", [1, 1000])
def test_requests_on_a_connection_that_may_switch(reads: int) -> None:
    """Nobody received, so nothing was decoded, and the request waited for ever."""

    async def scenario() -> None:
        async with Line(reads=reads) as line:
            line.connection.step_through()
            tasks = ask(line, b"one", b"two")
            await line.say(b"ONE\nTWO\n")
            assert [await task for task in tasks] == [b"ONE", b"TWO"]
            await line.say(b"unasked\n")
            assert await line.connection.receive() == b"unasked"

    run_virtual(scenario())


def test_a_reply_may_lead_to_a_switch() -> None:
    async def scenario() -> None:
        async with Line() as line:
            line.connection.step_through()
            (task,) = ask(line, b"upgrade")
            await line.say(b"ok\n\x00\x02hi")
            assert await task == b"ok"
            line.connection.switch_framing("length:u16be")
            assert await line.connection.receive() == b"hi"

    run_virtual(scenario())


@pytest.mark.parametrize("numbered", [False, True])
def test_who_answers_cannot_ask(numbered: bool) -> None:
    async def scenario() -> None:
        async with Line(answer=None if numbered else bytes.upper) as line:
            if numbered:
                line.connection.number(None)
            with pytest.raises(ServiceError) as caught:
                await line.connection.request(b"one")
            assert str(caught.value) == (
                "a connection that answers messages by itself cannot make requests: let its peer ask"
            )

    run_virtual(scenario())
