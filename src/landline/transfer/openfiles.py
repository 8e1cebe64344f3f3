"""Descriptors of files that are being sent: several connections share one, and there are never many."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from landline.transfer.schedule import FileWork
from landline.transfer.source import Source, source_of

MOST_FILES = 32


class SourceChanged(Exception):
    """A file is not what it was when it was listed. `found` is what the system says of it now."""

    def __init__(self, found: os.stat_result) -> None:
        super().__init__(found)
        self.found = found


@dataclass(slots=True)
class _Slot:
    descriptor: int
    users: int = 0


class OpenFiles:
    """Keeps at most 32 files of `source` open beyond those that are used. Threads may share it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._slots: OrderedDict[tuple[int, int], _Slot] = OrderedDict()

    @contextlib.contextmanager
    def borrowed(self, file: FileWork) -> Iterator[int]:
        """A descriptor of a file, for reading by offsets. Raises SourceChanged and OSError."""
        key = (file.index, file.entry.generation)
        slot = self._take(key) or self._open(key, file)
        try:
            yield slot.descriptor
        finally:
            with self._lock:
                slot.users -= 1
                self._close_some(MOST_FILES)

    def forget(self, file: FileWork) -> None:
        """Close a file as soon as nobody uses it."""
        with self._lock:
            slot = self._slots.get((file.index, file.entry.generation))
            if slot is not None:
                self._slots.move_to_end((file.index, file.entry.generation), last=False)
                self._close_some(len(self._slots) - 1)

    def close(self) -> None:
        """Close all that nobody uses."""
        with self._lock:
            self._close_some(0)

    def _take(self, key: tuple[int, int]) -> _Slot | None:
        with self._lock:
            slot = self._slots.get(key)
            if slot is not None:
                slot.users += 1
                self._slots.move_to_end(key)
            return slot

    def _open(self, key: tuple[int, int], file: FileWork) -> _Slot:
        """Opened outside of the lock: one slow file must not hold up the others."""
        descriptor, found = self._source.open(file.entry)
        if source_of(found) != file.entry.source:
            os.close(descriptor)
            raise SourceChanged(found)
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        with self._lock:
            slot = self._slots.setdefault(key, _Slot(descriptor))
            if slot.descriptor != descriptor:
                os.close(descriptor)
            slot.users += 1
            return slot

    def _close_some(self, keep: int) -> None:
        for key in [key for key, slot in self._slots.items() if not slot.users]:
            if len(self._slots) <= keep:
                return
            os.close(self._slots.pop(key).descriptor)
