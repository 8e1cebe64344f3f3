"""Other nodes of the same chat: who is on them, and what they pass on."""

from __future__ import annotations

import msgspec

from landline.chat.effects import Absent, Present
from landline.chat.entering import note_came, note_went
from landline.chat.identities import rename_guest
from landline.chat.notices import Announcement, Person, Renamed, Types, decode_notice
from landline.chat.saying import tell_typing
from landline.chat.world import World


def present(world: World, command: Present) -> None:
    """People are on another node."""
    if command.whole:
        there = {(room, person.id) for room, person in command.people}
        for room in list(world.rooms.values()):
            for id in set(room.elsewhere.get(command.node, ())):
                if (room.name, id) not in there:
                    _gone(world, command.node, room.name, room.elsewhere[command.node][id])
        for person in list(world.directory.elsewhere.get(command.node, {}).values()):
            if ("", person.id) not in there:
                _gone(world, command.node, "", person)
    for room_name, person in command.people:
        _come(world, command.node, room_name, person)


def absent(world: World, command: Absent) -> None:
    """People of another node, or all of it, are gone."""
    if command.people is not None:
        for room_name, person in command.people:
            _gone(world, command.node, room_name, person)
        return
    for room in list(world.rooms.values()):
        for person in list(room.elsewhere.get(command.node, {}).values()):
            _gone(world, command.node, room.name, person)
    for person in list(world.directory.elsewhere.get(command.node, {}).values()):
        _gone(world, command.node, "", person)


def _come(world: World, node: str, room_name: str, person: Person) -> None:
    if not room_name:
        _be_elsewhere(world, node, person)
        return
    room = world.room_or_conversation(room_name)
    was_here = room.has(person.id)
    room.elsewhere.setdefault(node, {})[person.id] = person
    if not was_here:
        note_came(world, room, room.shown(person))
    elif person.id in room.came:
        room.came[person.id] = room.shown(person)


def _be_elsewhere(world: World, node: str, person: Person) -> None:
    """Somebody is on another node: new, or with another nick."""
    old = world.directory.elsewhere.get(node, {}).get(person.id)
    if old is not None and old.nick != person.nick:
        world.directory.drop_elsewhere(node, old)
        _tell_renamed(world, old, person)
    for user in world.directory.users(person.nick):
        holder = None if user == person.id else world.directory.here.get(user)
        # Two guests took one nick at the same time on two nodes; every node decides the same.
        if holder is not None and holder.account is None and (not person.id.startswith("~") or person.id < holder.id):
            rename_guest(world, holder)
    world.directory.take_elsewhere(node, person)


def _tell_renamed(world: World, old: Person, new: Person) -> None:
    numbers: dict[int, None] = {}
    for room in world.rooms.values():
        if room.sessions and any(new.id in people for people in room.elsewhere.values()):
            numbers.update(dict.fromkeys(room.sessions))
            for people in room.elsewhere.values():
                if new.id in people:
                    people[new.id] = new
    world.tell_all(tuple(numbers), Renamed(id=new.id, nick=new.nick, old_id=old.id, old_nick=old.nick))


def _gone(world: World, node: str, room_name: str, person: Person) -> None:
    if not room_name:
        known = world.directory.elsewhere.get(node, {}).get(person.id)
        if known is not None:
            world.directory.drop_elsewhere(node, known)
        return
    room = world.rooms.get(room_name)
    if room is None or person.id not in room.elsewhere.get(node, {}):
        return
    del room.elsewhere[node][person.id]
    if not room.elsewhere[node]:
        del room.elsewhere[node]
    if not room.has(person.id):
        note_went(world, room, person)


def passed(world: World, document: bytes) -> None:
    """Something ephemeral from another node."""
    try:
        notice = decode_notice(document)
    except msgspec.DecodeError:
        world.counts["passed_unread"] += 1
        return
    if isinstance(notice, Types):
        tell_typing(world, notice)


def linked(world: World, up: bool, detail: str) -> None:
    """Tell everybody whether the other nodes can be reached."""
    world.tell_all(world.everybody(), Announcement(text=detail, code="linked" if up else "unlinked"))
