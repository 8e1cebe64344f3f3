"""The program that runs after each transfer of a drop. It never holds up a transfer."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from landline.errors import shown_name

AT_ONCE = 4
LONGEST_SECONDS = 3600.0
STDERR = 2


class Done(NamedTuple):
    """A transfer that is over: where its files are, its id in hex, its label, and its counts."""

    directory: bytes
    transfer: str
    label: str
    landed: int
    failed: int
    size: int


class Hooks:
    """Runs `program`, arguments and all, at most four at once. `tell` takes sentences about what went wrong."""

    def __init__(self, program: Sequence[str], tell: Callable[[str], None]) -> None:
        self._program = tuple(program)
        self._tell = tell
        self._waiting: queue.SimpleQueue[Done | None] = queue.SimpleQueue()
        self._left = 0
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []

    def run(self, done: Done) -> None:
        """Run the program for a transfer, soon."""
        if not self._program:
            return
        with self._changed:
            self._left += 1
            if len(self._threads) < min(AT_ONCE, self._left):
                thread = threading.Thread(target=self._work, name="landline on-complete", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._waiting.put(done)

    def close(self, seconds: float) -> None:
        """Wait at most `seconds` for programs that run or wait to; those that run go on without us."""
        with self._changed:
            idle = self._changed.wait_for(lambda: not self._left, seconds)
            threads = list(self._threads)
        for _ in threads:
            self._waiting.put(None)
        if not idle:
            self._tell(f"{self._program[0]!r} is still at work; it goes on by itself")
            return
        for thread in threads:
            thread.join()

    def _work(self) -> None:
        while (done := self._waiting.get()) is not None:
            try:
                self._run(done)
            finally:
                with self._changed:
                    self._left -= 1
                    self._changed.notify_all()

    def _run(self, done: Done) -> None:
        command = [*map(os.fsencode, self._program), done.directory, done.transfer.encode(), _argument(done.label)]
        try:
            # What it prints goes where our own complaints go: the standard output is for programs that read ours.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=STDERR, env=_environment(done), start_new_session=True
            )
        except OSError as error:
            self._tell(f"cannot run {self._program[0]!r}: {error.strerror}; look at --on-complete")
            return
        began = time.monotonic()
        try:
            code = process.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self._tell(f"{self._program[0]!r} ran for {time.monotonic() - began:.0f} s and was killed")
            return
        if code:
            self._tell(f"{self._program[0]!r} ended with code {code} for {shown_name(_argument(done.label))}")


def _argument(text: str) -> bytes:
    """A text of a peer as an argument of a program: no zero bytes, which end one."""
    return text.replace("\0", "").encode("utf-8", "replace")


def _environment(done: Done) -> dict[bytes, bytes]:
    environment = dict(os.environb)
    return environment | {
        b"LANDLINE_DIRECTORY": done.directory,
        b"LANDLINE_TRANSFER": done.transfer.encode(),
        b"LANDLINE_LABEL": _argument(done.label),
        b"LANDLINE_LANDED": b"%d" % done.landed,
        b"LANDLINE_FAILED": b"%d" % done.failed,
        b"LANDLINE_SIZE": b"%d" % done.size,
    }
