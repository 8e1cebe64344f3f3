"""The journal of a transfer on disk: what is in it after a `sync` is there after any crash.

One process writes it at a time. What it holds is in `records`; what a crash tore at its end is cut off when it is
opened.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import threading

from landline.errors import TransferError, shown_name
from landline.transfer.closing import Closing
from landline.transfer.records import JOURNAL_NAME, MAGIC, JobState, JournalError, Record, encode, restore
from landline.transfer.statefiles import read_all, write_all

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""Appending, so that no write can land on a record; without waiting, should somebody have put a FIFO in its place."""


class JournalBusy(TransferError):
    """Another process holds the journal. `name` is the file."""

    def __init__(self, name: bytes) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"another process receives this transfer (it holds {shown_name(self.name)}); wait until it has ended"


class Journal(Closing):
    """An open journal, for any number of threads. It is a context manager that closes it.

    `state` is what all its records add up to, those of `append` included. Only what was there when it was opened and
    what a `sync` followed is durable. While threads append, look at it under `lock`.
    """

    def __init__(self, descriptor: int, name: bytes, state: JobState, good_bytes: int) -> None:
        self.state = state
        self.name = name
        self.lock = threading.Condition()
        self._descriptor = descriptor
        self._written_bytes = good_bytes
        self._synced_bytes = good_bytes
        self._syncing = False
        self._is_torn = False
        self._broken: OSError | None = None

    @classmethod
    def open(cls, dir_fd: int, name: bytes = JOURNAL_NAME) -> Journal:
        """Open the journal `name` in the folder of `dir_fd`, or make a new one there (0600).

        Returns it with its `state`; a torn end is cut off, and what is left is durable. Raises JournalBusy while
        another process has it open, JournalError if this is no journal, and OSError from the system.
        """
        descriptor = _locked(dir_fd, name)
        try:
            state, good_bytes = restore(read_all(descriptor), name)
            good_bytes = _made_whole(descriptor, good_bytes)
            os.fsync(dir_fd)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, name, state, good_bytes)

    def append(self, *records: Record) -> None:
        """Write `records` behind the others, all of them or none; they are durable after the next `sync`.

        Raises OSError if the system did not take them (ENOSPC: the disk is full), and the journal is as it was before;
        JournalError for a record that is too large.
        """
        data = encode(records)
        with self.lock:
            self._check_usable()
            try:
                write_all(self._descriptor, data)
                self._written_bytes += len(data)
            except BaseException:
                self._is_torn = True
                with contextlib.suppress(OSError):
                    self._mend()
                raise
            for record in records:
                self.state.apply(record)

    def sync(self) -> None:
        """Wait until all that was appended before this call is on disk; callers at the same time share one wait.

        Raises OSError if the disk did not take it. From then on the journal takes nothing more: the kernel forgets
        what it could not write, and a second try would report success.
        """
        with self.lock:
            wanted = self._written_bytes
            while self._synced_bytes < wanted:
                self._check_usable()
                if self._syncing:
                    self.lock.wait()
                else:
                    self._sync_for_all()

    def _sync_for_all(self) -> None:
        """Sync with the lock released meanwhile, so that others append and join the next round."""
        target = self._written_bytes
        self._syncing = True
        self.lock.release()
        failure: OSError | None = None
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            failure = error
        finally:
            self.lock.acquire()
            self._syncing = False
            self.lock.notify_all()
        if failure is not None:
            self._broken = failure
            raise failure
        self._synced_bytes = target

    def close(self) -> None:
        """Give the journal free for others. What was not synced may be lost in a power cut, and not otherwise."""
        with self.lock:
            while self._syncing:
                self.lock.wait()
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _check_usable(self) -> None:
        if self._descriptor < 0:
            raise OSError(errno.EBADF, "the journal is closed")
        if self._broken is not None:
            raise OSError(self._broken.errno, f"the journal failed before: {self._broken.strerror}")
        self._mend()

    def _mend(self) -> None:
        """Cut off what a failed write left, now or, if the system refuses that too, before the next write."""
        if self._is_torn:
            os.ftruncate(self._descriptor, self._written_bytes)
            self._is_torn = False


def _locked(dir_fd: int, name: bytes) -> int:
    """The descriptor of the journal, with the lock of this process on it."""
    while True:
        descriptor = os.open(name, _FLAGS, 0o600, dir_fd=dir_fd)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise JournalError(name, "is not a regular file; remove it")
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise JournalBusy(name) from None
        except BaseException:
            os.close(descriptor)
            raise
        # Removed between the opening and the lock, by the process that had it: the name is free, or of a new one.
        os.close(descriptor)


def _made_whole(descriptor: int, good_bytes: int) -> int:
    """Leave nothing but whole records, durable. Returns how many bytes they take.

    What a killed process did not sync is still with the kernel alone, and counts from now on. And the cut is on disk
    before anything is written behind it: else old bytes could come to light after the new ones.
    """
    os.ftruncate(descriptor, good_bytes)
    if not good_bytes:
        write_all(descriptor, MAGIC)
    os.fdatasync(descriptor)
    return good_bytes or len(MAGIC)
