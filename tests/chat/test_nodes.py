"""Who is on other nodes, and what the people of this one hear of it."""

from __future__ import annotations

from landline.chat.bounds import Bounds
from landline.chat.effects import Absent, Came, Linked, Passed, Present, Tick
from landline.chat.notices import (
    Announcement,
    Joined,
    Members,
    Person,
    Presence,
    Renamed,
    RoomList,
    Types,
    Welcome,
    encode_notice,
)
from landline.chat.wire import Join, Leave, Nick, Rooms, Search, Who
from tests.chat.corerig import EASY, Rig

EVE = Person("~eve", "eve")


def in_tea(rig: Rig, nick: str) -> int:
    session = rig.connect(nick)
    rig.ask(session, Join(room="tea"))
    return session


def test_people_of_another_node_come_and_go_with_it() -> None:
    rig = Rig()
    ann = in_tea(rig, "ann")
    rig.feed(Tick())
    rig.forget()
    rig.feed(Present("two", [("", EVE), ("tea", EVE), ("den", EVE)]))
    rig.feed(Tick())
    assert (rig.last(ann, Presence).came, rig.last(ann, Presence).count) == ([EVE], 2)
    rig.ask(ann, Who())
    assert rig.last(ann, Members).count == 2
    rig.ask(ann, Who(room="tea"))
    assert {one.id for one in rig.last(ann, Members).members} > {"~eve"}
    rig.feed(Absent("two", None))
    rig.feed(Tick())
    assert (rig.last(ann, Presence).went, rig.last(ann, Presence).count) == ([EVE], 1)


def test_a_whole_replaces_what_was_known_of_a_node() -> None:
    rig = Rig()
    ann = in_tea(rig, "ann")
    dan = Person("~dan", "dan")
    rig.feed(Present("two", [("", EVE), ("tea", EVE)], whole=True))
    rig.feed(Tick())
    rig.feed(Present("two", [("", dan), ("tea", dan)], whole=True))
    rig.feed(Tick())
    assert (rig.last(ann, Presence).came, rig.last(ann, Presence).went) == ([dan], [EVE])
    rig.feed(Absent("two", [("tea", EVE), ("nowhere", dan), ("", EVE), ("tea", dan), ("", dan)]))
    rig.feed(Tick())
    assert rig.last(ann, Presence).went == [dan]
    assert rig.last(rig.connect("eve"), Welcome).nick == "eve", "the nick is free again"


def test_a_whole_keeps_who_is_in_it() -> None:
    rig = Rig()
    ann = in_tea(rig, "ann")
    dan = Person("~dan", "dan")
    rig.feed(Present("two", [("", EVE), ("tea", EVE), ("", dan), ("tea", dan)], whole=True))
    rig.feed(Tick())
    rig.forget()
    rig.feed(Present("two", [("", EVE), ("tea", EVE)], whole=True))
    rig.feed(Tick())
    assert [([one.id for one in each.came], [one.id for one in each.went]) for each in rig.heard(ann, Presence)] == [
        ([], ["~dan"])
    ]
    assert "~eve" in rig.chat.world.directory.elsewhere["two"]


def test_who_is_still_on_one_of_two_nodes_is_not_gone() -> None:
    rig = Rig()
    ann = in_tea(rig, "ann")
    for node in ("two", "three"):
        rig.feed(Present(node, [("", EVE), ("tea", EVE)]))
    rig.feed(Tick())
    rig.forget()
    rig.feed(Absent("two", [("tea", EVE), ("", EVE)]))
    rig.feed(Tick())
    assert not rig.heard(ann, Presence)
    rig.feed(Absent("three", [("tea", EVE)]))
    rig.feed(Tick())
    assert rig.last(ann, Presence).went == [EVE]
    rig.feed(Absent("three", [("", EVE), ("", EVE)]))
    assert rig.chat.world.directory.person("~eve") is None


def test_another_nick_changes_who_is_shown_on_the_nodes_where_that_one_is() -> None:
    rig = Rig()
    ann, dan, eva = in_tea(rig, "ann"), Person("~dan", "dan"), Person("~eve", "eva")
    rig.feed(Present("three", [("", dan), ("tea", dan)]))
    rig.feed(Present("two", [("", EVE), ("tea", EVE), ("den", EVE)]))
    rig.feed(Present("two", [("", eva)]))
    assert (rig.last(ann, Renamed).old_nick, rig.last(ann, Renamed).nick) == ("eve", "eva")
    rig.ask(ann, Who(room="tea"))
    assert [one.nick for one in rig.last(ann, Members).members] == ["ann", "dan", "eva"]


def test_who_is_told_that_the_other_nodes_are_away_and_that_they_are_back() -> None:
    rig = Rig()
    ann, silent = rig.connect("ann"), rig.call()
    rig.feed(Linked(False, "away"))
    rig.feed(Linked(True, "back"))
    assert [(one.code, one.text) for one in rig.heard(ann, Announcement)] == [("unlinked", "away"), ("linked", "back")]
    assert not rig.told[silent]


def test_only_typing_is_passed_on_between_nodes() -> None:
    rig = Rig()
    ann = in_tea(rig, "ann")
    rig.forget()
    types = Types(room="tea", id="~eve", nick="eve")
    for document in (b"{broken", encode_notice(Announcement(text="you are mine")), encode_notice(types)):
        rig.feed(Passed(document))
    assert rig.told[ann] == [types]
    assert rig.chat.world.counts["passed_unread"] == 1


def test_another_nick_on_another_node_is_told_and_kept() -> None:
    rig = Rig()
    ann, out = in_tea(rig, "ann"), rig.connect("cleo")
    rig.feed(Present("two", [("", EVE), ("tea", EVE)]))
    rig.feed(Present("two", [("", Person("~eve", "eva")), ("tea", Person("~eve", "eva"))]))
    assert rig.last(ann, Renamed).nick == "eva"
    assert not rig.heard(out, Renamed)
    rig.feed(Tick())
    assert [one.nick for one in rig.last(ann, Presence).came if one.id == "~eve"] == ["eva"]


def test_a_nick_belongs_to_one_of_two_who_took_it_at_the_same_time() -> None:
    rig = Rig()
    bob = rig.connect("bob")
    rig.feed(Present("two", [("", Person("~~~~", "bob"))]))
    assert not rig.heard(bob, Announcement), "the other node decides the same"
    rig.feed(Present("two", [("", Person("~", "bob"))]))
    assert rig.last(bob, Announcement).code == "nick"
    cleo = rig.connect("cleo")
    rig.feed(Present("two", [("", Person("cleo", "cleo"))]))
    assert rig.last(cleo, Announcement).code == "nick"
    rig.ask(cleo, Nick(nick="bob"))
    assert rig.last(cleo, Renamed).nick.startswith("guest-")


def test_who_is_on_both_nodes_is_one_person() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Join(room="tea"))
    rig.feed(Tick())
    rig.forget()
    me = Person("ann", "ann")
    rig.feed(Present("two", [("", me), ("tea", me)]))
    rig.feed(Tick())
    assert not rig.heard(ann, Presence)
    bob = in_tea(rig, "bob")
    assert rig.last(bob, Joined).count == 2
    rig.leave(ann)
    rig.forget()
    rig.feed(Tick())
    assert not rig.last(bob, Presence).went
    rig.ask(bob, Who())
    assert sorted(one.id[0] for one in rig.last(bob, Members).members) == ["a", "~"]
    assert rig.chat.world.directory.users("Ann") == ["ann"], "the nick is still in use"


def test_a_new_node_is_told_the_nick_one_has_now() -> None:
    rig = Rig()
    bob = in_tea(rig, "bob")
    rig.effects.clear()
    rig.ask(bob, Nick(nick="rob"))
    assert {(one.room, one.person.nick) for one in rig.effects if isinstance(one, Came)} == {
        ("", "rob"),
        ("tea", "rob"),
    }


def test_coming_and_going_within_a_tick_is_not_told() -> None:
    rig = Rig()
    ann = in_tea(rig, "ann")
    rig.feed(Tick())
    rig.forget()
    bob = in_tea(rig, "bob")
    rig.ask(bob, Leave(room="tea"))
    rig.feed(Tick())
    assert not rig.heard(ann, Presence)
    rig.ask(bob, Join(room="tea"))
    rig.ask(bob, Nick(nick="rob"))
    rig.feed(Tick())
    assert [one.nick for one in rig.last(ann, Presence).came] == ["rob"]


def test_who_goes_after_somebody_has_seen_it_in_the_list_is_told_as_gone() -> None:
    rig = Rig()
    bob, ann = in_tea(rig, "bob"), in_tea(rig, "ann")
    rig.ask(bob, Leave(room="tea"))
    rig.feed(Tick())
    assert [one.nick for one in rig.last(ann, Presence).went] == ["bob"]
    rig.ask(bob, Join(room="tea"))
    rig.feed(Tick())
    rig.ask(bob, Leave(room="tea"))
    cleo = in_tea(rig, "cleo")
    rig.ask(bob, Join(room="tea"))
    rig.feed(Tick())
    assert {one.nick for one in rig.last(cleo, Presence).came} == {"bob", "cleo"}


def test_a_large_room_is_told_how_many_there_are() -> None:
    small = {name: getattr(EASY, name) for name in EASY.__slots__} | {"members_told": 2}
    rig = Rig(bounds=Bounds(**small))
    ann = in_tea(rig, "ann")
    others = [in_tea(rig, nick) for nick in ("bob", "cleo")]
    rig.feed(Tick())
    assert (rig.last(ann, Presence).came, rig.last(ann, Presence).count) == ([], 3)
    rig.ask(others[0], Nick(nick="rob"))
    assert not rig.heard(ann, Renamed)
    assert len(rig.last(others[1], Joined).members) == 2


def test_rooms_are_bounded_and_listed_by_how_many_are_in_them() -> None:
    few = {name: getattr(EASY, name) for name in EASY.__slots__} | {"rooms": 2, "rooms_per_session": 1}
    rig = Rig(bounds=Bounds(**few))
    ann, bob, cleo = rig.connect("ann"), rig.connect("bob"), rig.connect("cleo")
    rig.ask(ann, Join(room="tea"))
    rig.ask(bob, Join(room="den"))
    rig.ask(cleo, Join(room="den"))
    codes = [rig.ask(ann, Join(room=room))[0].code for room in ("den", "new", "!")]  # type: ignore[attr-defined]
    assert codes == ["too_many_rooms", "too_many_rooms", "bad_name"]
    rig.ask(ann, Rooms())
    assert [(one.room, one.members) for one in rig.last(ann, RoomList).rooms] == [("den", 2), ("tea", 1)]
    assert rig.ask(ann, Leave(room="den"))[0].code == "not_in_room"  # type: ignore[attr-defined]
    for query in ("", " ", "x" * 201):
        assert rig.ask(ann, Search(query=query))[0].code == "bad_query"  # type: ignore[attr-defined]


def test_rooms_are_opened_slowly_from_one_address() -> None:
    slow = {name: getattr(EASY, name) for name in EASY.__slots__} | {"opening_burst": 1, "opening_rate": 0.1}
    rig = Rig(bounds=Bounds(**slow))
    ann = rig.connect("ann")
    rig.ask(ann, Join(room="tea"))
    assert rig.ask(ann, Join(room="den"))[0].code == "too_fast"  # type: ignore[attr-defined]
    rig.ask(ann, Join(room="lobby"))
    assert rig.last(ann, Joined).room == "lobby", "the lobby is everybody's"


def test_who_wants_into_a_room_that_is_being_opened_waits_with_the_first() -> None:
    rig = Rig(is_prompt=False)
    ann, bob, gone = rig.connect("ann"), rig.connect("bob"), rig.connect("cleo")
    for session in (ann, bob, gone):
        rig.ask(session, Join(room="tea"))
    rig.leave(gone)
    assert len(rig.proposed) == 1
    rig.settle()
    assert rig.last(ann, Joined).room == rig.last(bob, Joined).room == "tea"
    rig.store.failing = "the disk is full"
    rig.ask(ann, Join(room="den"))
    rig.settle()
    assert "the disk is full" in rig.told[ann][-1].text  # type: ignore[attr-defined]
