"""What is sent: entries, how files are cut into chunks, and the digest that stands for a whole file. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

KIB = 1024
MIB = 1024 * KIB

BUNDLED_BYTES = 256 * KIB
"""Files of at most this size travel many to a frame: alone, each would pay for a frame, a digest and a commit."""
BUNDLE_BYTES = 4 * MIB
BUNDLE_FILES = 1024
LEAST_CHUNK, MOST_CHUNK = 4 * MIB, 64 * MIB
MOST_CHUNKS = 2000
"""Chunks are doubled until a file has at most so many, so that a journal and a resume map stay small."""
MOST_SIZE = 2**60
DIGEST_BYTES = 32
FINGERPRINT_BYTES = 16
OPEN_ENTRIES = 16_384
"""So many entries may be told and not settled yet: what bounds the memory of both sides, whatever is sent."""

Index = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Size = Annotated[int, Meta(ge=0, le=MOST_SIZE)]
Part = Annotated[bytes, Meta(max_length=4096)]
Parts = Annotated[tuple[Part, ...], Meta(max_length=256)]
"""The names on the way from the destination to an entry. Whether they are good names is judged by `names`."""


class Kind(IntEnum):
    """What an entry is."""

    FILE = 0
    FOLDER = 1
    LINK = 2


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """A file, a folder or a symbolic link.

    `size` is in bytes, None for a stream whose end is not known. `mode` are permission bits, of which a receiver takes
    the lowest nine; `mtime_ns` are nanoseconds since the epoch. `target` is where a link points. `source` is a
    fingerprint of the file as the sender saw it: the same fingerprint, the same content. `generation` counts how often
    the file was found changed and begun anew.
    """

    kind: Kind
    parts: Parts
    size: Size | None = 0
    mode: Annotated[int, Meta(ge=0, le=0o7777)] = 0o644
    mtime_ns: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] = 0
    source: Annotated[bytes, Meta(max_length=FINGERPRINT_BYTES)] = b""
    target: Part = b""
    generation: Annotated[int, Meta(ge=0, le=2**16 - 1)] = 0

    @property
    def path(self) -> bytes:
        """The names, joined by slashes."""
        return b"/".join(self.parts)

    @property
    def bundled(self) -> bool:
        """Whether it is a file that travels in a bundle."""
        return self.kind is Kind.FILE and self.size is not None and self.size <= BUNDLED_BYTES

    @property
    def chunk_bytes(self) -> int:
        """The size of each of its chunks but the last."""
        return chunk_bytes_for(self.size)

    @property
    def chunks(self) -> int | None:
        """How many chunks it has, None for a stream."""
        return None if self.size is None else chunk_count(self.size, self.chunk_bytes)


def chunk_bytes_for(size: int | None) -> int:
    """The chunk size of a file of `size` bytes: a power of two from 4 MiB to 64 MiB; for a stream (None) 4 MiB."""
    chunk = LEAST_CHUNK
    while size is not None and chunk < MOST_CHUNK and size > chunk * MOST_CHUNKS:
        chunk *= 2
    return chunk


def chunk_count(size: int, chunk_bytes: int) -> int:
    """How many chunks of `chunk_bytes` a file of `size` bytes has; an empty one has none."""
    return -(-size // chunk_bytes)


def chunk_length(size: int, chunk_bytes: int, number: int) -> int:
    """The bytes of the chunk with this number, counted from 0. Raises ValueError if there is no such chunk."""
    if not 0 <= number < chunk_count(size, chunk_bytes):
        raise ValueError(f"a file of {size} bytes has no chunk {number} of {chunk_bytes} bytes")
    return min(chunk_bytes, size - number * chunk_bytes)


def root_of(size: int, chunk_bytes: int, digests: Iterable[bytes], digest: str) -> bytes:
    """What stands for a whole file: a digest over its size, its chunk size and the digests of its chunks in order.

    `digest` names the algorithm. A flat list is enough: nothing here proves a part without the rest.
    """
    hasher = new_hasher(digest)
    hasher.update(b"landline root 1\0" + size.to_bytes(8) + chunk_bytes.to_bytes(4))
    hasher.update(b"".join(digests))
    return hasher.digest()


DIGESTS = ("blake3", "sha256")
"""The digests there are, the best first."""


class Hasher(Protocol):
    """What the objects of both libraries have."""

    def update(self, data: bytes | bytearray | memoryview) -> object:
        """Take more bytes."""

    def digest(self) -> bytes:
        """The digest of all bytes, 32 bytes."""


def known_digests() -> tuple[str, ...]:
    """The digests this installation has, the best first: BLAKE3 needs its library."""
    try:
        import blake3  # noqa: F401
    except ImportError:
        return DIGESTS[1:]
    return DIGESTS


def new_hasher(digest: str) -> Hasher:
    """A new hasher of one of `DIGESTS`."""
    if digest == "blake3":
        import blake3

        return blake3.blake3()
    return hashlib.new(digest)


def digest_of(data: bytes | bytearray | memoryview, digest: str) -> bytes:
    """The digest of some bytes."""
    hasher = new_hasher(digest)
    hasher.update(data)
    return hasher.digest()


def fingerprint(values: Sequence[int]) -> bytes:
    """A fingerprint of what the sender's system says of a file: device, inode, size, times of change."""
    return hashlib.sha256(b"".join(value.to_bytes(16, signed=True) for value in values)).digest()[:FINGERPRINT_BYTES]


def runs_of(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Runs (first, count) of ascending whole numbers."""
    first = count = 0
    for number in numbers:
        if count and number == first + count:
            count += 1
            continue
        if count:
            yield first, count
        first, count = number, 1
    if count:
        yield first, count
