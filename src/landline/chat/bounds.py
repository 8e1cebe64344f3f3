"""Bounds: what anybody may ask of a chat, with the unit and the reason of each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from landline.errors import LimitError

PORT = 8110
"""Where a chat is if nobody says."""
MOST_BODY_BYTES = 4096
"""A body in UTF-8; what is beyond is cut at a character. Part of the wire format, so no setting."""
MOST_NAME_CHARACTERS = 32
"""A nick or the name of a room: fits a column of a terminal."""
MOST_CID_BYTES = 64
"""What a client calls its message, so that the same one is taken once."""
MOST_QUERY_CHARACTERS = 200
MOST_REASON_CHARACTERS = 200
MOST_MOTD_CHARACTERS = 2000
MOST_PASSWORD_BYTES = 256
LEAST_PASSWORD_CHARACTERS = 8
MOST_PAGE = 200
"""Messages in one page of history."""
DEFAULT_PAGE = 50
MOST_REQUEST_BYTES = 64 * 1024
"""One line of JSON or one WebSocket message: a body of escapes (\\uXXXX) is six times its length."""
MOST_LINE_BYTES = 16 * 1024
"""One line of text; what is longer ends the conversation."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The settings of a chat that bound its use. Raises LimitError for a value out of its range.

    Rates are token buckets: `burst` at once, then `rate` a second.
    """

    session_burst: float = 10
    session_rate: float = 2
    """Messages of one session: what a fast typist never reaches."""
    account_burst: float = 20
    account_rate: float = 4
    """Messages of one account from all its sessions."""
    address_burst: float = 100
    address_rate: float = 20
    """Messages from one address: a household or a class behind one router."""
    request_burst: float = 60
    request_rate: float = 20
    """Requests of one session that say nothing: paging through history, lists, joins."""
    guess_burst: float = 5
    guess_rate: float = 0.1
    """Passwords tried from one address, and for one account."""
    hello_seconds: float = 30
    """Until a program or a page must have said who it is."""
    rooms: int = 10_000
    rooms_per_session: int = 100
    opening_burst: float = 20
    opening_rate: float = 0.02
    """Rooms opened from one address: rooms stay."""
    approach_burst: float = 50
    approach_rate: float = 0.1
    """Conversations begun from one address: they stay, and nobody wants to hear from a hundred strangers."""
    members_told: int = 200
    """Members up to which a room is told who comes and goes; beyond, only how many there are."""
    resume_messages: int = 5_000
    """The longest gap that is filled unasked; a longer one is for paging."""
    tail_messages: int = 512
    """Messages of a room that are kept in memory, for those who come back after a short while."""
    outbox_bytes: int = 1024 * 1024
    """What may wait for one session that reads slowly, before it is told that it lags, and closed."""
    ephemeral_bytes: int = 64 * 1024
    """What may wait before who types, comes and goes is left out."""
    sessions_per_address: int = 1024
    """Places of one address: one machine must not take every one."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            whole = isinstance(one.default, int) and not one.name.endswith(("_burst", "_rate", "_seconds"))
            kinds = (int,) if whole else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value <= 1e9:
                raise LimitError(one.name, value, f"a {'whole ' if whole else ''}number above 0, at most 1000000000")


def parse_bound(text: str) -> tuple[str, Any]:
    """Read `NAME=VALUE`. Returns both. Raises LimitError for an unknown name or something that is no number."""
    name, _, number = text.partition("=")
    known = {one.name for one in fields(Bounds)}
    if name not in known:
        raise LimitError("a bound of the chat", name, f"one of {', '.join(sorted(known))}, written NAME=VALUE")
    try:
        return name, int(number)
    except ValueError:
        pass
    try:
        return name, float(number)
    except ValueError:
        raise LimitError(name, number, "a number above 0") from None
