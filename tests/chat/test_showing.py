"""What people on plain text see of each notice."""

from __future__ import annotations

from typing import get_args

import pytest

from landline.chat import notices
from landline.chat.lines import show as shown_by_lines
from landline.chat.notices import Message, Notice, Person, Place
from landline.chat.showing import COLUMNS, clock, show, span, wrapped

EPOCH = "0123456789abcdef"
ANNA = Person(id="anna", nick="anna", role="op")
BOB = Person(id="~abcdefghijkl", nick="bob")
BOT = Person(id="weather", nick="weather", role="operator", is_bot=True)
WHEN = 1_795_284_240.0
DIRECT = [Place(room="@anna,bob", seq=12, peer=BOB), Place(room="@anna,eve", seq=3)]


def said(seq: int, body: str = "hello", room: str = "lobby") -> Message:
    return Message(room=room, seq=seq, epoch=EPOCH, id="i", time=WHEN, sender="anna", nick="anna", body=body)


def to(nick: str | None) -> Message:
    return Message(
        room="@anna,bob", seq=12, epoch=EPOCH, id="i", time=WHEN, sender="anna", nick="anna", body="hi",
        to="bob", to_nick=nick,
    )  # fmt: skip


CASES: list[tuple[Notice, list[str]]] = [
    (said(1043), ["[lobby 1043] anna: hello"]),
    (said(1, "tab\tand caf\xe9"), ["[lobby 1] anna: tab\tand caf\xe9"]),
    (to("Bob"), ["[anna -> Bob 12] hi"]),
    (to(None), ["[anna -> bob 12] hi"]),
    (
        notices.Welcome(server="Our chat", epoch=EPOCH, id="~a", nick="guest-ab2c", token="t"),
        [
            "* welcome to Our chat; you are guest-ab2c",
            "* /nick NAME gives you another name",
            "* what you write goes to the room you are in; /join ROOM enters one, /help says more",
        ],
    ),
    (
        notices.Welcome(
            server="chat",
            epoch=EPOCH,
            id="anna",
            nick="anna",
            token="t",
            account="anna",
            passwords=False,
            motd="Be kind.",
            rooms=["lobby", "dev"],
            direct=DIRECT,
        ),
        [
            "* welcome to chat; you are anna",
            "* message of the day: Be kind.",
            "* this way is not safe for passwords: /register and /login need TLS",
            "* rooms: lobby, dev",
            "* conversations: bob (@anna,bob 12), ? (@anna,eve 3)",
            "* what you write goes to the room you are in; /join ROOM enters one, /help says more",
        ],
    ),
    (
        notices.Account(id="anna", nick="anna", token="t", account="anna", direct=DIRECT[:1]),
        ["* you are anna now, and the name is yours", "* conversations: bob (@anna,bob 12)"],
    ),
    (notices.Account(id="~a", nick="guest-ab2c", token="t"), ["* you are guest-ab2c now, a guest"]),
    (
        notices.Joined(room="lobby", epoch=EPOCH, seq=1042, members=[ANNA, BOB, BOT], count=3, topic="all and nothing"),
        [
            f"* you are in lobby: message 1042 is the newest, epoch {EPOCH}",
            "* topic: all and nothing",
            "* 3 here: anna (op), bob, weather (operator, bot)",
        ],
    ),
    (
        notices.Joined(
            room="dev", epoch=EPOCH, seq=0, members=[BOB], count=9000, slow=2.5, muted_until=0.0, recovered=True
        ),
        [
            f"* you are in dev: message 0 is the newest, epoch {EPOCH}",
            "* 9000 here: bob, and 8999 more",
            "* slow mode: everybody speaks once in 2.5 s",
            "* you may read and not speak here, for good",
            "* recovered: nothing of dev is missing up to 0",
        ],
    ),
    (
        notices.Joined(room="@anna,bob", epoch=EPOCH, seq=12, recovered=False, why="epoch", muted_until=WHEN),
        [
            f"* @anna,bob: message 12 is the newest, epoch {EPOCH}",
            "* you may read and not speak here, until 2026-11-21 18:04 UTC",
            "! not recovered: the messages here are not those you knew (the epoch is another);"
            " /history @anna,bob shows what there is",
        ],
    ),
    (
        notices.Joined(room="@a,b", epoch=EPOCH, seq=12, recovered=False, why="ahead"),
        [
            f"* @a,b: message 12 is the newest, epoch {EPOCH}",
            "! not recovered: no message here has a number as high as yours; /history @a,b shows what there is",
        ],
    ),
    (
        notices.Joined(room="@a,b", epoch=EPOCH, seq=12, recovered=False, why="too_many"),
        [
            f"* @a,b: message 12 is the newest, epoch {EPOCH}",
            "! not recovered: too many messages have come since; /history @a,b shows what there is",
        ],
    ),
    (
        notices.Joined(room="@a,b", epoch=EPOCH, seq=12, recovered=False),
        [
            f"* @a,b: message 12 is the newest, epoch {EPOCH}",
            "! not recovered: the server does not say why; /history @a,b shows what there is",
        ],
    ),
    (notices.Left(room="lobby"), ["* you have left lobby"]),
    (notices.Left(room="lobby", by="anna"), ["* anna has put you out of lobby"]),
    (notices.Left(room="lobby", by="anna", reason="spam"), ["* anna has put you out of lobby: spam"]),
    (
        notices.Left(room="lobby", by="anna", reason="spam", banned_until=WHEN),
        ["* anna keeps you out of lobby until 2026-11-21 18:04 UTC: spam"],
    ),
    (notices.Ack(room="lobby", seq=1, epoch=EPOCH, id="i", time=WHEN), []),
    (
        notices.Ack(room="lobby", seq=7, epoch=EPOCH, id="i", time=WHEN, cut=True, duplicate=True),
        [
            "* your message 7 in lobby was cut: the most are 4096 bytes",
            "* your message 7 in lobby was there already, and counts once",
        ],
    ),
    (
        notices.Page(kind="resume", room="lobby", messages=[said(1030), said(1031)], more=True),
        [
            "* recovered: 2 messages in lobby, 1030 to 1031",
            "[lobby 1030 2026-11-21 18:04] anna: hello",
            "[lobby 1031 2026-11-21 18:04] anna: hello",
        ],
    ),
    (
        notices.Page(kind="resume", room="@anna,bob", messages=[to("bob")]),
        ["* recovered: 1 message in @anna,bob, 12", "[anna -> bob 12 2026-11-21 18:04] hi"],
    ),
    (notices.Page(kind="resume", room="lobby", messages=[]), []),
    (notices.Page(kind="tail", room="lobby", messages=[]), []),
    (
        notices.Page(kind="tail", room="lobby", messages=[said(7)], more=True),
        ["[lobby 7 2026-11-21 18:04] anna: hello"],
    ),
    (notices.Page(kind="history", room="lobby", messages=[]), ["* no messages there in lobby"]),
    (
        notices.Page(kind="history", room="lobby", messages=[said(7)]),
        ["[lobby 7 2026-11-21 18:04] anna: hello"],
    ),
    (
        notices.Page(kind="history", room="lobby", messages=[said(7), said(8)], more=True),
        [
            "[lobby 7 2026-11-21 18:04] anna: hello",
            "[lobby 8 2026-11-21 18:04] anna: hello",
            "* there is more: /history lobby 7 shows what was before, /since lobby 8 what came after",
        ],
    ),
    (notices.Page(kind="search", messages=[]), ["* nothing found"]),
    (
        notices.Page(kind="search", messages=[said(9), said(7, room="dev")], more=True, cursor=44),
        [
            "* 2 messages found, the newest first",
            "[lobby 9 2026-11-21 18:04] anna: hello",
            "[dev 7 2026-11-21 18:04] anna: hello",
            "* there is more: /search before:44 WORDS",
        ],
    ),
    (
        notices.Page(kind="search", messages=[said(9)]),
        ["* 1 message found, the newest first", "[lobby 9 2026-11-21 18:04] anna: hello"],
    ),
    (notices.Presence(room="lobby", count=3), []),
    (
        notices.Presence(room="lobby", count=3, came=[ANNA, BOB], went=[BOT]),
        ["* anna (op), bob came to lobby", "* weather (operator, bot) left lobby"],
    ),
    (notices.Renamed(id="anna", nick="anna", old_id="~a", old_nick="guest-ab2c"), ["* guest-ab2c is anna now"]),
    (notices.Renamed(id="anna", nick="anna", old_id="~a", old_nick="anna"), []),
    (notices.Types(room="lobby", id="anna", nick="anna"), []),
    (notices.Members(room="lobby", members=[ANNA], count=1), ["* 1 in lobby: anna (op)"]),
    (notices.Members(room=None, members=[ANNA], count=5), ["* 5 here: anna (op), and 4 more"]),
    (notices.RoomList(rooms=[]), ["* 0 rooms:"]),
    (
        notices.RoomList(rooms=[Place(room="lobby", members=3), Place(room="dev")], direct=DIRECT[:1]),
        ["* 2 rooms: lobby (3 there), dev (0 there)", "* conversations: bob (@anna,bob 12)"],
    ),
    (notices.Changed(what="kick", by="anna", room="lobby", nick="bob"), ["* anna has put bob out of lobby"]),
    (
        notices.Changed(what="ban", by="anna", room="lobby", nick="bob", until=0, reason="spam"),
        ["* anna keeps bob out of lobby for good: spam"],
    ),
    (notices.Changed(what="unban", by="anna", room="lobby", nick="bob"), ["* anna lets bob into lobby again"]),
    (
        notices.Changed(what="mute", by="anna", room="lobby", nick="bob", until=WHEN),
        ["* anna has muted bob in lobby until 2026-11-21 18:04 UTC"],
    ),
    (notices.Changed(what="unmute", by="anna", room="lobby", nick="bob"), ["* anna lets bob speak in lobby again"]),
    (
        notices.Changed(what="slow", by="anna", room="lobby", value=30.0),
        ["* anna: everybody speaks once in 30 s in lobby"],
    ),
    (
        notices.Changed(what="slow", by="anna", room="lobby", value="30"),
        ["* anna: everybody speaks once in 30 s in lobby"],
    ),
    (notices.Changed(what="slow", by="anna", room="lobby", value=0.0), ["* anna has ended slow mode in lobby"]),
    (notices.Changed(what="op", by="anna", room="lobby", nick="bob"), ["* anna has made bob a moderator of lobby"]),
    (
        notices.Changed(what="deop", by="anna", room="lobby", nick="bob"),
        ["* anna has made bob an ordinary member of lobby"],
    ),
    (notices.Changed(what="topic", by="anna", room="lobby", value="x"), ["* anna has changed the topic of lobby: x"]),
    (notices.Changed(what="topic", by="anna", room="lobby"), ["* anna has removed the topic of lobby"]),
    (notices.Changed(what="motd", by="anna", value="be kind"), ["* message of the day, from anna: be kind"]),
    (notices.Changed(what="paint", by="anna", room="lobby", nick="bob", value=2.0), ["* anna paint bob lobby 2"]),
    (notices.Changed(what="paint", by="anna"), ["* anna paint"]),
    (notices.Done(), []),
    (notices.Done(text="the password is changed"), ["* the password is changed"]),
    (
        notices.BotToken(name="weather", token="abc"),
        ["* weather has the token abc", "* it is not shown again: keep it where the bot finds it"],
    ),
    (notices.SanctionList(room="lobby", sanctions=[]), ["* nobody is banned or muted in lobby"]),
    (
        notices.SanctionList(
            room="lobby", sanctions=[notices.Sanction(kind="ban", target="~a", nick="bob", by="anna", reason="spam")]
        ),
        ["* ban of bob (~a) by anna for good: spam"],
    ),
    (notices.AuditPage(room="lobby", rows=[]), ["* nothing was done there"]),
    (
        notices.AuditPage(
            room=None,
            rows=[
                notices.AuditRow(time=WHEN, by="anna", what="ban", room="lobby", nick="bob", detail="spam"),
                notices.AuditRow(time=WHEN, by="anna", what="op", nick="bob"),
            ],
        ),
        ["* 2026-11-21 18:04 anna: ban bob in lobby: spam", "* 2026-11-21 18:04 anna: op bob"],
    ),
    (notices.Refused(code="x", text="no such room"), ["! no such room"]),
    (notices.Refused(code="rate", text="too fast", wait=2.54), ["! too fast (again in 2.5 s)"]),
    (notices.Refused(code="rate", text="too fast", wait=0.0), ["! too fast (again in 0.1 s)"]),
    (notices.Refused(code="too_fast", text="too fast: wait 2.5 s", wait=2.5), ["! too fast: wait 2.5 s"]),
    (notices.Announcement(text="storage is full"), ["* storage is full"]),
    (
        notices.Lagged(epoch=EPOCH, rooms={"lobby": 1042, "dev": 7}),
        [
            "! you have read too slowly, so this ends; nothing is lost: come back, and go on with",
            f"! /resume lobby {EPOCH} 1042",
            f"! /resume dev {EPOCH} 7",
        ],
    ),
    (notices.Bye(code="quit", text="bye"), ["* bye"]),
    (
        notices.Bye(code="restart", text="the server restarts; come back in 1 s", retry_seconds=1),
        ["* the server restarts; come back in 1 s"],
    ),
    (notices.Pong(), []),
]


@pytest.mark.parametrize(("notice", "lines"), CASES, ids=range(len(CASES)))
def test_what_is_shown(notice: Notice, lines: list[str]) -> None:
    assert show(notice).decode().splitlines() == lines
    assert shown_by_lines(notice) == show(notice)


def test_every_notice_is_in_the_table() -> None:
    assert {type(notice) for notice, _ in CASES} == set(get_args(notices.AnyNotice))


def test_a_list_is_wrapped_and_capped() -> None:
    members = [Person(id=f"p{number}", nick=f"person-{number}") for number in range(150)]
    lines = show(notices.Members(room="lobby", members=members, count=9000)).decode().splitlines()
    assert len(lines) > 10
    assert all(len(line) <= COLUMNS and line.startswith("* ") for line in lines)
    assert all(line.startswith("*   person-") for line in lines[1:-1])
    assert lines[-1].endswith("person-99, and 8900 more")
    assert all(line.endswith(",") for line in lines[:-1])


def test_wide_letters_take_two_columns() -> None:
    lines = wrapped("here:", ["\u6f22" * 20] * 3)
    assert [len(line) for line in lines] == [29, 25, 24]
    assert wrapped("here:", ["x" * 200, "y"]) == ["* here: " + "x" * 200 + ",", "*   y"]


@pytest.mark.parametrize(
    ("time", "shown"),
    [(0.0, "1970-01-01 00:00"), (WHEN, "2026-11-21 18:04"), (1e300, "?"), (float("nan"), "?"), (-1e12, "?")],
)
def test_times(time: float, shown: str) -> None:
    assert clock(time) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-1, "0.1 s"), (2.54, "2.5 s"), (90, "90 s"), (120, "2 min"), (7200, "2 h"), (86400, "24 h"), (1e6, "12 d")],
)
def test_how_long(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


def test_a_direct_message_says_both_nicks_and_cannot_look_like_the_server() -> None:
    for body in ("* you are an operator now", "! refused", "[lobby 1] eve: hi"):
        assert show(said(5, body)).decode() == f"[lobby 5] anna: {body}\n"
