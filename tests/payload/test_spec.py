"""Payloads by their names."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from landline.errors import UsageError
from landline.payload import Text, parse


class Point(msgspec.Struct):
    x: int


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("bytes", "bytes"),
        ("text", "text"),
        ("json", "json"),
        ("msgpack", "msgpack"),
        (Point, "json of Point"),
        (Point | int, "json of Point | int"),
        (dict[str, int], "json of dict[str, int]"),
        (Any, "json"),
    ],
)
def test_names_and_types(spec: Any, name: str) -> None:
    assert str(parse(spec)) == name


def test_a_payload_stays_what_it_is() -> None:
    payload = Text()
    assert parse(payload) is payload


@pytest.mark.parametrize("spec", ["xml", "", "JSON", None])
def test_what_is_no_payload(spec: Any) -> None:
    with pytest.raises(UsageError) as caught:
        parse(spec)
    assert str(caught.value) == (
        f"there is no payload {spec!r}; it is one of: bytes, text, json, msgpack, or a msgspec.Struct class"
    )
