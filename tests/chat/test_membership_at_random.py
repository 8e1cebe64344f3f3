"""Logins, nicks, joins, breaks in any order, on two nodes: who is where is right and told right, and nothing stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from landline.chat.effects import Absent, Applied, Came, Effect, Present, Propose, Tick, Went
from landline.chat.entries import AnyEntry, Outcome
from landline.chat.names import account_of, skeleton
from landline.chat.notices import Account, Joined, Left, Notice, Person, Presence, Renamed, Welcome
from landline.chat.wire import Ban, Hello, Join, Kick, Leave, Login, Logout, Nick, Register, Unban
from tests.chat.corerig import Rig

NICKS = ("anna", "boris", "Chris", "dora")
ROOMS = ("garden", "kitchen")
Seats = dict[tuple[str, str], Person]
Kind = TypeVar("Kind")


class Client:
    """What one session knows: who it is, and who is in its rooms, from nothing but what it is told."""

    def __init__(self) -> None:
        self.id = ""
        self.nick = ""
        self.token = ""
        self.rooms: dict[str, dict[str, str]] = {}

    def hear(self, notice: Notice) -> None:
        match notice:
            case Welcome() | Account():
                self.id, self.nick, self.token = notice.id, notice.nick, notice.token
            case Joined():
                self.rooms[notice.room] = {person.id: person.nick for person in notice.members}
            case Left():
                self.rooms.pop(notice.room, None)
            case Renamed():
                if notice.old_id == self.id:
                    self.id, self.nick = notice.id, notice.nick
                for people in self.rooms.values():
                    if people.pop(notice.old_id, None) is not None:
                        people[notice.id] = notice.nick
            case Presence() if notice.room in self.rooms:
                people = self.rooms[notice.room]
                people.update((person.id, person.nick) for person in notice.came)
                for person in notice.went:
                    people.pop(person.id, None)


class Node:
    """One node: its core, its sessions, and what it has told the other one of its people."""

    def __init__(self, name: str, first_draw: int) -> None:
        self.name = name
        self.rig = Rig(operators=("olga",), first_draw=first_draw)
        self.clients: dict[int, Client] = {}
        self.rig.watch = lambda session, notice: self.clients.setdefault(session, Client()).hear(notice)
        self.tokens: list[str] = []
        self.seats: Seats = {}
        self.looked_at = 0

    def news(self) -> Iterator[Effect]:
        """What has happened since the last time, that the other node has to know."""
        fresh, self.looked_at = self.rig.effects[self.looked_at :], len(self.rig.effects)
        for effect in fresh:
            if isinstance(effect, Came):
                self.seats[effect.room, effect.person.id] = effect.person
                yield effect
            elif isinstance(effect, Went):
                del self.seats[effect.room, effect.person.id]
                yield effect
            elif isinstance(effect, Propose):
                yield effect

    def learn(self, entry: AnyEntry) -> None:
        """The other node has put an entry into the log."""
        outcomes: list[Outcome] = []
        self.rig.store.apply([(0, entry)], outcomes.extend)
        self.rig.feed(Applied(outcomes))


class EverybodyIsWhereTheyAre(RuleBasedStateMachine):
    """Two nodes with one log, four nicks, two rooms, and an operator on the first node."""

    @initialize()
    def begin(self) -> None:
        self.nodes = (Node("one", 0), Node("two", 1_000_000))
        self.here, self.there = self.nodes
        self.operator = self.here.rig.owner("olga", local=True)
        for room in ROOMS:
            self.here.rig.ask(self.operator, Join(room=room))
        self.addresses = 0
        self.spread()

    def sessions(self) -> list[tuple[Node, int]]:
        """All sessions but the operator's."""
        return [
            (node, session) for node in self.nodes for session in node.clients if (node, session) != self.operator_at()
        ]

    def operator_at(self) -> tuple[Node, int]:
        return self.here, self.operator

    def pick(self, which: int) -> tuple[Node, int] | None:
        there = self.sessions()
        return there[which % len(there)] if there else None

    def spread(self) -> None:
        """Tell each node what has happened on the other, until nothing comes of it."""
        is_news = True
        while is_news:
            is_news = False
            for node, other in ((self.here, self.there), (self.there, self.here)):
                for effect in list(node.news()):
                    is_news = True
                    if isinstance(effect, Propose):
                        other.learn(effect.entry)
                    elif isinstance(effect, Came | Went):
                        people = [(effect.room, effect.person)]
                        came = isinstance(effect, Came)
                        other.rig.feed(Present(node.name, people) if came else Absent(node.name, people))

    @rule(second=st.booleans(), nick=st.sampled_from(NICKS) | st.none(), token=st.integers(0, 9))
    def come(self, second: bool, nick: str | None, token: int) -> None:
        node = self.nodes[second]
        if len(self.sessions()) >= 8:
            return
        self.addresses += 1
        session = node.rig.call(address=f"192.0.2.{self.addresses}")
        # A guest with sessions on two nodes may have two nicks, so each comes back to the node where it was.
        known = node.tokens[token] if token < len(node.tokens) and nick is None else None
        node.rig.ask(session, Hello(nick=nick, token=known))
        if not node.clients.get(session, Client()).id:
            node.rig.ask(session, Hello(nick=nick))
        node.tokens.append(node.clients[session].token)
        self.spread()

    @rule(which=st.integers(0, 20), room=st.sampled_from(ROOMS))
    def join(self, which: int, room: str) -> None:
        if at := self.pick(which):
            at[0].rig.ask(at[1], Join(room=room))
            self.spread()

    @rule(which=st.integers(0, 20), room=st.sampled_from(ROOMS))
    def leave(self, which: int, room: str) -> None:
        if at := self.pick(which):
            at[0].rig.ask(at[1], Leave(room=room))
            self.spread()

    @rule(which=st.integers(0, 20))
    def break_off(self, which: int) -> None:
        if at := self.pick(which):
            at[0].rig.leave(at[1])
            del at[0].clients[at[1]]
            self.spread()

    @rule(which=st.integers(0, 20), nick=st.sampled_from(NICKS))
    def rename(self, which: int, nick: str) -> None:
        if at := self.pick(which):
            at[0].rig.ask(at[1], Nick(nick=nick))
            self.spread()

    @rule(which=st.integers(0, 20), nick=st.sampled_from(NICKS))
    def log_in(self, which: int, nick: str) -> None:
        if at := self.pick(which):
            at[0].rig.ask(at[1], Login(nick=nick, password="password of all"))
            self.spread()

    @rule(which=st.integers(0, 20))
    def register(self, which: int) -> None:
        if at := self.pick(which):
            at[0].rig.ask(at[1], Register(password="password of all"))
            self.spread()

    @rule(which=st.integers(0, 20))
    def log_out(self, which: int) -> None:
        if at := self.pick(which):
            at[0].rig.ask(at[1], Logout())
            self.spread()

    @rule(
        nick=st.sampled_from(NICKS),
        room=st.sampled_from(ROOMS),
        what=st.sampled_from((Kick, Ban, Unban)),
    )
    def moderate(self, nick: str, room: str, what: type[Kick] | type[Ban] | type[Unban]) -> None:
        self.here.rig.ask(self.operator, what(room=room, nick=nick))
        self.spread()

    @rule()
    def tick(self) -> None:
        for node in self.nodes:
            node.rig.feed(Tick())

    @rule(second=st.booleans())
    def be_cut_off_and_return(self, second: bool) -> None:
        """A node is gone for the other one, and there again with all its people."""
        node, other = self.nodes[second], self.nodes[not second]
        other.rig.feed(Absent(node.name, None))
        self.nothing_is_left_of(node, other)
        self.spread()
        people = [(room, person) for (room, _), person in node.seats.items()]
        other.rig.feed(Present(node.name, people, whole=True))
        self.spread()

    def nothing_is_left_of(self, node: Node, other: Node) -> None:
        world = other.rig.chat.world
        assert node.name not in world.directory.elsewhere
        assert all(node.name not in room.elsewhere for room in world.rooms.values())

    @invariant()
    def books_are_right(self) -> None:
        """What a node keeps about its own people is what its sessions say."""
        if not hasattr(self, "nodes"):
            return
        for node in self.nodes:
            world = node.rig.chat.world
            seats: set[tuple[str, str]] = set()
            for session in world.sessions.values():
                assert session.identity is not None
                assert world.directory.here[session.identity.id] is session.identity
                assert session.identity.sessions[session.number] is session
                seats |= {(name, session.identity.id) for name in ("", *session.rooms)}
            assert set(node.seats) == seats, "for every Came there is a Went, and for every seat a Came"
            for room in world.rooms.values():
                here = [one.identity.id for one in room.sessions.values() if one.identity is not None]
                assert room.people == {id: here.count(id) for id in here}
                assert room.count == len(list(room.members(world.directory.here)))
                assert set(room.sessions) == {
                    number for number, one in world.sessions.items() if room.name in one.rooms
                }

    @invariant()
    def no_two_have_one_nick(self) -> None:
        if not hasattr(self, "nodes"):
            return
        for node in self.nodes:
            people = list(node.rig.chat.world.directory.everybody())
            ids = {person.id for person in people}
            for form in (skeleton, account_of):
                assert len({form(person.nick) for person in people}) == len(ids), people

    def teardown(self) -> None:
        """After a tick every client knows who is in its rooms; when all are gone, nothing is left."""
        if not hasattr(self, "nodes"):
            return
        self.tick()
        for node, other in ((self.here, self.there), (self.there, self.here)):
            world = node.rig.chat.world
            for room in world.rooms.values():
                assert {(name, id): person.nick for (name, id), person in other.seats.items() if name == room.name} == {
                    (room.name, id): person.nick for id, person in room.elsewhere.get(other.name, {}).items()
                }
            for session, client in node.clients.items():
                identity = world.sessions[session].identity
                assert identity is not None
                assert (client.id, client.nick) == (identity.id, identity.nick)
                for name, people in client.rooms.items():
                    real = {one.id: one.nick for one in world.rooms[name].members(world.directory.here)}
                    assert people == real, f"{client.nick} sees others in {name}"
        for node in self.nodes:
            for session in list(node.clients):
                node.rig.leave(session)
        self.spread()
        self.tick()
        for node in self.nodes:
            world = node.rig.chat.world
            assert not node.seats
            assert not world.directory.here
            assert not world.directory.elsewhere
            assert not list(world.directory.everybody())
            assert not any(world.directory.users(nick) for nick in NICKS)
            for room in world.rooms.values():
                assert not (room.people or room.elsewhere or room.sessions or room.catching or room.came or room.went)
            assert not (world.pending or world.tickets or world.held or world.leaving or world.unknown)


EverybodyIsWhereTheyAre.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEverybodyIsWhereTheyAre = EverybodyIsWhereTheyAre.TestCase


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_everybody_is_where_they_are_for_long() -> None:
    long = settings(max_examples=3000, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(EverybodyIsWhereTheyAre, settings=long)
