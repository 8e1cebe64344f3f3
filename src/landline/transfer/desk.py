"""What the threads of one control connection of a sender share: which entries are open, and what is to be sent."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from landline.errors import ConnectionClosed, Reason
from landline.transfer.events import FileBegan, FileFailed, FileLanded, Resent
from landline.transfer.faults import Fault
from landline.transfer.manifest import DIGEST_BYTES, OPEN_ENTRIES, Kind
from landline.transfer.openfiles import SourceChanged
from landline.transfer.receipt import receipt_file, shown
from landline.transfer.schedule import FileWork, Schedule, Work, claim_end
from landline.transfer.sendjob import Failure, SendJob
from landline.transfer.source import Listed, file_entry, reason_of, source_of
from landline.transfer.wire import Changed, Failed, FileEnd, Have, LandedFile, Message, Nak, Plan, WireError

MOST_STRIKES = 2
"""A file that changes while it is sent is sent once more; then it fails."""
MOST_GENERATIONS = 16
"""A file that changes again and again before its first byte is sent: somebody writes to it all the time."""
HAVE_BYTES = 16 * 1024 * 1024
"""Of what the receiver says it has we remember so many bytes of digests; what is beyond is sent again."""
MOST_REPEATS = 64
"""So often each chunk of a file may be asked for again, on average. A receiver gives up long before."""
CHANGED_TWICE = "it changed while it was sent, and again the second time; send it when nobody writes to it"
LOST_STREAM = "the connection broke, and what was read of standard input cannot be read again"
DAMAGED_STREAM = "a piece of it came damaged, and what was read of standard input cannot be read again"


@dataclass(slots=True)
class Counters:
    """What one data connection did: bytes, and the seconds it spent with what."""

    sent: int = 0
    read: float = 0.0
    hash: float = 0.0
    send: float = 0.0
    cipher: float = 0.0


@dataclass(slots=True)
class Desk:
    """Work for the data connections of one control connection, and what becomes of it; threads share it.

    `post` sends a control message. `live` are the entries that were listed and are not settled, `resumed` the bytes
    that the receiver had already.
    """

    job: SendJob
    post: Callable[[Message], None]
    live: dict[int, FileWork] = field(default_factory=dict)
    counters: list[Counters] = field(default_factory=list)
    listed: int = 0
    resumed: int = 0
    is_accepted: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    _schedule: Schedule = field(default_factory=Schedule)
    _changes: threading.Condition = field(default_factory=threading.Condition)
    _have_bytes: int = 0
    _is_open: bool = False

    # What the control connection brings.

    def accept(self, digest: str) -> None:
        """The receiver has accepted, and wants this digest. Those of another kind are forgotten."""
        with self._changes:
            if self.job.digest not in ("", digest):
                for file in self.job.open.values():
                    file.digests.clear()
                    file.root = b""
            self.job.digest = digest
            self.is_accepted = True

    def open(self) -> None:
        """From now on there is work."""
        with self._changes:
            self._is_open = True
            self._changes.notify_all()

    def close(self) -> None:
        """No more work."""
        self.over.set()
        with self._changes:
            self._changes.notify_all()

    @property
    def is_full(self) -> bool:
        """Whether as many entries are open as may be."""
        # Before it has accepted, it keeps also those that have failed already.
        return len(self.live) >= OPEN_ENTRIES or (not self.is_accepted and self.listed >= OPEN_ENTRIES)

    def list_entry(self, index: int, listed: Listed) -> FileWork:
        """Take an entry into the manifest of this connection."""
        with self._changes:
            known = self.job.open.get(index)
            work = FileWork(index, self.job.changed.get(index, listed.entry)) if known is None else known.renewed()
            self.job.open[index] = self.live[index] = work
            self.listed = index + 1
        return work

    def have(self, have: Have) -> None:
        """The receiver says what it has of a file. Raises WireError."""
        with self._changes:
            file = self._listed(have.file)
            if file is None or file.planned:
                return
            count = file.entry.chunks
            if not file.is_file or (count is not None and have.first + have.count > count):
                raise WireError(f"it has chunks of entry {have.file} that the file does not have")
            self._have_bytes += len(have.digests)
            if self._have_bytes <= HAVE_BYTES:
                for place in range(have.count):
                    digest = have.digests[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES]
                    file.held[have.first + place] = digest

    def plan(self, plan: Plan) -> tuple[list[FileWork], list[tuple[FileWork, Failure]]]:
        """The receiver says which entries may be sent. Returns those that had landed, and those that fail.

        Raises WireError.
        """
        with self._changes:
            if plan.count > OPEN_ENTRIES or plan.first + plan.count > self.listed:
                raise WireError(f"a plan for {plan.count} entries from {plan.first} on, of {self.listed}")
            indexes = range(plan.first, plan.first + plan.count)
            landed = set(plan.landed)
            failed = {one.file: Failure(one.fault, one.detail) for one in plan.failed}
            if not all(index in indexes for index in (*landed, *failed)):
                raise WireError("a plan that names entries it is not about")
            if landed & failed.keys():
                raise WireError("a plan in which the same entry has landed and has failed")
            open_ones = [file for index in indexes if (file := self.live.get(index)) and not file.planned]
            lost = [file for file in open_ones if file.index not in landed | failed.keys() and not self._add(file)]
            self._changes.notify_all()
        for file in lost:
            self.fail(file, Failure(Fault.STOPPED, LOST_STREAM))
        return (
            [file for file in open_ones if file.index in landed],
            [(file, failed[file.index]) for file in open_ones if file.index in failed],
        )

    def nak(self, nak: Nak) -> None:
        """The receiver wants a chunk again. Raises WireError."""
        with self._changes:
            file = self._listed(nak.file)
            if file is None or file.entry.generation != nak.generation or not file.planned:
                return
            is_lost = file.entry.size is None and nak.chunk not in self.job.stream.recent
            file.repeats += 1
            if file.repeats > MOST_REPEATS * (1 + file.chunks):
                raise WireError(f"it wants pieces of {shown(file.entry.path)!r} again and again")
            if not is_lost and not self._schedule.repeat(file, nak.chunk):
                raise WireError(f"it wants chunk {nak.chunk} of entry {nak.file}, which was not sent")
            self._changes.notify_all()
        if is_lost:
            self.fail(file, Failure(Fault.CORRUPT, DAMAGED_STREAM))
        else:
            size = file.length_of(nak.chunk) if nak.chunk < file.chunks else 0
            self.job.tell(Resent(name=shown(file.entry.path), why="the receiver asked for it again", size=size))

    def land(self, landed: LandedFile) -> None:
        """The receiver says that a file is on disk. Raises WireError if it is another than was sent."""
        with self._changes:
            file = self._listed(landed.file)
        if file is None:
            return
        if file.begun and not file.root and file.is_file and not file.entry.bundled:
            raise WireError(f"{shown(file.entry.path)!r} has landed, it says, and not all of it was sent")
        if file.root and landed.root and file.root != landed.root:
            raise WireError(f"{shown(file.entry.path)!r} has landed with another content than was sent")
        self.settle_landed(file, landed.root or file.root, landed.parts, skipped=not file.begun)

    def settle_landed(
        self, file: FileWork, root: bytes = b"", parts: tuple[bytes, ...] | None = None, *, skipped: bool = False
    ) -> None:
        """An entry is where it should be; `skipped`: it had been before."""
        self._settle(file)
        job = self.job
        if file.index in job.landed:
            return
        job.landed.add(file.index)
        job.advances += 1
        if not file.is_file:
            return
        name, path = file.entry.path, b"/".join(parts or file.entry.parts)
        job.landed_files += 1
        job.landed_bytes += file.size
        job.skipped_files += skipped
        job.add_row(
            receipt_file(file.index, name, path=path, size=file.size, chunk_bytes=file.entry.chunk_bytes, root=root)
        )
        shown_path = shown(path)
        job.tell(
            FileLanded(
                file=file.index, name=shown(name), path=shown_path, size=file.size, root=root.hex(), skipped=skipped
            )
        )

    def settle_failed(self, file: FileWork, failure: Failure) -> None:
        """An entry has failed; the others go on."""
        self._settle(file)
        self.tell_failed(file.index, file.entry.path, failure)

    def tell_failed(self, index: int, name: bytes, failure: Failure) -> None:
        """Say that an entry has failed, the first time."""
        if self.job.failed(index, name, failure):
            self.job.advances += 1
            fault, detail = failure.fault.value, failure.detail
            self.job.tell(FileFailed(file=index, name=shown(name), fault=fault, detail=detail))

    # What the data connections do.

    def take(self) -> Work | None:
        """The next piece of work; waits for it. Returns None when there will be no more."""
        with self._changes:
            while not self.over.is_set():
                if self._is_open and (work := self._schedule.take()):
                    return work
                self._changes.wait()
        return None

    def begin(self, file: FileWork) -> None:
        """The first bytes of a file go out."""
        with self._changes:
            is_first, file.begun = not file.begun, True
        if is_first and not file.entry.bundled:
            self.job.tell(FileBegan(file=file.index, name=shown(file.entry.path), size=file.entry.size))

    def sent(self, file: FileWork, number: int, digest: bytes) -> None:
        """A chunk has gone out."""
        with self._changes:
            is_end = self._schedule.sent(file, number, digest)
            self._changes.notify_all()
        if is_end:
            self.finish(file)

    def sending_small(self, files: list[tuple[FileWork, bytes]]) -> None:
        """Small files are about to go out, whole. A receiver may say LANDED before the last byte has left us."""
        with self._changes:
            for file, digest in files:
                if file.chunks:
                    file.digests[0] = digest
                file.root = file.root_by(self.job.digest)

    def sent_small(self, files: list[tuple[FileWork, bytes]]) -> None:
        """Small files have gone out. Their rows say all that FILE_END would."""
        with self._changes:
            for file, digest in files:
                self._schedule.sent(file, 0, digest)

    def checked(self, file: FileWork, number: int, digest: bytes) -> None:
        """A chunk that the receiver has was hashed here."""
        with self._changes:
            if file.dead:
                return
            is_same, is_end = self._schedule.checked(file, number, digest)
            self._changes.notify_all()
        if not is_same:
            size = file.length_of(number)
            self.job.tell(Resent(name=shown(file.entry.path), why="the receiver had another content", size=size))
        if is_end:
            self.finish(file)

    def dropped(self, file: FileWork) -> None:
        """A piece of work came to nothing, as its file is not wanted any more."""
        with self._changes:
            file.moving -= 1

    def end_stream(self, file: FileWork) -> None:
        """Standard input has come to its end, or is not wanted any more."""
        with self._changes:
            file.moving -= 1
            file.next_chunk = file.read_chunks
            if file.again and not file.dead:
                self._schedule.resume_stream(file)
            is_end = not self.over.is_set() and claim_end(file)
        if is_end:
            self.say_end(file)

    def finish(self, file: FileWork) -> None:
        """Everything of a file has gone out: say its end, if it is still the same file."""
        files = self.job.files
        assert files is not None
        try:
            with files.borrowed(file) as descriptor:
                found = os.fstat(descriptor)
                if source_of(found) != file.entry.source:
                    raise SourceChanged(found)
        except SourceChanged as change:
            self.changed(file, change.found)
        except OSError as error:
            self.fail(file, Failure(Fault.UNREADABLE, reason_of(error)))
        else:
            self.say_end(file)
        files.forget(file)

    def say_end(self, file: FileWork) -> None:
        """FILE_END, unless it was said."""
        with self._changes:
            root = file.root_by(self.job.digest)
            # A piece that was sent again after the end leaves the end as it was.
            if file.dead or not file.ended or file.told_root == root:
                return
            file.root = file.told_root = root
        self.post(FileEnd(file.index, file.entry.generation, file.size, root))

    def changed(self, file: FileWork, found: os.stat_result) -> None:
        """A file is another than it was: begin it anew, or give it up."""
        with self._changes:
            if file.dead or self.live.get(file.index) is not file:
                return
            file.dead = True
            strikes = file.strikes + file.begun
            generation = file.entry.generation + 1
            failure = _hopeless(found, strikes, generation)
            if failure is None:
                entry = file_entry(file.entry.parts, found, generation)
                work = FileWork(file.index, entry, strikes=strikes)
                self.live[file.index] = self.job.open[file.index] = work
                self.job.changed[file.index] = entry
        if failure is not None:
            self.fail(file, failure)
            return
        self.post(Changed(file.index, entry))
        if file.begun:
            self.job.tell(Resent(name=shown(entry.path), why="it changed while it was sent", size=found.st_size))

    def fail(self, file: FileWork, failure: Failure) -> None:
        """A file cannot be sent: tell the receiver."""
        if self._settle(file):
            self.post(Failed(file.index, failure.fault, failure.detail[:4000]))
            self.tell_failed(file.index, file.entry.path, failure)

    def pause(self, size: int) -> None:
        """Wait until `size` more bytes may go. Raises ConnectionClosed if the end comes first."""
        throttle = self.job.throttle
        if throttle is None:
            return
        with self._changes:
            delay = throttle.delay(self.job.clock(), size)
        if delay and self.over.wait(delay):
            raise ConnectionClosed("the receiver", Reason.ABORTED)

    def _add(self, file: FileWork) -> bool:
        """Put a planned entry to work. Returns False for a stream that has lost something."""
        if not file.is_file:
            # A folder is made by now; a link is made later, and the receiver says when.
            if file.entry.kind is Kind.FOLDER:
                self._drop(file)
            file.planned = True
            return True
        if file.entry.size is None:
            if len(file.digests) < file.read_chunks:
                return False
            missing = [number for number, digest in file.digests.items() if file.held.get(number) != digest]
            if not all(number in self.job.stream.recent for number in missing):
                return False
            file.again.update(dict.fromkeys(missing))
        self.resumed += self._schedule.add(file)
        return True

    def _listed(self, index: int) -> FileWork | None:
        """An open entry; None if it is settled. Raises WireError for one that was never listed."""
        if index >= self.listed:
            raise WireError(f"it speaks of entry {index}, and {self.listed} were listed")
        return self.live.get(index)

    def _settle(self, file: FileWork) -> bool:
        """Returns whether the entry was open."""
        with self._changes:
            return self._drop(file)

    def _drop(self, file: FileWork) -> bool:
        file.dead = True
        self.job.open.pop(file.index, None)
        return self.live.pop(file.index, None) is not None


def _hopeless(found: os.stat_result, strikes: int, generation: int) -> Failure | None:
    if not stat.S_ISREG(found.st_mode):
        return Failure(Fault.KIND, "it is no regular file any more")
    if strikes >= MOST_STRIKES or generation > MOST_GENERATIONS:
        return Failure(Fault.CHANGED, CHANGED_TWICE)
    return None
