"""Committing: verified files get their names, many at a time, and only then does the sender hear of it.

The order is the point: data and metadata to disk, the journal's word for each file, the names, the folders with those
names to disk, the journal again, LANDED.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TypeVar

from landline.transfer.checkpoints import FULL, Checkpoints
from landline.transfer.diskerrors import LandingError, NoSpace, landing_error
from landline.transfer.faults import Fault
from landline.transfer.landing import Landed as Named
from landline.transfer.landing import Ready, Synced
from landline.transfer.ledger import File
from landline.transfer.openparts import SMALL_FILES, SMALL_LIMIT
from landline.transfer.reception import Reception
from landline.transfer.records import Landed, Landing
from landline.transfer.wire import LandedFile

Pair = tuple[File, Ready]
Step = TypeVar("Step")

GROUP_FILES = 1024
ENOUGH_FILES = min(GROUP_FILES, SMALL_LIMIT) // 2
"""So many begin at once, while as many others are being written."""
GROUP_SECONDS = 0.1
"""So long a small group waits for more files, while more are to come."""
JOURNAL_BYTES = 1024 * 1024
"""What a group needs in the journal, with all its names."""


class _Item:
    """A file on its way to its name; `small_fd` is its descriptor where it is not among the open parts."""

    def __init__(self, file: File, small_fd: int | None) -> None:
        self.file = file
        self.small_fd = small_fd


class Committer:
    """A thread that lands files in groups."""

    def __init__(self, reception: Reception, checkpoints: Checkpoints) -> None:
        self._reception = reception
        self._checkpoints = checkpoints
        self._waiting: deque[_Item] = deque()
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="landline committer", daemon=True)
        self._thread.start()

    def take(self, files: Sequence[File]) -> None:
        """Land files whose parts are among the open ones."""
        with self._changed:
            self._waiting += [_Item(file, None) for file in files]
            self._changed.notify()

    def take_small(self, files: Sequence[tuple[File, int]]) -> None:
        """Land small files; their descriptors, counted by SMALL_FILES, are ours from here on."""
        with self._changed:
            self._waiting += [_Item(file, small_fd) for file, small_fd in files]
            self._changed.notify()

    def hurry(self) -> None:
        """Nothing more comes: there is nothing to wait for."""
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """End the thread, when what it has taken has landed."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            try:
                self._commit(group)
            except Exception as error:
                self._reception.end(error)
            finally:
                for item in group:
                    _release(item)

    def _next_group(self) -> list[_Item]:
        """The next files to land; none at the end of the epoch."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            self._changed.wait_for(self._is_enough, GROUP_SECONDS)
            return [self._waiting.popleft() for _ in range(min(GROUP_FILES, len(self._waiting)))]

    def _is_enough(self) -> bool:
        if len(self._waiting) >= ENOUGH_FILES or self._closing:
            return True
        # Without its lock, as somebody may have it who waits for ours: at worst we wait a moment for nothing.
        return self._reception.ledger.waits_for_landing_only

    def _commit(self, group: list[_Item]) -> None:
        for item in group:
            self._checkpoints.forget(item.file)
        with contextlib.ExitStack() as stack:
            ready = []
            for item in group:
                try:
                    part_fd = stack.enter_context(self._descriptor_of(item))
                except (LandingError, NoSpace) as error:
                    self._reception.fail(item.file, error.fault, getattr(error, "problem", str(error)))
                    continue
                entry = item.file.entry
                ready.append((item.file, Ready(item.file.index, part_fd, entry.parts, entry.mode, entry.mtime_ns)))
            self._land(ready)

    @contextlib.contextmanager
    def _descriptor_of(self, item: _Item) -> Iterator[int]:
        if item.small_fd is not None:
            yield item.small_fd
            return
        if not item.file.made:
            # Nothing has come of it, as there is nothing in it: an empty stream. What lies under its number is older.
            self._make_empty(item.file)
        with self._reception.parts.use(item.file.index) as part_fd:
            if item.file.entry.size is None:
                os.ftruncate(part_fd, item.file.size)
            yield part_fd

    def _make_empty(self, file: File) -> None:
        """Make the part of a file without bytes. Raises LandingError."""
        try:
            self._reception.parts.add(file.index, self._reception.place.create(file))
        except NoSpace as error:
            raise LandingError(Fault.SPACE, file.entry.parts, str(error)) from error
        except OSError as error:
            raise landing_error(file.entry.parts, error) from error
        file.made = True

    def _land(self, group: list[Pair]) -> None:
        began = time.monotonic()
        landing, digest = self._reception.place.landing, self._reception.digest
        synced = self._kept(group, landing.sync([ready for _, ready in group]))
        by_file = {file: file.root(digest) for (file, _), _ in synced}
        synced = self._announced(synced, list(by_file.values()))
        if not synced:
            return
        named = self._kept([pair for pair, _ in synced], landing.name([ready for (_, ready), _ in synced]))
        try:
            landing.settle()
        except LandingError as error:
            for (file, _), _ in named:
                self._reception.fail(file, error.fault, error.problem)
            return
        with contextlib.suppress(OSError):
            # Without it, the next run finds out by itself that they have landed.
            self._reception.place.journal.append(*[_landed(file, at) for (file, _), at in named])
        for (file, _), _ in named:
            self._reception.parts.forget(file.index)
        with self._reception.lock:
            self._reception.tally.synced += time.monotonic() - began
        self._reception.land([(file, _row(file, at, by_file[file])) for (file, _), at in named])

    def _kept(self, group: Sequence[Pair], results: Sequence[Step | LandingError]) -> list[tuple[Pair, Step]]:
        """Those for which a step went well, each with its result; the others have failed."""
        kept = []
        for pair, result in zip(group, results, strict=True):
            if isinstance(result, LandingError):
                self._reception.fail(pair[0], result.fault, result.problem)
            else:
                kept.append((pair, result))
        return kept

    def _announced(self, synced: list[tuple[Pair, Synced]], roots: list[bytes]) -> list[tuple[Pair, Synced]]:
        """Say in the journal which files are about to get their names. Returns those for which it had room."""
        records = [
            Landing(file.index, at.device, at.inode, root, file.size, file.entry.parts)
            for ((file, _), at), root in zip(synced, roots, strict=True)
        ]
        waited = False
        while synced and not self._journaled(records):
            if not waited and self._reception.room.wait(JOURNAL_BYTES):
                continue
            waited = True
            # What a few of them have taken of the disk is room for the journal of the others.
            kept = len(synced) * 7 // 8
            self._give_up([pair for pair, _ in synced[kept:]])
            synced, records = synced[:kept], records[:kept]
        return synced

    def _journaled(self, records: list[Landing]) -> bool:
        """Whether the journal has the records, durable; if not, the disk is full. Raises OSError for all else."""
        journal = self._reception.place.journal
        try:
            journal.append(*records)
            journal.sync()
        except OSError as error:
            if error.errno not in FULL:
                raise
            return False
        return True

    def _give_up(self, group: list[Pair]) -> None:
        """There is no room for files that are whole already; what they take is free at once."""
        problem = str(NoSpace(JOURNAL_BYTES, self._reception.place.destination.free_bytes()))
        for file, ready in group:
            with contextlib.suppress(OSError):
                # Its descriptor is open still, and holds the room although the name goes.
                os.ftruncate(ready.fd, 0)
            self._reception.fail(file, Fault.SPACE, problem)


def _landed(file: File, at: Named) -> Landed:
    return Landed(file.index, at.parts, file.entry.mtime_ns)


def _row(file: File, at: Named, root: bytes) -> LandedFile:
    return LandedFile(file.index, root, at.parts if at.parts != file.entry.parts else None)


def _release(item: _Item) -> None:
    if item.small_fd is not None:
        os.close(item.small_fd)
        SMALL_FILES.release()
