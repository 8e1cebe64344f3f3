"""The records of a transfer as bytes on disk, and what they add up to. Pure.

A file of records starts with MAGIC. Then each record is

    u32 length | u32 CRC-32 of the four bytes of the length and the payload | payload

with big-endian numbers; the payload is a MessagePack array, its first item the number of the kind, the others the
fields in their order. Later versions may add kinds and put fields at the end; what an old reader must not pass over
gets another MAGIC. Reading stops at the first record that is not whole: what follows it was never promised to anybody.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated
from zlib import crc32

import msgspec

from landline.errors import TransferError, shown_name
from landline.limits import KIB
from landline.payload.documents import UNDECODABLE, UNENCODABLE
from landline.transfer.faults import Fault
from landline.transfer.rows import Rows

MAGIC = b"LLJ1"
MAX_PAYLOAD_BYTES = 64 * KIB
"""The most one record may take: a path of 4096 bytes many times over, and a damaged length cannot ask for memory."""
JOURNAL_NAME = b"journal"

Natural = Annotated[int, msgspec.Meta(ge=0)]

_HEAD = struct.Struct(">II")
_LENGTH = struct.Struct(">I")


class JournalError(TransferError):
    """A journal, or another file of records, cannot be used. `name` is the file, `problem` what is wrong with it."""

    def __init__(self, name: bytes, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f"the journal {shown_name(self.name)} {self.problem}"


class JournalRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What every kind of record is: immutable, and an array on disk."""


class Job(JournalRecord, frozen=True, tag=1):
    """Which transfer this is: its id, the hash of its secret, the digest in use, when it began (epoch seconds)."""

    transfer: bytes
    secret_hash: bytes
    digest: str
    begun: float
    label: str


class Opened(JournalRecord, frozen=True, tag=2):
    """A staging file is there for this generation of a source.

    `size` is None where nobody knows it yet; `source` is an opaque fingerprint of what the sender sees of its file.
    """

    file: Natural
    generation: Natural
    size: Natural | None
    chunk_bytes: Natural
    source: bytes


class Chunk(JournalRecord, frozen=True, tag=3):
    """A chunk is in the staging file, durable, and has this digest."""

    file: Natural
    generation: Natural
    number: Natural
    digest: bytes


class Landing(JournalRecord, frozen=True, tag=4):
    """A file that is whole is about to get its final name; `device` and `inode` recognise it after a crash.

    `chunk_bytes` is what its root was made with, 0 if it follows from the size: of a stream it does not.
    """

    file: Natural
    device: Natural
    inode: Natural
    root: bytes
    size: Natural
    parts: tuple[bytes, ...]
    chunk_bytes: Natural = 0


class Landed(JournalRecord, frozen=True, tag=5):
    """A file has its final name, durable."""

    file: Natural
    parts: tuple[bytes, ...]
    mtime_ns: int


class Failed(JournalRecord, frozen=True, tag=6):
    """A file did not come about, for this reason; `problem` is the sentence for people."""

    file: Natural
    fault: Fault
    problem: str


class Epoch(JournalRecord, frozen=True, tag=7):
    """The connection with this number owns the transfer from here on; the highest wins."""

    number: Natural


class Dropped(JournalRecord, frozen=True, tag=8):
    """The staging file of this generation was discarded, because its source is another one by now."""

    file: Natural
    generation: Natural


class Finished(JournalRecord, frozen=True, tag=9):
    """The transfer is over. `time` is in seconds since the epoch."""

    time: float


class Destination(JournalRecord, frozen=True, tag=10):
    """The folder under which the files landed, as an absolute path."""

    path: bytes


@dataclass(frozen=True, slots=True)
class Unknown:
    """A whole record of a kind or form that this version does not know."""

    payload: bytes


Record = Job | Opened | Chunk | Landing | Landed | Failed | Epoch | Dropped | Finished | Destination

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Record)


def encode(records: Iterable[Record]) -> bytes:
    """The bytes of `records`, without MAGIC. Raises JournalError for one that is too large or cannot be written."""
    return b"".join(map(_framed, records))


def _framed(record: Record) -> bytes:
    try:
        payload = _ENCODER.encode(record)
    except UNENCODABLE as error:
        raise JournalError(JOURNAL_NAME, f"cannot hold a record of {type(record).__name__}: {error}") from error
    if len(payload) > MAX_PAYLOAD_BYTES:
        problem = f"cannot hold a record of {len(payload)} bytes; the most is {MAX_PAYLOAD_BYTES}, so shorten its texts"
        raise JournalError(JOURNAL_NAME, problem)
    length = _LENGTH.pack(len(payload))
    return length + _LENGTH.pack(crc32(payload, crc32(length))) + payload


def decode(data: bytes, name: bytes = JOURNAL_NAME) -> tuple[list[Record | Unknown], int]:
    """Read a file of records.

    `data` is the whole file and `name` its name, for the error. Returns the records up to the first that is torn or
    damaged, and how many bytes they take, MAGIC included (0 for a file in which nothing arrived). Raises JournalError
    if this is no such file.
    """
    records: list[Record | Unknown] = []
    return records, _each(data, name, records.append)


def restore(data: bytes, name: bytes = JOURNAL_NAME) -> tuple[JobState, int]:
    """The same as `replay` of what `decode` finds in `data`, without holding all records.

    Returns the state and the good bytes. Raises JournalError as `decode` does; `name` is for it.
    """
    state = JobState()
    return state, _each(data, name, state.apply)


def replay(records: Iterable[Record | Unknown]) -> JobState:
    """The state that `records`, in their order, add up to."""
    state = JobState()
    for record in records:
        state.apply(record)
    return state


def _each(data: bytes, name: bytes, take: Callable[[Record | Unknown], object]) -> int:
    """Give each record that is whole to `take`, up to the first that is not. Returns where the last one ends."""
    start = _checked_start(data, name)
    end = len(data) if start else 0
    while start + _HEAD.size <= end:
        length, expected = _HEAD.unpack_from(data, start)
        stop = start + _HEAD.size + length
        if not 0 < length <= MAX_PAYLOAD_BYTES or stop > end:
            break
        payload = data[start + _HEAD.size : stop]
        if crc32(payload, crc32(data[start : start + _LENGTH.size])) != expected:
            break
        take(_decoded(payload))
        start = stop
    return start


def _checked_start(data: bytes, name: bytes) -> int:
    """How many bytes of MAGIC are there: all or none.

    A file that is too short, or starts with zero bytes, lost its first write to a power cut; there is nothing in it.
    """
    start = data[: len(MAGIC)]
    if start == MAGIC:
        return len(MAGIC)
    if MAGIC.startswith(start) or not any(start):
        return 0
    problem = (
        f"starts {start.hex(' ')} and not {MAGIC.hex(' ')}: it is damaged, or of another version of Landline; "
        "move it away, and the transfer starts from its beginning"
    )
    raise JournalError(name, problem)


def _decoded(payload: bytes) -> Record | Unknown:
    try:
        record: Record = _DECODER.decode(payload)
        return record
    except UNDECODABLE:
        return Unknown(payload)


@dataclass(slots=True)
class FileState:
    """What is known of one file of the manifest.

    `generation` is that of the last `Opened` (-1: none), `is_open` whether its staging file is there; `size`,
    `chunk_bytes` and `source` are from that record. `chunks` are the digests of durable chunks by number.
    """

    generation: int = -1
    is_open: bool = False
    size: int | None = None
    chunk_bytes: int = 0
    source: bytes = b""
    chunks: dict[int, bytes] = field(default_factory=dict)
    landing: Landing | None = None
    landed: Landed | None = None
    failed: Failed | None = None

    def open(self, record: Opened) -> None:
        """Begin a generation with an empty staging file; an older one, or the same record once more, changes nothing.

        The number alone does not tell whether it is the same: a sender that starts again counts from the beginning.
        """
        told = (record.generation, record.size, record.chunk_bytes, record.source)
        is_same = self.is_open and told == (self.generation, self.size, self.chunk_bytes, self.source)
        if is_same or record.generation < self.generation:
            return
        self.generation, self.is_open = record.generation, True
        self.size, self.chunk_bytes, self.source = record.size, record.chunk_bytes, record.source
        self.chunks.clear()
        self.landing = self.landed = self.failed = None

    def drop(self, record: Dropped) -> None:
        """Forget what the staging file held, unless a newer one is open. What has landed stays landed."""
        if record.generation >= self.generation:
            self.generation, self.is_open = record.generation, False
            self.chunks.clear()
            self.landing = self.landing if self.landed else None

    def land(self, record: Landed) -> None:
        """The file has landed: its root says all that its chunks said."""
        self.landed, self.failed, self.is_open = record, None, False
        self.chunks.clear()

    def fail(self, record: Failed) -> None:
        """The file failed; what has landed stays landed."""
        if self.landed is None:
            self.failed = record


class _Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that matters of a file that has landed. `named` are its parts if they are others than it was to have."""

    generation: int
    device: int
    inode: int
    root: bytes
    size: int
    chunk_bytes: int
    mtime_ns: int
    parts: tuple[bytes, ...]
    named: tuple[bytes, ...] | None


_KEPT = msgspec.msgpack.Decoder(_Kept)


def _packed(generation: int, at: Landing, landed: Landed) -> bytes:
    named = None if landed.parts == at.parts else landed.parts
    return _ENCODER.encode(
        _Kept(generation, at.device, at.inode, at.root, at.size, at.chunk_bytes, landed.mtime_ns, at.parts, named)
    )


def _unpacked(file: int, row: bytes) -> FileState:
    kept = _KEPT.decode(row)
    landing = Landing(file, kept.device, kept.inode, kept.root, kept.size, kept.parts, kept.chunk_bytes)
    landed = Landed(file, kept.parts if kept.named is None else kept.named, kept.mtime_ns)
    return FileState(kept.generation, landing=landing, landed=landed)


@dataclass(slots=True)
class JobState:
    """What the records of one transfer add up to.

    `files` are those that have not landed; `landed` has the others in a form that a million of them can have: `find`
    and `landings` read it. `epoch` is the highest one, `finished` when it was over (None: it is not), `unknown` how
    many records were passed over because a newer version wrote them.
    """

    job: Job | None = None
    epoch: int = 0
    files: dict[int, FileState] = field(default_factory=dict)
    landed: Rows = field(default_factory=Rows)
    destination: bytes | None = None
    finished: float | None = None
    unknown: int = 0

    def find(self, file: int) -> FileState | None:
        """What is known of a file, landed or not; None if nothing is."""
        row = self.landed.get(file)
        return self.files.get(file) if row is None else _unpacked(file, row)

    def landings(self) -> Iterator[tuple[int, Landing, Landed]]:
        """The files of which both records are there, in their order."""
        for file, row in self.landed:
            known = _unpacked(file, row)
            assert known.landing is not None and known.landed is not None
            yield file, known.landing, known.landed

    def next_generation(self, file: int) -> int:
        """The number for the next `Opened` of this file.

        With numbers from here, a `Chunk` that a slow thread writes for an older staging file can never count for a
        newer one. The sender's own count of generations is not good for that: it begins anew with each process.
        """
        known = self.find(file)
        return 0 if known is None else known.generation + 1

    def apply(self, record: Record | Unknown) -> None:
        """Take in the next record."""
        if isinstance(record, Chunk):
            known = self.files.get(record.file)
            if known is not None and known.is_open and known.generation == record.generation:
                known.chunks[record.number] = record.digest
        elif isinstance(record, Opened | Landing | Landed | Failed | Dropped):
            known = self.find(record.file) or FileState()
            self._apply_to_file(known, record)
            self._keep(record.file, known)
        else:
            self._apply_to_job(record)

    def _keep(self, file: int, known: FileState) -> None:
        if known.landing is not None and known.landed is not None:
            self.landed.put(file, _packed(known.generation, known.landing, known.landed))
            self.files.pop(file, None)
        else:
            self.landed.discard(file)
            self.files[file] = known

    def _apply_to_file(self, known: FileState, record: Opened | Landing | Landed | Failed | Dropped) -> None:
        match record:
            case Opened():
                known.open(record)
            case Landing():
                known.landing = record
            case Landed():
                known.land(record)
            case Failed():
                known.fail(record)
            case Dropped():
                known.drop(record)

    def _apply_to_job(self, record: Job | Epoch | Finished | Destination | Unknown) -> None:
        match record:
            case Job():
                # The first counts: a journal is of one transfer.
                self.job = self.job or record
            case Epoch():
                self.epoch = max(self.epoch, record.number)
            case Finished():
                self.finished = record.time
            case Destination():
                self.destination = record.path
            case Unknown():
                self.unknown += 1
