"""One file to a pipe, as it comes: no journal, no name, nothing on disk; what was written cannot be taken back."""

from __future__ import annotations

import errno
import hmac
import os
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from landline.errors import ConnectionClosed, Reason, WaitTimeout
from landline.transfer.epoch import JOIN_SECONDS, Epoch, Outcome
from landline.transfer.events import Began, FileBegan, FileFailed, FileLanded, Moved
from landline.transfer.faults import Fault
from landline.transfer.incoming import Chunk, Incoming, rows_with_data
from landline.transfer.ledger import File, Ledger, Phase, Verdict
from landline.transfer.link import ControlLink, DataLink
from landline.transfer.manifest import Entry, Hasher, Kind, digest_of, new_hasher, runs_of
from landline.transfer.observing import Teller
from landline.transfer.throttle import TokenBucket
from landline.transfer.vigil import LOST_DATA, Vigil
from landline.transfer.wire import (
    Accept,
    BundledFile,
    Changed,
    DataHead,
    Failed,
    FileEnd,
    Have,
    Landed,
    LandedFile,
    Message,
    Offer,
    Page,
    Plan,
    Progress,
    Result,
    Trouble,
    WireError,
)

ONE_FILE = "the other side writes to a pipe, and takes one file; name a folder there for more"
BROKEN_PIPE = "nobody reads what is written there any more"
MOVED_ON = "what came is not what comes now, and what is in a pipe cannot be taken back"


@dataclass
class Sink:
    """The pipe of `sink_fd`, and what was written to it; it outlives a connection."""

    sink_fd: int
    written: int = 0
    entry: Entry | None = None
    digests: dict[int, bytes] = field(default_factory=dict)
    poured: Hasher | None = None
    """Over what was written of the last chunk, where nothing else shows that it came as it was sent."""
    epoch: int = 0

    def write(self, data: memoryview) -> None:
        """Write all of `data`. Raises OSError."""
        while data:
            count = os.write(self.sink_fd, data)
            self.written += count
            data = data[count:]


class SinkReceiver(Epoch):
    """One epoch of a transfer into `sink`: the same to callers as a Receiver."""

    def __init__(
        self,
        link: ControlLink,
        offer: Offer,
        sink: Sink,
        digest: str,
        trusted: bool,
        teller: Teller,
        limit_bytes_per_second: int | None = None,
    ) -> None:
        sink.epoch += 1
        super().__init__(link, offer, Accept(sink.epoch, digest, 1, secrets.token_bytes(32), trusted), teller)
        self.digest = digest
        self.sink = sink
        self.ledger = Ledger()
        self.lock = threading.RLock()
        self.received = 0
        self._bucket = None if limit_bytes_per_second is None else TokenBucket(limit_bytes_per_second)
        self._file: File | None = None
        self._stopping = threading.Event()
        self._problem: Exception | None = None
        self._serving: DataLink | None = None
        self._left = threading.Condition()
        self._landed = self._failed = 0
        self._faults: dict[Fault, int] = {}
        self._told = 0
        self._vigil = Vigil()

    @property
    def advanced(self) -> bool:
        """Whether anything came of this epoch."""
        return self.received > 0

    def fail(self, error: Exception) -> None:
        """End the epoch, from any thread; `run` raises `error`."""
        self._problem = self._problem or error
        self._stopping.set()
        self._link.wake()

    def serve(self, link: DataLink, number: int) -> None:
        """Take the data of the one connection to its end, in the thread of the caller."""
        with self._left:
            if self._serving is not None or self._stopping.is_set() or number != 1 or link.clear != self.accept.trusted:
                raise WireError("a data connection that is one too many")
            self._serving = link
        try:
            Incoming(link, self).run()
        except (WireError, ConnectionClosed, WaitTimeout) as error:
            if not self._stopping.is_set():
                self.fail(error)
                raise
        finally:
            with self._left:
                self._serving = None
                self._left.notify_all()

    # The control connection.

    def _begin(self) -> None:
        self._link.post(self.accept)
        self._teller.tell(
            Began(
                peer=self._link.peer, files=self.offer.files, size=self.offer.size, resumed=self.sink.written,
                digest=self.digest, trusted=self.accept.trusted,
            )
        )  # fmt: skip

    def _take(self, message: Message) -> None:
        self._vigil.heard()
        match message:
            case Page():
                with self.lock:
                    files = self.ledger.list(message.first, message.entries, message.last)
                self._plan(message.first, files)
            case FileEnd():
                with self.lock:
                    file = self.ledger.finish(message)
                if file is not None:
                    self.judge(file)
            case Changed():
                self._changed(message)
            case Failed():
                file = self.ledger.files.get(message.file)
                if file is not None:
                    self._drop(file, message.fault, message.detail)
            case _:
                self._take_other(message)

    def _plan(self, first: int, files: Sequence[File]) -> None:
        landed: list[int] = []
        failed: list[Trouble] = []
        for file in files:
            if file.entry.kind is Kind.FOLDER:
                self.ledger.settle(file, landed=True)
                landed.append(file.index)
            elif file.entry.kind is not Kind.FILE or self._file is not None:
                self._drop(file, Fault.KIND, ONE_FILE)
                failed.append(Trouble(file.index, Fault.KIND, ONE_FILE))
            elif not self._open(file):
                self._drop(file, Fault.CHANGED, MOVED_ON)
                failed.append(Trouble(file.index, Fault.CHANGED, MOVED_ON))
        if files:
            self._link.post(Plan(first, len(files), landed, failed))

    def _open(self, file: File) -> bool:
        """Take a file; if an earlier connection began with it, tell what has come. Returns whether it is the same."""
        self._file, before = file, self.sink.entry
        if before is not None and (before.parts, before.size, before.source) != (
            file.entry.parts, file.entry.size, file.entry.source,
        ):  # fmt: skip
            return False
        self.sink.entry = file.entry
        last = max(self.sink.digests, default=0)
        rest = self.sink.written - last * file.chunk_bytes
        file.tail = (last, rest) if file.entry.size is None and 0 < rest < file.chunk_bytes else None
        with self.lock:
            self.ledger.open(file, self.sink.digests)
        for start, count in runs_of(sorted(self.sink.digests)):
            for at in range(start, start + count, 4096):
                held = [self.sink.digests[chunk] for chunk in range(at, min(at + 4096, start + count))]
                self._link.post(Have(file.index, at, len(held), b"".join(held)))
        self._teller.tell(FileBegan(file=file.index, name=file.name, size=file.entry.size))
        return True

    def _changed(self, message: Changed) -> None:
        with self.lock:
            changed = self.ledger.change(message.file, message.entry)
        if changed is None:
            return
        new = changed[1]
        if self.sink.written:
            self._drop(new, Fault.CHANGED, MOVED_ON)
            self._link.post(Plan(new.index, 1, [], [Trouble(new.index, Fault.CHANGED, MOVED_ON)]))
            return
        self._file, self.sink.entry = None, None
        self._plan(new.index, [new])

    def _is_over(self) -> bool:
        return self.ledger.settled

    def _tick(self) -> None:
        if self._problem is not None:
            raise self._problem
        link = self._serving
        waits = (link is None or link.is_between_frames) and self.ledger.waits_in_vain
        if self._vigil.is_over(time.monotonic(), link and link.moved_bytes, waits):
            raise ConnectionClosed(self._link.peer, Reason.TRUNCATED, LOST_DATA)
        verified = self.ledger.verified_bytes
        if self.received != self._told:
            self._told = self.received
            self._link.post(Progress(self.received, verified, verified, self._landed))
            self._teller.tell(
                Moved(phase="receiving", received=self.received, verified=verified, durable=verified,
                      size=self.offer.size, landed=self._landed, files=self.offer.files)
            )  # fmt: skip

    def _finish(self) -> Outcome:
        self._link.post(Result(self._landed, self._failed, self.sink.written, "written"))
        self._await_bye()
        return Outcome(self._landed, self._failed, 0, self.sink.written, self.received, self._faults)

    def _end(self) -> None:
        self._stopping.set()
        with self._left:
            if self._serving is not None:
                self._serving.stop()
            self._left.wait_for(lambda: self._serving is None, JOIN_SECONDS)

    def _drop(self, file: File, fault: Fault, detail: str, say: bool = False) -> None:
        with self.lock:
            if self.ledger.files.get(file.index) is not file:
                return
            self._failed += 1
            self._faults[fault] = self._faults.get(fault, 0) + 1
            if say:
                self._link.post(Failed(file.index, fault, detail[:4000]))
            # Last: once all is settled, `run` says RESULT.
            self.ledger.settle(file, landed=False)
        self._teller.tell(FileFailed(file=file.index, name=file.name, fault=fault.value, detail=detail))

    def give_up(self, file: File, fault: Fault, detail: str) -> None:
        """The file does not come about; tell the sender."""
        self._drop(file, fault, detail, say=True)
        self._link.wake()

    def judge(self, file: File) -> None:
        """All of the file has come: if its root is right, it is over."""
        with self.lock:
            if file.phase is not Phase.OPEN or not self.ledger.is_complete(file):
                return
            right = self.ledger.close(file, self.digest)
            root = file.root(self.digest)
        if not right:
            self.give_up(file, Fault.CORRUPT, MOVED_ON)
            return
        with self.lock:
            self._landed += 1
            self._link.post(Landed([LandedFile(file.index, root)]))
            # Last: once all is settled, `run` says RESULT.
            self.ledger.settle(file, landed=True)
        self._teller.tell(FileLanded(file=file.index, name=file.name, size=file.size, root=root.hex()))
        self._link.wake()

    # The data connection.

    def throttle(self, size: int) -> None:
        """Wait until `size` more bytes may be taken."""
        if self._bucket is not None:
            self._stopping.wait(self._bucket.delay(time.monotonic(), size))

    def count(self, received: int, waited: float, hashed: float, wrote: float, ciphered: float = 0.0) -> None:
        """So many bytes were received."""
        self.received += received

    def begin(self, head: DataHead) -> Chunk | None:
        """A chunk comes; None: throw it away. Raises WireError."""
        with self.lock:
            verdict, file = self.ledger.judge(head)
        if verdict not in (Verdict.TAKE, Verdict.REPLACE) or file is None:
            return None
        start = head.chunk * file.chunk_bytes
        if not start <= self.sink.written < start + head.length:
            if self.accept.trusted:
                raise WireError(f"a chunk {head.chunk} that is not the next one")
            self.give_up(file, Fault.CORRUPT, MOVED_ON)
            return None
        return _Pour(self, file, head, start)

    def bundle(self, rows: list[BundledFile], data: memoryview) -> None:
        """A bundle has come: with one file, if all is well."""
        for row, content in rows_with_data(rows, data):
            with self.lock:
                verdict, file = self.ledger.judge_row(row)
            if verdict is not Verdict.TAKE or file is None:
                continue
            if not hmac.compare_digest(digest_of(content, self.digest), row.digest):
                self.give_up(file, Fault.CORRUPT, "it came damaged")
            elif self.pour(file, content[self.sink.written :]):
                self.verified(file, row.generation, 0, row.digest)

    def pour(self, file: File, data: memoryview) -> bool:
        """Write to the pipe. Returns whether it took that."""
        try:
            self.sink.write(data)
            return True
        except OSError as error:
            is_broken = error.errno == errno.EPIPE
            self.give_up(file, Fault.SYSTEM, BROKEN_PIPE if is_broken else f"the system says: {error.strerror}")
            return False

    def verified(self, file: File, generation: int, chunk: int, digest: bytes) -> None:
        """A chunk was written and has its digest."""
        self.sink.digests[chunk] = digest
        with self.lock:
            complete = self.ledger.verify(file, generation, chunk, digest)
        if complete:
            self.judge(file)


class _Pour:
    """One chunk on its way into the pipe; what was written of it before a connection broke is passed over."""

    def __init__(self, receiver: SinkReceiver, file: File, head: DataHead, start: int) -> None:
        self._receiver = receiver
        self._file = file
        self._head = head
        self._start = start
        self._works = True
        self._left = receiver.sink.written - start
        self._again = new_hasher(receiver.digest)
        if not self._left:
            receiver.sink.poured = new_hasher(receiver.digest) if receiver.accept.trusted else None

    def write(self, block: memoryview, offset: int) -> None:
        """Write what is new in `block`."""
        old, new = block[: self._left], block[self._left :]
        if self._works and old and self._receiver.sink.poured is not None:
            self._works = self._is_as_before(old)
        self._left -= len(old)
        if self._works and new:
            self._works = self._receiver.pour(self._file, new)
            if self._receiver.sink.poured is not None:
                self._receiver.sink.poured.update(new)

    def _is_as_before(self, old: memoryview) -> bool:
        """Whether the chunk begins as it was written before the connection broke.

        Without TLS that may have been damage, at which nobody has looked yet, and it cannot be taken back.
        """
        poured = self._receiver.sink.poured
        self._again.update(old)
        if len(old) < self._left or poured is None or self._again.digest() == poured.digest():
            return True
        self._receiver.give_up(self._file, Fault.CORRUPT, MOVED_ON)
        return False

    def end(self, digest: bytes, is_right: bool) -> None:
        """The chunk is over."""
        if not self._works:
            return
        if is_right:
            self._receiver.verified(self._file, self._head.generation, self._head.chunk, digest)
        else:
            self._receiver.give_up(self._file, Fault.CORRUPT, MOVED_ON)

    def lost(self) -> None:
        """It did not come to its end; the next connection brings it again."""
        with self._receiver.lock:
            self._receiver.ledger.lose(self._file, self._head.generation, self._head.chunk)
