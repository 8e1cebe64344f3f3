"""What the audit log says about each kind of entry."""

from __future__ import annotations

from typing import Any

import pytest

from landline.chat.auditing import audit_row
from landline.chat.entries import (
    AccountMade,
    Entry,
    Genesis,
    Kicked,
    MotdSet,
    Post,
    RoleSet,
    RoomOpened,
    SanctionLifted,
    SanctionSet,
    SecretSet,
    SlowSet,
    TopicSet,
)
from landline.chat.notices import AuditRow

FROM: dict[str, Any] = {"id": "e1", "time": 100.0, "by": "ann", "by_nick": "Ann"}
SECRET = "nobody is to see this"


def made(bot_of: str | None) -> AccountMade:
    return AccountMade(**FROM, account="bob", nick="Bob", skeleton="b0b", secret=SECRET, bot_of=bot_of)


def sanction(what: str, target: str, until: float | None, reason: str) -> SanctionSet:
    return SanctionSet(**FROM, what=what, room="tea", target=target, nick="Bob", until=until, reason=reason)


@pytest.mark.parametrize(
    ("entry", "row"),
    [
        (Genesis(id="g", time=0.0, epoch="e", key=SECRET), None),
        (Post(**FROM, room="tea", body="hello"), None),
        (made(None), ("register", None, "Bob", "")),
        (made("ann"), ("bot", None, "Bob", "owned by ann")),
        (SecretSet(**FROM, account="ann", secret=SECRET, generation=1), ("password", None, "ann", "")),
        (SecretSet(**FROM, account="bob", secret=SECRET, generation=1), ("token", None, "bob", "")),
        (SecretSet(**FROM, account="bob", secret="", generation=1), ("unbot", None, "bob", "")),
        (RoomOpened(**FROM, room="tea", owner="ann"), ("open", "tea", "ann", "")),
        (RoomOpened(**FROM, room="tea"), ("open", "tea", "", "")),
        (RoleSet(**FROM, room="tea", account="bob", nick="Bob", role="op"), ("op", "tea", "Bob", "")),
        (RoleSet(**FROM, room="tea", account="bob", nick="Bob", role=""), ("deop", "tea", "Bob", "")),
        (sanction("ban", "bob", None, ""), ("ban", "tea", "Bob", "for good")),
        (sanction("mute", "~b", 160.0, "noise"), ("mute", "tea", "Bob", "for 60 s; noise")),
        (sanction("ban", "address:::1", 90.0, ""), ("ban", "tea", "Bob", "guests from there; for 0 s")),
        (SanctionLifted(**FROM, what="ban", room="tea", targets=["bob"], nick="Bob"), ("unban", "tea", "Bob", "")),
        (Kicked(**FROM, room="tea", target="~b", nick="Bob", reason="noise"), ("kick", "tea", "Bob", "noise")),
        (SlowSet(**FROM, room="tea", seconds=2.5), ("slow", "tea", "", "2.5 s")),
        (SlowSet(**FROM, room="tea", seconds=0), ("slow", "tea", "", "off")),
        (TopicSet(**FROM, room="tea", text="Leaves"), ("topic", "tea", "", "Leaves")),
        (MotdSet(**FROM, text="Welcome"), ("motd", None, "", "Welcome")),
    ],
)
def test_a_row_says_who_did_what_and_no_secret(entry: Entry, row: tuple[str, str | None, str, str] | None) -> None:
    said = audit_row(entry)
    assert said == (None if row is None else AuditRow(100.0, "Ann", *row))
    assert SECRET not in str(said)


def test_who_has_no_nick_is_named_by_id() -> None:
    row = audit_row(MotdSet(id="e", time=1.0, by="~abc", text=""))
    assert row is not None
    assert row.by == "~abc"
