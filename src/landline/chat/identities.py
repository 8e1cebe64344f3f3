"""Who somebody is: guests, nicks, and becoming the owner of one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

from landline.chat.buckets import Bucket, wait_for_all
from landline.chat.effects import Came, Connected, End, Went
from landline.chat.entering import leave, note_came, note_went, tell_gone
from landline.chat.entries import AccountRecord
from landline.chat.names import GUEST, LOBBY, clean_nick, guest_nick
from landline.chat.notices import Account, Announcement, Bye, Left, Renamed, Welcome
from landline.chat.people import Identity, Session
from landline.chat.proofs import account_of_token, account_token, guest_of, guest_token
from landline.chat.rooms import Room
from landline.chat.wire import VERSION, Hello, Logout, Nick, Request
from landline.chat.world import World
from landline.errors import NameRefused

MOST_DRAWS = 64
"""Nicks that are tried for a guest; there are some 600 000, so with half of them in use one of these is free."""


def connected(world: World, command: Connected) -> None:
    """A session begins; a person on plain text is a guest at once."""
    bounds = world.bounds
    session = Session(
        command.session, command.address, command.is_local, command.is_secure, command.is_person,
        Bucket(bounds.session_burst, bounds.session_rate), Bucket(bounds.request_burst, bounds.request_rate),
    )  # fmt: skip
    world.sessions[session.number] = session
    if session.is_person:
        _be_guest(world, session, f"~{_letters(command.draw)}", None)
        _welcome(world, session, None)
    else:
        world.unknown[session.number] = world.now.steady + bounds.hello_seconds


def hello(world: World, session: Session, request: Hello, draw: bytes) -> None:
    """Somebody says who it is. Answered with `welcome`; a token that is worth nothing is refused."""
    if session.identity is not None:
        world.refuse(session, request, "twice", "you have said hello already")
        return
    if request.version != VERSION:
        text = f"version {request.version} is not spoken here; this is version {VERSION}"
        world.refuse(session, request, "version", text)
        return
    id = f"~{_letters(draw)}"
    wall = world.now.wall
    if request.token:
        account = account_of_token(world.key, request.token, wall, world.directory.accounts)
        guest = None if account is not None else guest_of(world.key, request.token, wall)
        if account is None and guest is None:
            world.refuse(session, request, "bad_token", "this token is worth nothing any more; say hello without it")
            return
        if account is not None and not session.is_secure:
            text = "this token is as good as a password: it may be sent over TLS or on this machine only"
            world.refuse(session, request, "not_secure", text)
            return
        if account is not None:
            _be_account(world, session, account)
            _welcome(world, session, request)
            return
        id = guest or id
    problem = _be_guest(world, session, id, request.nick)
    _welcome(world, session, request)
    if problem:
        world.tell(session, Announcement(text=problem, code="nick"))


def _letters(draw: bytes) -> str:
    return base64.b32encode(draw[-8:]).decode().lower()[:12]


def _given_nick(world: World, id: str) -> str:
    """A nick for a guest who has none: the same for the same guest, as long as nobody else has it."""
    seed = id.encode()
    for _ in range(MOST_DRAWS):
        seed = hashlib.sha256(seed).digest()
        nick = guest_nick(seed)
        if not [user for user in world.directory.users(nick) if user != id]:
            return nick
    return GUEST + id.removeprefix("~")


def _be_guest(world: World, session: Session, id: str, nick: str | None) -> str:
    """Be a guest, under this nick if it may be. Returns why it may not."""
    already = world.directory.here.get(id)
    if already is not None:
        _attach(world, session, already)
        return ""
    problem = ""
    wanted = given = _given_nick(world, id)
    if nick is not None and nick.casefold() != given:
        try:
            wanted = clean_nick(nick)
            problem = _taken(world, wanted, id)
        except NameRefused as refused:
            problem = str(refused)
    _attach(world, session, Identity(id, given if problem else wanted))
    return problem


def _be_account(world: World, session: Session, account: AccountRecord) -> None:
    identity = world.directory.here.get(account.account)
    if identity is None:
        free_nick(world, account.nick)
        is_operator = account.account in world.operators and account.bot_of is None
        identity = Identity(account.account, account.nick, account, is_operator)
    _attach(world, session, identity)


def free_nick(world: World, nick: str, keeper: int | None = None) -> None:
    """A nick belongs to somebody: a guest that has it meanwhile gets another, but not the one with session `keeper`."""
    for holder in [world.directory.here.get(user) for user in world.directory.users(nick)]:
        if holder is not None and holder.account is None and keeper not in holder.sessions:
            rename_guest(world, holder)


def rename_guest(world: World, identity: Identity) -> None:
    """A guest cannot keep its nick, and gets another."""
    nick = _given_nick(world, identity.id)
    rename(world, identity, nick)
    for session in identity.sessions.values():
        text = f"your nick belongs to somebody else; you are {nick} now"
        world.tell(session, Announcement(text=text, code="nick"))


def _attach(world: World, session: Session, identity: Identity) -> None:
    session.identity = identity
    world.unknown.pop(session.number, None)
    identity.sessions[session.number] = session
    if len(identity.sessions) == 1:
        world.directory.take(identity)
        world.out.append(Came("", identity.person()))


def _taken(world: World, nick: str, id: str) -> str:
    """Why somebody with this id cannot have a nick; "" if it can."""
    owner = world.directory.owner(nick)
    if owner is not None and owner.account != id:
        same = owner.nick.casefold() == nick.casefold()
        what = "belongs to somebody" if same else f"looks like {owner.nick}, which belongs to somebody"
        return f"{nick} {what}; log in, or take another nick"
    for other in [world.nick_of(user) for user in world.directory.users(nick) if user != id]:
        same = other.casefold() == nick.casefold()
        return f"{nick} is {'in use' if same else f'too much like {other}, who is here'}; take another nick"
    return ""


def _welcome(world: World, session: Session, request: Request | None) -> None:
    identity = session.identity
    assert identity is not None
    world.tell(
        session,
        Welcome(
            ref=None if request is None else request.ref, server=world.server, epoch=world.epoch,
            passwords=session.is_secure, motd=world.motd, rooms=[LOBBY], session=session.number,
            **_described(world, identity),
        ),
    )  # fmt: skip


def _described(world: World, identity: Identity) -> dict[str, Any]:
    """What somebody is told of itself."""
    account, wall = identity.account, world.now.wall
    if account is None:
        token = guest_token(world.key, identity.id, wall)
    else:
        token = "" if account.bot_of else account_token(world.key, account, wall)
    return {
        "id": identity.id,
        "nick": identity.nick,
        "token": token,
        "account": None if account is None else account.account,
        "is_operator": identity.is_operator,
        "direct": world.conversations(identity),
    }


def nick(world: World, session: Session, request: Nick) -> None:
    """Take another nick."""
    identity = session.identity
    assert identity is not None
    if identity.account is not None:
        world.refuse(session, request, "bad_name", f"you are logged in as {identity.nick}; log out to be a guest")
        return
    try:
        wanted = clean_nick(request.nick)
    except NameRefused as refused:
        world.refuse(session, request, "bad_name", str(refused))
        return
    problem = _taken(world, wanted, identity.id)
    if problem:
        world.refuse(session, request, "nick_taken", problem)
        return
    steady = world.now.steady
    # Everybody around is told of it, so it counts like something that is said.
    wait = wait_for_all([session.messages, world.addresses_rate.of(session.address, steady)], steady)
    if wait:
        world.refuse(session, request, "too_fast", f"too fast: wait {wait:.1f} s", wait)
        return
    rename(world, identity, wanted)
    tell_account(world, session, request)


def rename(world: World, identity: Identity, nick: str) -> None:
    """Give somebody another nick, and tell who shares a room with it."""
    old = identity.person()
    world.directory.rename(identity, nick)
    new = identity.person()
    sessions = list(identity.sessions.values())
    notice = Renamed(id=new.id, nick=new.nick, old_id=old.id, old_nick=old.nick)
    world.tell_all(_companions(world, sessions), notice, origin=sessions[0].number)
    world.out.append(Came("", new))
    for room in {room.name: room for session in sessions for room in session.rooms.values()}.values():
        person = identity.person(room.role(identity.id))
        world.out.append(Came(room.name, person))
        if identity.id in room.came:
            room.came[identity.id] = person


def _companions(world: World, sessions: Iterable[Session]) -> tuple[int, ...]:
    """Who shares a room with any of these sessions, themselves included."""
    numbers: dict[int, None] = {}
    for session in sessions:
        numbers[session.number] = None
        for room in session.rooms.values():
            if room.count <= world.bounds.members_told:
                numbers.update(dict.fromkeys(room.sessions))
    return tuple(numbers)


def tell_account(world: World, session: Session, request: Request) -> None:
    """Answer with who one is now."""
    identity = session.identity
    assert identity is not None
    world.answer(session, request, Account, **_described(world, identity))


def become(world: World, session: Session, account: AccountRecord) -> None:
    """A session belongs to the owner of an account from here on; it stays in its rooms."""
    _move(world, session, account)


def logout(world: World, session: Session, request: Logout, draw: bytes) -> None:
    """Be a guest again, with another nick, in the same rooms."""
    identity = session.identity
    assert identity is not None
    if identity.account is None:
        world.refuse(session, request, "not_logged_in", "you are not logged in")
        return
    _move(world, session, f"~{_letters(draw)}")
    tell_account(world, session, request)


def _move(world: World, session: Session, to: AccountRecord | str) -> None:
    """Make a session somebody else's: that of an account, or of a guest with a new id. It stays in its rooms.

    If nothing is left of who it was, that is told as a new name; otherwise one goes from the rooms and one comes.
    """
    old = session.identity
    assert old is not None
    before = old.person()
    companions = _companions(world, [session])
    for room in session.rooms.values():
        _less(world, room, old)
    detach(world, session, old)
    if isinstance(to, str):
        _attach(world, session, Identity(to, _given_nick(world, to)))
    else:
        _be_account(world, session, to)
    new = session.identity
    assert new is not None
    is_renamed = world.directory.person(before.id) is None
    if is_renamed:
        tell_gone(world, before.id)
        notice = Renamed(id=new.id, nick=new.nick, old_id=before.id, old_nick=before.nick)
        world.tell_all(companions, notice, origin=session.number)
    for room in session.rooms.values():
        was_there, remains = room.has(new.id), room.has(before.id)
        if is_renamed and not was_there and before.id not in room.came:
            # Those in it know by its new name who was there before, and have not heard yet if that one had gone.
            room.went.pop(new.id, None)
        else:
            if not remains:
                # Its own list of members has who it was.
                room.listed.add(before.id)
                note_went(world, room, before)
            if not was_there:
                note_came(world, room, new.person(room.role(new.id)))
        _more(world, room, new)
    _leave_forbidden(world, session)


def _less(world: World, room: Room, identity: Identity) -> None:
    """One session of somebody is not in a room any more."""
    left = room.people.pop(identity.id) - 1
    if left:
        room.people[identity.id] = left
    else:
        world.out.append(Went(room.name, identity.person()))


def _more(world: World, room: Room, identity: Identity) -> None:
    """One more session of somebody is in a room."""
    count = room.people.get(identity.id, 0)
    room.people[identity.id] = count + 1
    if not count:
        world.out.append(Came(room.name, identity.person(room.role(identity.id))))


def _leave_forbidden(world: World, session: Session) -> None:
    """Who has become somebody else goes from the rooms where that one may not be."""
    for room in list(session.rooms.values()):
        ban = world.ban_on(session, room)
        if ban is not None:
            leave(world, session, room)
            world.tell(session, Left(room=room.name, by=ban.by, reason=ban.reason, banned_until=ban.until or 0.0))


def detach(world: World, session: Session, identity: Identity) -> None:
    """A session is nobody's any more, also in conversations. The last one of somebody takes it away."""
    for room in world.direct.get(identity.id, {}).values():
        room.catching.pop(session.number, None)
    identity.sessions.pop(session.number, None)
    session.identity = None
    if not identity.sessions:
        world.directory.drop(identity)
        world.out.append(Went("", identity.person()))


def disconnected(world: World, number: int) -> None:
    """A session is over."""
    session = world.sessions.pop(number, None)
    if session is None:
        return
    world.unknown.pop(number, None)
    world.leaving.pop(number, None)
    world.held.pop(number, None)
    for room in list(session.rooms.values()):
        leave(world, session, room)
    identity = session.identity
    if identity is not None:
        detach(world, session, identity)


def end_unknown(world: World) -> None:
    """Send those away who have not said hello in time. They wait in the order in which they came."""
    for number, until in list(world.unknown.items()):
        if until > world.now.steady:
            return
        del world.unknown[number]
        seconds = world.bounds.hello_seconds
        world.tell(world.sessions[number], Bye(code="idle", text=f"no hello came within {seconds:g} s"))
        world.out.append(End(number, "idle"))
