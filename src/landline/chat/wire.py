"""What a client asks, as documents: one JSON object a line, or one a WebSocket message.

The same requests come from people on plain text, through `lines.py`. `docs/wire/chat.md` is the specification.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from landline.chat.bounds import MOST_CID_BYTES

VERSION = 1
MOST_INTEGER = 2**53
"""Beyond, numbers of JavaScript are not exact."""
_LABEL = f"at most {MOST_CID_BYTES} printable characters of ASCII"

Ref = str | int | None


class Request(Struct, tag_field="op", frozen=True, kw_only=True, omit_defaults=True):
    """Something a client asks for. `ref` comes back with the answer."""

    ref: Ref = None


class Hello(Request, tag="hello", frozen=True):
    """Who one is. The first request of a program or a page; people on plain text are guests from the start.

    `token` is what `welcome` or `account` gave before, or that of a bot; without one it is a new guest.
    """

    nick: str | None = None
    token: str | None = None
    version: int = VERSION


class Join(Request, tag="join", frozen=True):
    """Enter a room; one that is not there is opened. `tail` recent messages come along (0 to 200)."""

    room: str
    tail: int = 0


class Resume(Request, tag="resume", frozen=True):
    """Enter a room, or go on in a conversation, behind message `seq` of `epoch`: what came since is sent first."""

    room: str
    epoch: str
    seq: int


class Leave(Request, tag="leave", frozen=True):
    """Leave a room."""

    room: str


class Say(Request, tag="say", frozen=True):
    """Say something in a room one is in. The same `cid` of the same person is taken once, for good."""

    room: str
    body: str
    cid: str | None = None


class Msg(Request, tag="msg", frozen=True):
    """Say something to one person: `to` is a nick, or an id."""

    to: str
    body: str
    cid: str | None = None


class Typing(Request, tag="typing", frozen=True):
    """Somebody types in a room, or to the other one of a conversation (`room`). Sent at most every few seconds."""

    room: str


class Nick(Request, tag="nick", frozen=True):
    """Take another nick."""

    nick: str


class Who(Request, tag="who", frozen=True):
    """Who is in a room; without one, everybody who is here."""

    room: str | None = None


class Rooms(Request, tag="rooms", frozen=True):
    """Which rooms there are."""


class History(Request, tag="history", frozen=True):
    """A page of a room or conversation, oldest first: the last `limit` before `before` (None: the newest), or
    with `after` the first `limit` behind that."""

    room: str
    before: int | None = None
    after: int | None = None
    limit: int = 50


class Search(Request, tag="search", frozen=True):
    """Messages with all these words, newest first; in `room`, or wherever one may read. `before` is the `cursor` of
    the page before."""

    query: str
    room: str | None = None
    before: int | None = None
    limit: int = 50


class Register(Request, tag="register", frozen=True):
    """Make the nick one has one's own. Passwords travel over TLS or loopback only."""

    password: str


class Login(Request, tag="login", frozen=True):
    """Be the owner of a nick."""

    nick: str
    password: str


class Logout(Request, tag="logout", frozen=True):
    """Be a guest again."""


class Password(Request, tag="password", frozen=True):
    """Change one's password; tokens that were given before are worth nothing from then on."""

    old: str
    new: str


class Bot(Request, tag="bot", frozen=True):
    """Make a bot of this name, owned by one's account, or give an own one another token. The answer has the token."""

    name: str


class Unbot(Request, tag="unbot", frozen=True):
    """Take the token of an own bot away."""

    name: str


class Kick(Request, tag="kick", frozen=True):
    """Put somebody out of a room."""

    room: str
    nick: str
    reason: str = ""


class Ban(Request, tag="ban", frozen=True):
    """Keep somebody out of a room, for `seconds` or for good. Guests are kept out with their address."""

    room: str
    nick: str
    seconds: float | None = None
    reason: str = ""


class Unban(Request, tag="unban", frozen=True):
    """Let somebody in again: a nick, or what `sanctions` lists."""

    room: str
    nick: str


class Mute(Request, tag="mute", frozen=True):
    """Let somebody read and not speak in a room, for `seconds` or for good."""

    room: str
    nick: str
    seconds: float | None = None
    reason: str = ""


class Unmute(Request, tag="unmute", frozen=True):
    """Let somebody speak again."""

    room: str
    nick: str


class Slow(Request, tag="slow", frozen=True):
    """Let everybody speak once in so many seconds in a room; 0 ends it. Moderators are exempt."""

    room: str
    seconds: float


class Op(Request, tag="op", frozen=True):
    """Make the owner of a nick a moderator of a room."""

    room: str
    nick: str


class Deop(Request, tag="deop", frozen=True):
    """Make a moderator of a room an ordinary member."""

    room: str
    nick: str


class Topic(Request, tag="topic", frozen=True):
    """Say what a room is about."""

    room: str
    text: str


class Motd(Request, tag="motd", frozen=True):
    """Set the message of the day (operators)."""

    text: str


class Sanctions(Request, tag="sanctions", frozen=True):
    """Who is banned or muted in a room (moderators)."""

    room: str


class Audit(Request, tag="audit", frozen=True):
    """Who did what: of a room (its moderators), or of all (operators). Newest first."""

    room: str | None = None
    limit: int = 50


class Ping(Request, tag="ping", frozen=True):
    """Is somebody there? Answered with `pong`."""


class Quit(Request, tag="quit", frozen=True):
    """End this session."""

    reason: str = ""


AnyRequest = (
    Hello | Join | Resume | Leave | Say | Msg | Typing | Nick | Who | Rooms | History | Search
    | Register | Login | Logout | Password | Bot | Unbot
    | Kick | Ban | Unban | Mute | Unmute | Slow | Op | Deop | Topic | Motd | Sanctions | Audit | Ping | Quit
)  # fmt: skip

_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(AnyRequest)
_ENCODER = msgspec.json.Encoder()


class BadRequest(Exception):
    """A document that is no request. `problem` is a sentence about it; `ref` is its ref, as far as it had one."""

    def __init__(self, problem: str, ref: Ref = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.ref = ref


def decode_request(document: bytes | str) -> AnyRequest:
    """Read one request. Returns it. Raises BadRequest."""
    try:
        request: AnyRequest = _DECODER.decode(document)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRequest(f"this is no request: {error}", _ref_of(document)) from None
    for name in request.__struct_fields__:
        value = getattr(request, name)
        if isinstance(value, int) and abs(value) > MOST_INTEGER:
            raise BadRequest(f"{name} is beyond {MOST_INTEGER}", _ref_of(document))
        if name in ("ref", "cid") and isinstance(value, str) and not _is_label(value):
            raise BadRequest(f"{name} must be {_LABEL}", _ref_of(document))
    return request


def _is_label(text: str) -> bool:
    """Whether a text can be a ref or a cid: they come back as they are, so there is nothing to clean."""
    return len(text) <= MOST_CID_BYTES and text.isascii() and text.isprintable()


def encode_request(request: Request) -> bytes:
    """Write one request. Returns the document, without the end of its line."""
    return _ENCODER.encode(request)


class _OnlyRef(Struct):
    ref: Ref = None


_REF_DECODER = msgspec.json.Decoder(_OnlyRef)


def _ref_of(document: bytes | str) -> Ref:
    try:
        ref = _REF_DECODER.decode(document).ref
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return ref if ref is None or (_is_label(ref) if isinstance(ref, str) else abs(ref) <= MOST_INTEGER) else None
