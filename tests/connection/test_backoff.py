"""The waits between attempts: they grow, stay in their bounds, and are a matter of arithmetic."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.connection.backoff import Backoff
from landline.errors import LimitError


@pytest.mark.parametrize(
    ("attempt", "draw", "seconds"),
    [
        (1, 0.0, 0.2),
        (1, 0.5, 0.15),
        (2, 0.0, 0.4),
        (3, 0.0, 0.8),
        (8, 0.0, 25.6),
        (9, 0.0, 30.0),
        (9, 0.5, 22.5),
        (100_000, 0.0, 30.0),
    ],
)
def test_a_delay(attempt: int, draw: float, seconds: float) -> None:
    assert Backoff().delay(attempt, draw) == pytest.approx(seconds)


def test_without_jitter_chance_has_no_say_and_without_growth_all_waits_are_equal() -> None:
    even = Backoff(first_seconds=3.0, factor=1.0, most_seconds=3.0, jitter=0.0)
    assert {even.delay(attempt, draw) for attempt in (1, 2, 50) for draw in (0.0, 0.9)} == {3.0}


@given(
    st.floats(0.001, 86_400.0),
    st.floats(1.0, 100.0),
    st.floats(0.0, 1.0),
    st.integers(1, 10**9),
    st.floats(0.0, 1.0, exclude_max=True),
)
def test_a_delay_is_within_its_bounds_and_never_shorter_than_the_one_before(
    first: float, factor: float, jitter: float, attempt: int, draw: float
) -> None:
    backoff = Backoff(first_seconds=first, factor=factor, most_seconds=86_400.0, jitter=jitter)
    full = backoff.delay(attempt, 0.0)
    assert first * (1 - 1e-9) <= full <= 86_400.0
    assert full * (1 - jitter) * (1 - 1e-9) <= backoff.delay(attempt, draw) <= full
    assert full <= backoff.delay(attempt + 1, 0.0) * (1 + 1e-9)


def test_attempts_end_only_where_a_number_is_given() -> None:
    assert [Backoff(max_attempts=3).exhausted(attempts) for attempts in (1, 2, 3, 4)] == [False, False, True, True]
    assert not Backoff().exhausted(10**9)


def test_a_connection_that_stood_long_enough_is_steady() -> None:
    assert [Backoff(steady_seconds=5.0).steady(seconds) for seconds in (0.0, 4.9, 5.0)] == [False, False, True]
    assert Backoff(steady_seconds=0).steady(0.0)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("first_seconds", 0, "first_seconds cannot be 0; it must be a number from 0.001 to 86400"),
        ("factor", 0.5, "factor cannot be 0.5; it must be a number from 1 to 100"),
        ("most_seconds", 0.1, "most_seconds cannot be 0.1; it must be a number from 0.2 to 86400"),
        ("jitter", 1.1, "jitter cannot be 1.1; it must be a number from 0 to 1"),
        ("jitter", math.nan, "jitter cannot be nan; it must be a number from 0 to 1"),
        ("steady_seconds", "10", "steady_seconds cannot be '10'; it must be a number from 0 to 86400"),
        ("max_attempts", 0, "max_attempts cannot be 0; it must be a whole number from 1, or None for no end"),
        ("max_attempts", 2.0, "max_attempts cannot be 2.0; it must be a whole number from 1, or None for no end"),
        ("factor", True, "factor cannot be True; it must be a number from 1 to 100"),
    ],
)
def test_a_value_out_of_its_range(name: str, value: object, sentence: str) -> None:
    with pytest.raises(LimitError) as caught:
        Backoff(**{name: value})  # type: ignore[arg-type]
    assert str(caught.value) == sentence
