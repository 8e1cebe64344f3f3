"""A client without a connection: what the chat says is given by the test, what is asked for is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC
from typing import Any

from landline.chat.changes import CaughtUp, Change, Connected
from landline.chat.notices import Ack, Answer, Done, Joined, Message, Notice, Page, Person, Place, Refused, Welcome
from landline.chat.terminal.app import ChatApp
from landline.chat.terminal.palette import DARK, Palette
from landline.chat.view import Pending, View
from landline.chat.wire import AnyRequest, Join, Leave, Msg, Request, Say
from landline.errors import RequestRefused

EPOCH = "0123456789abcdef"
NOON = 1_795_262_400.0
"""Saturday, 21 November 2026, 12:00 in UTC."""
ME = Person("anna", "anna")
BERT = Person("bert", "bert", role="op")
CARLA = Person("~carlacarla", "carla")
PEOPLE = [ME, BERT, CARLA]


class FakeClient:
    """As ChatClient, for the screen."""

    def __init__(self) -> None:
        self.view = View(["lobby"])
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Answer] = lambda _: Done()
        self.said: list[tuple[Pending, asyncio.Future[Ack]]] = []
        self._changes: asyncio.Queue[Change] = asyncio.Queue()

    def hears(self, *notices: Notice) -> None:
        """The chat says something."""
        for notice in notices:
            self.changes(*self.view.handle(notice, 0.0))

    def changes(self, *changes: Change) -> None:
        """Something changes."""
        for change in changes:
            self._changes.put_nowait(change)

    def __aiter__(self) -> AsyncIterator[Change]:
        return self

    async def __anext__(self) -> Change:
        return await self._changes.get()

    async def ask(self, request: Request, timeout_seconds: float | None = None) -> Answer:
        """Note a question; `answer` is what comes back."""
        self.requests.append(request)
        answer = self.answer(request)
        if isinstance(answer, Refused):
            raise RequestRefused(answer.code, answer.text)
        for change in self.view.handle(answer, 0.0, is_answer=True):
            self.changes(change)
        return answer

    async def say(self, room: str, body: str) -> Ack:
        """Note what is said; the test settles it."""
        return await self._say(self.view.say(room, body, f"cid-{len(self.said)}"))

    async def msg(self, nick: str, body: str) -> Ack:
        """As say."""
        return await self._say(self.view.msg(nick, body, f"cid-{len(self.said)}"))

    async def _say(self, pending: Pending) -> Ack:
        done: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self.said.append((pending, done))
        return await done

    def refuses(self, text: str) -> None:
        """The newest message said is refused."""
        pending, done = self.said[-1]
        self.changes(*self.view.fail(pending.cid, "muted", text))
        done.set_exception(RequestRefused("muted", text))

    def post(self, request: Request) -> bool:
        """Note a request."""
        self.requests.append(request)
        return True


def message(seq: int, nick: str, body: str, room: str = "lobby", **more: Any) -> Message:
    """A message, one each 20 seconds from noon."""
    more.setdefault("time", NOON + 20 * seq)
    more.setdefault("sender", {"carla": "~carlacarla"}.get(nick, nick))
    return Message(room=room, seq=seq, epoch=EPOCH, id=f"id{seq}", nick=nick, body=body, **more)


def entered(
    *messages: Message,
    room: str = "lobby",
    topic: str = "",
    direct: tuple[Place, ...] = (),
    people: list[Person] = PEOPLE,
) -> list[Notice]:
    """What the chat says to somebody who comes, and enters a room with these recent messages."""
    last = messages[-1].seq if messages else 0
    return [
        Welcome(server="test", epoch=EPOCH, id="anna", nick="anna", token="token", account="anna", direct=list(direct)),
        Joined(room=room, epoch=EPOCH, seq=last, members=people, count=len(people), topic=topic),
        Page(kind="tail", messages=list(messages), room=room),
    ]


def parse(text: str, room: str | None) -> AnyRequest | Refused:
    """A few commands, in place of all."""
    words = text.split()
    match words[0]:
        case "/join":
            return Join(room=words[1])
        case "/leave":
            return Leave(room=words[1] if len(words) > 1 else room or "")
        case "/msg":
            return Msg(to=words[1], body=" ".join(words[2:]))
        case command if command.startswith("/") and not command.startswith("//"):
            return Refused(code="unknown_command", text=f"there is no command {command}; /help lists them")
    return Say(room=room or "lobby", body=text.removeprefix("/") if text.startswith("//") else text)


def app_for(client: FakeClient, palette: Palette = DARK) -> ChatApp:
    """The screen of a client, with times in UTC."""
    return ChatApp(client, parse, palette, UTC)


def screen_of(app: ChatApp) -> list[str]:
    """The lines that are on the screen."""
    from textual.geometry import Region

    width, height = app.size
    strips = app.screen._compositor.render_strips()  # what goes to the terminal; there is no public way to it
    del Region, width
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips[:height]]


def connected() -> list[Change]:
    """The connection stands."""
    return [Connected(is_again=False), CaughtUp(0.0, 0, {})]
