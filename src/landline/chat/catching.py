"""Catching up: who enters behind the newest message gets what is missing first, in order and without a hole."""

from __future__ import annotations

from landline.chat.bounds import MOST_PAGE
from landline.chat.notices import Left, Message, Page
from landline.chat.people import Session
from landline.chat.ports import Found, Range
from landline.chat.rooms import Catching, Room, as_message
from landline.chat.wire import Request
from landline.chat.world import Pending, World


class NextPage(Request, tag="next page", frozen=True):
    """What the core asks for itself while a session catches up."""

    room: str
    after: int


def catch_up(world: World, session: Session, room: Room, after: int, kind: str) -> None:
    """Give a session all messages behind `after`, in pages of `kind`, and then those that come live.

    What is in memory goes at once. For the rest the store is read up to where it is now; what is said meanwhile is read
    behind that. As long as this lasts the session gets nothing live, so nothing can overtake.
    """
    if not room.covers(after):
        room.catching[session.number] = Catching(after, kind)
        room.stirred()
        query = Range(room.name, after=after, before=room.head.seq + 1, limit=MOST_PAGE)
        world.ask(query, Pending(session.number, NextPage(room.name, after), b""))
        return
    messages = room.since(after)
    for start in range(0, len(messages), MOST_PAGE):
        part = messages[start : start + MOST_PAGE]
        more = start + MOST_PAGE < len(messages)
        world.tell(session, Page(kind=kind, room=room.name, messages=part, more=more))
    if room.catching.pop(session.number, None) is not None:
        room.stirred()


def caught(world: World, session: Session, request: NextPage, found: Found) -> None:
    """The store has read the next page for a session."""
    room = world.rooms[request.room]
    catching = room.catching.get(session.number)
    if catching is None or catching.after != request.after:
        # It has left since, or has begun anew.
        return
    messages = [as_message(stored, world.epoch) for stored in found.messages]
    if found.error or not _goes_on(messages, catching.after):
        _give_up(world, session, room, found.error or "messages are missing there")
        return
    after = messages[-1].seq
    world.tell(session, Page(kind=catching.kind, room=room.name, messages=messages, more=after < room.head.seq))
    catch_up(world, session, room, after, catching.kind)


def _goes_on(messages: list[Message], after: int) -> bool:
    """Whether these messages begin right behind `after` and have no hole."""
    return bool(messages) and [message.seq for message in messages] == list(range(after + 1, after + 1 + len(messages)))


def _give_up(world: World, session: Session, room: Room, why: str) -> None:
    """What is missing cannot be read: the session leaves, rather than to have a hole it does not know of."""
    from landline.chat.entering import leave

    world.counts["recoveries_failed"] += 1
    if room.parties is not None:
        room.catching.pop(session.number, None)
    else:
        leave(world, session, room)
    world.tell(session, Left(room=room.name, reason=f"what you missed cannot be read: {why}; resume later"))
