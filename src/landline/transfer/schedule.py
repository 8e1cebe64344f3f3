"""What is to be sent next, by whichever data connection asks first: one queue for all of them. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from landline.transfer.manifest import (
    BUNDLE_BYTES,
    BUNDLE_FILES,
    Entry,
    Kind,
    chunk_count,
    chunk_length,
    root_of,
)


@dataclass(slots=True, eq=False)
class FileWork:
    """One entry, and how far it is. A file that is found changed gets a new one of these; the old one is `dead`.

    `digests` are those of chunks that were hashed here, `held` those that the receiver has told, `unchecked` those of
    them that nobody has compared yet, `again` chunks to be sent once more, `moving` how many connections are at work on
    it. `begun` says that bytes of it went out, `strikes` how often it changed after that. `root` is what FILE_END says,
    and `told_root` what it has said in this connection.
    `read_chunks` and `read_bytes` are how much of a stream was read, `repeats` how often the receiver asked again.
    """

    index: int
    entry: Entry
    digests: dict[int, bytes] = field(default_factory=dict)
    held: dict[int, bytes] = field(default_factory=dict)
    unchecked: dict[int, bytes] = field(default_factory=dict)
    again: dict[int, None] = field(default_factory=dict)
    next_chunk: int = 0
    moving: int = 0
    strikes: int = 0
    read_chunks: int = 0
    read_bytes: int = 0
    repeats: int = 0
    root: bytes = b""
    told_root: bytes = b""
    planned: bool = False
    begun: bool = False
    ended: bool = False
    dead: bool = False

    @property
    def is_file(self) -> bool:
        """Whether there is anything to send of it."""
        return self.entry.kind is Kind.FILE

    @property
    def size(self) -> int:
        """Its bytes; of a stream those that were read."""
        return self.read_bytes if self.entry.size is None else self.entry.size

    @property
    def chunks(self) -> int:
        """How many chunks it has; of a stream those that were read."""
        return chunk_count(self.size, self.entry.chunk_bytes)

    @property
    def is_complete(self) -> bool:
        """Whether every chunk was sent, or compared with what the receiver has."""
        waits = self.moving or self.again or self.unchecked
        return not waits and self.next_chunk >= self.chunks and not self.dead

    def length_of(self, number: int) -> int:
        """The bytes of a chunk."""
        return chunk_length(self.size, self.entry.chunk_bytes, number)

    def root_by(self, digest: str) -> bytes:
        """The root of the whole file, once it is complete."""
        digests = (self.digests[number] for number in range(self.chunks))
        return root_of(self.size, self.entry.chunk_bytes, digests, digest)

    def renewed(self) -> FileWork:
        """The same for a new control connection: what was hashed here is still true, all else is to be told anew."""
        return FileWork(
            self.index,
            self.entry,
            self.digests,
            strikes=self.strikes,
            read_chunks=self.read_chunks,
            read_bytes=self.read_bytes,
            begun=self.begun,
            root=self.root,
        )


class Chunk(NamedTuple):
    """Send this chunk."""

    file: FileWork
    number: int


class Check(NamedTuple):
    """Hash this chunk and compare it with what the receiver has."""

    file: FileWork
    number: int


class Bundle(NamedTuple):
    """Send these small files."""

    files: list[FileWork]


class Stream(NamedTuple):
    """Send standard input, on this connection alone."""

    file: FileWork


class Finish(NamedTuple):
    """Nothing of this file has to be sent: say its end."""

    file: FileWork


Work = Chunk | Check | Bundle | Stream | Finish


class Schedule:
    """The queue. Chunks go in order, small files are gathered to bundles, checks wait for a free moment."""

    def __init__(self) -> None:
        self._streams: deque[FileWork] = deque()
        self._again: deque[Chunk] = deque()
        self._large: deque[FileWork] = deque()
        self._small: deque[FileWork] = deque()
        self._small_bytes = 0
        self._checks: deque[FileWork] = deque()

    def add(self, file: FileWork) -> int:
        """Take a file that may be sent. Returns how many bytes of it the receiver has already, as it says."""
        file.planned = True
        if file.entry.size is None:
            self._streams.append(file)
            return sum(map(file.length_of, range(file.read_chunks))) - sum(map(file.length_of, file.again))
        resumed = 0
        for number, told in file.held.items():
            known = file.digests.get(number)
            if known not in (None, told):
                self._repeat(file, number)
                continue
            resumed += file.length_of(number)
            if known is None:
                file.unchecked[number] = told
        if file.unchecked:
            self._checks.append(file)
        if not file.entry.bundled or file.held:
            self._large.append(file)
        else:
            self._add_small(file)
        return resumed

    def take(self) -> Work | None:
        """The next piece of work, or None if there is none at the moment."""
        is_full = self._small_bytes >= BUNDLE_BYTES or len(self._small) >= BUNDLE_FILES
        # Files that nobody wants any more may be among them, and then it is no bundle.
        bundle = self._bundle() if is_full else None
        return bundle or self._stream() or self._resend() or self._chunk() or self._bundle() or self._check()

    def sent(self, file: FileWork, number: int, digest: bytes) -> bool:
        """Chunk `number` of a file, or all of a small one, has gone out. Returns whether its end is to be said now."""
        file.moving -= 1
        if file.chunks:
            file.digests[number] = digest
        return claim_end(file)

    def checked(self, file: FileWork, number: int, digest: bytes) -> tuple[bool, bool]:
        """A chunk that the receiver has was hashed here.

        Returns whether it is the same (if not, it will be sent), and whether the end of the file is to be said now.
        """
        file.moving -= 1
        file.digests[number] = digest
        same = file.held.get(number) == digest
        if not same:
            self._repeat(file, number)
        return same, claim_end(file)

    def repeat(self, file: FileWork, number: int) -> bool:
        """The receiver asks for a chunk again. Returns whether it is one that it can ask for."""
        sent = file.read_chunks if file.entry.size is None else file.next_chunk
        if number >= max(1, file.chunks) or not (number < sent or number in file.held):
            return False
        file.ended = False
        file.unchecked.pop(number, None)
        if number not in file.again:
            self._repeat(file, number)
        return True

    def resume_stream(self, file: FileWork) -> None:
        """Send more of a stream."""
        self._streams.append(file)

    def _add_small(self, file: FileWork) -> None:
        self._small.append(file)
        self._small_bytes += file.size

    def _repeat(self, file: FileWork, number: int) -> None:
        file.again[number] = None
        if file.entry.size is None:
            self._streams.append(file)
        elif file.entry.bundled:
            self._add_small(file)
        else:
            self._again.append(Chunk(file, number))

    def _stream(self) -> Stream | None:
        while self._streams:
            file = self._streams.popleft()
            # Whoever is at work on it already sees what is asked for again.
            if not file.dead and not file.moving:
                file.moving += 1
                return Stream(file)
        return None

    def _resend(self) -> Chunk | None:
        while self._again:
            work = self._again.popleft()
            if not work.file.dead:
                del work.file.again[work.number]
                work.file.moving += 1
                return work
        return None

    def _chunk(self) -> Chunk | Finish | None:
        while self._large:
            file = self._large[0]
            while file.next_chunk in file.held:
                file.next_chunk += 1
            if not file.dead and file.next_chunk < file.chunks:
                file.next_chunk += 1
                file.moving += 1
                return Chunk(file, file.next_chunk - 1)
            self._large.popleft()
            if claim_end(file):
                return Finish(file)
        return None

    def _bundle(self) -> Bundle | None:
        files: list[FileWork] = []
        room = BUNDLE_BYTES
        while self._small and len(files) < BUNDLE_FILES and self._small[0].size <= room:
            file = self._small.popleft()
            self._small_bytes -= file.size
            if not file.dead:
                file.again.pop(0, None)
                # An empty file has no chunk, and its row may be asked for again all the same.
                file.next_chunk = 1
                file.moving += 1
                room -= file.size
                files.append(file)
        return Bundle(files) if files else None

    def _check(self) -> Check | None:
        while self._checks:
            file = self._checks[0]
            if not file.dead and file.unchecked:
                number = next(iter(file.unchecked))
                del file.unchecked[number]
                file.moving += 1
                return Check(file, number)
            self._checks.popleft()
        return None


def claim_end(file: FileWork) -> bool:
    """Whether the end of a file is to be said now; who asks first, says it."""
    if not file.is_complete or file.ended:
        return False
    file.ended = True
    return True
