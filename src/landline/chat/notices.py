"""What the chat says: documents of one type each, which every front end shows in its own way."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from landline.chat.wire import VERSION, Ref


class Notice(Struct, tag_field="type", frozen=True, kw_only=True, omit_defaults=True):
    """Something the chat says to a session."""


class Answer(Notice, frozen=True, kw_only=True):
    """The answer to a request; `ref` is that of the request."""

    ref: Ref = None


class Person(Struct, frozen=True, omit_defaults=True):
    """Somebody who is here. `id` is the name of an account, or `~` and letters for a guest."""

    id: str
    nick: str
    role: str = ""
    """`op` for a moderator of the room, `operator` for one of all rooms."""
    is_bot: bool = msgspec.field(default=False, name="bot")


class Place(Struct, frozen=True, omit_defaults=True):
    """A room in a list, or a conversation with one person (`peer`). `seq` is that of its newest message."""

    room: str
    seq: int = 0
    members: int = 0
    topic: str = ""
    peer: Person | None = None


class Message(Notice, tag="message", frozen=True, kw_only=True):
    """What somebody has said. `seq` counts the messages of a room from 1 without a hole; `time` is seconds since 1970.

    `room` of a direct message is `@` and both ids in order, with a comma; `to` and `to_nick` say to whom it went.
    """

    room: str
    seq: int
    epoch: str
    id: str
    time: float
    sender: str
    nick: str
    body: str
    cid: str | None = None
    is_bot: bool = msgspec.field(default=False, name="bot")
    to: str | None = None
    to_nick: str | None = None


class Welcome(Answer, tag="welcome", frozen=True, kw_only=True):
    """One is somebody now. `token` brings the same identity back at the next hello; `epoch` is that of all rooms.

    `rooms` are those one may like to enter first, `direct` the conversations one has had.
    """

    server: str
    epoch: str
    id: str
    nick: str
    token: str
    account: str | None = None
    is_operator: bool = msgspec.field(default=False, name="operator")
    passwords: bool = True
    """Whether passwords may be sent here: over TLS, or on this machine."""
    motd: str = ""
    rooms: list[str] = []
    direct: list[Place] = []
    version: int = VERSION
    session: int = 0


class Account(Answer, tag="account", frozen=True, kw_only=True):
    """One's identity has changed: by register, login, logout or password. As in `welcome`."""

    id: str
    nick: str
    token: str
    account: str | None = None
    is_operator: bool = msgspec.field(default=False, name="operator")
    direct: list[Place] = []


class Joined(Answer, tag="joined", frozen=True, kw_only=True):
    """One is in a room (or goes on in a conversation). `seq` is that of its newest message now.

    After a resume `recovered` says whether all since its `seq` follows, in pages of kind `resume`; if not, `why` is
    `epoch` (the server's messages are not those the client knew), `ahead` (a seq that was never given), or `too_many`.
    Without a resume `recovered` is left out.
    """

    room: str
    epoch: str
    seq: int
    recovered: bool | None = None
    why: str = ""
    members: list[Person] = []
    count: int = 0
    """How many members there are; `members` has the first ones of a large room."""
    topic: str = ""
    slow: float = 0.0
    muted_until: float | None = None
    """Until when one may not speak here; 0 stands for good."""
    role: str = ""


class Left(Answer, tag="left", frozen=True, kw_only=True):
    """One is not in this room any more. `by` and `reason` stand where somebody has put one out."""

    room: str
    by: str = ""
    reason: str = ""
    banned_until: float | None = None


class Ack(Answer, tag="ack", frozen=True, kw_only=True):
    """A message is stored, and has its place. `duplicate`: it had it already."""

    room: str
    seq: int
    epoch: str
    id: str
    time: float
    cid: str | None = None
    duplicate: bool = False
    cut: bool = False
    """The body was longer than 4096 bytes, and was cut."""


class Page(Answer, tag="page", frozen=True, kw_only=True):
    """Messages that were stored. `kind` is `resume`, `tail`, `history` or `search`; `more`: there is another page.

    Those of a room are oldest first, without a hole between them; those of a search newest first, and `cursor` is for
    the `before` of the next page.
    """

    kind: str
    messages: list[Message]
    room: str | None = None
    more: bool = False
    cursor: int | None = None


class Presence(Notice, tag="presence", frozen=True, kw_only=True):
    """Who has come to a room and who has gone, and how many there are now. Large rooms tell only the count."""

    room: str
    count: int
    came: list[Person] = []
    went: list[Person] = []


class Renamed(Notice, tag="renamed", frozen=True, kw_only=True):
    """Somebody in one's rooms has another nick, and with a login another id."""

    id: str
    nick: str
    old_id: str
    old_nick: str


class Types(Notice, tag="typing", frozen=True, kw_only=True):
    """Somebody is typing."""

    room: str
    id: str
    nick: str


class Members(Answer, tag="members", frozen=True, kw_only=True):
    """Who is in a room, or who is here."""

    room: str | None
    members: list[Person]
    count: int


class RoomList(Answer, tag="rooms", frozen=True, kw_only=True):
    """The rooms there are, and the conversations one has had."""

    rooms: list[Place]
    direct: list[Place] = []


class Changed(Notice, tag="changed", frozen=True, kw_only=True):
    """A moderator has changed something. `what` is kick, ban, unban, mute, unmute, slow, op, deop, topic or motd.

    `value` is the topic, the text, or the seconds; `until` the end of a ban or mute (0: for good).
    """

    what: str
    by: str
    room: str | None = None
    nick: str = ""
    id: str = ""
    value: str | float = ""
    until: float | None = None
    reason: str = ""


class Done(Answer, tag="done", frozen=True, kw_only=True):
    """A request that has no other answer was carried out. `text` says what was done, for people."""

    text: str = ""


class BotToken(Answer, tag="bot", frozen=True, kw_only=True):
    """A bot was made, or has another token. It is shown once."""

    name: str
    token: str


class Sanction(Struct, frozen=True, omit_defaults=True):
    """A ban or a mute. `target` is an id, or `address:` and an address for guests from there."""

    kind: str
    target: str
    nick: str
    by: str
    until: float | None = None
    reason: str = ""


class SanctionList(Answer, tag="sanctions", frozen=True, kw_only=True):
    """Who is banned or muted in a room."""

    room: str
    sanctions: list[Sanction]


class AuditRow(Struct, frozen=True, omit_defaults=True):
    """Who did what, and when."""

    time: float
    by: str
    what: str
    room: str | None = None
    nick: str = ""
    detail: str = ""


class AuditPage(Answer, tag="audit", frozen=True, kw_only=True):
    """What was done, newest first."""

    room: str | None
    rows: list[AuditRow]


class Refused(Answer, tag="error", frozen=True, kw_only=True):
    """A request was not carried out. `code` is for programs, `text` for people; `wait`: seconds until it may be.

    A message that was refused with a code of UNSURE may be stored all the same: say it again with the same cid.
    """

    code: str
    text: str
    wait: float | None = None
    room: str | None = None
    cid: str | None = None


UNSURE = frozenset({"unsure"})


class Announcement(Notice, tag="notice", frozen=True, kw_only=True):
    """A word of the server for people: storage is full, another node is away, and so on."""

    text: str
    code: str = ""


class Lagged(Notice, tag="lagged", frozen=True, kw_only=True):
    """One has read too slowly: the session ends. `rooms` has the last seq of each room before what was not sent: resume
    behind it."""

    epoch: str
    rooms: dict[str, int]


class Bye(Answer, tag="bye", frozen=True, kw_only=True):
    """The session ends. `code` is quit, restart, kicked_out, idle, refused, replaced or too_long; `retry_seconds`
    after how long to come back after a restart."""

    code: str
    text: str
    retry_seconds: float | None = None


class Pong(Answer, tag="pong", frozen=True, kw_only=True):
    """Somebody is here."""


AnyNotice = (
    Message | Welcome | Account | Joined | Left | Ack | Page | Presence | Renamed | Types | Members | RoomList | Changed
    | Done | BotToken | SanctionList | AuditPage | Refused | Announcement | Lagged | Bye | Pong
)  # fmt: skip

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(AnyNotice)


def encode_notice(notice: Notice) -> bytes:
    """Write a notice as JSON. Returns the document, without the end of its line."""
    return _ENCODER.encode(notice)


def decode_notice(document: bytes | str) -> AnyNotice:
    """Read a notice, as a client does. Returns it. Raises msgspec.DecodeError."""
    notice: AnyNotice = _DECODER.decode(document)
    return notice
