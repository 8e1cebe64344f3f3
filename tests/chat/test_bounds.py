"""The settings that bound a chat."""

from __future__ import annotations

import math

import pytest

from landline.chat.bounds import Bounds, parse_bound
from landline.errors import LimitError


@pytest.mark.parametrize(
    ("name", "value"),
    [("rooms", 0), ("rooms", -1), ("rooms", 1.5), ("rooms", True), ("session_rate", 0), ("hello_seconds", math.inf),
     ("session_rate", math.nan), ("session_burst", "5"), ("outbox_bytes", 10**10)],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_with_its_name(name: str, value: object) -> None:
    with pytest.raises(LimitError, match=name):
        Bounds(**{name: value})  # type: ignore[arg-type]


def test_rates_and_seconds_need_not_be_whole() -> None:
    assert Bounds(session_rate=0.5, hello_seconds=1.5).session_rate == 0.5


@pytest.mark.parametrize(
    ("text", "pair"), [("rooms=5", ("rooms", 5)), ("session_rate=0.5", ("session_rate", 0.5))], ids=["whole", "not"]
)
def test_a_bound_is_written_as_name_and_value(text: str, pair: tuple[str, float]) -> None:
    assert parse_bound(text) == pair


@pytest.mark.parametrize(("text", "problem"), [("room=5", "session_rate"), ("rooms=many", "many"), ("rooms", "rooms")])
def test_what_is_no_bound_is_refused_with_a_sentence(text: str, problem: str) -> None:
    with pytest.raises(LimitError, match=problem):
        parse_bound(text)
