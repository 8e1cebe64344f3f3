"""The store of a chat: a SQLite database in a folder, one thread that writes it, and two that read.

One thread takes all entries that wait, and makes one commit of them: the more come, the more share the wait for the
disk. A commit has reached the disk before anybody is told of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from landline.chat.applying import Applying
from landline.chat.entries import AnyEntry, Genesis, Outcome, Snapshot
from landline.chat.ports import Found, Query, Range
from landline.chat.querying import find, snapshot
from landline.chat.schema import error_code, open_reader, open_writer
from landline.errors import ChatError

MOST_IN_COMMIT = 256
"""Entries that share a commit: more would let the first of them wait for the last. Those of one call stay together."""
DATABASE = "chat.db"
_LOCK = "chat.lock"
_INTERRUPT_SECONDS = 0.02
_CLOSED = "the history of this chat is closed"

log = logging.getLogger("landline.chat")

_Entries = Sequence[tuple[int, AnyEntry]]
_Applied = Callable[[list[Outcome]], None]
_Batch = list[tuple[_Entries, _Applied]]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Commits:
    """What a store has written: commits and the entries in them, and how long that took in all and at most."""

    commits: int = 0
    entries: int = 0
    failed: int = 0
    seconds: float = 0.0
    slowest_seconds: float = 0.0


class History:
    """The store of a chat in a folder; one process at a time. `History.open` makes one; `close` ends its threads."""

    def __init__(
        self, folder: Path, lock: int, writer: sqlite3.Connection, readers: tuple[sqlite3.Connection, ...]
    ) -> None:
        self._folder = folder
        self._lock = lock
        self._connection = writer
        self._applying = Applying(writer)
        self._commits = Commits()
        # The guard keeps a call of `apply` or `read` from falling behind the end of its queue.
        self._guard = threading.Lock()
        self._is_closed = False
        self._waiting: SimpleQueue[tuple[_Entries, _Applied] | None] = SimpleQueue()
        self._writing = threading.Thread(target=self._write, name="landline chat writes", daemon=True)
        # A page is not to wait behind a search.
        self._pages = _Reading(readers[0], "landline chat pages")
        self._searches = _Reading(readers[1], "landline chat searches")

    @classmethod
    def open(cls, folder: Path, fresh: Genesis | None = None, *, is_restored: bool = False) -> History:
        """Open the history in a folder, which is made if it is missing, for its owner alone.

        `fresh` is written down if there is no genesis yet. `is_restored`: it came back from a backup, and the messages
        that were said behind it are gone: it gets the epoch of `fresh`, so that nobody takes later ones for those.
        Raises ChatError if another process has it open, if it is none or of a later version, or if the folder cannot be
        used.
        """
        with contextlib.ExitStack() as undo:
            try:
                _make_folder(folder)
                lock = _locked(folder)
                undo.callback(os.close, lock)
                writer = undo.enter_context(contextlib.closing(open_writer(folder / DATABASE)))
                _sync_folder(folder)
            except OSError as error:
                problem = f"the chat cannot keep its data in {folder}: {error.strerror or error}"
                raise ChatError(f"{problem}; give another folder with --data") from None
            _begin(folder, writer, fresh, is_restored)
            readers = tuple(undo.enter_context(contextlib.closing(open_reader(folder / DATABASE))) for _ in range(2))
            history = cls(folder, lock, writer, readers)
            undo.pop_all()
        history._start()
        return history

    @property
    def commits(self) -> Commits:
        """What has been written since it was opened."""
        return self._commits

    def load(self) -> Snapshot:
        """What is kept, but messages. Blocks. Raises ChatError if it cannot be read."""
        try:
            with contextlib.closing(open_reader(self._folder / DATABASE)) as connection:
                return snapshot(connection)
        except sqlite3.Error as error:
            raise ChatError(f"{self._folder / DATABASE} cannot be read: {error}") from None

    def apply(self, entries: _Entries, done: _Applied) -> None:
        """Apply entries in this order; `done` gets the outcome of each from another thread. See ports.Store.

        After `close` all of them have failed, and `done` is called at once.
        """
        with self._guard:
            if not self._is_closed:
                self._waiting.put((entries, done))
                return
        done([Outcome(entry, why="failed", detail=_CLOSED) for _, entry in entries])

    def read(self, query: Query, done: Callable[[Found], None]) -> None:
        """Read; `done` gets what was found from another thread. See ports.Store. After `close` that is an error."""
        reading = self._pages if isinstance(query, Range) else self._searches
        with self._guard:
            if not self._is_closed:
                reading.waiting.put((query, done))
                return
        done(Found(error=_CLOSED))

    def close(self) -> None:
        """Write what was given, then close. Blocks. Queries that wait are answered with an error."""
        with self._guard:
            if self._is_closed:
                return
            self._is_closed = True
            for reading in (self._pages, self._searches):
                reading.end()
            self._waiting.put(None)
        self._pages.join()
        self._searches.join()
        self._writing.join()
        # Without room on the disk the log cannot be copied; it stays beside the database, and nothing is lost.
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        os.close(self._lock)

    def _start(self) -> None:
        self._writing.start()
        self._pages.start()
        self._searches.start()

    def _write(self) -> None:
        is_ending = False
        while not is_ending:
            batch, is_ending = self._gather()
            if batch:
                outcomes = self._commit(batch)
                for (_, done), of_call in zip(batch, outcomes, strict=True):
                    _hand_on(done, of_call)

    def _gather(self) -> tuple[_Batch, bool]:
        """All that waits, but not much more than may share a commit; and whether it is the end. Waits for the first."""
        batch: _Batch = []
        count = 0
        with contextlib.suppress(Empty):
            while count < MOST_IN_COMMIT:
                call = self._waiting.get(block=not batch)
                if call is None:
                    return batch, True
                batch.append(call)
                count += len(call[0])
        return batch, False

    def _commit(self, batch: _Batch) -> list[list[Outcome]]:
        """Apply the entries of these calls in one transaction: all of them last when this returns, or none does."""
        begun = time.perf_counter()
        failed = 0
        try:
            self._roll_back()
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._applying.apply(entries) for entries, _ in batch]
            self._connection.execute("COMMIT")
            self._applying.committed()
        except Exception as error:
            # Whatever it was, also what nobody foresaw: the thread lives on, and the next entries have their chance.
            self._applying.rolled_back()
            with contextlib.suppress(sqlite3.Error):
                self._roll_back()
            why = _sentence(error)
            log.debug("%s cannot be written", self._folder / DATABASE, exc_info=error)
            if not isinstance(error, sqlite3.Error):
                log.exception("entries of the chat could not be stored, for a fault that is none of the disk")
            elif error_code(error) != sqlite3.SQLITE_FULL:
                log.error("%s cannot be written: %s", self._folder / DATABASE, error)
            outcomes = [[Outcome(entry, why="failed", detail=why) for _, entry in entries] for entries, _ in batch]
            failed = 1
        seconds = time.perf_counter() - begun
        was = self._commits
        self._commits = Commits(
            was.commits + 1, was.entries + sum(map(len, outcomes)), was.failed + failed, was.seconds + seconds,
            max(was.slowest_seconds, seconds),
        )  # fmt: skip
        return outcomes

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


class _Reading:
    """A thread that answers queries, on a connection of its own."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self.waiting: SimpleQueue[tuple[Query, Callable[[Found], None]] | None] = SimpleQueue()
        self._is_ending = False
        self._connection = connection
        self._thread = threading.Thread(target=self._read, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Answer what waits with an error."""
        self._is_ending = True
        self.waiting.put(None)

    def join(self) -> None:
        """Break off what runs, and wait for the end."""
        while self._thread.is_alive():
            # Again and again: it does nothing to a query that is about to begin.
            self._connection.interrupt()
            self._thread.join(_INTERRUPT_SECONDS)
        self._connection.close()

    def _read(self) -> None:
        while (asked := self.waiting.get()) is not None:
            query, done = asked
            _hand_on(done, self._found(query))

    def _found(self, query: Query) -> Found:
        if self._is_ending:
            return Found(error=_CLOSED)
        try:
            return find(self._connection, query)
        except Exception:
            # As above: an odd query is not the end of all others.
            return Found(error=_CLOSED if self._is_ending else "the history cannot be read now")


def _hand_on(done: Callable[[_Result], None], result: _Result) -> None:
    """Call back. What goes wrong there is a matter of who called, and the thread must go on for the others."""
    try:
        done(result)
    except Exception:
        log.exception("a callback of the history of the chat failed")


def _make_folder(folder: Path) -> None:
    """A folder that is there already keeps its mode: what is in it may be for others; our files are not."""
    with contextlib.suppress(FileExistsError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)


def _locked(folder: Path) -> int:
    """A descriptor that keeps other processes away while it is open. Raises ChatError, and OSError."""
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise ChatError(f"{folder} is used by another chat; end that one, or give another folder with --data") from None
    except OSError:
        os.close(lock)
        raise
    return lock


def _sync_folder(folder: Path) -> None:
    """Make the name of a new database as durable as what will be in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _begin(folder: Path, writer: sqlite3.Connection, fresh: Genesis | None, is_restored: bool) -> None:
    """Write down how the log began, if it has not begun. Raises ChatError."""
    try:
        if fresh is not None and not writer.execute("SELECT 1 FROM facts WHERE name = 'epoch'").fetchone():
            writer.execute("BEGIN IMMEDIATE")
            Applying(writer).apply([(0, fresh)])
            writer.execute("COMMIT")
        elif fresh is not None and is_restored:
            writer.execute("UPDATE facts SET value = ? WHERE name = 'epoch'", (fresh.epoch,))
    except sqlite3.Error as error:
        raise ChatError(f"a new chat could not begin in {folder}: {_sentence(error)} ({error})") from None


def _sentence(error: Exception) -> str:
    """Why something could not be stored. People hear it, so it has nothing of where that is."""
    match error_code(error):
        case sqlite3.SQLITE_FULL:
            return "the disk of the server is full"
        case sqlite3.SQLITE_IOERR:
            return "the disk of the server fails"
    return "the server cannot write its history"
