"""A screen with somebody in the lobby before it, whose keys a test presses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import Input

from landline.chat import notices, wire
from landline.chat.terminal.app import ChatApp
from landline.chat.terminal.palette import DARK, Palette
from landline.chat.terminal.prompt import Prompt
from tests.chat.terminal.fake import (
    FakeClient,
    app_for,
    connected,
    entered,
    message,
    screen_of,
)

ROUNDS = 4
"""A key goes from the screen to a widget, from there to the program, and what comes of it back."""
NARROW, WIDE = (80, 24), (200, 50)


@dataclass
class Stage:
    """A screen with somebody in the lobby before it."""

    client: FakeClient
    app: ChatApp
    pilot: Pilot[Exception | None]

    @property
    def lines(self) -> list[str]:
        """What is on the screen."""
        return screen_of(self.app)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def rows(self, first: int, last: int) -> list[str]:
        """Rows of the screen, without the column at the right that marks where one is."""
        return [line[:78].rstrip() for line in self.lines[first:last]]

    async def answers(self, *answers: str) -> None:
        """Fill in the lines of a box."""
        for field, answer in zip(self.app.screen.query(Input), answers, strict=False):
            field.value = answer
        await self.press("enter")

    @property
    def prompt(self) -> Prompt:
        return self.app._base("#prompt", Prompt)

    async def settle(self) -> None:
        """Let everything that is on its way come to the screen.

        What the pilot has for it waits until the machine is idle, which takes long, and as long as it likes.
        """
        for _ in range(ROUNDS):
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            await self.pilot._wait_for_screen()
        if not self.app._exit:
            self.app.show_now()
            self.app.screen._on_timer_update()

    async def hears(self, *said: notices.Notice) -> None:
        self.client.hears(*said)
        await self.settle()

    async def press(self, *keys: str) -> None:
        """Press keys, each by its name or as a character."""
        driver = self.app._driver
        assert driver is not None
        for key in keys:
            name = _character_to_key(key) if len(key) == 1 else key
            driver.send_message(events.Key(name, key if len(key) == 1 else None).set_sender(self.app))
            await self.settle()

    async def enter(self, line: str) -> None:
        """Write a line and press Enter."""
        self.prompt.put(line)
        await self.press("enter")

    def asked(self, kind: type[wire.Request]) -> list[wire.Request]:
        """What was asked for, of one kind."""
        return [request for request in self.client.requests if isinstance(request, kind)]


def history(first: int, last: int) -> list[notices.Message]:
    return [message(seq, ("anna", "bert", "carla")[seq % 3], f"message {seq}") for seq in range(first, last + 1)]


@asynccontextmanager
async def stage(
    *said: notices.Message,
    size: tuple[int, int] = NARROW,
    palette: Palette = DARK,
    topic: str = "",
    direct: tuple[notices.Place, ...] = (),
) -> AsyncIterator[Stage]:
    client = FakeClient()
    client.hears(*entered(*said, topic=topic, direct=direct))
    client.changes(*connected())
    app = app_for(client, palette)
    async with app.run_test(size=size) as pilot:
        one = Stage(client, app, pilot)
        await one.settle()
        yield one


def run(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """A test that waits, as one that does not."""

    def whole() -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await test()

        asyncio.run(bounded())

    whole.__name__ = test.__name__
    whole.__doc__ = test.__doc__
    return whole


FILLING = [
    message(1, "bert", "hello everybody"),
    message(2, "bert", "and a long message that has more words than one line of this narrow screen can have"),
    message(3, "carla", "Anna: 日本語 and 👍 are aligned"),
    message(4, "anna", "yes"),
]
