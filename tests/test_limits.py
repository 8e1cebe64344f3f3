"""Limits: defaults, ranges, and NAME=VALUE as it stands on a command line."""

from dataclasses import Field, asdict, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.errors import LimitError
from landline.limits import Limits, parse_limit


def test_the_defaults() -> None:
    """People rely on them: a change is deliberate, and is in the change log."""
    assert asdict(Limits()) == {
        "max_message_bytes": 1_048_576,
        "message_seconds": 30.0,
        "max_connections": None,
        "max_connections_per_peer": 1024,
        "max_threads": 256,
        "send_buffer_bytes": 262_144,
        "receive_buffer_bytes": 262_144,
        "slow_reader_seconds": 30.0,
        "linger_seconds": 2.0,
        "drain_seconds": 10.0,
        "keepalive_idle_seconds": 60,
        "keepalive_interval_seconds": 15,
        "keepalive_probes": 4,
        "udp_receive_buffer_bytes": 4_194_304,
    }


@pytest.mark.parametrize("bound", fields(Limits), ids=lambda bound: bound.name)
def test_each_bound_has_a_unit_a_reason_and_a_default_in_its_range(bound: Field[Any]) -> None:
    name, metadata, default = bound.name, bound.metadata, bound.default
    assert metadata["unit"] and metadata["reason"]
    assert metadata["unit"] in name or metadata["unit"] in ("connections", "probes")
    assert default is None or metadata["least"] <= default <= metadata["most"]


@pytest.mark.parametrize("bound", fields(Limits), ids=lambda bound: bound.name)
def test_the_ends_of_each_range(bound: Field[Any]) -> None:
    name, least, most = bound.name, bound.metadata["least"], bound.metadata["most"]
    for value in (least, most):
        assert getattr(replace(Limits(), **{name: value}), name) == value
    for value in (least - 1, most + 1):
        with pytest.raises(LimitError) as caught:
            replace(Limits(), **{name: value})
        assert (caught.value.name, caught.value.value) == (name, value)


WHOLE = "it must be a whole number from 1 to 1099511627776"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("max_message_bytes", 0, f"max_message_bytes cannot be 0; {WHOLE}"),
        ("max_message_bytes", 2**40 + 1, f"max_message_bytes cannot be 1099511627777; {WHOLE}"),
        ("max_message_bytes", 1.5, f"max_message_bytes cannot be 1.5; {WHOLE}"),
        ("max_message_bytes", "1024", f"max_message_bytes cannot be '1024'; {WHOLE}"),
        ("max_message_bytes", True, f"max_message_bytes cannot be True; {WHOLE}"),
        ("max_message_bytes", None, f"max_message_bytes cannot be None; {WHOLE}"),
        ("message_seconds", 0, "message_seconds cannot be 0; it must be a number from 0.001 to 86400"),
        ("message_seconds", float("nan"), "message_seconds cannot be nan; it must be a number from 0.001 to 86400"),
        ("message_seconds", float("inf"), "message_seconds cannot be inf; it must be a number from 0.001 to 86400"),
        ("message_seconds", None, "message_seconds cannot be None; it must be a number from 0.001 to 86400"),
        ("drain_seconds", -0.1, "drain_seconds cannot be -0.1; it must be a number from 0 to 86400"),
        ("max_connections", 0, "max_connections cannot be 0; it must be a whole number from 1 to 10000000"),
    ],
)
def test_values_out_of_range(name: str, value: object, sentence: str) -> None:
    with pytest.raises(LimitError) as caught:
        replace(Limits(), **{name: value})  # type: ignore[arg-type]
    assert str(caught.value) == sentence


def test_seconds_may_be_whole() -> None:
    assert Limits(message_seconds=5).message_seconds == 5
    assert Limits(drain_seconds=0).drain_seconds == 0


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("max_message_bytes=4096", "max_message_bytes", 4096),
        ("max_connections=60", "max_connections", 60),
        ("message_seconds=2.5", "message_seconds", 2.5),
        ("drain_seconds=0", "drain_seconds", 0.0),
        ("slow_reader_seconds=1e2", "slow_reader_seconds", 100.0),
    ],
)
def test_parse_limit(text: str, name: str, value: float) -> None:
    assert parse_limit(text) == (name, value)
    assert getattr(Limits(**dict([parse_limit(text)])), name) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("max_message_bytes", f"max_message_bytes cannot be ''; {WHOLE}"),
        ("max_message_bytes=", f"max_message_bytes cannot be ''; {WHOLE}"),
        ("max_message_bytes=1k", f"max_message_bytes cannot be '1k'; {WHOLE}"),
        ("max_message_bytes=1.5", f"max_message_bytes cannot be '1.5'; {WHOLE}"),
        ("max_message_bytes=0", f"max_message_bytes cannot be 0; {WHOLE}"),
        ("max_connections=None", "max_connections cannot be 'None'; it must be a whole number from 1 to 10000000"),
        ("message_seconds=soon", "message_seconds cannot be 'soon'; it must be a number from 0.001 to 86400"),
        ("message_seconds=nan", "message_seconds cannot be nan; it must be a number from 0.001 to 86400"),
    ],
)
def test_a_limit_that_cannot_be_read(text: str, sentence: str) -> None:
    with pytest.raises(LimitError) as caught:
        parse_limit(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("text", ["", "=1", "max_messages=1", "Max_Message_Bytes=1"])
def test_an_unknown_limit_names_those_there_are(text: str) -> None:
    with pytest.raises(LimitError) as caught:
        parse_limit(text)
    name = text.partition("=")[0]
    known = ", ".join(bound.name for bound in fields(Limits))
    assert str(caught.value) == f"a limit cannot be {name!r}; it must be one of {known}, written NAME=VALUE"


@given(st.text() | st.text("0123456789.e-+naif").map("message_seconds=".__add__))
def test_any_text_is_a_limit_or_refused(text: str) -> None:
    try:
        name, value = parse_limit(text)
    except LimitError:
        return
    assert getattr(Limits(**{name: value}), name) == value
