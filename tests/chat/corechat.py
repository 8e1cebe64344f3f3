"""A chat for the tests of clients: the real core behind a plain listener, with a store in memory, which survives."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable

from landline.chat.core import Chat
from landline.chat.effects import (
    Applied,
    Ask,
    Asked,
    Checked,
    CheckPassword,
    Command,
    Connected,
    Disconnected,
    End,
    HashPassword,
    Now,
    Propose,
    Read,
    Stopping,
    Tell,
    Tick,
)
from landline.chat.entries import (
    AccountMade,
    AccountRecord,
    AnyEntry,
    Head,
    Outcome,
    Post,
    RoomOpened,
    RoomRecord,
    Snapshot,
    Stored,
)
from landline.chat.notices import Notice, encode_notice
from landline.chat.ports import Found, Query, Range, SearchFor
from landline.chat.wire import BadRequest, decode_request

Filter = Callable[[Notice], list[Notice]]


class CoreChat:
    """`filter` may drop, double or change what sessions are told. `port` stays the same over `stop` and `start`."""

    def __init__(self) -> None:
        self.epoch = "0123456789abcdef"
        self.port = 0
        self.filter: Filter = lambda notice: [notice]
        self.messages: dict[str, list[Stored]] = {}
        self.requests: list[object] = []
        self.hellos = 0
        self._rooms: list[RoomRecord] = []
        self._accounts: list[AccountRecord] = []
        self._cids: dict[tuple[str, str], Stored] = {}
        self._random = random.Random(1)
        self._numbers = itertools.count(1)
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._time = 1_700_000_000.0

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    async def __aenter__(self) -> CoreChat:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        heads = {room: Head(stored[-1].seq, stored[-1].time) for room, stored in self.messages.items()}
        snapshot = Snapshot(
            epoch=self.epoch, key="ab" * 32, heads=heads, rooms=list(self._rooms), accounts=list(self._accounts)
        )
        self.chat = Chat(snapshot, operators=["boss"])
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self, retry_seconds: float | None = None) -> None:
        """Kill the server; with `retry_seconds`, tell its clients before."""
        if retry_seconds is not None:
            self.handle(Stopping(retry_seconds))
        self._server.close()
        await self.drop()
        await self._server.wait_closed()

    async def drop(self) -> None:
        """Break all connections."""
        for writer in self._writers.values():
            writer.close()
        tasks = list(self._tasks)
        if tasks:
            await asyncio.wait(tasks)

    def store(self, room: str, nick: str, *bodies: str) -> None:
        """Somebody who is not here has said this, and nobody is told of it: as if another node had."""
        for body in bodies:
            self._post(Post(id=f"stored-{next(self._numbers)}", time=self._time, by=nick, by_nick=nick, room=room,
                            body=body))  # fmt: skip

    def tick(self) -> None:
        """Let who came and went be told."""
        self.handle(Tick())

    def tell(self, notice: Notice) -> None:
        """Tell all sessions."""
        for number in list(self._writers):
            self._write(number, notice)

    def handle(self, command: Command) -> None:
        for effect in self.chat.handle(command, Now(self._time, self._time)):
            match effect:
                case Tell(sessions, notice):
                    for number in sessions:
                        self._write(number, notice)
                case Propose(entry):
                    self.handle(Applied([self._apply(entry)]))
                case Ask(ticket, query):
                    self.handle(Read(ticket, self._find(query)))
                case HashPassword(ticket, password):
                    self.handle(Checked(ticket, secret=f"secret of {password}"))
                case CheckPassword(ticket, password, secret):
                    self.handle(Checked(ticket, is_right=secret == f"secret of {password}"))
                case End(session):
                    if session in self._writers:
                        self._writers[session].close()

    def _write(self, number: int, notice: Notice) -> None:
        writer = self._writers.get(number)
        if writer is not None and not writer.is_closing():
            for one in self.filter(notice):
                writer.write(encode_notice(one) + b"\n")

    def _apply(self, entry: AnyEntry) -> Outcome:
        match entry:
            case Post():
                return self._post(entry)
            case RoomOpened():
                self._rooms.append(RoomRecord(entry.room))
            case AccountMade():
                self._accounts.append(
                    AccountRecord(entry.account, entry.nick, entry.skeleton, entry.secret, 0, entry.bot_of)
                )
        return Outcome(entry)

    def _post(self, entry: Post) -> Outcome:
        known = self._cids.get((entry.by, entry.cid)) if entry.cid is not None else None
        if known is not None:
            return Outcome(entry, known, "duplicate")
        there = self.messages.setdefault(entry.room, [])
        stored = Stored(entry, len(there) + 1, entry.time)
        there.append(stored)
        if entry.cid is not None:
            self._cids[entry.by, entry.cid] = stored
        return Outcome(entry, stored)

    def _find(self, query: Query) -> Found:
        match query:
            case Range(room, after, before, limit, newest):
                there = self.messages.get(room, [])
                fit = [one for one in there if one.seq > after and (before is None or one.seq < before)]
                part = fit[-limit:] if newest else fit[:limit]
                return Found(part, more=len(part) < len(fit))
            case SearchFor(text):
                hits = [one for there in self.messages.values() for one in there if text in one.entry.body]
                return Found(hits[::-1])
        return Found()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        number = next(self._numbers)
        self._writers[number] = writer
        self.handle(Connected(number, "127.0.0.1", True, True, False, self._random.randbytes(32)))
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                try:
                    request = decode_request(line)
                except BadRequest as bad:
                    raise AssertionError(line) from bad
                self.requests.append(request)
                self.handle(Asked(number, request, self._random.randbytes(16)))
        self.handle(Disconnected(number))
        del self._writers[number]
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self._tasks.discard(task)
