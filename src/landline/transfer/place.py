"""Where a transfer lands: its destination, its staging folder and its journal, and what earlier runs left there."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from landline.errors import TransferError
from landline.transfer.destination import Destination
from landline.transfer.diskerrors import LandingError
from landline.transfer.faults import Fault
from landline.transfer.history import Remembered, RememberedFile, recall, remember, remembered_file, still_there
from landline.transfer.journal import Journal, JournalBusy
from landline.transfer.landing import IfExists, Landing, Symlinks
from landline.transfer.ledger import File
from landline.transfer.manifest import DIGEST_BYTES, Entry
from landline.transfer.records import (
    Chunk,
    Dropped,
    Epoch,
    Failed,
    FileState,
    Finished,
    Job,
    JobState,
    Landed,
    Opened,
    Record,
)
from landline.transfer.records import Landing as LandingRecord
from landline.transfer.staging import Staging
from landline.transfer.wire import Offer

Parts = tuple[bytes, ...]


class NotTaken(TransferError):
    """A transfer is not taken. `fault` says why in one word, `problem` why in a sentence, for the other side too."""

    def __init__(self, fault: Fault, problem: str) -> None:
        super().__init__(fault, problem)
        self.fault = fault
        self.problem = problem

    def __str__(self) -> str:
        return f"the transfer is not taken ({self.fault.value}): {self.problem}"


class Before(NamedTuple):
    """A file that has landed in an earlier run: under which name, and its root."""

    parts: Parts
    root: bytes
    size: int


class Earlier:
    """Files that landed in earlier runs, by the names they were to have. `size` is that of all of them.

    Of a name only its hash is kept: two that are alike cost one file its place, and it is sent once more.
    """

    def __init__(self) -> None:
        self.size = 0
        self._states: list[JobState] = []
        self._places: dict[int, int] = {}

    def take(self, state: JobState) -> None:
        """Take the files of a run; they count more than those of the runs before."""
        self._states.append(JobState(landed=state.landed.copy()))
        for index, at, _ in state.landings():
            key = hash(at.parts)
            self.size += 0 if key in self._places else at.size
            self._places[key] = index * 2 + len(self._states) - 1

    def get(self, parts: Parts) -> RememberedFile | None:
        """The file that was to have this name."""
        place = self._places.get(hash(parts))
        known = None if place is None else self._states[place % 2].find(place // 2)
        if known is None or known.landing is None or known.landed is None or known.landing.parts != parts:
            return None
        return remembered_file(known.landing, known.landed)

    def files(self) -> Iterator[RememberedFile]:
        """All of them."""
        for state in self._states:
            for _, at, landed in state.landings():
                yield remembered_file(at, landed)


class Place:
    """What one epoch of a transfer has on disk. Made by `open`; close it at the end of the epoch.

    `destination` stays its owner's. `epoch` counts the connections of this transfer, `digest` names the algorithm.
    """

    def __init__(
        self,
        destination: Destination,
        staging: Staging,
        journal: Journal,
        landing: Landing,
        history: bytes,
        digest: str,
    ) -> None:
        self.destination = destination
        self.staging = staging
        self.journal = journal
        self.landing = landing
        self.history = history
        self.digest = digest
        self.epoch = 0
        self.resumed = False
        self._landed = Earlier()
        self._left: dict[int, FileState] = {}

    @classmethod
    def open(
        cls,
        destination: Destination,
        offer: Offer,
        digests: Sequence[str],
        history: bytes,
        policies: tuple[IfExists, Symlinks] = (IfExists.REFUSE, Symlinks.SKIP),
    ) -> Place:
        """Open what there is of the transfer of `offer`, or begin it. The new epoch is durable when this returns.

        `digests` are those both sides know, the best first; `history` is the folder of what was received before. Raises
        NotTaken, LandingError, JournalError or OSError.
        """
        remembered = _recalled(history, offer, destination)
        staging = Staging.open(destination, offer.transfer, resume=True)
        with contextlib.ExitStack() as undo:
            undo.callback(staging.close)
            journal = _opened_journal(staging)
            undo.callback(journal.close)
            job = _checked_job(journal, offer, digests[0])
            digest = job.digest if job.digest in digests else digests[0]
            landing = Landing(destination, staging, *policies)
            undo.callback(landing.close)
            place = cls(destination, staging, journal, landing, history, digest)
            place._begin(remembered, same_digest=digest == job.digest)
            undo.pop_all()
        return place

    def _begin(self, remembered: Remembered | None, same_digest: bool) -> None:
        state = self.journal.state
        self.resumed = bool(state.epoch) or remembered is not None
        self.epoch = state.epoch + 1
        self.journal.append(Epoch(self.epoch))
        self._finish_landings()
        self._left = {number: known for number, known in state.files.items() if known.is_open and same_digest}
        # What this journal knows counts more than what is remembered, so it comes last.
        for one in (remembered.state if remembered else None, state):
            if one is not None:
                self._landed.take(one)
        self.journal.sync()

    def _finish_landings(self) -> None:
        """Files that were about to get their names when an earlier run ended: find out which of them did."""
        found: list[Record] = []
        for number, known in self.journal.state.files.items():
            at = known.landing
            if at is None:
                continue
            # A name that is in the way by now is told when the file comes again.
            with contextlib.suppress(LandingError):
                landed = self.landing.finish(number, at.parts, at.device, at.inode)
                if landed is not None:
                    found.append(Landed(number, landed.parts, _mtime_of(self.landing, landed.parts)))
        if found:
            self.landing.settle()
            self.journal.append(*found)

    @property
    def resumed_bytes(self) -> int:
        """About how many bytes are here already."""
        chunks = sum(min(len(left.chunks) * left.chunk_bytes, left.size or 0) for left in self._left.values())
        return chunks + self._landed.size

    def earlier_names(self) -> list[bytes]:
        """The names of what has landed in earlier runs."""
        return [b"/".join(file.parts) for file in self._landed.files()]

    def landed_before(self, index: int, entry: Entry) -> Before | None:
        """What is known of an entry that has landed in an earlier run, and is there still as it landed."""
        known = self._landed.get(entry.parts)
        if known is None or entry.size not in (None, known.size) or entry.mtime_ns != known.mtime_ns:
            return None
        if not still_there(self.destination.dir_fd, known):
            return None
        # Entered under the number it has now, so that it is in what is remembered at the end.
        self.journal.append(
            LandingRecord(index, known.device, known.inode, known.root, known.size, entry.parts, known.chunk_bytes),
            Landed(index, known.parts, known.mtime_ns),
        )
        return Before(known.parts, known.root, known.size)

    def left_of(self, file: File) -> dict[int, bytes]:
        """The durable chunks of a file that an earlier run has left: their digests by number."""
        left, entry = self._left.get(file.index), file.entry
        if left is None or entry.size is None or not entry.source:
            return {}
        if (left.source, left.size, left.chunk_bytes) != (entry.source, entry.size, entry.chunk_bytes):
            return {}
        try:
            part_fd = self.staging.open_part(file.index)
        except LandingError:
            return {}
        try:
            held_bytes = os.fstat(part_fd).st_size
        finally:
            os.close(part_fd)
        file.journaled, file.made = left.generation, True
        count, chunk_bytes = entry.chunks or 0, entry.chunk_bytes
        return {
            chunk: digest
            for chunk, digest in left.chunks.items()
            if chunk < count
            and len(digest) == DIGEST_BYTES
            and min(entry.size, (chunk + 1) * chunk_bytes) <= held_bytes
        }

    def create(self, file: File) -> int:
        """Make the part of a file anew; what an earlier run or generation left is gone. Returns its descriptor.

        Raises NoSpace, LandingError or OSError.
        """
        self.forget(file.index)
        size = file.entry.size
        try:
            return self.staging.create(file.index, size)
        except LandingError as error:
            if error.fault is not Fault.EXISTS:
                raise
        self.staging.discard(file.index)
        return self.staging.create(file.index, size)

    def forget(self, index: int) -> None:
        """Drop what the journal knows of the part of a file, durable, before that part becomes another."""
        with self.journal.lock:
            known = self.journal.state.files.get(index)
            dropped = known is not None and known.is_open and Dropped(index, known.generation)
        if dropped:
            self.journal.append(dropped)
            self.journal.sync()
            self.staging.discard(index)
        self._left.pop(index, None)

    def records_of(self, file: File, chunks: Sequence[tuple[int, bytes]]) -> list[Record]:
        """What to write into the journal for chunks of a file that are durable: number and digest of each."""
        records: list[Record] = []
        if file.journaled < 0:
            with self.journal.lock:
                file.journaled = self.journal.state.next_generation(file.index)
            entry = file.entry
            records.append(Opened(file.index, file.journaled, entry.size, entry.chunk_bytes, entry.source))
        return records + [Chunk(file.index, file.journaled, number, digest) for number, digest in chunks]

    def note_failure(self, index: int, fault: Fault, problem: str) -> None:
        """Write down that a file failed, as far as the disk takes it: the sender is told anyway.

        Of one that was never opened there is nothing to tell: the next run judges it anew.
        """
        with self.journal.lock:
            if index not in self.journal.state.files:
                return
        with contextlib.suppress(OSError):
            self.journal.append(Failed(index, fault, problem[:4096]))

    def finish(self, now: float) -> None:
        """All is settled: remember what has landed, durable, and remove the staging folder. Raises OSError."""
        self.journal.append(Finished(now))
        remember(self.history, self.journal.state, path_of(self.destination))
        with contextlib.suppress(LandingError):
            self.staging.remove()

    def close(self) -> None:
        """Close everything but the destination. What is not finished lies there for the next run."""
        self.landing.close()
        self.journal.close()
        self.staging.close()


def path_of(destination: Destination) -> bytes:
    """The absolute path of a destination."""
    return os.path.realpath(destination.path)


def hash_of(secret: bytes) -> bytes:
    """What is kept of the secret of a transfer."""
    return hashlib.sha256(b"landline transfer secret\0" + secret).digest()


def is_secret(secret: bytes, kept: bytes) -> bool:
    """Whether this secret is the one of which `kept` was kept."""
    return hmac.compare_digest(hash_of(secret), kept)


def _recalled(history: bytes, offer: Offer, destination: Destination) -> Remembered | None:
    known = recall(history, offer.transfer)
    if known is None or known.destination != path_of(destination):
        return None
    if not is_secret(offer.secret, known.secret_hash):
        raise NotTaken(Fault.REFUSED, "this transfer is known here, and you are not who sent it")
    return known


def _opened_journal(staging: Staging) -> Journal:
    try:
        return Journal.open(staging.dir_fd)
    except JournalBusy as error:
        raise NotTaken(Fault.BUSY, str(error)) from error


def _checked_job(journal: Journal, offer: Offer, digest: str) -> Job:
    job = journal.state.job
    if job is None:
        job = Job(offer.transfer, hash_of(offer.secret), digest, time.time(), offer.label)
        journal.append(job)
    elif not is_secret(offer.secret, job.secret_hash):
        raise NotTaken(Fault.REFUSED, "this transfer has begun already, and you are not who sends it")
    return job


def _mtime_of(landing: Landing, parts: Parts) -> int:
    status = landing.existing(parts)
    return 0 if status is None else status.st_mtime_ns
