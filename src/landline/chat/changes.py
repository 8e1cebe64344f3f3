"""What changes for somebody in a chat, for those who show it: values, each of one type."""

from __future__ import annotations

from dataclasses import dataclass

from landline.chat.notices import Changed, Message, Person


@dataclass(frozen=True, slots=True)
class MessageAdded:
    """A message is in its place. `is_new`: it was said just now, or while the connection was away.

    `is_mention`: somebody else says our nick in it.
    """

    room: str
    message: Message
    is_new: bool
    is_mention: bool = False


@dataclass(frozen=True, slots=True)
class PageLoaded:
    """A page of older messages is in its place: those from `first` to `last` (0 and 0: it was empty).

    `kind` is `tail` or `history`; `more`: there is more in the direction that was asked for.
    """

    room: str
    kind: str
    first: int
    last: int
    more: bool


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Messages were let go, so that memory is bounded: those from `first` to `last`. History has them still."""

    room: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class PendingChanged:
    """A message of ours is on its way, is stored, or has failed: see `pending` of the view (gone: it has its place)."""

    room: str
    cid: str


@dataclass(frozen=True, slots=True)
class RoomJoined:
    """We are in a room. `is_again`: we were before, and the connection was away."""

    room: str
    is_again: bool = False


@dataclass(frozen=True, slots=True)
class RoomAdded:
    """There is a conversation that we did not know of."""

    room: str


@dataclass(frozen=True, slots=True)
class RoomLeft:
    """We are not in a room any more; `by` and `reason` if somebody has put us out, `banned_until` as in Left."""

    room: str
    by: str = ""
    reason: str = ""
    banned_until: float | None = None


@dataclass(frozen=True, slots=True)
class RoomChanged:
    """Something about a room is different: its topic, how fast one may speak, who moderates; or its unread count.

    `changed` is what a moderator did (None: nobody did). `room` is "" for what concerns the whole chat.
    """

    room: str
    changed: Changed | None = None


@dataclass(frozen=True, slots=True)
class MembersChanged:
    """Who is in a room is different. `count` is how many there are now."""

    room: str
    count: int
    came: tuple[Person, ...] = ()
    went: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True)
class NickChanged:
    """Somebody, perhaps we ourselves, is called differently now; with a login the id is another one too."""

    id: str
    nick: str
    old_id: str
    old_nick: str


@dataclass(frozen=True, slots=True)
class TypingChanged:
    """Somebody types in a room; see `typing` of the room."""

    room: str


@dataclass(frozen=True, slots=True)
class MeChanged:
    """Who we are is different; see `me` of the view."""


@dataclass(frozen=True, slots=True)
class DirectoryChanged:
    """The list of the rooms there are is different; see `directory` of the view."""


@dataclass(frozen=True, slots=True)
class Told:
    """A word of the server for people. `code` is for programs."""

    text: str
    is_error: bool = False
    room: str | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Recovered:
    """The connection was away, and nothing of this room was missed: `count` messages came meanwhile, all are here."""

    room: str
    count: int


@dataclass(frozen=True, slots=True)
class NotRecovered:
    """The connection was away, and messages of this room may be missing. `why` is that of Joined, or a sentence."""

    room: str
    why: str


@dataclass(frozen=True, slots=True)
class Missed:
    """Messages from `first` to `last` could not be had. They are a hole, and this is what tells of it."""

    room: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """We are back in all rooms, `seconds` after the connection was lost (0: it is the first one).

    `count` messages came meanwhile and are here; `missed` are the rooms that were not recovered, and why.
    """

    seconds: float
    count: int
    missed: dict[str, str]


@dataclass(frozen=True, slots=True)
class Gone:
    """The server ends the session: `code` as in Bye, `text` for people, `retry` seconds after which to come back."""

    code: str
    text: str
    retry: float | None = None


@dataclass(frozen=True, slots=True)
class Connecting:
    """The server is called; `attempt` counts from 1 since the last connection that stood."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Connected:
    """The server knows us; what was missed is on its way, and CaughtUp follows. `is_again`: not for the first time."""

    is_again: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no connection; the next attempt follows in `seconds`. `text` is a sentence about why."""

    seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The conversation is over, and nothing more follows. `error` is why; None: we have closed it."""

    error: Exception | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nobody has taken the changes for so long that `count` of them were dropped."""

    count: int


Change = (
    MessageAdded | PageLoaded | Trimmed | PendingChanged | RoomJoined | RoomAdded | RoomLeft | RoomChanged
    | MembersChanged | NickChanged | TypingChanged | MeChanged | DirectoryChanged | Told | Recovered | NotRecovered
    | Missed | CaughtUp | Gone | Connecting | Connected | Lost | Ended | Skipped
)  # fmt: skip
