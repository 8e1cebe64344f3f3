"""The end of a client that comes back: at any moment, and nothing is left or lost in silence."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from landline.connection.backoff import Backoff
from landline.connection.events import Connected
from landline.errors import (
    ConnectionClosed,
    Reason,
    WaitTimeout,
)
from tests.connection.place import REFUSED, Place, log_in, outcome, play


def test_memory_is_bounded_when_nobody_receives_and_a_break_is_noticed_all_the_same() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect()
        await place.line.say(b"x" * 150 + b"\n")
        await place.line.say((b"y" * 150 + b"\n") * 20)
        assert client.statistics().messages_received <= 21
        await client.send(b"first")
        await place.lose()
        await client.send(b"noticed")
        await asyncio.sleep(1.0)
        assert (len(place.lines), place.line.peer.received) == (2, b"noticed\n")
        assert await client.receive() == b"x" * 150
        await client.close()

    play(scene, lambda: Place(receive_buffer_bytes=100))


@pytest.mark.parametrize("how", ["cancel", "abort", "close"])
@pytest.mark.parametrize("turns", range(0, 24))
def test_going_at_any_moment_leaves_no_task(turns: int, how: str) -> None:
    async def scene(place: Place) -> None:
        connecting = asyncio.ensure_future(place.connect(waiting="resend"))
        for _ in range(turns):
            await asyncio.sleep(0)
        if how == "cancel":
            connecting.cancel()
        with suppress(asyncio.CancelledError):
            client = await connecting
            await client.send(b"x")
            place.line.theirs.abort()
            for _ in range(turns):
                await asyncio.sleep(0)
            client.abort() if how == "abort" else await client.close()

    play(scene, lambda: Place(None, REFUSED, None))


@pytest.mark.parametrize("turns", range(1, 12))
@pytest.mark.parametrize("phase", ["waiting", "login", "up", "flushing"])
def test_a_close_cancelled_in_any_state_leaves_no_task(phase: str, turns: int) -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(on_connect=log_in if phase == "login" else None)
        if phase != "waiting":
            await client.send(b"x" * 900_000 if phase == "flushing" else b"x")
            await asyncio.sleep(0.21)
        closing = asyncio.ensure_future(client.close())
        for _ in range(turns):
            await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])

    play(scene, lambda: Place(REFUSED, None))


def test_a_close_sends_what_still_waits_if_there_is_a_connection() -> None:
    async def scene(place: Place) -> None:
        up = asyncio.Event()
        client = await place.connect(on_event=lambda event: up.set() if isinstance(event, Connected) else None)
        await client.send_all([b"%d" % number * 50_000 for number in range(8)])
        await up.wait()
        await client.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert len(place.line.peer.received) == 8 * 50_001
        assert client.statistics().messages_dropped == 0

    play(scene, lambda: Place(REFUSED, None, send_buffer_bytes=1000))


def test_a_request_given_up_in_the_queue_is_not_sent() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect()
        assert isinstance(await outcome(client.request(b"too late", 0.1)), WaitTimeout)
        await client.send(b"sent")
        await asyncio.sleep(1.0)
        assert place.line.peer.received == b"sent\n"
        await client.close()

    play(scene, lambda: Place(REFUSED, None))


def test_a_time_out_that_ended_the_client_is_not_taken_for_that_of_a_call() -> None:
    late = WaitTimeout("connecting", 3.0)

    async def scene(place: Place) -> None:
        client = await place.connect(backoff=Backoff(max_attempts=2))
        calls = [client.request(b"x", 60.0), client.receive(60.0)]
        assert await asyncio.gather(*map(outcome, calls)) == [late, late]
        await client.close()

    play(scene, lambda: Place(late))


def test_iterating_does_not_end_in_silence_when_the_client_gives_up() -> None:
    async def scene(place: Place) -> None:
        client = await place.connect(backoff=Backoff(max_attempts=1))
        place.line.theirs.write(b"last\n")
        place.line.theirs.close()
        assert await anext(client) == b"last"
        error = await outcome(anext(client))
        assert isinstance(error, ConnectionClosed) and error.reason is Reason.PEER_CLOSED
        await client.close()

    play(scene)
