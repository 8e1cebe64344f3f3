"""Owning a nick: register, login, passwords, and bots; and what nobody may get that way."""

from __future__ import annotations

import pytest

from landline.chat.accounts import MOST_BOTS
from landline.chat.bounds import Bounds
from landline.chat.effects import Applied, Asked, Checked, HashPassword, NotTaken, Now
from landline.chat.entries import AccountMade, Outcome, SecretSet, encode_entry
from landline.chat.notices import Account, Announcement, BotToken, Bye, Done, Notice, Refused, Renamed, Welcome
from landline.chat.wire import Bot, Hello, Join, Login, Logout, Nick, Password, Register, Request, Say, Unbot
from tests.chat.corerig import EASY, Rig

SECRET = "password of ann"


def code(notices: list[Notice]) -> str:
    """The code of the one refusal among these."""
    (refused,) = [notice for notice in notices if isinstance(notice, Refused)]
    return refused.code


def test_who_registers_owns_the_nick_and_a_token_brings_it_back() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    account = rig.last(ann, Account)
    assert (account.id, account.account, account.nick) == ("ann", "ann", "ann")
    back = rig.connect(token=account.token)
    assert rig.last(back, Welcome).account == "ann"


@pytest.mark.parametrize(
    "request_",
    [Register(password=SECRET), Login(nick="ann", password=SECRET), Password(old=SECRET, new="another secret")],
    ids=lambda one: type(one).__name__,
)
def test_passwords_do_not_travel_where_others_listen(request_: Request) -> None:
    rig = Rig()
    assert code(rig.ask(rig.connect("ann", secure=False), request_)) == "not_secure"


def test_the_token_of_an_account_does_not_travel_where_others_listen() -> None:
    rig = Rig()
    token = rig.last(rig.owner("ann"), Account).token
    session = rig.call(secure=False)
    assert code(rig.ask(session, Hello(token=token))) == "not_secure"


@pytest.mark.parametrize(
    ("password", "is_right"), [("short", False), ("x" * 257, False), ("\ud800" * 8, True)], ids=range(3)
)
def test_a_password_has_a_least_and_a_most_length(password: str, is_right: bool) -> None:
    rig = Rig()
    ann = rig.connect("ann")
    notices = rig.ask(ann, Register(password=password))
    assert bool(rig.heard(ann, Account)) is is_right
    assert is_right or code(notices) == "bad_password"


def test_only_a_chosen_nick_of_ones_own_can_be_registered() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    assert code(rig.ask(ann, Register(password=SECRET))) == "taken"
    assert code(rig.ask(rig.connect(), Register(password=SECRET))) == "bad_name"


@pytest.mark.parametrize(
    ("nick", "password"), [("ann", "wrong password"), ("nobody", SECRET), ("!", SECRET), ("ticker", "")]
)
def test_a_wrong_password_and_an_unknown_nick_sound_the_same(nick: str, password: str) -> None:
    rig = Rig()
    rig.ask(rig.owner("ann"), Bot(name="ticker"))
    refused = [
        one for one in rig.ask(rig.connect("eve"), Login(nick=nick, password=password)) if isinstance(one, Refused)
    ]
    assert [(one.code, one.text) for one in refused] == [("wrong_password", "nick and password do not belong together")]


def test_passwords_are_guessed_slowly_from_one_address_and_for_one_account() -> None:
    slow = {name: getattr(EASY, name) for name in EASY.__slots__} | {"guess_burst": 2, "guess_rate": 0.1}
    rig = Rig(bounds=Bounds(**slow))
    rig.owner("ann", address="192.0.2.9")
    one = rig.connect("eve", address="192.0.2.1")
    for _ in range(2):
        assert code(rig.ask(one, Login(nick="nobody", password="guess"))) == "wrong_password"
    assert code(rig.ask(one, Login(nick="ann", password=SECRET))) == "too_fast"
    two, three = rig.connect("eva", address="192.0.2.2"), rig.connect("evi", address="192.0.2.3")
    assert code(rig.ask(two, Login(nick="ann", password="guess"))) == "wrong_password"
    assert code(rig.ask(three, Login(nick="Ann", password="guess"))) == "too_fast", "registering was the first for ann"
    rig.steady += 30
    rig.ask(three, Login(nick="ann", password=SECRET))
    assert rig.last(three, Account).account == "ann"


def test_another_password_ends_the_tokens_of_before() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    old = rig.last(ann, Account).token
    assert code(rig.ask(ann, Password(old="wrong password", new="another secret"))) == "wrong_password"
    assert code(rig.ask(ann, Password(old=SECRET, new="short"))) == "bad_password"
    rig.ask(ann, Password(old=SECRET, new="another secret"))
    new = rig.last(ann, Account).token
    assert code(rig.ask(rig.call(), Hello(token=old))) == "bad_token"
    assert rig.last(rig.connect(token=new), Welcome).account == "ann"
    assert code(rig.ask(rig.connect("eve"), Login(nick="ann", password=SECRET))) == "wrong_password"
    assert code(rig.ask(rig.connect("eva"), Password(old=SECRET, new="another secret"))) == "not_logged_in"


def test_the_name_of_an_operator_is_registered_on_the_machine_alone() -> None:
    rig = Rig(operators=("olga",))
    assert code(rig.ask(rig.connect("Olga"), Register(password=SECRET))) == "not_allowed"
    ann = rig.owner("ann")
    assert code(rig.ask(ann, Bot(name="olga"))) == "not_allowed", "a bot of that name would be an operator"
    rig.leave(1)
    olga = rig.owner("olga", local=True)
    assert rig.last(olga, Account).is_operator


def test_a_nick_that_changes_while_a_password_is_hashed_is_not_registered() -> None:
    rig = Rig(operators=("olga",))
    one = rig.connect("eve")
    two = rig.connect(token=rig.last(one, Welcome).token)
    (effect,) = rig.chat.handle(Asked(one, Register(password=SECRET), rig.draw()), Now(rig.wall, rig.steady))
    assert isinstance(effect, HashPassword)
    rig.ask(two, Nick(nick="olga"))
    rig.feed(Checked(effect.ticket, secret="s"))
    assert rig.last(one, Refused).code == "nick_taken"
    assert not rig.chat.world.directory.accounts
    assert rig.ask(one, Say(room="nowhere", body="x")), "nothing holds it up any more"


def test_a_bot_has_a_token_that_nothing_kept_tells() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Bot(name="Ticker"))
    token = rig.last(ann, BotToken).token
    secret = token.rpartition(".")[2]
    proposed = [effect.entry for effect in rig.effects if hasattr(effect, "entry")]
    assert isinstance(proposed[-1], AccountMade)
    assert not any(secret.encode() in encode_entry(entry) for entry in proposed)
    bot = rig.connect(token=token)
    welcome = rig.last(bot, Welcome)
    assert (welcome.id, welcome.nick, welcome.token) == ("ticker", "Ticker", "")
    rig.ask(bot, Join(room="tea"))
    rig.ask(bot, Say(room="tea", body="tick"))
    assert rig.store.messages[-1].entry.is_bot


def test_another_token_or_none_ends_the_sessions_of_a_bot() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Bot(name="ticker"))
    first = rig.last(ann, BotToken).token
    bot = rig.connect(token=first)
    rig.ask(ann, Bot(name="ticker"))
    second = rig.last(ann, BotToken).token
    assert (rig.last(bot, Bye).code, rig.ended) == ("refused", {bot: "refused"})
    assert code(rig.ask(rig.call(), Hello(token=first))) == "bad_token"
    rig.connect(token=second)
    rig.ask(ann, Unbot(name="ticker"))
    rig.last(ann, Done)
    assert code(rig.ask(rig.call(), Hello(token=second))) == "bad_token"


def test_bots_belong_to_their_owner() -> None:
    rig = Rig()
    ann, bob, guest = rig.owner("ann"), rig.owner("bob"), rig.connect("guss")
    rig.ask(ann, Bot(name="ticker"))
    bot = rig.connect(token=rig.last(ann, BotToken).token)
    assert code(rig.ask(bob, Bot(name="ticker"))) == "taken"
    assert code(rig.ask(bob, Bot(name="Ticker"))) == "taken"
    assert code(rig.ask(bob, Unbot(name="ticker"))) == "no_such_person"
    assert code(rig.ask(bob, Unbot(name="ann"))) == "no_such_person"
    assert code(rig.ask(bob, Bot(name="guss"))) == "nick_taken"
    assert code(rig.ask(bob, Bot(name="!"))) == "bad_name"
    assert code(rig.ask(guest, Bot(name="mine"))) == "not_logged_in"
    assert code(rig.ask(bot, Bot(name="mine"))) == "not_logged_in"
    assert code(rig.ask(bot, Password(old=SECRET, new=SECRET))) == "not_logged_in"
    plain = rig.connect(token=rig.last(bob, Account).token)
    rig.chat.world.sessions[plain].is_secure = False
    assert code(rig.ask(plain, Bot(name="mine"))) == "not_secure"


def test_nobody_has_more_bots_than_there_may_be() -> None:
    rig = Rig(is_prompt=False)
    ann = rig.owner("ann")
    for number in range(MOST_BOTS + 5):
        rig.ask(ann, Bot(name=f"bot{number}"))
    rig.settle()
    assert len(rig.heard(ann, BotToken)) == MOST_BOTS
    assert {one.code for one in rig.heard(ann, Refused)} == {"too_many_bots"}


@pytest.mark.parametrize("request_", [Register(password=SECRET), Bot(name="ticker")], ids=["account", "bot"])
def test_what_was_not_stored_is_told_and_holds_nobody_up(request_: Request) -> None:
    rig = Rig()
    session = rig.connect("ann") if isinstance(request_, Register) else rig.owner("ann")
    rig.store.failing = "the disk is full"
    assert code(rig.ask(session, request_)) == "storage"
    rig.store.failing = ""
    rig.ask(session, request_)
    assert isinstance(rig.told[session][-1], Account | BotToken)


@pytest.mark.parametrize("kind", ["register", "bot"])
def test_who_is_second_in_the_log_hears_that_the_nick_is_taken(kind: str) -> None:
    rig = Rig(is_prompt=False)
    session = rig.connect("ann") if kind == "register" else rig.owner("ann")
    rig.ask(session, Register(password=SECRET) if kind == "register" else Bot(name="ticker"))
    nick = "ann" if kind == "register" else "ticker"
    rig.proposed.appendleft(AccountMade(id="other", time=1.0, account=nick, nick=nick, skeleton=nick, secret="s"))
    rig.settle()
    assert rig.last(session, Refused).code in ("taken", "nick_taken")


def test_a_guest_loses_its_nick_to_whom_it_was_made_the_own_of() -> None:
    rig = Rig(is_prompt=False)
    guest = rig.connect("ann")
    rig.proposed.append(AccountMade(id="other", time=1.0, account="ann", nick="ann", skeleton="ann", secret="s"))
    rig.settle()
    assert rig.last(guest, Renamed).nick.startswith("guest-")
    assert rig.last(guest, Announcement).code == "nick"


def test_a_password_that_cannot_be_stored_stays_as_it_was() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.is_prompt = False
    rig.ask(ann, Password(old=SECRET, new="another secret"))
    entry = rig.proposed.popleft()
    assert isinstance(entry, SecretSet)
    rig.feed(NotTaken(entry, "no"))
    assert rig.last(ann, Refused).code == "storage"
    rig.proposed.append(SecretSet(id="x", time=1.0, account="nobody", secret="s", generation=1))
    rig.settle()
    assert rig.chat.world.directory.accounts["ann"].generation == 0


def test_a_logout_makes_another_guest_of_one() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Logout())
    assert rig.last(ann, Account).id.startswith("~")
    assert code(rig.ask(ann, Logout())) == "not_logged_in"
    rig.ask(ann, Login(nick="ann", password=SECRET))
    rig.ask(ann, Login(nick="ann", password=SECRET))
    assert rig.last(ann, Account).id == "ann"


@pytest.mark.parametrize("which", ["password", "token"])
def test_a_secret_that_the_log_refuses_stays_as_it_was(which: str) -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.ask(ann, Bot(name="ticker"))
    rig.is_prompt = False
    rig.ask(ann, Password(old=SECRET, new="another secret") if which == "password" else Unbot(name="ticker"))
    rig.feed(Applied([Outcome(rig.proposed.popleft(), why="failed", detail="the disk is full")]))
    assert rig.last(ann, Refused).text == "not stored: the disk is full"
    assert all(account.generation == 0 for account in rig.chat.world.directory.accounts.values())


def test_a_password_that_was_changed_by_somebody_who_left_meanwhile_holds() -> None:
    rig = Rig()
    ann = rig.owner("ann")
    rig.is_prompt = False
    rig.ask(ann, Password(old=SECRET, new="another secret"))
    rig.leave(ann)
    rig.settle()
    assert rig.chat.world.directory.accounts["ann"].secret == "secret of another secret"
    assert rig.chat.world.directory.here == {}
