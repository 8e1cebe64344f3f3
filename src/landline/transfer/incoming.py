"""One data connection of the receiving side: read, hash, write, in the one thread that serves it.

All in one thread is the fastest there is on few cores: a hand-over costs more than what it wins.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Iterator
from typing import Protocol

from landline.transfer.link import DataLink
from landline.transfer.manifest import BUNDLE_BYTES, DIGEST_BYTES, Hasher, new_hasher
from landline.transfer.wire import (
    BUNDLE,
    BUNDLE_PREFIX,
    DATA,
    DATA_PREFIX,
    MUST,
    NO_DIGEST,
    TAG_BYTES,
    BundledFile,
    DataHead,
    WireError,
    bundle_rows,
    bundle_table_bytes,
    chunk_tag,
    data_head,
)

BLOCK_BYTES = 1024 * 1024


class Chunk(Protocol):
    """Takes one chunk that comes."""

    def write(self, block: memoryview, offset: int) -> None:
        """Take the bytes at `offset` of the chunk. What it cannot take, it has to remember until `end`."""

    def end(self, digest: bytes, is_right: bool) -> None:
        """The chunk is over; `digest` was announced for it, and its bytes have it or not."""

    def lost(self) -> None:
        """The connection ended within the chunk."""


class Takes(Protocol):
    """What becomes of data. Its methods are called in the threads of data connections."""

    @property
    def digest(self) -> str:
        """The name of the digest in use."""

    @property
    def key(self) -> bytes:
        """The key of the tags."""

    def begin(self, head: DataHead) -> Chunk | None:
        """A chunk comes; None: throw it away. Raises WireError."""

    def bundle(self, rows: list[BundledFile], data: memoryview) -> None:
        """A bundle has come, with the bytes of all its files in order. Raises WireError."""

    def throttle(self, size: int) -> None:
        """Wait until `size` more bytes may be taken."""

    def count(self, received: int, waited: float, hashed: float, wrote: float, ciphered: float = 0.0) -> None:
        """So many bytes were received, and so many seconds spent."""


class Incoming:
    """Reads one data connection to its end."""

    def __init__(self, link: DataLink, takes: Takes) -> None:
        self._link = link
        self._takes = takes
        self._tag_bytes = TAG_BYTES if link.clear else 0
        self._block = memoryview(bytearray(BLOCK_BYTES))
        self._bundle: memoryview | None = None

    def run(self) -> None:
        """Take frames until the sender has no more. Raises WireError, ConnectionClosed or WaitTimeout."""
        while (head := self._link.read_head()) is not None:
            number, flags, length = head
            if number == DATA:
                self._take_chunk(length)
            elif number == BUNDLE:
                self._take_bundle(length)
            elif flags & MUST:
                raise WireError(f"a frame of type {number:#04x} among data")
            else:
                self._skip(length)

    def _read(self, size: int) -> bytes:
        data = bytearray(size)
        self._link.read_into(memoryview(data))
        return bytes(data)

    def _skip(self, size: int) -> None:
        while size:
            size -= self._link.read_some(self._block[: min(size, BLOCK_BYTES)])

    def _take_chunk(self, length: int) -> None:
        if length < DATA_PREFIX.size:
            raise WireError(f"a data frame of {length} bytes")
        prefix = self._read(DATA_PREFIX.size)
        head = data_head(length, prefix, self._link.clear)
        chunk = self._takes.begin(head)
        if chunk is None:
            self._thrown(head.length + DIGEST_BYTES + self._tag_bytes)
            return
        ended = False
        try:
            digest, is_right = self._move(head, chunk)
            ended = True
        finally:
            if not ended:
                chunk.lost()
        chunk.end(digest, is_right)

    def _thrown(self, size: int) -> None:
        self._takes.throttle(size)
        self._skip(size)
        self._takes.count(size, 0.0, 0.0, 0.0)

    def _move(self, head: DataHead, chunk: Chunk) -> tuple[bytes, bool]:
        """Move one chunk. Returns the digest that was announced, and whether it is right."""
        hasher, offset, clock, work = new_hasher(self._takes.digest), 0, time.monotonic, time.thread_time
        while offset < head.length:
            part = self._block[: min(BLOCK_BYTES, head.length - offset)]
            self._takes.throttle(len(part))
            began, computed = clock(), work()
            self._link.read_into(part)
            read, computed = clock(), work() - computed
            hasher.update(part)
            hashed = clock()
            chunk.write(part, offset)
            offset += len(part)
            ciphered = 0.0 if self._link.clear else computed
            self._takes.count(len(part), read - began, hashed - read, clock() - hashed, ciphered)
        return self._trailer(head, hasher)

    def _trailer(self, head: DataHead, hasher: Hasher) -> tuple[bytes, bool]:
        trailer = self._read(DIGEST_BYTES + self._tag_bytes)
        digest, tag = trailer[:DIGEST_BYTES], trailer[DIGEST_BYTES:]
        if tag and not hmac.compare_digest(chunk_tag(self._takes.key, head, digest), tag):
            raise WireError("a chunk whose tag does not match")
        return digest, digest != NO_DIGEST and hmac.compare_digest(hasher.digest(), digest)

    def _take_bundle(self, length: int) -> None:
        if length < BUNDLE_PREFIX.size:
            raise WireError(f"a bundle of {length} bytes")
        prefix = self._read(BUNDLE_PREFIX.size)
        table = self._read(bundle_table_bytes(length, prefix, self._link.clear))
        rows = bundle_rows(length, table, self._takes.key if self._link.clear else None)
        if self._bundle is None:
            self._bundle = memoryview(bytearray(BUNDLE_BYTES))
        data = self._bundle[: sum(row.size for row in rows)]
        self._takes.throttle(len(data))
        began = time.monotonic()
        self._link.read_into(data)
        self._takes.count(len(data), time.monotonic() - began, 0.0, 0.0)
        self._takes.bundle(rows, data)


def write_at(file_fd: int, block: memoryview, offset: int) -> None:
    """Write all of `block` at `offset` of a file. Raises OSError."""
    while block:
        written = os.pwrite(file_fd, block, offset)
        block, offset = block[written:], offset + written


def rows_with_data(rows: list[BundledFile], data: memoryview) -> Iterator[tuple[BundledFile, memoryview]]:
    """Each row of a bundle with its bytes."""
    offset = 0
    for row in rows:
        yield row, data[offset : offset + row.size]
        offset += row.size
