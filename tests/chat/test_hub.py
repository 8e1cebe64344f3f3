"""The shell of a chat: what it does when the clock, the core, the bus or a session fails it."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from landline.chat.bounds import Bounds
from landline.chat.effects import Ask, Command
from landline.chat.effects import Asked as CommandAsked
from landline.chat.history import History
from landline.chat.hub import CARRY_OUT, Hub
from landline.chat.localbus import LocalBus
from landline.chat.ports import Found, Query
from landline.chat.wire import Who
from landline.errors import ChatError
from landline.testing.background import Background
from tests.chat.hubrig import FAST, House, set_clock
from tests.integration.chatrig import Person, Program, call, metrics

PASSWORD = "correct horse battery"


def test_a_clock_that_is_set_back_changes_no_order_and_holds_nobody_up(
    serve: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = set_clock(monkeypatch)
    house = House(serve, tmp_path / "data", monkeypatch, bounds=Bounds())
    with Program(house.address, "ann", "lobby") as ann:
        acks = []
        for step in (0.0, 5.0, -86_400.0, 1.0, -3600.0, 200_000.0):
            clock.now += step
            acks.append(ann.say(f"after {step}"))
        assert [ack["seq"] for ack in acks] == [1, 2, 3, 4, 5, 6]
        times = [ack["time"] for ack in acks]
        assert times == sorted(times)
        ann.ask("history", room="lobby")
        page = ann.until("page")
        assert [one["time"] for one in page["messages"]] == times
        # Rates count steady time: the whole burst is there, and no more.
        kinds = [ann.say("burst")["type"] for _ in range(6)]
        assert kinds[:4] == ["ack"] * 4 and "error" in kinds


def test_a_ban_ends_by_the_clock_on_the_wall(
    serve: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = set_clock(monkeypatch)
    house = House(serve, tmp_path / "data", monkeypatch, operators=["Boss"])
    with Program(house.address, "Boss", "lobby") as boss, Program(house.address, "eve", "lobby") as eve:
        boss.ask("register", password=PASSWORD)
        assert boss.until("account", "error").get("operator") is True
        boss.ask("ban", room="lobby", nick="eve", seconds=3600, reason="noise")
        left = eve.until("left")
        assert (left["by"], left["reason"], left["banned_until"]) == ("Boss", "noise", clock.now + 3600)
        clock.now += 3000
        eve.ask("join", room="lobby")
        refused = eve.until("error", "joined")
        assert (refused["code"], refused["wait"]) == ("banned", 600)
        assert refused["text"] == "you are banned from lobby for now: noise"
        clock.now += 601
        eve.ask("join", room="lobby")
        assert eve.until("error", "joined")["type"] == "joined"


def test_a_fault_of_the_core_ends_the_session_that_met_it_and_no_other(
    serve: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(serve, tmp_path / "data", monkeypatch)
    handle = house.hub.chat.handle

    def fails(command: Command, now: Any) -> Any:
        if isinstance(command, CommandAsked) and isinstance(command.request, Who):
            raise ZeroDivisionError("a fault of the core")
        return handle(command, now)

    monkeypatch.setattr(house.hub.chat, "handle", fails)
    with Program(house.address, "unlucky", "lobby") as unlucky, Program(house.address, "lucky", "lobby") as lucky:
        with caplog.at_level(logging.ERROR, "landline.chat"):
            unlucky.ask("who")
            unlucky.rest()
        assert lucky.say("all is well")["type"] == "ack"
    assert "a fault in handling Asked" in caplog.text
    assert metrics(house.address)["faults_total"] == 1


def test_who_goes_while_a_page_waits_for_it_leaves_nothing_behind(
    serve: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(serve, tmp_path / "data", monkeypatch)
    parked = threading.Event()

    def as_if_behind(hub: Hub, effect: Ask) -> None:
        line = hub.lines[hub.chat.world.tickets[effect.ticket].session]
        line.is_free = False
        hub.ask(effect)
        assert list(line.questions) == [effect]
        parked.set()

    with Program(house.address, "ann", "lobby") as ann, pytest.MonkeyPatch.context() as patch:
        patch.setitem(CARRY_OUT, Ask, as_if_behind)
        ann.ask("history", room="lobby")
        assert parked.wait(10)
        ann.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with Program(house.address, "bob", "lobby") as bob:
        # Sessions end in the loop; each of these turns it.
        while house.hub.chat.world.tickets:
            bob.ask("ping")
            bob.until("pong")


class NoBus(LocalBus):
    """A bus that cannot begin."""

    async def start(self, *_: Any) -> Any:
        raise ChatError("nobody is there")


class StuckBus(LocalBus):
    """A bus that does not get to the end of its log."""

    async def caught_up(self) -> None:
        raise ChatError("the log has no end")


@pytest.mark.parametrize("bus", [NoBus, StuckBus])
def test_a_chat_that_cannot_begin_lets_its_folder_go(tmp_path: Path, bus: type[LocalBus]) -> None:
    async def begin() -> None:
        hub = Hub(tmp_path / "data", bus(), Bounds(), (), "Test")
        with pytest.raises(ChatError, match="nobody is there|has no end"):
            await hub.start()

    asyncio.run(begin())
    with closing(History.open(tmp_path / "data")):
        pass


def test_what_is_read_too_late_is_passed_over(tmp_path: Path) -> None:
    """A store may answer when the loop is closed already."""

    async def begin() -> Hub:
        hub = Hub(tmp_path / "data", LocalBus(), Bounds(**FAST), (), "Test")
        await hub.start()
        await hub.stop()
        return hub

    hub = asyncio.run(begin())
    answers: list[Callable[[Found], None]] = []

    class Late:
        def read(self, query: Query, done: Callable[[Found], None]) -> None:
            answers.append(done)

    hub._store = Late()  # type: ignore[assignment]
    hub.read(Ask(1, Who()))  # type: ignore[arg-type]
    answers[0](Found())


def test_everybody_is_told_of_a_stop_and_what_was_said_before_is_stored(tmp_path: Path) -> None:
    background = Background()
    with pytest.MonkeyPatch.context() as patch:
        house = House(background, tmp_path / "data", patch)
    with Person(house.address) as person, Program(house.address, "ann", "lobby") as ann:
        ann.ask("say", room="lobby", body="last words", cid="last")
        house.hub._loop.call_soon_threadsafe(house.hub.drain)
        assert ann.until("bye") == {
            "type": "bye",
            "code": "restart",
            "text": "the server restarts; come back in 1 s",
            "retry_seconds": 1.0,
        }
        assert person.until("restarts") == "* the server restarts; come back in 1 s"
        assert person.rest() == ann.rest() == b""
    background.stop()
    with closing(History.open(tmp_path / "data")) as history:
        assert history.load().heads["lobby"].seq == 1


def test_a_unix_socket_and_its_people_are_of_this_machine(
    serve: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landline.testing.background.ANY_PORT", f"unix://{tmp_path / 'chat.sock'}")
    house = House(serve, tmp_path / "data", monkeypatch)
    with Program(house.address, None) as program:
        assert program.welcome.get("passwords", True) is True
    call(house.address).close()
