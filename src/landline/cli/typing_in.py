"""What the person or the program before us says: lines of the input, or lines typed at a prompt."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator

from landline.errors import TruncatedMessage
from landline.framing import Lines
from landline.limits import Limits

READ_BYTES = 65536
PROMPT = "> "


async def piped_lines(limits: Limits) -> AsyncIterator[bytes]:
    """Lines of standard input, each as soon as it is read; a last one without its end counts too.

    Raises MessageTooLarge for a line over the limit.
    """
    decoder = Lines().decoder(limits)
    tail = b""
    async for data in _input_pieces():
        for line in decoder.feed(data):
            yield line
        tail = data[data.rfind(b"\n") + 1 :] if b"\n" in data else tail + data
    try:
        decoder.eof()
    except TruncatedMessage:
        yield tail


async def piped_pieces() -> AsyncIterator[bytes]:
    """Standard input as it comes, for the raw framing."""
    async for data in _input_pieces():
        yield data


async def _input_pieces() -> AsyncIterator[bytes]:
    """Reads of standard input.

    A thread reads, because a file or a terminal cannot be waited for by an event loop; it is a daemon, because nothing
    wakes a thread that reads a silent pipe. It waits until each piece was taken, so a fast writer is held back.
    """
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes | OSError] = asyncio.Queue(1)

    def read() -> None:
        while True:
            try:
                piece: bytes | OSError = os.read(sys.stdin.fileno(), READ_BYTES)
            except OSError as error:
                piece = error
            try:
                asyncio.run_coroutine_threadsafe(pieces.put(piece), loop).result()
            except (RuntimeError, asyncio.CancelledError):
                return
            if not piece or isinstance(piece, OSError):
                return

    threading.Thread(target=read, daemon=True).start()
    while True:
        piece = await pieces.get()
        if isinstance(piece, OSError):
            raise piece
        if not piece:
            return
        yield piece


async def typed_lines() -> AsyncIterator[bytes]:
    """Lines typed at a prompt with history; empty ones are left out; `exit` or the end of input ends.

    While the prompt stands, what is printed appears above it.
    """
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import InMemoryHistory

    session: PromptSession[str] = PromptSession(history=InMemoryHistory())
    while True:
        try:
            line = await session.prompt_async(PROMPT)
        except EOFError:
            return
        if line.strip() == "exit":
            return
        if line:
            yield line.encode("utf-8", "surrogateescape")
