"""What goes into the core of a chat and what comes out: values, no calls.

The core is `Chat.handle(command, now) -> effects`. A shell carries the effects out, and what comes of them goes in
again as commands. Everything that belongs together has the same `ticket`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from landline.chat.entries import AnyEntry, Outcome
from landline.chat.notices import Notice, Person
from landline.chat.ports import Found, Query
from landline.chat.wire import Request


class Now(NamedTuple):
    """The time: `wall` in seconds since 1970, which may jump, and `steady`, which only goes on."""

    wall: float
    steady: float


# What goes in.


@dataclass(frozen=True, slots=True)
class Connected:
    """A session begins. `address` is the host it comes from, or "unix".

    `is_local`: from this machine. `is_secure`: nobody can listen, so passwords may travel. `is_person`: people on plain
    text, who are guests from the start; others say hello first. `draw` are 32 random bytes, for ids.
    """

    session: int
    address: str
    is_local: bool
    is_secure: bool
    is_person: bool
    draw: bytes


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A session is over."""

    session: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A session asks for something. `draw` are 16 random bytes, for an id."""

    session: int
    request: Request
    draw: bytes


@dataclass(frozen=True, slots=True)
class Applied:
    """The store has applied entries, in this order; each comes once."""

    outcomes: list[Outcome]


@dataclass(frozen=True, slots=True)
class NotTaken:
    """The bus has not taken an entry that was proposed; `unsure`: it may come all the same."""

    entry: AnyEntry
    why: str
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """What a query has found."""

    ticket: int
    found: Found


@dataclass(frozen=True, slots=True)
class Checked:
    """A password was hashed (`secret` is what to keep) or checked (`is_right`)."""

    ticket: int
    is_right: bool = False
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Overflowed:
    """Too much waits for a session that reads slowly: it is to be told from where it lags, and closed.

    `unsent` are the first messages of rooms that waited for it and were dropped.
    """

    session: int
    unsent: dict[str, int]


@dataclass(frozen=True, slots=True)
class Tick:
    """Some time has gone by: who came and went is told, who has not said hello is sent away."""


@dataclass(frozen=True, slots=True)
class Present:
    """People on another node; see ports.Node."""

    node: str
    people: list[tuple[str, Person]]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Absent:
    """People on another node have gone; None: the node is gone."""

    node: str
    people: list[tuple[str, Person]] | None


@dataclass(frozen=True, slots=True)
class Passed:
    """Something ephemeral from another node."""

    document: bytes


@dataclass(frozen=True, slots=True)
class Linked:
    """The bus is reachable, or not."""

    up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Stopping:
    """The server stops: tell everybody. `retry_seconds` is when they may come back."""

    retry_seconds: float


@dataclass(frozen=True, slots=True)
class Storage:
    """The store takes entries again, or does not: `detail` says why."""

    works: bool
    detail: str = ""


Command = (
    Connected | Disconnected | Asked | Applied | NotTaken | Read | Checked | Overflowed | Tick
    | Present | Absent | Passed | Linked | Stopping | Storage
)  # fmt: skip


# What comes out.


@dataclass(frozen=True, slots=True)
class Tell:
    """Say a notice to these sessions. `is_ephemeral`: it may be left out for those who read slowly.

    `origin` is the session that said it, if any: a person on plain text has typed it and sees it already.
    """

    sessions: Collection[int]
    notice: Notice
    is_ephemeral: bool = False
    origin: int | None = None


@dataclass(frozen=True, slots=True)
class Propose:
    """Give an entry to the bus."""

    entry: AnyEntry


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the store; the answer comes as Read."""

    ticket: int
    query: Query


@dataclass(frozen=True, slots=True)
class HashPassword:
    """Make a secret of a password; comes back as Checked."""

    ticket: int
    password: str


@dataclass(frozen=True, slots=True)
class CheckPassword:
    """Check a password against a secret; comes back as Checked."""

    ticket: int
    password: str
    secret: str


@dataclass(frozen=True, slots=True)
class End:
    """End a session, behind what it was told. `code` is that of Bye; "slow" for one that lags."""

    session: int
    code: str


@dataclass(frozen=True, slots=True)
class Came:
    """Tell the other nodes: somebody of this one is in a room now ("" for being here)."""

    room: str
    person: Person


@dataclass(frozen=True, slots=True)
class Went:
    """Tell the other nodes: somebody of this one is not in a room any more."""

    room: str
    person: Person


@dataclass(frozen=True, slots=True)
class PassOn:
    """Pass something ephemeral to the other nodes."""

    document: bytes


Effect = Tell | Propose | Ask | HashPassword | CheckPassword | End | Came | Went | PassOn
