"""Notices travel without a loss."""

from __future__ import annotations

import msgspec
import pytest

from landline.chat.notices import AnyNotice, Message, Page, Person, Presence, decode_notice, encode_notice

MESSAGE = Message(
    room="@ann,~b", seq=1, epoch="e", id="m", time=1.5, sender="~b", nick="Bob", body="Grüße\t\U0001f389", cid="c",
    is_bot=True, to="ann", to_nick="Ann",
)  # fmt: skip


@pytest.mark.parametrize(
    "notice",
    [MESSAGE, Page(kind="resume", room="@ann,~b", messages=[MESSAGE], more=True, ref=5),
     Presence(room="tea", count=2, came=[Person("ann", "Ann", "op", True)], went=[Person("~b", "Bob")])],
    ids=["message", "page", "presence"],
)  # fmt: skip
def test_a_notice_comes_back_as_it_went(notice: AnyNotice) -> None:
    assert decode_notice(encode_notice(notice)) == notice
    assert b"\n" not in encode_notice(notice)


def test_what_is_a_bot_is_called_so_on_the_wire() -> None:
    assert msgspec.json.decode(encode_notice(MESSAGE))["bot"] is True


def test_a_broken_notice_is_told_apart() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_notice(b"{}")
