"""What a chat knows: what it begins with, whom it finds, and how much it keeps in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from landline.chat.bounds import MOST_NAME_CHARACTERS, Bounds
from landline.chat.effects import Ask, Asked, Present, Propose, Tell
from landline.chat.entries import (
    AccountRecord,
    Genesis,
    Head,
    MotdSet,
    RoomRecord,
    SanctionRecord,
    Snapshot,
)
from landline.chat.names import skeleton
from landline.chat.notices import Changed, Message, Person, Refused, Welcome
from landline.chat.ports import Range
from landline.chat.wire import Join, Msg, Ping, Register, Say
from landline.chat.world import MOST_CONVERSATIONS, Pending, World
from tests.chat.corerig import Rig


def a_world(**known: object) -> World:
    """A world that begins with this."""
    return World(Snapshot(epoch="e", key="ab" * 32, **known), Bounds(), ("olga",), "a chat")  # type: ignore[arg-type]


def message(room: str, seq: int) -> Message:
    return Message(room=room, seq=seq, epoch="e", id=str(seq), time=0.0, sender="~a", nick="a", body="x")


def test_it_begins_with_what_was_stored() -> None:
    ban = SanctionRecord("ban", "tea", "bob", "bob", "ann", None)
    account = AccountRecord("ann", "Ann", skeleton("Ann"), "s", 0)
    world = a_world(
        motd="be kind", rooms=[RoomRecord("tea", "leaves", 3.0)], heads={"tea": Head(7, 1.0), "@ann,bob": Head(2, 2.0)},
        roles=[("tea", "ann"), ("den", "ann")], sanctions=[ban], accounts=[account],
    )  # fmt: skip
    tea = world.rooms["tea"]
    assert (tea.topic, tea.slow, tea.head, tea.role("ann")) == ("leaves", 3.0, Head(7, 1.0), "op")
    assert tea.sanction("ban", ["bob"], 0.0) == ban
    assert world.rooms["den"].role("ann") == "op"
    assert (world.epoch, world.key, world.motd, world.server) == ("e", b"\xab" * 32, "be kind", "a chat")
    assert world.find_person("ANN") == Person("ann", "Ann")
    assert [room.name for room in world.newest_conversations("bob")] == ["@ann,bob"]


def test_it_takes_the_epoch_and_the_key_of_a_log_that_began_elsewhere() -> None:
    world = a_world()
    world.begin(Genesis(id="g", time=0.0, epoch="f", key="cd" * 32))
    assert (world.epoch, world.key) == ("f", b"\xcd" * 32)


def test_nobody_to_tell_is_no_effect() -> None:
    world = a_world()
    world.tell_all((), Refused(code="x", text="x"))
    world.tell_change(world.room_or_conversation("tea"), Changed(what="topic", by="a", room="tea"))
    assert world.out == []


def test_a_refusal_names_what_it_refuses_and_is_counted() -> None:
    rig = Rig()
    session = rig.chat.world.sessions[rig.connect("ann")]
    rig.chat.world.refuse(session, Say(room="tea", body="x", cid="c", ref=3), "muted", "no", 2.0, "tea")
    tell = rig.chat.world.out[-1]
    assert isinstance(tell, Tell)
    assert tell.notice == Refused(ref=3, code="muted", text="no", wait=2.0, room="tea", cid="c")
    assert rig.chat.world.counts["refused_muted"] == 1


def test_an_entry_is_settled_once_and_for_whoever_is_still_there() -> None:
    rig = Rig()
    world, ann = rig.chat.world, rig.connect("ann")
    entries = [MotdSet(id=str(number), time=0.0, text="x") for number in range(3)]
    pending = Pending(ann, Ping(), b"")
    for entry, waits in zip(entries, (pending, pending, None), strict=True):
        world.propose(entry, waits)
    assert world.out[-3:] == [Propose(entry) for entry in entries]
    assert world.settled("0") == (world.sessions[ann], pending)
    assert world.settled("0") == world.settled("2") == (None, None)
    rig.leave(ann)
    assert world.settled("1") == (None, pending)


def test_an_answer_finds_whoever_asked_and_is_still_somebody() -> None:
    rig = Rig()
    world, ann, silent, gone = rig.chat.world, rig.connect("ann"), rig.call(), rig.connect("bob")
    tickets = []
    for number in (ann, silent, gone):
        world.ask(Range("tea"), Pending(number, Ping(), b""))
        ask = world.out[-1]
        assert isinstance(ask, Ask)
        tickets.append(ask.ticket)
    session = world.sessions[ann]
    assert session.queries == 1
    rig.leave(gone)
    assert [world.answered(ticket)[0] for ticket in tickets] == [session, None, None]
    assert (session.queries, world.tickets) == (0, {})


def test_what_is_held_is_released_once() -> None:
    world = a_world()
    world.release(1)
    world.hold(1)
    world.release(1)
    assert not world.released, "nothing waited"
    asked = Asked(1, Ping(), b"")
    world.hold(1)
    world.held[1].append(asked)
    world.hold(1)
    world.release(1)
    world.release(1)
    assert list(world.released) == [[asked]]


def test_the_newest_conversations_come_first_and_there_are_not_too_many() -> None:
    count = MOST_CONVERSATIONS + 5
    world = a_world(heads={f"@ann,b{number}": Head(1, float(number)) for number in range(count)})
    names = [room.name for room in world.newest_conversations("ann")]
    assert names == [f"@ann,b{number}" for number in reversed(range(5, count))]
    assert world.newest_conversations("nobody") == []


def test_the_other_one_of_a_conversation_is_shown_as_well_as_it_is_known() -> None:
    bot = AccountRecord("tick", "Tick", skeleton("Tick"), "s", 0, "ann")
    world = a_world(accounts=[bot])
    peers = [world.peer(world.room_or_conversation(name), "ann") for name in ("@ann,tick", "@ann,~gone")]
    assert peers == [Person("tick", "Tick", "", True), Person("~gone", "~gone")]
    rig = Rig()
    ann, bob = rig.owner("ann"), rig.connect("bob")
    rig.ask(ann, Msg(to="bob", body="x"))
    room = rig.store.messages[-1].entry.room
    assert rig.chat.world.peer(rig.chat.world.rooms[room], "ann").nick == "bob"
    assert rig.chat.world.peer(rig.chat.world.rooms[room], rig.last(bob, Welcome).id) == Person("ann", "ann")


def by_id(rig: Rig, session: int) -> str:
    return rig.last(session, Welcome).id


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (lambda rig, bob: "bob", "Bob"),
        (lambda rig, bob: "@BOB", "Bob"),
        (by_id, "Bob"),
        (lambda rig, bob: "eve", "eve"),
        (lambda rig, bob: "Away", "away"),
        (lambda rig, bob: "Ilya", "Ilya"),
        (lambda rig, bob: "llya", None),
        (lambda rig, bob: "nobody", None),
        (lambda rig, bob: "x" * (4 * MOST_NAME_CHARACTERS + 1), None),
    ],
    ids=["nick", "other_letters", "id", "another_node", "account", "capital_i", "looks_like_it", "nobody", "no_name"],
)
def test_somebody_is_found_by_what_one_is_called_and_not_by_what_looks_like_it(
    wanted: Callable[[Rig, int], str], found: str | None
) -> None:
    rig = Rig()
    bob = rig.connect("Bob")
    rig.connect("Ilya")
    rig.leave(rig.owner("away"))
    rig.feed(Present("two", [("", Person("~eve", "eve"))]))
    person = rig.chat.world.find_person(wanted(rig, bob))
    assert (person and person.nick) == found


def test_a_nick_is_known_of_who_is_here() -> None:
    rig = Rig()
    world, bob = rig.chat.world, rig.connect("bob")
    assert (world.nick_of(by_id(rig, bob)), world.nick_of("~gone")) == ("bob", "~gone")


def test_everybody_is_who_has_said_hello() -> None:
    rig = Rig()
    ann, silent = rig.connect("ann"), rig.call()
    assert rig.chat.world.everybody() == (ann,)
    ids = [by_id(rig, ann), by_id(rig, ann), "~gone"]
    assert [session.number for session in rig.chat.world.sessions_of(ids)] == [ann]
    assert silent in rig.chat.world.sessions


def test_an_account_is_sanctioned_by_itself_and_a_guest_by_its_address_too() -> None:
    rig = Rig()
    bob = rig.connect("bob", address="192.0.2.7")
    world = rig.chat.world
    assert world.targets(world.sessions[bob]) == [by_id(rig, bob), "address:192.0.2.7"]
    rig.ask(bob, Register(password="long enough"))
    assert world.targets(world.sessions[bob]) == ["bob"]


def test_operators_and_moderators_moderate_and_only_operators_stand_above_sanctions() -> None:
    rig = Rig(operators=("olga",))
    olga, ann, bob = rig.owner("olga", local=True), rig.owner("ann"), rig.connect("bob")
    rig.ask(ann, Join(room="tea"))
    world = rig.chat.world
    tea, sessions = world.rooms["tea"], [world.sessions[number] for number in (olga, ann, bob)]
    assert [world.may_moderate(session, tea) for session in sessions] == [True, True, False]
    for what in ("ban", "mute"):
        for target in ("olga", "ann"):
            tea.sanctions[what, target] = SanctionRecord(what, "tea", target, target, "x", None)
    assert [world.ban_on(session, tea) is None for session in sessions] == [True, False, True]
    assert [world.mute_on(session, tea) is None for session in sessions] == [True, False, True]


def test_a_room_keeps_its_newest_messages_and_all_rooms_together_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.chat.world.MOST_TAILS", 4)
    world = World(Snapshot(epoch="e", key="ab" * 32), Bounds(tail_messages=3), (), "a chat")
    tea, den = world.room_or_conversation("tea"), world.room_or_conversation("den")
    for seq in range(1, 5):
        world.remember(tea, message("tea", seq))
    assert [one.seq for one in tea.tail] == [2, 3, 4], "the room by itself"
    world.remember(den, message("den", 1))
    assert [one.seq for one in tea.tail] == [2, 3, 4], "the oldest of all was gone already"
    world.remember(den, message("den", 2))
    assert [one.seq for one in tea.tail] == [3, 4]
    for seq in (3, 4, 5):
        world.remember(den, message("den", seq))
    assert (list(tea.tail), [one.seq for one in den.tail]) == ([], [3, 4, 5])


def test_a_guest_who_is_away_has_the_nick_that_stands_in_what_was_said() -> None:
    rig = Rig()
    ann, bob = rig.owner("ann"), rig.connect("bob")
    world, id = rig.chat.world, by_id(rig, bob)
    rig.ask(ann, Msg(to="bob", body="x"))
    room = world.rooms[rig.store.messages[-1].entry.room]
    rig.ask(bob, Say(room=room.name, body="y"))
    rig.leave(bob)
    assert world.peer(room, "ann") == Person(id, "bob"), "it said the last word"
    room.tail.pop()
    assert world.peer(room, "ann") == Person(id, "bob"), "it was said to it"
    room.tail.clear()
    assert world.peer(room, "ann") == Person(id, id)


@pytest.mark.parametrize("is_approach", [False, True])
def test_speaking_costs_whoever_speaks_and_beginning_a_conversation_more(is_approach: bool) -> None:
    rig = Rig(bounds=Bounds(session_burst=5, approach_burst=1, approach_rate=0.5))
    world = rig.chat.world
    for number in (rig.connect("bob"), rig.owner("ann", address="192.0.2.9"), rig.call(address="192.0.2.8")):
        session = world.sessions[number]
        waits = [world.wait_to_speak(session, is_approach=is_approach) for _ in range(2)]
        assert waits == [0.0, 2.0 if is_approach else 0.0]
