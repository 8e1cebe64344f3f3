"""Terminals: a bare one that shows every byte a program writes, and tmux, which shows what a person sees."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect

from tests.integration.rig import WAIT_SECONDS
from tests.peers import require_peer

UP, CTRL_C, CTRL_D = "\x1b[A", "\x03", "\x04"

# A bare terminal does not answer when it is asked where its cursor is; and its width is for the test to say.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
ENVIRONMENT |= {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, spawned: pexpect.spawn[str]) -> None:
        self._spawned = spawned

    def expect(self, words: str) -> None:
        """Wait until the program has written `words`; those before them are gone then."""
        self._spawned.expect_exact(words)

    def expect_match(self, pattern: str) -> str:
        """Wait for a pattern; what its first group found."""
        self._spawned.expect(pattern)
        found = self._spawned.match
        assert isinstance(found, re.Match)
        return str(found[1])

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        self._spawned.send(f"{line}\r")

    def press(self, keys: str) -> None:
        """Press keys."""
        self._spawned.send(keys)

    def ends(self, code: int) -> str:
        """Wait for the end of the program and check its exit code; what it wrote since the last `expect`."""
        self._spawned.expect(pexpect.EOF)
        # A terminal is at its end a moment before the program is: to close it then would be to kill.
        self._spawned.wait()
        self._spawned.close()
        rest = str(self._spawned.before)
        assert self._spawned.exitstatus == code, rest
        assert "Traceback" not in rest, rest
        return rest


@contextmanager
def on_terminal(command: str, *arguments: str) -> Iterator[Terminal]:
    """Run a program on a terminal of 250 columns."""
    spawned = pexpect.spawn(
        command,
        list(arguments),
        encoding="utf-8",
        codec_errors="surrogateescape",
        timeout=WAIT_SECONDS,
        env=ENVIRONMENT,
        dimensions=(24, 250),
    )
    with spawned:
        yield Terminal(spawned)


class Screen:
    """A shell in tmux: what a person sees of it."""

    def __init__(self, tmux: str, folder: Path) -> None:
        # A server of its own, found by its socket, with nobody's settings.
        self._tmux = [tmux, "-u", "-S", str(folder / "tmux"), "-f", os.devnull]

    def start(self, columns: int, rows: int) -> None:
        """Start tmux with a shell that shows nothing but `$ `."""
        shell = "env -u ENV PS1='$ ' TERM=screen PATH=\"$PATH\" sh"
        self._do("new-session", "-d", "-x", str(columns), "-y", str(rows), shell)
        self.shows("$ ")

    def stop(self) -> None:
        """End tmux and what runs in it."""
        subprocess.run([*self._tmux, "kill-server"], check=False, stderr=subprocess.DEVNULL)

    def type(self, text: str) -> None:
        """Type text as it is."""
        self._do("send-keys", "-l", text)

    def press(self, key: str) -> None:
        """Press a key by its name in tmux, such as Enter."""
        self._do("send-keys", key)

    def enter(self, line: str) -> None:
        """Type a line and press Enter."""
        self.type(line)
        self.press("Enter")

    def lines(self) -> list[str]:
        """The lines on the screen, without the blanks at their ends and the empty ones below."""
        text = subprocess.run([*self._tmux, "capture-pane", "-p"], check=True, capture_output=True).stdout.decode()
        return [line.rstrip() for line in text.rstrip().splitlines()]

    def shows(self, *last: str) -> None:
        """Wait until the last lines of the screen are these."""
        wanted = [line.rstrip() for line in last]
        deadline = time.monotonic() + WAIT_SECONDS
        while (seen := self.lines())[-len(wanted) :] != wanted:
            assert time.monotonic() < deadline, f"waited for {wanted}, the screen shows {seen}"
            time.sleep(0.02)

    def has(self, words: str, *, gone: str = "") -> list[str]:
        """Wait until `words` are on the screen, and `gone` is not. Returns its lines."""
        deadline = time.monotonic() + WAIT_SECONDS
        while words not in (text := "\n".join(lines := self.lines())) or (gone and gone in text):
            assert time.monotonic() < deadline, f"waited for {words!r} without {gone!r}, the screen shows {lines}"
            time.sleep(0.02)
        return lines

    def resize(self, columns: int, rows: int) -> None:
        """Take another size."""
        self._do("resize-window", "-x", str(columns), "-y", str(rows))

    def _do(self, *arguments: str) -> None:
        subprocess.run([*self._tmux, *arguments], check=True)


@contextmanager
def screen(folder: Path, columns: int = 100, rows: int = 30) -> Iterator[Screen]:
    """A shell in tmux."""
    shown = Screen(require_peer("tmux"), folder)
    try:
        shown.start(columns, rows)
        yield shown
    finally:
        shown.stop()
