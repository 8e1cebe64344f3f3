"""The frames of a transfer, as bytes: docs/wire/transfer.md draws them. Pure.

A frame is a header of 8 bytes and a body. The body of a control frame is MessagePack; that of a data frame begins with
a prefix of fixed size and is followed by bytes of files, which never pass through this module.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from landline.errors import TransferError
from landline.transfer.faults import Fault
from landline.transfer.manifest import (
    BUNDLE_BYTES,
    BUNDLE_FILES,
    BUNDLED_BYTES,
    DIGEST_BYTES,
    MOST_CHUNK,
    Entry,
    Index,
    Parts,
    Size,
)

VERSIONS = (1, 1)
"""The lowest and the highest version spoken here."""
HEADER = struct.Struct("!BBHI")
"""Type, flags, zero, length of the body."""
MUST = 0x01
"""Flag: who does not know this type must not go on. Without it, an unknown frame is skipped."""
MAX_CONTROL_BYTES = 1024 * 1024
MAX_EARLY_BYTES = 4096
"""What a control frame may have before the peer has shown who it is."""
TAG_BYTES = 32
NO_DIGEST = bytes(DIGEST_BYTES)
"""In the place of a digest: the sender withdraws this chunk, as its source changed under it."""

DATA, BUNDLE = 0x40, 0x41
DATA_PREFIX = struct.Struct("!IHHII")
"""File, generation, zero, number of the chunk, bytes of data."""
BUNDLE_PREFIX = struct.Struct("!II")
"""How many files, zero."""
BUNDLE_ROW = struct.Struct("!IHHII32s")
"""File, generation, zero, bytes, zero, digest."""

Bytes16 = Annotated[bytes, Meta(min_length=16, max_length=16)]
Bytes32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Meta(ge=0, le=10**9)]
Text = Annotated[str, Meta(max_length=4096)]
Word = Annotated[str, Meta(max_length=64)]
Words = Annotated[list[Word], Meta(max_length=64)]


class WireError(TransferError):
    """The peer does not speak this protocol as it is written down; the connection cannot go on.

    `problem` says what it sent.
    """

    fault = Fault.PROTOCOL

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"the other side does not speak the transfer protocol: {self.problem}"


class Message(msgspec.Struct, frozen=True):
    """The body of a control frame."""


class Hello(Message, frozen=True):
    """The first word of both sides."""

    role: Literal["send", "receive"]
    purpose: Literal["drop", "code"]
    versions: tuple[Index, Index]
    digests: Words
    features: Words
    nonce: Bytes16
    software: Word = ""


class Pair(Message, frozen=True):
    """The SPAKE2 message of one side."""

    message: Annotated[bytes, Meta(max_length=256)]


class Confirm(Message, frozen=True):
    """The proof that one side came to the same key."""

    proof: Bytes32


class Token(Message, frozen=True):
    """The sender's proof that it has a token of the drop."""

    proof: Bytes32


class Offer(Message, frozen=True):
    """What the sender would like to send. `secret` lets only the same sender go on with the same transfer."""

    transfer: Bytes16
    secret: Bytes32
    label: Text = ""
    files: Count | None = None
    size: Size | None = None
    if_exists: Word | None = None
    wait_space: Seconds = 0.0
    text: Annotated[str, Meta(max_length=65536)] | None = None


class Accept(Message, frozen=True):
    """The receiver takes the offer. `key` is for the data connections of this epoch."""

    epoch: Index
    digest: Word
    streams: Annotated[int, Meta(ge=1, le=8)]
    key: Bytes32
    trusted: bool = False
    free: Count = 0


class Refuse(Message, frozen=True):
    """No, and why."""

    fault: Fault
    detail: Text = ""


class Page(Message, frozen=True):
    """Entries `first` and following; `last` says that no page follows."""

    first: Index
    entries: Annotated[list[Entry], Meta(max_length=4096)]
    last: bool = False


class Have(Message, frozen=True):
    """The receiver has chunks `first` to `first + count - 1` of a file already; `digests` are theirs, joined."""

    file: Index
    first: Index
    count: Annotated[int, Meta(ge=1, le=4096)]
    digests: Annotated[bytes, Meta(max_length=4096 * DIGEST_BYTES)]


class Trouble(msgspec.Struct, array_like=True, frozen=True):
    """A file that fails, and why."""

    file: Index
    fault: Fault
    detail: Text = ""


class Plan(Message, frozen=True):
    """Entries `first` and following may be sent now, but for those that are `landed` already or `failed`."""

    first: Index
    count: Index
    landed: Annotated[list[Index], Meta(max_length=4096)] = []
    failed: Annotated[list[Trouble], Meta(max_length=4096)] = []


class FileEnd(Message, frozen=True):
    """All chunks of a file were sent, and it did not change meanwhile."""

    file: Index
    generation: Index
    size: Size
    root: Bytes32


class Changed(Message, frozen=True):
    """A file is another than it was: forget its chunks; `entry` is the new one. It is sent after the plan for it."""

    file: Index
    entry: Entry


class Nak(Message, frozen=True):
    """The digest of a chunk did not match: send it again."""

    file: Index
    generation: Index
    chunk: Index


class Progress(Message, frozen=True):
    """What the receiver has done so far in this connection: bytes, files, and the seconds its threads spent.

    `verified` and `durable` count what earlier connections have left as well, `received` does not.
    """

    received: Count
    verified: Count
    durable: Count
    landed: Count
    free: Count = 0
    waited: Seconds = 0.0
    hashed: Seconds = 0.0
    wrote: Seconds = 0.0
    synced: Seconds = 0.0
    ciphered: Seconds = 0.0


class LandedFile(msgspec.Struct, array_like=True, frozen=True):
    """A file with its final name, durable; `parts` only if that name is another than in the manifest."""

    file: Index
    root: Annotated[bytes, Meta(max_length=DIGEST_BYTES)] = b""
    parts: Parts | None = None


class Landed(Message, frozen=True):
    """Files that are on disk under their final names."""

    files: Annotated[list[LandedFile], Meta(max_length=4096)]


class Failed(Message, frozen=True):
    """A file failed; the others go on."""

    file: Index
    fault: Fault
    detail: Text = ""


class Space(Message, frozen=True):
    """The receiver's disk: bytes `needed` and `free`. It waits for room for so many more seconds; 0: there is room."""

    needed: Count
    free: Count
    seconds_left: Seconds


class Result(Message, frozen=True):
    """Everything is settled. `level` says what success means: on disk, written to a pipe, or shown to a person."""

    landed: Count
    failed: Count
    size: Count
    level: Literal["durable", "written", "shown"] = "durable"


class Ping(Message, frozen=True):
    """Are you there?"""


class Pong(Message, frozen=True):
    """Yes."""


class Bye(Message, frozen=True):
    """The end; with a fault, and why."""

    fault: Fault | None = None
    detail: Text = ""


class Verify(Message, frozen=True):
    """In place of an offer: are the files of this transfer still as they landed?"""

    transfer: Bytes16
    secret: Bytes32


class Checked(Message, frozen=True):
    """One landed file, hashed again; `root` is empty and `fault` says why if it could not be."""

    file: Index
    root: Annotated[bytes, Meta(max_length=DIGEST_BYTES)] = b""
    size: Size = 0
    fault: Fault | None = None


class Join(Message, frozen=True):
    """The first frame of a data connection, from the side that calls."""

    transfer: Bytes16
    epoch: Index
    number: Annotated[int, Meta(ge=1, le=8)]
    proof: Bytes32


TYPES: dict[int, type[Message]] = {
    0x01: Hello,
    0x02: Pair,
    0x03: Confirm,
    0x04: Token,
    0x10: Offer,
    0x11: Accept,
    0x12: Refuse,
    0x13: Page,
    0x14: Have,
    0x15: Plan,
    0x16: FileEnd,
    0x17: Changed,
    0x18: Nak,
    0x19: Progress,
    0x1A: Landed,
    0x1B: Failed,
    0x1C: Space,
    0x1D: Result,
    0x1E: Ping,
    0x1F: Pong,
    0x20: Bye,
    0x21: Verify,
    0x22: Checked,
    0x30: Join,
}
NUMBERS = {kind: number for number, kind in TYPES.items()}
OPTIONAL: frozenset[type[Message]] = frozenset({Progress, Space, Ping, Pong})
"""What a peer that does not know it may skip."""
_DECODERS: dict[int, msgspec.msgpack.Decoder[Any]] = {
    number: msgspec.msgpack.Decoder(kind) for number, kind in TYPES.items()
}
_ENCODER = msgspec.msgpack.Encoder()


def encode(message: Message) -> bytes:
    """A control frame. Raises WireError if it is larger than a peer would take."""
    body = _ENCODER.encode(message)
    if len(body) > MAX_CONTROL_BYTES:
        raise WireError(f"a {type(message).__name__} of {len(body)} bytes is over {MAX_CONTROL_BYTES}")
    flags = 0 if type(message) in OPTIONAL else MUST
    return HEADER.pack(NUMBERS[type(message)], flags, 0, len(body)) + body


def decode_body(number: int, body: bytes | memoryview) -> Message:
    """The message in the body of a control frame of a known type. Raises WireError."""
    try:
        message: Message = _DECODERS[number].decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"a {TYPES[number].__name__} frame that is none ({error})") from None
    if isinstance(message, Have) and len(message.digests) != message.count * DIGEST_BYTES:
        raise WireError(f"{len(message.digests)} bytes of digests for {message.count} chunks")
    return message


class FrameReader:
    """Cuts a stream into control frames. `max_bytes` bounds a body; it may be raised once the peer is known."""

    def __init__(self, max_bytes: int = MAX_EARLY_BYTES) -> None:
        self.max_bytes = max_bytes
        self._held = bytearray()

    def feed(self, data: bytes | bytearray | memoryview) -> Iterator[Message]:
        """Take bytes; gives each message that is whole by now. Raises WireError, which is final."""
        self.add(data)
        while (message := self.take()) is not None:
            yield message

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes, and judge nothing yet."""
        self._held += data

    def take(self) -> Message | None:
        """The next message that is whole by now, None if there is none. Raises WireError, which is final.

        What is behind it is not judged yet: once the peer is known, it may be larger.
        """
        while len(self._held) >= HEADER.size:
            number, flags, _, length = HEADER.unpack_from(self._held)
            check_control(number, flags, length, self.max_bytes)
            end = HEADER.size + length
            if len(self._held) < end:
                break
            body = bytes(self._held[HEADER.size : end])
            del self._held[:end]
            if number in TYPES:
                return decode_body(number, body)
        return None

    @property
    def held(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._held)

    def take_rest(self) -> bytes:
        """What has come behind the last frame that was taken: it belongs to whoever reads on."""
        rest = bytes(self._held)
        self._held.clear()
        return rest


def check_control(number: int, flags: int, length: int, max_bytes: int) -> None:
    """Judge the header of a control frame before anything of its body is held. Raises WireError."""
    if number not in TYPES and flags & MUST:
        raise WireError(f"a frame of type {number:#04x} that must be understood, and is not known here")
    if length > max_bytes:
        raise WireError(f"a control frame of {length} bytes where {max_bytes} are the most")


class DataHead(NamedTuple):
    """The prefix of a chunk on a data connection; `length` is that of the data alone."""

    file: int
    generation: int
    chunk: int
    length: int

    def encode(self, tagged: bool) -> bytes:
        """Header and prefix; the data, the digest and, on a clear connection, the tag follow."""
        body = DATA_PREFIX.size + self.length + DIGEST_BYTES + (TAG_BYTES if tagged else 0)
        return HEADER.pack(DATA, MUST, 0, body) + DATA_PREFIX.pack(
            self.file, self.generation, 0, self.chunk, self.length
        )


class BundledFile(NamedTuple):
    """One row of a bundle."""

    file: int
    generation: int
    size: int
    digest: bytes


def data_head(length: int, prefix: bytes | bytearray | memoryview, tagged: bool) -> DataHead:
    """Read the 16 bytes behind the header of a DATA frame of `length` bytes. Raises WireError."""
    file, generation, _, chunk, size = DATA_PREFIX.unpack(prefix)
    if size > MOST_CHUNK or length != DATA_PREFIX.size + size + DIGEST_BYTES + (TAG_BYTES if tagged else 0):
        raise WireError(f"a chunk of {size} bytes in a frame of {length}")
    return DataHead(file, generation, chunk, size)


def encode_bundle(rows: list[BundledFile], key: bytes | None) -> bytes:
    """Header, prefix, rows and (with a key) tag of a bundle; the data of the files follows, in the same order."""
    table = b"".join(BUNDLE_ROW.pack(row.file, row.generation, 0, row.size, 0, row.digest) for row in rows)
    tag = b"" if key is None else tag_of(key, table)
    body = BUNDLE_PREFIX.size + len(table) + len(tag) + sum(row.size for row in rows)
    return HEADER.pack(BUNDLE, MUST, 0, body) + BUNDLE_PREFIX.pack(len(rows), 0) + table + tag


def bundle_table_bytes(length: int, prefix: bytes | bytearray | memoryview, tagged: bool) -> int:
    """How many bytes of rows and tag follow the 8 bytes behind the header of a BUNDLE frame. Raises WireError."""
    count, _ = BUNDLE_PREFIX.unpack(prefix)
    table = count * BUNDLE_ROW.size + (TAG_BYTES if tagged else 0)
    if not 1 <= count <= BUNDLE_FILES or BUNDLE_PREFIX.size + table > length:
        raise WireError(f"a bundle of {count} files in a frame of {length} bytes")
    return int(table)


def bundle_rows(length: int, table: bytes | bytearray | memoryview, key: bytes | None) -> list[BundledFile]:
    """The rows of a bundle, whose frame has `length` bytes; with a key their tag is checked. Raises WireError."""
    end = len(table) - (TAG_BYTES if key is not None else 0)
    rows = [BundledFile(file, generation, size, digest) for file, generation, _, size, _, digest
            in BUNDLE_ROW.iter_unpack(table[:end])]  # fmt: skip
    if key is not None and not hmac.compare_digest(tag_of(key, bytes(table[:end])), bytes(table[end:])):
        raise WireError("a bundle whose tag does not match")
    total = sum(row.size for row in rows)
    if any(row.size > BUNDLED_BYTES for row in rows) or total > BUNDLE_BYTES:
        raise WireError(f"a bundle with {total} bytes or with a file that is no small one")
    if length != BUNDLE_PREFIX.size + len(table) + total:
        raise WireError(f"a bundle of {total} bytes in a frame of {length}")
    return rows


def chunk_tag(key: bytes, head: DataHead, digest: bytes) -> bytes:
    """What stands behind the digest of a chunk on a clear connection: it binds content and place to the key."""
    return tag_of(key, DATA_PREFIX.pack(head.file, head.generation, 0, head.chunk, head.length) + digest)


def tag_of(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104)."""
    return hmac.digest(key, data, "sha256")


def join_proof(key: bytes, transfer: bytes, epoch: int, number: int) -> bytes:
    """What shows that a data connection belongs to a transfer."""
    return tag_of(key, b"landline join\0" + transfer + epoch.to_bytes(4) + number.to_bytes(4))


def common_version(theirs: tuple[int, int]) -> int:
    """The highest version both speak. Raises WireError."""
    version = min(VERSIONS[1], theirs[1])
    if version < max(VERSIONS[0], theirs[0]):
        low, high = VERSIONS
        raise WireError(f"it speaks the versions {theirs[0]} to {theirs[1]}, and here are {low} to {high}")
    return version
