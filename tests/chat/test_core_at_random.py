"""Talk, breaks, resumes, repeats, bans in any order: every member has each message once, in order, without a hole."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from landline.chat.bounds import Bounds
from landline.chat.effects import Overflowed, Tick
from landline.chat.notices import Ack, Joined, Lagged, Left, Message, Notice, Page, Welcome
from landline.chat.wire import Ban, Hello, Join, Kick, Leave, Msg, Resume, Say, Unban
from tests.chat.corerig import EASY, Rig

PEOPLE = ("anna", "boris", "chris", "dora")
ROOMS = ("lobby", "garden")
SMALL = {name: getattr(EASY, name) for name in EASY.__slots__} | {"tail_messages": 3, "resume_messages": 12}
"""So little is kept in memory that most who come back are read for."""


@dataclass
class Somebody:
    """A client with a good memory: of each room the place it is at, and whether it is in it."""

    nick: str
    session: int = 0
    token: str | None = None
    places: dict[str, int] = field(default_factory=dict)
    seen: dict[str, dict[int, str]] = field(default_factory=dict)
    inside: set[str] = field(default_factory=set)
    said: list[tuple[str, str]] = field(default_factory=list)
    acked: dict[str, int] = field(default_factory=dict)

    def hear(self, notice: Notice) -> None:
        """Note what is told, and that it follows what was told before."""
        match notice:
            case Welcome():
                self.token = notice.token
            case Joined():
                self.inside.add(notice.room)
                if not notice.recovered:
                    self.places[notice.room] = notice.seq
            case Left():
                self.inside.discard(notice.room)
            case Message() if not notice.room.startswith("@"):
                self.see(notice)
            case Page() if notice.kind == "resume":
                for message in notice.messages:
                    self.see(message)
            case Ack() if notice.cid is not None:
                assert self.acked.setdefault(notice.cid, notice.seq) == notice.seq, "one cid has two places"

    def see(self, message: Message) -> None:
        """A message must be the next one of its room."""
        assert message.room in self.inside, f"{self.nick} is told of {message.room} and is not in it"
        place = self.places[message.room]
        assert message.seq == place + 1, f"{self.nick} was at {place} in {message.room} and is told {message.seq}"
        self.places[message.room] = message.seq
        assert self.seen.setdefault(message.room, {}).setdefault(message.seq, message.body) == message.body


class EverybodyHearsAll(RuleBasedStateMachine):
    """Four people, two rooms and an operator, on a core whose store answers when it likes."""

    @initialize()
    def begin(self) -> None:
        self.rig = Rig(bounds=Bounds(**SMALL), operators=("olga",), is_prompt=False)
        self.people = {nick: Somebody(nick) for nick in PEOPLE}
        self.by_session: dict[int, Somebody] = {}
        self.rig.watch = lambda session, notice: (
            self.by_session[session].hear(notice) if session in self.by_session else None
        )
        self.operator = self.rig.owner("olga", local=True)
        for room in ROOMS:
            self.rig.ask(self.operator, Join(room=room))
        self.rig.settle()
        self.bodies = 0
        for nick in PEOPLE:
            self.come(nick)
            for room in ROOMS:
                self.join(nick, room)

    @rule(nick=st.sampled_from(PEOPLE))
    def come(self, nick: str) -> None:
        one = self.people[nick]
        if not one.session:
            one.session = self.rig.call()
            self.by_session[one.session] = one
            self.rig.ask(one.session, Hello(nick=nick, token=one.token))
            for room in one.places:
                self.resume(nick, room)

    @rule(nick=st.sampled_from(PEOPLE))
    def break_off(self, nick: str) -> None:
        one = self.people[nick]
        if one.session:
            del self.by_session[one.session]
            self.rig.leave(one.session)
            one.session = 0
            one.inside.clear()

    @rule(nick=st.sampled_from(PEOPLE), room=st.sampled_from(ROOMS))
    def join(self, nick: str, room: str) -> None:
        one = self.people[nick]
        if one.session and room not in one.inside:
            self.rig.ask(one.session, Join(room=room))

    @rule(nick=st.sampled_from(PEOPLE), room=st.sampled_from(ROOMS))
    def resume(self, nick: str, room: str) -> None:
        one = self.people[nick]
        if one.session and room in one.places:
            self.rig.ask(one.session, Resume(room=room, epoch="e" * 16, seq=one.places[room]))

    @rule(nick=st.sampled_from(PEOPLE), room=st.sampled_from(ROOMS))
    def leave_a_room(self, nick: str, room: str) -> None:
        one = self.people[nick]
        if one.session:
            self.rig.ask(one.session, Leave(room=room))

    @rule(nick=st.sampled_from(PEOPLE), room=st.sampled_from(ROOMS), count=st.integers(1, 8))
    def say(self, nick: str, room: str, count: int) -> None:
        one = self.people[nick]
        for _ in range(count if room in one.inside else 0):
            self.bodies += 1
            one.said.append((room, f"{nick}-{self.bodies}"))
            self.rig.ask(one.session, Say(room=room, body=f"{nick} says {self.bodies}", cid=f"{nick}-{self.bodies}"))

    @rule(nick=st.sampled_from(PEOPLE), place=st.integers(0, 100))
    def repeat(self, nick: str, place: int) -> None:
        one = self.people[nick]
        if one.session and one.said:
            room, cid = one.said[place % len(one.said)]
            self.rig.ask(one.session, Say(room=room, body=f"{nick} repeats", cid=cid))

    @rule(nick=st.sampled_from(PEOPLE), to=st.sampled_from(PEOPLE))
    def write_to(self, nick: str, to: str) -> None:
        if self.people[nick].session:
            self.rig.ask(self.people[nick].session, Msg(to=to, body="psst"))

    @rule(nick=st.sampled_from(PEOPLE), room=st.sampled_from(ROOMS), what=st.sampled_from((Kick, Ban, Unban)))
    def moderate(self, nick: str, room: str, what: type[Kick] | type[Ban] | type[Unban]) -> None:
        self.rig.ask(self.operator, what(room=room, nick=nick))

    @rule(nick=st.sampled_from(PEOPLE))
    def read_too_slowly(self, nick: str) -> None:
        one = self.people[nick]
        if one.session:
            session = one.session
            self.rig.feed(Overflowed(session, {}))
            lagged = self.rig.last(session, Lagged)
            for room in one.inside:
                assert lagged.rooms[room] >= one.places[room]
            self.break_off(nick)

    @rule(count=st.integers(1, 9))
    def store(self, count: int) -> None:
        self.rig.commit(count)

    @rule()
    def store_all_and_read_all(self) -> None:
        self.rig.settle()

    @rule(luck=st.integers(0, 3))
    def fail_to_store(self, luck: int) -> None:
        if not luck:
            self.rig.store.failing = "the disk is full"
            self.rig.commit(2)
            self.rig.store.failing = ""

    @rule(nick=st.sampled_from(PEOPLE), room=st.sampled_from(ROOMS), count=st.integers(1, 9), later=st.integers(0, 5))
    def miss_something(self, nick: str, room: str, count: int, later: int) -> None:
        """Break off, miss what the others say, come back, and miss nothing of what they say while one catches up."""
        self.break_off(nick)
        for other in PEOPLE:
            self.say(other, room, count)
        self.rig.commit()
        self.come(nick)
        for other in PEOPLE[:later]:
            self.say(other, room, 1)
        self.rig.commit(later)

    @rule(count=st.integers(1, 2))
    def read(self, count: int) -> None:
        self.rig.answer(count)

    @rule()
    def tick(self) -> None:
        self.rig.steady += 1
        self.rig.feed(Tick())

    @invariant()
    def nothing_is_acknowledged_that_is_not_stored(self) -> None:
        stored = {(one.entry.cid, one.seq) for one in self.rig.store.messages}
        for one in self.people.values():
            assert set(one.acked.items()) <= stored

    def teardown(self) -> None:
        """When all is still, whoever is in a room has come to its newest message, and all have seen the same."""
        if not hasattr(self, "rig"):
            return
        self.rig.settle()
        bodies = {(one.entry.room, one.seq): one.entry.body for one in self.rig.store.messages}
        heads = {room: max((seq for name, seq in bodies if name == room), default=0) for room in ROOMS}
        for one in self.people.values():
            for room in one.inside:
                assert one.places[room] == heads[room], (
                    f"{one.nick} is at {one.places[room]} of {heads[room]} in {room}"
                )
            for room, seen in one.seen.items():
                assert all(bodies[room, seq] == body for seq, body in seen.items())


EverybodyHearsAll.TestCase.settings = settings(
    max_examples=30, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEverybodyHearsAll = EverybodyHearsAll.TestCase


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_everybody_hears_all_for_long() -> None:
    long = settings(max_examples=3000, stateful_step_count=80, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(EverybodyHearsAll, settings=long)
