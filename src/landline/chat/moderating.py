"""Moderation: putting somebody out, keeping out, silencing, slowing down, and who may."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import msgspec

from landline.chat.bounds import MOST_MOTD_CHARACTERS, MOST_REASON_CHARACTERS
from landline.chat.entering import leave
from landline.chat.entries import (
    AccountRecord,
    AnyEntry,
    Kicked,
    MotdSet,
    Outcome,
    RoleSet,
    SanctionLifted,
    SanctionRecord,
    SanctionSet,
    SlowSet,
    TopicSet,
)
from landline.chat.notices import Changed, Done, Left, Person
from landline.chat.people import Session
from landline.chat.reading import moderating, readable
from landline.chat.rooms import MOST_SANCTIONS, Room
from landline.chat.sanitising import clean_line
from landline.chat.wire import Ban, Deop, Kick, Motd, Mute, Op, Request, Slow, Topic, Unban, Unmute
from landline.chat.world import Pending, World

MOST_SANCTION_SECONDS = 10 * 366 * 86_400.0
MOST_SLOW_SECONDS = 86_400.0


def moderate(world: World, session: Session, request: Request, draw: bytes) -> None:
    """Carry out a request of a moderator, if it is from one."""
    room = readable(world, session, request, request.room)  # type: ignore[attr-defined]
    if room is None or not moderating(world, session, request, room):
        return
    entry = _entry_for(world, session, room, request, draw)
    if entry is not None:
        world.propose(entry, Pending(session.number, request, draw))


def motd(world: World, session: Session, request: Motd, draw: bytes) -> None:
    """Set the message of the day, if it is an operator who asks."""
    identity = session.identity
    assert identity is not None
    if not identity.is_operator:
        world.refuse(session, request, "not_allowed", "only an operator may set the message of the day")
        return
    text = "\n".join(clean_line(line, MOST_MOTD_CHARACTERS) for line in request.text.splitlines()).strip()
    entry = MotdSet(**_signed(world, session, draw), text=text[:MOST_MOTD_CHARACTERS])
    world.propose(entry, Pending(session.number, request, draw))


def _signed(world: World, session: Session, draw: bytes, what: str = "mod") -> dict[str, Any]:
    """The fields by which every entry says who wanted it, and when."""
    identity = session.identity
    assert identity is not None
    return {"id": f"{what}:{draw.hex()}", "time": world.now.wall, "by": identity.id, "by_nick": identity.nick}


def _entry_for(world: World, session: Session, room: Room, request: Request, draw: bytes) -> AnyEntry | None:
    """What a request of a moderator becomes. None: it was refused, or needs no entry."""
    signed = _signed(world, session, draw)
    match request:
        case Topic():
            return TopicSet(**signed, room=room.name, text=clean_line(request.text, MOST_REASON_CHARACTERS))
        case Slow():
            if not 0 <= request.seconds <= MOST_SLOW_SECONDS:
                text = f"{request.seconds:g} s cannot be; slow takes 0 to {MOST_SLOW_SECONDS:.0f} seconds"
                world.refuse(session, request, "bad_value", text)
                return None
            return SlowSet(**signed, room=room.name, seconds=request.seconds)
        case Unban() | Unmute():
            return _lifting(world, session, room, request, signed)
        case Op() | Deop():
            return _role(world, session, room, request, signed)
        case _:
            assert isinstance(request, Kick | Ban | Mute)
            return _sanction(world, session, room, request, signed)


def _lifting(
    world: World, session: Session, room: Room, request: Unban | Unmute, signed: dict[str, Any]
) -> AnyEntry | None:
    what = "ban" if isinstance(request, Unban) else "mute"
    wanted = request.nick.casefold()
    targets = [
        record.target
        for (kind, target), record in room.sanctions.items()
        if kind == what and wanted in (record.nick.casefold(), target.casefold())
    ]
    if not targets:
        world.refuse(session, request, "no_such_person", f"there is no {what} on {request.nick!r} in {room.name}")
        return None
    nick = room.sanctions[what, targets[0]].nick
    return SanctionLifted(**signed, what=what, room=room.name, targets=targets, nick=nick)


def _role(world: World, session: Session, room: Room, request: Op | Deop, signed: dict[str, Any]) -> AnyEntry | None:
    person = world.find_person(request.nick)
    if person is None or person.id not in world.directory.accounts:
        text = f"{request.nick!r} has no account here, and only the owner of a nick can be a moderator"
        world.refuse(session, request, "no_such_person", text)
        return None
    role = "op" if isinstance(request, Op) else ""
    return RoleSet(**signed, room=room.name, account=person.id, nick=person.nick, role=role)


def _sanction(
    world: World, session: Session, room: Room, request: Kick | Ban | Mute, signed: dict[str, Any]
) -> AnyEntry | None:
    identity = session.identity
    assert identity is not None
    person = world.find_person(request.nick)
    if person is None:
        world.refuse(session, request, "no_such_person", f"nobody called {request.nick!r} is here or has an account")
        return None
    stands_above = person.id in world.operators or person.role == "operator"
    if stands_above:
        world.refuse(session, request, "not_allowed", f"{person.nick} is an operator; nobody can do that")
        return None
    if person.id in room.moderators and not identity.is_operator:
        world.refuse(session, request, "not_allowed", f"{person.nick} moderates here; only an operator could do that")
        return None
    reason = clean_line(request.reason, MOST_REASON_CHARACTERS)
    if isinstance(request, Kick):
        if not room.has(person.id):
            world.refuse(session, request, "no_such_person", f"{person.nick} is not in {room.name}")
            return None
        return Kicked(**signed, room=room.name, target=person.id, nick=person.nick, reason=reason)
    until = None
    if request.seconds is not None:
        if not 0 < request.seconds <= MOST_SANCTION_SECONDS:
            world.refuse(session, request, "bad_value", f"{request.seconds:g} s cannot be; it must be above 0")
            return None
        until = world.now.wall + request.seconds
    what = "ban" if isinstance(request, Ban) else "mute"
    if (what, person.id) not in room.sanctions and room.is_full_of_sanctions(world.now.wall):
        text = f"{room.name} has {MOST_SANCTIONS} bans and mutes, the most there may be; lift some"
        world.refuse(session, request, "too_many_sanctions", text, room=room.name)
        return None
    return SanctionSet(
        **signed, what=what, room=room.name, target=person.id, nick=person.nick, until=until, reason=reason
    )


def address_group(address: str) -> str:
    """What stands for one household: an IPv4 address, or the /64 of an IPv6 address (RFC 6177, 2)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


# What was decided.


def applied(world: World, outcome: Outcome) -> None:
    """An entry of a moderator lasts now, or could not be stored."""
    entry = outcome.entry
    session, pending = world.settled(entry.id)
    if outcome.why and outcome.why != "duplicate":
        if session is not None and pending is not None:
            text = f"it was not stored: {outcome.detail or outcome.why}"
            world.refuse(session, pending.request, "storage" if outcome.why == "failed" else outcome.why, text)
        return
    if not outcome.why:
        CARRIED_OUT[type(entry)](world, entry)
        world.counts["moderations"] += 1
    if session is not None and pending is not None:
        world.answer(session, pending.request, Done)


def _kicked(world: World, entry: Kicked) -> None:
    room = world.room_or_conversation(entry.room)
    # Who is put out hears of it once, in words of its own.
    _put_out(world, room, entry.target, entry.by_nick, entry.reason, None)
    _tell(world, room, entry, "kick", nick=entry.nick, id=entry.target, reason=entry.reason)


def _sanctioned(world: World, entry: SanctionSet) -> None:
    room = world.room_or_conversation(entry.room)
    record = SanctionRecord(entry.what, entry.room, entry.target, entry.nick, entry.by_nick, entry.until, entry.reason)
    room.sanctions[entry.what, entry.target] = record
    if entry.target.startswith("address:"):
        if entry.what == "ban":
            address = entry.target.removeprefix("address:")
            for session in [one for one in room.sessions.values() if one.address == address]:
                if session.identity is not None and session.identity.account is None:
                    _put_out(world, room, session.identity.id, entry.by_nick, entry.reason, entry.until or 0.0)
        return
    until = entry.until or 0.0
    identity = world.directory.here.get(entry.target)
    addresses = {one.address for one in identity.sessions.values() if not one.is_local} if identity else set()
    if entry.what == "ban":
        _put_out(world, room, entry.target, entry.by_nick, entry.reason, until)
    _tell(world, room, entry, entry.what, nick=entry.nick, id=entry.target, until=until, reason=entry.reason)
    if identity is not None:
        # A guest is somebody else after the next call, and whoever logs out is a guest: from the same address.
        for address in sorted(addresses):
            world.propose(
                SanctionSet(
                    id=f"{entry.id}:{address}", time=entry.time, by=entry.by, by_nick=entry.by_nick, what=entry.what,
                    room=entry.room, target=f"address:{address}", nick=entry.nick, until=entry.until,
                    reason=entry.reason,
                )
            )  # fmt: skip


def take_along(world: World, session: Session, account: AccountRecord) -> None:
    """A guest registers: what keeps it out or silent is on the account from here on, unless it is on the address."""
    identity = session.identity
    assert identity is not None
    for room in world.rooms.values():
        for what in ("ban", "mute") if room.sanctions else ():
            record = room.sanction(what, [identity.id], world.now.wall)
            if record is not None:
                target = account.account
                taken = msgspec.structs.replace(record, target=target, nick=account.nick)
                room.sanctions[what, target] = taken
                world.propose(
                    SanctionSet(
                        id=f"{what}:{room.name}:{target}:{world.now.wall}", time=world.now.wall, by_nick=record.by,
                        what=what, room=room.name, target=target, nick=account.nick, until=record.until,
                        reason=record.reason,
                    )
                )  # fmt: skip


def _lifted(world: World, entry: SanctionLifted) -> None:
    room = world.room_or_conversation(entry.room)
    for target in entry.targets:
        room.sanctions.pop((entry.what, target), None)
    _tell(world, room, entry, f"un{entry.what}", nick=entry.nick)


def _role_set(world: World, entry: RoleSet) -> None:
    room = world.room_or_conversation(entry.room)
    (room.moderators.add if entry.role else room.moderators.discard)(entry.account)
    _tell(world, room, entry, "op" if entry.role else "deop", nick=entry.nick, id=entry.account)


def _slowed(world: World, entry: SlowSet) -> None:
    room = world.room_or_conversation(entry.room)
    room.slow = entry.seconds
    room.said.clear()
    _tell(world, room, entry, "slow", value=entry.seconds)


def _topic_set(world: World, entry: TopicSet) -> None:
    room = world.room_or_conversation(entry.room)
    room.topic = entry.text
    _tell(world, room, entry, "topic", value=entry.text)


def _motd_set(world: World, entry: MotdSet) -> None:
    world.motd = entry.text
    world.tell_all(world.everybody(), Changed(what="motd", by=entry.by_nick, value=entry.text))


CARRIED_OUT: dict[type, Callable[[World, Any], None]] = {
    Kicked: _kicked,
    SanctionSet: _sanctioned,
    SanctionLifted: _lifted,
    RoleSet: _role_set,
    SlowSet: _slowed,
    TopicSet: _topic_set,
    MotdSet: _motd_set,
}


def _tell(world: World, room: Room, entry: AnyEntry, what: str, **fields: Any) -> None:
    world.tell_change(room, Changed(what=what, by=entry.by_nick, room=room.name, **fields))


def _put_out(world: World, room: Room, target: str, by: str, reason: str, banned_until: float | None) -> None:
    """Take all sessions of somebody out of a room, and tell them."""
    for session in world.sessions_of([target]):
        if session.number in room.sessions:
            leave(world, session, room)
            world.tell(session, Left(room=room.name, by=by, reason=reason, banned_until=banned_until))


def role_of(world: World, room: Room, person: Person) -> str:
    """The role of somebody in a room."""
    return "operator" if person.id in world.operators else room.role(person.id)
