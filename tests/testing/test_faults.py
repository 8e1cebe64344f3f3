"""What a plan decides: which bytes arrive, when, and how a stream ends. No network, no clock."""

from __future__ import annotations

import re
from random import Random

import pytest

from landline.errors import LimitError
from landline.testing import Ending, FaultPlan, Faults
from landline.testing.faults import Timed


def plan(faults: Faults, seed: int = 0) -> FaultPlan:
    return FaultPlan(faults, Random(seed).random)


def arriving(faults: Faults, *pieces: bytes, end: bool = False) -> list[Timed]:
    """What arrives of pieces that are all sent at 0."""
    one = plan(faults)
    found = one.start(0.0) + [event for piece in pieces for event in one.take(piece, 0.0)]
    return found + (one.end(0.0) if end else [])


RESET = Ending.RESET
END = Ending.END


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        (Faults.NONE, [(0, b"hello"), (0, b" world"), (0, END)]),
        (Faults(delay_seconds=2), [(2, b"hello"), (2, b" world"), (2, END)]),
        (
            Faults(bandwidth_bytes_per_second=20),
            [(0.1, b"he"), (0.2, b"ll"), (0.25, b"o"), (0.35, b" w"), (0.45, b"or"), (0.55, b"ld"), (0.55, END)],
        ),
        (Faults(slice_bytes=1), [*((at / 1000, b"hello world"[at : at + 1]) for at in range(11)), (0.01, END)]),
        (Faults(stall_after_bytes=7), [(0, b"hello"), (0, b" w")]),
        (Faults(half_open_after_bytes=7), [(0, b"hello"), (0, b" w")]),
        (Faults(reset_after_bytes=7), [(0, b"hello"), (0, b" w"), (0, RESET)]),
        (Faults(limit_bytes=7), [(0, b"hello"), (0, b" w"), (0, END)]),
        (Faults(limit_bytes=7, delay_seconds=1), [(1, b"hello"), (1, b" w"), (1, END)]),
        (Faults(limit_bytes=5), [(0, b"hello"), (0, END)]),
        (Faults(limit_bytes=0), [(0, END)]),
        (Faults(reset_after_bytes=0), [(0, RESET)]),
        (Faults(stall_after_bytes=0), []),
        (Faults(limit_bytes=3, reset_after_bytes=2), [(0, b"he"), (0, RESET)]),
        (Faults(limit_bytes=99), [(0, b"hello"), (0, b" world"), (0, END)]),
    ],
    ids=str,
)
def test_what_arrives(faults: Faults, expected: list[Timed]) -> None:
    found = arriving(faults, b"hello", b" world", end=True)
    assert [(round(due, 9), action) for due, action in found] == expected


def test_a_narrow_line_is_free_again_after_a_while() -> None:
    one = plan(Faults(bandwidth_bytes_per_second=10, delay_seconds=1))
    assert one.take(b"x", 0.0) == [(1.1, b"x")]
    assert one.take(b"x", 50.0) == [(51.1, b"x")]


def lateness(faults: Faults, apart_seconds: float) -> list[float]:
    """How late each of 200 bytes is; they are sent one after the other, so far apart."""
    one = plan(faults)
    return [due - sent for sent in (number * apart_seconds for number in range(200)) for due, _ in one.take(b"x", sent)]


def test_jitter_goes_both_ways_and_keeps_the_order() -> None:
    faults = Faults(delay_seconds=0.4, jitter_seconds=0.3)
    late = lateness(faults, 1.0)
    assert 0.1 - 1e-9 <= min(late) < 0.2 < 0.6 < max(late) <= 0.7 + 1e-9
    dues = [round(number * 0.01 + one, 9) for number, one in enumerate(lateness(faults, 0.01))]
    assert dues == sorted(dues)
    assert min(lateness(Faults(jitter_seconds=0.3), 1.0)) == 0.0


def test_slices_have_their_mean_size() -> None:
    sizes = [len(action) for _, action in arriving(Faults(slice_bytes=5), b"x" * 50_000) if isinstance(action, bytes)]
    assert set(sizes[:-1]) == set(range(1, 10))
    assert 4.8 < sum(sizes) / len(sizes) < 5.2
    assert sum(sizes) == 50_000


def test_the_same_seed_makes_the_same_faults() -> None:
    def once(seed: int) -> list[Timed]:
        return plan(Faults(delay_seconds=1, jitter_seconds=1, slice_bytes=3), seed).take(b"a message" * 10, 0.0)

    assert once(1) == once(1) != once(2)


@pytest.mark.parametrize(
    ("faults", "wants_more", "silent"),
    [
        (Faults.NONE, True, False),
        (Faults.STALLED, False, True),
        (Faults.HALF_OPEN, True, True),
        (Faults.RESET, True, False),
        (Faults.LIMITED, True, False),
    ],
    ids=str,
)
def test_what_holds_behind_a_stop(faults: Faults, wants_more: bool, silent: bool) -> None:
    one = plan(faults)
    assert (one.wants_more, one.silent) == (True, False)
    one.take(b"0123456789", 0.0)
    assert (one.wants_more, one.silent) == (wants_more, silent)
    if faults != Faults.NONE:
        assert one.take(b"more", 1.0) == one.end(1.0) == []


def test_the_profiles_have_names() -> None:
    assert list(Faults.PROFILES) == ["slow", "narrow", "sliced", "stalled", "half-open", "reset", "limited"]
    assert len(set(Faults.PROFILES.values())) == len(Faults.PROFILES)
    assert Faults.PROFILES["reset"] is Faults.RESET


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("delay_seconds", -1.0, "0 or more"),
        ("limit_bytes", -1, "0 or more"),
        ("slice_bytes", 0, "more than 0"),
        ("bandwidth_bytes_per_second", 0.0, "more than 0"),
    ],
)
def test_what_cannot_be_is_refused(name: str, value: float, allowed: str) -> None:
    with pytest.raises(LimitError, match=re.escape(f"{name} cannot be {value!r}; it must be {allowed}")):
        Faults(**{name: value})  # type: ignore[arg-type]
