"""What lasts: entries of the one log that every node applies in the same order, and what became of each.

A node proposes an entry; the bus gives all entries one order; the store of each node applies them and gives messages
their `seq`. As `apply` depends on nothing but the entries before, every node comes to the same.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct


class Entry(Struct, tag_field="kind", frozen=True, kw_only=True, omit_defaults=True):
    """Something that lasts. `id` is unique, for good: applied twice, an entry counts once. `time` is the proposer's
    clock in seconds since 1970; `by` the id of who wants it, `by_nick` how that one was called."""

    id: str
    time: float
    by: str = ""
    by_nick: str = ""


class Genesis(Entry, tag="genesis", frozen=True, kw_only=True):
    """The beginning of a log. `epoch` names it (16 hexadecimal digits); `key` (64 of them) signs tokens."""

    epoch: str
    key: str


class Post(Entry, tag="post", frozen=True, kw_only=True):
    """A message; `id` is its id, `by` and `by_nick` its sender. The first of a `cid` from one `by` counts, for good."""

    room: str
    body: str
    cid: str | None = None
    is_bot: bool = False
    to: str | None = None
    to_nick: str | None = None


class RoomOpened(Entry, tag="room", frozen=True, kw_only=True):
    """There is a room from now on. Whoever has an account and opens one, moderates it (`owner`)."""

    room: str
    owner: str | None = None


class AccountMade(Entry, tag="account", frozen=True, kw_only=True):
    """A nick is somebody's own: `account` is its canonical form, `skeleton` what looks the same as it.

    `secret` is what a password or a bot's token is checked against; `bot_of` the account that owns a bot.
    """

    account: str
    nick: str
    skeleton: str
    secret: str
    bot_of: str | None = None


class SecretSet(Entry, tag="secret", frozen=True, kw_only=True):
    """An account has another password, or a bot another token ("" for none). `generation` ends the tokens of before."""

    account: str
    secret: str
    generation: int


class RoleSet(Entry, tag="role", frozen=True, kw_only=True):
    """An account moderates a room (`role` is "op"), or does not any more ("")."""

    room: str
    account: str
    nick: str
    role: str


class SanctionSet(Entry, tag="sanction", frozen=True, kw_only=True):
    """Somebody is kept out of a room (`what` is "ban"), or may not speak there ("mute"), `until` then (None: for good).

    `target` is the id of an account or guest, or `address:` and an address, which is meant for guests from there.
    """

    what: str
    room: str
    target: str
    nick: str
    until: float | None = None
    reason: str = ""


class SanctionLifted(Entry, tag="lifted", frozen=True, kw_only=True):
    """All bans ("ban") or mutes ("mute") of a room on these targets are over."""

    what: str
    room: str
    targets: list[str]
    nick: str


class Kicked(Entry, tag="kick", frozen=True, kw_only=True):
    """Somebody was put out of a room, and may come back."""

    room: str
    target: str
    nick: str
    reason: str = ""


class SlowSet(Entry, tag="slow", frozen=True, kw_only=True):
    """In a room everybody speaks once in so many seconds (0: as they like)."""

    room: str
    seconds: float


class TopicSet(Entry, tag="topic", frozen=True, kw_only=True):
    """What a room is about."""

    room: str
    text: str


class MotdSet(Entry, tag="motd", frozen=True, kw_only=True):
    """The message of the day."""

    text: str


AnyEntry = (
    Genesis | Post | RoomOpened | AccountMade | SecretSet | RoleSet | SanctionSet | SanctionLifted | Kicked | SlowSet
    | TopicSet | MotdSet
)  # fmt: skip

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(AnyEntry)


def encode_entry(entry: Entry) -> bytes:
    """Write an entry, for a bus or a store."""
    return _ENCODER.encode(entry)


def decode_entry(document: bytes) -> AnyEntry:
    """Read an entry. Raises msgspec.DecodeError."""
    entry: AnyEntry = _DECODER.decode(document)
    return entry


class Stored(Struct, frozen=True):
    """A message as it is kept. `entry` has its id, sender and body; `time` never runs backwards in a room, and is that
    of `entry`, too."""

    entry: Post
    seq: int
    time: float


class Outcome(Struct, frozen=True):
    """What became of an entry.

    `why` is "" if it was applied, `duplicate` if the same had been before (`stored` is then the message that was, for
    a Post), `taken` for an account or a room that there was already (or another genesis), `unknown` for an account or
    a room that there is not, or `failed`: it could not be stored, `detail` says why, and nothing of it remains. An
    entry that was `taken` or `unknown` is so again when it comes again.
    """

    entry: AnyEntry
    stored: Stored | None = None
    why: str = ""
    detail: str = ""


class Head(Struct, frozen=True):
    """The newest message of a room or conversation."""

    seq: int
    time: float


class RoomRecord(Struct, frozen=True):
    """A room as it is kept."""

    room: str
    topic: str = ""
    slow: float = 0.0


class AccountRecord(Struct, frozen=True):
    """An account as it is kept."""

    account: str
    nick: str
    skeleton: str
    secret: str
    generation: int = 0
    bot_of: str | None = None


class SanctionRecord(Struct, frozen=True):
    """A ban or a mute as it is kept."""

    what: str
    room: str
    target: str
    nick: str
    by: str
    until: float | None = None
    reason: str = ""


class Snapshot(Struct, frozen=True, kw_only=True):
    """All that a core must know to begin: everything that lasts, but messages."""

    epoch: str
    key: str
    position: int = 0
    """How far the log of the bus has been applied."""
    heads: dict[str, Head] = {}
    rooms: list[RoomRecord] = []
    accounts: list[AccountRecord] = []
    roles: list[tuple[str, str]] = []
    """Pairs of a room and an account that moderates it."""
    sanctions: list[SanctionRecord] = []
    motd: str = ""
