"""A sender written by hand over the frames of the wire, for a real drop: it does what a test says, right or wrong."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from landline.address import parse
from landline.errors import ConnectionClosed
from landline.transfer.calling import Caller
from landline.transfer.drop import Drop
from landline.transfer.events import Event
from landline.transfer.greeting import Greeted, Proof, call_out, my_hello
from landline.transfer.link import DataLink
from landline.transfer.manifest import Entry, Kind, digest_of, root_of
from landline.transfer.options import ReceiveOptions
from landline.transfer.wire import (
    Accept,
    BundledFile,
    Bye,
    DataHead,
    FileEnd,
    Message,
    Offer,
    Page,
    Plan,
    Progress,
    Result,
    chunk_tag,
    encode_bundle,
)
from landline.transport.tls import ClientTls

TRANSFER, SECRET = b"t" * 16, b"s" * 32
SECONDS = 20.0
Kinds = TypeVar("Kinds", bound=Message)


def file_entry(name: str, data: bytes | None, **more: Any) -> Entry:
    """An entry for a file with this content; None for a stream."""
    size = None if data is None else len(data)
    parts = tuple(part.encode() for part in name.split("/"))
    return Entry(Kind.FILE, parts, size, mtime_ns=1_000_000_000, source=digest_of(data or b"", "sha256")[:16], **more)


class ScriptedSender:
    """One control connection to a drop, and data connections as asked for. A context manager.

    `heard` are all messages that came and were not yet expected.
    """

    def __init__(
        self,
        address: str,
        transfer: bytes = TRANSFER,
        secret: bytes = SECRET,
        *,
        token: str | None = None,
        clear: bool = False,
    ) -> None:
        self.transfer = transfer
        self.secret = secret
        self.clear = clear
        self.heard: list[Message] = []
        self.accept: Accept | None = None
        target = parse(address)
        self.caller = Caller(target, ClientTls(pin=getattr(target, "pin", None)))
        self.link = self.caller.control()
        self._data: list[DataLink] = []
        try:
            self.greeted: Greeted = call_out(
                self.link,
                my_hello("send", "drop", clear),
                self.caller.certificate,
                Proof(token=token),
                self._deadline(),
            )
        except BaseException:
            self.link.close()
            raise

    def _deadline(self) -> float:
        return time.monotonic() + SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        for data in self._data:
            data.close()
        self.link.close()

    def say(self, *messages: Message) -> None:
        """Send messages at once."""
        for message in messages:
            self.link.post(message)
        self.link.flush(SECONDS)

    def expect(self, kind: type[Kinds]) -> Kinds:
        """The next message of this kind; others are kept in `heard`."""
        end = self._deadline()
        while True:
            for number, message in enumerate(self.heard):
                if isinstance(message, kind):
                    del self.heard[number]
                    return message
            assert time.monotonic() < end, f"no {kind.__name__} came, but {self.heard}"
            self.heard += self.link.poll(1.0)

    def offer(self, **more: Any) -> Accept:
        """Offer, and be accepted."""
        self.say(Offer(self.transfer, self.secret, **more))
        self.accept = self.expect(Accept)
        return self.accept

    def page(self, *entries: Entry, first: int = 0, last: bool = True) -> Plan:
        """List entries. Returns the plan for them."""
        self.say(Page(first, list(entries), last))
        return self.expect(Plan)

    def begin(self, *entries: Entry, **more: Any) -> Plan:
        """Offer and list."""
        self.offer(**more)
        return self.page(*entries)

    def data(self, number: int = 1) -> DataLink:
        """Open a data connection."""
        assert self.accept is not None
        link = self.caller.data(self.accept, self.transfer, number, self.clear)
        self._data.append(link)
        return link

    @property
    def digest(self) -> str:
        """The digest that was agreed on."""
        assert self.accept is not None
        return self.accept.digest

    @property
    def key(self) -> bytes | None:
        """The key of the tags, where there are some."""
        assert self.accept is not None
        return self.accept.key if self.clear else None

    def chunk(
        self, link: DataLink, index: int, number: int, data: bytes, generation: int = 0, digest: bytes = b""
    ) -> None:
        """Send a chunk; with another `digest` than its own, if one is given."""
        head = DataHead(index, generation, number, len(data))
        told = digest or digest_of(data, self.digest)
        tag = b"" if self.key is None else chunk_tag(self.key, head, told)
        link.send(head.encode(self.clear) + data + told + tag)

    def bundle(
        self, link: DataLink, files: Sequence[tuple[int, bytes]], digest: bytes = b"", generation: int = 0
    ) -> None:
        """Send small files: index and content of each."""
        rows = [
            BundledFile(index, generation, len(data), digest or digest_of(data, self.digest)) for index, data in files
        ]
        link.send(encode_bundle(rows, self.key) + b"".join(data for _, data in files))

    def chunks(
        self, link: DataLink, index: int, entry: Entry, data: bytes, numbers: Iterable[int] | None = None
    ) -> None:
        """Send chunks of a file, all unless `numbers` says which."""
        size = entry.chunk_bytes
        for number in range(-(-len(data) // size)) if numbers is None else numbers:
            self.chunk(link, index, number, data[number * size : (number + 1) * size], entry.generation)

    def root(self, entry: Entry, data: bytes) -> bytes:
        """What stands for a file."""
        size = entry.chunk_bytes
        digests = [digest_of(data[start : start + size], self.digest) for start in range(0, len(data), size)]
        return root_of(len(data), size, digests, self.digest)

    def end(self, index: int, entry: Entry, data: bytes) -> None:
        """Say that a file is complete."""
        self.say(FileEnd(index, entry.generation, len(data), self.root(entry, data)))

    def expect_verified(self, size: int) -> None:
        """Wait until so many bytes are verified there."""
        while self.expect(Progress).verified < size:
            pass

    def finish(self) -> Result:
        """Wait for the result, and go."""
        result = self.expect(Result)
        self.say(Bye())
        return result

    def bye(self) -> Bye:
        """Wait until the drop says no, and hangs up."""
        with contextlib.suppress(ConnectionClosed):
            return self.expect(Bye)
        raise AssertionError(f"it went without a word; before that {self.heard}")

    def gathered(self, kind: type[Kinds]) -> list[Kinds]:
        """What was heard of this kind so far."""
        return [message for message in self.heard if isinstance(message, kind)]


@contextlib.contextmanager
def opened_drop(folder: Path, options: ReceiveOptions | None = None, **more: Any) -> Iterator[tuple[Drop, list[Event]]]:
    """A drop in `folder`, and what it tells."""
    events: list[Event] = []
    with Drop(folder, options=options or ReceiveOptions(), on_event=events.append, **more) as drop:
        yield drop, events
