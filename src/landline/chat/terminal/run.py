"""The terminal client from its start to its end, whatever ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator

from landline.chat.client import ChatClient
from landline.chat.lines import parse_line
from landline.chat.terminal.background import ask_terminal, is_light
from landline.errors import UsageError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run_terminal(client: ChatClient, *, look: str = "") -> Exception | None:
    """Show a chat on this terminal until the person, a signal or the chat ends it.

    `client` is entered already (`async with`). `look` is `light`, `dark`, or "" to follow the terminal; with NO_COLOR
    in the environment there are no colours. Returns the error that ended the conversation, None if the person has.
    Raises UsageError where there is no terminal, or without the library that draws.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM", "dumb") == "dumb":
        raise UsageError("the terminal client needs a terminal that can move its cursor; use --plain here")
    try:
        from landline.chat.terminal.app import ChatApp
        from landline.chat.terminal.looks import palette_for
    except ImportError as error:
        raise UsageError(
            f"the terminal client needs {error.name or 'textual'}: pip install 'landline[chat]', or use --plain"
        ) from None
    for name in ("COLUMNS", "LINES"):
        # Where these are set, the size of the terminal would be theirs for good, whatever it becomes.
        os.environ.pop(name, None)
    light = look == "light" or (not look and is_light(ask_terminal(0, 1), os.environ))
    has_colours = not os.environ.get("NO_COLOR")
    app = ChatApp(client, parse_line, palette_for(is_light=light, has_colours=has_colours))
    with _ended_by_signals(app.exit), _without_log():
        return await app.run_async()


@contextlib.contextmanager
def _without_log() -> Iterator[None]:
    """A log on stderr would be written across the screen."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    root.handlers[:] = [logging.NullHandler()]
    try:
        yield
    finally:
        root.handlers[:] = handlers


@contextlib.contextmanager
def _ended_by_signals(end: Callable[[], object]) -> Iterator[None]:
    """Signals end the program in order: otherwise the terminal would stay as it is on the other screen."""
    loop = asyncio.get_running_loop()
    for one in SIGNALS:
        loop.add_signal_handler(one, end)
    try:
        yield
    finally:
        for one in SIGNALS:
            loop.remove_signal_handler(one)
