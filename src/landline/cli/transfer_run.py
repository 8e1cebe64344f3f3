"""What `send` and `receive` have in common while they run: who sees the events, how an end becomes an exit code."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from landline.cli import transfer_text as words
from landline.cli.exits import CommandError, Exit, code_of_files, leave_output
from landline.cli.transfer_view import JsonView, View
from landline.transfer.events import Broke, Ended, Event, FileFailed, Observer, Ready, Said
from landline.transfer.progress import Metered


class Watch:
    """Shows events in `view` and remembers what the end of the command needs.

    `on_ready` and `on_said` are called for addresses and codes, and for texts, unless events go out as JSON.
    `limit` is the rate that was asked for, in bytes a second.
    """

    def __init__(
        self,
        view: View,
        limit: int | None = None,
        on_ready: Callable[[Ready], None] | None = None,
        on_said: Callable[[Said], None] | None = None,
    ) -> None:
        self.ended: Ended | None = None
        self.faults: Counter[str] = Counter()
        self.under_way: set[str] = set()
        self.transfers = self.landed = self.bytes = 0
        self._view = view
        self._on_ready = on_ready
        self._on_said = on_said
        self._metered = Metered(self._show, time.monotonic, limit)

    def __call__(self, event: Event) -> None:
        """Take an event."""
        self._metered(event)

    @property
    def code(self) -> Exit:
        """The exit code for what has been seen."""
        faults = list(self.faults.elements())
        if self.ended is None:
            return code_of_files(0, faults)
        if not faults and self.ended.fault:
            faults = [self.ended.fault]
        return code_of_files(self.ended.landed + self.ended.skipped, faults)

    def _show(self, event: Event) -> None:
        match event:
            case FileFailed():
                self.faults[event.fault] += 1
            case Ended():
                self.ended = event
                self.transfers += 1
                self.landed += event.landed
                self.bytes += event.size
                self.under_way.discard(event.transfer)
            case Broke():
                # Its sender may come again, or not; it is not we who cut it off.
                self.under_way.discard(event.transfer)
            case Ready() | Said():
                pass
            case _ if event.transfer:
                self.under_way.add(event.transfer)
            case _:
                pass
        if isinstance(self._view, JsonView):
            self._view(event)
        elif isinstance(event, Ready) and self._on_ready is not None:
            self._on_ready(event)
        elif isinstance(event, Said) and self._on_said is not None:
            self._on_said(event)
        else:
            self._view(event)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM, and SIGHUP of a terminal that has gone, end the command as Ctrl-C does."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_to_end(work: Callable[[Observer], None], watch: Watch, view: View, how_to_go_on: str = words.GO_ON) -> None:
    """Do the work; the view is closed whatever happens. Raises CommandError if somebody interrupts."""
    try:
        with interruptible():
            work(watch)
    except KeyboardInterrupt:
        view.close()
        raise CommandError(Exit.INTERRUPTED, f"interrupted; {how_to_go_on}") from None
    finally:
        view.close()


def print_summary(watch: Watch, view: View, where: str, to_stderr: bool = False) -> None:
    """Say how it ended. With `--json` the last event has said it."""
    if isinstance(view, JsonView) or watch.ended is None:
        return
    tell_end(words.summary(watch.ended, where), to_stderr)


def tell_end(sentence: str, to_stderr: bool = False) -> None:
    """Print how it ended. The exit code says it as well: an output that is full or has gone changes nothing."""
    try:
        click.echo(sentence, err=to_stderr)
    except OSError:
        leave_output()


def terminal_shows() -> bool:
    """Whether a person looks at the output."""
    return sys.stdout.isatty()
