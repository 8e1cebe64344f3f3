"""A client against the real core: it comes back, misses nothing, and says each message once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from landline.chat import client as client_module
from landline.chat.changes import CaughtUp, Change, Connected, Ended, Gone, Lost, MessageAdded, PendingChanged, Told
from landline.chat.client import MOST_UNSAID, ChatClient
from landline.chat.notices import Account, Ack, Bye, Message, Notice, Pong, Refused
from landline.chat.wire import History, Join, Login, Nick, Ping, Register, Rooms, Say
from landline.connection.backoff import Backoff
from landline.connection.reconnect_policy import Reconnect
from landline.errors import ChatError, ConnectError, ConnectionClosed, QueueFull, RequestRefused, WaitTimeout
from tests.chat.corechat import CoreChat

QUICK = Reconnect(Backoff(first_seconds=0.001, most_seconds=0.01), first_must_connect=True)
Scene = Callable[[CoreChat], Awaitable[None]]


def play(scene: Scene) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20), CoreChat() as server:
            await scene(server)

    asyncio.run(whole())


def person(server: CoreChat, nick: str, **more: Any) -> ChatClient:
    more.setdefault("reconnect", QUICK)
    return ChatClient(server.address, nick=nick, **more)


async def until(client: ChatClient, kind: type[Any], **fields: object) -> list[Change]:
    """All changes up to the first of this kind with these fields."""
    changes: list[Change] = []
    async for change in client:
        changes.append(change)
        if isinstance(change, kind) and all(getattr(change, name) == value for name, value in fields.items()):
            return changes
    raise AssertionError(f"no {kind.__name__} among {changes}")


def bodies(changes: list[Change]) -> list[str]:
    return [change.message.body for change in changes if isinstance(change, MessageAdded) and change.is_new]


def test_two_talk_in_a_room_and_to_each_other() -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna") as anna, person(server, "bob") as bob:
            ack = await anna.say("lobby", "hello bob")
            assert (ack.room, ack.seq, ack.duplicate) == ("lobby", 1, False)
            changes = await until(bob, MessageAdded)
            assert changes[-1] == MessageAdded("lobby", bob.view.rooms["lobby"].messages[0], True, True)
            await bob.msg("anna", "psst")
            await until(anna, MessageAdded, room=(talk := next(room for room in bob.view.rooms if room[0] == "@")))
            await anna.say(talk, "yes?")
            assert bodies(await until(bob, MessageAdded, room=talk)) == ["psst"]
            assert bodies(await until(bob, MessageAdded, room=talk)) == ["yes?"]
        assert anna.error is None
        await anna.close()
        assert bodies([change async for change in anna]) == ["yes?"]
        with pytest.raises(ConnectionClosed, match="the client is closed"):
            await anna.say("lobby", "more")

    play(scene)


def test_messages_of_others_for_bots() -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna") as anna, person(server, "echo") as echo:

            async def answer() -> None:
                async for message in echo.messages():
                    await echo.say(message.room, message.body.upper())

            answering = asyncio.create_task(answer())
            await anna.say("lobby", "one")
            await anna.msg("echo", "two")
            heard = [message async for message in _first(anna, 2)]
            assert sorted(heard) == ["ONE", "TWO"]
            await echo.close()
            await answering

    play(scene)


async def _first(client: ChatClient, count: int) -> Any:
    messages = client.messages()
    for _ in range(count):
        yield (await anext(messages)).body
    await messages.aclose()


def test_questions_and_refusals() -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna") as anna:
            assert isinstance(await anna.ask(Ping()), Pong)
            with pytest.raises(RequestRefused, match="there is no room 'den'") as caught:
                await anna.ask(History(room="den"))
            assert caught.value.code == "no_such_room"
            with pytest.raises(RequestRefused, match="join it first"):
                await anna.say("den", "hi")
            (pending,) = anna.view.pending.values()
            assert (pending.state, pending.code) == ("failed", "not_in_room")
            await anna.ask(Join(room="den"))
            assert (await anna.say("den", "hi")).seq == 1
            assert anna.post(Rooms())
            server.filter = lambda notice: [] if isinstance(notice, Pong) else [notice]
            with pytest.raises(WaitTimeout, match="waiting for an answer"):
                await anna.ask(Ping(), 0.01)
            changes = await until(anna, PendingChanged, room="den")
            assert not any(isinstance(change, Told) for change in changes)

    play(scene)


def test_a_restart_is_told_and_nothing_is_missed() -> None:
    async def scene(server: CoreChat) -> None:
        tokens: list[str] = []
        async with person(server, "anna", on_token=tokens.append, rooms=["lobby", "den"]) as anna:
            id = anna.view.me.id
            await anna.say("lobby", "before")
            await until(anna, MessageAdded)
            await server.stop(retry_seconds=0.01)
            changes = await until(anna, Lost)
            assert Gone("restart", "the server restarts; come back in 0.01 s", 0.01) in changes
            lost = changes[-1]
            assert isinstance(lost, Lost) and lost.seconds >= 0.01 and lost.text.startswith("the server restarts")
            saying = asyncio.create_task(anna.say("lobby", "while away"))
            server.store("lobby", "zoe", "one", "two")
            server.store("den", "zoe", "three")
            await server.start()
            ack = await saying
            changes = await _up_to(anna, "while away")
            assert Connected(True) in changes and ack.seq == 4
            caught = next(change for change in changes if isinstance(change, CaughtUp))
            assert (caught.count, caught.missed, caught.seconds > 0) == (3, {}, True)
            assert sorted(bodies(changes)) == ["one", "three", "two", "while away"]
            assert (anna.view.me.id, anna.view.me.nick, len(tokens)) == (id, "anna", 1)

    play(scene)


@pytest.mark.parametrize("lost", ["ack", "both"])
def test_a_message_whose_ack_is_lost_is_stored_and_shown_once(lost: str) -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna") as anna, person(server, "bob") as bob:

            def without(notice: Notice) -> list[Notice]:
                gone = isinstance(notice, Ack) or (lost == "both" and isinstance(notice, Message))
                return [] if gone else [notice]

            server.filter = without
            saying = asyncio.create_task(anna.say("lobby", "once"))
            while "lobby" not in server.messages:
                await asyncio.sleep(0)
            if lost == "ack":
                assert (await saying).seq == 1
            server.filter = lambda notice: [notice]
            await server.drop()
            assert (await saying).seq == 1
            await bob.ready()
            await bob.say("lobby", "end")
            for one in (anna, bob):
                said = bodies(await _up_to(one, "end"))
                assert said == ["once", "end"]
            assert [one.entry.body for one in server.messages["lobby"]] == ["once", "end"]

    play(scene)


async def _up_to(client: ChatClient, body: str) -> list[Change]:
    changes: list[Change] = []
    while body not in bodies(changes):
        changes += await until(client, MessageAdded)
    return changes


def test_doubled_and_dropped_messages_make_no_hole_and_no_double() -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna") as anna, person(server, "bob") as bob:

            def bad(notice: Notice) -> list[Notice]:
                if isinstance(notice, Message):
                    return [notice] * (notice.seq % 3)
                return [notice]

            server.filter = bad
            for number in range(1, 8):
                await bob.say("lobby", str(number))
            assert bodies(await _up_to(anna, "7")) == [str(number) for number in range(1, 8)]

    play(scene)


def test_many_breaks_and_each_message_once_and_in_order() -> None:
    async def scene(server: CoreChat) -> None:
        count = 8
        async with person(server, "anna") as anna, person(server, "bob") as bob:

            async def talk(one: ChatClient) -> None:
                for number in range(count):
                    await one.say("lobby", f"{one.view.me.nick} {number}")

            talking = asyncio.gather(talk(anna), talk(bob))
            while not talking.done():
                await server.drop()
                await asyncio.sleep(0.005)
            await talking
            stored = [one.entry.body for one in server.messages["lobby"]]
            assert sorted(stored) == sorted(f"{nick} {number}" for nick in ("anna", "bob") for number in range(count))
            for one in (anna, bob):
                assert bodies(await _up_to(one, stored[-1])) == stored

    play(scene)


def test_a_new_history_is_not_taken_for_the_old_one() -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna") as anna:
            await anna.say("lobby", "old")
            await server.stop()
            server.epoch = "f" * 16
            server.messages.clear()
            server.store("lobby", "zoe", "new")
            await server.start()
            changes = await until(anna, CaughtUp, missed={"lobby": "epoch"})
            assert isinstance(changes[-1], CaughtUp)
            await anna.ask(Ping())
            assert [one.body for one in anna.view.rooms["lobby"].messages] == ["new"]

    play(scene)


def test_names_and_accounts() -> None:
    async def scene(server: CoreChat) -> None:
        tokens: list[str] = []
        async with person(server, "anna", on_token=tokens.append) as anna:
            assert isinstance(await anna.ask(Register(password="correct horse")), Account)
            assert (anna.view.me.id, anna.view.me.account, len(tokens)) == ("anna", "anna", 2)
        async with person(server, "anna", token=tokens[-1]) as anna:
            assert anna.view.me.account == "anna"
        async with person(server, "anna", password="correct horse") as anna:
            assert anna.view.me.account == "anna"
            await server.drop()
            await until(anna, CaughtUp, count=0, missed={})
        with pytest.raises(RequestRefused, match="do not belong together"):
            async with person(server, "anna", password="wrong horse"):
                pass
        async with person(server, "anna") as guest:
            assert guest.view.me.nick.startswith("guest-")
            (told,) = [change for change in await until(guest, CaughtUp) if isinstance(change, Told)]
            assert "belongs to somebody" in told.text
            await guest.ask(Nick(nick="carl"))
            await server.drop()
            await until(guest, Connected, is_again=True)
            assert guest.view.me.nick == "carl"
            assert isinstance(await _again(guest, Login(nick="anna", password="correct horse")), Account)

    play(scene)


async def _again(client: ChatClient, request: Any) -> object:
    await client.ready()
    return await client.ask(request)


def test_a_token_that_is_worth_nothing() -> None:
    async def scene(server: CoreChat) -> None:
        with pytest.raises(RequestRefused, match="worth nothing any more") as caught:
            async with person(server, "anna", token="nonsense"):
                pass
        assert caught.value.code == "bad_token"
        async with person(server, "anna", token="nonsense", token_may_be_old=True) as anna:
            assert anna.view.me.nick == "anna"
            assert any(isinstance(change, Told) and change.is_error for change in await until(anna, CaughtUp))

    play(scene)


def test_words_that_are_final() -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna") as anna:
            await until(anna, CaughtUp)
            server.tell(Bye(code="kicked_out", text="go away"))
            await server.drop()
            assert [type(change) for change in [change async for change in anna]] == [Gone, Ended]
            assert isinstance(anna.error, RequestRefused) and str(anna.error) == "go away"
            for call in (anna.say("lobby", "x"), anna.ask(Ping()), anna.ready()):
                with pytest.raises(RequestRefused, match="go away"):
                    await call
            with pytest.raises(RequestRefused, match="go away"):
                [message async for message in anna.messages()]

    play(scene)


def test_bots_hear_of_the_end() -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna", reconnect=None) as anna:
            await server.stop()
            with pytest.raises(ConnectionClosed):
                [message async for message in anna.messages()]
            assert not anna.post(Ping())
        await server.start()

    play(scene)


def test_what_is_asked_while_away_fails_and_what_waits_for_an_answer_too() -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna") as anna:
            server.filter = lambda notice: [] if isinstance(notice, Pong) else [notice]
            asking = asyncio.create_task(anna.ask(Ping()))
            while not any(isinstance(request, Ping) for request in server.requests):
                await asyncio.sleep(0)
            await server.stop()
            with pytest.raises(ConnectionClosed, match="the request has no answer"):
                await asking
            with pytest.raises(ConnectionClosed, match="there is no connection now"):
                await anna.ask(Ping())
            saying = asyncio.create_task(anna.say("lobby", "never"))
            await asyncio.sleep(0)
            await anna.close()
            with pytest.raises(ConnectionClosed, match="the client is closed"):
                await saying
            await server.start()

    play(scene)


def test_a_cancelled_message_is_not_said_again() -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna") as anna:
            await server.stop()
            saying = asyncio.create_task(anna.say("lobby", "never"))
            await asyncio.sleep(0)
            saying.cancel()
            await asyncio.wait([saying])
            assert anna.view.pending == {}
            await server.start()
            await until(anna, Connected, is_again=True)
            await anna.ready()
            assert (await anna.say("lobby", "only")).seq == 1

    play(scene)


def test_unsure_is_said_again_and_somebody_else_does_not_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "UNSURE_SECONDS", 0.001)

    async def scene(server: CoreChat) -> None:
        async with person(server, "anna") as anna:
            unsure = [Refused(code="unsure", text="perhaps")]

            def first(notice: Notice) -> list[Notice]:
                if isinstance(notice, Ack) and unsure:
                    return [Refused(code="unsure", text=unsure.pop().text, cid=notice.cid)]
                return [] if isinstance(notice, Message) else [notice]

            server.filter = first
            assert (await anna.say("lobby", "once")).duplicate
            assert [one.entry.body for one in server.messages["lobby"]] == ["once"]
            await server.stop()
            saying = asyncio.create_task(anna.say("lobby", "twice?"))
            await asyncio.sleep(0)
            anna.view.unsaid()[0].said_as = "~else"
            await server.start()
            with pytest.raises(RequestRefused, match="we are somebody else since") as caught:
                await saying
            assert caught.value.code == "unsure" and len(server.messages["lobby"]) == 1

    play(scene)


def test_too_many_wait_to_be_said() -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna") as anna:
            await server.stop()
            tasks = [asyncio.create_task(anna.say("lobby", "x")) for _ in range(MOST_UNSAID)]
            await asyncio.sleep(0)
            with pytest.raises(QueueFull):
                await anna.say("lobby", "one too many")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.start()

    play(scene)


def test_nobody_there_is_an_error_at_first() -> None:
    async def scene() -> None:
        async with CoreChat() as server:
            address = server.address
        client = ChatClient(address, reconnect=QUICK)
        with pytest.raises(ChatError, match="use it with `async with`"):
            await client.say("lobby", "x")
        with pytest.raises(ConnectError):
            async with client:
                pass
        await ChatClient(address).close()

    asyncio.run(scene())


def test_a_room_in_slow_requests_is_entered_later() -> None:
    async def scene(server: CoreChat) -> None:
        async with person(server, "anna", rooms=[f"room{number}" for number in range(3)]) as anna:
            assert all(room.is_member for room in anna.view.rooms.values()) and len(anna.view.rooms) == 3
            server.requests.clear()
            throttled = [1]

            def throttle(notice: Notice) -> list[Notice]:
                if throttled and getattr(notice, "room", "") == "room1" and type(notice).__name__ == "Joined":
                    throttled.clear()
                    return [Refused(ref=getattr(notice, "ref", None), code="too_fast", text="wait", wait=0.001)]
                return [notice]

            server.filter = throttle
            await server.drop()
            await until(anna, Connected, is_again=True)
            await anna.ready()
            assert not throttled
            assert isinstance(await anna.say("room1", "here"), Ack) and any(isinstance(r, Say) for r in server.requests)

    play(scene)
