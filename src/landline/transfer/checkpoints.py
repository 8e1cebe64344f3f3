"""Checkpoints: data to disk, then the journal that says so, then the word `durable`. Never in another order."""

from __future__ import annotations

import errno
import os
import threading
import time

from landline.transfer.diskerrors import LandingError, landing_error
from landline.transfer.ledger import File, Phase
from landline.transfer.reception import Reception
from landline.transfer.records import Chunk, Record

CHECKPOINT_SECONDS = 2.0
CHECKPOINT_BYTES = 256 * 1024 * 1024
"""What a crash may cost at most, besides what is on its way."""
FULL = (errno.ENOSPC, errno.EDQUOT)

Dirty = dict[File, dict[int, bytes]]


class Checkpoints:
    """A thread that makes what was verified durable, every two seconds and after 256 MiB."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._dirty: Dirty = {}
        self._dirty_bytes = 0
        self._closing = False
        self._changed = threading.Condition()
        self._at_work = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="landline checkpoints", daemon=True)
        self._thread.start()

    def note(self, file: File, chunk: int, digest: bytes, length: int) -> None:
        """A chunk is verified and written."""
        with self._changed:
            self._dirty.setdefault(file, {})[chunk] = digest
            self._dirty_bytes += length
            if self._dirty_bytes >= CHECKPOINT_BYTES:
                self._changed.notify()

    def forget(self, file: File) -> None:
        """A file is about to land, or was given up: it needs no checkpoint any more."""
        with self._changed:
            self._dirty.pop(file, None)

    def withdraw(self, file: File, chunk: int) -> None:
        """A chunk that was verified is about to be written over: the journal must not promise it any more.

        What comes in its place may break off, or turn out to be damage meant for another place. Raises OSError.
        """
        journal = self._reception.place.journal
        with self._at_work:
            if file.journaled >= 0:
                journal.append(Chunk(file.index, file.journaled, chunk, b""))
                journal.sync()

    def close(self) -> None:
        """End the thread, with a last checkpoint."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        last = False
        while not last:
            with self._changed:
                self._changed.wait_for(self._is_due, CHECKPOINT_SECONDS)
                last = self._closing
            try:
                self.make()
            except Exception as error:
                # The journal is not to be trusted any more; the next epoch opens it anew.
                self._reception.end(error)

    def _is_due(self) -> bool:
        return self._dirty_bytes >= CHECKPOINT_BYTES or self._closing

    def make(self) -> None:
        """Make a checkpoint of all that was noted until now. Raises OSError if the journal cannot be written."""
        with self._at_work:
            with self._changed:
                dirty, self._dirty, self._dirty_bytes = self._dirty, {}, 0
            if not dirty:
                return
            began = time.monotonic()
            synced = {file: chunks for file, chunks in dirty.items() if self._synced(file)}
            try:
                self._write_down(synced)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                # No room for a few bytes: the chunks are not lost, they are only not promised yet.
                self._put_back(synced)
            with self._reception.lock:
                self._reception.tally.synced += time.monotonic() - began

    def _synced(self, file: File) -> bool:
        """Bring the data of a part to disk. Returns whether it is to be journaled."""
        if file.phase is not Phase.OPEN:
            return False
        try:
            with self._reception.parts.use(file.index) as part_fd:
                os.fdatasync(part_fd)
        except LandingError:
            return False
        except OSError as error:
            known = landing_error(file.entry.parts, error)
            self._reception.fail(file, known.fault, known.problem)
            return False
        return True

    def _write_down(self, synced: Dirty) -> None:
        place, current = self._reception.place, []
        records: list[Record] = []
        place.staging.settle()
        with self._reception.lock:
            for file, chunks in synced.items():
                # A chunk that comes once more is not what was synced.
                held = [(chunk, digest) for chunk, digest in chunks.items() if file.digests.get(chunk) == digest]
                if held and self._reception.ledger.is_current(file, file.entry.generation):
                    current.append((file, held))
                    records += place.records_of(file, held)
        place.journal.append(*records)
        place.journal.sync()
        with self._reception.lock:
            for file, held in current:
                for chunk, digest in held:
                    self._reception.ledger.endure(file, file.entry.generation, chunk, digest)

    def _put_back(self, synced: Dirty) -> None:
        with self._changed:
            for file, chunks in synced.items():
                self._dirty[file] = {**chunks, **self._dirty.get(file, {})}
