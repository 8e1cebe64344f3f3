"""What a transfer tells while it runs: to a progress bar, to a log, to `--json`, to your own program. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec

_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")
Phase = Literal["waiting", "listing", "checking", "sending", "receiving", "verifying", "committing", "done"]


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower, kw_only=True):
    """One thing that happened. `transfer` is the id of the transfer in hex, empty where there is none yet."""

    transfer: str = ""


class Ready(Event, frozen=True, kw_only=True):
    """A drop accepts, or a sender waits for the other person; `address` as `send` takes it."""

    address: str = ""
    pin: str = ""
    code: str = ""


class Offered(Event, frozen=True, kw_only=True):
    """The other side is known, and what is to be moved; None where it is not known yet."""

    peer: str
    label: str = ""
    files: int | None = None
    size: int | None = None


class Began(Event, frozen=True, kw_only=True):
    """Data may flow. `resumed` are bytes that the receiver had already."""

    peer: str
    files: int | None = None
    size: int | None = None
    resumed: int = 0
    streams: int = 1
    digest: str = ""
    trusted: bool = False
    free: int = 0


class FileBegan(Event, frozen=True, kw_only=True):
    """The first bytes of a file."""

    file: int
    name: str
    size: int | None


class FileMoved(Event, frozen=True, kw_only=True):
    """How far one file is: bytes that the other side has verified, or that were verified here."""

    file: int
    name: str
    done: int
    size: int | None


class Moved(Event, frozen=True, kw_only=True):
    """How far all of it is. Bytes: `sent` and `received` on the wire, `verified`, `durable` on disk of the receiver.

    `rate` is in bytes a second, of what is durable; `eta_seconds` None where nobody knows. `bottleneck` names what
    holds the transfer up: disk read, hash, cipher, link, window, disk write.
    """

    phase: Phase
    sent: int = 0
    received: int = 0
    verified: int = 0
    durable: int = 0
    size: int | None = None
    landed: int = 0
    failed: int = 0
    files: int | None = None
    rate: float = 0.0
    eta_seconds: float | None = None
    bottleneck: str = ""
    shares: dict[str, float] = {}


class FileLanded(Event, frozen=True, kw_only=True):
    """A file has its final name, and is on disk. `path` is that name below the destination."""

    file: int
    name: str
    path: str = ""
    size: int = 0
    root: str = ""
    skipped: bool = False


class FileFailed(Event, frozen=True, kw_only=True):
    """A file did not come about; the others go on."""

    file: int
    name: str
    fault: str
    detail: str = ""


class Checked(Event, frozen=True, kw_only=True):
    """A file of a receipt was looked at again; `fault` is empty if it is as it landed."""

    file: int
    name: str
    path: str = ""
    fault: str = ""
    detail: str = ""


class Resent(Event, frozen=True, kw_only=True):
    """Something was sent again: a chunk that came damaged, a file that changed, what a break has lost."""

    name: str
    why: str
    size: int = 0


class NoRoom(Event, frozen=True, kw_only=True):
    """The receiver's disk is full: bytes needed and free; it waits so many seconds more (0: there is room again)."""

    needed: int
    free: int
    seconds_left: float


class Broke(Event, frozen=True, kw_only=True):
    """The connection is lost; another try follows in `seconds`."""

    problem: str
    seconds: float


class Said(Event, frozen=True, kw_only=True):
    """A short text came; nothing in it is made harmless yet."""

    peer: str
    text: str


class Noted(Event, frozen=True, kw_only=True):
    """Something a person should know, as a sentence."""

    sentence: str


class Ended(Event, frozen=True, kw_only=True):
    """The transfer is over. `fault` is empty where all is well; `level` is what success means."""

    landed: int = 0
    failed: int = 0
    skipped: int = 0
    size: int = 0
    sent: int = 0
    seconds: float = 0.0
    level: str = "durable"
    fault: str = ""
    detail: str = ""


Observer = Callable[[Event], None]
"""Takes events. It is called in the threads of the transfer, one event at a time, and must not wait."""


def as_json(event: Any) -> bytes:
    """An event as one line of JSON, without the line end. It is ASCII: no name in it can steer a terminal."""
    return _NOT_PLAIN.sub(_escaped, msgspec.json.encode(event).decode()).encode()


def _escaped(found: re.Match[str]) -> str:
    """Characters as JSON writes them, in units of UTF-16 (RFC 8259, section 7)."""
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))
