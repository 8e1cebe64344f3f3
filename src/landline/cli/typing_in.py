"""What the person or the program before us says: lines of the input, or lines typed at a prompt."""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import termios
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

import click

from landline.cli.exits import CommandError, Exit
from landline.errors import MessageTooLarge, TruncatedMessage, UnframableMessage
from landline.framing import Lines
from landline.limits import Limits
from landline.server.run import new_event_loop

READ_BYTES = 65536
PROMPT = "> "
INPUT_THREAD = "landline input"


def somebody_types() -> bool:
    """Whether a person types, and there is a terminal to show the prompt on."""
    return sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty())


def loop_for_input() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the event loop: asyncio's own where somebody types.

    uvloop makes the terminal non-blocking, also for the shell that started us and for what runs there after us.
    """
    return asyncio.new_event_loop if somebody_types() else new_event_loop


async def piped_lines(limits: Limits) -> AsyncIterator[bytes]:
    """Lines of standard input, each as soon as it is read; a last one without its end counts too.

    Raises CommandError for a line over the limit.
    """
    decoder = Lines().decoder(limits)
    tail = b""
    try:
        async for data in _input_pieces():
            for line in decoder.feed(data):
                yield line
            tail = data[data.rfind(b"\n") + 1 :] if b"\n" in data else tail + data
        decoder.eof()
    except MessageTooLarge as error:
        raise CommandError(Exit.USAGE, f"a line of the input has more than {error.limit} bytes") from error
    except TruncatedMessage:
        yield tail


async def piped_pieces() -> AsyncIterator[bytes]:
    """Standard input as it comes, for the raw framing."""
    async for data in _input_pieces():
        yield data


async def _input_pieces() -> AsyncIterator[bytes]:
    """Reads of standard input, each when it is asked for, so that a fast writer is held back.

    A thread reads, because a file or a terminal cannot be waited for by an event loop; it is a daemon, because nothing
    wakes a thread that reads a silent pipe.
    """
    loop = asyncio.get_running_loop()
    wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
    arrived: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    reading = (loop, wanted, arrived.put_nowait)
    threading.Thread(target=_read_while_wanted, args=reading, name=INPUT_THREAD, daemon=True).start()
    try:
        while True:
            wanted.put(True)
            piece = await arrived.get()
            if isinstance(piece, OSError):
                raise CommandError(Exit.USAGE, f"cannot read the input: {os.strerror(piece.errno or 0).lower()}")
            if not piece:
                return
            yield piece
    finally:
        wanted.put(False)


def _read_while_wanted(
    loop: asyncio.AbstractEventLoop, wanted: queue.SimpleQueue[bool], put: Callable[[bytes | OSError], None]
) -> None:
    number = sys.stdin.fileno()
    while wanted.get():
        try:
            piece: bytes | OSError = os.read(number, READ_BYTES)
        except OSError as error:
            piece = error
        # The loop is closed if the conversation ended while we were reading.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(put, piece)


async def typed_lines(check: Callable[[bytes], object]) -> AsyncIterator[bytes]:
    """Lines typed at a prompt with history; empty ones are left out; `exit` or the end of input ends.

    The prompt stands on the output, or on the error output if only that is a terminal. A line for which `check` raises
    UnframableMessage is not given out; the person is told why.
    """
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import InMemoryHistory
    from prompt_toolkit.output import create_output

    output = create_output(always_prefer_tty=True)
    session: PromptSession[str] = PromptSession(history=InMemoryHistory(), output=output)
    with _no_echo() if sys.stdin.isatty() else nullcontext():
        while True:
            try:
                line = await session.prompt_async(PROMPT)
            except EOFError:
                return
            # What was pasted may hold several lines.
            for text in line.split("\n"):
                if text.strip() == "exit":
                    return
                if text and _passes(check, text.encode("utf-8", "surrogateescape")):
                    yield text.encode("utf-8", "surrogateescape")


@contextmanager
def _no_echo() -> Iterator[None]:
    """Keep the terminal from showing what is typed between two prompts: the next prompt shows it."""
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    quiet = termios.tcgetattr(number)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(number, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(number, termios.TCSANOW, before)


def _passes(check: Callable[[bytes], object], message: bytes) -> bool:
    try:
        check(message)
    except UnframableMessage as error:
        click.echo(f"not sent: {error}", err=True)
        return False
    return True


def above_the_prompt() -> AbstractContextManager[None]:
    """While this holds, what is printed appears above the prompt.

    Where messages go to a pipe they cannot garble the prompt, and must stay exact.
    """
    from prompt_toolkit.patch_stdout import patch_stdout

    return patch_stdout() if sys.stdout.isatty() else nullcontext()


async def read_ahead(messages: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same messages; the next ones are read while whoever takes them is busy with one."""
    ahead: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def read() -> None:
        try:
            async for message in messages:
                ahead.put_nowait(message)
        finally:
            ahead.put_nowait(None)

    reading = asyncio.create_task(read())
    try:
        while (message := await ahead.get()) is not None:
            yield message
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
