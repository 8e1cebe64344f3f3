"""Programs that talk in a chat as fast as they may, come back after every loss, and keep a record of all they saw."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from landline.chat.changes import Change, Connected, Lost, MessageAdded, NotRecovered, Recovered
from landline.chat.client import ChatClient
from tests.integration.chatrig import Notice, Program
from tests.integration.rig import WAIT_SECONDS

IN_FLIGHT = 5
"""Messages of one program that may wait for their answer."""


class Crowd:
    """What the programs share: whether the chat runs, how many messages were acknowledged, and whether to go on."""

    def __init__(self, addresses: Sequence[str], room: str = "lobby") -> None:
        self.addresses = addresses
        """Those of all nodes: who loses one goes to the next."""
        self.room = room
        self.acknowledged = 0
        self.is_over = False
        self.is_abandoned = False
        """The test has failed: what was not answered does not matter any more."""
        self._changed = threading.Condition()
        self._is_up = False

    def up(self) -> None:
        """The chat runs."""
        with self._changed:
            self._is_up = True
            self._changed.notify_all()

    def down(self) -> None:
        """The chat is about to end: whoever loses it waits until it runs again."""
        with self._changed:
            self._is_up = False

    def wait_until_up(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._is_up, WAIT_SECONDS)

    def count(self) -> None:
        with self._changed:
            self.acknowledged += 1
            self._changed.notify_all()

    def wait_for(self, more: int) -> None:
        """Wait until so many more messages are acknowledged."""
        with self._changed:
            wanted = self.acknowledged + more
            assert self._changed.wait_for(lambda: self.acknowledged >= wanted, WAIT_SECONDS), self.acknowledged


class Sayer(threading.Thread):
    """One program. `screen` is what it shows, in order; `acknowledged` the places of its messages by cid.

    It asserts at once that what it is told follows without a hole and that nothing comes twice.
    """

    def __init__(self, crowd: Crowd, name: str) -> None:
        super().__init__(name=name)
        self.crowd = crowd
        self.screen: list[Notice] = []
        self.acknowledged: dict[str, int] = {}
        self.byes: list[Notice] = []
        self.duplicates = 0
        self.error: BaseException | None = None
        self._unsaid: deque[str] = deque()
        self._said = 0
        self._token: str | None = None
        self._epoch = ""
        self._tried = 0

    def run(self) -> None:
        try:
            while not self._is_done:
                self.crowd.wait_until_up()
                try:
                    address = self.crowd.addresses[self._tried % len(self.crowd.addresses)]
                    self._tried += 1
                    with Program(address, self.name, token=self._token) as program:
                        self._talk(program)
                except (OSError, EOFError, AssertionError) as error:
                    if isinstance(error, AssertionError) and "never came" not in str(error):
                        raise
        except BaseException as error:
            self.error = error

    @property
    def _is_done(self) -> bool:
        return self.crowd.is_abandoned or (self.crowd.is_over and not self._unsaid)

    def _talk(self, program: Program) -> None:
        self._token = program.welcome["token"]
        assert program.welcome["nick"] == self.name
        if self._epoch:
            seq = self.screen[-1]["seq"] if self.screen else 0
            program.ask("resume", room=self.crowd.room, epoch=self._epoch, seq=seq)
            joined = program.until("joined")
            assert joined["recovered"], joined
        else:
            program.ask("join", room=self.crowd.room, tail=200)
            self._epoch = program.until("joined")["epoch"]
        for cid in self._unsaid:
            self._say(program, cid)
        while not self._is_done:
            self._go_on(program)
            self._hear(program.notice())

    def _go_on(self, program: Program) -> None:
        while len(self._unsaid) < IN_FLIGHT and not self.crowd.is_over:
            self._said += 1
            self._unsaid.append(f"{self.name}-{self._said}")
            self._say(program, self._unsaid[-1])

    def _say(self, program: Program, cid: str) -> None:
        program.ask("say", room=self.crowd.room, body=f"this is {cid}", cid=cid)

    def _hear(self, notice: Notice) -> None:
        match notice["type"]:
            case "message":
                self._show(notice)
            case "page":
                for message in notice["messages"]:
                    self._show(message)
            case "ack":
                self._unsaid.remove(notice["cid"])
                self.acknowledged[notice["cid"]] = notice["seq"]
                self.duplicates += notice.get("duplicate", False)
                self.crowd.count()
            case "bye":
                self.byes.append(notice)
            case "error":
                raise AssertionError(notice)

    def _show(self, message: dict[str, Any]) -> None:
        last = self.screen[-1]["seq"] if self.screen else message["seq"] - 1
        assert message["seq"] == last + 1, f"{message['seq']} behind {last} on the screen of {self.name}"
        self.screen.append(message)


class Watcher(threading.Thread):
    """The client of the library, in a loop of its own, until it sees the message `END` in the lobby.

    `seqs` are the places of all messages it was told of as new, in order; `course` how its connection went.
    """

    END = "this is the end"

    def __init__(self, address: str) -> None:
        super().__init__(name="watcher")
        self.address = address
        self.is_in = threading.Event()
        self.error: BaseException | None = None
        self.seqs: list[int] = []
        self.course: list[Change] = []

    def run(self) -> None:
        try:
            asyncio.run(self._watch())
        except BaseException as error:
            self.error = error

    async def _watch(self) -> None:
        async with ChatClient(self.address, nick="watcher", tail=0) as client:
            self.is_in.set()
            async with asyncio.timeout(WAIT_SECONDS * 10):
                async for change in client:
                    if isinstance(change, Connected | Lost | Recovered | NotRecovered):
                        self.course.append(change)
                    elif isinstance(change, MessageAdded) and change.is_new:
                        self.seqs.append(change.message.seq)
                        if change.message.body == self.END:
                            return


def stored(address: str, room: str) -> list[Notice]:
    """All messages of a room, as the chat has them."""
    with Program(address, None) as reader:
        found: list[Notice] = []
        more = True
        while more:
            reader.ask("history", room=room, after=len(found), limit=200)
            page = reader.until("page")
            found += page["messages"]
            more = page.get("more", False)
        return found


def check(sayers: list[Sayer], kept: list[Notice]) -> None:
    """Nothing that was acknowledged is missing, nothing is there twice, and every screen shows what is stored."""
    assert [message["seq"] for message in kept] == list(range(1, len(kept) + 1))
    places = {(message["nick"], message["cid"]): message["seq"] for message in kept}
    assert len(places) == len({message["id"] for message in kept}) == len(kept)
    times = [message["time"] for message in kept]
    assert times == sorted(times)
    for sayer in sayers:
        if sayer.error is not None:
            raise sayer.error
        assert {cid: places.get((sayer.name, cid)) for cid in sayer.acknowledged} == sayer.acknowledged
        first = sayer.screen[0]["seq"]
        assert sayer.screen == kept[first - 1 : first - 1 + len(sayer.screen)]
