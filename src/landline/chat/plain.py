"""The chat in plain lines: for pipes, and for people who have the screen read to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from landline.chat.client import ChatClient
from landline.chat.completing import COMMANDS
from landline.chat.notices import Ack, Joined, Left, Notice, Refused
from landline.chat.plainwords import words_of, words_of_answer
from landline.chat.wire import Join, Login, Msg, Password, Quit, Register, Request, Resume, Say
from landline.errors import ConnectionClosed, RequestRefused, WaitTimeout

Parse = Callable[[str, str | None], Request | Notice]
"""What a line means, said in a room: `lines.parse_line`."""
Show = Callable[[str], None]
AskPassword = Callable[[str], Awaitable[str | None]]

MOST_WAIT_SECONDS = 60.0
"""How long a message waits that was said too fast. What a room in slow mode wants beyond that is for people."""


class PlainChat:
    """One person's lines and a chat's.

    `show` prints one line. `parse` tells what a typed line means; `ask_password` asks for one without showing it (None:
    there is nobody to ask). With `times`, messages say when they were said.
    """

    def __init__(
        self,
        client: ChatClient,
        show: Show,
        parse: Parse,
        *,
        ask_password: AskPassword | None = None,
        times: bool = False,
    ) -> None:
        self.room: str | None = None
        """The room that is spoken in."""
        self.refused = 0
        """Messages that the chat has not taken."""
        self.said = 0
        self._client = client
        self._show = show
        self._parse = parse
        self._ask_password = ask_password
        self._times = times

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Show what comes and say the `lines`, until they end, /quit, or the chat is over.

        What was said is stored when this returns. Raises what ended the client, if it has ended by itself.
        """
        self._client.start()
        loop = asyncio.get_running_loop()
        showing = loop.create_task(self._show_all())
        saying = loop.create_task(self._say_all(lines))
        try:
            await asyncio.wait((showing, saying), return_when=asyncio.FIRST_COMPLETED)
            if saying.done():
                saying.result()
                await self._client.close()
                await showing
        finally:
            for task in (saying, showing):
                task.cancel()
            await asyncio.gather(saying, showing, return_exceptions=True)
            await self._client.close()
        if self._client.error is not None:
            raise self._client.error

    async def _show_all(self) -> None:
        async for change in self._client:
            for line in words_of(change, self._client.view, times=self._times):
                self._show(line)

    async def _say_all(self, lines: AsyncIterator[str]) -> None:
        await self._client.ready()
        joined = (room for room in self._client.view.wished)
        self.room = next(joined, None)
        async for text in lines:
            if text.strip() and not await self._act(text):
                return

    async def _act(self, text: str) -> bool:
        """Do what a line says. Returns False when it is time to end."""
        request = await self._secret(text) or self._parse(text, self.room)
        match request:
            case Quit():
                return False
            case Refused():
                self._show(f"! {request.text}")
            case Say() | Msg():
                await self._say(request)
            case Request():
                await self._ask(request)
            case Notice():
                for line in words_of_notice(request):
                    self._show(line)
        return True

    async def _say(self, request: Say | Msg) -> None:
        self.said += 1
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
            if ack.cut:
                self._show("! it was longer than 4096 bytes, and was cut")
            return

    async def _said(self, request: Say | Msg) -> Ack:
        if isinstance(request, Msg):
            return await self._client.msg(request.to, request.body)
        return await self._client.say(request.room, request.body)

    async def _ask(self, request: Request) -> None:
        try:
            answer = await self._client.ask(request)
        except RequestRefused as refused:
            self._show(f"! {refused}")
        except (ConnectionClosed, WaitTimeout) as error:
            if self._client.error is not None:
                raise
            self._show(f"! not done: {error}")
        else:
            self._follow(request, answer.room if isinstance(answer, Joined | Left) else "")
            for line in words_of_answer(answer, self._client.view):
                self._show(line)

    def _follow(self, request: Request, room: str) -> None:
        """Speak in the room that was entered last."""
        if isinstance(request, Join | Resume) and not room.startswith("@"):
            self.room = room
        elif room and room == self.room:
            self.room = next(iter(self._client.view.wished), None)

    async def _secret(self, text: str) -> Request | None:
        """A command that takes a password and has none: it is asked for, so that it never stands on the screen."""
        words = text.split()
        ask = self._ask_password
        if ask is None:
            return None
        match words:
            case ["/register"]:
                first, second = await ask("New password: "), await ask("The same again: ")
                return Register(first) if first and first == second else _refused("the two are not the same")
            case ["/login", nick] if (password := await ask(f"Password of {nick}: ")) is not None:
                return Login(nick, password)
            case ["/password"]:
                old, new, again = await ask("Old password: "), await ask("New password: "), await ask("Again: ")
                return Password(old or "", new) if new and new == again else _refused("the new ones are not the same")
        return None
