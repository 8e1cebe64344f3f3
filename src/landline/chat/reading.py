"""What one may look up: pages of history, searches, who is where, which rooms there are, what was done."""

from __future__ import annotations

from itertools import islice

from landline.chat.bounds import MOST_PAGE, MOST_QUERY_CHARACTERS
from landline.chat.notices import AuditPage, Members, Page, Place, RoomList, SanctionList
from landline.chat.notices import Sanction as ShownSanction
from landline.chat.people import Session
from landline.chat.ports import AuditOf, Found, Range, SearchFor
from landline.chat.rooms import Room, as_message
from landline.chat.wire import Audit, History, Request, Rooms, Sanctions, Search, Who
from landline.chat.world import Pending, World

MOST_LISTED = 500
"""Rooms or persons in one list."""
MOST_SEARCHES = 8
"""Searches of one session that wait for the store: all sessions share one thread for them."""


def readable(world: World, session: Session, request: Request, name: str) -> Room | None:
    """A room that a session may read. Otherwise None, and the request is refused."""
    identity = session.identity
    assert identity is not None
    room = world.rooms.get(name) or world.rooms.get(name.casefold())
    if room is None or (room.parties is not None and identity.id not in room.parties):
        world.refuse(session, request, "no_such_room", f"there is no room {name!r}")
        return None
    if world.ban_on(session, room) is not None:
        world.refuse(session, request, "banned", f"you are banned from {room.name}", room=room.name)
        return None
    return room


def history(world: World, session: Session, request: History) -> None:
    """Ask the store for a page."""
    room = readable(world, session, request, request.room)
    if room is None:
        return
    limit = min(max(1, request.limit), MOST_PAGE)
    if request.after is not None:
        query = Range(room.name, after=max(0, request.after), before=request.before, limit=limit)
    else:
        query = Range(room.name, before=request.before, limit=limit, newest=True)
    world.ask(query, Pending(session.number, request, b""))


def search(world: World, session: Session, request: Search) -> None:
    """Ask the store for messages with some words, where one may read."""
    identity = session.identity
    assert identity is not None
    if not 0 < len(request.query.strip()) <= MOST_QUERY_CHARACTERS:
        text = f"a search has 1 to {MOST_QUERY_CHARACTERS} characters"
        world.refuse(session, request, "bad_query", text)
        return
    waiting = (one.session for one in world.tickets.values() if isinstance(one.request, Search))
    if sum(number == session.number for number in waiting) >= MOST_SEARCHES:
        world.refuse(session, request, "too_fast", "your searches before this one are not answered yet", 1.0)
        return
    limit = min(max(1, request.limit), MOST_PAGE)
    if request.room is not None:
        room = readable(world, session, request, request.room)
        if room is None:
            return
        query = SearchFor(request.query, rooms=(room.name,), before=request.before, limit=limit)
    else:
        also = tuple(room.name for room in world.newest_conversations(identity.id))
        allowed = _all_but_banned(world, session)
        # Rooms that are named are all that is searched: one's conversations are named with them.
        rooms = None if allowed is None else allowed + also
        query = SearchFor(request.query, rooms=rooms, also=also, before=request.before, limit=limit)
    world.ask(query, Pending(session.number, request, b""))


def _all_but_banned(world: World, session: Session) -> tuple[str, ...] | None:
    """The rooms a session may read; None: all of them."""
    rooms = [room for room in world.rooms.values() if room.parties is None]
    allowed = [room.name for room in rooms if not room.sanctions or world.ban_on(session, room) is None]
    return None if len(allowed) == len(rooms) else tuple(allowed)


def found(world: World, session: Session, request: Request, result: Found) -> None:
    """Answer with what the store has found."""
    if result.error:
        world.refuse(session, request, "storage" if not isinstance(request, Search) else "bad_query", result.error)
        return
    messages = [as_message(stored, world.epoch) for stored in result.messages]
    match request:
        case History():
            room = request.room if request.room in world.rooms else request.room.casefold()
            world.answer(session, request, Page, kind="history", room=room, messages=messages, more=result.more)
        case Search():
            world.answer(
                session, request, Page,
                kind="search", room=request.room, messages=messages, more=result.more, cursor=result.cursor,
            )  # fmt: skip
        case _:
            assert isinstance(request, Audit)
            world.answer(session, request, AuditPage, room=request.room, rows=result.rows)


def who(world: World, session: Session, request: Who) -> None:
    """List who is in a room, or here."""
    if request.room is None:
        people = list(islice(world.directory.everybody(), MOST_LISTED))
        count = sum(1 for _ in world.directory.everybody())
        world.answer(session, request, Members, room=None, members=people, count=count)
        return
    room = readable(world, session, request, request.room)
    if room is None:
        return
    if room.parties is not None:
        both = [person for person in map(world.directory.person, room.parties) if person is not None]
        world.answer(session, request, Members, room=room.name, members=both, count=len(both))
        return
    people = list(islice(room.members(world.directory.here), MOST_LISTED))
    world.answer(session, request, Members, room=room.name, members=people, count=room.count)


def rooms(world: World, session: Session, request: Rooms) -> None:
    """List the rooms, those with the most members first, and the conversations one has had."""
    identity = session.identity
    assert identity is not None
    there = sorted(
        (room for room in world.rooms.values() if room.parties is None), key=lambda room: (-room.count, room.name)
    )
    places = [Place(room.name, room.head.seq, room.count, room.topic) for room in there[:MOST_LISTED]]
    direct = world.conversations(identity)
    world.answer(session, request, RoomList, rooms=places, direct=direct)


def sanctions(world: World, session: Session, request: Sanctions) -> None:
    """List who is banned or muted in a room, to its moderators."""
    room = readable(world, session, request, request.room)
    if room is None or not moderating(world, session, request, room):
        return
    identity, wall = session.identity, world.now.wall
    assert identity is not None
    # Anybody may open a room and moderate it; where somebody comes from is for operators.
    listed = [
        ShownSanction(one.what, one.target, one.nick, one.by, one.until, one.reason)
        for one in room.sanctions.values()
        if (one.until is None or one.until > wall) and (identity.is_operator or not one.target.startswith("address:"))
    ]
    world.answer(session, request, SanctionList, room=room.name, sanctions=listed[:MOST_LISTED])


def moderating(world: World, session: Session, request: Request, room: Room) -> bool:
    """Whether a session moderates a room; if not, the request is refused."""
    if room.parties is None and world.may_moderate(session, room):
        return True
    world.refuse(session, request, "not_allowed", f"only a moderator of {room.name} may do that", room=room.name)
    return False


def audit(world: World, session: Session, request: Audit) -> None:
    """Ask the store what was done: in a room for its moderators, everywhere for operators."""
    identity = session.identity
    assert identity is not None
    if request.room is None:
        if not identity.is_operator:
            world.refuse(
                session, request, "not_allowed", "only an operator may see what was done everywhere; name a room"
            )
            return
        query = AuditOf(None, min(max(1, request.limit), MOST_PAGE))
    else:
        room = readable(world, session, request, request.room)
        if room is None or not moderating(world, session, request, room):
            return
        query = AuditOf(room.name, min(max(1, request.limit), MOST_PAGE))
    world.ask(query, Pending(session.number, request, b""))
