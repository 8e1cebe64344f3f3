"""Rates, times left and bottlenecks, from counters and a clock in the hand of the test."""

from __future__ import annotations

import msgspec
import pytest

from landline.transfer.events import Began, Ended, Event, Moved, Noted
from landline.transfer.progress import Meter, Metered, bottleneck, phase_of, shares_of


def test_a_meter_knows_nothing_at_first() -> None:
    meter = Meter(100)
    assert (meter.rate, meter.eta_seconds) == (0.0, None)
    meter.add(0.0, 0)
    meter.add(0.2, 50)
    assert (meter.rate, meter.eta_seconds) == (0.0, None)


def test_the_rate_is_that_of_the_window() -> None:
    meter = Meter(10_000, window_seconds=4.0)
    for second in range(0, 11):
        meter.add(float(second), 100 * second if second < 5 else 400 + 500 * (second - 4))
    # 6 s: 1400, 10 s: 3400
    assert meter.rate == 500.0
    assert meter.eta_seconds == pytest.approx((10_000 - 3400) / 500)


def test_a_count_that_falls_begins_anew() -> None:
    meter = Meter(1000)
    meter.add(0.0, 0)
    meter.add(1.0, 500)
    meter.add(2.0, 100)
    assert meter.rate == 0.0
    meter.add(3.0, 200)
    assert meter.rate == 100.0


def test_without_a_size_or_a_rate_no_time_is_left() -> None:
    unknown = Meter(None)
    for second in (0.0, 1.0):
        unknown.add(second, int(second))
    assert (unknown.rate, unknown.eta_seconds) == (1.0, None)
    stalled = Meter(10)
    for second in (0.0, 1.0):
        stalled.add(second, 5)
    assert (stalled.rate, stalled.eta_seconds) == (0.0, None)


def test_metered_fills_what_is_missing_and_passes_the_rest_on() -> None:
    now = [0.0]
    seen: list[Event] = []
    metered = Metered(seen.append, lambda: now[0])
    metered(Began(transfer="ab", peer="x", size=1000, resumed=200))
    now[0] = 2.0
    metered(Moved(transfer="ab", phase="sending", durable=400, size=1000, shares={"read": 0.9}))
    metered(Moved(transfer="ab", phase="sending", durable=400, size=1000, rate=7.0, eta_seconds=3.0, bottleneck="link"))
    metered(Noted(sentence="hello"))
    now[0] = 5.0
    metered(Ended(transfer="ab", seconds=100.0))
    metered(Ended(transfer="cd", seconds=100.0))
    filled, given = (event for event in seen if isinstance(event, Moved))
    assert (filled.rate, filled.eta_seconds, filled.bottleneck) == (100.0, 6.0, "disk read")
    assert (given.rate, given.eta_seconds, given.bottleneck) == (7.0, 3.0, "link")
    assert [type(event) for event in seen] == [Began, Moved, Moved, Noted, Ended, Ended]
    assert [event.seconds for event in seen if isinstance(event, Ended)] == [5.0, 100.0]


def test_what_is_near_its_limit_is_held_up_by_it() -> None:
    now = [0.0]
    seen: list[Event] = []
    metered = Metered(seen.append, lambda: now[0], 100)
    for second, durable in ((0.0, 0), (10.0, 790), (20.0, 1690)):
        now[0] = second
        metered(Moved(transfer="ab", phase="sending", durable=durable, size=9000, shares={"read": 0.9}))
    assert [event.bottleneck for event in seen if isinstance(event, Moved)] == ["disk read", "disk read", "limit"]


@pytest.mark.parametrize("counter", ["sent", "received"])
def test_a_limit_holds_for_what_moves_also_between_two_checkpoints(counter: str) -> None:
    now = [0.0]
    seen: list[Event] = []
    metered = Metered(seen.append, lambda: now[0], 100)
    for second in range(5):
        now[0] = float(second)
        moved = Moved(transfer="ab", phase="sending", durable=100 if second > 2 else 0, size=9000, shares={"read": 0.9})
        metered(msgspec.structs.replace(moved, **{counter: 95 * second}))
    assert [event.bottleneck for event in seen if isinstance(event, Moved)] == ["disk read", *["limit"] * 4]


def test_metered_takes_a_transfer_whose_beginning_it_has_not_seen() -> None:
    seen: list[Event] = []
    Metered(seen.append, lambda: 0.0)(Moved(transfer="cd", phase="sending", durable=1, size=2))
    assert seen == [Moved(transfer="cd", phase="sending", durable=1, size=2)]


@pytest.mark.parametrize(
    ("sent", "verified", "durable", "size", "phase"),
    [
        (5, 0, 0, None, "sending"),
        (5, 5, 5, 10, "sending"),
        (10, 5, 0, 10, "verifying"),
        (10, 10, 0, 10, "committing"),
        (10, 10, 10, 10, "done"),
    ],
)
def test_phases(sent: int, verified: int, durable: int, size: int | None, phase: str) -> None:
    assert phase_of(sent, verified, durable, size) == phase


def test_shares_are_of_the_time_of_all_threads() -> None:
    assert shares_of({"read": 1.0, "send": 30.0}, 10.0, 2) == {"read": 0.05, "send": 1.0}
    assert shares_of({"read": 1.0}, 0.0) == {}


@pytest.mark.parametrize(
    ("shares", "name"),
    [
        ({}, ""),
        ({"read": 0.01, "waited": 0.02}, ""),
        ({"read": 0.8, "hash": 0.3, "send": 0.1, "waited": 0.9}, "disk read"),
        ({"read": 0.2, "hash": 0.7, "send": 0.1, "waited": 0.9}, "hash"),
        ({"send": 0.9, "waited": 0.1, "wrote": 0.3, "synced": 0.5}, "disk write"),
        ({"send": 0.9, "waited": 0.1, "hashed": 0.8, "wrote": 0.1}, "hash"),
        ({"send": 0.9, "waited": 0.9, "cipher": 0.8}, "cipher"),
        ({"send": 0.9, "waited": 0.9, "cipher": 0.1}, "link"),
        ({"send": 0.9, "waited": 0.9, "window": 0.95}, "window"),
        ({"waited": 0.9}, "link"),
    ],
)
def test_bottlenecks(shares: dict[str, float], name: str) -> None:
    assert bottleneck(shares) == name
