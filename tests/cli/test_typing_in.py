"""Lines of the input as they are read, and lines typed at a prompt."""

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, nullcontext

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from landline.cli.exits import CommandError, Exit
from landline.cli.typing_in import (
    READ_BYTES,
    above_the_prompt,
    piped_lines,
    piped_pieces,
    read_ahead,
    somebody_types,
    typed_lines,
)
from landline.framing import parse as parse_framing
from landline.limits import Limits
from tests.cli.conftest import end_of_reading


class Pipe:
    """The other end of standard input."""

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, data: bytes) -> None:
        os.write(self._number, data)

    def end(self) -> None:
        os.close(self._number)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    reading, writing = os.pipe()
    with open(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield Pipe(writing)
        end_of_reading()


async def collected(messages: AsyncIterator[bytes]) -> list[bytes]:
    return [message async for message in messages]


def lines_of(pipe: Pipe, data: bytes, limits: Limits | None = None) -> list[bytes]:
    """The lines of an input that is `data` and ends."""

    async def run() -> list[bytes]:
        return await collected(piped_lines(limits or Limits()))

    pipe.write(data)
    pipe.end()
    return asyncio.run(run())


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"one\n", [b"one"]),
        (b"one", [b"one"]),
        (b"one\ntwo", [b"one", b"two"]),
        (b"one\r\n\r\ntwo\r\n", [b"one", b"", b"two"]),
        (b"\xff\x00\x1b\nlast\r", [b"\xff\x00\x1b", b"last\r"]),
    ],
)
def test_each_line_of_the_input_is_a_message(pipe: Pipe, data: bytes, lines: list[bytes]) -> None:
    assert lines_of(pipe, data) == lines


def test_a_line_is_given_out_as_soon_as_it_is_read(pipe: Pipe) -> None:
    async def run() -> None:
        lines = piped_lines(Limits())
        for line in (b"one", b"two"):
            pipe.write(line + b"\nhalf")
            assert (await anext(lines)).endswith(line)
        pipe.write(b" a line, in pie")
        pipe.write(b"ces")
        pipe.end()
        assert await collected(lines) == [b"half a line, in pieces"]

    asyncio.run(run())


def test_a_last_line_that_came_in_pieces_is_whole(pipe: Pipe) -> None:
    assert lines_of(pipe, b"x" * 60_000) == [b"x" * 60_000]


def test_a_line_over_the_limit_is_wrong_use_and_the_lines_before_it_count(pipe: Pipe) -> None:
    async def run() -> None:
        lines = piped_lines(Limits(max_message_bytes=4))
        assert await anext(lines) == b"good"
        with pytest.raises(CommandError) as caught:
            await anext(lines)
        assert str(caught.value) == "a line of the input has more than 4 bytes"
        assert caught.value.code == Exit.USAGE

    pipe.write(b"good\nlonger\n")
    pipe.end()
    asyncio.run(run())


def test_raw_input_is_given_out_as_it_comes(pipe: Pipe) -> None:
    async def run() -> None:
        pieces = piped_pieces()
        for piece in (b"no newline", b"\r\n\r\n", b"\xff"):
            pipe.write(piece)
            assert await anext(pieces) == piece
        pipe.end()
        assert await collected(pieces) == []

    asyncio.run(run())


def test_nothing_is_read_that_nobody_asked_for(pipe: Pipe) -> None:
    async def run() -> None:
        pieces = piped_pieces()
        pipe.write(b"a" * READ_BYTES)
        assert len(await anext(pieces)) <= READ_BYTES
        # The pipe holds 64 KiB (pipe(7)); were it read further, more would fit.
        pipe.write(b"b" * READ_BYTES)
        pipe.end()
        assert b"".join(await collected(pieces)) == b"b" * READ_BYTES

    asyncio.run(run())


def test_an_input_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        with pytest.raises(CommandError, match="cannot read the input: bad file descriptor") as caught:
            await collected(piped_pieces())
        assert caught.value.code == Exit.USAGE

    with open(os.devnull, "w") as unreadable:
        monkeypatch.setattr(sys, "stdin", unreadable)
        asyncio.run(run())


def test_leaving_while_the_input_is_silent_is_no_error(pipe: Pipe, recwarn: pytest.WarningsRecorder) -> None:
    """The thread that waited for the input once died with a traceback when the conversation was over."""

    async def run() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await collected(piped_pieces())

    asyncio.run(run())
    pipe.write(b"too late")
    pipe.end()
    assert not recwarn.list


def typed(keys: str, check: Callable[[bytes], object] = bytes) -> list[bytes]:
    """The lines that somebody makes by pressing `keys`."""

    async def run() -> list[bytes]:
        async with asyncio.timeout(10):
            return await collected(typed_lines(check))

    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        keyboard.send_text(keys)
        return asyncio.run(run())


LEFT, BACKSPACE, CTRL_D = "\x1b[D", "\x7f", "\x04"


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (CTRL_D, []),
        (f"one\rtwo\r{CTRL_D}", [b"one", b"two"]),
        ("one\rexit\r", [b"one"]),
        (" exit \r", []),
        ("exit now\rexit\r", [b"exit now"]),
        (f"\r\r \r{CTRL_D}", [b" "]),
        (f"wrang{LEFT}{LEFT}{BACKSPACE}o\r{CTRL_D}", [b"wrong"]),
        (f"grüße ☎\r{CTRL_D}", ["grüße ☎".encode()]),
        (f"\x1b[200~one\ntwo\r\n\nthree\x1b[201~\r{CTRL_D}", [b"one", b"two", b"three"]),
        ("\x1b[200~one\nexit\ntwo\x1b[201~\r", [b"one"]),
    ],
)
def test_typed_lines(keys: str, lines: list[bytes]) -> None:
    assert typed(keys) == lines


def test_a_line_that_cannot_be_sent_is_said_and_typing_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(f"hello\rfour\r{CTRL_D}", parse_framing("fixed:4").encode) == [b"four"]
    assert capsys.readouterr().err == "not sent: framing 'fixed:4' cannot carry this message: it has 5 bytes, not 4\n"


class Stream(io.StringIO):
    """A stream that is a terminal, or is not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminals", "typing"),
    [("", False), ("out err", False), ("in", False), ("in out", True), ("in err", True), ("in out err", True)],
)
def test_somebody_types_if_there_is_a_terminal_to_read_and_one_to_show_on(
    monkeypatch: pytest.MonkeyPatch, terminals: str, typing: bool
) -> None:
    for name in ("in", "out", "err"):
        monkeypatch.setattr(sys, f"std{name}", Stream(name in terminals.split()))
    assert somebody_types() is typing
    assert isinstance(above_the_prompt(), nullcontext) is ("out" not in terminals)


async def numbers(asked: list[int]) -> AsyncIterator[bytes]:
    for number in range(3):
        asked.append(number)
        yield b"%d" % number


def test_reading_ahead_changes_nothing_but_the_time() -> None:
    async def run() -> None:
        asked: list[int] = []
        async with aclosing(read_ahead(numbers(asked))) as ahead:
            assert await anext(ahead) == b"0"
            await asyncio.sleep(0)
            assert asked == [0, 1, 2]
            assert await collected(ahead) == [b"1", b"2"]

    asyncio.run(run())


def test_reading_ahead_passes_an_error_on() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"good"
        raise CommandError(Exit.USAGE, "no more")

    async def run() -> None:
        ahead = read_ahead(broken())
        assert await anext(ahead) == b"good"
        with pytest.raises(CommandError, match="no more"):
            await anext(ahead)

    asyncio.run(run())


def test_leaving_ends_the_reading_ahead() -> None:
    ended = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def run() -> None:
        async with aclosing(read_ahead(endless())) as ahead:
            assert await anext(ahead) == b"one"
            await asyncio.sleep(0)
        assert ended

    asyncio.run(run())
