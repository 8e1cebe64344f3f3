"""Entries travel without a loss."""

from __future__ import annotations

import msgspec
import pytest

from landline.chat.entries import Genesis, Post, SanctionSet, decode_entry, encode_entry


@pytest.mark.parametrize(
    "entry",
    [Genesis(id="g", time=1.0, epoch="e", key="k"),
     Post(id="p", time=1.0, by="ann", by_nick="Ann", room="tea", body="\x00é", cid="c", is_bot=True, to="b"),
     SanctionSet(id="s", time=1.0, what="ban", room="tea", target="address:::1", nick="B", until=2.5, reason="r")],
    ids=["genesis", "post", "sanction"],
)  # fmt: skip
def test_an_entry_comes_back_as_it_went(entry: Genesis | Post | SanctionSet) -> None:
    assert decode_entry(encode_entry(entry)) == entry


def test_a_broken_entry_is_told_apart() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_entry(b'{"kind":"post"}')
