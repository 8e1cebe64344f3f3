"""A place where clients that come back call, all in memory and under the virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from landline.connection.events import Event
from landline.connection.reconnect import Reconnect, ReconnectingConnection, connect_reconnecting
from landline.connection.requests import Numbered
from landline.connection.stream import StreamConnection
from landline.connection.wording import Wording
from landline.errors import (
    ConnectError,
    LandlineError,
)
from landline.framing import parse
from landline.limits import Limits
from landline.payload import Bytes
from landline.testing import run_virtual
from tests.connection.line import THERE, Line, settle

REFUSED = ConnectError(str(THERE), "nothing listens there", passing=True)
FORBIDDEN = ConnectError(str(THERE), "permission denied")


class Place:
    """Where the client calls: each call has its outcome from a list (None: a connection), the last one for ever."""

    def __init__(self, *outcomes: Exception | None, framing: str = "lines", **limits: Any) -> None:
        self.lines: list[Line] = []
        self.told: list[Event] = []
        self._outcomes = list(outcomes) or [None]
        self._framing = framing
        self._numbered = False
        self._limits = limits

    async def open_once(self) -> StreamConnection:
        await asyncio.sleep(0)
        outcome = self._outcomes[0] if len(self._outcomes) == 1 else self._outcomes.pop(0)
        if outcome is not None:
            raise outcome
        self.lines.append(Line(self._framing, **self._limits))
        if self._numbered:
            self.line.connection.number(Numbered())
        return self.line.connection

    async def connect(self, **policy: Any) -> ReconnectingConnection:
        wording = Wording(parse(self._framing), Bytes(), policy.pop("replies", "in_order"), str(THERE))
        self._numbered = wording.numbered
        policy = {"on_event": self.told.append, "draw": lambda: 0.0, **policy}
        limits = Limits(**self._limits)
        return await connect_reconnecting(
            self.open_once, THERE, Reconnect(**policy), wording, limits, timeout_seconds=10.0
        )

    @property
    def line(self) -> Line:
        """The newest connection."""
        return self.lines[-1]

    async def lose(self) -> None:
        """Break the newest connection."""
        self.line.theirs.abort()
        await settle()

    async def leave(self) -> None:
        for line in self.lines:
            await line.__aexit__()


def play(scene: Callable[[Place], Coroutine[Any, Any, None]], place: Callable[[], Place] = Place) -> None:
    """Run a scene; no task may be left at its end."""

    async def whole() -> None:
        here = place()
        try:
            await scene(here)
            await settle()
            assert asyncio.all_tasks() == {asyncio.current_task()}
        finally:
            await here.leave()

    run_virtual(whole())


async def outcome(waiting: Awaitable[Any]) -> Any:
    """What comes of it: the result, or the error."""
    try:
        return await waiting
    except Exception as error:
        return error


async def log_in(connection: StreamConnection) -> None:
    await connection.send(b"login")
    if await connection.receive() != b"welcome":
        raise LandlineError("login refused")
