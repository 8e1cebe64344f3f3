"""Saying something: who may, how often, and what happens when it has its place."""

from __future__ import annotations

from landline.chat.bounds import MOST_CID_BYTES
from landline.chat.effects import PassOn
from landline.chat.entries import Outcome, Post
from landline.chat.notices import Ack, Person, Types, encode_notice
from landline.chat.people import Session
from landline.chat.rooms import Room, as_message, conversation_name
from landline.chat.sanitising import clean_body
from landline.chat.wire import Msg, Say, Typing
from landline.chat.world import Pending, World

TYPING_SECONDS = 2.0
"""Typing is told at most so often for each session."""


def say(world: World, session: Session, request: Say, draw: bytes) -> None:
    """Say something in a room one is in, or in a conversation one has."""
    identity = session.identity
    assert identity is not None
    room = session.rooms.get(request.room)
    if room is None and identity.id in ((world.rooms.get(request.room) or NOWHERE).parties or ()):
        peer = world.peer(world.rooms[request.room], identity.id)
        _say_to(world, session, request, peer, draw)
        return
    if room is None:
        text = f"you are not in {request.room!r}; join it first"
        world.refuse(session, request, "not_in_room", text, room=request.room)
        return
    mute = world.mute_on(session, room)
    if mute is not None:
        wait = None if mute.until is None else mute.until - world.now.wall
        reason = f": {mute.reason}" if mute.reason else ""
        world.refuse(session, request, "muted", f"you may not speak in {room.name}{reason}", wait, room=room.name)
        return
    if room.slow and not world.may_moderate(session, room):
        wait = room.said.get(identity.id, -1e9) + room.slow - world.now.steady
        if wait > 0:
            text = f"{room.name} is slow: everybody speaks once in {room.slow:g} s"
            world.refuse(session, request, "slow", text, wait, room=room.name)
            return
    if _post(world, session, request, room.name, None, draw) and room.slow:
        room.note_said(identity.id, world.now.steady)


NOWHERE = Room("")


def msg(world: World, session: Session, request: Msg, draw: bytes) -> None:
    """Say something to one person."""
    peer = world.find_person(request.to)
    if peer is None:
        world.refuse(session, request, "no_such_person", f"nobody called {request.to!r} is here or has an account")
        return
    _say_to(world, session, request, peer, draw)


def _say_to(world: World, session: Session, request: Say | Msg, peer: Person, draw: bytes) -> None:
    identity = session.identity
    assert identity is not None
    if peer.id == identity.id:
        world.refuse(session, request, "yourself", "that is you yourself")
        return
    if world.directory.person(peer.id) is None and peer.id not in world.directory.accounts:
        world.refuse(session, request, "no_such_person", f"{peer.nick} is not here any more, and has no account")
        return
    _post(world, session, request, conversation_name(identity.id, peer.id), peer, draw)


def _post(world: World, session: Session, request: Say | Msg, room: str, peer: Person | None, draw: bytes) -> bool:
    """Propose a message, if it is one and does not come too fast. Returns whether it was."""
    identity = session.identity
    assert identity is not None
    cid = request.cid
    if cid is not None and not (cid.isascii() and cid.isprintable() and 0 < len(cid) <= MOST_CID_BYTES):
        text = f"a cid has 1 to {MOST_CID_BYTES} printable ASCII characters"
        world.refuse(session, request, "bad_cid", text, room=room)
        return False
    # First, as cleaning what comes too fast would cost more than refusing it.
    wait = world.wait_to_speak(session, is_approach=peer is not None and room not in world.rooms)
    if wait:
        world.refuse(session, request, "too_fast", f"too fast: wait {wait:.1f} s", wait, room=room)
        return False
    body, cut = clean_body(request.body)
    if not body.strip():
        world.refuse(session, request, "empty", "there is nothing to say in this message", room=room)
        return False
    entry = Post(
        id=message_id(world.now.wall, draw), time=world.now.wall, by=identity.id, by_nick=identity.nick, room=room,
        body=body, cid=cid, is_bot=identity.is_bot,
        to=None if peer is None else peer.id, to_nick=None if peer is None else peer.nick,
    )  # fmt: skip
    world.propose(entry, Pending(session.number, request, draw, cut))
    return True


def message_id(wall: float, draw: bytes) -> str:
    """An id that sorts by time: a UUID of version 7 (RFC 9562, 5.7), of 16 random bytes."""
    number = int.from_bytes(int(wall * 1000).to_bytes(6, "big") + draw[:10], "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def posted(world: World, outcome: Outcome) -> None:
    """A message has its place, had it before, or could not be stored."""
    entry, stored = outcome.entry, outcome.stored
    assert isinstance(entry, Post)
    session, pending = world.settled(entry.id)
    if stored is None:
        if session is not None and pending is not None:
            text = f"it was not stored: {outcome.detail or outcome.why}"
            world.refuse(session, pending.request, "storage", text, room=entry.room)
        return
    if session is not None and pending is not None:
        world.answer(
            session, pending.request, Ack,
            room=stored.entry.room, seq=stored.seq, epoch=world.epoch, id=stored.entry.id, time=stored.time,
            cid=entry.cid, duplicate=bool(outcome.why), cut=pending.cut,
        )  # fmt: skip
    if outcome.why:
        world.counts["duplicates"] += 1
        return
    world.counts["messages"] += 1
    room = world.room_or_conversation(entry.room)
    message = as_message(stored, world.epoch)
    room.head = room.head.__class__(stored.seq, stored.time)
    world.remember(room, message)
    origin = None if pending is None else pending.session
    if room.parties is None:
        world.tell_all(room.live, message, origin=origin)
        return
    numbers = (session.number for session in world.sessions_of(room.parties))
    world.tell_all(tuple(number for number in numbers if number not in room.catching), message, origin=origin)


def typing(world: World, session: Session, request: Typing) -> None:
    """Tell the others that somebody types; too often is passed over."""
    identity = session.identity
    assert identity is not None
    room = world.rooms.get(request.room)
    if room is None or not (request.room in session.rooms or identity.id in (room.parties or ())):
        return
    if world.now.steady - session.typed < TYPING_SECONDS or world.mute_on(session, room) is not None:
        return
    session.typed = world.now.steady
    notice = Types(room=room.name, id=identity.id, nick=identity.nick)
    tell_typing(world, notice)
    world.out.append(PassOn(encode_notice(notice)))


def tell_typing(world: World, notice: Types) -> None:
    """Tell those of this node who are in the room, but not the one who types."""
    room = world.rooms.get(notice.room)
    if room is None:
        return
    sessions = room.sessions.values() if room.parties is None else world.sessions_of(room.parties)
    numbers = tuple(
        session.number for session in sessions if session.identity is not None and session.identity.id != notice.id
    )
    world.tell_all(numbers, notice, ephemeral=True)
