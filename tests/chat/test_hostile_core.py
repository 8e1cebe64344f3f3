"""What a stranger who means it ill tries on the core, and what comes of it."""

from __future__ import annotations

import sys

import pytest

from landline.chat.bounds import Bounds
from landline.chat.effects import Overflowed, Propose
from landline.chat.entries import AccountMade
from landline.chat.names import account_of
from landline.chat.notices import Account, BotToken, Joined, Lagged, Left, Message, Page, Refused, Renamed, Welcome
from landline.chat.proofs import account_of_token, account_token, guest_of, guest_token
from landline.chat.wire import (
    Ban,
    Bot,
    History,
    Join,
    Login,
    Logout,
    Msg,
    Mute,
    Nick,
    Register,
    Request,
    Resume,
    Say,
    Search,
    Typing,
    Who,
)
from landline.chat.world import World
from tests.chat.corerig import GENESIS, Rig


def moderated(rig: Rig) -> int:
    """A session of an account that has opened the room `dev`."""
    owner = rig.owner("olga")
    rig.ask(owner, Join(room="dev"))
    return owner


def test_no_bot_can_be_an_operator() -> None:
    rig = Rig(operators=("root1",))
    mallory = rig.owner("mallory")
    (refused,) = rig.ask(mallory, Bot(name="Root1"))
    assert isinstance(refused, Refused) and refused.code == "not_allowed"
    assert "root1" not in rig.chat.world.directory.accounts


def test_a_bot_that_was_made_before_its_name_was_an_operators_is_none() -> None:
    rig = Rig()
    (made,) = rig.ask(rig.owner("mallory"), Bot(name="olga"))
    assert isinstance(made, BotToken)
    later = Rig(operators=("olga",), store=rig.store)
    session = later.connect(token=made.token)
    assert later.last(session, Welcome).account == "olga" and not later.last(session, Welcome).is_operator


def test_the_secret_of_a_bot_stands_in_no_entry() -> None:
    rig = Rig()
    (made,) = rig.ask(rig.owner("anna"), Bot(name="helper"))
    assert isinstance(made, BotToken)
    secret = made.token.rpartition(".")[2]
    entries = [one.entry for one in rig.effects if isinstance(one, Propose)]
    assert any(isinstance(entry, AccountMade) and entry.bot_of for entry in entries)
    assert all(secret not in repr(entry) for entry in entries)


@pytest.mark.parametrize(
    "request_of",
    [lambda text: Msg(to=text, body="hello"), lambda text: Nick(nick=text), lambda text: Join(room=text),
     lambda text: Login(nick=text, password="password")],
    ids=["msg", "nick", "join", "login"],
)  # fmt: skip
def test_nobody_looks_at_endless_names(request_of: object, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def watched(name: str) -> str:
        seen.append(len(name))
        return account_of(name)

    for module in ("world", "names", "accounts"):
        monkeypatch.setattr(f"landline.chat.{module}.account_of", watched)
    rig = Rig()
    request = request_of("\u0344\u0345" * 10_000)  # type: ignore[operator]
    assert isinstance(rig.ask(rig.connect("anna"), request)[-1], Refused)
    assert max(seen, default=0) <= 128


def test_what_comes_too_fast_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(bounds=Bounds(session_burst=1))
    anna = rig.connect("anna")
    rig.ask(anna, Join(room="lobby"))
    rig.ask(anna, Say(room="lobby", body="hello"))
    monkeypatch.setattr("landline.chat.saying.clean_body", lambda text: pytest.fail("it was looked at"))
    (refused,) = rig.ask(anna, Say(room="lobby", body="\ufdfa" * 20_000))
    assert isinstance(refused, Refused) and refused.code == "too_fast"


def test_another_nick_counts_as_something_said() -> None:
    rig = Rig(bounds=Bounds(session_burst=3))
    anna, bob = rig.connect("anna"), rig.connect("bob")
    for session in (anna, bob):
        rig.ask(session, Join(room="lobby"))
    answers = [rig.ask(anna, Nick(nick=f"anna{number}"))[-1] for number in range(5)]
    assert [type(one) for one in answers] == [Account] * 3 + [Refused] * 2
    assert len(rig.heard(bob, Renamed)) == 3


def test_one_session_cannot_fill_the_queue_of_searches() -> None:
    rig = Rig(is_prompt=False)
    anna = rig.connect("anna")
    answers = [notice for _ in range(20) for notice in rig.ask(anna, Search(query="hello"))]
    assert {one.code for one in answers if isinstance(one, Refused)} == {"too_fast"}
    assert len(rig.asked) == 8
    rig.settle()
    assert not [one for one in rig.ask(anna, Search(query="hello")) if isinstance(one, Refused)]


def test_the_memory_of_all_rooms_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landline.chat.world.MOST_TAIL_BYTES", 50_000)
    rig = Rig()
    anna = rig.connect("anna")
    for number in range(40):
        rig.ask(anna, Join(room=f"room{number % 4}"))
        rig.ask(anna, Say(room=f"room{number % 4}", body="\U0001f600" + "x" * 4000))
    tails = [room.tail for room in rig.chat.world.rooms.values()]
    assert 0 < sum(sys.getsizeof(message.body) for tail in tails for message in tail) <= 50_000
    bob = rig.connect("bob")
    epoch = rig.last(bob, Welcome).epoch
    told = rig.ask(bob, Resume(room="room0", epoch=epoch, seq=0))
    assert [message.seq for page in told if isinstance(page, Page) for message in page.messages] == list(range(1, 11))


class TestWhoWasPutOut:
    def test_a_banned_account_does_not_come_in_as_a_guest_and_logs_in(self) -> None:
        rig = Rig()
        olga, mallory = moderated(rig), rig.owner("mallory", address="203.0.113.1")
        rig.ask(olga, Ban(room="dev", nick="mallory", reason="rude"))
        again = rig.connect(address="203.0.113.2")
        rig.ask(again, Join(room="dev"))
        told = rig.ask(again, Login(nick="mallory", password="password of mallory"))
        (left,) = [one for one in told if isinstance(one, Left)]
        assert (left.room, left.by, left.reason) == ("dev", "olga", "rude")
        assert again not in rig.chat.world.rooms["dev"].sessions and mallory

    @pytest.mark.parametrize("what", [Ban, Mute])
    def test_who_logs_out_is_kept_out_with_its_address(self, what: type[Ban] | type[Mute]) -> None:
        rig = Rig()
        olga, mallory = moderated(rig), rig.owner("mallory", address="203.0.113.1")
        bob = rig.owner("bob", address="203.0.113.1")
        rig.ask(mallory, Join(room="dev"))
        rig.ask(olga, what(room="dev", nick="mallory"))
        rig.ask(mallory, Logout())
        told = [*rig.ask(mallory, Join(room="dev")), *rig.ask(mallory, Say(room="dev", body="again"))]
        assert {one.code for one in told if isinstance(one, Refused)} <= {"banned", "muted", "not_in_room"}
        assert not rig.heard(olga, Message)
        rig.ask(bob, Join(room="dev"))
        assert rig.last(bob, Joined).muted_until is None, "an account there was already has its own ways"

    @pytest.mark.parametrize("what", [Ban, Mute])
    def test_who_registers_takes_it_along(self, what: type[Ban] | type[Mute]) -> None:
        rig = Rig()
        olga, mallory = moderated(rig), rig.connect("mallory", address="203.0.113.1")
        rig.ask(mallory, Join(room="dev"))
        rig.ask(olga, what(room="dev", nick="mallory"))
        rig.ask(mallory, Register(password="a password"))
        elsewhere = rig.connect(address="203.0.113.9", token=rig.last(mallory, Account).token)
        rig.ask(elsewhere, Join(room="dev"))
        rig.ask(elsewhere, Say(room="dev", body="again"))
        assert rig.last(elsewhere, Refused).code in ("banned", "muted", "not_in_room")
        assert not rig.heard(olga, Message)

    @pytest.mark.parametrize("name", ["dev", "#dev", "DEV", "\uff44\uff45\uff56", "D\u0065v"])
    def test_a_room_has_no_second_name(self, name: str) -> None:
        rig = Rig()
        olga, mallory = moderated(rig), rig.owner("mallory")
        rig.ask(olga, Ban(room="dev", nick="mallory"))
        for request in (Join(room=name), Resume(room=name, epoch=GENESIS.epoch, seq=0), Say(room=name, body="x"),
                        History(room=name), Search(query="hello", room=name), Who(room=name)):  # fmt: skip
            answers = rig.ask(mallory, request)
            assert [type(one) for one in answers] == [Refused], request
        rig.ask(mallory, Typing(room=name))
        assert mallory not in rig.chat.world.rooms["dev"].sessions

    def test_who_is_banned_somewhere_still_finds_its_own_conversations(self) -> None:
        rig = Rig()
        olga, mallory = moderated(rig), rig.owner("mallory")
        rig.ask(olga, Say(room="dev", body="secret word"))
        rig.ask(olga, Msg(to="mallory", body="a word with you"))
        rig.ask(olga, Ban(room="dev", nick="mallory"))
        rig.ask(mallory, Search(query="word"))
        assert [message.body for message in rig.last(mallory, Page).messages] == ["a word with you"]


@pytest.mark.parametrize(
    "request_for",
    [lambda room: History(room=room), lambda room: Search(query="hello", room=room),
     lambda room: Say(room=room, body="x"), lambda room: Resume(room=room, epoch=GENESIS.epoch, seq=0),
     lambda room: Who(room=room), lambda room: Join(room=room)],
    ids=["history", "search", "say", "resume", "who", "join"],
)  # fmt: skip
def test_the_conversations_of_others_are_not_there(request_for: object) -> None:
    rig = Rig()
    anna, bob, eve = (rig.owner(nick) for nick in ("anna", "bob", "eve"))
    rig.ask(anna, Msg(to="bob", body="hello"))
    rig.forget()
    for room in ("@anna,bob", "@ANNA,BOB", "@bob,anna"):
        request: Request = request_for(room)  # type: ignore[operator]
        assert [type(one) for one in rig.ask(eve, request)] == [Refused]
    rig.ask(eve, Typing(room="@anna,bob"))
    assert not rig.told[anna] and not rig.told[bob]


def test_lagged_says_behind_which_message_to_resume() -> None:
    rig = Rig()
    anna = rig.connect("anna")
    rig.ask(anna, Join(room="lobby"))
    for _ in range(5):
        rig.ask(anna, Say(room="lobby", body="x"))
    rig.feed(Overflowed(anna, {"lobby": 3}))
    lagged = rig.last(anna, Lagged)
    bob = rig.connect("bob")
    told = rig.ask(bob, Resume(room="lobby", epoch=lagged.epoch, seq=lagged.rooms["lobby"]))
    assert [message.seq for page in told if isinstance(page, Page) for message in page.messages] == [3, 4, 5]


def test_tokens_cannot_be_made_nor_mistaken() -> None:
    rig = Rig()
    rig.owner("anna")
    world: World = rig.chat.world
    accounts = world.directory.accounts
    token, guest = account_token(world.key, accounts["anna"], 0.0), guest_token(world.key, "~aaaaaaaaaaaa", 0.0)
    other = account_token(b"k" * 32, accounts["anna"], 0.0)
    tries = [other, guest, f"a{guest[1:]}", f"{token}0", token.upper(), token.replace(".0.", ".1.", 1), "a...", "bot..",
             *(token[:length] for length in range(len(token)))]  # fmt: skip
    assert account_of_token(world.key, token, 0.0, accounts) is accounts["anna"]
    assert [one for one in tries if account_of_token(world.key, one, 0.0, accounts) is not None] == []
    assert guest_of(world.key, guest, 0.0) == "~aaaaaaaaaaaa"
    assert guest_of(world.key, token, 0.0) is None and guest_of(world.key, f"g{token[1:]}", 0.0) is None
