"""Who somebody is: guests, nicks, and becoming the owner of one."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from landline.chat.buckets import Bucket
from landline.chat.effects import Came, Connected, End, Went
from landline.chat.entering import leave
from landline.chat.entries import AccountRecord
from landline.chat.names import clean_nick, guest_nick, skeleton
from landline.chat.notices import Account, Announcement, Bye, Left, Person, Renamed, Welcome
from landline.chat.people import Identity, Session
from landline.chat.proofs import account_of_token, account_token, guest_of, guest_token
from landline.chat.wire import VERSION, Hello, Logout, Nick, Request
from landline.chat.world import World
from landline.errors import NameRefused


def connected(world: World, command: Connected) -> None:
    """A session begins; a person on plain text is a guest at once."""
    bounds = world.bounds
    session = Session(
        command.session, command.address, command.is_local, command.is_secure, command.is_person,
        Bucket(bounds.session_burst, bounds.session_rate), Bucket(bounds.request_burst, bounds.request_rate),
    )  # fmt: skip
    world.sessions[session.number] = session
    if session.is_person:
        _be_guest(world, session, f"~{_letters(command.draw)}", guest_nick(command.draw), command.draw)
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
    problem = _be_guest(world, session, id, request.nick, draw)
    _welcome(world, session, request)
    if problem:
        world.tell(session, Announcement(text=problem, code="nick"))


def _letters(draw: bytes) -> str:
    return base64.b32encode(draw[-8:]).decode().lower()[:12]


def _be_guest(world: World, session: Session, id: str, nick: str | None, draw: bytes) -> str:
    """Be a guest, under this nick if it may be. Returns why it may not."""
    already = world.directory.here.get(id)
    if already is not None:
        _attach(world, session, already)
        return ""
    problem = ""
    wanted = guest_nick(draw)
    if nick is not None:
        try:
            wanted = clean_nick(nick) if nick.casefold() != wanted else wanted
        except NameRefused as refused:
            problem = str(refused)
        problem = problem or _taken(world, wanted, id)
        if problem:
            wanted = guest_nick(draw)
    _attach(world, session, Identity(id, wanted, skeleton(wanted)))
    return problem


def _be_account(world: World, session: Session, account: AccountRecord) -> None:
    identity = world.directory.here.get(account.account)
    if identity is None:
        _free_nick(world, account.skeleton)
        is_operator = account.account in world.operators and account.bot_of is None
        identity = Identity(account.account, account.nick, account.skeleton, account, is_operator)
    _attach(world, session, identity)


def _free_nick(world: World, shape: str) -> None:
    """The owner of a nick comes: a guest that has it meanwhile gets another."""
    user = world.directory.user(shape)
    holder = None if user is None else world.directory.here.get(user)
    if holder is not None and holder.account is None:
        rename_guest(world, holder)


def rename_guest(world: World, identity: Identity) -> None:
    """A guest cannot keep its nick, and gets another."""
    nick = guest_nick(identity.id.encode()[-8:])
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
    shape = skeleton(nick)
    owner = world.directory.owner(shape)
    if owner is not None and owner.account != id:
        same = owner.nick.casefold() == nick.casefold()
        what = "belongs to somebody" if same else f"looks like {owner.nick}, which belongs to somebody"
        return f"{nick} {what}; log in, or take another nick"
    user = world.directory.user(shape)
    if user is not None and user != id:
        other = world.nick_of(user)
        same = other.casefold() == nick.casefold()
        return f"{nick} is {'in use' if same else f'too much like {other}, who is here'}; take another nick"
    return ""


def _welcome(world: World, session: Session, request: Request | None) -> None:
    identity = session.identity
    assert identity is not None
    first = [name for name in ("lobby",) if name in world.rooms] or ["lobby"]
    world.tell(
        session,
        Welcome(
            ref=None if request is None else request.ref, server=world.server, epoch=world.epoch,
            passwords=session.is_secure, motd=world.motd, rooms=first, session=session.number,
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
    # All who share a room with one read it, so it counts as something said.
    wait = world.wait_to_speak(session)
    if wait:
        world.refuse(session, request, "too_fast", f"too fast: wait {wait:.1f} s", wait)
        return
    rename(world, identity, wanted)
    tell_account(world, session, request)


def rename(world: World, identity: Identity, nick: str) -> None:
    """Give somebody another nick, and tell who shares a room with it."""
    old = identity.person()
    world.directory.rename(identity, nick, skeleton(nick))
    sessions = list(identity.sessions.values())
    _tell_renamed(world, old, identity.person(), _companions(world, sessions), sessions[0])
    world.out.append(Came("", identity.person()))


def _companions(world: World, sessions: Iterable[Session]) -> tuple[int, ...]:
    """Who shares a room with any of these sessions, themselves included."""
    numbers: dict[int, None] = {}
    for session in sessions:
        numbers[session.number] = None
        for room in session.rooms.values():
            if room.count <= world.bounds.members_told:
                numbers.update(dict.fromkeys(room.sessions))
    return tuple(numbers)


def _tell_renamed(world: World, old: Person, new: Person, numbers: tuple[int, ...], session: Session) -> None:
    notice = Renamed(id=new.id, nick=new.nick, old_id=old.id, old_nick=old.nick)
    world.tell_all(numbers, notice, origin=session.number)


def tell_account(world: World, session: Session, request: Request) -> None:
    """Answer with who one is now."""
    identity = session.identity
    assert identity is not None
    world.answer(session, request, Account, **_described(world, identity))


def become(world: World, session: Session, account: AccountRecord) -> None:
    """A session belongs to the owner of an account from here on; it stays in its rooms."""
    _move(world, session, account=account)


def logout(world: World, session: Session, request: Logout, draw: bytes) -> None:
    """Be a guest again, with another nick, in the same rooms."""
    identity = session.identity
    assert identity is not None
    if identity.account is None:
        world.refuse(session, request, "not_logged_in", "you are not logged in")
        return
    _move(world, session, guest=(f"~{_letters(draw)}", guest_nick(draw)))
    tell_account(world, session, request)


def _move(
    world: World, session: Session, *, account: AccountRecord | None = None, guest: tuple[str, str] | None = None
) -> None:
    """Make a session somebody else's. In its rooms the one goes and the other comes, which is told as a new name."""
    old = session.identity
    assert old is not None
    before = old.person()
    companions = _companions(world, [session])
    for room in session.rooms.values():
        left = room.people[old.id] - 1
        if left:
            room.people[old.id] = left
        else:
            del room.people[old.id]
            room.came.pop(old.id, None)
            world.out.append(Went(room.name, before))
    detach(world, session)
    if account is not None:
        _be_account(world, session, account)
    elif guest is not None:
        _attach(world, session, Identity(guest[0], guest[1], skeleton(guest[1])))
    new = session.identity
    assert new is not None
    for room in session.rooms.values():
        count = room.people.get(new.id, 0)
        room.people[new.id] = count + 1
        if not count:
            world.out.append(Came(room.name, new.person(room.role(new.id))))
    _tell_renamed(world, before, new.person(), companions, session)
    for room in list(session.rooms.values()):
        banned = world.ban_on(session, room)
        if banned is not None:
            leave(world, session, room)
            until = banned.until or 0.0
            world.tell(session, Left(room=room.name, by=banned.by, reason=banned.reason, banned_until=until))


def detach(world: World, session: Session) -> None:
    """A session is nobody's any more. The last one of somebody takes it away."""
    identity = session.identity
    if identity is None:
        return
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
        for room in world.direct.get(identity.id, {}).values():
            room.catching.pop(number, None)
    detach(world, session)


def end_unknown(world: World) -> None:
    """Send those away who have not said hello in time. They wait in the order in which they came."""
    for number, until in list(world.unknown.items()):
        if until > world.now.steady:
            return
        del world.unknown[number]
        seconds = world.bounds.hello_seconds
        world.tell(world.sessions[number], Bye(code="idle", text=f"no hello came within {seconds:g} s"))
        world.out.append(End(number, "idle"))
