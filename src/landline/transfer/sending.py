"""What one data connection of a sender does: read, hash and send, all in its own thread.

Measured on two cores: threads of their own for hashing, and sendfile, are both slower, as what they hand on is not in
the cache of the core that gets it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from landline.transfer.desk import Counters, Desk
from landline.transfer.faults import Fault
from landline.transfer.link import DataLink
from landline.transfer.manifest import BUNDLE_BYTES, Hasher, digest_of, new_hasher
from landline.transfer.openfiles import SourceChanged
from landline.transfer.schedule import Bundle, Check, Chunk, FileWork, Finish, Stream
from landline.transfer.sendjob import Failure
from landline.transfer.source import reason_of, source_of
from landline.transfer.throttle import MOST_BLOCK
from landline.transfer.wire import NO_DIGEST, BundledFile, DataHead, chunk_tag, encode_bundle

STREAM_POLL_SECONDS = 0.5
"""How long a stream may be silent before we look whether it is still wanted."""


class Mover:
    """Sends what `desk` hands out over `link`. `key` makes the tags of a connection without TLS, None elsewhere."""

    def __init__(self, desk: Desk, link: DataLink, key: bytes | None) -> None:
        self._desk = desk
        self._job = desk.job
        self._link = link
        self._key = key
        throttle = self._job.throttle
        self._block = MOST_BLOCK if throttle is None else throttle.block_bytes
        self._buffer = memoryview(bytearray(MOST_BLOCK))
        self._counters = Counters()
        desk.counters.append(self._counters)

    def run(self) -> None:
        """Work to the end. Raises ConnectionClosed or WaitTimeout if the connection is lost."""
        while (work := self._desk.take()) is not None:
            match work:
                case Chunk():
                    self._send_chunk(work.file, work.number)
                case Bundle():
                    self._send_bundle(work.files)
                case Check():
                    self._check(work.file, work.number)
                case Stream():
                    self._send_stream(work.file)
                case Finish():
                    self._desk.finish(work.file)
        self._link.finish()

    def _send_chunk(self, file: FileWork, number: int) -> None:
        size, offset = file.length_of(number), number * file.entry.chunk_bytes
        try:
            with self._opened(file) as descriptor:
                self._desk.begin(file)
                head = DataHead(file.index, file.entry.generation, number, size)
                self._send(head.encode(self._key is not None))
                digest, problem = self._send_range(descriptor, offset, size)
                self._send_trailer(head, digest)
                found = os.fstat(descriptor)
        except SourceChanged as change:
            self._desk.dropped(file)
            self._desk.changed(file, change.found)
            return
        except _Unreadable as error:
            problem = error.cause
        if problem is not None:
            self._desk.dropped(file)
            self._desk.fail(file, Failure(Fault.UNREADABLE, reason_of(problem)))
        elif digest == NO_DIGEST:
            self._desk.dropped(file)
            self._desk.changed(file, found)
        else:
            self._desk.sent(file, number, digest)

    def _send_range(self, descriptor: int, offset: int, size: int) -> tuple[bytes, OSError | None]:
        """Send bytes of a file. Returns their digest; for bytes that are not there zeros go, and no digest."""
        hasher = new_hasher(self._job.digest)
        while size:
            try:
                part = self._read(descriptor, offset, size, hasher)
            except OSError as error:
                self._send_zeros(size)
                return NO_DIGEST, error
            if not part:
                self._send_zeros(size)
                return NO_DIGEST, None
            self._send(part)
            offset += len(part)
            size -= len(part)
        return hasher.digest(), None

    def _read(self, descriptor: int, offset: int, size: int, hasher: Hasher) -> memoryview:
        """Read and hash at most a block."""
        begun = time.perf_counter()
        count = os.preadv(descriptor, [self._buffer[: min(self._block, size)]], offset)
        read = time.perf_counter()
        part = self._buffer[:count]
        hasher.update(part)
        self._counters.read += read - begun
        self._counters.hash += time.perf_counter() - read
        return part

    def _send(self, data: bytes | memoryview) -> None:
        self._desk.pause(len(data))
        begun, computed = time.perf_counter(), time.thread_time()
        self._link.send(data)
        self._counters.send += time.perf_counter() - begun
        if self._key is None:
            self._counters.cipher += time.thread_time() - computed
        self._counters.sent += len(data)

    def _send_zeros(self, size: int) -> None:
        zeros = bytes(min(self._block, size))
        while size:
            self._send(zeros[:size])
            size -= min(size, len(zeros))

    def _send_trailer(self, head: DataHead, digest: bytes) -> None:
        self._send(digest if self._key is None else digest + chunk_tag(self._key, head, digest))

    def _check(self, file: FileWork, number: int) -> None:
        """Hash a chunk that the receiver has, as it says."""
        size, offset = file.length_of(number), number * file.entry.chunk_bytes
        hasher = new_hasher(self._job.digest)
        try:
            with self._opened(file) as descriptor:
                while size:
                    part = self._read_or_fail(descriptor, offset, size, hasher)
                    offset += len(part)
                    size -= len(part)
        except SourceChanged as change:
            self._desk.dropped(file)
            self._desk.changed(file, change.found)
        except _Unreadable as error:
            self._desk.dropped(file)
            self._desk.fail(file, Failure(Fault.UNREADABLE, reason_of(error.cause)))
        else:
            self._desk.checked(file, number, hasher.digest())

    def _read_or_fail(self, descriptor: int, offset: int, size: int, hasher: Hasher) -> memoryview:
        try:
            part = self._read(descriptor, offset, size, hasher)
        except OSError as error:
            raise _Unreadable(error) from error
        if not part:
            raise SourceChanged(os.fstat(descriptor))
        return part

    def _send_bundle(self, files: list[FileWork]) -> None:
        self._grow(sum(file.size for file in files))
        rows: list[BundledFile] = []
        good: list[tuple[FileWork, bytes]] = []
        end = 0
        for file in files:
            digest = self._read_small(file, self._buffer[end : end + file.size])
            if digest is not None:
                rows.append(BundledFile(file.index, file.entry.generation, file.size, digest))
                good.append((file, digest))
                end += file.size
        if rows:
            self._desk.sending_small(good)
            self._send(encode_bundle(rows, self._key))
            for start in range(0, end, self._block):
                self._send(self._buffer[start : min(end, start + self._block)])
            self._desk.sent_small(good)

    def _read_small(self, file: FileWork, view: memoryview) -> bytes | None:
        """Read all of a small file. Returns its digest; None if it cannot be sent as it was listed."""
        begun = time.perf_counter()
        found = self._read_whole(file, view)
        read = time.perf_counter()
        self._counters.read += read - begun
        if found is None:
            self._desk.dropped(file)
            return None
        if source_of(found) != file.entry.source:
            self._desk.dropped(file)
            self._desk.changed(file, found)
            return None
        file.begun = True
        digest = digest_of(view, self._job.digest)
        self._counters.hash += time.perf_counter() - read
        return digest

    def _read_whole(self, file: FileWork, view: memoryview) -> os.stat_result | None:
        """Fill `view`, as far as there is enough. Returns what the system says of the file after that."""
        assert self._job.source is not None
        try:
            descriptor, found = self._job.source.open(file.entry)
            try:
                while view and (count := os.readv(descriptor, [view])):
                    view = view[count:]
                return os.fstat(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._desk.fail(file, Failure(Fault.UNREADABLE, reason_of(error)))
            return None

    def _send_stream(self, file: FileWork) -> None:
        """Send what comes to standard input, from where an earlier connection has come to."""
        stream = self._job.stream
        while not file.dead:
            number = next(iter(file.again), None)
            if number is not None:
                del file.again[number]
                data = stream.recent[number]
            elif self._fill(file):
                data = stream.take()
                number = file.read_chunks
                file.digests[number] = digest_of(data, self._job.digest)
                file.read_chunks += 1
                file.read_bytes += len(data)
            else:
                break
            self._desk.begin(file)
            self._send_piece(file, number, data)
        self._desk.end_stream(file)

    def _send_piece(self, file: FileWork, number: int, data: bytes) -> None:
        head = DataHead(file.index, file.entry.generation, number, len(data))
        self._send(head.encode(self._key is not None))
        view = memoryview(data)
        for start in range(0, len(view), self._block):
            self._send(view[start : start + self._block])
        self._send_trailer(head, file.digests[number])

    def _fill(self, file: FileWork) -> bool:
        """Read on in standard input. Returns whether there is a chunk, or the last piece of one, to be sent."""
        try:
            begun = time.perf_counter()
            while not self._job.stream.fill(STREAM_POLL_SECONDS):
                if file.dead or file.again or self._desk.over.is_set():
                    return False
            self._counters.read += time.perf_counter() - begun
        except OSError as error:
            self._desk.fail(file, Failure(Fault.UNREADABLE, reason_of(error)))
            return False
        return bool(self._job.stream.waiting)

    def _grow(self, size: int) -> None:
        """A bundle needs more than a block; most connections never see one."""
        if size > len(self._buffer):
            self._buffer = memoryview(bytearray(BUNDLE_BYTES))

    @contextlib.contextmanager
    def _opened(self, file: FileWork) -> Iterator[int]:
        """A descriptor of a file. Raises SourceChanged, and _Unreadable: an OSError may be one of the connection."""
        assert self._job.files is not None
        with contextlib.ExitStack() as stack:
            try:
                descriptor = stack.enter_context(self._job.files.borrowed(file))
            except OSError as error:
                raise _Unreadable(error) from error
            yield descriptor


class _Unreadable(Exception):
    """A file cannot be read. `cause` is what the system said."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(cause)
        self.cause = cause
