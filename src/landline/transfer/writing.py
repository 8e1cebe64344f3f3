"""Data of files on its way to staging: what the threads of data connections do with chunks and bundles."""

from __future__ import annotations

import hmac
import os
import threading
import time

from landline.transfer.checkpoints import FULL, Checkpoints
from landline.transfer.committing import Committer
from landline.transfer.diskerrors import LandingError, NoSpace, landing_error
from landline.transfer.events import FileBegan
from landline.transfer.faults import Fault
from landline.transfer.incoming import Chunk, rows_with_data, write_at
from landline.transfer.ledger import STRIKES, File, Verdict
from landline.transfer.manifest import digest_of
from landline.transfer.openparts import SMALL_FILES
from landline.transfer.reception import Reception
from landline.transfer.throttle import TokenBucket
from landline.transfer.wire import NO_DIGEST, BundledFile, DataHead

DIFFERS = "another file of that name is there already; choose what to do with if-exists"
DAMAGED = "it came damaged three times; look at the link and the memory of both machines"
WRONG_ROOT = "its chunks are not those of the file that was sent; send it again"
LEAST_NEEDED = 4096


class Writing:
    """Writes chunks and bundles, and says what became of them. `rate` is in bytes a second, None for no limit."""

    def __init__(
        self,
        reception: Reception,
        checkpoints: Checkpoints,
        committer: Committer,
        rate: int | None,
        most_bytes: int | None,
    ) -> None:
        self.reception = reception
        self.checkpoints = checkpoints
        self.most_bytes = most_bytes
        self._committer = committer
        self._bucket = None if rate is None else TokenBucket(rate)
        self._making = threading.Lock()

    @property
    def digest(self) -> str:
        """The name of the digest in use."""
        return self.reception.digest

    @property
    def key(self) -> bytes:
        """The key of the tags."""
        return self.reception.key

    def throttle(self, size: int) -> None:
        """Wait until `size` more bytes may be taken."""
        if self._bucket is not None:
            with self.reception.lock:
                seconds = self._bucket.delay(time.monotonic(), size)
            if seconds:
                self.reception.stopping.wait(seconds)

    def count(self, received: int, waited: float, hashed: float, wrote: float, ciphered: float = 0.0) -> None:
        """So many bytes were received, and so many seconds spent."""
        with self.reception.lock:
            tally = self.reception.tally
            tally.received += received
            tally.waited += waited
            tally.hashed += hashed
            tally.wrote += wrote
            tally.ciphered += ciphered

    def begin(self, head: DataHead) -> Chunk | None:
        """A chunk comes; None: throw it away. Raises WireError."""
        with self.reception.lock:
            verdict, file = self.reception.ledger.judge(head)
        if verdict is Verdict.DIFFERS and file is not None:
            self.reception.fail(file, Fault.EXISTS, DIFFERS)
        if verdict is not Verdict.TAKE or file is None:
            return None
        chunk = ChunkWriter(self, file, head)
        return chunk if chunk.prepare() else None

    def make_part(self, file: File) -> None:
        """See to it that the part of a file is there. Raises NoSpace, LandingError or OSError."""
        with self._making:
            if file.made:
                return
            self.reception.parts.add(file.index, self.reception.place.create(file))
            file.made = True
        self.reception.teller.tell(FileBegan(file=file.index, name=file.name, size=file.entry.size))

    def bundle(self, rows: list[BundledFile], data: memoryview) -> None:
        """A bundle has come, with the bytes of all its files in order. Raises WireError."""
        began = time.monotonic()
        with self.reception.lock:
            judged = [self.reception.ledger.judge_row(row) for row in rows]
        done: list[tuple[File, int, bytes]] = []
        try:
            for (row, content), (verdict, file) in zip(rows_with_data(rows, data), judged, strict=True):
                if verdict is Verdict.DIFFERS and file is not None:
                    self.reception.fail(file, Fault.EXISTS, DIFFERS)
                elif verdict is Verdict.TAKE and file is not None:
                    self._take_row(file, row, content, done)
        finally:
            self._hand_over(done)
            self.count(0, 0.0, 0.0, time.monotonic() - began)

    def _take_row(self, file: File, row: BundledFile, content: memoryview, done: list[tuple[File, int, bytes]]) -> None:
        if row.digest == NO_DIGEST:
            with self.reception.lock:
                self.reception.ledger.lose(file, row.generation, 0)
        elif not hmac.compare_digest(digest_of(content, self.digest), row.digest):
            self.damaged(file, row.generation, 0)
        elif self.reception.room.is_starving(file):
            self.starve(file, row.generation, 0, row.size)
        else:
            small_fd = self._small_file(file, row, content, done)
            if small_fd is not None:
                done.append((file, small_fd, row.digest))
                self.reception.room.fed(file)

    def _small_file(
        self, file: File, row: BundledFile, content: memoryview, done: list[tuple[File, int, bytes]]
    ) -> int | None:
        """Write a small file. Returns its descriptor, counted by SMALL_FILES, or None if it could not be."""
        while not SMALL_FILES.acquire(timeout=0.0 if done else 0.5):
            # Those that we hold back ourselves can be what we wait for.
            self._hand_over(done)
            done.clear()
            if self.reception.stopping.is_set():
                return None
        small_fd = None
        try:
            small_fd = self.reception.place.create(file)
            if content:
                write_at(small_fd, content, 0)
            return small_fd
        except (NoSpace, LandingError, OSError) as error:
            if small_fd is not None:
                os.close(small_fd)
            SMALL_FILES.release()
            self.trouble(file, row.generation, 0, row.size, error)
            return None

    def _hand_over(self, done: list[tuple[File, int, bytes]]) -> None:
        whole, wrong = [], []
        with self.reception.lock:
            for file, small_fd, digest in done:
                complete = self.reception.ledger.verify(file, file.entry.generation, 0, digest)
                if complete and self.reception.ledger.close(file, self.digest):
                    whole.append((file, small_fd))
                    continue
                wrong += [file] * complete
                os.close(small_fd)
                SMALL_FILES.release()
        for file in wrong:
            self.reception.fail(file, Fault.CORRUPT, WRONG_ROOT)
        if whole:
            self._committer.take_small(whole)

    def damaged(self, file: File, generation: int, chunk: int) -> None:
        """A chunk does not have its digest."""
        with self.reception.lock:
            strikes = self.reception.ledger.strike(file, generation, chunk)
        if strikes >= STRIKES:
            self.reception.fail(file, Fault.CORRUPT, DAMAGED)
        elif strikes:
            self.reception.again(file, generation, chunk, "it came damaged")

    def trouble(
        self, file: File, generation: int, chunk: int, needed: int, error: NoSpace | LandingError | OSError
    ) -> None:
        """A chunk could not be written."""
        if isinstance(error, OSError):
            error = landing_error(file.entry.parts, error)
        if isinstance(error, NoSpace):
            self.starve(file, generation, chunk, error.needed)
        elif error.fault is Fault.SPACE:
            self.starve(file, generation, chunk, needed)
        else:
            self.reception.fail(file, error.fault, error.problem)

    def starve(self, file: File, generation: int, chunk: int, needed: int) -> None:
        """There is no room for a chunk: its file waits for some, or fails."""
        if self.reception.room.starve(file, generation, chunk, max(needed, LEAST_NEEDED)):
            with self.reception.lock:
                self.reception.ledger.lose(file, generation, chunk)
            return
        free = self.reception.place.destination.free_bytes()
        self.reception.fail(file, Fault.SPACE, str(NoSpace(needed, free)))

    def verified(self, file: File, generation: int, chunk: int, digest: bytes, length: int) -> None:
        """A chunk is written and has its digest."""
        self.checkpoints.note(file, chunk, digest, length)
        with self.reception.lock:
            complete = self.reception.ledger.verify(file, generation, chunk, digest)
        self.reception.room.fed(file)
        if complete:
            self.reception.judge(file)


class ChunkWriter:
    """One chunk on its way into the part of its file."""

    def __init__(self, writing: Writing, file: File, head: DataHead) -> None:
        self._writing = writing
        self._file = file
        self._head = head
        self._start = head.chunk * file.chunk_bytes
        self._problem: NoSpace | LandingError | OSError | None = None
        self._starves = False

    def prepare(self) -> bool:
        """See to it that there is where to write it. Returns whether it is worth reading; then what ails is told."""
        reception, size = self._writing.reception, self._file.entry.size
        if reception.room.is_starving(self._file):
            self._starves = True
        elif size is None and not self._may_grow():
            return False
        else:
            try:
                self._writing.make_part(self._file)
            except (NoSpace, LandingError, OSError) as error:
                self._problem = error
        return True

    def _may_grow(self) -> bool:
        """Whether a stream may have this chunk, too."""
        reception, end = self._writing.reception, self._start + self._head.length
        most = self._writing.most_bytes
        if most is not None and end > most:
            reception.fail(self._file, Fault.TOO_LARGE, f"it has more than the {most} bytes that a file may have here")
        elif not reception.reserve(self._file, self._head.length):
            reception.fail(self._file, Fault.QUOTA, f"the quota of {reception.quota.limit} bytes is used up")
        else:
            return True
        return False

    def write(self, block: memoryview, offset: int) -> None:
        """Write bytes at `offset` of the chunk. After a first problem nothing more is tried."""
        if self._problem is not None or self._starves:
            return
        try:
            self._write(block, self._start + offset)
        except (LandingError, OSError) as error:
            self._problem = error

    def _write(self, block: memoryview, offset: int) -> None:
        reception = self._writing.reception
        with reception.parts.use(self._file.index) as part_fd:
            while True:
                try:
                    return write_at(part_fd, block, offset)
                except OSError as error:
                    # A stream cannot be sent again: its bytes are held while there is no room for them.
                    if error.errno not in FULL or self._file.entry.size is not None:
                        raise
                    if not reception.room.wait(self._file.chunk_bytes):
                        raise

    def end(self, digest: bytes, is_right: bool) -> None:
        """The chunk is over."""
        file, head, writing = self._file, self._head, self._writing
        if digest == NO_DIGEST:
            self.lost()
        elif not is_right:
            writing.damaged(file, head.generation, head.chunk)
        elif self._starves:
            writing.starve(file, head.generation, head.chunk, head.length)
        elif self._problem is not None:
            writing.trouble(file, head.generation, head.chunk, head.length, self._problem)
        else:
            writing.verified(file, head.generation, head.chunk, digest, head.length)

    def lost(self) -> None:
        """It did not come after all."""
        with self._writing.reception.lock:
            self._writing.reception.ledger.lose(self._file, self._head.generation, self._head.chunk)
