"""Rooms: how one comes in, goes out, comes back, and how the others hear of it."""

from __future__ import annotations

from itertools import islice

from landline.chat.bounds import MOST_PAGE
from landline.chat.catching import catch_up
from landline.chat.effects import Came, Went
from landline.chat.entries import Outcome, RoomOpened
from landline.chat.names import LOBBY, clean_room
from landline.chat.notices import Joined, Left, Person, Presence
from landline.chat.people import Session
from landline.chat.rooms import Room
from landline.chat.wire import Join, Leave, Resume
from landline.chat.world import Pending, World
from landline.errors import NameRefused


def join(world: World, session: Session, request: Join, draw: bytes) -> None:
    """Enter a room; open it if it is not there."""
    _enter(world, session, Pending(session.number, request, draw))


def resume(world: World, session: Session, request: Resume, draw: bytes) -> None:
    """Enter a room or go on in a conversation behind what one knows."""
    room = world.rooms.get(request.room)
    if request.room.startswith("@"):
        identity = session.identity
        assert identity is not None
        if room is None or identity.id not in (room.parties or ()):
            world.refuse(session, request, "no_such_room", f"you have no conversation {request.room!r}")
            return
        _resume_in(world, session, room, request)
        return
    _enter(world, session, Pending(session.number, request, draw))


def _enter(world: World, session: Session, pending: Pending) -> None:
    request = pending.request
    assert isinstance(request, Join | Resume)
    try:
        name = clean_room(request.room)
    except NameRefused as refused:
        world.refuse(session, request, "bad_name", str(refused))
        return
    room = world.rooms.get(name)
    if room is None:
        _open(world, session, name, pending)
        return
    if name not in session.rooms and len(session.rooms) >= world.bounds.rooms_per_session:
        most = world.bounds.rooms_per_session
        world.refuse(session, request, "too_many_rooms", f"you are in {most} rooms, the most there may be; leave one")
        return
    sanction = world.ban_on(session, room)
    if sanction is not None:
        until = f" until {sanction.until:.0f}" if sanction.until is not None else ""
        wait = None if sanction.until is None else sanction.until - world.now.wall
        reason = f": {sanction.reason}" if sanction.reason else ""
        text = f"you are banned from {name}{' for now' if until else ''}{reason}"
        world.refuse(session, request, "banned", text, wait, room=name)
        return
    if isinstance(request, Resume):
        _resume_in(world, session, room, request)
    else:
        _join_in(world, session, room, request)


def _open(world: World, session: Session, name: str, pending: Pending) -> None:
    """Open a room that is not there; whoever wants in meanwhile waits with the first one."""
    request = pending.request
    if name in world.opening:
        world.hold(session.number)
        world.opening[name].append(pending)
        return
    identity = session.identity
    assert identity is not None
    bucket = world.openings.of(session.address, world.now.steady)
    wait = bucket.wait(world.now.steady)
    if wait and name != LOBBY:
        world.refuse(session, request, "too_fast", "too many new rooms from where you are; try later", wait)
        return
    there = sum(1 for room in world.rooms.values() if room.parties is None) + len(world.opening)
    if there >= world.bounds.rooms and name != LOBBY:
        world.refuse(session, request, "too_many_rooms", f"there are {world.bounds.rooms} rooms, the most there may be")
        return
    bucket.take()
    world.hold(session.number)
    world.opening[name] = [pending]
    owner = identity.account.account if identity.account is not None and name != LOBBY else None
    world.propose(
        RoomOpened(
            id=f"room:{name}:{pending.draw.hex()}", time=world.now.wall, by=identity.id, by_nick=identity.nick,
            room=name, owner=owner,
        )
    )  # fmt: skip


def opened(world: World, outcome: Outcome) -> None:
    """A room was opened, was there already, or could not be."""
    entry = outcome.entry
    assert isinstance(entry, RoomOpened)
    waiting = world.opening.pop(entry.room, [])
    if not outcome.why:
        room = world.room_or_conversation(entry.room)
        if entry.owner is not None:
            room.moderators.add(entry.owner)
    for pending in waiting:
        world.release(pending.session)
        session = world.sessions.get(pending.session)
        if session is None or session.identity is None:
            continue
        if outcome.why == "failed" or entry.room not in world.rooms:
            world.refuse(session, pending.request, "storage", f"the room cannot be opened: {outcome.detail}")
        else:
            _enter(world, session, pending)


def _join_in(world: World, session: Session, room: Room, request: Join) -> None:
    after = room.head.seq - min(max(0, request.tail), MOST_PAGE)
    _come_in(world, session, room)
    _tell_joined(world, session, room, request, None, "")
    if request.tail > 0 and room.head.seq:
        catch_up(world, session, room, max(0, after), "tail")


def _resume_in(world: World, session: Session, room: Room, request: Resume) -> None:
    head = room.head.seq
    why = ""
    if request.epoch != world.epoch:
        why = "epoch"
    elif not 0 <= request.seq <= head:
        why = "ahead"
    elif head - request.seq > world.bounds.resume_messages:
        why = "too_many"
    world.counts["not_recovered" if why else "recovered"] += 1
    if room.parties is None:
        _come_in(world, session, room)
    _tell_joined(world, session, room, request, not why, why)
    if not why:
        catch_up(world, session, room, request.seq, "resume")


def _come_in(world: World, session: Session, room: Room) -> None:
    identity = session.identity
    assert identity is not None
    room.catching.pop(session.number, None)
    room.stirred()
    if session.number in room.sessions:
        return
    room.sessions[session.number] = session
    session.rooms[room.name] = room
    count = room.people.get(identity.id, 0)
    room.people[identity.id] = count + 1
    if not count:
        person = identity.person(room.role(identity.id))
        world.out.append(Came(room.name, person))
        if not any(identity.id in people for people in room.elsewhere.values()):
            note_came(world, room, person)


def note_came(world: World, room: Room, person: Person) -> None:
    """Somebody has come to a room: tell it at the next tick."""
    known = room.went.pop(person.id, None)
    if known is None or known.nick != person.nick or person.id in room.listed:
        room.came[person.id] = person
    world.stirred[room.name] = room


def note_went(world: World, room: Room, person: Person) -> None:
    """Somebody has gone from a room: tell it at the next tick."""
    if room.came.pop(person.id, None) is None or person.id in room.listed:
        room.went[person.id] = person
    world.stirred[room.name] = room


def _tell_joined(
    world: World, session: Session, room: Room, request: Join | Resume, recovered: bool | None, why: str
) -> None:
    mute = world.mute_on(session, room)
    members = [] if room.parties else list(islice(room.members(world.directory.here), world.bounds.members_told))
    identity = session.identity
    assert identity is not None
    role = "operator" if identity.is_operator else room.role(identity.id)
    if members and room.count <= world.bounds.members_told:
        # Whoever is in this list, or is not, must be told of even if it is gone, or back, before the next tick.
        room.listed.update(room.came.keys() - {identity.id}, room.went)
    world.answer(
        session, request, Joined,
        room=room.name, epoch=world.epoch, seq=room.head.seq, recovered=recovered, why=why,
        members=members, count=0 if room.parties else room.count, topic=room.topic, slow=room.slow, role=role,
        muted_until=None if mute is None else mute.until or 0.0,
    )  # fmt: skip


def leave_asked(world: World, session: Session, request: Leave) -> None:
    """Leave a room."""
    room = session.rooms.get(request.room) or session.rooms.get(request.room.casefold())
    if room is None:
        world.refuse(session, request, "not_in_room", f"you are not in {request.room!r}")
        return
    leave(world, session, room)
    world.answer(session, request, Left, room=room.name)


def leave(world: World, session: Session, room: Room) -> None:
    """Take a session out of a room."""
    identity = session.identity
    assert identity is not None
    del room.sessions[session.number], session.rooms[room.name]
    room.catching.pop(session.number, None)
    room.stirred()
    left = room.people[identity.id] - 1
    if left:
        room.people[identity.id] = left
        return
    del room.people[identity.id]
    person = identity.person()
    world.out.append(Went(room.name, person))
    if not any(identity.id in people for people in room.elsewhere.values()):
        note_went(world, room, person)


def tell_presence(world: World) -> None:
    """Tell rooms who has come and gone since the last time; large ones only how many are there."""
    for room in world.stirred.values():
        _tell_room(world, room)
    world.stirred.clear()


def tell_gone(world: World, id: str) -> None:
    """Tell rooms at once that somebody has gone, who is called otherwise from here on."""
    for room in world.stirred.values():
        if id in room.went:
            _tell_room(world, room)


def _tell_room(world: World, room: Room) -> None:
    came, went = [room.shown(person) for person in room.came.values()], list(room.went.values())
    room.came.clear()
    room.went.clear()
    room.listed.clear()
    if not (came or went) or not room.sessions:
        return
    if max(room.count, len(came) + len(went)) > world.bounds.members_told:
        came, went = [], []
    notice = Presence(room=room.name, count=room.count, came=came, went=went)
    alone = [session.number for session in world.sessions_of(person.id for person in came)]
    # A person on plain text need not be told of itself alone.
    origin = alone[0] if len(alone) == len(came) == 1 and not went else None
    world.tell_all(tuple(room.sessions), notice, ephemeral=True, origin=origin)
