"""The way of a client through connecting, up, waiting and over, step by step."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from landline.address import TcpAddress
from landline.connection.backoff import Backoff
from landline.connection.course import Course, Phase, reason_of
from landline.connection.events import Connected, Connecting, Dropped, Event, GaveUp, Lost, Waiting
from landline.errors import ConnectError, ConnectionClosed, MalformedMessage, Reason, WaitTimeout

PEER = TcpAddress("127.0.0.1", 8101)
REFUSED = ConnectError(str(PEER), "refused", passing=True)
FORBIDDEN = ConnectError(str(PEER), "forbidden")
RESET = ConnectionClosed(str(PEER), Reason.RESET)
NOISE = MalformedMessage("noise", 0)
EVEN = Backoff(first_seconds=1.0, factor=2.0, most_seconds=8.0, jitter=0.5, steady_seconds=10.0)
THRICE = Backoff(first_seconds=1.0, most_seconds=8.0, max_attempts=3)

Step = Callable[[Course], list[Event]]


def begin(course: Course) -> list[Event]:
    return course.begin()


def up(now: float) -> Step:
    return lambda course: course.succeed(PEER, now)


def fail(error: Exception, now: float = 0.0, draw: float = 0.0) -> Step:
    return lambda course: course.fail(error, now, draw)


COURSES: dict[str, tuple[Course, list[tuple[Step, list[Event]]], Phase]] = {
    "waits grow from attempt to attempt, and draws shorten them": (
        Course(EVEN),
        [
            (begin, [Connecting(1)]),
            (fail(REFUSED), [Waiting(1.0, 2, REFUSED)]),
            (begin, [Connecting(2)]),
            (fail(REFUSED), [Waiting(2.0, 3, REFUSED)]),
            (begin, [Connecting(3)]),
            (fail(REFUSED, draw=0.5), [Waiting(3.0, 4, REFUSED)]),
        ],
        Phase.WAITING,
    ),
    "a connection that stood begins a new row": (
        Course(EVEN),
        [
            (begin, [Connecting(1)]),
            (fail(REFUSED), [Waiting(1.0, 2, REFUSED)]),
            (begin, [Connecting(2)]),
            (up(100.0), [Connected(PEER)]),
            (fail(RESET, 110.0), [Lost(Reason.RESET), Waiting(1.0, 1, RESET)]),
            (begin, [Connecting(1)]),
        ],
        Phase.CONNECTING,
    ),
    "one that fell at once does not": (
        Course(EVEN),
        [
            (begin, [Connecting(1)]),
            (up(100.0), [Connected(PEER)]),
            (fail(RESET, 109.9), [Lost(Reason.RESET), Waiting(1.0, 2, RESET)]),
            (begin, [Connecting(2)]),
            (up(111.0), [Connected(PEER)]),
            (fail(RESET, 111.0), [Lost(Reason.RESET), Waiting(2.0, 3, RESET)]),
        ],
        Phase.WAITING,
    ),
    "a final error ends it": (
        Course(EVEN),
        [(begin, [Connecting(1)]), (fail(FORBIDDEN), [GaveUp(FORBIDDEN)])],
        Phase.OVER,
    ),
    "a peer that breaks the framing ends it": (
        Course(EVEN),
        [
            (begin, [Connecting(1)]),
            (up(0.0), [Connected(PEER)]),
            (fail(NOISE, 99.0), [Lost(Reason.MALFORMED), GaveUp(NOISE)]),
        ],
        Phase.OVER,
    ),
    "the attempts run out": (
        Course(THRICE),
        [
            (begin, [Connecting(1)]),
            (fail(REFUSED), [Waiting(1.0, 2, REFUSED)]),
            (begin, [Connecting(2)]),
            (up(0.0), [Connected(PEER)]),
            (fail(RESET, 1.0), [Lost(Reason.RESET), Waiting(2.0, 3, RESET)]),
            (begin, [Connecting(3)]),
            (fail(REFUSED), [GaveUp(REFUSED)]),
        ],
        Phase.OVER,
    ),
    "the first must connect": (
        Course(EVEN, first_must_connect=True),
        [(begin, [Connecting(1)]), (fail(REFUSED), [GaveUp(REFUSED)])],
        Phase.OVER,
    ),
    "the first must connect, the others need not": (
        Course(EVEN, first_must_connect=True),
        [
            (begin, [Connecting(1)]),
            (up(0.0), [Connected(PEER)]),
            (fail(RESET, 10.0), [Lost(Reason.RESET), Waiting(1.0, 1, RESET)]),
            (begin, [Connecting(1)]),
            (fail(REFUSED), [Waiting(1.0, 2, REFUSED)]),
        ],
        Phase.WAITING,
    ),
}


@pytest.mark.parametrize("name", COURSES)
def test_a_course(name: str) -> None:
    course, steps, phase = COURSES[name]
    assert course.phase is Phase.IDLE
    for step, events in steps:
        assert step(course) == events
    assert course.phase is phase


WRONG: list[tuple[list[Step], Step, str]] = [
    ([], up(0.0), "a client that is idle cannot go to up"),
    ([], fail(REFUSED), "a client that is idle cannot go to waiting"),
    ([begin], begin, "a client that is connecting cannot go to connecting"),
    ([begin, up(0.0)], begin, "a client that is up cannot go to connecting"),
    ([begin, fail(REFUSED)], up(0.0), "a client that is waiting cannot go to up"),
    ([begin, fail(FORBIDDEN)], begin, "a client that is over cannot go to connecting"),
]


@pytest.mark.parametrize(("steps", "wrong", "sentence"), WRONG)
def test_a_step_out_of_turn(steps: list[Step], wrong: Step, sentence: str) -> None:
    course = Course(EVEN)
    for step in steps:
        step(course)
    with pytest.raises(RuntimeError, match=re.escape(sentence)):
        wrong(course)


@pytest.mark.parametrize("steps", [[], [begin], [begin, up(0.0)], [begin, fail(REFUSED)]])
def test_a_client_can_be_closed_anywhere(steps: list[Step]) -> None:
    course = Course(EVEN)
    for step in steps:
        step(course)
    course.end()
    assert course.phase is Phase.OVER


def test_the_code_of_an_end() -> None:
    assert reason_of(RESET) is Reason.RESET
    assert reason_of(NOISE) is Reason.MALFORMED
    assert reason_of(ValueError()) is Reason.ABORTED


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (Connecting(3), "connecting, attempt 3"),
        (Connected(PEER), "connected with tcp://127.0.0.1:8101"),
        (Lost(Reason.RESET), "connection lost (reset)"),
        (Waiting(1.234, 2, WaitTimeout("it", 3)), "it took longer than 3 s; attempt 2 follows in 1.2 s"),
        (GaveUp(WaitTimeout("it", 3)), "gave up: it took longer than 3 s"),
        (Dropped(2, 5), "messages not sent: 2, 5 in all"),
    ],
)
def test_an_event_as_a_sentence(event: Event, sentence: str) -> None:
    assert str(event) == sentence
