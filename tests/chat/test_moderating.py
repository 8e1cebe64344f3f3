"""Moderation: who may do what, to whom, for how long, and what the others hear."""

from __future__ import annotations

import pytest

from landline.chat.effects import Applied
from landline.chat.entries import Outcome, SanctionSet, TopicSet
from landline.chat.moderating import address_group, role_of
from landline.chat.notices import (
    AuditPage,
    Changed,
    Done,
    Joined,
    Left,
    Members,
    Message,
    Notice,
    Person,
    Refused,
    SanctionList,
    Welcome,
)
from landline.chat.rooms import MOST_SANCTIONS
from landline.chat.wire import (
    Audit,
    Ban,
    Deop,
    History,
    Join,
    Kick,
    Login,
    Motd,
    Msg,
    Mute,
    Op,
    Register,
    Request,
    Sanctions,
    Say,
    Search,
    Slow,
    Topic,
    Unban,
    Unmute,
    Who,
)
from tests.chat.corerig import Rig

MODERATION: list[Request] = [
    Kick(room="tea", nick="bob"), Ban(room="tea", nick="bob"), Unban(room="tea", nick="bob"),
    Mute(room="tea", nick="bob"), Unmute(room="tea", nick="bob"), Slow(room="tea", seconds=1),
    Op(room="tea", nick="ann"), Deop(room="tea", nick="ann"), Topic(room="tea", text="mine"), Sanctions(room="tea"),
    Audit(room="tea"), Audit(), Motd(text="mine"),
]  # fmt: skip


def code(notices: list[Notice]) -> str:
    """The code of the one refusal among these."""
    (refused,) = [notice for notice in notices if isinstance(notice, Refused)]
    return refused.code


class Tea:
    """A room that ann moderates, bob is a guest in, and olga could do everything in."""

    def __init__(self) -> None:
        self.rig = Rig(operators=("olga",))
        self.olga = self.rig.owner("olga", local=True)
        self.ann = self.rig.owner("ann", address="192.0.2.5")
        self.bob = self.rig.connect("bob", address="192.0.2.7")
        for session in (self.ann, self.olga, self.bob):
            self.rig.ask(session, Join(room="tea"))
        self.rig.forget()

    def another(self, nick: str = "bobby", address: str = "192.0.2.7") -> int:
        return self.rig.connect(nick, address=address)


@pytest.mark.parametrize("request_", MODERATION, ids=lambda one: type(one).__name__)
def test_a_member_may_do_none_of_it(request_: Request) -> None:
    tea = Tea()
    assert code(tea.rig.ask(tea.bob, request_)) == "not_allowed"


@pytest.mark.parametrize("request_", MODERATION, ids=lambda one: type(one).__name__)
def test_nobody_moderates_a_conversation(request_: Request) -> None:
    tea = Tea()
    tea.rig.ask(tea.olga, Msg(to="ann", body="hello"))
    if getattr(request_, "room", None):
        values = {name: getattr(request_, name) for name in request_.__struct_fields__} | {"room": "@ann,olga"}
        assert code(tea.rig.ask(tea.olga, type(request_)(**values))) == "not_allowed"
        assert code(tea.rig.ask(tea.bob, type(request_)(**values))) == "no_such_room"


def test_a_kick_puts_out_and_lets_in_again() -> None:
    tea = Tea()
    tea.rig.ask(tea.ann, Kick(room="tea", nick="Bob", reason="noise\x1b[2J"))
    left = tea.rig.last(tea.bob, Left)
    assert (left.room, left.by, left.reason, left.banned_until) == ("tea", "ann", "noise[2J", None)
    assert tea.rig.last(tea.olga, Changed).what == "kick"
    assert not tea.rig.heard(tea.bob, Changed)
    assert code(tea.rig.ask(tea.ann, Kick(room="tea", nick="bob"))) == "no_such_person"
    tea.rig.ask(tea.bob, Join(room="tea"))
    tea.rig.last(tea.bob, Joined)


def test_who_is_banned_may_not_enter_read_search_or_look() -> None:
    tea = Tea()
    tea.rig.ask(tea.bob, Say(room="tea", body="findable"))
    tea.rig.ask(tea.ann, Ban(room="tea", nick="bob"))
    assert tea.rig.last(tea.bob, Left).banned_until == 0
    for request in (Join(room="tea"), History(room="tea"), Who(room="tea"), Search(query="findable", room="tea")):
        assert code(tea.rig.ask(tea.bob, request)) == "banned"
    (page,) = tea.rig.ask(tea.bob, Search(query="findable"))
    assert page.messages == []  # type: ignore[attr-defined]
    (page,) = tea.rig.ask(tea.ann, Search(query="findable"))
    assert len(page.messages) == 1  # type: ignore[attr-defined]


def test_guests_are_kept_out_with_their_address_and_let_in_with_it() -> None:
    tea = Tea()
    beside = tea.another("beside")
    tea.rig.ask(beside, Join(room="tea"))
    tea.rig.ask(tea.ann, Ban(room="tea", nick="bob"))
    assert tea.rig.heard(beside, Left), "it may well be the same one"
    assert code(tea.rig.ask(tea.another(), Join(room="tea"))) == "banned"
    far = tea.another("far", "192.0.2.8")
    tea.rig.ask(far, Join(room="tea"))
    assert tea.rig.last(far, Joined).room == "tea"
    owner = tea.rig.owner("cleo", address="192.0.2.7")
    tea.rig.ask(owner, Join(room="tea"))
    assert tea.rig.last(owner, Joined).room == "tea", "who owns a nick is not meant"
    listed = tea.rig.ask(tea.ann, Sanctions(room="tea"))[0]
    assert isinstance(listed, SanctionList)
    assert {one.target[0] for one in listed.sanctions} == {"~"}, "where it comes from is for operators"
    tea.rig.ask(tea.ann, Unban(room="tea", nick="BOB"))
    tea.rig.ask(tea.bob, Join(room="tea"))
    assert tea.rig.last(tea.bob, Joined).room == "tea"
    assert code(tea.rig.ask(tea.ann, Unban(room="tea", nick="bob"))) == "no_such_person"


def test_a_ban_of_one_guest_of_this_machine_is_not_one_of_all() -> None:
    tea = Tea()
    here = tea.rig.connect("here", local=True, address="127.0.0.1")
    tea.rig.ask(here, Join(room="tea"))
    tea.rig.ask(tea.ann, Ban(room="tea", nick="here"))
    other = tea.rig.connect("other", local=True, address="127.0.0.1")
    tea.rig.ask(other, Join(room="tea"))
    assert tea.rig.last(other, Joined).room == "tea"


@pytest.mark.parametrize(
    ("what", "request_"), [(Ban, Join(room="tea")), (Mute, Say(room="tea", body="x"))], ids=["ban", "mute"]
)
def test_a_sanction_for_a_time_is_over_then_whatever_the_clock_did_before(
    what: type[Ban] | type[Mute], request_: Request
) -> None:
    tea = Tea()
    tea.rig.ask(tea.ann, what(room="tea", nick="bob", seconds=60))
    refused = tea.rig.ask(tea.bob, request_)[0]
    assert isinstance(refused, Refused)
    assert refused.wait == 60
    tea.rig.wall -= 1000
    assert code(tea.rig.ask(tea.bob, request_)) in ("banned", "muted"), "it lasts until the time that was told"
    tea.rig.wall += 1059
    assert code(tea.rig.ask(tea.bob, request_)) in ("banned", "muted")
    tea.rig.wall += 1
    tea.rig.forget()
    tea.rig.ask(tea.bob, request_)
    assert not tea.rig.heard(tea.bob, Refused)


def test_the_muted_read_and_do_not_speak() -> None:
    tea = Tea()
    tea.rig.ask(tea.ann, Mute(room="tea", nick="bob", reason="quiet"))
    refused = tea.rig.ask(tea.bob, Say(room="tea", body="x"))[0]
    assert isinstance(refused, Refused)
    assert (refused.code, refused.wait, "quiet" in refused.text) == ("muted", None, True)
    tea.rig.ask(tea.ann, Say(room="tea", body="y"))
    assert tea.rig.last(tea.bob, Message).body == "y"
    again = tea.another()
    tea.rig.ask(again, Join(room="tea"))
    assert tea.rig.last(again, Joined).muted_until == 0
    tea.rig.ask(tea.ann, Unmute(room="tea", nick="bob"))
    tea.rig.ask(tea.bob, Say(room="tea", body="z"))
    assert tea.rig.last(tea.ann, Message).body == "z"


def test_only_an_operator_stands_above_a_moderator_and_nobody_above_an_operator() -> None:
    tea = Tea()
    bea = tea.rig.owner("bea")
    tea.rig.ask(tea.ann, Op(room="tea", nick="bea"))
    tea.rig.ask(bea, Join(room="tea"))
    for request in (Kick(room="tea", nick="ann"), Ban(room="tea", nick="ann"), Mute(room="tea", nick="olga")):
        assert code(tea.rig.ask(bea, request)) == "not_allowed"
    tea.rig.ask(tea.olga, Mute(room="tea", nick="bea"))
    assert code(tea.rig.ask(bea, Say(room="tea", body="x"))) == "muted", "it holds for a moderator, too"
    tea.rig.ask(tea.olga, Ban(room="tea", nick="bea"))
    assert code(tea.rig.ask(bea, Join(room="tea"))) == "banned"
    assert code(tea.rig.ask(bea, Unban(room="tea", nick="bea"))) == "banned"


def test_who_logs_in_where_it_is_banned_is_put_out() -> None:
    tea = Tea()
    cleo = tea.rig.owner("cleo")
    tea.rig.ask(tea.ann, Ban(room="tea", nick="cleo"))
    tea.rig.leave(cleo)
    other = tea.rig.connect("other", address="192.0.2.99")
    tea.rig.ask(other, Join(room="tea"))
    tea.rig.ask(other, Login(nick="cleo", password="password of cleo"))
    assert tea.rig.last(other, Left).room == "tea"
    assert code(tea.rig.ask(other, Say(room="tea", body="x"))) == "not_in_room"


def test_a_moderator_is_made_and_unmade() -> None:
    tea = Tea()
    bea = tea.rig.owner("bea")
    assert code(tea.rig.ask(tea.ann, Op(room="tea", nick="bob"))) == "no_such_person"
    tea.rig.ask(tea.ann, Op(room="tea", nick="bea"))
    tea.rig.ask(bea, Topic(room="tea", text="by bea\x07"))
    assert tea.rig.last(tea.bob, Changed).value == "by bea"
    tea.rig.ask(tea.ann, Deop(room="tea", nick="bea"))
    assert code(tea.rig.ask(bea, Topic(room="tea", text="again"))) == "not_allowed"


def test_in_slow_mode_everybody_speaks_once_in_a_while_but_moderators() -> None:
    tea = Tea()
    tea.rig.ask(tea.ann, Slow(room="tea", seconds=10))
    tea.rig.ask(tea.bob, Say(room="tea", body="1"))
    tea.rig.steady += 4
    refused = tea.rig.ask(tea.bob, Say(room="tea", body="2"))[0]
    assert isinstance(refused, Refused)
    assert (refused.code, refused.wait) == ("slow", 6)
    for _ in range(3):
        tea.rig.ask(tea.ann, Say(room="tea", body="a"))
    assert not tea.rig.heard(tea.ann, Refused)
    tea.rig.steady += 6
    tea.rig.ask(tea.bob, Say(room="tea", body="3"))
    tea.rig.ask(tea.ann, Slow(room="tea", seconds=0))
    tea.rig.ask(tea.bob, Say(room="tea", body="4"))
    assert [one.entry.body for one in tea.rig.store.messages] == ["1", "a", "a", "a", "3", "4"]


@pytest.mark.parametrize(
    "request_",
    [Slow(room="tea", seconds=-1), Slow(room="tea", seconds=1e9), Ban(room="tea", nick="bob", seconds=0),
     Mute(room="tea", nick="bob", seconds=1e300)],
    ids=range(4),
)  # fmt: skip
def test_seconds_that_cannot_be_are_refused(request_: Request) -> None:
    tea = Tea()
    assert code(tea.rig.ask(tea.ann, request_)) == "bad_value"


@pytest.mark.parametrize("nick", ["nobody", "", "x" * 5000], ids=["unknown", "empty", "long"])
def test_nobody_of_that_name_can_be_moderated(nick: str) -> None:
    tea = Tea()
    assert code(tea.rig.ask(tea.ann, Ban(room="tea", nick=nick))) == "no_such_person"


def test_the_message_of_the_day_is_clean_and_told_to_all() -> None:
    tea = Tea()
    tea.rig.ask(tea.olga, Motd(text="hello\x1b]0;x\x07\nworld\u202e\n"))
    assert tea.rig.last(tea.bob, Changed).value == "hello]0;x\nworld"
    assert tea.rig.last(tea.another(), Welcome).motd == "hello]0;x\nworld"


def test_what_was_done_is_told_to_moderators_of_the_room_and_everything_to_operators() -> None:
    tea = Tea()
    tea.rig.ask(tea.ann, Mute(room="tea", nick="bob"))
    tea.rig.ask(tea.ann, Audit(room="tea"))
    assert {row.what for row in tea.rig.last(tea.ann, AuditPage).rows} == {"open", "mute"}
    assert code(tea.rig.ask(tea.ann, Audit())) == "not_allowed"
    tea.rig.ask(tea.olga, Audit())
    assert "register" in {row.what for row in tea.rig.last(tea.olga, AuditPage).rows}


def test_a_room_has_only_so_many_sanctions_and_forgets_those_that_are_over() -> None:
    tea = Tea()
    room = tea.rig.chat.world.rooms["tea"]
    tea.rig.ask(tea.ann, Mute(room="tea", nick="bob", seconds=10))
    (record,) = [one for one in room.sanctions.values() if one.target.startswith("~")]
    for number in range(MOST_SANCTIONS):
        room.sanctions["ban", f"~{number}"] = record
    tea.another("other", "192.0.2.8")
    assert code(tea.rig.ask(tea.ann, Ban(room="tea", nick="other"))) == "too_many_sanctions"
    tea.rig.wall += 10
    tea.rig.forget()
    tea.rig.ask(tea.ann, Ban(room="tea", nick="other"))
    tea.rig.last(tea.ann, Done)
    assert len(room.sanctions) == 2


@pytest.mark.parametrize(("why", "expected"), [("failed", "storage"), ("unknown", "unknown")])
def test_what_the_log_refuses_is_told(why: str, expected: str) -> None:
    tea = Tea()
    tea.rig.is_prompt = False
    tea.rig.ask(tea.ann, Topic(room="tea", text="x"))
    tea.rig.feed(Applied([Outcome(tea.rig.proposed.popleft(), why=why)]))
    assert tea.rig.last(tea.ann, Refused).code == expected
    tea.rig.feed(Applied([Outcome(TopicSet(id="t", time=0.0, room="tea", text="x"), why=why)]))
    assert tea.rig.chat.world.rooms["tea"].topic == ""


def test_what_is_not_stored_is_not_carried_out() -> None:
    tea = Tea()
    tea.rig.store.failing = "the disk is full"
    assert code(tea.rig.ask(tea.ann, Ban(room="tea", nick="bob"))) == "storage"
    assert not tea.rig.heard(tea.bob, Left)
    tea.rig.store.failing = ""
    tea.rig.ask(tea.ann, Who(room="tea"))
    assert tea.rig.last(tea.ann, Members).count == 3


@pytest.mark.parametrize(
    ("address", "group"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1:2:3", "2001:db8::/64"), ("::ffff:192.0.2.1", "192.0.2.1"),
     ("fe80::1%eth0", "fe80::/64"), ("unix", "unix")],
)  # fmt: skip
def test_a_household_is_one_address(address: str, group: str) -> None:
    assert address_group(address) == group


def test_a_role_is_that_of_the_room_but_for_operators() -> None:
    tea = Tea()
    world = tea.rig.chat.world
    roles = [role_of(world, world.rooms["tea"], Person(id, id)) for id in ("ann", "olga", "~x")]
    assert roles == ["op", "operator", ""]


def test_what_had_been_decided_before_is_answered_and_not_carried_out_again() -> None:
    tea = Tea()
    tea.rig.is_prompt = False
    tea.rig.ask(tea.ann, Topic(room="tea", text="x", ref=5))
    tea.rig.feed(Applied([Outcome(tea.rig.proposed.popleft(), why="duplicate")]))
    assert tea.rig.last(tea.ann, Done).ref == 5
    assert not tea.rig.heard(tea.bob, Changed)


def test_a_ban_on_an_address_is_for_the_guests_from_there() -> None:
    tea = Tea()
    owner, guest = tea.rig.owner("cleo", address="192.0.2.7"), tea.another()
    for session in (owner, guest):
        tea.rig.ask(session, Join(room="tea"))
    address = "address:192.0.2.7"
    tea.rig.feed(Applied([Outcome(SanctionSet(id="s", time=0.0, what="mute", room="tea", target=address, nick="bob"))]))
    assert not tea.rig.heard(guest, Left)
    tea.rig.feed(Applied([Outcome(SanctionSet(id="t", time=0.0, what="ban", room="tea", target=address, nick="bob"))]))
    assert [bool(tea.rig.heard(session, Left)) for session in (tea.bob, guest, owner, tea.ann)] == [
        True, True, False, False,
    ]  # fmt: skip


def test_who_registers_takes_along_what_keeps_it_silent() -> None:
    tea = Tea()
    local = tea.rig.connect("dora", local=True)
    tea.rig.ask(local, Join(room="tea"))
    tea.rig.ask(tea.ann, Mute(room="tea", nick="dora", seconds=60, reason="loud"))
    tea.rig.ask(local, Register(password="long enough"))
    assert code(tea.rig.ask(local, Say(room="tea", body="x"))) == "muted"
    tea.rig.ask(tea.ann, Sanctions(room="tea"))
    listed = [(one.kind, one.target, one.nick, one.by) for one in tea.rig.last(tea.ann, SanctionList).sanctions]
    assert ("mute", "dora", "dora", "ann") in listed


def test_who_is_away_can_be_banned_too() -> None:
    tea = Tea()
    cleo = tea.rig.owner("cleo")
    tea.rig.leave(cleo)
    tea.rig.ask(tea.ann, Ban(room="tea", nick="cleo"))
    assert [target for _, target in tea.rig.chat.world.rooms["tea"].sanctions] == ["cleo"]
    assert code(tea.rig.ask(tea.rig.owner("cleo"), Join(room="tea"))) == "banned"
