"""A sender written by hand over the frames of the wire, which calls a real drop and breaks the rules as it is told."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from landline.address import TlsAddress
from landline.address import parse as parse_address
from landline.transfer.drop import Drop
from landline.transfer.greeting import token_context
from landline.transfer.manifest import DIGEST_BYTES, Entry, Kind, digest_of, root_of
from landline.transfer.tokens import prove
from landline.transfer.wire import (
    HEADER,
    MAX_CONTROL_BYTES,
    MUST,
    Accept,
    BundledFile,
    Bye,
    DataHead,
    FileEnd,
    FrameReader,
    Hello,
    Join,
    Message,
    Offer,
    Page,
    Plan,
    Refuse,
    Result,
    Token,
    chunk_tag,
    encode,
    encode_bundle,
    join_proof,
)

DIGEST = "sha256"
MTIME_NS = 1_700_000_000_123_456_789
SECONDS = 20.0
"""So long we wait for a word; a test that waits so long has failed."""
Kinds = TypeVar("Kinds", bound=Message)
_numbers = itertools.count(1)


@dataclass
class Rig:
    """A drop with its inbox, in a folder `base` that has more in it."""

    drop: Drop
    base: Path
    inbox: Path

    served: int = 0

    @property
    def address(self) -> str:
        """Where the drop listens."""
        return self.drop.address

    def serves_another(self) -> None:
        """Make sure that the drop takes the files of a good sender, and nothing else is there then."""
        inside = tree(self.inbox)
        name = b"after-%d" % len(inside)
        assert upload(self.address, name).landed == 1
        assert tree(self.inbox) == inside | {name: b"hello"}


class Hung(AssertionError):
    """The other side ended the connection where a word of it was waited for. `last` is the last thing it said."""

    def __init__(self, last: Message | None) -> None:
        super().__init__(f"it hung up; its last word was {last}")
        self.last = last


class Peer:
    """One control connection to a drop, and the data connections that belong to it. A context manager.

    Nothing is checked on this side: what it says, it says.
    """

    def __init__(self, address: str, transfer: bytes | None = None, secret: bytes = b"s" * 32) -> None:
        found = parse_address(address)
        assert isinstance(found, TlsAddress)
        self._target = (found.host, found.port)
        self.transfer = transfer or hashlib.sha256(b"%d" % next(_numbers)).digest()[:16]
        self.secret = secret
        self.heard: list[Message] = []
        self.accept: Accept
        self.theirs: Hello
        self._waiting: list[Message] = []
        self._reader = FrameReader(MAX_CONTROL_BYTES)
        self._stack = contextlib.ExitStack()
        self.sock = self.tls()
        self.certificate = self.sock.getpeercert(binary_form=True) or b""

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    # Connections.

    def clear(self) -> socket.socket:
        """A new bare connection."""
        sock = socket.create_connection(self._target, SECONDS)
        return self._stack.enter_context(contextlib.closing(sock))

    def tls(self) -> ssl.SSLSocket:
        """A new connection with TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        secured = context.wrap_socket(socket.create_connection(self._target, SECONDS))
        return self._stack.enter_context(contextlib.closing(secured))

    # Words.

    def say(self, *words: Message | bytes) -> None:
        """Send messages, or bytes as they are. It is no error if nobody listens any more."""
        data = b"".join(word if isinstance(word, bytes) else encode(word) for word in words)
        with contextlib.suppress(OSError):
            self.sock.sendall(data)

    def hear(self, kind: type[Kinds]) -> Kinds:
        """The next message of this kind; others before it are only kept in `heard`. Raises Hung."""
        while True:
            message = self._next()
            if message is None:
                raise Hung(self.heard[-1] if self.heard else None)
            if isinstance(message, kind):
                return message

    def _next(self) -> Message | None:
        while not self._waiting:
            try:
                data = self.sock.recv(65536)
            except (ConnectionResetError, ssl.SSLEOFError, BrokenPipeError):
                data = b""
            if not data:
                return None
            self._waiting += self._reader.feed(data)
        message = self._waiting.pop(0)
        self.heard.append(message)
        return message

    def ending(self) -> tuple[str | None, str]:
        """Hear on until the other side hangs up. Returns why: the fault and the sentence of its last BYE or REFUSE."""
        why: tuple[str | None, str] = (None, "")
        while (message := self._next()) is not None:
            if isinstance(message, Bye | Refuse):
                why = (None if message.fault is None else message.fault.value, message.detail)
        return why

    def of(self, kind: type[Kinds]) -> list[Kinds]:
        """What was heard of one kind."""
        return [message for message in self.heard if isinstance(message, kind)]

    # The steps of a good transfer.

    def greet(self, token: str | None = None, **other: object) -> Hello:
        """Say HELLO and hear it; prove a token if there is one."""
        self.say(hello(**other))
        self.theirs = self.hear(Hello)
        if token is not None:
            self.say(Token(prove(token, token_context(self.theirs.nonce, self.certificate))))
        return self.theirs

    def offer(self, **more: object) -> Accept:
        """Offer, and hear that it is accepted."""
        self.say(Offer(self.transfer, self.secret, **more))  # type: ignore[arg-type]
        self.accept = self.hear(Accept)
        return self.accept

    def begin(self, *entries: Entry, last: bool = True, token: str | None = None, **more: object) -> Accept:
        """Greet, offer, and list some entries."""
        self.greet(token)
        accept = self.offer(**more)
        self.say(Page(0, list(entries), last))
        return accept

    def planned(self, *entries: Entry, last: bool = True, token: str | None = None, **more: object) -> socket.socket:
        """Begin, hear the plan, and make a data connection."""
        self.begin(*entries, last=last, token=token, **more)
        self.hear(Plan)
        return self.join()

    def join(self, number: int = 1, clear: bool = False, **other: object) -> socket.socket:
        """A data connection; `other` are fields of JOIN that are wrong."""
        sock = self.clear() if clear else self.tls()
        sock.sendall(encode(self.join_word(number, **other)))
        return sock

    def join_word(self, number: int = 1, **other: object) -> Join:
        """The word a data connection begins with."""
        proof = join_proof(self.accept.key, self.transfer, self.accept.epoch, number)
        fields = {"transfer": self.transfer, "epoch": self.accept.epoch, "number": number, "proof": proof}
        return Join(**(fields | other))  # type: ignore[arg-type]

    def over(self) -> Result:
        """Hear the result and leave."""
        result = self.hear(Result)
        self.say(Bye())
        return result


def hello(**other: object) -> Hello:
    """A good HELLO of a sender, but for the `other` fields."""
    fields = {
        "role": "send", "purpose": "drop", "versions": (1, 1), "digests": [DIGEST], "features": [],
        "nonce": os.urandom(16),
    }  # fmt: skip
    return Hello(**(fields | other))  # type: ignore[arg-type]


def file(*parts: bytes, size: int | None = 5, **more: object) -> Entry:
    """A file in the manifest."""
    return Entry(Kind.FILE, parts, size, mtime_ns=MTIME_NS, **more)  # type: ignore[arg-type]


def folder(*parts: bytes, mode: int = 0o755) -> Entry:
    """A folder in the manifest."""
    return Entry(Kind.FOLDER, parts, 0, mode, MTIME_NS)


def link(*parts: bytes, to: bytes) -> Entry:
    """A symbolic link in the manifest."""
    return Entry(Kind.LINK, parts, 0, 0o777, MTIME_NS, target=to)


def chunk(
    index: int, number: int, data: bytes, *, generation: int = 0, digest: bytes | None = None, key: bytes | None = None
) -> bytes:
    """A DATA frame; `digest` is another one than that of the data, `key` makes a tag."""
    head = DataHead(index, generation, number, len(data))
    shown = digest_of(data, DIGEST) if digest is None else digest
    return head.encode(key is not None) + data + shown + (b"" if key is None else chunk_tag(key, head, shown))


def row(index: int, data: bytes, *, generation: int = 0, digest: bytes | None = None) -> BundledFile:
    """A row of a bundle."""
    return BundledFile(index, generation, len(data), digest_of(data, DIGEST) if digest is None else digest)


def bundle(*files: tuple[int, bytes], key: bytes | None = None) -> bytes:
    """A BUNDLE frame with the files of these numbers."""
    return encode_bundle([row(index, data) for index, data in files], key) + b"".join(data for _, data in files)


def end(index: int, data: bytes, entry: Entry, *, generation: int = 0, root: bytes | None = None) -> FileEnd:
    """FILE_END of a file with these bytes."""
    return FileEnd(index, generation, len(data), root_by(data, entry) if root is None else root)


def root_by(data: bytes, entry: Entry) -> bytes:
    """The root of a file with these bytes."""
    size = entry.chunk_bytes
    digests = [digest_of(data[start : start + size], DIGEST) for start in range(0, len(data), size)]
    assert all(len(one) == DIGEST_BYTES for one in digests)
    return root_of(len(data), size, digests, DIGEST)


def tree(root: Path) -> dict[bytes, bytes]:
    """Everything below a folder but staging: links with their targets, files with their bytes."""
    found: dict[bytes, bytes] = {}
    for base, folders, files in os.walk(os.fsencode(root)):
        folders[:] = [name for name in folders if not name.startswith(b".landline-")]
        for name in [*folders, *files]:
            path = os.path.join(base, name)
            shown = os.path.relpath(path, os.fsencode(root))
            if os.path.islink(path):
                found[shown] = b"-> " + os.readlink(path)
            elif os.path.isdir(path):
                found[shown + b"/"] = b""
            else:
                found[shown] = Path(os.fsdecode(path)).read_bytes()
    return found


def wait_idle(standing: Sequence[threading.Thread], seconds: float = SECONDS) -> list[str]:
    """Wait for the threads of connections. Returns the names of those that stay."""
    ours = [thread for thread in threading.enumerate() if thread not in standing and thread.is_alive()]
    for thread in ours:
        if thread is not threading.current_thread():
            thread.join(seconds)
    return [thread.name for thread in ours if thread.is_alive() and thread is not threading.current_thread()]


def descriptors() -> dict[str, str]:
    """The open descriptors of this process and what they are."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return found


def upload(address: str, *names: bytes, data: bytes = b"hello", token: str | None = None) -> Result:
    """A good transfer of small files that all have these bytes."""
    with Peer(address) as peer:
        sock = peer.planned(*(file(name, size=len(data)) for name in names), token=token)
        sock.sendall(bundle(*((index, data) for index in range(len(names)))))
        return peer.over()


def pour(sock: socket.socket, data: bytes) -> None:
    """Send all of it, or as much as the other side takes before it hangs up."""
    with contextlib.suppress(OSError):
        sock.sendall(data)


def is_cut(sock: socket.socket) -> bool:
    """Whether the other side closes a connection, without a word."""
    try:
        return sock.recv(1) == b""
    except (ConnectionResetError, ssl.SSLEOFError):
        return True


def frame(number: int, body: bytes = b"", flags: int = MUST, length: int | None = None) -> bytes:
    """A frame as one likes it."""
    return HEADER.pack(number, flags, 0, len(body) if length is None else length) + body
