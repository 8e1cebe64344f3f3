"""What is seen of transfers while they run: bars on a terminal, plain lines elsewhere, or events as JSON."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

from landline.cli import transfer_text as words
from landline.cli.exits import leave_output
from landline.cli.transfer_text import shown
from landline.transfer.events import (
    Began,
    Broke,
    Ended,
    Event,
    FileFailed,
    FileLanded,
    FileMoved,
    Moved,
    NoRoom,
    Noted,
    Offered,
    Resent,
    as_json,
)

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

FEW_FILES = 8
"""With so many files each has a bar of its own."""
WAIT_SECONDS = 30.0
"""Between two lines about a disk that is still full."""
LINE_SECONDS = 1.0
"""Between two lines about how far a transfer is, where no terminal is."""
TITLE_COLUMNS, BAR_COLUMNS = 22, 10
BESIDE_COLUMNS = BAR_COLUMNS + len(" 100 %  ")
"""What stands beside the words about a bar and its title, with the blanks between."""
TOLD_FAILURES = words.LISTED


class View(Protocol):
    """Takes events as they come, from several threads."""

    def __call__(self, event: Event) -> None:
        """Show an event."""

    def close(self) -> None:
        """Show no more, and leave the terminal as it was."""

    def say(self, sentence: str) -> None:
        """A sentence for the person."""


class JsonView:
    """Each event is one line of JSON on `output`, at once. An output that is full or has gone stops no transfer."""

    def __init__(self, output: TextIO | None = None) -> None:
        self._output: TextIO | None = output or sys.stdout
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Write an event."""
        with self._lock:
            if self._output is None:
                return
            try:
                self._output.write(f"{as_json(event).decode()}\n")
                self._output.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def _give_up(self, error: OSError | ValueError) -> None:
        # What was not written would be tried again at exit, and change the exit code.
        if self._output is sys.stdout:
            leave_output()
        self._output = None
        reason = getattr(error, "strerror", None) or error
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"landline: no more events can be written ({reason}); the transfer goes on\n")

    def say(self, sentence: str) -> None:
        """Sentences are events too."""
        self(Noted(sentence=sentence))

    def close(self) -> None:
        """There is nothing to put back."""


class Teller(ABC):
    """What the view for pipes and the one for terminals have in common: which event is which sentence.

    `say` shows a sentence. `drop` is the folder of a drop, where many transfers come, so that lines name theirs.
    """

    def __init__(self, explain: bool, drop: str) -> None:
        self._explain = explain
        self._drop = drop
        self._labels: dict[str, str] = {}
        self._failed: dict[str, int] = {}
        self._renamed: dict[str, int] = {}
        self._resent: dict[str, tuple[str, str]] = {}
        self._waits: dict[str, NoRoom] = {}
        self._moved: dict[str, Moved] = {}

    @abstractmethod
    def say(self, sentence: str) -> None:
        """Show a sentence."""

    def label(self, event: Event) -> str:
        """What stands before the lines of a transfer."""
        return self._labels.get(event.transfer, "") if self._drop else ""

    def tell(self, event: Event) -> None:
        """Say what an event calls for, if anything."""
        match event:
            case Offered():
                self._labels[event.transfer] = f"{shown(event.peer)}: "
                if self._drop:
                    self.say(f"{shown(event.peer)} offers {self._offer(event)}")
            case Began(resumed=resumed) if resumed:
                self.say(f"{self.label(event)}going on: {words.size(resumed)} are there already")
            case Broke():
                self.say(f"{self.label(event)}{words.broken(event)}")
            case FileLanded():
                self._tell_renamed(event)
            case Moved():
                self._moved[event.transfer] = event
            case FileFailed():
                self._tell_failed(event)
            case Resent():
                self._tell_resent(event)
            case NoRoom():
                self._tell_no_room(event)
            case Noted():
                self.say(f"{self.label(event)}{shown(event.sentence, words.MOST_SENTENCE)}")
            case Ended():
                self._tell_end(event)
            case _:
                pass

    def _offer(self, event: Offered) -> str:
        label = shown(event.label) or "files"
        # How much it is, nobody knows as long as the sender looks through its folders.
        known = event.files is not None or event.size is not None
        return f"{label} ({words.amount(event.files, event.size)})" if known else label

    def _tell_failed(self, event: FileFailed) -> None:
        """A line a file, but not for ten thousand of them."""
        number = self._failed[event.transfer] = self._failed.get(event.transfer, 0) + 1
        if number <= TOLD_FAILURES:
            self.say(f"{self.label(event)}{words.failed_file(event)}")
        elif number == TOLD_FAILURES + 1:
            self.say(f"{self.label(event)}failed: more files (--json lists all)")

    def _tell_renamed(self, event: FileLanded) -> None:
        """Under which name a file landed, where that is not its own."""
        if event.skipped or event.path in ("", event.name):
            return
        number = self._renamed[event.transfer] = self._renamed.get(event.transfer, 0) + 1
        if number <= TOLD_FAILURES:
            self.say(f"{self.label(event)}{shown(event.name)} landed as {shown(event.path)}")
        elif number == TOLD_FAILURES + 1:
            self.say(f"{self.label(event)}more files landed under other names (--json lists all)")

    def _tell_resent(self, event: Resent) -> None:
        """Once for all chunks of a file that come again for the same reason."""
        what = event.name, event.why
        if self._resent.get(event.transfer) != what:
            self._resent[event.transfer] = what
            self.say(f"{self.label(event)}sent again: {shown(event.name)} ({shown(event.why)})")

    def _tell_no_room(self, event: NoRoom) -> None:
        """At once, then every half minute, or when more is needed."""
        told = self._waits.get(event.transfer)
        if event.seconds_left <= 0:
            self._waits.pop(event.transfer, None)
        elif told is not None and told.needed == event.needed:
            if told.seconds_left - event.seconds_left < WAIT_SECONDS:
                return
            self._waits[event.transfer] = event
        else:
            self._waits[event.transfer] = event
        self.say(f"{self.label(event)}{words.no_room(event)}")

    def _tell_end(self, event: Ended) -> None:
        for known in (self._failed, self._renamed, self._resent, self._waits):
            known.pop(event.transfer, None)
        moved = self._moved.pop(event.transfer, None)
        if self._explain and moved is not None and moved.shares:
            self.say(f"{self.label(event)}{words.explanation(moved)}")
        if self._drop:
            self.say(f"{self.label(event)}{words.summary(event, self._drop)}")
        self._labels.pop(event.transfer, None)


class PlainView(Teller):
    """Lines on `output` (standard error), at most one a second about how far each transfer is."""

    def __init__(
        self,
        explain: bool = False,
        drop: str = "",
        output: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(explain, drop)
        self._output = output or sys.stderr
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[str, float] = {}
        self._line: dict[str, str] = {}

    def say(self, sentence: str) -> None:
        """Write a line. A terminal that has gone is no reason to stop a transfer."""
        with contextlib.suppress(OSError, ValueError):
            self._output.write(f"{sentence}\n")
            self._output.flush()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        with self._lock:
            self.tell(event)
            if isinstance(event, Began):
                self._told[event.transfer] = self._clock()
            elif isinstance(event, Ended):
                self._told.pop(event.transfer, None)
                self._line.pop(event.transfer, None)
            elif isinstance(event, Moved):
                self._tell_moved(event)

    def close(self) -> None:
        """There is nothing to put back."""

    def _tell_moved(self, event: Moved) -> None:
        now = self._clock()
        # What is done, the summary says.
        if event.phase == "done" or now - self._told.get(event.transfer, 0.0) < LINE_SECONDS:
            return
        line = words.progress_line(event, self.label(event))
        if self._explain and event.bottleneck:
            line += f", held up by {event.bottleneck}"
        if line != self._line.get(event.transfer):
            self.say(line)
        self._told[event.transfer] = now
        self._line[event.transfer] = line


class BarView(Teller):
    """Bars on the terminal: one for a transfer, and one for each file where there are few. Lines stand above them."""

    def __init__(self, explain: bool = False, drop: str = "") -> None:
        super().__init__(explain, drop)
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._tasks: dict[tuple[str, int | None], TaskID] = {}
        self._few: set[str] = set()

    def say(self, sentence: str) -> None:
        """Print a line above the bars."""
        with contextlib.suppress(OSError, ValueError):
            if self._progress is None:
                sys.stderr.write(f"{sentence}\n")
                sys.stderr.flush()
            else:
                self._progress.console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def __call__(self, event: Event) -> None:
        """Show an event."""
        with self._lock, contextlib.suppress(OSError):
            match event:
                case Began():
                    self._begin(event)
                case Moved():
                    self._move(event)
                case FileMoved() if event.transfer in self._few:
                    self._move_file(event.transfer, event.file, event.name, event.done, event.size)
                case FileLanded() if event.transfer in self._few:
                    self._move_file(event.transfer, event.file, event.name, event.size, event.size)
                case Ended():
                    self._end(event.transfer)
                case Broke() if self._drop:
                    # Whether its sender comes again nobody knows; if so, there are new bars.
                    self._end(event.transfer)
                case _:
                    pass
            self.tell(event)

    def close(self) -> None:
        """Take the bars away."""
        with self._lock, contextlib.suppress(OSError):
            self._tasks.clear()
            if self._progress is not None:
                self._progress.stop()
                self._progress = None

    def _begin(self, event: Began) -> None:
        """The bars of a transfer. One that goes on after a break has its bars already."""
        if event.files is not None and 1 < event.files <= FEW_FILES:
            self._few.add(event.transfer)
        if (event.transfer, None) not in self._tasks:
            title = self.label(event).rstrip(": ") or "waiting"
            self._tasks[event.transfer, None] = self._bars().add_task(title, total=event.size, percent="", told="")

    def _move(self, event: Moved) -> None:
        task = self._tasks.get((event.transfer, None))
        if task is None or self._progress is None:
            return
        told = self._fitting(_told(event, self._explain))
        title = None if self._drop else event.phase
        percent = _percent(event.durable, event.size)
        self._progress.update(
            task, completed=event.durable, total=event.size, percent=percent, told=told, description=title
        )

    def _move_file(self, transfer: str, file: int, name: str, done: int, size: int | None) -> None:
        if self._progress is None:
            return
        if (transfer, file) not in self._tasks:
            self._tasks[transfer, file] = self._progress.add_task(shown(name), total=size, percent="", told="")
        told = self._fitting(words.share_of(done, size))
        percent = _percent(done, size)
        self._progress.update(self._tasks[transfer, file], completed=done, total=size, percent=percent, told=told)

    def _fitting(self, told: str) -> str:
        """The words, cut where the terminal ends: rich would take the room from the bar."""
        assert self._progress is not None
        title = max((len(task.description) for task in self._progress.tasks), default=0)
        room = max(1, self._progress.console.width - BESIDE_COLUMNS - min(TITLE_COLUMNS, title))
        return told if len(told) <= room else f"{told[: room - 1]}…"

    def _end(self, transfer: str) -> None:
        self._few.discard(transfer)
        for key in [key for key in self._tasks if key[0] == transfer]:
            task = self._tasks.pop(key)
            if self._progress is not None:
                self._progress.remove_task(task)
        if not self._tasks and self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _bars(self) -> Progress:
        """The bars on the terminal, from the first transfer to the end of the last one that is under way."""
        if self._progress is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn
            from rich.table import Column

            self._progress = Progress(
                # `markup=False`: a name with brackets is a name with brackets.
                TextColumn(
                    "{task.description}", markup=False, table_column=Column(max_width=TITLE_COLUMNS, no_wrap=True)
                ),
                BarColumn(bar_width=BAR_COLUMNS),
                TextColumn("{task.fields[percent]:>5}", markup=False),
                TextColumn("{task.fields[told]}", markup=False, table_column=Column(no_wrap=True)),
                console=Console(stderr=True),
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._progress.start()
        return self._progress


def _percent(done: int, total: int | None) -> str:
    """How much is done; nothing where nobody knows of how much."""
    return f"{100 * done // total} %" if total else ""


def _told(event: Moved, explain: bool) -> str:
    """What stands behind the bar of a transfer."""
    parts = [words.share_of(event.durable, event.size)]
    if event.rate > 0:
        parts.append(words.rate(event.rate))
    if event.eta_seconds is not None and event.eta_seconds >= words.SOON_SECONDS:
        parts.append(f"{words.duration(event.eta_seconds)} left")
    # The end is cut on a small terminal.
    if explain and event.bottleneck:
        parts.append(event.bottleneck)
    if event.files is not None and event.files > 1:
        parts.append(f"{event.landed}/{event.files} files")
    return ", ".join(parts)


def view_for(json: bool, explain: bool, drop: str = "") -> View:
    """The view that fits where our output goes. `drop` is the folder of a drop."""
    if json:
        return JsonView()
    return BarView(explain, drop) if sys.stderr.isatty() else PlainView(explain, drop)
