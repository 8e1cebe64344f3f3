"""A transfer as its sender knows it: what lasts while control connections come and go."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from landline.errors import UsageError
from landline.transfer.events import Event
from landline.transfer.faults import Fault
from landline.transfer.manifest import LEAST_CHUNK, Entry
from landline.transfer.openfiles import OpenFiles
from landline.transfer.options import SendOptions
from landline.transfer.receipt import Receipt, ReceiptFile, receipt_file
from landline.transfer.schedule import FileWork
from landline.transfer.source import Listed, Source
from landline.transfer.streamsource import StreamSource
from landline.transfer.throttle import TokenBucket
from landline.transfer.wire import Offer

LISTED_BYTES = 4 * 1024 * 1024
"""So much of the manifest stays in memory; a longer one goes to a temporary file, which has no name."""
MOST_ENTRIES = 2**32 - 1


class _Line(msgspec.Struct, array_like=True):
    """An entry as it is kept."""

    entry: Entry
    fault: Fault | None = None
    detail: str = ""


class Listing:
    """What a walk has found, kept to be told again: numbers must mean the same files in every connection."""

    def __init__(self, walk: Iterator[Listed]) -> None:
        self._walk = walk
        self._kept = tempfile.SpooledTemporaryFile(LISTED_BYTES)  # noqa: SIM115 - closed in close()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(_Line)
        self._end = 0
        self.entries = 0
        self.files = 0
        self.size: int | None = 0
        self.whole = False

    def numbered(self) -> Iterator[tuple[int, Listed]]:
        """All entries from the first on, those of earlier walks first. Raises UsageError if there are too many."""
        position = index = 0
        while True:
            if position < self._end:
                listed, position = self._read(position)
            else:
                found = next(self._walk, None)
                if found is None:
                    self.whole = True
                    return
                listed = found
                position = self._keep(listed)
            yield index, listed
            index += 1

    def find(self, index: int) -> Entry | None:
        """An entry that was listed, by its number. Slow."""
        position = 0
        while position < self._end:
            listed, position = self._read(position)
            if not index:
                return listed.entry
            index -= 1
        return None

    def close(self) -> None:
        """Forget everything."""
        self._kept.close()

    def _keep(self, listed: Listed) -> int:
        if self.entries >= MOST_ENTRIES:
            raise UsageError(f"there are more than {MOST_ENTRIES} files and folders; send them in parts")
        line = self._encoder.encode(_Line(listed.entry, listed.fault, listed.detail))
        self._kept.seek(self._end)
        self._kept.write(len(line).to_bytes(4) + line)
        self._end += 4 + len(line)
        self.entries += 1
        if not listed.entry.kind and listed.fault is None:
            self.files += 1
            size = listed.entry.size
            self.size = None if self.size is None or size is None else self.size + size
        return self._end

    def _read(self, position: int) -> tuple[Listed, int]:
        self._kept.seek(position)
        length = int.from_bytes(self._kept.read(4))
        line = self._decoder.decode(self._kept.read(length))
        return Listed(line.entry, line.fault, line.detail), position + 4 + length


class Failure(NamedTuple):
    """Why an entry failed."""

    fault: Fault
    detail: str


class SendJob:
    """One transfer, from its offer to its end.

    `transfer` (16 bytes) and `secret` (32 bytes) name it, `label` is for people, `text` goes instead of files. Counters
    go on over all connections. `observer` gets its events, one at a time. `clock` gives seconds, for the limit.
    """

    def __init__(
        self,
        transfer: bytes,
        secret: bytes,
        source: Source | None,
        options: SendOptions,
        observer: Callable[[Event], None] | None = None,
        *,
        label: str = "",
        text: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.transfer = transfer
        self.secret = secret
        self.source = source
        self.options = options
        self.label = label
        self.text = text
        self.clock = clock
        self.listing = Listing(source.walk() if source is not None else iter(()))
        self.files = None if source is None else OpenFiles(source)
        self.stream = StreamSource(0 if source is None else source.stream_fd, options.memory_bytes // LEAST_CHUNK // 4)
        limit = options.limit_bytes_per_second
        self.throttle = None if limit is None else TokenBucket(limit)
        self.open: dict[int, FileWork] = {}
        self.changed: dict[int, Entry] = {}
        self.failures: dict[int, Failure] = {}
        self.landed = Bits()
        self.digest = ""
        self.landed_files = self.skipped_files = self.landed_bytes = self.sent_bytes = 0
        self.advances = 0
        """Grows whenever the receiver has got further: what tells a slow transfer from one that stands still."""
        self._begun = time.time()
        self._started = time.monotonic()
        self._rows: list[bytes] = []
        self._observer = observer
        self._lock = threading.Lock()

    def tell(self, event: Event) -> None:
        """Give an event to the observer. Threads may call it."""
        if self._observer is not None:
            with self._lock:
                self._observer(msgspec.structs.replace(event, transfer=self.transfer.hex()))

    @property
    def totals(self) -> tuple[int | None, int | None]:
        """Files and bytes in all, None where that is not known yet."""
        if self.listing.whole:
            return self.listing.files, self.listing.size
        found = self.source.totals() if self.source is not None else None
        return (None, None) if found is None else found

    def offer(self) -> Offer:
        """What opens each control connection."""
        files, size = self.totals
        wish, wait = self.options.if_exists, self.options.wait_space_seconds
        return Offer(self.transfer, self.secret, self.label, files, size, wish, wait, self.text)

    def add_row(self, row: ReceiptFile) -> None:
        """Remember what became of a file. Encoded, a row takes a third of the memory."""
        self._rows.append(msgspec.msgpack.encode(row))

    def failed(self, index: int, name: bytes, failure: Failure) -> bool:
        """Remember that an entry failed. Returns whether that is news."""
        if index in self.failures or index in self.landed:
            return False
        self.failures[index] = failure
        self.add_row(receipt_file(index, name, fault=failure.fault, detail=failure.detail))
        return True

    def receipt(self, address: str, pin: str, level: str) -> Receipt:
        """What was sent, to be kept."""
        decoder = msgspec.msgpack.Decoder(ReceiptFile)
        return Receipt(
            transfer=self.transfer.hex(),
            secret=self.secret.hex(),
            address=address,
            pin=pin,
            begun=self._begun,
            seconds=time.monotonic() - self._started,
            level=level,
            digest=self.digest,
            sent_bytes=self.sent_bytes,
            landed=self.landed_files,
            skipped=self.skipped_files,
            size=self.landed_bytes,
            files=sorted(map(decoder.decode, self._rows), key=lambda row: row.file),
        )

    def close(self) -> None:
        """Close what is open of the source."""
        self.listing.close()
        self.stream.close()
        if self.files is not None:
            self.files.close()
        if self.source is not None:
            self.source.close()


class Bits:
    """A set of small whole numbers, a bit each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        """Put a number in."""
        missing = number // 8 + 1 - len(self._bits)
        if missing > 0:
            self._bits += bytes(missing)
        self._bits[number // 8] |= 1 << number % 8

    def __contains__(self, number: int) -> bool:
        place = number // 8
        return place < len(self._bits) and bool(self._bits[place] >> number % 8 & 1)
