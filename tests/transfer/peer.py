"""A receiver written by hand over the frames of the wire: it holds files in memory, and misbehaves as it is told."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from landline.errors import ConnectionClosed
from landline.transfer.events import Event
from landline.transfer.link import ControlLink, DataLink
from landline.transfer.manifest import DIGEST_BYTES, LEAST_CHUNK, Entry, Kind, digest_of, root_of
from landline.transfer.sender import Sender
from landline.transfer.sendjob import SendJob
from landline.transfer.wire import (
    BUNDLE,
    DATA,
    DATA_PREFIX,
    MAX_CONTROL_BYTES,
    NO_DIGEST,
    TAG_BYTES,
    Accept,
    Changed,
    Failed,
    FileEnd,
    FrameReader,
    Have,
    Landed,
    LandedFile,
    Message,
    Nak,
    Offer,
    Page,
    Plan,
    Result,
    bundle_rows,
    bundle_table_bytes,
    chunk_tag,
    data_head,
    encode,
)

KEY = b"k" * 32
CHUNK = LEAST_CHUNK
MakeJob = Callable[..., SendJob]


@dataclass
class Held:
    """A file as it has come so far."""

    entry: Entry
    chunks: dict[int, bytes] = field(default_factory=dict)
    end: FileEnd | None = None

    @property
    def data(self) -> bytes:
        """All of it."""
        return b"".join(self.chunks[number] for number in sorted(self.chunks))


class ScriptedReceiver:
    """One epoch of a receiver. Subclasses override what they do wrong.

    `have` are chunks it has of files by their number: {file: {chunk: bytes}}.
    """

    digest = "blake3"
    streams = 1
    trusted = False

    def __init__(self, have: dict[int, dict[int, bytes]] | None = None) -> None:
        self.have = have or {}
        self.files: dict[int, Held] = {}
        self.landed: dict[int, bytes] = {}
        self.said: list[Message] = []
        self.frames: list[tuple[str, int, int]] = []
        self.lock = threading.Lock()
        self.listed = 0
        self.last = False
        self.error: BaseException | None = None
        self._sock: socket.socket

    # What may be overridden.

    def on_offer(self, offer: Offer) -> Iterable[Message]:
        """The answer to the offer."""
        return [Accept(1, self.digest, self.streams, KEY, self.trusted)]

    def on_page(self, page: Page) -> Iterable[Message]:
        """The answer to a page."""
        for index in range(page.first, page.first + len(page.entries)):
            for number, data in sorted(self.have.get(index, {}).items()):
                yield Have(index, number, 1, digest_of(data, self.digest))
        yield Plan(page.first, len(page.entries))

    def on_changed(self, changed: Changed) -> Iterable[Message]:
        """The answer to a change."""
        return [Plan(changed.file, 1)]

    def judge(self, head_file: int, chunk: int, data: bytes, digest: bytes) -> bool:
        """Whether a chunk is taken; if not, it is asked for again."""
        return digest_of(data, self.digest) == digest

    def parts_of(self, file: int) -> tuple[bytes, ...] | None:
        """Under which name a file lands."""
        return None

    # The rest.

    def post(self, *messages: Message) -> None:
        """Tell the sender something."""
        with contextlib.suppress(OSError):
            self._sock.sendall(b"".join(map(encode, messages)))

    def control(self, sock: socket.socket) -> None:
        """Hold the conversation, to the end of the connection."""
        self._sock = sock
        reader = FrameReader(MAX_CONTROL_BYTES)
        try:
            while data := sock.recv(65536):
                for message in reader.feed(data):
                    self.said.append(message)
                    with self.lock:
                        self.take(message)
        except ConnectionResetError:
            pass
        except BaseException as error:
            self.error = error
            raise
        finally:
            sock.close()

    def take(self, message: Message) -> None:
        """Take one message."""
        match message:
            case Offer():
                self.post(*self.on_offer(message))
            case Page():
                self._take_page(message)
            case Changed():
                self.files[message.file] = Held(message.entry)
                self.post(*self.on_changed(message))
            case FileEnd() if message.file in self.files:
                held = self.files[message.file]
                if held.entry.generation == message.generation:
                    held.end = message
                    self._land(message.file)
            case Failed():
                self.files.pop(message.file, None)
        self._settle()

    def _take_page(self, page: Page) -> None:
        assert page.first == self.listed
        for place, entry in enumerate(page.entries):
            self.files[page.first + place] = Held(entry, dict(self.have.get(page.first + place, {})))
        self.listed += len(page.entries)
        self.last = page.last
        answers = list(self.on_page(page))
        for answer in answers:
            for index in [*answer.landed, *(one.file for one in answer.failed)] if isinstance(answer, Plan) else []:
                self.files.pop(index, None)
        for place, entry in enumerate(page.entries):
            if entry.kind is not Kind.FILE:
                self.files.pop(page.first + place, None)
        links = [place for place, entry in enumerate(page.entries) if entry.kind is Kind.LINK]
        self.post(*answers, *([Landed([LandedFile(page.first + place) for place in links])] if links else []))

    def _land(self, index: int) -> None:
        held = self.files[index]
        size = held.entry.size
        if held.end is None and not held.entry.bundled:
            return
        if held.entry.bundled:
            complete = len(held.chunks) == 1
        else:
            assert held.end is not None
            complete = len(held.data) == held.end.size
        if not complete or (size is not None and len(held.data) != size):
            return
        chunks = [held.chunks[number] for number in sorted(held.chunks)] if held.data else []
        digests = [digest_of(chunk, self.digest) for chunk in chunks]
        root = root_of(len(held.data), held.entry.chunk_bytes, digests, self.digest)
        if held.end is not None and held.end.root != root:
            return
        self.landed[index] = held.data
        del self.files[index]
        self.post(Landed([LandedFile(index, root, self.parts_of(index))]))

    def _settle(self) -> None:
        if self.last and not self.files:
            self.last = False
            self.post(Result(len(self.landed), 0, sum(map(len, self.landed.values()))))

    def data(self, sock: socket.socket, clear: bool) -> None:
        """Take what comes on a data connection."""
        link = DataLink(sock, "sender", clear)
        try:
            while (head := link.read_head()) is not None:
                number, _, length = head
                if number == DATA:
                    self._take_chunk(link, length, clear)
                else:
                    assert number == BUNDLE
                    self._take_bundle(link, length, clear)
        except ConnectionClosed:
            pass
        except BaseException as error:
            self.error = error
            raise
        finally:
            sock.close()

    def _take_chunk(self, link: DataLink, length: int, clear: bool) -> None:
        head = data_head(length, exactly(link, DATA_PREFIX.size), clear)
        data, digest = exactly(link, head.length), exactly(link, DIGEST_BYTES)
        if clear:
            assert exactly(link, TAG_BYTES) == chunk_tag(KEY, head, digest)
        with self.lock:
            self.frames.append(("chunk", head.file, head.chunk))
            held = self.files.get(head.file)
            if held is None or held.entry.generation != head.generation or digest == NO_DIGEST:
                return
            if self.judge(head.file, head.chunk, data, digest):
                held.chunks[head.chunk] = data
                self._land(head.file)
            else:
                self.post(Nak(head.file, head.generation, head.chunk))
            self._settle()

    def _take_bundle(self, link: DataLink, length: int, clear: bool) -> None:
        prefix = exactly(link, 8)
        table = exactly(link, bundle_table_bytes(length, prefix, clear))
        for row in bundle_rows(length, table, KEY if clear else None):
            data = exactly(link, row.size)
            with self.lock:
                self.frames.append(("row", row.file, 0))
                held = self.files.get(row.file)
                if held is None or held.entry.generation != row.generation:
                    continue
                if self.judge(row.file, 0, data, row.digest):
                    held.chunks[0] = data
                    self._land(row.file)
                else:
                    self.post(Nak(row.file, row.generation, 0))
        with self.lock:
            self._settle()

    def said_of(self, kind: type[Message]) -> list[Message]:
        """What the sender has said of one kind."""
        return [message for message in self.said if isinstance(message, kind)]


def exactly(link: DataLink, size: int) -> bytes:
    """So many bytes of a data connection."""
    data = bytearray(size)
    link.read_into(memoryview(data))
    return bytes(data)


class Meeting:
    """A sender and a scripted receiver on socket pairs. `error` is what the sender raised."""

    def __init__(
        self,
        job: SendJob,
        receiver: ScriptedReceiver,
        *,
        clear_allowed: bool = False,
        over: threading.Event | None = None,
    ) -> None:
        self.receiver = receiver
        self.result: object = None
        self.error: Exception | None = None
        self._threads: list[threading.Thread] = []
        ours, theirs = socket.socketpair()
        link = ControlLink(ours, "tls://peer:1")
        link.trust()
        self.sender = Sender(link, job, clear_allowed=clear_allowed, on_accept=self._open)
        self.sender.desk.over = over or self.sender.desk.over
        self._start(receiver.control, theirs)
        try:
            self.result = self.sender.run()
        except Exception as error:
            self.error = error
        finally:
            link.close(1.0)
            for thread in self._threads:
                thread.join(10)
        assert receiver.error is None

    def _open(self, accept: Accept) -> None:
        for _ in range(self.sender.streams):
            ours, theirs = socket.socketpair()
            self._start(self.receiver.data, theirs, accept.trusted)
            self._start(self._serve, DataLink(ours, "peer", accept.trusted))

    def _serve(self, link: DataLink) -> None:
        try:
            self.sender.serve(link)
        finally:
            link.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()


class Seen:
    """Remembers events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[Event]:
        """Those of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


def data_of(size: int, seed: int = 1) -> bytes:
    """Bytes that are the same each time."""
    return random.Random(seed).randbytes(size)


def landed_by_name(receiver: ScriptedReceiver) -> dict[bytes, bytes]:
    """What has landed, by the names of the manifest."""
    names: dict[int, bytes] = {}
    for message in receiver.said:
        if isinstance(message, Page):
            names |= {message.first + place: entry.path for place, entry in enumerate(message.entries)}
    return {names[index]: data for index, data in receiver.landed.items()}
