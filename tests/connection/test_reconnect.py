"""A client that comes back: states and waits under the virtual clock, with connections in memory."""

from __future__ import annotations

import asyncio
import logging
from random import Random
from typing import Any

import pytest

from landline.connection.events import Connected, Connecting, Dropped, Event, GaveUp, Lost, Waiting
from landline.connection.stream import StreamConnection
from landline.errors import (
    ConnectError,
    ConnectionClosed,
    MalformedMessage,
    QueueFull,
    Reason,
    UnframableMessage,
    WaitTimeout,
)
from tests.connection.line import THERE, settle
from tests.connection.place import FORBIDDEN, REFUSED, Place, log_in, outcome, play


def test_messages_both_ways_and_a_close() -> None:
    async def scene(place: Place) -> None:
        async with await place.connect() as client:
            await client.send_all([b"one", b"two"])
            await place.line.say(b"ONE\nTWO\nmore\n")
            assert [await client.receive(), await client.receive(1.0), await client.receive()] == [
                b"ONE", b"TWO", b"more",
            ]  # fmt: skip
            assert place.line.peer.received == b"one\ntwo\n"
            assert (client.peer, client.local, client.reason) == (THERE, place.line.connection.local, None)
        assert client.reason is Reason.FINISHED
        assert [message async for message in client] == []
        for call in (client.send(b"x"), client.receive(), client.request(b"x")):
            assert str(await outcome(call)) == f"the connection with {THERE} is closed (finished)"
        statistics = client.statistics()
        assert (statistics.messages_sent, statistics.messages_received, statistics.messages_dropped) == (2, 3, 0)
        await client.close()

    play(scene)


def test_events_tell_the_whole_way_in_their_order() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(on_connect=None)
        assert place.told == [Connecting(1), Waiting(0.2, 2, REFUSED)]
        await client.send(b"kept")
        await asyncio.sleep(1.0)
        await place.lose()
        reader = client.events()
        await asyncio.sleep(1.0)
        await client.close()
        lost = place.told[5]
        assert isinstance(lost, Waiting) and str(lost.error) == f"the connection with {THERE} is closed (reset)"
        assert place.told == [
            Connecting(1), Waiting(0.2, 2, REFUSED), Connecting(2), Connected(THERE), Lost(Reason.RESET),
            Waiting(0.4, 3, lost.error), Connecting(3), Connected(THERE),
        ]  # fmt: skip
        assert [event async for event in reader] == place.told
        assert place.lines[0].peer.received == b"kept\n"

    play(scene, lambda: Place(REFUSED, None))


def test_a_reader_of_events_that_lags_misses_the_oldest() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect()
        reader = client.events()
        await asyncio.sleep(10_000.0)
        seen = [await anext(reader) for _ in range(100)]
        assert seen == place.told[-100:]
        following, given_up = asyncio.ensure_future(anext(reader)), asyncio.ensure_future(anext(reader))
        await settle()
        given_up.cancel()
        before = len(place.told)
        await asyncio.sleep(40.0)
        assert await following == place.told[before]
        await client.close()
        assert [event async for event in reader] == place.told[before + 1 :]

    play(scene, lambda: Place(REFUSED))


def test_the_waits_are_those_of_the_back_off_and_repeat_with_the_seed() -> None:
    def waits(seed: int) -> list[float]:
        found: list[float] = []

        async def scene(place: Place) -> None:
            client = await place.connect(draw=Random(seed).random)
            await asyncio.sleep(100.0)
            await client.close()
            found.extend(event.seconds for event in place.told if isinstance(event, Waiting))

        play(scene, lambda: Place(REFUSED))
        return found

    first = waits(7)
    assert first == waits(7) != waits(8)
    full = [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]
    assert all(most / 2 < wait <= most for wait, most in zip(first, full, strict=False))


def test_the_first_attempt_may_fail_if_that_passes() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect()
        assert (client.local, client.reason) == (None, None)
        waiting = asyncio.ensure_future(client.request(b"hello"))
        await asyncio.sleep(1.0)
        await place.line.say(b"HELLO\n")
        assert await waiting == b"HELLO"
        await client.close()

    play(scene, lambda: Place(REFUSED, REFUSED, None))


@pytest.mark.parametrize(("error", "must"), [(FORBIDDEN, False), (REFUSED, True)])
def test_a_first_attempt_that_is_an_error_of_connect(error: ConnectError, must: bool) -> None:
    async def scene(place: Place) -> None:
        assert await outcome(place.connect(first_must_connect=must)) is error
        assert place.told == [Connecting(1), GaveUp(error)]

    play(scene, lambda: Place(error))


def test_a_final_error_later_goes_to_everybody_who_waits() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect()
        await place.lose()
        calls = [client.receive(), client.request(b"1"), client.request(b"2")]
        waiting = [asyncio.ensure_future(outcome(call)) for call in calls]
        await asyncio.sleep(1.0)
        assert [await one for one in waiting] == [FORBIDDEN] * 3
        assert [await outcome(client.send(b"x")), await outcome(anext(client))] == [FORBIDDEN] * 2
        assert place.told[-2:] == [GaveUp(FORBIDDEN), Dropped(2, 2)]
        assert client.statistics().messages_dropped == 2
        await client.close()

    play(scene, lambda: Place(None, FORBIDDEN))


def test_noise_ends_the_client() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(replies="numbered")
        asked = asyncio.ensure_future(outcome(client.request(b"hello")))
        await settle()
        await place.line.say(b"0 push\nhello\n")
        assert isinstance(await asked, ConnectionClosed)
        assert await client.receive() == b"push"
        assert isinstance(await outcome(client.receive()), MalformedMessage)
        assert client.reason is Reason.MALFORMED
        await client.close()

    play(scene)


def test_requests_find_their_replies() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(replies="numbered")
        asked = [asyncio.ensure_future(client.request(b"%d" % number)) for number in range(3)]
        await settle()
        await client.send(b"no reply wanted")
        await settle()
        assert place.line.peer.received == b"1 0\n2 1\n3 2\n0 no reply wanted\n"
        await place.line.say(b"3 c\n0 push\n1 a\n2 b\n")
        assert [await one for one in asked] == [b"a", b"b", b"c"]
        assert await client.receive() == b"push"
        await client.close()

    play(scene)


def test_a_request_that_timed_out_or_was_cancelled_keeps_its_place() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect()
        error = await outcome(client.request(b"slow", 2.0))
        assert str(error) == f"waiting for a reply from {THERE} took longer than 2 s"
        cancelled = asyncio.ensure_future(client.request(b"cancelled"))
        asked = asyncio.ensure_future(client.request(b"wanted"))
        await settle()
        cancelled.cancel()
        await place.line.say(b"SLOW\nCANCELLED\nWANTED\n")
        assert await asked == b"WANTED"
        assert client.statistics().late_replies == 2
        await client.close()

    play(scene)


@pytest.mark.parametrize("waiting", ["fail", "resend"])
def test_requests_without_an_answer_at_the_break(waiting: str) -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(waiting=waiting)
        asked = [asyncio.ensure_future(outcome(client.request(b"%d" % number))) for number in range(4)]
        await settle()
        await place.line.say(b"zero\n")
        asked[2].cancel()
        await place.lose()
        later = asyncio.ensure_future(client.request(b"later"))
        await asyncio.sleep(1.0)
        sentence = f"the connection with {THERE} is closed (reset): the request has no answer"
        if waiting == "fail":
            assert place.line.peer.received == b"later\n"
            assert [str(await asked[1]), str(await asked[3])] == [sentence, sentence]
            await place.line.say(b"LATER\n")
        else:
            assert place.line.peer.received == b"1\n3\nlater\n"
            await place.line.say(b"one\nthree\nLATER\n")
            assert [await asked[1], await asked[3]] == [b"one", b"three"]
        assert [await asked[0], await later] == [b"zero", b"LATER"]
        await client.close()

    play(scene)


def queue_of_two(when_full: str) -> dict[str, Any]:
    return {"max_queued_messages": 2, "when_full": when_full}


def test_a_full_queue_that_waits() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(**queue_of_two("wait"))
        sending = asyncio.ensure_future(client.send_all([b"1", b"2", b"3", b"4"]))
        asked = asyncio.ensure_future(outcome(client.request(b"too late", 0.1)))
        await asyncio.sleep(0.15)
        assert not sending.done()
        assert isinstance(await asked, WaitTimeout)
        await asyncio.sleep(0.1)
        await sending
        assert place.line.peer.received == b"1\n2\n3\n4\n"
        assert client.statistics().messages_dropped == 0
        await client.close()

    play(scene, lambda: Place(REFUSED, None))


@pytest.mark.parametrize(
    ("when_full", "sent", "lost"),
    [("drop_oldest", b"3\nasked\n", [1, 2]), ("drop_newest", b"1\n2\n", [1, 2])],
)
def test_a_full_queue_that_drops(when_full: str, sent: bytes, lost: list[int]) -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(**queue_of_two(when_full))
        for message in (b"1", b"2", b"3"):
            await client.send(message)
        asked = asyncio.ensure_future(outcome(client.request(b"asked")))
        await asyncio.sleep(1.0)
        assert place.line.peer.received == sent
        dropped = [event for event in place.told if isinstance(event, Dropped)]
        assert dropped == [Dropped(1, total) for total in lost]
        assert client.statistics().messages_dropped == 2
        if when_full == "drop_newest":
            assert isinstance(await asked, QueueFull)
        else:
            await place.line.say(b"THREE\nASKED\n")
            assert [await client.receive(), await asked] == [b"THREE", b"ASKED"]
        await client.close()

    play(scene, lambda: Place(REFUSED, None))


def test_a_full_queue_that_fails() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(**queue_of_two("fail"))
        await client.send(b"1")
        error = await outcome(client.send_all([b"2", b"3"]))
        assert isinstance(error, QueueFull) and error.queued_messages == 1
        await client.send(b"4")
        assert isinstance(await outcome(client.request(b"5")), QueueFull)
        await asyncio.sleep(1.0)
        assert place.line.peer.received == b"1\n4\n"
        await client.close()

    play(scene, lambda: Place(REFUSED, None))


def test_what_is_still_queued_at_the_end_is_counted() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect()
        await client.send_all([b"1", b"2"])
        asked = asyncio.ensure_future(outcome(client.request(b"3")))
        await asyncio.sleep(0)
        await client.close()
        assert isinstance(await asked, ConnectionClosed)
        assert place.told[-1] == Dropped(3, 3)
        assert client.statistics().messages_dropped == 3

    play(scene, lambda: Place(REFUSED))


def test_a_message_that_cannot_be_sent_is_the_error_of_its_own_call() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect()
        for call in (client.send(b"two\nlines"), client.request(b"two\nlines")):
            assert isinstance(await outcome(call), UnframableMessage)
        await asyncio.sleep(1.0)
        assert isinstance(await outcome(client.send(b"two\nlines")), UnframableMessage)
        asked = asyncio.ensure_future(client.request(b"fine"))
        await settle()
        await place.line.say(b"FINE\n")
        assert await asked == b"FINE"
        await client.close()

    play(scene, lambda: Place(REFUSED, None))


@pytest.mark.parametrize("size", [236, 237])
def test_room_for_the_largest_number_is_kept(size: int) -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(replies="numbered")
        asked = asyncio.ensure_future(outcome(client.request(b"x" * size)))
        await asyncio.sleep(1.0)
        if size == 237:
            assert isinstance(await asked, UnframableMessage)
        else:
            assert place.line.peer.received == b"\xee1 " + b"x" * size
        await client.close()

    play(scene, lambda: Place(REFUSED, None, framing="length:u8"))


def test_a_login_that_is_no_coroutine_is_a_mistake() -> None:
    async def scene(place: Place) -> None:
        error = await outcome(place.connect(on_connect=str))
        assert str(error) == "on_connect cannot be <class 'str'>; it must be an async def"

    play(scene)


def test_the_login_goes_before_what_waits() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(on_connect=log_in)
        await client.send(b"queued")
        await asyncio.sleep(0.2)
        await settle()
        assert place.line.peer.received == b"login\n"
        await place.line.say(b"welcome\n")
        assert place.line.peer.received == b"login\nqueued\n"
        await client.close()

    play(scene, lambda: Place(REFUSED, None))


def test_a_refused_login_is_final() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(on_connect=log_in)
        receiving = asyncio.ensure_future(outcome(client.receive()))
        await asyncio.sleep(0.2)
        await settle()
        await place.line.say(b"no\n")
        assert str(await receiving) == "login refused"
        assert isinstance(place.told[-1], GaveUp)
        assert len(place.lines) == 1
        await client.close()

    play(scene, lambda: Place(REFUSED, None))


def test_a_login_that_breaks_or_takes_too_long_is_tried_again() -> None:
    async def scene(place: Place) -> None:
        connecting = asyncio.ensure_future(place.connect(on_connect=log_in))
        await settle()
        await place.lose()
        client = await connecting
        await asyncio.sleep(10.5)
        waits = [event for event in place.told if isinstance(event, Waiting)]
        assert [str(wait.error) for wait in waits] == [
            f"the connection with {THERE} is closed (reset)",
            f"on_connect with {THERE} took longer than 10 s",
        ]
        await client.close()

    play(scene)


def test_an_on_event_that_raises_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def raising(event: Event) -> None:
        raise ValueError("a mistake of the caller")

    async def scene(place: Place) -> None:
        client = await place.connect(on_event=raising)
        await client.send(b"x")
        await client.close()

    with caplog.at_level(logging.ERROR, "landline.client"):
        play(scene)
    assert [record.getMessage() for record in caplog.records][0] == "on_event failed with Connecting(attempt=1)"


@pytest.mark.parametrize("replies", ["in_order", "numbered"])
def test_what_comes_in_one_piece_with_the_welcome_is_received(replies: str) -> None:
    async def ask_to_enter(connection: StreamConnection) -> None:
        assert await connection.request(b"login") == b"welcome"

    async def scene(place: Place) -> None:
        connecting = asyncio.ensure_future(place.connect(on_connect=ask_to_enter, replies=replies))
        await settle()
        await place.line.say(b"1 welcome\n0 early\n" if replies == "numbered" else b"welcome\nearly\n")
        client = await connecting
        assert await client.receive() == b"early"
        asked = asyncio.ensure_future(client.request(b"x"))
        await settle()
        await place.line.say(b"2 X\n" if replies == "numbered" else b"X\n")
        assert await asked == b"X"
        await client.close()

    play(scene)
