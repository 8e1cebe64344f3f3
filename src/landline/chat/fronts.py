"""What stands between the bytes of a session and the core: one front for plain text, for lines of JSON, for the web.

A front is pure. It turns bytes into what was heard; notices become bytes with the function of its family, which is
called once for all sessions of that family.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from landline.chat.notices import Notice
from landline.chat.wire import Request


class Family(StrEnum):
    """Sessions of one family get the same bytes for the same notice."""

    TEXT = "text"
    JSON = "json"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Begin:
    """The session is one of the chat from here on (a page becomes one with its WebSocket)."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The conversation is over, behind what was said. `reason` is for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class Switch:
    """The session is one of another family from here on; its front stays the same, with `family` changed."""

    family: Family


Heard = Request | Notice | bytes | Begin | Finish | Switch
"""A request; a notice to show to this session only; bytes to send as they are; or what happens to the session."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has connected: the host (or "unix"), whether it is this machine, and whether nobody can listen."""

    address: str
    is_local: bool
    is_secure: bool


class Front(Protocol):
    """One session's bytes."""

    family: Family
    is_person: bool

    def begin(self) -> list[Heard]:
        """What is heard before any byte: text and JSON lines begin at once."""

    def received(self, data: bytes) -> list[Heard]:
        """What these bytes bring, in order. Nothing follows a Finish. Never raises."""

    def ended(self) -> list[Heard]:
        """The peer sends no more; what stands in a last line without its end is heard."""

    def told(self, notice: Notice) -> None:
        """This notice goes to this session alone: the front may learn from it (which room is the current one)."""

    def goodbye(self, code: str) -> bytes:
        """What ends the conversation on the wire, behind a Bye or Lagged: a close frame, or nothing."""
