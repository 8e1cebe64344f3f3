"""What is on its way between a client and its chat."""

from __future__ import annotations

from landline.chat.changes import CaughtUp
from landline.chat.journey import Journey
from landline.chat.wire import History, Rooms


def test_requests_are_sent_once_and_their_answers_known_once() -> None:
    journey = Journey()
    request = History(room="lobby", ref=journey.ref())
    journey.send("page", request)
    assert journey.is_asked("page", "lobby") and not journey.is_asked("page", "den")
    assert not journey.is_asked("hole", "lobby")
    assert (journey.take(), journey.take()) == ([request], [])
    assert journey.answered(request.ref) == ("page", request)
    assert journey.answered(request.ref) == journey.answered(7) == journey.answered(None) == ("", None)


def test_the_way_back_ends_when_all_rooms_are_reached() -> None:
    journey = Journey()
    assert journey.settled() == []
    journey.lose(2.0, had_connection=True)
    journey.lose(3.0, had_connection=True)
    journey.begin()
    journey.returning("lobby")
    journey.returning("den")
    journey.arrived("lobby", 4)
    assert journey.settled() == []
    journey.now = 6.5
    journey.arrived("den", why="epoch")
    assert journey.settled() == [CaughtUp(4.5, 4, {"den": "epoch"})]
    assert journey.settled() == []


def test_a_clock_that_went_back_and_a_first_time_count_nothing() -> None:
    journey = Journey()
    journey.lose(9.0, had_connection=False)
    journey.begin()
    assert journey.settled() == [CaughtUp(0.0, 0, {})]
    journey.lose(9.0, had_connection=True)
    journey.begin()
    journey.now = 1.0
    assert journey.settled() == [CaughtUp(0.0, 0, {})]


def test_a_loss_takes_all_that_was_on_its_way() -> None:
    journey = Journey()
    first, second = (Rooms(ref=journey.ref()) for _ in range(2))
    journey.send("list", first)
    journey.later.append((1.0, second))
    journey.begin()
    journey.returning("lobby")
    journey.lose(1.0, had_connection=True)
    assert (journey.take(), journey.later, journey.settled()) == ([], [], [])
    assert journey.answered(first.ref) == ("", None)
    journey.begin()
    assert journey.settled() == [CaughtUp(0.0, 0, {})]
