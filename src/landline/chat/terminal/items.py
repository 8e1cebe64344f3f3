"""What a room's scroll-back is made of, each thing with its lines at a width. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from landline.chat.terminal.wrapping import wrapped

Key = tuple[int, int, int]
"""Where a thing stands: behind which message (its seq), in which order there, and which one of several."""

AT_THE_END = 2**62
"""In place of a seq: what stands below all messages."""


class Kind(StrEnum):
    """What a thing is."""

    MESSAGE = "message"
    WORD = "word"
    """A word of the program or the server."""
    GOOD = "good"
    """A word about something that has gone well."""
    ERROR = "error"
    DAY = "day"
    NEW = "new"
    GAP = "gap"
    EDGE = "edge"
    """The upper end of what is loaded."""
    WAITING = "waiting"
    """An own message on its way."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Columns:
    """How a line is divided, in cells: the time, the nick, then what was said up to `width`."""

    width: int
    time: int
    nick: int

    @classmethod
    def of(cls, width: int) -> Columns:
        """The columns of a scroll-back so wide: what was said gets most of a narrow one."""
        nick = 16 if width >= 100 else 11 if width >= 60 else 8
        return cls(max(width, 24), 5 if width >= 40 else 0, nick)

    @property
    def indent(self) -> int:
        """Where what was said begins."""
        return 1 + (self.time + 1 if self.time else 0) + self.nick + 2

    @property
    def body(self) -> int:
        """How wide what was said is; one column stays free, and one is for where one is."""
        return max(self.width - self.indent - 2, 4)


class Item:
    """One thing in a scroll-back. Its texts are safe for a terminal already.

    `time` is a word such as 12:04, "" where the thing above has the same; `who` likewise.
    """

    __slots__ = ("body", "columns", "cut", "is_mention", "is_own", "key", "kind", "person", "time", "who")

    def __init__(
        self,
        key: Key,
        kind: Kind,
        body: str,
        *,
        time: str = "",
        who: str = "",
        person: str = "",
        is_mention: bool = False,
        is_own: bool = False,
    ) -> None:
        self.key = key
        self.kind = kind
        self.body = body
        self.time = time
        self.who = who
        self.person = person
        self.is_mention = is_mention
        self.is_own = is_own
        self.columns: Columns | None = None
        self.cut: list[str] = []

    @property
    def is_ruled(self) -> bool:
        """Whether it is one line across."""
        return self.kind in (Kind.DAY, Kind.NEW, Kind.GAP, Kind.EDGE)

    def lines(self, columns: Columns) -> list[str]:
        """The lines of the body."""
        if columns != self.columns:
            self.cut = [self.body] if self.is_ruled else wrapped(self.body, columns.body)
            self.columns = columns
        return self.cut
