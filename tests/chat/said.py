"""Notices as a server would say them, for the tests of clients."""

from __future__ import annotations

from typing import Any

from landline.chat.changes import Change, MessageAdded
from landline.chat.notices import Joined, Message, Page, Person, Place, Welcome
from landline.chat.view import View
from landline.chat.wire import Request

EPOCH = "0123456789abcdef"
ME = "~me"
ANNA = Person("~anna", "anna")
BOB = Person("bob", "bob", "op")
TALK = "@~anna,~me"


def message(seq: int, body: str = "", room: str = "lobby", sender: Person = ANNA, **more: Any) -> Message:
    """Message `seq` of a room."""
    more.setdefault("epoch", EPOCH)
    return Message(
        room=room, seq=seq, id=f"{room}-{seq}", time=1_700_000_000.0 + seq, sender=sender.id, nick=sender.nick,
        body=body or f"message {seq}", **more,
    )  # fmt: skip


def page(kind: str, first: int, last: int, room: str = "lobby", **more: Any) -> Page:
    """A page with the messages from `first` to `last`."""
    return Page(kind=kind, room=room, messages=[message(seq, room=room) for seq in range(first, last + 1)], **more)


def welcome(direct: list[Place] | None = None, **more: Any) -> Welcome:
    fields: dict[str, Any] = {"server": "Landline", "epoch": EPOCH, "id": ME, "nick": "me", "token": "token"}
    return Welcome(direct=direct or [], **(fields | more))


def joined(seq: int, room: str = "lobby", **more: Any) -> Joined:
    more.setdefault("epoch", EPOCH)
    return Joined(room=room, seq=seq, **more)


def come_in(view: View, seq: int = 0) -> list[Request]:
    """Be welcomed and enter the wished rooms, at message `seq` of each. Returns the requests that were made."""
    view.handle(welcome())
    requests = view.resume_requests()
    for request in requests:
        view.handle(joined(seq, room=getattr(request, "room", ""), ref=request.ref))
    return requests


def entered(seq: int = 0, *rooms: str) -> View:
    """A view that is in its rooms, each at message `seq`."""
    view = View(rooms or ("lobby",))
    come_in(view, seq)
    return view


def kinds(changes: list[Change]) -> list[str]:
    return [type(change).__name__ for change in changes]


def new(changes: list[Change]) -> list[int]:
    """The seq of each message that is new."""
    return [change.message.seq for change in changes if isinstance(change, MessageAdded) and change.is_new]


def back(view: View, now: float = 5.0, **more: Any) -> list[Request]:
    """The connection was away since 1.0 and is there again. Returns what is asked for."""
    view.lost(1.0)
    view.handle(welcome(**more), now)
    return view.resume_requests()
