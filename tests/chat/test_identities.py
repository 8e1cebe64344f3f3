"""Who somebody is: hello, tokens, nicks, and becoming somebody else in the middle of a room."""

from __future__ import annotations

import pytest

from landline.chat.bounds import Bounds
from landline.chat.effects import Present, Tick
from landline.chat.identities import MOST_DRAWS
from landline.chat.notices import (
    Account,
    Announcement,
    BotToken,
    Bye,
    Joined,
    Left,
    Members,
    Notice,
    Person,
    Presence,
    Refused,
    Renamed,
    Welcome,
)
from landline.chat.wire import Ban, Bot, Hello, Join, Leave, Login, Logout, Nick, Register, Who
from tests.chat.corerig import EASY, Rig


def code(notices: list[Notice]) -> str:
    """The code of the one refusal among these."""
    (refused,) = [notice for notice in notices if isinstance(notice, Refused)]
    return refused.code


def in_tea(rig: Rig, nick: str | None, token: str | None = None) -> int:
    session = rig.connect(nick, token=token)
    rig.ask(session, Join(room="tea"))
    return session


def members(rig: Rig, session: int) -> list[str]:
    rig.ask(session, Who(room="tea"))
    assert rig.last(session, Members).count == len(rig.last(session, Members).members)
    return sorted(one.nick for one in rig.last(session, Members).members)


def test_hello_is_said_once_and_in_a_version_that_is_known() -> None:
    rig = Rig()
    session = rig.call()
    assert code(rig.ask(session, Hello(version=2))) == "version"
    rig.ask(session, Hello(nick="ann", ref=7))
    assert (rig.last(session, Welcome).ref, rig.last(session, Welcome).nick) == (7, "ann")
    assert code(rig.ask(session, Hello())) == "twice"


@pytest.mark.parametrize("nick", ["guest-abcd", "admin", "a b", "\u202eann", "bоb", "x" * 33], ids=range(6))
def test_a_nick_that_cannot_be_had_is_told_and_another_is_given(nick: str) -> None:
    rig = Rig()
    session = rig.connect(nick)
    assert rig.last(session, Welcome).nick.startswith("guest-")
    assert rig.last(session, Announcement).code == "nick"
    assert code(rig.ask(session, Nick(nick=nick))) == "bad_name"


@pytest.mark.parametrize("nick", ["ann", "Ann", "4nn", "anп"], ids=range(4))
def test_a_nick_that_looks_like_one_in_use_is_refused(nick: str) -> None:
    rig = Rig()
    rig.connect("ann")
    session = rig.connect("bob")
    if nick == "4nn":
        rig.ask(session, Nick(nick=nick))
        assert rig.last(session, Account).nick == nick, "a four is no a"
    else:
        assert code(rig.ask(session, Nick(nick=nick))) in ("nick_taken", "bad_name")


def test_who_is_logged_in_is_called_as_the_account_is() -> None:
    rig = Rig()
    assert code(rig.ask(rig.owner("ann"), Nick(nick="bob"))) == "bad_name"


def test_changing_ones_nick_is_as_slow_as_talking() -> None:
    slow = {name: getattr(EASY, name) for name in EASY.__slots__} | {"session_burst": 2, "session_rate": 1}
    rig = Rig(bounds=Bounds(**slow))
    bob = rig.connect("bob")
    for nick in ("bill", "bert"):
        rig.ask(bob, Nick(nick=nick))
    assert code(rig.ask(bob, Nick(nick="bart"))) == "too_fast"


def test_a_nick_is_given_even_if_all_that_are_tried_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_DRAWS > 1
    monkeypatch.setattr("landline.chat.identities.guest_nick", lambda seed: "guest-aaaa")
    rig = Rig()
    first, second = rig.connect(), rig.connect()
    assert rig.last(first, Welcome).nick == "guest-aaaa"
    assert rig.last(second, Welcome).nick == f"guest-{rig.last(second, Welcome).id[1:]}"


def test_two_sessions_of_one_guest_are_one_person() -> None:
    rig = Rig()
    one = in_tea(rig, "bob")
    two = in_tea(rig, None, rig.last(one, Welcome).token)
    ann = in_tea(rig, "ann")
    assert members(rig, ann) == ["ann", "bob"]
    rig.leave(one)
    assert members(rig, ann) == ["ann", "bob"]
    rig.leave(two)
    assert members(rig, ann) == ["ann"]


def test_a_login_in_a_room_is_told_as_a_new_name() -> None:
    rig = Rig()
    rig.leave(rig.owner("ann"))
    bob, cleo = in_tea(rig, "bob"), in_tea(rig, "cleo")
    rig.feed(Tick())
    rig.forget()
    rig.ask(bob, Login(nick="ann", password="password of ann"))
    assert (rig.last(cleo, Renamed).old_nick, rig.last(cleo, Renamed).nick) == ("bob", "ann")
    rig.feed(Tick())
    assert not rig.heard(cleo, Presence)
    assert members(rig, cleo) == ["ann", "cleo"]


def test_a_login_of_one_of_two_sessions_makes_two_persons_of_one() -> None:
    rig = Rig()
    rig.leave(rig.owner("ann"))
    one = in_tea(rig, "bob")
    two = in_tea(rig, None, rig.last(one, Welcome).token)
    cleo = in_tea(rig, "cleo")
    rig.feed(Tick())
    rig.forget()
    rig.ask(two, Login(nick="ann", password="password of ann"))
    rig.feed(Tick())
    assert not rig.heard(one, Renamed), "the other session is still who it was"
    assert ([one.nick for one in rig.last(cleo, Presence).came], rig.last(cleo, Presence).went) == (["ann"], [])
    assert members(rig, cleo) == ["ann", "bob", "cleo"]


def test_a_login_as_somebody_who_is_in_the_room_already_is_one_less() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Join(room="tea"))
    bob = in_tea(rig, "bob")
    rig.feed(Tick())
    rig.forget()
    rig.ask(bob, Login(nick="ann", password="password of ann"))
    rig.feed(Tick())
    assert rig.last(ann, Presence).count == 1
    assert members(rig, ann) == ["ann"]


def test_who_goes_and_comes_back_by_a_login_within_a_tick_is_not_told_as_gone() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Join(room="tea"))
    bob, cleo = in_tea(rig, "bob"), in_tea(rig, "cleo")
    rig.feed(Tick())
    rig.forget()
    rig.ask(ann, Leave(room="tea"))
    rig.ask(bob, Login(nick="ann", password="password of ann"))
    rig.feed(Tick())
    assert all("ann" not in [one.nick for one in notice.went] for notice in rig.heard(cleo, Presence))


def test_who_comes_and_logs_in_within_a_tick_is_told_under_the_new_name() -> None:
    rig = Rig()
    rig.leave(rig.owner("ann"))
    cleo = in_tea(rig, "cleo")
    rig.feed(Tick())
    bob = in_tea(rig, "bob")
    rig.ask(bob, Login(nick="ann", password="password of ann"))
    rig.feed(Tick())
    assert [one.nick for one in rig.last(cleo, Presence).came] == ["ann"]


def test_a_logout_in_a_room_leaves_the_other_session_in_it() -> None:
    rig = Rig()
    one, two = rig.owner("ann"), rig.owner("ann")
    for session in (one, two):
        rig.ask(session, Join(room="tea"))
    rig.ask(one, Logout())
    assert len(members(rig, two)) == 2
    rig.ask(two, Logout())
    assert all(nick.startswith("guest-") for nick in members(rig, two))


def test_who_registers_with_two_sessions_keeps_the_nick_for_one() -> None:
    rig = Rig()
    one = rig.connect("ann")
    two = rig.connect(token=rig.last(one, Welcome).token)
    rig.ask(one, Register(password="long enough"))
    assert rig.last(one, Account).nick == "ann"
    assert rig.last(two, Renamed).nick.startswith("guest-")


def test_a_nick_of_another_node_is_in_use() -> None:
    rig = Rig()
    rig.feed(Present("two", [("", Person("~eve", "eve"))]))
    assert code(rig.ask(rig.connect("bob"), Nick(nick="Eve"))) == "nick_taken"


def test_an_operator_is_shown_as_one() -> None:
    rig = Rig(operators=("olga",))
    olga = rig.owner("olga", local=True)
    rig.ask(olga, Join(room="tea"))
    assert rig.last(olga, Joined).role == "operator"
    rig.feed(Present("two", [("tea", Person("boss", "boss", "operator"))]))
    rig.ask(olga, Who(room="tea"))
    assert {one.role for one in rig.last(olga, Members).members} == {"operator"}


def test_people_on_plain_text_are_guests_at_once_and_others_say_hello_first() -> None:
    rig = Rig()
    person, client = rig.call(person=True), rig.call()
    assert rig.last(person, Welcome).nick.startswith("guest-")
    assert not rig.told[client]
    assert code(rig.ask(person, Hello())) == "twice"


def test_a_token_brings_back_who_one_was_and_one_that_is_worth_nothing_is_refused() -> None:
    rig = Rig()
    bob, ann = rig.connect("bob"), rig.owner("ann")
    tokens = [rig.last(bob, Welcome).token, rig.last(ann, Account).token]
    ids = [rig.last(rig.connect(token=token), Welcome).id for token in tokens]
    assert ids == [rig.last(bob, Welcome).id, "ann"]
    assert code(rig.ask(rig.call(), Hello(token="nonsense"))) == "bad_token"
    plain = rig.call(secure=False)
    assert code(rig.ask(plain, Hello(token=tokens[1]))) == "not_secure"
    rig.ask(plain, Hello(token=tokens[0]))
    assert rig.last(plain, Welcome).id == ids[0], "that of a guest may travel anywhere"


def test_who_has_not_said_hello_in_time_is_sent_away() -> None:
    seconds = {name: getattr(EASY, name) for name in EASY.__slots__} | {"hello_seconds": 5}
    rig = Rig(bounds=Bounds(**seconds))
    early, gone = rig.call(), rig.call()
    rig.steady = 3
    late = rig.call()
    rig.leave(gone)
    rig.leave(gone)
    rig.steady = 5
    rig.feed(Tick())
    assert rig.ended == {early: "idle"}
    assert rig.last(early, Bye).text == "no hello came within 5 s"
    rig.steady = 8
    rig.feed(Tick())
    assert rig.ended == {early: "idle", late: "idle"}


def test_who_becomes_somebody_who_is_banned_goes_from_the_room() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.leave(rig.owner("bob"))
    rig.ask(ann, Join(room="tea"))
    rig.ask(ann, Ban(room="tea", nick="bob", reason="spam"))
    guest = in_tea(rig, "eve")
    rig.ask(guest, Login(nick="bob", password="password of bob"))
    left = rig.last(guest, Left)
    assert (left.room, left.by, left.reason, left.banned_until) == ("tea", "ann", "spam", 0.0)
    assert members(rig, ann) == ["ann"]


def test_a_bot_has_no_token_but_the_one_it_came_with() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Bot(name="ticker"))
    welcome = rig.last(rig.connect(token=rig.last(ann, BotToken).token), Welcome)
    assert (welcome.account, welcome.token) == ("ticker", "")


def test_in_a_large_room_a_new_nick_is_not_told() -> None:
    small = {name: getattr(EASY, name) for name in EASY.__slots__} | {"members_told": 1}
    rig = Rig(bounds=Bounds(**small))
    ann, bob = in_tea(rig, "ann"), in_tea(rig, "bob")
    rig.ask(bob, Nick(nick="rob"))
    assert rig.heard(bob, Renamed)
    assert not rig.heard(ann, Renamed)


def test_a_nick_of_an_account_is_nobody_elses_and_neither_is_one_that_looks_like_it() -> None:
    rig = Rig()
    rig.leave(rig.owner("Ilya"))
    bob = rig.connect("bob")
    texts = [notice.text for nick in ("ilya", "llya") for notice in rig.ask(bob, Nick(nick=nick))]  # type: ignore[attr-defined]
    assert texts == [
        "ilya belongs to somebody; log in, or take another nick",
        "llya looks like Ilya, which belongs to somebody; log in, or take another nick",
    ]
    rig.connect("Ida")
    texts = [notice.text for nick in ("ida", "lda") for notice in rig.ask(bob, Nick(nick=nick))]  # type: ignore[attr-defined]
    assert texts == [
        "ida is in use; take another nick",
        "lda is too much like Ida, who is here; take another nick",
    ]


def test_who_is_called_otherwise_before_it_was_told_that_one_came_comes_under_the_new_nick() -> None:
    rig = Rig()
    ann = in_tea(rig, "ann")
    rig.feed(Tick())
    bob = in_tea(rig, "bob")
    rig.ask(bob, Join(room="den"))
    rig.feed(Tick())
    rig.ask(bob, Nick(nick="rob"))
    rig.forget()
    rig.feed(Tick())
    assert not rig.heard(ann, Presence), "it was told as a new nick"


def test_only_who_is_logged_in_can_log_out() -> None:
    rig = Rig()
    assert code(rig.ask(rig.connect("bob"), Logout())) == "not_logged_in"
