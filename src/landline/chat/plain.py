"""The chat in plain lines: for pipes, and for people who have the screen read to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from landline.chat.changes import Connected, Ended, Lost, Told
from landline.chat.client import ChatClient
from landline.chat.lines import parse_line
from landline.chat.notices import Ack, Answer, Joined, Left, Refused
from landline.chat.plainwords import words_of, words_of_notice
from landline.chat.wire import Join, Login, Msg, Password, Quit, Register, Request, Resume, Say
from landline.errors import ConnectionClosed, RequestRefused, WaitTimeout

Show = Callable[[str], None]
AskPassword = Callable[[str], Awaitable[str]]

MOST_WAIT_SECONDS = 60.0
"""How long a message waits that came too fast. What a room in slow mode wants beyond that, a person should know."""

_NO_REFUSAL = ("", "lagged")
"""Codes of what is told as an error, and is no answer to what was asked for."""


class PlainChat:
    """One person's lines and a chat's.

    `client` is the chat; `show` prints one line; `ask_password` asks for a password without showing it, and is told
    what for (None: there is nobody to ask). With `times`, messages say when they were said. `room` is the room that is
    spoken in, `refused` how many lines, rooms and nicks the chat has not taken.
    """

    def __init__(
        self, client: ChatClient, show: Show, *, ask_password: AskPassword | None = None, times: bool = False
    ) -> None:
        self.room: str | None = None
        self.refused = 0
        self._client = client
        self._show = show
        self._ask_password = ask_password
        self._times = times

    async def run(self, lines: AsyncGenerator[str, None]) -> None:
        """Show what comes and say the `lines`, until they end, or /quit, or the chat is over.

        When this returns, what was said is stored or was refused. Raises what ended the client, if it ended by itself.
        """
        self._client.start()
        loop = asyncio.get_running_loop()
        showing = loop.create_task(self._show_all())
        saying = loop.create_task(self._say_all(lines))
        try:
            await asyncio.wait((showing, saying), return_when=asyncio.FIRST_COMPLETED)
            if showing.done():
                showing.result()
            else:
                saying.result()
                await self._client.close()
                await showing
        finally:
            for task in (saying, showing):
                task.cancel()
            await asyncio.gather(saying, showing, return_exceptions=True)
            await self._client.close()

    async def _show_all(self) -> None:
        why = ""
        async for change in self._client:
            if isinstance(change, Ended) and change.error is not None:
                raise change.error
            if isinstance(change, Connected):
                why = ""
            elif isinstance(change, Lost):
                # Each try that fails like the one before is no news: somebody may have every line read to them.
                if change.text == why:
                    continue
                why = change.text
            if isinstance(change, Told) and change.is_error and change.code not in _NO_REFUSAL:
                self.refused += 1
            for line in words_of(change, self._client.view, times=self._times):
                self._show(line)

    async def _say_all(self, lines: AsyncGenerator[str, None]) -> None:
        async with aclosing(lines):
            await self._client.ready()
            self.room = next(iter(self._client.view.wished), None)
            async for text in lines:
                if text.strip() and not await self._act(text):
                    return

    async def _act(self, text: str) -> bool:
        """Do what a line says. Returns False when it is time to end."""
        request = await self._secret(text) or parse_line(text, self.room)
        match request:
            case Quit():
                return False
            case bytes():
                for line in request.decode().splitlines():
                    self._show(line)
            case Refused():
                self._refuse(request)
            case Say() | Msg():
                await self._say(request)
            case _:
                await self._ask(request)
        return True

    async def _say(self, request: Say | Msg) -> None:
        while True:
            try:
                ack = await self._said(request)
            except RequestRefused as refused:
                if refused.code in ("too_fast", "slow") and refused.wait and refused.wait <= MOST_WAIT_SECONDS:
                    await asyncio.sleep(refused.wait)
                    continue
                self.refused += 1
                self._show(f"! not said: {refused}")
                return
            self._tell(ack)
            return

    async def _said(self, request: Say | Msg) -> Ack:
        if isinstance(request, Msg):
            return await self._client.msg(request.to, request.body)
        return await self._client.say(request.room, request.body)

    async def _ask(self, request: Request) -> None:
        try:
            answer = await self._client.ask(request)
        except RequestRefused as refused:
            self._refuse(Refused(code=refused.code, text=refused.text, wait=refused.wait))
        except (ConnectionClosed, WaitTimeout) as error:
            if self._client.error is not None:
                raise
            self._show(f"! not done: {error}")
        else:
            if isinstance(answer, Joined | Left):
                self._follow(request, answer.room)
            if isinstance(request, Password):
                self._show("* your password is another now")
            else:
                self._tell(answer)

    def _refuse(self, notice: Refused) -> None:
        self.refused += 1
        self._tell(notice)

    def _tell(self, notice: Answer) -> None:
        for line in words_of_notice(notice):
            self._show(line)

    def _follow(self, request: Request, room: str) -> None:
        """Speak in the room that was entered last."""
        if isinstance(request, Join | Resume) and not room.startswith("@"):
            self.room = room
        elif room == self.room:
            self.room = next(iter(self._client.view.wished), None)

    async def _secret(self, text: str) -> Request | Refused | None:
        """A command that takes a password and has none: it is asked for, so that it never stands on the screen."""
        ask = self._ask_password
        if ask is None:
            return None
        match text.split():
            case ["/register"]:
                new = await self._new_password()
                return Register(new) if new else _DIFFERENT
            case ["/login", nick]:
                return Login(nick, await ask(f"password of {nick}: "))
            case ["/password"]:
                old = await ask("old password: ")
                new = await self._new_password()
                return Password(old, new) if new else _DIFFERENT
        return None

    async def _new_password(self) -> str:
        assert self._ask_password is not None
        first = await self._ask_password("new password: ")
        return first if first == await self._ask_password("the same again: ") else ""


_DIFFERENT = Refused(code="usage", text="nothing was changed: it was not the same password twice, or none")
