"""Who is on the other nodes."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from landline.chat import neighbours
from landline.chat.effects import Absent, Present
from landline.chat.neighbours import Changes, Neighbours, Report, Roster, Whole, decode_report
from landline.chat.notices import Person

ANN, BOB = Person("ann", "Ann"), Person("bob", "Bob")


def reports_of(roster: Roster) -> list[Report]:
    return [decode_report(document) for document in roster.reports()]


def test_a_roster_tells_the_whole_first_and_then_what_changes() -> None:
    roster = Roster()
    roster.came("", ANN)
    assert roster.has_news
    assert reports_of(roster) == [Whole(1, True, [("", ANN)])]
    assert not roster.has_news and reports_of(roster) == []
    roster.came("lobby", ANN)
    roster.went("", ANN)
    roster.went("garden", BOB)  # Was not there.
    assert roster.has_news
    assert reports_of(roster) == [Changes(2, [(True, "lobby", ANN), (False, "", ANN)])]
    roster.came("lobby", BOB)
    roster.asked()
    assert reports_of(roster) == [
        Changes(3, [(True, "lobby", BOB)]),
        Whole(4, True, [("lobby", ANN), ("lobby", BOB)]),
    ]
    assert roster.seats() == [("lobby", ANN), ("lobby", BOB)]


def test_nobody_is_told_too() -> None:
    assert reports_of(Roster()) == [Whole(1, True, [])]


def test_many_people_are_told_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "PEOPLE_AT_ONCE", 2)
    roster = Roster()
    for room in "abc":
        roster.came(room, ANN)
    assert reports_of(roster) == [Whole(1, True, [("a", ANN), ("b", ANN)]), Whole(2, False, [("c", ANN)])]
    for room in "abc":
        roster.went(room, ANN)
    assert reports_of(roster) == [Changes(3, [(False, "a", ANN), (False, "b", ANN)]), Changes(4, [(False, "c", ANN)])]


def test_too_many_changes_make_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_PENDING", 2)
    roster = Roster()
    roster.reports()
    for room in "abc":
        roster.came(room, ANN)
    assert reports_of(roster) == [Whole(3, True, [("a", ANN), ("b", ANN), ("c", ANN)])]


def known(*nodes: str) -> Neighbours:
    """Neighbours that hold their leases and have told who they have, long after the link was made."""
    those = Neighbours()
    those.linked(-100)
    for node in nodes:
        those.leased(node, 0, 0)
        those.heard(node, Whole(1, True, [("lobby", ANN)]), 0)
    return those


def test_reports_become_people() -> None:
    those = Neighbours()
    assert those.heard("n", Whole(5, True, [("a", ANN)]), 0) == [Present("n", [("a", ANN)], True)]
    assert those.heard("n", Whole(6, False, [("b", ANN)]), 0) == [Present("n", [("b", ANN)], False)]
    changes = [(True, "c", ANN), (True, "c", BOB), (False, "a", ANN), (True, "a", BOB)]
    assert those.heard("n", Changes(7, changes), 0) == [
        Present("n", [("c", ANN), ("c", BOB)]),
        Absent("n", [("a", ANN)]),
        Present("n", [("a", BOB)]),
    ]


def test_what_was_heard_before_is_passed_over() -> None:
    those = known("n")
    assert those.heard("n", Whole(1, True, []), 0) == []
    assert those.heard("n", Changes(0, [(True, "x", ANN)]), 0) == []


def test_a_whole_that_is_for_others_is_passed_over() -> None:
    those = known("n")
    assert those.heard("n", Whole(2, True, [("lobby", ANN)]), 0) == []
    assert those.heard("n", Whole(3, False, [("lobby", BOB)]), 0) == []
    assert those.heard("n", Changes(4, [(True, "x", BOB)]), 0) == [Present("n", [("x", BOB)])]


@pytest.mark.parametrize("report", [Changes(3, [(True, "x", ANN)]), Whole(3, False, [])])
def test_whoever_misses_something_asks_for_the_whole(report: Report) -> None:
    those = known("n")
    assert those.heard("n", report, 5.0) == []
    assert those.due(5.1) == ([], ["n"])
    assert those.due(5.2) == ([], [])
    assert those.due(6.2) == ([], ["n"])
    assert those.heard("n", Whole(9, True, [("x", BOB)]), 6.3) == [Present("n", [("x", BOB)], True)]
    assert those.due(9.0) == ([], [])


def test_a_node_that_ends_is_gone_at_once() -> None:
    those = known("n")
    assert those.released("n") == [Absent("n", None)]
    assert those.released("n") == []


def test_a_node_whose_lease_runs_out_is_gone() -> None:
    those = known("n")
    assert those.expired("n", 50) == [Absent("n", None)]
    assert those.expired("n", 50) == []


def test_a_node_nobody_has_heard_of_goes_without_a_word() -> None:
    those = known()
    those.leased("n", 0, 0)
    assert those.released("n") == []


def test_a_new_link_gives_everybody_time() -> None:
    those = known("back", "gone", "late")
    those.linked(100)
    assert those.expired("back", 101) == those.expired("gone", 101) == those.expired("nobody", 101) == []
    those.leased("back", 0, 102)
    assert those.due(103.9) == ([], ["back", "gone", "late"])
    those.heard("back", Whole(7, True, []), 103.9)
    assert those.due(104) == ([Absent("gone", None), Absent("late", None)], [])
    assert those.due(200) == ([], [])
    assert those.expired("back", 201) == [Absent("back", None)]


def test_a_node_that_speaks_without_a_lease_is_not_believed_for_long() -> None:
    those = known()
    those.heard("n", Whole(1, True, [("", ANN)]), 10)
    assert those.due(13.9) == ([], [])
    assert those.due(14) == ([Absent("n", None)], [])


def test_a_last_report_that_was_lost_is_found() -> None:
    those = known("n")
    those.leased("n", 2, 10)
    assert those.due(10.1) == ([], [])
    those.leased("n", 2, 11)
    assert those.due(11.1) == ([], ["n"])


def test_a_report_that_is_a_little_late_is_not_asked_for() -> None:
    those = known("n")
    those.leased("n", 2, 10)
    assert those.heard("n", Changes(2, [(True, "x", BOB)]), 10.1) == [Present("n", [("x", BOB)])]
    those.leased("n", 2, 11)
    assert those.due(11.1) == ([], [])


def test_nodes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_NODES", 1)
    those = known("n")
    those.leased("other", 0, 0)
    assert those.heard("other", Whole(1, True, [("", ANN)]), 0) == []


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b'{"type":"whole"}', b"\xff", b'{"type":"x","number":1}'])
def test_what_is_no_report_is_refused(document: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_report(document)


def applied(seats: set[tuple[str, str]], effects: Iterable[Present | Absent]) -> set[tuple[str, str]]:
    """Who is there after this."""
    for effect in effects:
        people = {(room, person.id) for room, person in effect.people or ()}
        is_whole = isinstance(effect, Present) and effect.whole
        before = set() if is_whole else seats
        seats = before - people if isinstance(effect, Absent) else before | people
    return seats


MOVES = st.lists(
    st.tuples(st.sampled_from(["came", "went", "told", "told", "lost", "asked"]), st.sampled_from("ab"), st.booleans())
)


@given(MOVES)
@example([("told", "a", True), ("asked", "a", True), ("came", "a", True), ("told", "a", True)])
def test_whatever_is_lost_in_the_end_everybody_knows(moves: list[tuple[str, str, bool]]) -> None:
    roster, those, seats = Roster(), Neighbours(), set[tuple[str, str]]()
    now = 0.0
    for what, room, is_ann in moves:
        if what in ("came", "went"):
            getattr(roster, what)(room, ANN if is_ann else BOB)
            continue
        if what == "asked":
            roster.asked()
            continue
        for report in reports_of(roster):
            if what == "told":
                seats = applied(seats, those.heard("n", report, now))
    # Each second a lease is renewed: it shows any hole, and the answer mends it.
    for _ in range(3):
        those.leased("n", roster.number, now)
        for report in reports_of(roster):
            seats = applied(seats, those.heard("n", report, now))
        now += 1
        if those.due(now)[1]:
            roster.asked()
    for report in reports_of(roster):
        seats = applied(seats, those.heard("n", report, now))
    assert seats == {(room, person.id) for room, person in roster.seats()}
